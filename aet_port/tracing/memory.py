"""Memory that a classification of species needs."""

from __future__ import annotations

from aet_port.tracing.intensities import sphere_offsets
from aet_port.tracing.settings import ClassifySettings

LESS = "smaller spheres (--thirds), --upsampling linear, or fewer atoms"


def needed_memory(n_voxels: int, n_atoms: int, settings: ClassifySettings) -> float:
    """Bytes of the values around all atoms, and of the splines of the volume.

    The values in cubes, those in their spheres, and what k-means and the comparison with a mean
    atom make of the latter. Measured for 20,000 to 60,000 atoms, 3 to 5 thirds, the growth of the
    process is MEASURED of it.

    Parameters
    ----------
    n_voxels
        Number of voxels of the volume.
    n_atoms
        Number of atoms.
    settings
        Those of the classification.

    Examples
    --------
    >>> from aet_port.tracing.settings import CLASSIFY
    >>> 1e8 < needed_memory(10**6, 18_356, CLASSIFY) < 1e9
    True
    """
    cube = (2 * settings.thirds + 1) ** 3
    ball = len(sphere_offsets(settings.thirds)) if settings.thirds else 1
    copies = 4 if settings.non_atoms == "kmeans" else 2
    splines = 8.0 * n_voxels if settings.upsampling == "spline" else 0.0
    return splines + 8.0 * n_atoms * (cube + copies * ball)
