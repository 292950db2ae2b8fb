"""One convex cell, cut out of space plane by plane.

The cell is kept as its dual: every vertex is a triangle of the three planes that meet in it. A new
plane removes the vertices beyond it, which form one patch of triangles, and puts a fan of new
triangles on the rim of the patch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

MERGE = 1e-6  # angstrom: vertices closer than this are one; faces left with two edges go
FAR = 1e8  # angstrom: a cell that extends this far is unbounded
TIE = 1e-10  # a vertex this close to a plane, relative to its distances, lies on it
FULL, BROKEN = 3, 4  # no room for another plane; rounding decides about the shape
# Outward normals of a tetrahedron around everything, rotated so that no lattice is parallel to it.
_TURN = np.linalg.qr(np.array([[0.31, 0.77, 0.23], [0.59, -0.41, 0.83], [-0.67, 0.19, 0.47]]))[0]
_AROUND = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3) @ _TURN
_AROUND *= np.sign(np.linalg.det(_AROUND[1:]))
_CORNERS = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


class Cell(NamedTuple):
    """Working arrays of one cell for ``room`` planes; planes 0 to 3 are at infinity.

    Attributes
    ----------
    plane
        (room, 4): normal n and h of the half-space n x <= h; n leads to the neighbour.
    row
        (room,): the point behind each plane.
    corner
        (2 room, 3): planes of each vertex, counter-clockwise seen from outside.
    vertex
        (5, 2 room): x, y, z, distance from the origin, and how far beyond the plane being tried.
    edge
        (room, room): the vertex in whose triangle plane b follows plane a.
    size
        (2,): number of planes and of vertices.
    rim, rim_place, after
        Of the patch being replaced: its rim, the new vertices, and the plane after each plane.
    loop
        (room, room + 1): vertices around each face, their number last.
    area, edges
        (room,): of each face; edges -1 where the plane has none.
    """

    plane: NDArray[np.float64]
    row: NDArray[np.int64]
    corner: NDArray[np.int64]
    vertex: NDArray[np.float64]
    edge: NDArray[np.int32]
    size: NDArray[np.int64]
    rim: NDArray[np.int64]
    rim_place: NDArray[np.float64]
    after: NDArray[np.int64]
    loop: NDArray[np.int32]
    area: NDArray[np.float64]
    edges: NDArray[np.int64]


@njit(cache=True)
def new_cell(room):  # type: ignore[no-untyped-def]
    """Working arrays for at most ``room`` planes."""
    return Cell(
        np.empty((room, 4)),
        np.empty(room, dtype=np.int64),
        np.empty((2 * room, 3), dtype=np.int64),
        np.empty((5, 2 * room)),
        np.empty((room, room), dtype=np.int32),
        np.empty(2, dtype=np.int64),
        np.empty((room, 2), dtype=np.int64),
        np.empty((4, room)),
        np.full(room, -1, dtype=np.int64),
        np.empty((room, room + 1), dtype=np.int32),
        np.empty(room),
        np.empty(room, dtype=np.int64),
    )


@njit(cache=True)
def begin(cell):  # type: ignore[no-untyped-def]
    """A tetrahedron around everything."""
    plane, corner, vertex, edge, size = cell.plane, cell.corner, cell.vertex, cell.edge, cell.size
    for k in range(4):
        for x in range(3):
            plane[k, x] = _AROUND[k, x]
            vertex[x, k] = -3 * FAR * _AROUND[k, x]
            corner[k, x] = _CORNERS[k, x]
            edge[_CORNERS[k, x], _CORNERS[k, (x + 1) % 3]] = k
        plane[k, 3] = FAR
        vertex[3, k] = 3 * FAR
    size[0], size[1] = 4, 4


@njit(cache=True)
def cut(cell, x, y, z, j, tie):  # type: ignore[no-untyped-def]
    """Cut the cell midway to point j at (x, y, z): 1 if it changed, 0 if not, < 0 if impossible."""
    code = 0
    if _is_beyond(cell.vertex, cell.size[1], x, y, z, tie) > 0:
        p = cell.size[0]
        code = -FULL
        if p < len(cell.row):
            cell.row[p] = j
            cell.plane[p, 0], cell.plane[p, 1], cell.plane[p, 2] = x, y, z
            cell.plane[p, 3] = (x * x + y * y + z * z) / 2
            code = _cut_off(
                cell.plane,
                cell.corner,
                cell.vertex,
                cell.edge,
                cell.size,
                cell.rim,
                cell.rim_place,
                cell.after,
                tie,
            )
    return code


@njit(cache=True)
def _is_beyond(vertex, number, x, y, z, tie):  # type: ignore[no-untyped-def]
    """How many vertices lie beyond the plane midway to (x, y, z); ``vertex[4]`` says how far."""
    squared = x * x + y * y + z * z
    h, length = squared / 2, np.sqrt(squared)
    beyond = 0
    for t in range(number):
        slack = tie * length * (length + vertex[3, t])
        vertex[4, t] = x * vertex[0, t] + y * vertex[1, t] + z * vertex[2, t] - h - slack
        beyond += vertex[4, t] > 0
    return beyond


@njit(cache=True)
def _cut_off(plane, corner, vertex, edge, size, rim, rim_place, after, tie):  # type: ignore[no-untyped-def]
    """Replace the vertices beyond the newest plane."""
    m = _find_rim(plane, corner, vertex, edge, size, rim, rim_place, after, tie)
    if m < 3:
        return -BROKEN
    _close(corner, vertex, edge, size, rim, rim_place, m)
    return 1


@njit(cache=True)
def _find_rim(plane, corner, vertex, edge, size, rim, rim_place, after, tie):  # type: ignore[no-untyped-def]
    """Rim of the patch of vertices beyond the newest plane and the new vertices; 0 if broken."""
    p, number = size[0], size[1]
    length = np.sqrt(2 * plane[p, 3])
    m = 0
    broken = False
    for t in range(number):
        if vertex[4, t] <= 0:
            continue
        for k in range(3):
            a, b = corner[t, k], corner[t, (k + 1) % 3]
            u = edge[b, a]
            if vertex[4, u] > 0:
                continue
            broken = broken or after[a] >= 0 or m == len(rim)
            if broken:
                break
            after[a] = b
            rim[m, 0], rim[m, 1] = a, b
            _place(
                a, b, p, t, u, tie * length * (length + vertex[3, u]), plane, vertex, rim_place, m
            )
            m += 1
        if broken:
            break
    # The rim has to be one closed walk over different planes.
    if not broken and m > 0:
        a, steps = after[rim[0, 0]], 1
        while a != rim[0, 0] and a >= 0 and steps < m:
            a = after[a]
            steps += 1
        broken = a != rim[0, 0] or steps != m
    for k in range(m):
        after[rim[k, 0]] = -1
    return 0 if broken else m


@njit(cache=True)
def _close(corner, vertex, edge, size, rim, rim_place, m):  # type: ignore[no-untyped-def]
    """Drop the vertices beyond the newest plane and put a fan of new ones on the rim."""
    p, number = size[0], size[1]
    for t in range(number - 1, -1, -1):
        if vertex[4, t] > 0:
            number -= 1
            if t != number:
                for r in range(5):
                    vertex[r, t] = vertex[r, number]
                a, b, c = corner[number, 0], corner[number, 1], corner[number, 2]
                corner[t, 0], corner[t, 1], corner[t, 2] = a, b, c
                edge[a, b], edge[b, c], edge[c, a] = t, t, t
    for k in range(m):
        a, b, t = rim[k, 0], rim[k, 1], number + k
        corner[t, 0], corner[t, 1], corner[t, 2] = a, b, p
        edge[a, b], edge[b, p], edge[p, a] = t, t, t
        for r in range(4):
            vertex[r, t] = rim_place[r, k]
    size[0], size[1] = p + 1, number + m


@njit(cache=True)
def _place(a, b, p, t, u, slack, plane, vertex, place, m):  # type: ignore[no-untyped-def]
    """Where the edge of planes a and b, from vertex u (kept) to t (cut off), meets plane p."""
    inside = vertex[4, u] + slack
    if inside > -slack:  # u lies on the plane
        for r in range(4):
            place[r, m] = vertex[r, u]
        return
    ax, ay, az, ah = plane[a, 0], plane[a, 1], plane[a, 2], plane[a, 3]
    bx, by, bz, bh = plane[b, 0], plane[b, 1], plane[b, 2], plane[b, 3]
    px, py, pz, ph = plane[p, 0], plane[p, 1], plane[p, 2], plane[p, 3]
    ux, uy, uz = by * pz - bz * py, bz * px - bx * pz, bx * py - by * px
    vx, vy, vz = py * az - pz * ay, pz * ax - px * az, px * ay - py * ax
    wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    det = ax * ux + ay * uy + az * uz
    scale = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz) * 2 * ph
    if det * det > 1e-16 * scale:
        x = (ah * ux + bh * vx + ph * wx) / det
        y = (ah * uy + bh * vy + ph * wy) / det
        z = (ah * uz + bh * vz + ph * wz) / det
    else:  # the planes are nearly parallel to one line: stay between u and t
        share = inside / (inside - vertex[4, t])
        x = vertex[0, u] + share * (vertex[0, t] - vertex[0, u])
        y = vertex[1, u] + share * (vertex[1, t] - vertex[1, u])
        z = vertex[2, u] + share * (vertex[2, t] - vertex[2, u])
    place[0, m], place[1, m], place[2, m] = x, y, z
    place[3, m] = np.sqrt(x * x + y * y + z * z)


@njit(cache=True)
def farthest(cell):  # type: ignore[no-untyped-def]
    """Distance of the farthest vertex."""
    largest = 0.0
    for t in range(cell.size[1]):
        largest = max(largest, cell.vertex[3, t])
    return largest


@njit(cache=True)
def measure(cell):  # type: ignore[no-untyped-def]
    """Fill in the faces, edges counted after merging vertices; the volume, or -1 if open."""
    plane, corner, vertex, edge, size = cell.plane, cell.corner, cell.vertex, cell.edge, cell.size
    loop, area, edges = cell.loop, cell.area, cell.edges
    volume = 0.0
    for f in range(size[0]):
        edges[f], loop[f, -1] = -1, -1
    for t in range(size[1]):
        for k in range(3):
            loop[corner[t, k], -1] = corner[t, (k + 1) % 3]
    for f in range(size[0]):
        first = loop[f, -1]
        if first < 0:
            continue
        if f < 4:
            return -1.0
        b, m = first, 0
        while True:
            t = edge[f, b]
            loop[f, m] = t
            m += 1
            if corner[t, 0] == f:
                b = corner[t, 2]
            elif corner[t, 1] == f:
                b = corner[t, 0]
            else:
                b = corner[t, 1]
            if b == first:
                break
        loop[f, -1] = m
        nx, ny, nz, count = 0.0, 0.0, 0.0, 0
        o = loop[f, 0]
        for k in range(m):
            s, t = loop[f, k], loop[f, (k + 1) % m]
            dx, dy, dz = (
                vertex[0, t] - vertex[0, s],
                vertex[1, t] - vertex[1, s],
                vertex[2, t] - vertex[2, s],
            )
            count += dx * dx + dy * dy + dz * dz > MERGE * MERGE
            ex, ey, ez = (
                vertex[0, s] - vertex[0, o],
                vertex[1, s] - vertex[1, o],
                vertex[2, s] - vertex[2, o],
            )
            nx += ey * dz - ez * dy
            ny += ez * dx - ex * dz
            nz += ex * dy - ey * dx
        area[f] = 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
        edges[f] = count
        volume += area[f] * np.sqrt(2 * plane[f, 3]) / 6
    return volume
