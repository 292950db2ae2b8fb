"""Points sorted into cubic cells, as many as there are points, however far apart these are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.structure.columns import close_gaps, extent_of, number_of_cells

PER_POINT = 2  # cells per point at most
FEWEST = 1024  # cells that any number of points may have


@dataclass(frozen=True)
class Cells:
    """Points sorted into cubic cells: the points of cell c are ``order[start[c]:start[c + 1]]``.

    ``places`` are the coordinates by which they are sorted: those of the points, or with wide gaps
    between these closed.
    """

    places: NDArray[np.float64]
    origin: NDArray[np.float64]
    size: float
    shape: NDArray[np.int64]
    order: NDArray[np.int64]
    start: NDArray[np.int64]


def cell_list(positions: NDArray[np.float64], size: float, reach: float | None = None) -> Cells:
    """Sort points (n, 3) into cubic cells of at least ``size`` angstrom.

    Parameters
    ----------
    reach
        How far apart points are looked for, angstrom; ``size`` unless given. Wider gaps between
        points are closed where there would be many more cells than points; none is if it is
        infinite, for searches around other places than the points.

    Raises
    ------
    InputError
        For coordinates that are NaN or infinite.
    """
    places = positions
    most = max(PER_POINT * len(positions), FEWEST)
    low, high = extent_of(places)
    if number_of_cells(high - low, size) > most:
        places = close_gaps(positions, 2 * (size if reach is None else reach))
        low, high = extent_of(places)
    while number_of_cells(high - low, size) > most:
        size *= 1.25
    shape = ((high - low) // size).astype(np.int64) + 1
    order = np.empty(len(places), dtype=np.int64)
    start = np.zeros(shape.prod() + 1, dtype=np.int64)
    _sort_into_cells(places, low, size, shape, order, start)
    return Cells(places, low, size, shape, order, start)


@njit(cache=True)
def _sort_into_cells(positions, origin, size, shape, order, start):  # type: ignore[no-untyped-def]
    """Counting sort of the points by cell, those of a cell in their order."""
    cell = np.empty(len(positions), dtype=np.int64)
    for i in range(len(positions)):
        cx = int((positions[i, 0] - origin[0]) // size)
        cy = int((positions[i, 1] - origin[1]) // size)
        cz = int((positions[i, 2] - origin[2]) // size)
        cell[i] = (cx * shape[1] + cy) * shape[2] + cz
        start[cell[i] + 1] += 1
    for c in range(1, len(start)):
        start[c] += start[c - 1]
    place = start.copy()
    for i in range(len(positions)):
        order[place[cell[i]]] = i
        place[cell[i]] += 1
