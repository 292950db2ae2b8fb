from .grid import Grid, make_grid
from .reconstruction import (
    Reconstruction,
    r_factors,
    reconstruct,
)

__all__ = ["Grid", "Reconstruction", "make_grid", "r_factors", "reconstruct"]
