"""Memory that a classification of species needs."""

from __future__ import annotations

from aet_port.tracing.intensities import sphere_offsets
from aet_port.tracing.settings import ClassifySettings

HISTOGRAM_THIRDS = 7  # radius of the spheres of which two Gaussians are fitted to the histogram
LESS = "smaller spheres (--thirds), --upsampling linear, or fewer atoms"


def needed_memory(n_voxels: int, n_atoms: int, settings: ClassifySettings) -> float:
    """Bytes of the values around all atoms, and of the splines of the volume.

    The values in cubes, and beside them those in spheres with what the comparison with a mean atom
    makes of them, or the splines. Pairs of neighbours are compared when they are known. Measured
    for 20,000 and 40,000 atoms, 3 to 9 thirds, the growth of the process is 1.00 to 1.05 of it.

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
    cube, ball = (2 * settings.thirds + 1) ** 3, _in_ball(settings.thirds)
    if settings.non_atoms == "kmeans":
        beside = 3 * ball
    elif settings.non_atoms == "gaussians":
        beside = ball + _in_ball(HISTOGRAM_THIRDS)
    else:
        beside = (2 if settings.radius else 1) * ball
    splines = 8.0 * n_voxels if settings.upsampling == "spline" else 0.0
    return 8.0 * n_atoms * cube + max(8.0 * n_atoms * beside, splines)


def _in_ball(thirds: int) -> int:
    return len(sphere_offsets(thirds)) if thirds else 1
