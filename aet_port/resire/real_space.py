"""Real-space projector for any Euler angles: every voxel is spread over the detector.

The method of the glass paper's later code for graphics cards, here on processor threads: each voxel
is shared by the samples around the point to which it projects, and the back-projection collects
with the same weights. A volume is held as (nx, nz, ny), y contiguous.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.parallel import chunks, map_threads
from aet_port.resire import spreading
from aet_port.resire.grid import Grid

FINE = 3  # samples a pixel on which voxels are spread
REACH = 20  # pixels on either side that the filter from samples to pixels uses
_PASSED, _STOPPED = 0.4 / FINE, 0.54 / FINE  # cycles per sample; pixels carry 0.5 / FINE
_PIECES = 16  # parts into which a forward projection is divided, whatever the number of threads


def _sharpening() -> NDArray[np.float64]:
    """Filter from samples to pixels that undoes the blur of the weights.

    Sharing voxels by cubic B-splines multiplies the transform of a projection by ``sinc(f)^4`` at
    the frequency f, in cycles per sample. The filter has, by least squares, the reciprocal at what
    pixels can carry and zero beyond; the product deviates from that by less than 3e-5.
    """
    half = FINE * REACH
    passed, stopped = np.linspace(0, _PASSED, 400), np.linspace(_STOPPED, 0.5, 400)
    blur = np.sinc(passed) ** 4
    wanted = np.concatenate([np.ones(400), np.zeros(400)])
    weights = np.concatenate([blur, np.ones(400)])
    waves = np.cos(2 * np.pi * np.outer(np.concatenate([passed, stopped]), np.arange(half + 1)))
    waves[:, 1:] *= 2
    found = np.linalg.lstsq(waves * weights[:, None], wanted, rcond=None)[0]
    kernel = FINE * np.concatenate([found[:0:-1], found])
    for phase in range(FINE):  # so that the sum over the pixels is exact
        kernel[phase::FINE] /= kernel[phase::FINE].sum()
    return np.asarray(kernel)


def _image_shape(grid: Grid, fine: int, margin: int) -> tuple[int, int, int]:
    columns, rows = (n + 2 * margin for n in grid.detector)
    return fine * columns, fine, rows


def needed_memory(grid: Grid, itemsize: int) -> float:
    """Bytes of the images of a projector for volumes with ``itemsize`` bytes a voxel."""
    n = len(grid.rotations)
    columns, fine, rows = _image_shape(grid, FINE, REACH + 2)
    return float(itemsize) * n * max(1, -(-_PIECES // n)) * columns * fine * rows


class RealSpaceProjector:
    """Forward projection of a volume (nx, nz, ny) and its transpose, for any Euler angles.

    Sample ``p`` of image k is ``sum_r V(r) w(p - R_k r)`` over the voxels r with the weights
    ``w(a, b) = beta(3 a) beta(3 b)`` of cubic B-splines on a grid of thirds of a pixel. A filter of
    each image undoes the blur by the splines and leaves every third sample, so that projections
    agree with the line integrals of a smooth object, without the moire pattern of voxels and
    pixels: for atoms 1.5 voxels wide to 4e-5 of the largest value in tilt series and to 5e-4 in any
    orientation. The back-projection is the exact transpose, filter and edges included; no Fourier
    transform of the volume is needed, and none of its padding. What projects beyond the detector is
    left out, as for a film that extends beyond the images. Results do not depend on the number of
    threads.

    Parameters
    ----------
    grid
        Sizes and rotations; ``grid.padded`` is not used.
    dtype
        Of volumes and images, single or double precision.
    reference_quirks
        If True, share voxels as the published code does: bilinearly among pixels, in four parts a
        quarter of a voxel from the centre along x and z, without a filter against the blur; what
        projects between the outermost pixels and the edge of the detector is not back-projected.

    References
    ----------
    Yang et al., Nature 592, 60 (2021), Methods.

    Notes
    -----
    MATLAB: 10_Multislice_AET_simulations/5_simulation_with_noise/Multislice_dose_1p7e4_per_proj/
    1_Reconstruction/src/{RT3_film_multiGPU,calculate3Dprojection_multiGPU}.cu. Deviations: splines
    and filter, and the exact transpose, unless ``reference_quirks``; coordinates are in double
    precision, and sums have a fixed order.
    """

    def __init__(
        self, grid: Grid, dtype: np.dtype | type = np.float32, *, reference_quirks: bool = False
    ) -> None:
        self.grid, self.dtype, self.quirks = grid, np.dtype(dtype), reference_quirks
        self.rotations = np.ascontiguousarray(grid.rotations, dtype=np.float64)
        if reference_quirks:
            fine, margin, taps = 1, 1, 2
            self.points = np.array([[x, z] for x in (0.25, -0.25) for z in (0.25, -0.25)])
            kernel = np.array([0.5])  # along both axes: a quarter for each of the four parts
        else:
            fine, margin, taps = FINE, REACH + 2, 4
            self.points = np.zeros((1, 2))
            kernel = _sharpening()
        self.kernel = kernel.astype(self.dtype)
        self.first = fine * margin - kernel.size // 2
        self.shape = _image_shape(grid, fine, margin)
        self.origin = np.array([fine * (n // 2 + margin) for n in grid.detector], dtype=np.float64)
        # The outermost samples take the share of voxels that lie partly beyond.
        sizes = np.array([self.shape[0], fine * self.shape[2]], dtype=np.float64)
        self.bounds = np.stack([np.full(2, taps / 2 - 1), sizes - taps / 2], axis=1)
        # Where the published code back-projects from.
        self.pixels = np.array([[margin, margin + n - 1.0] for n in grid.detector])

    def project(self, volume: NDArray, threads: int = 1) -> NDArray:
        """Projections (n, detector x, detector y) of a volume (nx, nz, ny)."""
        n, o_x = len(self.rotations), volume.shape[0]
        values = np.ascontiguousarray(volume, dtype=self.dtype)
        # The division is the same for any number of threads, and so are the sums.
        slabs = chunks(o_x, -(-o_x // max(1, -(-_PIECES // n))))
        images = np.zeros((n, len(slabs), *self.shape), self.dtype)
        found = np.empty((n, *self.grid.detector), self.dtype)
        geometry = self.origin, self.bounds, self.points

        def spread(task: tuple[int, int]) -> None:
            k, number = task
            part = slabs[number]
            spreading.spread(values, images[k, number], self.rotations[k], geometry, *part)

        def finish(k: int) -> None:
            spreading.to_pixels(images[k].sum(axis=0), self.kernel, self.first, found[k])

        map_threads(spread, [(k, s) for k in range(n) for s in range(len(slabs))], threads)
        map_threads(finish, range(n), threads)
        return found

    def descend(
        self, volume: NDArray, residual: NDArray, step: float, positivity: bool, threads: int = 1
    ) -> None:
        """``volume -= step * A^T residual`` in place; ``residual`` is projected minus measured."""
        given = residual.astype(self.dtype, copy=False)
        images = np.zeros((len(given), *self.shape), self.dtype)

        def spread(k: int) -> None:
            spreading.to_samples(given[k], self.kernel, self.first, images[k])

        map_threads(spread, range(len(given)), threads)
        bounds = self.pixels if self.quirks else self.bounds
        geometry = self.origin, bounds, self.points
        factor = volume.dtype.type(step)

        def slab(part: tuple[int, int]) -> None:
            spreading.descend(volume, images, self.rotations, geometry, factor, positivity, *part)

        o_x = volume.shape[0]
        map_threads(slab, chunks(o_x, max(1, o_x // (8 * threads))), threads)
