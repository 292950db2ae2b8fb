"""Points sorted into columns along z: the data structure behind every search for near atoms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

PER_POINT = 4  # columns per point at most
FEWEST = 1024  # columns that any number of points may have
_FEW = 48  # number of values up to which insertion sort is fastest


class Columns(NamedTuple):
    """Points in square columns along z, those of column c from ``start[c]`` to ``start[c + 1]``.

    Attributes
    ----------
    x, y, z
        Shape (n,): coordinates in this order, within a column ascending in z, angstrom.
    row
        Shape (n,): which of the given points each one is.
    start
        Shape (nx ny + 1,): where each column begins; column ``(i, j)`` is number ``i ny + j``.
    shape
        Shape (2,): nx and ny.
    steps
        How many columns away, in x and in y, points within reach can be.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    shape: NDArray[np.int64]
    steps: int


def close_gaps(points: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Coordinates in which empty space wider than ``reach`` is as wide as that, for sorting only.

    Points within reach of each other keep their distance along each axis, others come no nearer
    than ``reach`` along the axis along which a gap between them was closed. A lone far point then
    costs no more cells than a near one.

    Parameters
    ----------
    points
        Shape (n, 3), angstrom.
    reach
        Angstrom.
    """
    closed = np.empty_like(points)
    for axis in range(points.shape[1]):
        order = np.argsort(points[:, axis], kind="stable")
        values = points[order, axis]
        wide = np.maximum(np.diff(values, prepend=values[0]) - reach, 0.0)
        closed[order, axis] = values - np.cumsum(wide)
    return closed


def sort_columns(positions: NDArray[np.float64], reach: float, width: float) -> Columns:
    """Sort points (n, 3) into columns about ``width`` wide, for searches within ``reach`` angstrom.

    There are never more columns than a few for each point, however far apart these are.
    """
    n = len(positions)
    width *= 1 + 1e-9  # for the rounding of places
    places = positions
    most = max(PER_POINT * n, FEWEST)
    if _number(places, width) > most:
        places = close_gaps(positions, 2 * reach)
        while _number(places, width) > most:
            width *= 2
    origin = places.min(axis=0)
    shape = ((places.max(axis=0) - origin)[:2] // width).astype(np.int64) + 1
    order, start = np.empty(n, dtype=np.int64), np.zeros(shape.prod() + 1, dtype=np.int64)
    _sort(places, positions, origin, width, shape, order, start)
    x, y, z = _taken(positions, order)
    return Columns(x, y, z, order, start, shape, int(np.ceil(reach / width)))


def _number(places: NDArray[np.float64], width: float) -> float:
    extent = np.ptp(places[:, :2], axis=0)
    return float(np.prod(np.floor(extent / width) + 1))


@njit(cache=True, error_model="numpy")
def _sort(places, positions, origin, width, shape, order, start):  # type: ignore[no-untyped-def]
    """Counting sort of the points by column; those of a column by z, equal ones in their order."""
    n = len(places)
    column = np.empty(n, dtype=np.int64)
    for i in range(n):
        cx = min(int((places[i, 0] - origin[0]) / width), shape[0] - 1)
        cy = min(int((places[i, 1] - origin[1]) / width), shape[1] - 1)
        column[i] = cx * shape[1] + cy
        start[column[i] + 1] += 1
    for c in range(1, len(start)):
        start[c] += start[c - 1]
    place = start.copy()
    height = np.empty(n)
    for i in range(n):
        m = place[column[i]]
        order[m], height[m] = i, positions[i, 2]
        place[column[i]] += 1
    for c in range(len(start) - 1):
        first, last = start[c], start[c + 1]
        if last - first > _FEW:
            sort = np.argsort(height[first:last], kind="mergesort")
            order[first:last] = order[first:last][sort]
            continue
        for k in range(first + 1, last):
            i, z, m = order[k], height[k], k
            while m > first and height[m - 1] > z:
                order[m], height[m] = order[m - 1], height[m - 1]
                m -= 1
            order[m], height[m] = i, z


@njit(cache=True, error_model="numpy")
def _taken(positions, order):  # type: ignore[no-untyped-def]
    """Coordinates in the order of the columns."""
    n = len(order)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    for m in range(n):
        x[m], y[m], z[m] = positions[order[m], 0], positions[order[m], 1], positions[order[m], 2]
    return x, y, z
