from .linear import (
    project_atoms as project_atoms,
)
from .linear import (
    simulate_tilt_series as simulate_tilt_series,
)
from .linear import (
    tilt_angles as tilt_angles,
)
from .samples import amorphous_particle as amorphous_particle

__all__ = ["amorphous_particle", "project_atoms", "simulate_tilt_series", "tilt_angles"]
