from .atomic_shells import atomic_shell_correlation
from .estimated_recall import RecallEstimate, estimate_recall
from .fourier_shell import (
    FourierShells,
    fourier_shell_correlation,
    half_set_correlation,
    half_sets,
)
from .half_models import HalfModels, search_halves, split_counts
from .matching import Matching, match_models
from .null_models import atoms_displaced, random_packing, species_shuffled
from .null_tests import NullTest, against_nulls
from .precision import Precision, score

__all__ = [
    "FourierShells",
    "HalfModels",
    "Matching",
    "NullTest",
    "Precision",
    "RecallEstimate",
    "against_nulls",
    "atomic_shell_correlation",
    "atoms_displaced",
    "estimate_recall",
    "fourier_shell_correlation",
    "half_set_correlation",
    "half_sets",
    "match_models",
    "random_packing",
    "score",
    "search_halves",
    "species_shuffled",
    "split_counts",
]
