"""Sub-voxel position of a peak: the maximum of a weighted fourth-order polynomial.

Fine voxels within 3.5 voxels of a local maximum are fitted by a polynomial ``P`` in the distance
``d`` from the current position. The residuals have the weight ``exp(-d^2 / 9)``, so their squares
have ``exp(-2 d^2 / 9)``. The position then moves to the stationary point of the second-order part
of ``P``, by at most ``maximum_shift`` along each axis, and the fit is repeated. With the weight
fixed, a fit is a linear least-squares problem in 35 coefficients; it is solved exactly by its
normal equations, whose entries are the 165 weighted moments of the voxels up to order 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.tracing.peaks import ACCEPTED, LEFT_THE_BOX, NOT_A_MAXIMUM, NOT_SETTLED, TOO_CLOSE
from aet_port.tracing.settings import TRACE
from aet_port.tracing.upsampling import FineGrid, fine_box

RADIUS = 3  # fine voxels: half the box around a maximum, and the width of the weight
WIDTH = 2 * RADIUS + 1
DEGREE = 4
ORDERS = np.array(
    [
        (i, j, k)
        for i in range(DEGREE + 1)
        for j in range(DEGREE + 1)
        for k in range(DEGREE + 1)
        if i + j + k <= DEGREE
    ]
)
TERMS = len(ORDERS)
_I = {tuple(int(n) for n in order): place for place, order in enumerate(ORDERS)}
_X, _Y, _Z = _I[1, 0, 0], _I[0, 1, 0], _I[0, 0, 1]
_XX, _YY, _ZZ = _I[2, 0, 0], _I[0, 2, 0], _I[0, 0, 2]
_XY, _YZ, _XZ = _I[1, 1, 0], _I[0, 1, 1], _I[1, 0, 1]
# Half the height, in voxels, of the ball of radius 3.5 over each (x, y) of the box; -1: none.
_SIDE = np.arange(-RADIUS, RADIUS + 1)
_REACH = (RADIUS + 0.5) ** 2 - _SIDE[:, None] ** 2 - _SIDE[None, :] ** 2
_HALF = np.where(_REACH >= 0, np.floor(np.sqrt(np.maximum(_REACH, 0))), -1).astype(np.int64)


@dataclass(frozen=True)
class Fits:
    """Results of the independent fits, before peaks are compared with each other.

    ``shifts`` (n, 3) fine voxels from each maximum; ``flags`` (n,) int8; ``settled`` (n,): whether
    the fit converged, with small last steps; ``coefficients`` (n, 35).
    """

    shifts: NDArray[np.float64]
    flags: NDArray[np.int8]
    settled: NDArray[np.bool_]
    coefficients: NDArray[np.float64]


def evaluate_polynomial(
    points: ArrayLike, coefficients: ArrayLike, origin: ArrayLike = (0.0, 0.0, 0.0)
) -> NDArray[np.float64]:
    """Values of a fourth-order polynomial, ``sum_n c_n (x-x0)^i_n (y-y0)^j_n (z-z0)^k_n``.

    Parameters
    ----------
    points
        Shape (..., 3).
    coefficients
        Shape (35,), in the order of ``ORDERS``.
    origin
        Shape (3,).

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/calculate_3D_polynomial_Rogers.m
    """
    relative = np.asarray(points, dtype=np.float64) - np.asarray(origin, dtype=np.float64)
    powers = relative[..., None, :] ** ORDERS
    return powers.prod(axis=-1) @ np.asarray(coefficients, dtype=np.float64)


def stationary_point(coefficients: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Stationary point of the second-order part of each polynomial, ``-H^-1 g``.

    Parameters
    ----------
    coefficients
        Shape (n, 35), in the order of ``ORDERS``.

    Returns
    -------
    Points (n, 3), and whether the determinant of the matrix ``H`` of second derivatives is below
    zero, as at every maximum (and at a saddle point with one falling direction); otherwise the
    point is NaN.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/calc_dX_dY_dZ_Rogers.m, which returns -100 for NaN
    """
    table = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    points, falling = np.empty((len(table), 3)), np.empty(len(table), bool)
    for n, row in enumerate(table):
        falling[n] = _stationary(row, points[n])
        if not falling[n]:
            points[n] = np.nan
    return points, falling


