"""Alpha shape of a sample: which tetrahedra, points and atoms lie inside it or on its surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt
from scipy.spatial import Delaunay, QhullError

from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms, periodic_images
from aet_port.structure.voronoi.tetrahedra import FACES, circumradii, volumes

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


@dataclass(frozen=True, repr=False)
class AlphaShape(Shown):
    """Union of the Delaunay tetrahedra whose circumsphere is no wider than a probe.

    Attributes
    ----------
    points
        Shape (n, 3): the atoms, followed by periodic images if the atoms have any, angstrom.
    n_atoms
        Number of points that are atoms.
    radius
        Alpha, the largest circumradius, angstrom.
    tetrahedra
        Shape (m, 4): rows of ``points``.
    facets
        Shape (k, 3): faces that belong to one tetrahedron only, ascending rows of ``points``.
    volume
        Of the tetrahedra, each periodic one counted once, cubic angstrom.
    margin
        How far beyond a periodic (reduced) cell the shape is complete, angstrom.
    """

    points: NDArray[np.float64]
    n_atoms: int
    radius: float
    tetrahedra: NDArray[np.int64]
    facets: NDArray[np.int64]
    volume: float
    margin: float

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": self.n_atoms,
            "on the surface": len(self.surface_atoms),
            "tetrahedra": len(self.tetrahedra),
            "volume": f"{self.volume:.6g} cubic angstrom",
            "radius": angstrom(self.radius),
        }

    @property
    def surface_atoms(self) -> NDArray[np.int64]:
        """Atoms on the surface (or on no tetrahedron at all), ascending."""
        on_none = np.ones(len(self.points), dtype=bool)
        on_none[self.tetrahedra] = False
        on_none[self.facets] = True
        return np.flatnonzero(on_none[: self.n_atoms])

    @cached_property
    def grid(self) -> VoxelGrid:
        """Voxels for :meth:`contains` and for counting shells; made when first needed."""
        return _voxelise(self.points, self.tetrahedra, self.facets)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (m, 3) lie inside or on the surface, shape (m,).

        Raises
        ------
        InputError
            If ``points`` are not finite coordinates (m, 3).

        MATLAB: the built-in ``inShape``
        """
        points = np.ascontiguousarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise InputError("points", f"an array {points.shape}", "finite coordinates (m, 3)")
        grid = self.grid
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


def alpha_shape(atoms: AtomicModel | ase.Atoms, radius: float, margin: float = 0.0) -> AlphaShape:
    """Alpha shape of the atoms.

    A tetrahedron of the Delaunay triangulation belongs to the shape if its circumradius is at most
    ``radius``. Holes are kept and separate regions are all kept.

    Parameters
    ----------
    radius
        Alpha, angstrom.
    margin
        How far beyond a periodic (reduced) cell the shape is needed, angstrom; ignored without
        periodic directions.

    Raises
    ------
    InputError
        For unusable atoms (too few, coplanar, duplicate), radius or margin, or if no tetrahedron is
        small enough.

    MATLAB: the built-in ``alphaShape(points, a)`` with its default HoleThreshold and
    RegionThreshold of 0. Deviates: takes periodic cells.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius!r}", "a length above zero, in angstrom")
    if not (np.isfinite(margin) and margin >= 0):
        raise InputError("margin", f"{margin!r}", "a length of at least zero, in angstrom")
    images = periodic_images(atoms, margin + 2 * radius)
    points = np.ascontiguousarray(images.positions)
    try:
        triangulation = Delaunay(points)
    except QhullError as error:
        raise InputError(
            "atoms: positions", "atoms without a Delaunay triangulation", "atoms that span a volume"
        ) from error
    rows = triangulation.simplices.astype(np.int64)
    radii, flat = _radii(points, rows, triangulation.neighbors)
    inside = _without_loose(radii <= radius, flat, triangulation.neighbors)
    if not inside.any():
        raise InputError(
            "radius",
            f"{radius:g} angstrom, less than the circumradius of every tetrahedron",
            "a radius of about the distance of second neighbours",
        )
    rows = rows[inside]
    # A periodic tetrahedron is counted where its lowest-numbered atom is not an image.
    lowest = np.argmin(images.atom[rows], axis=1)
    home = rows[np.arange(len(rows)), lowest] < len(atoms)
    return AlphaShape(
        points,
        len(atoms),
        float(radius),
        rows,
        _facets(rows),
        float(volumes(points[rows[home]]).sum()),
        float(margin),
    )


def _radii(
    points: NDArray[np.float64], rows: NDArray[np.int64], neighbours: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Circumradii, and which are flat: those have the radius of the narrowest one beside them.

    In a lattice many atoms lie on one sphere, and the triangulation of their polyhedron may hold
    flat tetrahedra. Their own circumsphere is undetermined, the polyhedron's is the neighbours'.
    """
    corners = points[rows]
    radii = circumradii(corners)
    legs = np.sqrt(((corners[:, 1:] - corners[:, :1]) ** 2).sum(axis=2)).max(axis=1)
    flat = np.flatnonzero(volumes(corners) <= FLAT * legs**3)
    radii[flat] = np.inf
    while len(flat):
        beside = np.where(neighbours[flat] >= 0, radii[neighbours[flat]], np.inf).min(axis=1)
        if not (beside < radii[flat]).any():
            break
        radii[flat] = np.minimum(beside, radii[flat])
    is_flat = np.zeros(len(rows), dtype=bool)
    is_flat[flat] = True
    return radii, is_flat


def _without_loose(
    inside: NDArray[np.bool_], flat: NDArray[np.bool_], neighbours: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """The tetrahedra inside but flat ones on the surface.

    Where the surface is a plane of atoms, rounding decides whether flat tetrahedra lie on it; they
    would hide atoms that are on the surface.
    """
    inside = inside.copy()
    while True:
        outside = (neighbours < 0) | ~inside[neighbours]
        loose = inside & flat & outside.any(axis=1)
        if not loose.any():
            return inside
        inside[loose] = False


def _facets(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces, ascending, of one tetrahedron only, in lexicographic order."""
    faces = np.sort(rows[:, FACES].reshape(-1, 3), axis=1)
    faces = faces[np.lexsort(faces.T[::-1])]
    same = (faces[1:] == faces[:-1]).all(axis=1)
    alone = np.ones(len(faces), dtype=bool)
    alone[1:] &= ~same
    alone[:-1] &= ~same
    return faces[alone]


def _voxelise(
    points: NDArray[np.float64], rows: NDArray[np.int64], facets: NDArray[np.int64]
) -> VoxelGrid:
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
