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
MOST = 16384  # planes of a cell for which there can be room
_NONE = 65535  # in arrays of 16 bits: no vertex or plane
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
    gone, rim, rim_place, after
        Of the patch being replaced: its vertices, its rim (planes a and b of each edge, the vertex
        beyond the new plane and the one kept), the new vertices, and the plane after each plane.
    loop
        (room, room + 1): vertices around each face, their number last.
    area, edges
        (room,): of each face; edges -1 where the plane has none.
    """

    plane: NDArray[np.float64]
    row: NDArray[np.int64]
    corner: NDArray[np.uint16]
    vertex: NDArray[np.float64]
    edge: NDArray[np.uint16]
    size: NDArray[np.int64]
    gone: NDArray[np.uint16]
    rim: NDArray[np.uint16]
    rim_place: NDArray[np.float64]
    after: NDArray[np.int32]
    loop: NDArray[np.uint16]
    area: NDArray[np.float64]
    edges: NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def new_cell(room):  # type: ignore[no-untyped-def]
    """Working arrays for at most ``room`` planes."""
    return Cell(
        np.empty((room, 4)),
        np.empty(room, dtype=np.int64),
        np.empty((2 * room, 3), dtype=np.uint16),
        np.empty((5, 2 * room)),
        np.empty((room, room), dtype=np.uint16),
        np.empty(2, dtype=np.int64),
        np.empty(2 * room, dtype=np.uint16),
        np.empty((room, 4), dtype=np.uint16),
        np.empty((4, room)),
        np.full(room, -1, dtype=np.int32),
        np.empty((room, room + 1), dtype=np.uint16),
        np.empty(room),
        np.empty(room, dtype=np.int64),
    )


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def cut(cell, points, rows, number, tie):  # type: ignore[no-untyped-def]
    """Cut the cell midway to each of the points.

    One function for all points and all steps of a cut: to hand the arrays on at every step would
    take longer than the steps.

    Parameters
    ----------
    cell
        The working arrays; :func:`begin` was called.
    points
        Shape (4, m): x, y, z from the atom of the cell, and the squared distance.
    rows
        Shape (m,): what to remember of each point.
    number
        How many of the points count. Nearest first is fastest, and then the rows of the faces are
        in this order.
    tie
        A vertex this close to a plane, relative to its distances, lies on it.

    Returns
    -------
    1 if the cell has changed, 0 if not, ``-FULL`` or ``-BROKEN`` if it cannot be cut.
    """
    plane, row, corner, vertex, edge = cell.plane, cell.row, cell.corner, cell.vertex, cell.edge
    gone, rim, place, after, size = cell.gone, cell.rim, cell.rim_place, cell.after, cell.size
    room, p, n = len(row), size[0], size[1]
    code = 0
    limit = 0.0
    for t in range(n):
        limit = max(limit, vertex[3, t])
    for k in range(number):
        squared = points[3, k]
        if squared > 4 * limit * limit:
            continue
        x, y, z = points[0, k], points[1, k], points[2, k]
        h, length = squared / 2, np.sqrt(squared)
        beyond = 0
        for t in range(n):
            slack = tie * length * (length + vertex[3, t])
            vertex[4, t] = x * vertex[0, t] + y * vertex[1, t] + z * vertex[2, t] - h - slack
            beyond += vertex[4, t] > 0
        if beyond == 0:
            continue
        if p == room:
            code = -FULL
            break
        row[p] = rows[k]
        plane[p, 0], plane[p, 1], plane[p, 2], plane[p, 3] = x, y, z, h
        found, m, broken, outmost = 0, 0, False, 0.0
        for t in range(n):
            gone[found] = t
            found += vertex[4, t] > 0
        # The rim of the patch of vertices beyond the plane.
        for g in range(found):
            t = gone[g]
            outmost = max(outmost, vertex[3, t])
            a, b, c = corner[t, 0], corner[t, 1], corner[t, 2]
            for _ in range(3):
                u = edge[b, a]
                if vertex[4, u] <= 0:
                    broken = broken or after[a] >= 0 or m == room
                    if broken:
                        break
                    after[a] = b
                    rim[m, 0], rim[m, 1], rim[m, 2], rim[m, 3] = a, b, t, u
                    m += 1
                a, b, c = b, c, a
            if broken:
                break
        # It has to be one closed walk over different planes.
        if not broken and m > 0:
            first = rim[0, 0]
            here, steps = after[first], 1
            while here != first and here >= 0 and steps < m:
                here = after[here]
                steps += 1
            broken = here != first or steps != m
        for g in range(m):
            after[rim[g, 0]] = -1
        if broken or m < 3:
            code = -BROKEN
            break
        for g in range(m):
            # Where the edge of planes a and b, from vertex u (kept) to t, meets the new plane.
            a, b, t, u = rim[g, 0], rim[g, 1], rim[g, 2], rim[g, 3]
            slack = tie * length * (length + vertex[3, u])
            inside = vertex[4, u] + slack
            if inside > -slack:  # u lies on the plane
                place[0, g], place[1, g], place[2, g] = vertex[0, u], vertex[1, u], vertex[2, u]
                place[3, g] = vertex[3, u]
                continue
            ax, ay, az, ah = plane[a, 0], plane[a, 1], plane[a, 2], plane[a, 3]
            bx, by, bz, bh = plane[b, 0], plane[b, 1], plane[b, 2], plane[b, 3]
            ux, uy, uz = by * z - bz * y, bz * x - bx * z, bx * y - by * x
            vx, vy, vz = y * az - z * ay, z * ax - x * az, x * ay - y * ax
            wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            det = ax * ux + ay * uy + az * uz
            scale = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz) * squared
            if det * det > 1e-16 * scale:
                qx = (ah * ux + bh * vx + h * wx) / det
                qy = (ah * uy + bh * vy + h * wy) / det
                qz = (ah * uz + bh * vz + h * wz) / det
            else:  # the planes are nearly parallel to one line: stay between u and t
                share = inside / (inside - vertex[4, t])
                qx = vertex[0, u] + share * (vertex[0, t] - vertex[0, u])
                qy = vertex[1, u] + share * (vertex[1, t] - vertex[1, u])
                qz = vertex[2, u] + share * (vertex[2, t] - vertex[2, u])
            place[0, g], place[1, g], place[2, g] = qx, qy, qz
            place[3, g] = np.sqrt(qx * qx + qy * qy + qz * qz)
        # A fan of new vertices on the rim, first in the places of those that go.
        for g in range(found, m):
            gone[g] = n + g - found
        for g in range(m):
            a, b, t = rim[g, 0], rim[g, 1], gone[g]
            corner[t, 0], corner[t, 1], corner[t, 2] = a, b, p
            edge[a, b], edge[b, p], edge[p, a] = t, t, t
            for r in range(4):
                vertex[r, t] = place[r, g]
        for g in range(found - 1, m - 1, -1):  # those left over, last first
            t, last = gone[g], n + g - found
            if t != last:
                for r in range(4):
                    vertex[r, t] = vertex[r, last]
                a, b, c = corner[last, 0], corner[last, 1], corner[last, 2]
                corner[t, 0], corner[t, 1], corner[t, 2] = a, b, c
                edge[a, b], edge[b, c], edge[c, a] = t, t, t
        p, n = p + 1, n + m - found
        code = 1
        # A cut brings no vertex farther out.
        if outmost >= limit:
            limit = 0.0
            for t in range(n):
                limit = max(limit, vertex[3, t])
    size[0], size[1] = p, n
    return code


@njit(cache=True, error_model="numpy")
def farthest(cell):  # type: ignore[no-untyped-def]
    """Distance of the farthest vertex."""
    vertex, largest = cell.vertex, 0.0
    for t in range(cell.size[1]):
        largest = max(largest, vertex[3, t])
    return largest


@njit(cache=True, error_model="numpy")
def measure(cell):  # type: ignore[no-untyped-def]
    """Fill in the faces, edges counted after merging vertices; the volume, or -1 if open."""
    plane, corner, vertex, edge = cell.plane, cell.corner, cell.vertex, cell.edge
    loop, area, edges = cell.loop, cell.area, cell.edges
    planes, number, last = cell.size[0], cell.size[1], loop.shape[1] - 1
    volume = 0.0
    for f in range(planes):
        edges[f], loop[f, last] = -1, _NONE
    for t in range(number):
        a, b, c = corner[t, 0], corner[t, 1], corner[t, 2]
        loop[a, last], loop[b, last], loop[c, last] = b, c, a
    for f in range(4):
        if loop[f, last] != _NONE:
            return -1.0
    for f in range(4, planes):
        first = loop[f, last]
        if first == _NONE:
            continue
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
        loop[f, last] = m
        nx, ny, nz, count = 0.0, 0.0, 0.0, 0
        o = loop[f, 0]
        # Sides from the first corner: of the corner before, and of the edge's end.
        ex, ey, ez = 0.0, 0.0, 0.0
        for k in range(1, m):
            t = loop[f, k]
            gx = vertex[0, t] - vertex[0, o]
            gy = vertex[1, t] - vertex[1, o]
            gz = vertex[2, t] - vertex[2, o]
            dx, dy, dz = gx - ex, gy - ey, gz - ez
            count += dx * dx + dy * dy + dz * dz > MERGE * MERGE
            nx += ey * gz - ez * gy
            ny += ez * gx - ex * gz
            nz += ex * gy - ey * gx
            ex, ey, ez = gx, gy, gz
        count += ex * ex + ey * ey + ez * ez > MERGE * MERGE
        area[f] = 0.5 * np.sqrt(nx * nx + ny * ny + nz * nz)
        edges[f] = count
        volume += area[f] * np.sqrt(2 * plane[f, 3]) / 6
    return volume
