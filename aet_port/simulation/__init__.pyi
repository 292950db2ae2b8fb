from .linear import (
    project_atoms,
    simulate_tilt_series,
    tilt_angles,
)
from .samples import amorphous_particle

__all__ = ["amorphous_particle", "project_atoms", "simulate_tilt_series", "tilt_angles"]
