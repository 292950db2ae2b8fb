"""Voxels over an alpha shape: which points lie inside, mostly without a test of tetrahedra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

from aet_port.structure.voronoi.tetrahedron_shapes import FACES, volumes

VOXEL = 0.5  # angstrom
MOST_VOXELS = 30_000_000  # 150 MB; a wider sample gets wider voxels
FLAT = 1e-9  # volume over longest edge cubed of a tetrahedron that holds no point
CLOSED = 1e-12  # barycentric coordinate down to which a point on a face belongs to it


@dataclass(frozen=True)
class VoxelGrid:
    """Voxels over an alpha shape, so that most points need no test against tetrahedra.

    Attributes
    ----------
    origin, size
        Corner of the first voxel and edge of a voxel, angstrom.
    code
        Shape (nx, ny, nz): 0 where the surface passes through the voxel, else positive inside and
        negative outside; one less than its magnitude is the number of voxel edges that one can go
        in any direction from any point of the voxel without meeting the surface.
    row
        Shape (nx, ny, nz): for voxels of code 0 the row of ``start``, else -1.
    start, members
        The tetrahedra that overlap the voxel of row k are ``members[start[k]:start[k + 1]]``.
    planes
        Shape (m, 4, 4): barycentric coordinate k of the point p in a tetrahedron is
        ``planes[k, :3] @ p + planes[k, 3]``.
    """

    origin: NDArray[np.float64]
    size: float
    code: NDArray[np.int8]
    row: NDArray[np.int32]
    start: NDArray[np.int64]
    members: NDArray[np.int32]
    planes: NDArray[np.float64]


def voxelise(
    points: NDArray[np.float64], rows: NDArray[np.int64], facets: NDArray[np.int64]
) -> VoxelGrid:
    """Voxels over the tetrahedra ``rows`` (m, 4) of ``points`` with the surface ``facets`` (k, 3).

    Notes
    -----
    MATLAB: none
    """
    corners = points[rows]
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    size = max(VOXEL, float(np.cbrt((high - low + 2 * VOXEL).prod() / MOST_VOXELS)))
    origin = low - size  # a margin of one voxel, so that rounding can't leave the grid
    shape = np.ceil((high - origin) / size).astype(np.int64) + 1
    legs = np.sqrt(((corners[:, 1:] - corners[:, :1]) ** 2).sum(axis=2)).max(axis=1)
    corners = np.ascontiguousarray(corners[volumes(corners) > FLAT * legs**3])
    planes = _planes(corners)

    code = np.full(shape, -1, dtype=np.int8)
    _mark_surface(np.ascontiguousarray(points[facets]), origin, size, code)
    surface = code == 0
    row = np.full(shape, -1, dtype=np.int32)
    row[surface] = np.arange(surface.sum(), dtype=np.int32)
    start = np.zeros(int(surface.sum()) + 1, dtype=np.int64)
    _mark_inside(corners, planes, origin, size, code, row, start, np.empty(0, dtype=np.int32))
    start = np.concatenate([[0], np.cumsum(start[:-1])])
    members = np.empty(int(start[-1]), dtype=np.int32)
    _mark_inside(corners, planes, origin, size, code, row, start[:-1].copy(), members)

    # Between a point of a voxel and one of the nearest surface voxel lie all but one layer.
    layers = np.minimum(distance_transform_cdt(~surface, "chessboard"), 127).astype(np.int8)
    np.multiply(layers, np.sign(code), out=code)
    return VoxelGrid(origin, size, code, row, start, members, planes)


def points_inside(grid: VoxelGrid, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (m, 3) lie inside or on the surface, shape (m,).

    Notes
    -----
    MATLAB: the built-in ``inShape``
    """
    return _contains(
        points,
        grid.origin,
        grid.size,
        grid.code,
        grid.row,
        grid.start,
        grid.members,
        grid.planes,
    )


