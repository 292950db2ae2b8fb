"""Fourier-slice projector for tilts about y only: every y slice is a two-dimensional problem.

With phi = psi = 0 the slice through the three-dimensional transform is sampled at integer ky, so
the transforms along y cancel and each y slice of the object maps to the same row of the
projections. A volume is held as (nx, nz, ny), y contiguous, and processed in blocks of y.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.parallel import chunks, map_threads
from aet_port.resire.grid import Grid

BLOCK_BYTES = 48e6  # working memory of one thread for a block of y slices


@njit(cache=True, nogil=True)
def _sample_lines(  # type: ignore[no-untyped-def]
    spectrum, matrices, n_x, n_z, lines
):
    """Bilinear samples of block spectra along one line per tilt.

    ``spectrum`` (n_x // 2 + 1, n_z, block) is the transform of real slices, kx >= 0 only;
    ``lines`` (n, n_x // 2 + 1, block) receives the half spectrum of each projection row. Because
    the reference keeps the real part of an inverse transform, a sample is the mean of the sample
    at K and the conjugate of that at -K, each zero outside the closed grid: inside, both are
    equal; on the rim of an even grid only one of them remains.
    """
    low_x, high_x = -(n_x // 2), n_x - 1 - n_x // 2
    low_z, high_z = -(n_z // 2), n_z - 1 - n_z // 2
    centre_x, centre_z = n_x // 2 + 1, n_z // 2 + 1  # 1-based, as the reference rounds them
    block = spectrum.shape[2]
    one = matrices.dtype.type(1)
    for k in range(matrices.shape[0]):
        for i in range(n_x // 2 + 1):
            step = matrices.dtype.type(i)
            kx = matrices[k, 0, 0] * step
            kz = (matrices[k, 2, 0] * step) * matrices.dtype.type(n_z) / matrices.dtype.type(n_x)
            flip = kx < 0
            if flip:
                kx, kz = -kx, -kz
            kx = (kx + matrices.dtype.type(centre_x)) - matrices.dtype.type(centre_x)
            kz = (kz + matrices.dtype.type(centre_z)) - matrices.dtype.type(centre_z)
            weight = 0.0
            nyquist = 2 * i == n_x
            inside = low_x <= kx <= high_x and low_z <= kz <= high_z
            mirrored = low_x <= -kx <= high_x and low_z <= -kz <= high_z
            if nyquist:
                # The grid has X = -n/2 only, whose sample lies at -K (at K where flipped).
                weight = 1.0 if (inside if flip else mirrored) else 0.0
            else:
                weight = 0.5 * inside + 0.5 * mirrored
            out = lines[k, i]
            if weight == 0.0:
                out[:] = 0
                continue
            fx, fz = np.floor(kx), np.floor(kz)
            tx, tz = kx - fx, kz - fz
            x0, z0 = int(fx), int(fz) % n_z
            x1, z1 = min(x0 + 1, n_x // 2), (z0 + 1) % n_z
            scale = matrices.dtype.type(weight)
            w00, w01 = (one - tx) * (one - tz) * scale, (one - tx) * tz * scale
            w10, w11 = tx * (one - tz) * scale, tx * tz * scale
            a, b, c, d = spectrum[x0, z0], spectrum[x0, z1], spectrum[x1, z0], spectrum[x1, z1]
            for y in range(block):
                out[y] = w00 * a[y] + w01 * b[y] + w10 * c[y] + w11 * d[y]
            if flip:
                for y in range(block):
                    out[y] = np.conj(out[y])


def needed_memory(grid: Grid, itemsize: int, threads: int) -> float:
    """Bytes of the arrays of :func:`project`, of volumes with ``itemsize`` bytes a voxel."""
    n_x, _, n_z = grid.padded
    per_slice = (n_x // 2 + 1) * (2 * n_z + len(grid.rotations)) * 2.0 * itemsize
    return min(threads, grid.shape[1]) * max(min(per_slice, BLOCK_BYTES), 4 * per_slice)


def project(volume: NDArray, grid: Grid, threads: int = 1) -> NDArray:
    """Project a volume by the Fourier-slice theorem, for tilts about y only.

    Parameters
    ----------
    volume
        Shape (nx, nz, ny), single or double precision.
    grid
        Sizes and rotations, with ``grid.single_axis`` true.
    threads
        Number of threads, over blocks of y.

    Returns
    -------
    Shape (n, detector x, detector y), in the precision of the volume.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/calculate3Dprojection_rec_fast.m, for phi = psi = 0
    """
    n_x, _, n_z = grid.padded
    o_x, o_z, o_y = volume.shape
    d_x, d_y = grid.detector
    n_tilts = len(grid.rotations)
    matrices = grid.slice_matrices
    images = np.zeros((n_tilts, d_x, d_y), volume.dtype)
    complex_type = np.result_type(volume.dtype, np.complex64)
    per_slice = (n_x // 2 + 1) * (2 * n_z + n_tilts) * complex_type.itemsize
    size = int(np.clip(BLOCK_BYTES // per_slice, 4, 32))
    shift_y = d_y // 2 - o_y // 2  # row of the projection that belongs to slice 0
    first, last = max(0, -shift_y), min(o_y, d_y - shift_y)

    def project_block(bounds: tuple[int, int]) -> None:
        start, stop = first + bounds[0], first + bounds[1]
        block = np.zeros((n_x, o_z, stop - start), volume.dtype)
        # The centre n // 2 is moved to index 0 for the transform.
        block[: o_x - o_x // 2] = volume[o_x // 2 :, :, start:stop]
        block[n_x - o_x // 2 :] = volume[: o_x // 2, :, start:stop]
        half = fft.rfft(block, axis=0)
        spectrum = np.zeros((n_x // 2 + 1, n_z, stop - start), complex_type)
        spectrum[:, : o_z - o_z // 2] = half[:, o_z // 2 :]
        spectrum[:, n_z - o_z // 2 :] = half[:, : o_z // 2]
        del block, half
        spectrum = fft.fft(spectrum, axis=1, overwrite_x=True)
        lines = np.empty((n_tilts, n_x // 2 + 1, stop - start), complex_type)
        _sample_lines(spectrum, matrices, n_x, n_z, lines)
        rows = fft.irfft(lines, n=n_x, axis=1, overwrite_x=True)
        target = images[:, :, start + shift_y : stop + shift_y]
        target[:, d_x // 2 :] = rows[:, : d_x - d_x // 2]
        target[:, : d_x // 2] = rows[:, n_x - d_x // 2 :]

    pieces = chunks(last - first, min(size, -(-(last - first) // threads)))
    map_threads(project_block, pieces, threads)
    return images


@njit(cache=True, nogil=True)
def _descend(  # type: ignore[no-untyped-def]
    volume, residual, rotations, shape, detector, step, positivity, first, last
):
    """Subtract ``step`` times the back-projected residual from the slab ``first..last`` of x.

    ``residual`` is padded by one zero column along x, so that a coordinate exactly on the last
    pixel can be interpolated like any other.
    """
    o_x, o_y, o_z = shape
    d_x, d_y = detector
    shift = d_y // 2 - o_y // 2
    y0, y1 = max(0, -shift), min(o_y, d_y - shift)
    real = rotations.dtype.type
    total = np.empty(y1 - y0, volume.dtype)
    for x in range(first, last):
        rx = real(x - o_x // 2)
        for z in range(o_z):
            rz = real(z - o_z // 2)
            total[:] = 0
            for k in range(rotations.shape[0]):
                u = rotations[k, 0, 0] * rx + rotations[k, 0, 2] * rz
                if u < -(d_x // 2) or u > d_x - 1 - d_x // 2:
                    continue
                cell = np.floor(u)
                column = int(cell) + d_x // 2
                far = volume.dtype.type(u - cell)
                near = volume.dtype.type(1) - far
                a = residual[k, column, y0 + shift : y1 + shift]
                b = residual[k, column + 1, y0 + shift : y1 + shift]
                for y in range(total.size):
                    total[y] += near * a[y] + far * b[y]
            row = volume[x, z]
            for y in range(total.size):
                row[y0 + y] -= step * total[y]
            if positivity:
                for y in range(row.size):
                    row[y] = max(row[y], volume.dtype.type(0))


def descend(
    volume: NDArray, residual: NDArray, grid: Grid, step: float, positivity: bool, threads: int = 1
) -> None:
    """Gradient-descent step in place, ``volume -= step * A^T residual``, for tilts about y only.

    Parameters
    ----------
    volume
        Shape (nx, nz, ny), changed in place.
    residual
        Shape (n, detector x, detector y), projections minus measurement.
    grid
        Sizes and rotations.
    step
        Factor that multiplies the gradient.
    positivity
        Whether to set negative voxels to zero.
    threads
        Number of threads, over slabs of x.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/reconstruct.m, for phi = psi = 0
    """
    padded = np.pad(residual, ((0, 0), (0, 1), (0, 0)))
    rotations = grid.rotations.astype(volume.dtype)

    def slab(bounds: tuple[int, int]) -> None:
        _descend(
            volume,
            padded,
            rotations,
            grid.shape,
            grid.detector,
            volume.dtype.type(step),
            positivity,
            *bounds,
        )

    map_threads(slab, chunks(grid.shape[0], max(1, grid.shape[0] // (4 * threads))), threads)
