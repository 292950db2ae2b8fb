"""RESIRE: tomographic reconstruction in real space."""

from aet_port.resire.angles import AngleRefinement, refine_angles
from aet_port.resire.grid import Grid, make_grid
from aet_port.resire.reconstruction import Parameters, Reconstruction, r_factors, reconstruct

__all__ = [
    "AngleRefinement",
    "Grid",
    "Parameters",
    "Reconstruction",
    "make_grid",
    "r_factors",
    "reconstruct",
    "refine_angles",
]
