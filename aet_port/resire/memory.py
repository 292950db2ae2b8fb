"""Memory that a reconstruction needs."""

from __future__ import annotations

import math

from aet_port.resire import fourier_slice, real_space, single_axis
from aet_port.resire.grid import Grid
from aet_port.resire.settings import ReconstructSettings

LESS = "less --oversampling, fewer voxels along the beam (--n-z), binned or cropped images"


def needed_memory(grid: Grid, settings: ReconstructSettings, threads: int) -> float:
    """Bytes of volume, images and transforms of a reconstruction.

    Measured for 20 tilts of 100 to 256 pixels, oversampling 3, it is 0.75 to 1.2 of the growth of
    the process.
    """
    item = 8 if settings.precision == "double" else 4
    voxels = float(math.prod(grid.shape))
    pixels = len(grid.rotations) * float(math.prod(grid.detector))
    both = 2 * item * voxels  # the volume, and its copy in the order of axes of the result
    if settings.projector == "radon":
        return both + 8 * voxels + 3 * 8 * pixels
    if settings.projector == "real-space":
        return both + 3 * item * pixels + real_space.needed_memory(grid, item)
    if settings.precision.startswith("reference"):
        # The whole transform in single precision and its two parts in double.
        return both + 3 * 8 * pixels + 24 * float(math.prod(grid.padded))
    fast = single_axis if grid.single_axis else fourier_slice
    return both + 3 * item * pixels + fast.needed_memory(grid, item, threads)
