"""Intensities of peaks: values in a sphere around each, and two Gaussians of their histogram."""

from __future__ import annotations

from typing import Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.tracing.upsampling import FACTOR

BINS = 100


def positions_table(name: str, positions: ArrayLike) -> NDArray[np.float64]:
    """Positions as a contiguous (n, 3) array in double precision; errors mention ``name``."""
    table = np.ascontiguousarray(positions, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 3 or not np.isfinite(table).all():
        raise InputError(
            name,
            f"shape {table.shape}, finite: {bool(np.isfinite(table).all())}",
            "finite voxel coordinates (n, 3)",
        )
    return table


def sphere_offsets(thirds: int) -> NDArray[np.float64]:
    """Points at thirds of a voxel in a sphere of radius ``(thirds + 1/2) / 3`` voxels, x fastest.

    Shape (m, 3); 389 points for four thirds, 1791 for seven.

    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_Ta_film.m (SphereInd)
    """
    if thirds < 1:
        raise InputError("thirds", f"{thirds}", "one or more")
    side = np.arange(-thirds, thirds + 1)
    z, y, x = (a.ravel() for a in np.meshgrid(side, side, side, indexing="ij"))
    inside = x**2 + y**2 + z**2 <= (thirds + 0.5) ** 2
    return np.stack([x, y, z], axis=1)[inside] / FACTOR


def sphere_values(
    volume: NDArray, positions: ArrayLike, thirds: int, method: Literal["linear", "cubic"]
) -> NDArray[np.float64]:
    """Values of a volume at the points of :func:`sphere_offsets` about each position.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    positions
        Shape (n, 3), 0-based voxel coordinates.
    thirds
        Radius in thirds of a voxel.
    method
        ``"cubic"`` is cubic convolution (Keys, a = -1/2), extended at the border by the parabola
        through the last three voxels; ``"linear"`` is trilinear. Both are zero outside the volume.

    Returns
    -------
    Shape (n, m), double precision: 3 kB (four thirds) or 14 kB (seven) per position.

    Notes
    -----
    MATLAB: ``interp3(volume, y, x, z, 'cubic')``, NaN set to zero, and ``splinterp3``
    """
    table = positions_table("positions", positions)
    array = np.ascontiguousarray(volume)
    least = 3 if method == "cubic" else 2
    if array.ndim != 3 or min(array.shape) < least:
        raise InputError(
            "volume", f"shape {array.shape}", f"at least {least} voxels along each axis"
        )
    if method not in ("linear", "cubic"):
        raise InputError("method", f"{method!r}", "'linear' or 'cubic'")
    offsets = sphere_offsets(thirds)
    check_memory("spheres", 8.0 * len(table) * len(offsets), "fewer peaks, or smaller spheres")
    values = np.zeros((len(table), len(offsets)))
    _sample(array, table, offsets, method == "cubic", values)
    return values


def histogram(values: ArrayLike, bins: int = BINS) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts and centres of ``bins`` equal bins from the smallest to the largest value.

    A value on an edge belongs to the lower bin.

    MATLAB: ``hist(values, bins)``
    """
    table = np.asarray(values, dtype=np.float64).ravel()
    if table.size == 0:
        raise InputError("values", "none", "at least one")
    low, high = table.min(), table.max()
    if low == high:
        low, high = low - np.floor(bins / 2) - 0.5, high + np.ceil(bins / 2) - 0.5
    step = (high - low) / bins
    edges = low + step * np.arange(1, bins)
    counts = np.bincount(np.searchsorted(edges, table, side="left"), minlength=bins)
    return counts, low + step * (np.arange(bins) + 0.5)


def two_gaussians(
    centres: ArrayLike,
    counts: ArrayLike,
    start: ArrayLike | None = None,
    *,
    second_centre: float | None = None,
    ratio: float | None = None,
    same_width: bool = False,
) -> NDArray[np.float64]:
    """Least-squares fit of ``A1 exp(-((x-c1)/w1)^2) + A2 exp(-((x-c2)/w2)^2)`` to a histogram.

    Parameters
    ----------
    centres, counts
        Shape (n,).
    start
        A1, c1, w1, A2, c2, w2; each parameter is limited to a tenth to ten times its start. Unless
        given, the better of two fits: from the start of the film paper (heights 0.1 and 1 times the
        largest count, centres at the 17th and 50th, widths of the 10th of 100 bins) and from the
        same with the counts at the two centres as heights.
    second_centre
        Value at which c2 is fixed.
    ratio
        Value at which c2 / c1 is fixed.
    same_width
        Whether to fix w2 = w1.

    Returns
    -------
    A1, c1, w1, A2, c2, w2.

    Raises
    ------
    InputError
        If a start value is not above zero, or more than one constraint is given.

    Notes
    -----
    MATLAB: 4_Atom_tracing/src/My_two_gaussianfit.m, My_two_gaussianfit_constant_peakcenter2.m,
    My_two_gaussianfit_constant_ratio.m, My_two_gaussianfit_samewidth.m (film paper). There the
    fixed centre (4.8e5) and ratio (1.6757) are constants in the code.
    """
    x = np.asarray(centres, dtype=np.float64).ravel()
    y = np.asarray(counts, dtype=np.float64).ravel()
    if x.shape != y.shape or x.size < 6:
        found = f"{y.size} counts for {x.size} bins"
        raise InputError("counts", found, "a count for each of six or more bins")
    if (second_centre is not None) + (ratio is not None) + same_width > 1:
        expected = "one of second_centre, ratio, same_width"
        raise InputError("two_gaussians", "several constraints", expected)
    if start is None:
        low, width, high = (round(x.size / part) - 1 for part in (6, 10, 2))
        tenth = y.max() / 10
        starts = [
            [tenth, x[low], x[width], y.max(), x[high], x[width]],
            [max(y[low], tenth), x[low], x[width], max(y[high], tenth), x[high], x[width]],
        ]
    else:
        starts = [np.asarray(start, dtype=np.float64).ravel().tolist()]
    free = np.ones(6, bool)
    free[4] = second_centre is None and ratio is None
    free[5] = not same_width

    def expand(part: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
        full = first.copy()
        full[free] = part * first[free]
        if second_centre is not None:
            full[4] = second_centre
        if ratio is not None:
            full[4] = full[1] * ratio
        if same_width:
            full[5] = full[2]
        return full

    def residual(part: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
        a1, c1, w1, a2, c2, w2 = expand(part, first)
        return a1 * np.exp(-(((x - c1) / w1) ** 2)) + a2 * np.exp(-(((x - c2) / w2) ** 2)) - y

    best, cost = np.zeros(6), np.inf
    exact = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12, "max_nfev": 2000}
    for first in map(np.array, starts):
        if first.shape != (6,) or not (first > 0).all():
            expected = "six numbers above zero: height, centre, width of both Gaussians"
            raise InputError("start", f"{first.tolist()}", expected)
        # Parameters in units of their start, so that the bounds of all are 0.1 and 10.
        fit = least_squares(residual, np.ones(free.sum()), bounds=(0.1, 10), args=(first,), **exact)
        if fit.cost < cost:
            best, cost = expand(fit.x, first), fit.cost
    return best


@numba.njit(cache=True)
def _keys(t):  # type: ignore[no-untyped-def]
    """Cubic-convolution weights of the voxels -1, 0, 1, 2 at the fraction t."""
    return (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )


@numba.njit(cache=True)
def _axis_weights(at, length, cubic, weights):  # type: ignore[no-untyped-def]
    """First of four voxels and their weights; one beyond the border is 3a - 3b + c of the next."""
    cell = min(int(np.floor(at)), length - 2)
    t = at - cell
    weights[:] = 0.0
    if not cubic:
        weights[0], weights[1] = 1.0 - t, t
        return cell
    w = _keys(t)
    if cell == 0:
        weights[0], weights[1], weights[2] = w[1] + 3 * w[0], w[2] - 3 * w[0], w[3] + w[0]
        return 0
    if cell + 2 > length - 1:
        weights[0], weights[1], weights[2] = w[0] + w[3], w[1] - 3 * w[3], w[2] + 3 * w[3]
        return length - 3
    weights[0], weights[1], weights[2], weights[3] = w
    return cell - 1


@numba.njit(cache=True)
def _sample_one(volume, position, offsets, cubic, values):  # type: ignore[no-untyped-def]
    nx, ny, nz = volume.shape
    wx, wy, wz = np.empty(4), np.empty(4), np.empty(4)
    for m in range(len(offsets)):
        x = position[0] + offsets[m, 0]
        y = position[1] + offsets[m, 1]
        z = position[2] + offsets[m, 2]
        if not (0 <= x <= nx - 1 and 0 <= y <= ny - 1 and 0 <= z <= nz - 1):
            continue
        i = _axis_weights(x, nx, cubic, wx)
        j = _axis_weights(y, ny, cubic, wy)
        k = _axis_weights(z, nz, cubic, wz)
        total = 0.0
        for a in range(4):
            for b in range(4):
                weight = wx[a] * wy[b]
                if weight == 0.0:  # the voxel may not exist
                    continue
                line = 0.0
                for c in range(4):
                    if wz[c] != 0.0:
                        line += wz[c] * np.float64(volume[i + a, j + b, k + c])
                total += weight * line
        values[m] = total


@numba.njit(cache=True, parallel=True)
def _sample(volume, positions, offsets, cubic, values):  # type: ignore[no-untyped-def]
    for n in numba.prange(len(positions)):
        _sample_one(volume, positions[n], offsets, cubic, values[n])
