"""The reference's areas of five-edged Voronoi faces, which depend on where a face starts."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def rank_table(rows):  # type: ignore[no-untyped-def]
    """Hash table from four ascending atoms to the (first) row that holds them."""
    size = 1
    while size < 2 * len(rows):
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    for r in range(len(rows)):
        a, b, c, d = rows[r]
        k = _hash(a, b, c, d, size)
        while slots[k] >= 0 and (rows[slots[k]] != rows[r]).any():
            k = (k + 1) & (size - 1)
        if slots[k] < 0:
            slots[k] = r
    return rows, slots


@njit(cache=True)
def quirk_areas(cell, self, owner, rows, slots):  # type: ignore[no-untyped-def]
    """Replace the areas of faces of five vertices by the reference's."""
    row, corner, vertex, size = cell.row, cell.corner, cell.vertex, cell.size
    loop, area, edges = cell.loop, cell.area, cell.edges
    four, w = np.empty(4, dtype=np.int64), np.empty((5, 3))
    for f in range(4, size[0]):
        if edges[f] < 0 or loop[f, -1] != 5:
            continue
        lowest, start = len(rows) + 1, 0
        for k in range(5):
            t = loop[f, k]
            four[0] = self
            for r in range(3):
                four[1 + r] = owner[row[corner[t, r]]]
            rank = _rank(four, rows, slots)
            if rank < lowest:
                lowest, start = rank, k
        for k in range(5):
            for r in range(3):
                w[k, r] = vertex[r, loop[f, (start + k) % 5]]
        area[f] = _five_edged_area(w)


@njit(cache=True)
def _five_edged_area(w):  # type: ignore[no-untyped-def]
    """The reference's area of five corners ``w`` (5, 3), the first of which it starts from.

    It multiplies the two 3 x 3 arrays of the fan's sides by a cross product that runs along the
    corners where it should run along x, y, z.
    """
    total = 0.0
    for r in range(3):
        i, j = (r + 1) % 3, (r + 2) % 3
        squared = 0.0
        for c in range(3):
            along = w[:, c] - w[0, c]
            entry = along[1 + i] * along[2 + j] - along[1 + j] * along[2 + i]
            squared += entry * entry
        total += np.sqrt(squared)
    return total / 2


@njit(cache=True)
def _rank(four, rows, slots):  # type: ignore[no-untyped-def]
    """Row of the table that holds the atoms ``four`` (sorted here); their number if none does."""
    four.sort()
    size = len(slots)
    k = _hash(four[0], four[1], four[2], four[3], size)
    while slots[k] >= 0:
        r = slots[k]
        if (
            rows[r, 0] == four[0]
            and rows[r, 1] == four[1]
            and rows[r, 2] == four[2]
            and rows[r, 3] == four[3]
        ):
            return r
        k = (k + 1) & (size - 1)
    return len(rows)


@njit(cache=True)
def _hash(a, b, c, d, size):  # type: ignore[no-untyped-def]
    return (((a * 73856093) ^ (b * 19349663)) ^ ((c * 83492791) ^ (d * 50331653))) & (size - 1)
