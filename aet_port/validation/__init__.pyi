from .atomic_shells import atomic_shell_correlation
from .calibration import Calibration, ZScores, assess_calibration
from .estimated_recall import RecallEstimate, estimate_recall
from .evaluation import Evaluation, evaluate
from .fourier_shell import (
    FourierShells,
    fourier_shell_correlation,
    half_set_correlation,
    half_sets,
    half_volumes,
)
from .frame_search import Frame, find_frame
from .half_models import HalfModels, search_halves, split_counts
from .image_stability import PairStability, Stability, compare_views
from .matching import Matching, match_models
from .null_models import atoms_displaced, random_packing, species_shuffled
from .null_tests import NullTest, against_nulls
from .precision import Precision, score
from .probabilities import Reliability, reliability
from .random_packings import NullComparison
from .settings import ScoreSettings, StabilitySettings
from .soft_masks import soft_ball, soft_outline

__all__ = [
    "Calibration",
    "Evaluation",
    "FourierShells",
    "Frame",
    "HalfModels",
    "Matching",
    "NullComparison",
    "NullTest",
    "PairStability",
    "Precision",
    "RecallEstimate",
    "Reliability",
    "ScoreSettings",
    "Stability",
    "StabilitySettings",
    "ZScores",
    "against_nulls",
    "assess_calibration",
    "atomic_shell_correlation",
    "atoms_displaced",
    "compare_views",
    "estimate_recall",
    "evaluate",
    "find_frame",
    "fourier_shell_correlation",
    "half_set_correlation",
    "half_sets",
    "half_volumes",
    "match_models",
    "random_packing",
    "reliability",
    "score",
    "search_halves",
    "soft_ball",
    "soft_outline",
    "species_shuffled",
    "split_counts",
]
