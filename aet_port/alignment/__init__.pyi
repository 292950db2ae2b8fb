from .from_volume import AngleRefinement, refine_angles

__all__ = ["AngleRefinement", "refine_angles"]