def fit_peaks(
    grid: FineGrid,
    maxima: NDArray[np.int32],
    max_iterations: int = TRACE.max_iterations,
    settled_iterations: int = TRACE.settled_iterations,
    maximum_shift: float = TRACE.maximum_shift,
) -> Fits:
    """Fit each peak independently; the result does not depend on the number of threads.

    A peak is done (flag 0) once ``settled_iterations`` steps in a row were below
    ``maximum_shift``; it fails if the polynomial has no maximum (-1) or the position leaves the
    box (-2). After ``max_iterations`` its flag is -4, but one more step is taken, which may change
    the flag to -1 or -2; if that step makes the fit converge, the flag stays -4.

    Parameters
    ----------
    grid
        The upsampled volume.
    maxima
        Shape (n, 3), 0-based indices into the fine grid.
    max_iterations, settled_iterations
        See above.
    maximum_shift
        Largest step along each axis, fine voxels.

    Raises
    ------
    InputError
        If a number is not above zero.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/Main_polynomial_tracing.m,
    4_Atom_tracing/Main_atom_tracing_Ta_film.m. There lsqcurvefit solves each fit iteratively from
    the last coefficients; here it is solved exactly, which moves the published positions by about
    1e-6 voxel (at most 1e-4).
    """
    for name, value in (
        ("max_iterations", max_iterations),
        ("settled_iterations", settled_iterations),
        ("maximum_shift", maximum_shift),
    ):
        if not value > 0:
            raise InputError(name, f"{value}", "a number above zero")
    n = len(maxima)
    fits = Fits(np.zeros((n, 3)), np.zeros(n, np.int8), np.zeros(n, bool), np.zeros((n, TERMS)))
    _fit(  # type: ignore[call-arg]
        *grid.tables, np.ascontiguousarray(maxima, dtype=np.int64),
        max_iterations, settled_iterations, maximum_shift,
        fits.shifts, fits.flags, fits.settled, fits.coefficients,
    )  # fmt: skip
    return fits


def keep_apart(
    positions: NDArray[np.float64], fits: Fits, minimum_distance: float
) -> NDArray[np.int8]:
    """Flags after rejecting peaks too close to a brighter accepted one.

    Parameters
    ----------
    positions
        Shape (n, 3), fine voxels, brightest first.
    fits
        Fits of the same peaks.
    minimum_distance
        Smallest distance, fine voxels.

    Returns
    -------
    Shape (n,), int8: the flags of ``fits``, -3 for a converged peak closer than
    ``minimum_distance`` to a brighter one with flag 0.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m (the test inside its loop)
    """
    if not minimum_distance >= 0:
        raise InputError("minimum_distance", f"{minimum_distance}", "zero or more")
    flags = fits.flags.copy()
    if len(flags) and minimum_distance > 0:
        low, high = positions.min(axis=0), positions.max(axis=0)
        cell = max(minimum_distance, float((high - low).max()) / 200)  # at most 200^3 cells
        cells = np.floor((positions - low) / cell).astype(np.int64) + 1
        _keep_apart(positions, cells, fits.settled, minimum_distance, flags)
    return flags


@numba.njit(cache=True)
def _stationary(c, step):  # type: ignore[no-untyped-def]
    """Fill ``step``; False if the determinant of the second derivatives is not negative."""
    xx, yy, zz = 2 * c[_XX], 2 * c[_YY], 2 * c[_ZZ]
    xy, yz, xz = c[_XY], c[_YZ], c[_XZ]
    # The cofactors of the symmetric matrix of second derivatives give its inverse.
    f_xx, f_yy, f_zz = yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy
    f_xy, f_yz, f_xz = xz * yz - xy * zz, xy * xz - xx * yz, xy * yz - xz * yy
    determinant = xx * f_xx + xy * f_xy + xz * f_xz
    if not determinant < 0:
        return False
    step[0] = -(f_xx * c[_X] + f_xy * c[_Y] + f_xz * c[_Z]) / determinant
    step[1] = -(f_xy * c[_X] + f_yy * c[_Y] + f_yz * c[_Z]) / determinant
    step[2] = -(f_xz * c[_X] + f_yz * c[_Y] + f_zz * c[_Z]) / determinant
    return True


@numba.njit(cache=True)
def _moments(values, position, moments, right):  # type: ignore[no-untyped-def]
    """Weighted moments of the ball (up to order 8) and of its values (up to 4), axis by axis."""
    top = 2 * DEGREE + 1
    powers = np.empty((3, WIDTH, top))
    for axis in range(3):
        for i in range(WIDTH):
            d = i - RADIUS - position[axis]
            powers[axis, i, 0] = np.exp(-2 * d * d / RADIUS**2)
            for a in range(1, top):
                powers[axis, i, a] = powers[axis, i, a - 1] * d
    px, py, pz = powers[0], powers[1], powers[2]
    columns = np.empty((RADIUS + 1, top))  # sums along z, by half the height of the column
    for c in range(top):
        columns[0, c] = pz[RADIUS, c]
        for h in range(1, RADIUS + 1):
            columns[h, c] = columns[h - 1, c] + pz[RADIUS - h, c] + pz[RADIUS + h, c]
    moments[:] = 0.0
    right[:] = 0.0
    sheet = np.empty((top, top))
    sheet_right = np.empty((DEGREE + 1, DEGREE + 1))
    for i in range(WIDTH):
        sheet[:] = 0.0
        sheet_right[:] = 0.0
        for j in range(WIDTH):
            h = _HALF[i, j]
            if h < 0:
                continue
            for b in range(top):
                for c in range(top - b):
                    sheet[b, c] += py[j, b] * columns[h, c]
            for c in range(DEGREE + 1):
                total = 0.0
                for k in range(RADIUS - h, RADIUS + h + 1):
                    total += pz[k, c] * values[i, j, k]
                for b in range(DEGREE + 1 - c):
                    sheet_right[b, c] += py[j, b] * total
        for a in range(top):
            for b in range(top - a):
                for c in range(top - a - b):
                    moments[a, b, c] += px[i, a] * sheet[b, c]
        for a in range(DEGREE + 1):
            for b in range(DEGREE + 1 - a):
                for c in range(DEGREE + 1 - a - b):
                    right[a, b, c] += px[i, a] * sheet_right[b, c]


