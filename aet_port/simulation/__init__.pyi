from .alloys import amorphous_alloy
from .compositions import sample_of
from .films import amorphous_film
from .linear import (
    project_atoms,
    simulate_tilt_series,
    tilt_angles,
)
from .samples import amorphous_particle
from .silicon import amorphous_silicon

__all__ = [
    "amorphous_alloy",
    "amorphous_film",
    "amorphous_particle",
    "amorphous_silicon",
    "project_atoms",
    "sample_of",
    "simulate_tilt_series",
    "tilt_angles",
]
