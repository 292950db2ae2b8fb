"""Real-space back-projection of residual images into a volume, for any Euler angles.

The gradient of the squared misfit at a voxel is the sum over tilts of the residual image,
interpolated bilinearly where the voxel's centre projects onto the detector (Methods of both
papers). Along y the detector coordinates are almost those of the voxel, so runs of voxels share
their pixel offsets and are processed without gathers.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.parallel import chunks, map_threads
from aet_port.resire.grid import Grid


@njit(cache=True, nogil=True)
def _passed(coordinate, value, rising, reach):  # type: ignore[no-untyped-def]
    if rising:
        return coordinate >= value if reach else coordinate > value
    return coordinate < value if reach else coordinate <= value


@njit(cache=True, nogil=True)
def _crossing(a, slope, b, steps, value, low, high, reach):  # type: ignore[no-untyped-def]
    """First n in ``low..high`` at which ``(a + slope * steps[n]) + b`` has passed ``value``.

    A rising coordinate has passed when it is ``>=`` the value (``reach``) or ``>`` it, a falling
    one when it is ``<`` or ``<=``. Estimated by division, then decided from the rounded
    coordinate, because the last bit decides whether a voxel on the detector's edge counts.
    """
    if slope == 0 or low >= high:
        return high
    rising = slope > 0
    guess = (float(value) - float(a) - float(b)) / float(slope) - float(steps[0])
    n = low if guess < low else (high if guess > high else int(guess))
    while n > low and _passed((a + slope * steps[n - 1]) + b, value, rising, reach):
        n -= 1
    while n < high and not _passed((a + slope * steps[n]) + b, value, rising, reach):
        n += 1
    return n


@njit(cache=True, nogil=True)
def _interval(a, slope, b, steps, minimum, maximum, low, high):  # type: ignore[no-untyped-def]
    """Range of n in ``low..high`` whose coordinate lies in ``[minimum, maximum]``."""
    if low >= high:
        return low, low
    first, last = (a + slope * steps[low]) + b, (a + slope * steps[high - 1]) + b
    # The coordinate is monotonic: for most rows its end values decide without a search.
    if minimum <= min(first, last) and max(first, last) <= maximum:
        return low, high
    if max(first, last) < minimum or min(first, last) > maximum:
        return low, low
    entry, leave = (minimum, maximum) if slope > 0 else (maximum, minimum)
    start = _crossing(a, slope, b, steps, entry, low, high, slope > 0)
    return start, _crossing(a, slope, b, steps, leave, start, high, slope < 0)


@njit(cache=True, nogil=True)
def _add_run(near, far, u, v, along, cell_u, offset, out):  # type: ignore[no-untyped-def]
    """Add a run of voxels that share a column and a row offset of the detector.

    ``near`` and ``far`` are the pixels of the two columns, one more than there are voxels; ``u``
    and ``v`` are the coefficients of the detector coordinates, ``along`` the voxel coordinates.
    """
    part = out.dtype.type
    (ua, us, ub), (va, vs, vb) = u, v
    for i in range(out.size):
        fu = part(((ua + us * along[i]) + ub) - cell_u)
        fv = part(((va + vs * along[i]) + vb) - (along[i] - offset))
        low = near[i] + fv * (near[i + 1] - near[i])
        high = far[i] + fv * (far[i + 1] - far[i])
        out[i] += low + fu * (high - low)


@njit(cache=True, nogil=True)
def _gradient_row(residual, rotations, rx, rz, steps, detector, total):  # type: ignore[no-untyped-def]
    """Add the back-projection of all residual images along one row of y to ``total``."""
    d_x, d_y = detector
    c_x, c_y = d_x // 2, d_y // 2
    first, last = steps[0], steps[-1]
    for k in range(rotations.shape[0]):
        r = rotations[k]
        ua, us, ub = r[0, 0] * rx, r[0, 1], r[0, 2] * rz
        va, vs, vb = r[1, 0] * rx, r[1, 1], r[1, 2] * rz
        u0, u1 = (ua + us * first) + ub, (ua + us * last) + ub
        if max(u0, u1) < -c_x or min(u0, u1) > d_x - 1 - c_x:
            continue
        v0, v1 = (va + vs * first) + vb, (va + vs * last) + vb
        cell_u, cell_v = np.floor(u0), np.floor(v0)
        inside = -c_x <= min(u0, u1) and max(u0, u1) <= d_x - 1 - c_x
        inside = inside and -c_y <= min(v0, v1) and max(v0, v1) <= d_y - 1 - c_y
        if inside and np.floor(u1) == cell_u and 0 <= v1 - cell_v - (last - first) < 1:
            # The whole row is one run, as are most rows of a series tilted only about y.
            column, row = int(cell_u) + c_x, int(cell_v) + c_y
            near = residual[k, column, row : row + steps.size + 1]
            far = residual[k, column + 1, row : row + steps.size + 1]
            u, v = (ua, us, ub), (va, vs, vb)
            _add_run(near, far, u, v, steps, cell_u, first - cell_v, total)
            continue
        start, stop = _interval(ua, us, ub, steps, -c_x, d_x - 1 - c_x, 0, steps.size)
        start, stop = _interval(va, vs, vb, steps, -c_y, d_y - 1 - c_y, start, stop)
        n = start
        while n < stop:
            cell_u = np.floor((ua + us * steps[n]) + ub)
            at_v = (va + vs * steps[n]) + vb
            cell_v = np.floor(at_v)
            # The run ends where u enters another column or v - n another row offset.
            end = stop
            if np.floor((ua + us * steps[stop - 1]) + ub) != cell_u:
                border = cell_u + 1 if us > 0 else cell_u
                end = _crossing(ua, us, ub, steps, border, n + 1, stop, True)
            reached = ((va + vs * steps[end - 1]) + vb) - cell_v - (steps[end - 1] - steps[n])
            drift = float(vs) - 1.0
            if drift != 0 and not 0 <= reached < 1:
                room = (1.0 - (at_v - cell_v)) / drift if drift > 0 else (at_v - cell_v) / -drift
                end = min(end, n + int(min(room, 1e9)) + 1)
            column, row = int(cell_u) + c_x, int(cell_v) + c_y
            near = residual[k, column, row : row + end - n + 1]
            far = residual[k, column + 1, row : row + end - n + 1]
            u, v = (ua, us, ub), (va, vs, vb)
            _add_run(near, far, u, v, steps[n:end], cell_u, steps[n] - cell_v, total[n:end])
            n = end


@njit(cache=True, nogil=True)
def _descend(volume, residual, rotations, detector, step, positivity, first, last):  # type: ignore[no-untyped-def]
    o_x, o_z, o_y = volume.shape
    real = rotations.dtype.type
    steps = np.empty(o_y, rotations.dtype)
    for n in range(o_y):
        steps[n] = real(n - o_y // 2)
    total = np.empty(o_y, volume.dtype)
    for x in range(first, last):
        for z in range(o_z):
            total[:] = 0
            _gradient_row(
                residual, rotations, real(x - o_x // 2), real(z - o_z // 2), steps, detector, total
            )
            row = volume[x, z]
            for n in range(o_y):
                row[n] -= step * total[n]
            if positivity:
                for n in range(o_y):
                    row[n] = max(row[n], volume.dtype.type(0))


def descend(
    volume: NDArray, residual: NDArray, grid: Grid, step: float, positivity: bool, threads: int = 1
) -> None:
    """Take one step of gradient descent in place, ``volume -= step * A^T residual``.

    Parameters
    ----------
    volume
        Shape (nx, nz, ny), changed in place.
    residual
        Shape (n, detector x, detector y), projections minus measurement.
    grid
        Sizes and rotations. Voxel coordinates are rotated in the precision of the volume, as in
        the reference; a voxel exactly on the detector's edge counts, one beyond it does not.
    step
        Factor that multiplies the gradient.
    positivity
        Whether to set negative voxels to zero.
    threads
        Number of threads, over slabs of x.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/reconstruct.m::reconstruct. Deviation: the
    measurement is subtracted from the projections before back-projection, not after, so that no
    gradient volume is stored and rounding errors are smaller.
    """
    # A zero column and row, so that the last pixel is interpolated like any other.
    padded = np.pad(residual, ((0, 0), (0, 1), (0, 2))).astype(volume.dtype, copy=False)
    rotations = grid.rotations.astype(volume.dtype)

    def slab(bounds: tuple[int, int]) -> None:
        _descend(
            volume, padded, rotations, grid.detector, volume.dtype.type(step), positivity, *bounds
        )

    map_threads(slab, chunks(grid.shape[0], max(1, grid.shape[0] // (8 * threads))), threads)
