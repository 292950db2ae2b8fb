"""Radon projector for tilts about y: four sub-samples per voxel, neighbouring slices mixed.

An alternative to the Fourier-slice projector for large films (Methods of the film paper). The
system matrix of the reference is not stored: weights are computed when they are used.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.parallel import chunks, map_threads
from aet_port.resire.grid import Grid

MOMENTUM = 0.1  # weight of the previous gradient in the new one


@njit(cache=True, nogil=True)
def _weights(u, d_x):  # type: ignore[no-untyped-def]
    """Two detector pixels and their weights for a 0-based coordinate; weight 0 outside."""
    cell = np.floor(u)
    i = int(cell)
    far = u - cell
    if 0 <= i < d_x - 1:
        return i, 1.0 - far, far
    if i == -1:
        # A voxel half outside keeps the part that falls on the first pixel.
        return 0, far, 0.0
    if i == d_x - 1:
        return i, 1.0 - far, 0.0
    return 0, 0.0, 0.0


@njit(cache=True, nogil=True)
def _coordinate(cosine, sine, x, z, sub, d_x):  # type: ignore[no-untyped-def]
    """Detector coordinate of one of the four sub-samples, a quarter voxel from the centre."""
    shift_x = -0.25 if sub % 2 == 0 else 0.25
    shift_z = -0.25 if sub < 2 else 0.25
    return cosine * x - sine * z + d_x // 2 + (cosine * shift_x - sine * shift_z)


@njit(cache=True, nogil=True)
def _forward(volume, cosines, sines, images, first, last):  # type: ignore[no-untyped-def]
    """Line sums of slices ``first..last`` of y; ``images`` is (n, detector x + 1, ny)."""
    o_x, o_z, _ = volume.shape
    d_x = images.shape[1] - 1
    for k in range(cosines.size):
        for x in range(o_x):
            for z in range(o_z):
                row = volume[x, z, first:last]
                for sub in range(4):
                    u = _coordinate(cosines[k], sines[k], x - o_x // 2, z - o_z // 2, sub, d_x)
                    i, near, far = _weights(u, d_x)
                    if near == 0.0 and far == 0.0:
                        continue
                    low, high = images[k, i, first:last], images[k, i + 1, first:last]
                    for y in range(row.size):
                        low[y] += 0.25 * near * row[y]
                        high[y] += 0.25 * far * row[y]


@njit(cache=True, nogil=True)
def _backward(residual, cosines, sines, gradient, first, last):  # type: ignore[no-untyped-def]
    """Adjoint of :func:`_forward` into the slab ``first..last`` of x, mixed with the previous."""
    o_x, o_z, o_y = gradient.shape
    d_x = residual.shape[1] - 1
    total = np.empty(o_y)
    for x in range(first, last):
        for z in range(o_z):
            total[:] = 0.0
            for k in range(cosines.size):
                for sub in range(4):
                    u = _coordinate(cosines[k], sines[k], x - o_x // 2, z - o_z // 2, sub, d_x)
                    i, near, far = _weights(u, d_x)
                    if near == 0.0 and far == 0.0:
                        continue
                    low, high = residual[k, i], residual[k, i + 1]
                    for y in range(o_y):
                        total[y] += 0.25 * (near * low[y] + far * high[y])
            row = gradient[x, z]
            for y in range(o_y):
                row[y] = MOMENTUM * row[y] + (1 - MOMENTUM) * total[y]


def _mix(rows: NDArray) -> NDArray:
    """Filter along y with weights 1/8, 6/8, 1/8, at the two ends 6/7, 1/7."""
    if rows.shape[-1] < 2:
        return rows
    mixed = 0.75 * rows
    mixed[..., 1:-1] += 0.125 * (rows[..., :-2] + rows[..., 2:])
    mixed[..., 0] = (6 * rows[..., 0] + rows[..., 1]) / 7
    mixed[..., -1] = (6 * rows[..., -1] + rows[..., -2]) / 7
    return mixed


def _mix_adjoint(rows: NDArray) -> NDArray:
    """Adjoint of :func:`_mix`."""
    if rows.shape[-1] < 2:
        return rows
    mixed = 0.75 * rows
    mixed[..., 1:] += 0.125 * rows[..., :-1]
    mixed[..., :-1] += 0.125 * rows[..., 1:]
    mixed[..., 0] += (6 / 7 - 0.75) * rows[..., 0]
    mixed[..., -1] += (6 / 7 - 0.75) * rows[..., -1]
    mixed[..., 1] += (1 / 7 - 0.125) * rows[..., 0]
    mixed[..., -2] += (1 / 7 - 0.125) * rows[..., -1]
    return mixed


class RadonProjector:
    """Forward projection and momentum gradient of a volume (nx, nz, ny) for tilts about y.

    Each gradient is a tenth of the previous one plus nine tenths of the new one.

    Parameters
    ----------
    grid
        Sizes and rotations; ``grid.single_axis`` must hold.
    angles
        Shape (n, 3), degrees.

    Raises
    ------
    InputError
        If a rotation is not about y.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/reconstruct3D2D.m::reconstruct3D2D
    """

    def __init__(self, grid: Grid, angles: NDArray) -> None:
        if not grid.single_axis:
            raise InputError(
                "projector 'radon'",
                "tilts with phi or psi",
                "phi = psi = 0 throughout; for any angles --projector real-space or fourier-slice",
            )
        self.grid = grid
        theta = np.deg2rad(np.asarray(angles[:, 1], dtype=np.float64))
        self.cosines, self.sines = np.cos(theta), np.sin(theta)
        o_x, o_y, o_z = grid.shape
        self.slices = min(o_y, grid.detector[1])  # slices beyond do not reach the detector
        self.gradient = np.zeros((o_x, o_z, self.slices))

    def project(self, volume: NDArray, threads: int = 1) -> NDArray:
        """Projections (n, detector x, detector y) in double precision of a volume (nx, nz, ny)."""
        d_x, d_y = self.grid.detector
        images = np.zeros((self.cosines.size, d_x + 1, d_y))

        def block(bounds: tuple[int, int]) -> None:
            _forward(volume, self.cosines, self.sines, images, *bounds)

        map_threads(block, chunks(self.slices, 32), threads)
        return _mix(images[:, :d_x])

    def descend(
        self, volume: NDArray, residual: NDArray, step: float, positivity: bool, threads: int = 1
    ) -> None:
        """``volume -= step * gradient`` in place; ``residual`` is projections minus measurement."""
        mixed = np.pad(_mix_adjoint(residual.astype(np.float64)), ((0, 0), (0, 1), (0, 0)))
        mixed = np.ascontiguousarray(mixed[..., : self.slices])

        def slab(bounds: tuple[int, int]) -> None:
            _backward(mixed, self.cosines, self.sines, self.gradient, *bounds)

        map_threads(slab, chunks(self.grid.shape[0], 8), threads)
        part = volume[..., : self.slices]
        part -= step * self.gradient
        if positivity:
            np.maximum(part, 0, out=part)