@numba.njit(cache=True, error_model="numpy")  # no test for zero pivots: a quarter faster
def _solve(moments, right, matrix, solution):  # type: ignore[no-untyped-def]
    """Coefficients from the moments by a Cholesky factorisation; only its upper half is used."""
    for p in range(TERMS):
        a, b, c = ORDERS[p, 0], ORDERS[p, 1], ORDERS[p, 2]
        solution[p] = right[a, b, c]
        for q in range(p, TERMS):
            matrix[p, q] = moments[a + ORDERS[q, 0], b + ORDERS[q, 1], c + ORDERS[q, 2]]
    for p in range(TERMS):
        pivot = np.sqrt(matrix[p, p])
        for q in range(p, TERMS):
            matrix[p, q] /= pivot
        solution[p] /= pivot
        for q in range(p + 1, TERMS):
            factor = matrix[p, q]
            solution[q] -= factor * solution[p]
            for r in range(q, TERMS):
                matrix[q, r] -= factor * matrix[p, r]
    for p in range(TERMS - 1, -1, -1):
        total = solution[p]
        for q in range(p + 1, TERMS):
            total -= matrix[p, q] * solution[q]
        solution[p] = total / matrix[p, p]


@numba.njit(cache=True)
def _fit_one(values, rounds, calm, limit, position, coefficients):  # type: ignore[no-untyped-def]
    """Fit one box of values; fills ``position`` and ``coefficients``, returns flag and settled."""
    moments = np.empty((2 * DEGREE + 1, 2 * DEGREE + 1, 2 * DEGREE + 1))
    right = np.empty((DEGREE + 1, DEGREE + 1, DEGREE + 1))
    matrix = np.empty((TERMS, TERMS))
    step = np.empty(3)
    quiet = 0
    for number in range(rounds + 1):
        _moments(values, position, moments, right)
        _solve(moments, right, matrix, coefficients)
        if not _stationary(coefficients, step):
            return NOT_A_MAXIMUM, False
        largest = 0.0
        farthest = 0.0
        for a in range(3):
            move = min(max(step[a], -limit), limit)
            position[a] += move
            largest = max(largest, abs(move))
            farthest = max(farthest, abs(position[a]))
        if farthest > RADIUS:
            return LEFT_THE_BOX, False
        quiet = quiet + 1 if largest < limit else 0
        if quiet == calm:
            return (ACCEPTED if number < rounds else NOT_SETTLED), True
    return NOT_SETTLED, False


@numba.njit(cache=True, parallel=True)
def _fit(c, sx, wx, sy, wy, sz, wz, maxima, rounds, calm, limit, shifts, flags, settled, last):  # type: ignore[no-untyped-def]
    for n in numba.prange(len(maxima)):
        values = np.empty((WIDTH, WIDTH, WIDTH))
        u, v, w = maxima[n, 0] - RADIUS, maxima[n, 1] - RADIUS, maxima[n, 2] - RADIUS
        fine_box(c, sx, wx, sy, wy, sz, wz, u, v, w, values)
        flags[n], settled[n] = _fit_one(values, rounds, calm, limit, shifts[n], last[n])


@numba.njit(cache=True)
def _keep_apart(positions, cells, settled, distance, flags):  # type: ignore[no-untyped-def]
    # One empty cell on each side, so that the neighbours of every cell exist.
    head = np.full((cells[:, 0].max() + 2, cells[:, 1].max() + 2, cells[:, 2].max() + 2), -1)
    behind = np.full(len(flags), -1)
    for n in range(len(flags)):
        if not settled[n]:
            continue
        x, y, z = cells[n]
        near = False
        for a in range(x - 1, x + 2):
            for b in range(y - 1, y + 2):
                for c in range(z - 1, z + 2):
                    m = head[a, b, c]
                    while m >= 0 and not near:
                        gap = np.sqrt(
                            (positions[m, 0] - positions[n, 0]) ** 2
                            + (positions[m, 1] - positions[n, 1]) ** 2
                            + (positions[m, 2] - positions[n, 2]) ** 2
                        )
                        near = gap < distance
                        m = behind[m]
        if near:
            flags[n] = TOO_CLOSE
        elif flags[n] == ACCEPTED:
            behind[n] = head[x, y, z]
            head[x, y, z] = n
