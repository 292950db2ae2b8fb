"""Fourier-slice projector for any Euler angles, streamed plane by plane.

The transform of a real volume is Hermitian, so only ky >= 0 is computed, and only two neighbouring
(kx, kz) planes are held at a time: all slice samples whose ky lies between them are interpolated
then. Lines that are still zero are not transformed. A volume is held as (nx, nz, ny), y
contiguous.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray
from scipy import fft

from aet_port.core.parallel import chunks, map_threads
from aet_port.resire.grid import Grid
from aet_port.resire.vectors import blend_pairs

BATCH_BYTES = 6e5  # planes transformed in one call; more would not fit in the cache
INVERT_BYTES = 6e5  # half slices that one thread inverts in one call


@njit(cache=True, nogil=True)
def _rounded(k, centre, half):  # type: ignore[no-untyped-def]
    """A coordinate in single precision, rounded as in the reference.

    The reference adds the 1-based centre to K and to -K. Interpolation is linear in the coordinate,
    so the mean of the samples at both rounded coordinates is the sample at their mean. ``half`` is
    0.5 in the precision of the others.
    """
    return half * (((k + centre) - centre) + (centre - (centre - k)))


@njit(cache=True, nogil=True)
def _coordinates(matrix, sizes, x, y):  # type: ignore[no-untyped-def]
    """Fourier grid coordinates (kx, ky, kz), relative to the centre, of slice sample (x, y)."""
    n_x, n_y, n_z = sizes
    real = matrix.dtype.type
    kx = matrix[0, 0] * real(x) + matrix[0, 1] * real(y)
    ky = matrix[1, 0] * real(x) + matrix[1, 1] * real(y)
    kz = matrix[2, 0] * real(x) + matrix[2, 1] * real(y)
    if matrix.itemsize == 8:
        return kx, ky, kz * (n_z / n_x)
    kz = kz * real(n_z) / real(n_x)
    return (
        _rounded(kx, real(n_x // 2 + 1), real(0.5)),
        _rounded(ky, real(n_y // 2 + 1), real(0.5)),
        _rounded(kz, real(n_z // 2 + 1), real(0.5)),
    )


@njit(cache=True, nogil=True)
def _height(matrix, x, y, sign, centre_y):  # type: ignore[no-untyped-def]
    """``sign`` times the ky of slice sample (x, y)."""
    real = matrix.dtype.type
    ky = matrix[1, 0] * real(x) + matrix[1, 1] * real(y)
    if matrix.itemsize == 4:
        ky = _rounded(ky, centre_y, real(0.5))
    return real(sign) * ky


@njit(cache=True, nogil=True)
def _inside(sizes, kx, ky, kz):  # type: ignore[no-untyped-def]
    """Whether a point lies on the closed grid, -(n // 2) .. n - 1 - n // 2 along each axis."""
    n_x, n_y, n_z = sizes
    return (
        -(n_x // 2) <= kx <= n_x - 1 - n_x // 2
        and -(n_y // 2) <= ky <= n_y - 1 - n_y // 2
        and -(n_z // 2) <= kz <= n_z - 1 - n_z // 2
    )


@njit(cache=True, nogil=True)
def _interpolate(lower, upper, n_x, n_z, kx, ky, kz, weight):  # type: ignore[no-untyped-def]
    """Real and imaginary part of ``weight`` times the trilinear value at a point with ky >= 0.

    ``lower`` and ``upper`` are flattened (n_x, n_z + 1, 2), real and imaginary parts, the first
    column repeated after the last, so that neighbours along kz are always adjacent in memory.
    """
    part = lower.dtype.type
    one = part(1)
    floor_x, floor_y, floor_z = np.floor(kx), np.floor(ky), np.floor(kz)
    tx, ty, tz = part(kx - floor_x), part(ky - floor_y), part(kz - floor_z)
    x0, z0 = int(floor_x), int(floor_z)
    x1 = x0 + 1
    # Negative frequencies are at the end of the transform, and +n/2 is the same as -n/2. The
    # upper neighbour of the last sample of an odd grid has weight zero.
    x0 = x0 + n_x if x0 < 0 else x0
    x1 = x1 + n_x if x1 < 0 else (x1 - n_x if x1 >= n_x else x1)
    z0 = z0 + n_z if z0 < 0 else z0
    near, far = uint64(2 * (x0 * (n_z + 1) + z0)), uint64(2 * (x1 * (n_z + 1) + z0))
    below, above = (one - ty) * weight, ty * weight
    return blend_pairs(
        lower, upper, near, far, below * (one - tx), below * tx, above * (one - tx), above * tx, tz
    )


@njit(cache=True, nogil=True)
def _sample_planes(lower, upper, plane, matrices, sizes, half):  # type: ignore[no-untyped-def]
    """Fill the slice samples with |ky| in ``[plane, plane + 1)``, except Nyquist samples.

    ``half`` (n, n_y // 2 + 1, n_x, 2) holds Y >= 0 of each slice in transform order. Keeping the
    real part of an inverse transform replaces the sample at K by the mean of itself and the
    conjugate of the sample at -K, each zero outside the closed grid: inside, the two are equal;
    on the rim of an even grid only one remains, so the weight is a half.
    """
    n_x, n_y, n_z = sizes
    rim_x, rim_y, rim_z = (n_x - 1) // 2, (n_y - 1) // 2, (n_z - 1) // 2
    part = lower.dtype.type
    real = matrices.dtype.type
    centre_y = real(n_y // 2 + 1)
    slack = 1e-3  # larger than any rounding error of a single-precision coordinate
    for k in range(matrices.shape[0]):
        matrix = matrices[k]
        along_x, slope = float(matrix[1, 0]), float(matrix[1, 1])
        reach = abs(along_x) * rim_x + slack
        for sign in (1, -1):
            # Rows that can hold such a sample: sign * (along_x * X + slope * Y) in the interval.
            first, last = 0, rim_y
            if abs(slope) > 1e-9:
                a = (sign * plane - reach) / slope
                b = (sign * plane + reach) / slope
                c, d = a + sign / slope, b + sign / slope
                first = int(max(np.ceil(min(min(a, b), min(c, d))), 0.0))
                last = int(min(np.floor(max(max(a, b), max(c, d))), float(rim_y)))
            for y in range(first, last + 1):
                start, stop = -rim_x, rim_x
                if abs(along_x) > 1e-9:
                    a = (sign * (plane - slack) - slope * y) / along_x
                    b = (sign * (plane + 1 + slack) - slope * y) / along_x
                    start = int(max(np.ceil(min(a, b)), float(start)))
                    stop = int(min(np.floor(max(a, b)), float(stop)))
                # ky is monotonic along the row: its end values show whether part of it lies here.
                left = np.floor(_height(matrix, start, y, sign, centre_y))
                right = np.floor(_height(matrix, stop, y, sign, centre_y))
                if max(left, right) < plane or min(left, right) > plane:
                    continue
                for x in range(start, stop + 1):
                    ky = _height(matrix, x, y, sign, centre_y)
                    if int(np.floor(ky)) != plane or (ky == 0 and sign < 0):
                        continue
                    kx, ky, kz = _coordinates(matrix, sizes, x, y)
                    if sign < 0:
                        kx, ky, kz = -kx, -ky, -kz
                    weight = part(1)
                    if abs(kx) > rim_x or ky > rim_y or abs(kz) > rim_z:
                        halves = _inside(sizes, kx, ky, kz) + _inside(sizes, -kx, -ky, -kz)
                        if halves == 0:
                            continue
                        weight = part(halves) / part(2)
                    out = half[k, y, x if x >= 0 else x + n_x]
                    out[0], imag = _interpolate(lower, upper, n_x, n_z, kx, ky, kz, weight)
                    out[1] = part(sign) * imag


@njit(cache=True, nogil=True)
def _sample_rim(lower, upper, points, matrices, sizes, values):  # type: ignore[no-untyped-def]
    """Contributions of Nyquist samples; ``points`` rows are (k, x, y), one value each."""
    for n in range(points.shape[0]):
        kx, ky, kz = _coordinates(matrices[points[n, 0]], sizes, points[n, 1], points[n, 2])
        part = lower.dtype.type
        sign = -1 if ky < 0 else 1
        real, imag = _interpolate(
            lower, upper, sizes[0], sizes[2], sign * kx, sign * ky, sign * kz, part(0.5)
        )
        values[n] = complex(real, sign * imag)


@njit(cache=True)
def _rim_table(matrices, sizes, slots):  # type: ignore[no-untyped-def]
    """Plane of each Nyquist contribution, -1 where it is outside the grid; see :class:`_Rim`."""
    planes = np.empty(slots.shape[0], np.int64)
    for n in range(slots.shape[0]):
        kx, ky, kz = _coordinates(matrices[slots[n, 0]], sizes, slots[n, 1], slots[n, 2])
        present = _inside(sizes, kx, ky, kz) if slots[n, 5] == 0 else _inside(sizes, -kx, -ky, -kz)
        planes[n] = int(np.floor(abs(ky))) if present else -1
    return planes


class _Rim:
    """The Nyquist row and column of even slices, where a sample and its mirror image differ.

    A stored sample at X = n/2 or Y = n/2 is the mean of the sample at the negative rim and the
    conjugate of the opposite sample, which lies at the positive rim. The two may need different
    planes, so they are listed by plane and added when all planes are done.
    """

    def __init__(self, matrices: NDArray, sizes: tuple[int, int, int]) -> None:
        n_x, n_y, _ = sizes
        top, right = n_y // 2, n_x // 2
        samples: list[tuple[int, int]] = []  # stored (X, Y)
        if n_x % 2 == 0:
            samples += [(-right, y) for y in range(top + 1)]
        if n_y % 2 == 0:
            samples += [(x, top) for x in range(-((n_x - 1) // 2), (n_x - 1) // 2 + 1)]
        rows = [
            (-right if abs(x) * 2 == n_x else x, -top if y * 2 == n_y else y, x % n_x, y, 0)
            for x, y in samples
        ] + [
            (right if abs(x) * 2 == n_x else x, top if y * 2 == n_y else y, x % n_x, y, 1)
            for x, y in samples
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 5)
        n = len(matrices)
        slots = np.column_stack([np.repeat(np.arange(n), len(table)), np.tile(table, (n, 1))])
        planes = _rim_table(matrices, sizes, slots)
        order = np.argsort(planes, kind="stable")
        order = order[planes[order] >= 0]
        self.slots = slots[order]
        self.points = np.ascontiguousarray(self.slots[:, :3])
        # Positions in the flattened half slices, with the two halves of a sample adjacent.
        k, _, _, x, y, alias = self.slots.T
        places = (k * (top + 1) + y) * n_x + x
        self.aliases = [(np.flatnonzero(alias == a), places[alias == a]) for a in (0, 1)]
        self.starts = np.searchsorted(planes[order], np.arange(n_y // 2 + 3))

    def of_plane(self, plane: int) -> slice:
        return slice(int(self.starts[plane]), int(self.starts[plane + 1]))

    def add(self, half: NDArray, values: NDArray) -> None:
        for rows, places in self.aliases:
            half.reshape(-1)[places] += values[rows]


@lru_cache(maxsize=2)
def _rim(matrices: bytes, kind: str, sizes: tuple[int, int, int]) -> _Rim:
    """Table of Nyquist contributions of a grid, the same in every iteration."""
    return _Rim(np.frombuffer(matrices, kind).reshape(-1, 3, 2), sizes)


def needed_memory(grid: Grid, itemsize: int, threads: int) -> float:
    """Bytes of the arrays of :func:`project`, of volumes with ``itemsize`` bytes a voxel."""
    (n_x, n_y, n_z), (o_x, _, o_z) = grid.padded, grid.shape
    half = n_y // 2 + 1
    planes = min(threads, half) * max(2.0 * n_x * (n_z + 1) * 2 * itemsize, BATCH_BYTES)
    return 2.0 * itemsize * half * (o_x * o_z + len(grid.rotations) * n_x) + planes


def _transform_y(volume: NDArray, n_y: int, threads: int) -> NDArray:
    """Half spectra along y, shape (n_y // 2 + 1, nx, nz), with the centre moved to index 0."""
    o_x, o_z, o_y = volume.shape
    out = np.empty((n_y // 2 + 1, o_x, o_z), np.result_type(volume.dtype, np.complex64))

    def slab(bounds: tuple[int, int]) -> None:
        start, stop = bounds
        rows = np.moveaxis(volume[start:stop], 2, 0)
        padded = np.zeros((n_y, stop - start, o_z), volume.dtype)
        padded[: o_y - o_y // 2] = rows[o_y // 2 :]
        padded[n_y - o_y // 2 :] = rows[: o_y // 2]
        out[:, start:stop] = fft.rfft(padded, axis=0)

    map_threads(slab, chunks(o_x, 8), threads)
    return out


class _Planes:
    """(kx, kz) planes of the transform, computed in batches in two alternating buffers."""

    def __init__(self, spectra: NDArray, n_x: int, n_z: int) -> None:
        self.spectra = spectra
        size = n_x * (n_z + 1) * spectra.itemsize
        self.count = int(np.clip(BATCH_BYTES // size, 1, 16))
        self.rows = np.empty((self.count, spectra.shape[1], n_z), spectra.dtype)
        self.next, self.other = (
            np.empty((self.count, n_x, n_z + 1), spectra.dtype) for _ in range(2)
        )

    def make(self, first: int, count: int) -> NDArray:
        """Compute planes ``first .. first + count - 1``; those of the previous call stay valid.

        Transforms the non-zero rows along z, then all along x. Planes beyond the last are zero;
        only samples of weight zero use them.
        """
        full, rows = self.next[:count], self.rows[:count]
        self.next, self.other = self.other, self.next
        source = self.spectra[first : first + count]
        (known, o_x, o_z), n_x, n_z = source.shape, full.shape[1], rows.shape[2]
        full[known:] = 0
        if known == 0:
            return full
        rows = rows[:known]
        rows[..., : o_z - o_z // 2] = source[..., o_z // 2 :]
        rows[..., o_z - o_z // 2 : n_z - o_z // 2] = 0
        rows[..., n_z - o_z // 2 :] = source[..., : o_z // 2]
        rows = fft.fft(rows, axis=2, overwrite_x=True)
        made = full[:known]
        made[:, : o_x - o_x // 2, :n_z] = rows[:, o_x // 2 :]
        made[:, o_x - o_x // 2 : n_x - o_x // 2] = 0
        made[:, n_x - o_x // 2 :, :n_z] = rows[:, : o_x // 2]
        made[..., n_z] = made[..., 0]
        made = fft.fft(made, axis=1, overwrite_x=True)
        return made if known == count else np.concatenate([made, full[known:]])


def _parts(array: NDArray) -> NDArray:
    """The same memory with real and imaginary parts along a last axis of two."""
    return array.view(array.real.dtype).reshape(*array.shape, 2)


def _half_slices(volume: NDArray, grid: Grid, threads: int) -> NDArray:
    """Central slices of the transform, shape (n, n_y // 2 + 1, n_x), Y >= 0, transform order."""
    n_x, n_y, n_z = sizes = grid.padded
    matrices = grid.slice_matrices
    n_tilts = len(matrices)
    spectra = _transform_y(volume, n_y, threads)
    last = n_y // 2
    half = np.zeros((n_tilts, last + 1, n_x), spectra.dtype)
    half_parts = _parts(half)
    rim = _rim(matrices.tobytes(), matrices.dtype.char, sizes)
    rim_values = np.zeros(len(rim.points), spectra.dtype)

    def sweep(bounds: tuple[int, int]) -> None:
        start, stop = bounds
        planes = _Planes(spectra, n_x, n_z)
        lower = planes.make(start, 1)[0]
        for first in range(start, stop, planes.count):
            for plane, upper in enumerate(
                planes.make(first + 1, min(planes.count, stop - first)), first
            ):
                pair = _parts(lower).reshape(-1), _parts(upper).reshape(-1)
                _sample_planes(*pair, plane, matrices, sizes, half_parts)
                part = rim.of_plane(plane)
                _sample_rim(*pair, rim.points[part], matrices, sizes, rim_values[part])
                lower = upper

    # Each block computes one plane twice; with few blocks this costs little.
    size = -(-(last + 1) // (1 if threads == 1 else 2 * threads))
    map_threads(sweep, chunks(last + 1, size), threads)
    rim.add(half, rim_values)
    return half


def project(volume: NDArray, grid: Grid, threads: int = 1) -> NDArray:
    """Project a volume by the Fourier-slice theorem.

    A projection along the beam is the inverse transform of the central slice perpendicular to it,
    sampled by trilinear interpolation on the oversampled grid and cropped to the detector
    (Methods of both papers, RESIRE).

    Parameters
    ----------
    volume
        Shape (nx, nz, ny), single or double precision.
    grid
        Sizes and rotations.
    threads
        Number of threads, over blocks of planes and over projections.

    Returns
    -------
    Shape (n, detector x, detector y), in the precision of the volume.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/calculate3Dprojection_rec_fast.m::calculate3Dprojection_rec_fast
    """
    n_x, n_y, _ = grid.padded
    d_x, d_y = grid.detector
    half = _half_slices(volume, grid, threads)
    n_tilts = len(half)
    images = np.empty((n_tilts, d_x, d_y), volume.dtype)

    def invert(bounds: tuple[int, int]) -> None:
        rows = fft.ifft(half[slice(*bounds)], axis=2)
        kept = np.concatenate([rows[..., n_x - d_x // 2 :], rows[..., : d_x - d_x // 2]], axis=2)
        image = fft.irfft(kept, n=n_y, axis=1)
        target = images[slice(*bounds)]
        target[..., d_y // 2 :] = np.moveaxis(image[:, : d_y - d_y // 2], 1, 2)
        target[..., : d_y // 2] = np.moveaxis(image[:, n_y - d_y // 2 :], 1, 2)

    at_once = int(max(1, INVERT_BYTES // half[0].nbytes))
    map_threads(invert, chunks(n_tilts, min(at_once, -(-n_tilts // threads))), threads)
    return images
