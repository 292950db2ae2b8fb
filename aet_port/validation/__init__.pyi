from .fourier_shell import (
    FourierShells,
    fourier_shell_correlation,
    half_set_correlation,
    half_sets,
)
from .matching import Matching, match_models
from .precision import Precision, score

__all__ = [
    "FourierShells",
    "Matching",
    "Precision",
    "fourier_shell_correlation",
    "half_set_correlation",
    "half_sets",
    "match_models",
    "score",
]
