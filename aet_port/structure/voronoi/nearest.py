"""The points near one of them, nearest first, from columns of points."""

from __future__ import annotations

import numpy as np
from numba import njit

_FEW = 160  # number of values up to which ranking each among all is fastest


@njit(cache=True, error_model="numpy")
def gather_near(m, points, low, at, near, squares):  # type: ignore[no-untyped-def]
    """Points within reach of point m; their number, or minus it if they don't fit.

    ``at`` is the column of the last call and ``low`` where the search in the columns around it
    began; in one column points come in ascending order of z, so that it never goes back.
    """
    xs, ys, zs, _, start, shape, steps, reach = points
    nx, ny = shape
    x, y, z = xs[m], ys[m], zs[m]
    c = at[0]
    fresh = c < 0 or m >= start[c + 1] or m < start[c]
    if fresh:
        c = np.searchsorted(start, m, side="right") - 1
        at[0] = c
    cx, cy = c // ny, c % ny
    limit, last, found, q = reach * reach, len(near) - 1, 0, 0
    for ax in range(max(cx - steps, 0), min(cx + steps + 1, nx)):
        for ay in range(max(cy - steps, 0), min(cy + steps + 1, ny)):
            d = ax * ny + ay
            end = start[d + 1]
            if fresh:
                j = start[d] + np.searchsorted(zs[start[d] : end], z - reach)
            else:
                j = low[q]
                while j < end and zs[j] < z - reach:
                    j += 1
            low[q] = j
            q += 1
            while j < end and zs[j] <= z + reach:
                dx, dy, dz = xs[j] - x, ys[j] - y, zs[j] - z
                squared = dx * dx + dy * dy + dz * dz
                # Written always and kept if it counts: no branch for the processor to guess.
                to = min(found, last)
                near[to], squares[to] = j, squared
                found += (squared <= limit) & (j != m)
                j += 1
    return found if found <= last else -(found + 1)


@njit(cache=True, error_model="numpy")
def sort_near(m, points, found, near, squares, candidates, rows):  # type: ignore[no-untyped-def]
    """The points found in order of distance: coordinates from point m, squares, and rows."""
    xs, ys, zs, row = points[:4]
    x, y, z = xs[m], ys[m], zs[m]
    if found > _FEW:
        order = np.argsort(squares[:found], kind="mergesort")
        for rank in range(found):
            j = near[order[rank]]
            candidates[0, rank], candidates[1, rank] = xs[j] - x, ys[j] - y
            candidates[2, rank], candidates[3, rank] = zs[j] - z, squares[order[rank]]
            rows[rank] = row[j]
        return
    for k in range(found):
        squared, rank = squares[k], 0
        for other in range(k):
            rank += squares[other] <= squared
        for other in range(k + 1, found):
            rank += squares[other] < squared
        j = near[k]
        candidates[0, rank], candidates[1, rank] = xs[j] - x, ys[j] - y
        candidates[2, rank], candidates[3, rank] = zs[j] - z, squared
        rows[rank] = row[j]
