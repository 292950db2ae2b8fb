from .calibration import Calibration, ZScores, assess_calibration
from .evaluation import Evaluation, evaluate
from .fourier_shell import (
    FourierShells,
    fourier_shell_correlation,
    half_set_correlation,
    half_sets,
)
from .frame_search import Frame, find_frame
from .matching import Matching, match_models
from .precision import Precision, score
from .probabilities import Reliability, reliability
from .random_packings import NullComparison
from .settings import ScoreSettings

__all__ = [
    "Calibration",
    "Evaluation",
    "FourierShells",
    "Frame",
    "Matching",
    "NullComparison",
    "Precision",
    "Reliability",
    "ScoreSettings",
    "ZScores",
    "assess_calibration",
    "evaluate",
    "find_frame",
    "fourier_shell_correlation",
    "half_set_correlation",
    "half_sets",
    "match_models",
    "reliability",
    "score",
]