def _planes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates as affine functions, shape (m, 4, 4)."""
    result = np.empty((len(corners), 4, 4))
    for k in range(4):
        a, b, c = (corners[:, v] for v in FACES[k])
        normal = np.cross(b - a, c - a)
        normal /= ((corners[:, k] - a) * normal).sum(axis=1)[:, None]
        result[:, k, :3] = normal
        result[:, k, 3] = -(normal * a).sum(axis=1)
    return result


@njit(cache=True)
def _mark_surface(triangles, origin, size, code):  # type: ignore[no-untyped-def]
    """Set ``code`` to 0 in every voxel that a triangle touches (separating axis theorem)."""
    half = size / 2 * (1 + 1e-9)
    relative = np.empty((3, 3))
    low, high = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for t in range(len(triangles)):
        for c in range(3):
            column = triangles[t, :, c]
            low[c] = int((column.min() - origin[c]) / size - 1e-9)
            high[c] = int((column.max() - origin[c]) / size + 1e-9)
        for x in range(low[0], high[0] + 1):
            for y in range(low[1], high[1] + 1):
                for z in range(low[2], high[2] + 1):
                    for v in range(3):
                        relative[v, 0] = triangles[t, v, 0] - (origin[0] + (x + 0.5) * size)
                        relative[v, 1] = triangles[t, v, 1] - (origin[1] + (y + 0.5) * size)
                        relative[v, 2] = triangles[t, v, 2] - (origin[2] + (z + 0.5) * size)
                    if _touches(relative, half):
                        code[x, y, z] = 0


@njit(cache=True)
def _touches(corners, half):  # type: ignore[no-untyped-def]
    """Whether a triangle meets the cube of half-edge ``half`` about the origin (boxes overlap)."""
    ux, uy, uz = corners[1] - corners[0]
    wx, wy, wz = corners[2] - corners[0]
    nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    height = nx * corners[0, 0] + ny * corners[0, 1] + nz * corners[0, 2]
    if abs(height) > half * (abs(nx) + abs(ny) + abs(nz)):
        return False
    for e in range(3):
        ex, ey, ez = corners[(e + 1) % 3] - corners[e]
        for ax, ay, az in ((0.0, -ez, ey), (ez, 0.0, -ex), (-ey, ex, 0.0)):
            one = ax * corners[e, 0] + ay * corners[e, 1] + az * corners[e, 2]
            f = (e + 2) % 3
            two = ax * corners[f, 0] + ay * corners[f, 1] + az * corners[f, 2]
            if min(one, two) > half * (abs(ax) + abs(ay) + abs(az)):
                return False
            if max(one, two) < -half * (abs(ax) + abs(ay) + abs(az)):
                return False
    return True


@njit(cache=True)
def _mark_inside(corners, planes, origin, size, code, row, start, members):  # type: ignore[no-untyped-def]
    """Mark voxels off the surface whose centre is in a tetrahedron; list those at the surface.

    Without room in ``members``, ``start`` counts the tetrahedra of each row; else it says where the
    next one goes.
    """
    half = size / 2 * (1 + 1e-9)
    low, high = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for t in range(len(corners)):
        for c in range(3):
            column = corners[t, :, c]
            low[c] = int((column.min() - origin[c]) / size - 1e-9)
            high[c] = int((column.max() - origin[c]) / size + 1e-9)
        for x in range(low[0], high[0] + 1):
            for y in range(low[1], high[1] + 1):
                for z in range(low[2], high[2] + 1):
                    px = origin[0] + (x + 0.5) * size
                    py = origin[1] + (y + 0.5) * size
                    pz = origin[2] + (z + 0.5) * size
                    k = row[x, y, z]
                    overlaps = True
                    for f in range(4):
                        a, b, c, d = planes[t, f]
                        reach = half * (abs(a) + abs(b) + abs(c)) if k >= 0 else 0.0
                        if a * px + b * py + c * pz + d < -CLOSED - reach:
                            overlaps = False
                            break
                    if not overlaps:
                        continue
                    if k < 0:
                        code[x, y, z] = 1
                    else:
                        if len(members) > 0:
                            members[start[k]] = t
                        start[k] += 1


@njit(cache=True, inline="always")
def _in_tetrahedron(planes, t, x, y, z):  # type: ignore[no-untyped-def]
    for f in range(4):
        if (
            planes[t, f, 0] * x + planes[t, f, 1] * y + planes[t, f, 2] * z + planes[t, f, 3]
            < -CLOSED
        ):
            return False
    return True


@njit(cache=True, parallel=True)
def _contains(points, origin, size, code, row, start, members, planes):  # type: ignore[no-untyped-def]
    result = np.zeros(len(points), dtype=np.bool_)
    for i in prange(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        fx, fy, fz = (x - origin[0]) / size, (y - origin[1]) / size, (z - origin[2]) / size
        if min(fx, fy, fz) < 0 or fx >= code.shape[0] or fy >= code.shape[1] or fz >= code.shape[2]:
            continue
        ix, iy, iz = int(fx), int(fy), int(fz)
        if code[ix, iy, iz] != 0:
            result[i] = code[ix, iy, iz] > 0
        else:
            k = row[ix, iy, iz]
            for m in range(start[k], start[k + 1]):
                if _in_tetrahedron(planes, members[m], x, y, z):
                    result[i] = True
                    break
    return result
