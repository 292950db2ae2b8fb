from .matching import Matching, match_models
from .precision import Precision, score

__all__ = ["Matching", "Precision", "match_models", "score"]
