"""Delaunay triangulation by inserting one point after the other (Bowyer and Watson)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.structure.voronoi.exact_predicates import BITS, in_sphere, orientation

FIRST = 1000  # points that are inserted before all others, spread over the sample
GROWTH = 8  # of points from each round of insertion to the next


@njit(cache=True)
def whole_coordinates(points):  # type: ignore[no-untyped-def]
    """Points (n, 3) in whole multiples of a power of two, from 0 to at most 2^48 of them.

    The grid is finer than 1e-14 of the extent of the points.
    """
    extent = 0.0
    for c in range(3):
        extent = max(extent, points[:, c].max() - points[:, c].min())
    unit = math.ldexp(1.0, BITS - math.frexp(extent)[1])
    whole = np.rint(points * unit)
    for c in range(3):
        whole[:, c] -= whole[:, c].min()
    return whole


def insertion_order(whole: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order of points along Hilbert curves, of a few points first, then more and more.

    Each point then lies near the one before, and the few points keep the tetrahedra compact while
    part of the sample has no points yet.
    """
    n = len(whole)
    place = np.argsort(_hilbert(whole), kind="stable")
    rank = np.empty(n, dtype=np.int64)
    rank[place] = np.arange(n)
    level, size = np.zeros(n, dtype=np.int64), FIRST
    # A fixed shuffle, so that the result depends on nothing else.
    shuffled = np.random.default_rng(0).permutation(n)
    while size < n:
        level[shuffled[size:]] += 1
        size *= GROWTH
    return np.lexsort((rank, level))


def tetrahedralise(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]] | None:
    """Delaunay tetrahedra of points (n, 3), at least four.

    The points are inserted one by one: the tetrahedra whose spheres contain the new point give way
    to those that join it to their outer faces [1]_. Signs of determinants are exact, for positions
    rounded to 1e-14 of the extent, so that neither clusters nor perfect lattices nor planes can
    fail. A point on a sphere counts as outside; a polyhedron with more than four corners on one
    sphere is therefore divided in a way that depends on the order of insertion, which is fixed.
    Takes 60 bytes per tetrahedron.

    Returns
    -------
    Tetrahedra (m, 4), right-handed; their neighbours (m, 4) across the face opposite each corner,
    -1 for none; and the points at the place of another one, ascending. None if all points lie in a
    plane.

    Notes
    -----
    MATLAB: the built-in ``delaunayTriangulation``

    References
    ----------
    .. [1] D. F. Watson, "Computing the n-dimensional Delaunay tessellation with application to
       Voronoi polytopes", The Computer Journal 24, 167 (1981).
    """
    whole = whole_coordinates(np.ascontiguousarray(points))
    order = _with_four_first(whole, insertion_order(whole))
    if not len(order):
        return None
    simplices, neighbours, twins = _insert_all(whole[order])
    return order[simplices].astype(np.int32), neighbours, np.sort(order[twins])


