from .matching import Matching as Matching
from .matching import match_models as match_models
from .precision import Precision as Precision
from .precision import measure_precision as measure_precision

__all__ = ["Matching", "Precision", "match_models", "measure_precision"]
