from .from_volume import AngleRefinement as AngleRefinement
from .from_volume import refine_angles as refine_angles

__all__ = ["AngleRefinement", "refine_angles"]
