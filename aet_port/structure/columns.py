"""Points sorted into columns along z: the data structure behind every search for near atoms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core.extents import check_extent
from aet_port.core.limits import LARGEST_EXTENT
from aet_port.core.memory import check_memory

PER_POINT = 4  # columns per point at most
FEWEST = 1024  # columns that any number of points may have
USUAL = 24  # near points for which there is room at first
SHORTER = "a shorter cut-off (--cutoff): neighbours are a few angstrom away"
_COUNTED = 1e3 * LARGEST_EXTENT  # angstrom: images of the atoms of a large box lie within
_MOVES = 8  # of a value, on average, from which on a column is sorted by merging


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

    Raises
    ------
    InputError
        For coordinates that are NaN or infinite.
    """
    n = len(positions)
    width *= 1 + 1e-9  # for the rounding of places
    places = positions
    most = max(PER_POINT * n, FEWEST)
    low, high = extent_of(places)
    if number_of_cells((high - low)[:2], width) > most:
        places = close_gaps(positions, 2 * reach)
        low, high = extent_of(places)
        while number_of_cells((high - low)[:2], width) > most:
            width *= 1.5
    shape = ((high - low)[:2] // width).astype(np.int64) + 1
    order, start = np.empty(n, dtype=np.int64), np.zeros(shape.prod() + 1, dtype=np.int64)
    _sort(places, positions, low, high, width, shape, order, start)
    x, y, z = _taken(positions, order)
    return Columns(x, y, z, order, start, shape, int(np.ceil(reach / width)))


def extent_of(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest coordinates of points (n, 3), checked before they become whole numbers.

    Raises
    ------
    InputError
        For coordinates that are NaN or infinite, or so large that cells couldn't be counted.
    """
    low, high = _bounds(points)
    if not (np.abs([low, high]) < _COUNTED).all():
        check_extent(points)
    return low, high


def number_of_cells(extent: NDArray[np.float64], size: float) -> float:
    """How many cells cover an extent; a floating point number, which has no largest value."""
    return float(np.prod(np.floor(extent / size) + 1))


@njit(cache=True, error_model="numpy")
def _bounds(points):  # type: ignore[no-untyped-def]
    """Least and largest coordinates of points (n, 3), faster than NumPy's; NaN if one is."""
    low, high, wrong = np.full(3, np.inf), np.full(3, -np.inf), np.zeros(3, dtype=np.bool_)
    for i in range(len(points)):
        for c in range(3):
            value = points[i, c]
            low[c], high[c] = min(low[c], value), max(high[c], value)
            wrong[c] |= value != value
    for c in range(3):
        if wrong[c]:
            low[c] = np.nan
    return low, high


@njit(cache=True, error_model="numpy")
def _sort(places, positions, origin, high, width, shape, order, start):  # type: ignore[no-untyped-def]
    """Counting sort of the points by column; those of a column by z."""
    n = len(places)
    # First by height in thin layers, so that columns come out nearly sorted.
    thin = max((high[2] - origin[2]) / n * 2, 1e-300)
    layer, begins = np.empty(n, dtype=np.int64), np.zeros(n + 2, dtype=np.int64)
    column = np.empty(n, dtype=np.int64)
    for i in range(n):
        layer[i] = min(int((places[i, 2] - origin[2]) / thin), n)
        begins[layer[i] + 1] += 1
        cx = min(int((places[i, 0] - origin[0]) / width), shape[0] - 1)
        cy = min(int((places[i, 1] - origin[1]) / width), shape[1] - 1)
        column[i] = cx * shape[1] + cy
        start[column[i] + 1] += 1
    for k in range(1, n + 2):
        begins[k] += begins[k - 1]
    for c in range(1, len(start)):
        start[c] += start[c - 1]
    rising = np.empty(n, dtype=np.int64)
    for i in range(n):
        rising[begins[layer[i]]] = i
        begins[layer[i]] += 1
    place, height = start.copy(), np.empty(n)
    for k in range(n):
        i = rising[k]
        m = place[column[i]]
        order[m], height[m] = i, positions[i, 2]
        place[column[i]] += 1
    for c in range(len(start) - 1):
        first, last = start[c], start[c + 1]
        moves, most = 0, _MOVES * (last - first)
        for k in range(first + 1, last):
            i, z, m = order[k], height[k], k
            while m > first and height[m - 1] > z:
                order[m], height[m] = order[m - 1], height[m - 1]
                m -= 1
            order[m], height[m] = i, z
            moves += k - m
            if moves > most:
                sort = np.argsort(height[first:last], kind="mergesort")
                order[first:last] = order[first:last][sort]
                break


@njit(cache=True, error_model="numpy")
def _taken(positions, order):  # type: ignore[no-untyped-def]
    """Coordinates in the order of the columns."""
    n = len(order)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    for m in range(n):
        x[m], y[m], z[m] = positions[order[m], 0], positions[order[m], 1], positions[order[m], 2]
    return x, y, z


def near_rows(
    positions: NDArray[np.float64],
    atom: NDArray[np.int64],
    n: int,
    cutoff: float,
    *,
    once: bool = True,
    width: float | None = None,
    most: int | None = None,
    beside: bool = False,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """For each of ``n`` atoms, which points are closer than or at ``cutoff``.

    Parameters
    ----------
    positions
        Shape (m, 3): the atoms, then their periodic images as far as ``cutoff`` around the cell.
    atom
        Shape (m,): which atom each point is.
    cutoff
        Angstrom.
    once
        List a pair with the atom of lower index only; else with both, and each atom with itself.
    width
        Of the columns into which the points are sorted, angstrom; the cut-off unless given.
    most
        Largest number for one atom that is of use; where there are more, rows are cut.
    beside
        Search on one thread and without the interpreter's lock, beside other work of the process.

    Returns
    -------
    Array (n, k) whose row i begins with the points found for atom i, in the order of their columns,
    and array (n,) of how many there are. The rest of a row is undefined.

    Raises
    ------
    InputError
        If the memory is too small for so many neighbours.
    """
    columns = sort_columns(positions, cutoff, cutoff if width is None else width)
    owner = atom[columns.row]
    count = np.zeros(n, dtype=np.int64)
    room = USUAL
    while True:
        # One column more, for what is written after the last neighbour.
        hits = np.empty((n, room + 1), dtype=np.int32)
        search = _search_alone if beside else _search
        search(tuple(columns), owner, float(cutoff), once, hits, count)
        if count.max(initial=0) <= room or (most is not None and count.max() > most):
            return hits, count
        room = int(count.max())
        check_memory("cutoff", 4.0 * n * (room + 1), SHORTER)


@njit(cache=True, parallel=True, error_model="numpy")
def _search(columns, owner, cutoff, once, hits, count):  # type: ignore[no-untyped-def]
    """Points near each atom, as far as there is room, and how many there are."""
    for c in prange(len(columns[4]) - 1):
        _search_column(c, columns, owner, cutoff, once, hits, count)


@njit(cache=True, error_model="numpy", nogil=True)
def _search_alone(columns, owner, cutoff, once, hits, count):  # type: ignore[no-untyped-def]
    """The same on one thread. Numba's own threads serve only one thread of Python at a time."""
    for c in range(len(columns[4]) - 1):
        _search_column(c, columns, owner, cutoff, once, hits, count)


@njit(cache=True, error_model="numpy")
def _search_column(c, columns, owner, cutoff, once, hits, count):  # type: ignore[no-untyped-def]
    """Points near the atoms of one column, whose windows in z move upwards."""
    xs, ys, zs, row, start, shape, steps = columns
    nx, ny = shape
    limit, last, n = cutoff * cutoff, np.uint64(hits.shape[1] - 1), len(hits)
    cx, cy = c // ny, c % ny
    for m in range(start[c], start[c + 1]):
        if row[m] < n:
            count[row[m]] = 0
    for ax in range(max(cx - steps, 0), min(cx + steps + 1, nx)):
        for ay in range(max(cy - steps, 0), min(cy + steps + 1, ny)):
            low, end = start[ax * ny + ay], start[ax * ny + ay + 1]
            high = low
            for m in range(start[c], start[c + 1]):
                if row[m] >= n:  # an image
                    continue
                i = np.uint64(row[m])
                x, y, z = xs[m], ys[m], zs[m]
                least = row[m] + 1 if once else 0
                while low < end and zs[low] < z - cutoff:
                    low += 1
                while high < end and zs[high] <= z + cutoff:
                    high += 1
                found = np.uint64(count[i])
                # Numbers without a sign: no test whether they count from the end of an array.
                for j in range(np.uint64(low), np.uint64(high)):
                    dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                    # Written always and kept if it counts: no branch for the processor to guess.
                    # A pair may be seen from both ends, each with the other's image.
                    hits[i, min(found, last)] = row[j]
                    near = (dx * dx + dy * dy + dz * dz <= limit) & (owner[j] >= least)
                    found += np.uint64(near)
                count[i] = found
