"""Threefold upsampling of a volume, evaluated plane by plane or in boxes, never as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import gaussian_filter

from aet_port.core.errors import InputError

FACTOR = 3
FIRST = 2  # the fine grid starts at its third point: fine voxel 0 lies at voxel 2/3
Method = Literal["linear", "spline"]


def to_voxels(fine: ArrayLike) -> NDArray[np.float64]:
    """Convert fine-grid coordinates to voxel coordinates, both 0-based: ``(u + 2) / 3``.

    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m, ``atom_pos / 3 - 2``, which is the same for
    1-based coordinates in the fine grid padded by ten on each side.
    """
    return (np.asarray(fine, dtype=np.float64) + FIRST) / FACTOR


def fine_size(n: int) -> int:
    """Number of points of the fine grid over ``n`` voxels, ``3 n - 4``."""
    return FACTOR * (n - 1) + 1 - FIRST


@dataclass(frozen=True)
class FineGrid:
    """A volume at a third of its voxel size, stored as coefficients of the size of the volume.

    Each fine value is a sum over ``taps`` neighbouring coefficients along each axis: two for
    linear, four for spline interpolation (the coefficients are then those of the B-spline). Values
    outside the grid are zero. Made by :func:`fine_grid`.
    """

    coefficients: NDArray
    starts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    weights: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Fine voxels along x, y, z."""
        nx, ny, nz = (len(s) for s in self.starts)
        return nx, ny, nz

    @property
    def tables(self) -> tuple[NDArray, ...]:
        """The arrays in the order that the kernels take them."""
        (sx, sy, sz), (wx, wy, wz) = self.starts, self.weights
        return self.coefficients, sx, wx, sy, wy, sz, wz

    def planes(self, first: int, out: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fill ``out`` (n, ny, nz) with the fine planes ``first`` to ``first + n - 1`` along x."""
        _planes(*self.tables, first, out)  # type: ignore[call-arg]
        return out

    def full(self) -> NDArray[np.float64]:
        """The whole fine volume: 27 times the voxels, in double precision; for small volumes."""
        return self.planes(0, np.empty(self.shape))


def fine_grid(array: NDArray, method: Method = "linear", smoothing: float = 0.0) -> FineGrid:
    """Upsample a volume threefold.

    The fine grid has points at thirds of a voxel from 2/3 to ``n - 1`` along each axis. The spline
    is the tensor product of cubic splines with not-a-knot ends. All sums are in double precision.
    Linear upsampling keeps the given array (no copy if it is C-contiguous and not smoothed), the
    spline makes one of the same shape in double precision.

    Parameters
    ----------
    array
        Shape (nx, ny, nz), real.
    method
        ``"linear"`` (the published tracing of the Ta film) or ``"spline"`` (the glass and the Pd
        particles).
    smoothing
        Standard deviation, in voxels, of a Gaussian with which the volume is convolved first; it
        is taken to be surrounded by zeros. 0: none.

    Raises
    ------
    InputError
        For an unknown method, or a volume with fewer than two (linear) or four (spline) voxels
        along an axis.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m,
    4_Tracing_and_classification/Main_polynomial_tracing.m (interp3). There the whole fine volume
    is stored, padded by ten zeros on each side.
    """
    if method not in ("linear", "spline"):
        raise InputError("upsampling", f"{method!r}", "'linear' or 'spline'")
    least = 2 if method == "linear" else 4
    array = np.asarray(array)
    if array.ndim != 3 or min(array.shape) < least:
        raise InputError(
            "volume",
            f"shape {array.shape}",
            f"at least {least} voxels along each axis for {method} upsampling",
        )
    tables = [_linear_weights(n) if method == "linear" else _spline_weights(n) for n in array.shape]
    if method == "spline":
        coefficients = np.array(array, dtype=np.float64, order="C")
        if smoothing > 0:
            gaussian_filter(coefficients, smoothing, output=coefficients, mode="constant")
        _to_spline_coefficients(coefficients)
    elif smoothing > 0:
        coefficients = gaussian_filter(array, smoothing, mode="constant")
    else:
        coefficients = np.ascontiguousarray(array)
    (sx, wx), (sy, wy), (sz, wz) = tables
    return FineGrid(coefficients, (sx, sy, sz), (wx, wy, wz))


def _linear_weights(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    fine = np.arange(fine_size(n)) + FIRST
    start = np.minimum(fine // FACTOR, n - 2)
    share = (fine - FACTOR * start) / FACTOR
    return start, np.stack([1 - share, share], axis=1)


def _knots(n: int) -> NDArray[np.float64]:
    """Knots of the not-a-knot cubic spline through 0 .. n - 1: all but the second at each end."""
    return np.concatenate([np.zeros(4), np.arange(2.0, n - 2), np.full(4, n - 1.0)])


def _spline_weights(n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    table = BSpline.design_matrix((np.arange(fine_size(n)) + FIRST) / FACTOR, _knots(n), 3)
    return table.indices.reshape(-1, 4)[:, 0].astype(np.int64), table.data.reshape(-1, 4)


def _to_spline_coefficients(coefficients: NDArray[np.float64]) -> None:
    """Replace the values at the voxels by the coefficients of their spline."""
    for axis in (0, 1, 2):
        n = coefficients.shape[axis]
        # Slabs along another axis, so that the solver's copies stay small.
        lines = np.moveaxis(coefficients, (axis, 1 if axis == 0 else 0), (0, 1))
        for slab in range(lines.shape[1]):
            lines[:, slab] = make_interp_spline(
                np.arange(float(n)), lines[:, slab], k=3, t=_knots(n)
            ).c


# Both kernels below do the same arithmetic in the same order: x, then y, then z. The weights of a
# point sum to one, so each sum is taken over differences from the first tap: a flat region stays
# exactly flat, and rounding does not break up a plateau into maxima.


@numba.njit(cache=True)
def _blend(base, a, weight):  # type: ignore[no-untyped-def]
    return weight * (np.float64(a) - base)


@numba.njit(cache=True, parallel=True)
def _planes(c, sx, wx, sy, wy, sz, wz, first, out):  # type: ignore[no-untyped-def]
    taps = wx.shape[1]
    ny, nz = c.shape[1], c.shape[2]
    for p in numba.prange(out.shape[0]):
        u = first + p
        if u < 0 or u >= len(sx):
            out[p] = 0.0
            continue
        sheet = np.empty((ny, nz))
        line = np.empty(nz)
        for j in range(ny):
            for k in range(nz):
                base = np.float64(c[sx[u], j, k])
                total = base
                for t in range(1, taps):
                    total += _blend(base, c[sx[u] + t, j, k], wx[u, t])
                sheet[j, k] = total
        for v in range(len(sy)):
            for k in range(nz):
                base = sheet[sy[v], k]
                total = base
                for t in range(1, taps):
                    total += _blend(base, sheet[sy[v] + t, k], wy[v, t])
                line[k] = total
            for w in range(len(sz)):
                base = line[sz[w]]
                total = base
                for t in range(1, taps):
                    total += _blend(base, line[sz[w] + t], wz[w, t])
                out[p, v, w] = total


@numba.njit(cache=True)
def fine_box(c, sx, wx, sy, wy, sz, wz, u0, v0, w0, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the fine values from (u0, v0, w0) on; zero beyond the grid. A kernel."""
    taps = wx.shape[1]
    out[:] = 0.0
    v1, v2 = max(v0, 0), min(v0 + out.shape[1], len(sy))
    w1, w2 = max(w0, 0), min(w0 + out.shape[2], len(sz))
    if v1 >= v2 or w1 >= w2:
        return
    y0, ny = sy[v1], sy[v2 - 1] + taps - sy[v1]
    z0, nz = sz[w1], sz[w2 - 1] + taps - sz[w1]
    sheet = np.empty((ny, nz))
    line = np.empty(nz)
    for u in range(max(u0, 0), min(u0 + out.shape[0], len(sx))):
        for j in range(ny):
            for k in range(nz):
                base = np.float64(c[sx[u], y0 + j, z0 + k])
                total = base
                for t in range(1, taps):
                    total += _blend(base, c[sx[u] + t, y0 + j, z0 + k], wx[u, t])
                sheet[j, k] = total
        for v in range(v1, v2):
            for k in range(nz):
                base = sheet[sy[v] - y0, k]
                total = base
                for t in range(1, taps):
                    total += _blend(base, sheet[sy[v] - y0 + t, k], wy[v, t])
                line[k] = total
            for w in range(w1, w2):
                base = line[sz[w] - z0]
                total = base
                for t in range(1, taps):
                    total += _blend(base, line[sz[w] - z0 + t], wz[w, t])
                out[u - u0, v - v0, w - w0] = total
