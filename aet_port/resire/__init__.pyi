from .grid import Grid as Grid
from .grid import make_grid as make_grid
from .reconstruction import (
    Parameters as Parameters,
)
from .reconstruction import (
    Reconstruction as Reconstruction,
)
from .reconstruction import (
    r_factors as r_factors,
)
from .reconstruction import (
    reconstruct as reconstruct,
)

__all__ = ["Grid", "Parameters", "Reconstruction", "make_grid", "r_factors", "reconstruct"]