def stars(points: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Delaunay tetrahedra at the first point of each of several small groups of points.

    Parameters
    ----------
    points
        Shape (n, 3).
    start
        Shape (k + 1,): group i is ``points[start[i]:start[i + 1]]``.

    Returns
    -------
    Shape (m, 4): rows of ``points``, group by group; none for a group without a volume.

    Notes
    -----
    MATLAB: none
    """
    return _stars(np.ascontiguousarray(points), start)


@njit(cache=True)
def _stars(points, start):  # type: ignore[no-untyped-def]
    rows = np.empty((1024, 4), dtype=np.int64)
    found = 0
    for g in range(len(start) - 1):
        whole = whole_coordinates(points[start[g] : start[g + 1]])
        order = _with_four_first(whole, np.arange(len(whole)))
        if not len(order):
            continue
        simplices = _insert_all(whole[order])[0]
        if found + len(simplices) > len(rows):
            rows = _grown(rows, 2 * len(rows) + len(simplices))
        for t in range(len(simplices)):
            least = len(order)
            for c in range(4):
                row = order[simplices[t, c]]
                rows[found, c] = start[g] + row
                least = min(least, row)
            found += least == 0
    return rows[:found]


@njit(cache=True)
def _with_four_first(whole, order):  # type: ignore[no-untyped-def]
    """The order, begun with a right-handed tetrahedron; empty if all points lie in a plane."""
    n = len(whole)
    a = int(order[0])
    away = whole - whole[a]
    b, c, d = 0, 0, 0
    longest = 0.0
    for i in range(n):
        length = away[i, 0] ** 2 + away[i, 1] ** 2 + away[i, 2] ** 2
        if length > longest:
            longest, b = length, i
    longest = 0.0
    for i in range(n):
        length = (np.cross(away[i], away[b]) ** 2).sum()
        if length > longest:
            longest, c = length, i
    normal = np.cross(away[b], away[c])
    longest, sign = -1.0, 0
    for i in range(n):
        height = abs((away[i] * normal).sum())
        # Rounding may have made the highest one; then any will do.
        if height > longest or sign == 0:
            side = orientation(whole, a, b, c, i)
            if side != 0:
                longest, d, sign = height, i, side
    if sign == 0:
        return order[:0]
    result = np.empty(n, dtype=np.int64)
    result[0], result[1], result[2], result[3] = a, b, c, d
    if sign < 0:
        result[0], result[1] = b, a
    k = 4
    for i in order:
        if i != a and i != b and i != c and i != d:
            result[k] = i
            k += 1
    return result


@njit(cache=True)
def _hilbert(whole):  # type: ignore[no-untyped-def]
    """Place of each point along a Hilbert curve with 2^20 cells along each axis (J. Skilling)."""
    bits = 20
    place = np.empty(len(whole), dtype=np.int64)
    x = np.empty(3, dtype=np.int64)
    for i in range(len(whole)):
        for c in range(3):
            x[c] = min(np.int64(whole[i, c]) >> (BITS - bits), (1 << bits) - 1)  # type: ignore[call-overload]
        q = 1 << (bits - 1)
        while q > 1:
            low = q - 1
            for c in range(3):
                if x[c] & q:
                    x[0] ^= low
                else:
                    t = (x[0] ^ x[c]) & low
                    x[0] ^= t
                    x[c] ^= t
            q >>= 1
        x[1] ^= x[0]
        x[2] ^= x[1]
        t = 0
        q = 1 << (bits - 1)
        while q > 1:
            if x[2] & q:
                t ^= q - 1
            q >>= 1
        key = 0
        for b in range(bits - 1, -1, -1):
            for c in range(3):
                key = (key << 1) | (((x[c] ^ t) >> b) & 1)
        place[i] = key
    return place


@njit(cache=True)
def _side(points, corner, t, k, p):  # type: ignore[no-untyped-def]
    """Orientation of tetrahedron t with point p in the place of its corner k."""
    a = p if k == 0 else corner[t, 0]
    b = p if k == 1 else corner[t, 1]
    c = p if k == 2 else corner[t, 2]
    d = p if k == 3 else corner[t, 3]
    return orientation(points, a, b, c, d)


@njit(cache=True)
def _slot(row, value):  # type: ignore[no-untyped-def]
    """Where in a row of four a value stands; 4 if nowhere."""
    for k in range(4):
        if row[k] == value:
            return k
    return 4


@njit(cache=True)
def _contains(points, corner, beside, t, p):  # type: ignore[no-untyped-def]
    """Whether p lies in the sphere of a tetrahedron, or beyond the face of one at the outside."""
    outside = _slot(corner[t], len(points))
    if outside < 4:
        side = _side(points, corner, t, outside, p)
        if side != 0:
            return side > 0
        # In the plane of the face: in its circle, which is that of the sphere within.
        t = beside[t, outside]
    return in_sphere(points, corner[t, 0], corner[t, 1], corner[t, 2], corner[t, 3], p) > 0


@njit(cache=True)
def _locate(points, corner, beside, t, p):  # type: ignore[no-untyped-def]
    """Walk from tetrahedron t to the one that holds p, or to one outside that p lies beyond."""
    outside = _slot(corner[t], len(points))
    if outside < 4:
        t = beside[t, outside]
    before = -1
    while True:
        onward = -1
        for k in range(4):
            u = beside[t, k]
            if u != before and _side(points, corner, t, k, p) < 0:
                onward = u
                break
        if onward < 0:
            return t
        before, t = t, onward
        if _slot(corner[t], len(points)) < 4:
            return t


@njit(cache=True)
def _grown(array, rows):  # type: ignore[no-untyped-def]
    result = np.empty((rows, array.shape[1]), dtype=array.dtype)
    result[: len(array)] = array
    return result


@njit(cache=True)
def _start(corner, beside, n):  # type: ignore[no-untyped-def]
    """The first tetrahedron, and one beyond each of its faces to the point at infinity, n."""
    for k in range(4):
        corner[0, k], beside[0, k] = k, k + 1
    for k in range(4):
        # Two corners are exchanged, so that these are right-handed too.
        i, j = (k + 1) % 4, (k + 2) % 4
        for c in range(4):
            corner[k + 1, c], beside[k + 1, c] = c, c + 1
        corner[k + 1, k], beside[k + 1, k] = n, 0
        corner[k + 1, i], beside[k + 1, i] = j, j + 1
        corner[k + 1, j], beside[k + 1, j] = i, i + 1


@njit(cache=True)
def _insert_all(points):  # type: ignore[no-untyped-def]
    """Tetrahedra, neighbours and twins of points, of which the first four span a volume."""
    n = len(points)
    room = 8 * n + 64
    corner, beside = np.empty((room, 4), dtype=np.int32), np.empty((room, 4), dtype=np.int32)
    made = np.empty((room, 4), dtype=np.int32)  # the new tetrahedron on a face
    mark = np.zeros((room, 1), dtype=np.int32)
    free = np.empty((room, 1), dtype=np.int32)
    n_free, used = 0, 5
    cavity, rim = np.empty((1024, 1), dtype=np.int32), np.empty((1024, 2), dtype=np.int32)
    twins = np.empty(n, dtype=np.int64)
    n_twins = 0
    _start(corner, beside, n)
    last = 0
    for p in range(4, n):
        t = _locate(points, corner, beside, last, p)
        if not _contains(points, corner, beside, t, p):  # it is one of the corners
            twins[n_twins] = p
            n_twins += 1
            continue
        # The tetrahedra that give way, and their outer faces (the tetrahedron and which one).
        gone, kept = 2 * (p - 3), 2 * (p - 3) + 1
        n_cavity, n_rim, head = 1, 0, 0
        cavity[0, 0] = t
        mark[t, 0] = gone
        while head < n_cavity:
            t = cavity[head, 0]
            head += 1
            if n_cavity + 4 > len(cavity):
                cavity = _grown(cavity, 2 * len(cavity))
            if n_rim + 4 > len(rim):
                rim = _grown(rim, 2 * len(rim))
            for k in range(4):
                u = beside[t, k]
                if mark[u, 0] == gone:
                    continue
                if mark[u, 0] != kept and _contains(points, corner, beside, u, p):
                    mark[u, 0] = gone
                    cavity[n_cavity, 0] = u
                    n_cavity += 1
                else:
                    mark[u, 0] = kept
                    rim[n_rim, 0], rim[n_rim, 1] = t, k
                    n_rim += 1
        if used + n_rim > len(corner):
            rows = 2 * len(corner) + n_rim
            corner, beside, made = _grown(corner, rows), _grown(beside, rows), _grown(made, rows)
            mark, free = _grown(mark, rows), _grown(free, rows)
        for f in range(n_rim):
            t, k = rim[f, 0], rim[f, 1]
            if n_free:
                n_free -= 1
                new = free[n_free, 0]
            else:
                new = used
                used += 1
            u = beside[t, k]
            for c in range(4):
                corner[new, c], beside[new, c] = corner[t, c], -1
            corner[new, k], beside[new, k] = p, u
            beside[u, _slot(beside[u], t)] = new
            made[t, k] = new
            mark[new, 0] = 0
        for f in range(n_rim):
            t, k = rim[f, 0], rim[f, 1]
            new = made[t, k]
            for out in range(4):
                if beside[new, out] >= 0:
                    continue
                # Around the edge that the face has in common with the next one of the rim.
                here, way, pivot = t, out, corner[t, k]
                there = beside[here, way]
                while mark[there, 0] == gone:
                    apex = corner[there, _slot(beside[there], here)]
                    way = _slot(corner[there], pivot)
                    here, pivot = there, apex
                    there = beside[here, way]
                other = made[here, way]
                beside[new, out] = other
                beside[other, _slot(corner[here], pivot)] = new
        for c in range(n_cavity):
            free[n_free, 0] = cavity[c, 0]
            corner[cavity[c, 0], 0] = -1
            n_free += 1
        last = made[rim[0, 0], rim[0, 1]]
    # Without those to the point at infinity.
    number = made[:, 0]
    m = 0
    for t in range(used):
        number[t] = -1
        if corner[t, 0] >= 0 and _slot(corner[t], n) == 4:
            number[t] = m
            m += 1
    simplices, neighbours = np.empty((m, 4), dtype=np.int32), np.empty((m, 4), dtype=np.int32)
    for t in range(used):
        if number[t] >= 0:
            for k in range(4):
                simplices[number[t], k] = corner[t, k]
                neighbours[number[t], k] = number[beside[t, k]]
    return simplices, neighbours, twins[:n_twins]
