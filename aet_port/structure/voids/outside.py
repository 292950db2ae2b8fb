"""The space that a sample takes up: a Delaunay triangulation, and what of it lies outside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.voronoi.tetrahedra import FACES, delaunay, face_pairs
from aet_port.structure.voronoi.triangulation import Triangulation

FLAT = 1e-6  # volume over longest edge cubed of a tetrahedron without a sphere of its own
MOST_STEPS = 1000  # from one tetrahedron to the next, on the way to a point


@dataclass(frozen=True)
class SampleSpace:
    """Tetrahedra of a sample with the spheres through their corners.

    Attributes
    ----------
    points, atom
        Shapes (n, 3) and (n,): atoms, then periodic images, angstrom, and which atom each is.
    n_atoms
        Number of points that are atoms.
    cell
        Shape (3, 3): reduced cell, angstrom; only its periodic vectors mean anything.
    pbc
        Shape (3,): periodic directions.
    rows, beside
        Shape (m, 4): corners of each tetrahedron, and the tetrahedron opposite each; -1 for none.
    centre, radius
        Shapes (m, 3) and (m,): sphere through the corners, angstrom; infinite for flat ones.
    outside
        Shape (m,): tetrahedra that a probe coming from outside reaches.
    """

    points: NDArray[np.float64]
    atom: NDArray[np.int64]
    n_atoms: int
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]
    rows: NDArray[np.int64]
    beside: NDArray[np.int64]
    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    outside: NDArray[np.bool_]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Tetrahedra of the sample that aren't flat, shape (m,)."""
        return ~self.outside & np.isfinite(self.radius)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Points that may lie in a sphere of the sample, shape (n,); no lone atom far away does."""
        rows = self.rows[self.inside]
        if not len(rows):
            return np.ones(len(self.points), dtype=bool)
        corners, widest = self.points[rows], float(self.radius[self.inside].max())
        low, high = corners.min(axis=(0, 1)) - widest, corners.max(axis=(0, 1)) + widest
        return np.asarray(((self.points >= low) & (self.points <= high)).all(axis=1))

    def at_home(self, places: NDArray[np.float64], slack: float = 1e-6) -> NDArray[np.bool_]:
        """Which places (k, 3) lie in the periodic cell, its faces included, shape (k,)."""
        if not self.pbc.any():
            return np.ones(len(places), dtype=bool)
        part = np.linalg.solve(self.cell.T, places.T).T[:, self.pbc]
        return np.asarray(((part >= -slack) & (part < 1 + slack)).all(axis=1))

    def holds(self, places: NDArray[np.float64], near: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which places (k, 3) near some points (k,) lie inside the sample, shape (k,)."""
        if self.pbc.all():
            return np.ones(len(places), dtype=bool)
        some = np.zeros(len(self.points), dtype=np.int64)
        some[self.rows] = np.arange(len(self.rows))[:, None]
        return np.asarray(
            _inside(places, some[near], self.points, self.rows, self.beside, self.outside)
        )


def sample_space(
    atoms: ase.Atoms, probe: float, triangulation: Triangulation | None = None
) -> SampleSpace:
    """Triangulate a sample and find what lies outside.

    Outside is what a sphere with the radius of the probe reaches without passing through the centre
    of an atom: along the edges of the Voronoi cells, which are the ways farthest from the atoms.
    Cavities that it can't enter are inside, however large they are. Boxes periodic in all
    directions have no outside.

    Parameters
    ----------
    atoms
        Atoms that span a volume; cell and periodic directions are respected.
    probe
        Radius, angstrom.
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For atoms without a triangulation.

    Notes
    -----
    MATLAB: none; like an alpha shape of this radius, but its inner holes belong to the sample
    """
    pbc = np.asarray(atoms.pbc, dtype=bool)
    cell = reduced_cell(atoms) if pbc.any() else np.eye(3)
    margin = 2 * probe
    while True:
        images = periodic_images(atoms, margin)
        points = np.ascontiguousarray(images.positions)
        # As points without a cell: where many lie on one sphere, images may be divided differently.
        known = None if pbc.any() else triangulation
        plain = ase.Atoms(np.zeros(len(points)), positions=points)
        rows, corners = delaunay(plain, triangulation=known)
        beside = _beside(rows)
        centre, radius = _spheres(corners)
        space = SampleSpace(
            *(points, images.atom, len(atoms), cell, pbc, rows, beside, centre, radius),
            np.zeros(len(rows), dtype=bool),
        )
        if not pbc.all():
            space = replace(space, outside=_outside(space, probe))
        used = space.inside & space.at_home(centre)
        widest = float(radius[used].max(initial=0.0)) if pbc.any() else 0.0
        if widest <= margin:  # else atoms beyond the images may lie in these spheres
            return space
        margin = widest


def _beside(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tetrahedron opposite each corner, shape (m, 4), -1 for none."""
    pairs = face_pairs(rows)
    beside = np.full((len(rows), 4), -1)
    for one, other in (pairs.T, pairs[:, ::-1].T):
        apart = ~(rows[one][:, :, None] == rows[other][:, None, :]).any(axis=2)
        beside[one, apart.argmax(axis=1)] = other
    return beside


def _spheres(
    corners: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and radius of the sphere through four corners; infinite if they lie in a plane."""
    a, b, c = (corners[:, k] - corners[:, 0] for k in (1, 2, 3))
    bc = np.cross(b, c)
    six = np.einsum("ni,ni->n", a, bc)
    squares = [np.einsum("ni,ni->n", leg, leg)[:, None] for leg in (a, b, c)]
    longest = np.maximum(np.maximum(squares[0], squares[1]), squares[2])[:, 0]
    flat = np.abs(six) <= 6 * FLAT * longest**1.5
    offset = squares[0] * bc + squares[1] * np.cross(c, a) + squares[2] * np.cross(a, b)
    offset /= np.where(flat, 1.0, 2 * six)[:, None]
    radius = np.sqrt(np.einsum("ni,ni->n", offset, offset))
    return corners[:, 0] + offset, np.where(flat, np.inf, radius)


def _outside(space: SampleSpace, probe: float) -> NDArray[np.bool_]:
    """Tetrahedra that are connected with the outside by ways wider than the probe."""
    m = len(space.rows)
    tetrahedron, face = np.divmod(np.arange(4 * m), 4)
    other = space.beside.ravel()
    corners = space.points[space.rows]
    legs = corners[tetrahedron[:, None], FACES[face]]
    a, b = legs[:, 1] - legs[:, 0], legs[:, 2] - legs[:, 0]
    normal = np.cross(a, b)
    square = (normal**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = (
            np.cross(normal, a) * (b**2).sum(axis=1)[:, None]
            - np.cross(normal, b) * (a**2).sum(axis=1)[:, None]
        ) / (2 * square)[:, None]
    middle, size = legs[:, 0] + offset, np.linalg.norm(offset, axis=1)
    # The way through a face is as wide as its circle unless a fourth corner lies in the sphere on
    # that circle: then it is as wide as the narrower of the two tetrahedra.
    apex = corners[tetrahedron, face]
    narrowed = np.linalg.norm(apex - middle, axis=1) < size
    back = np.zeros(4 * m, dtype=bool)
    inner = other >= 0
    place = (space.beside[other[inner]] == tetrahedron[inner][:, None]).argmax(axis=1)
    back[inner] = narrowed[4 * other[inner] + place]
    radius = np.where(inner, space.radius[other], np.inf)
    ends = np.minimum(radius, space.radius[tetrahedron])
    wide = np.where(narrowed | back | ~np.isfinite(size), ends, size) > probe
    on_surface = ~inner & wide & space.at_home(middle)
    passed = inner & wide
    graph = coo_array((np.ones(passed.sum()), (tetrahedron[passed], other[passed])), shape=(m, m))
    label = connected_components(graph, directed=False)[1]
    reached = np.zeros(label.max(initial=0) + 1, dtype=bool)
    reached[label[tetrahedron[on_surface]]] = True
    return np.asarray(reached[label])


@njit(cache=True, parallel=True)
def _inside(places, begin, points, rows, beside, outside):  # type: ignore[no-untyped-def]
    """Whether each place lies in a tetrahedron that isn't outside, by a walk from a near one."""
    result = np.zeros(len(places), dtype=np.bool_)
    for i in prange(len(places)):
        t = begin[i]
        x, y, z = places[i, 0], places[i, 1], places[i, 2]
        for step in range(MOST_STEPS):
            following = -2
            deepest = 0.0
            for f in range(4):
                a, b = rows[t, (f + 1) % 4], rows[t, (f + 2) % 4]
                c, k = rows[t, (f + 3) % 4], rows[t, f]
                ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
                bx, by, bz = points[b, 0] - ax, points[b, 1] - ay, points[b, 2] - az
                cx, cy, cz = points[c, 0] - ax, points[c, 1] - ay, points[c, 2] - az
                nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
                side = (
                    nx * (points[k, 0] - ax) + ny * (points[k, 1] - ay) + nz * (points[k, 2] - az)
                )
                depth = nx * (x - ax) + ny * (y - ay) + nz * (z - az)
                depth /= np.sqrt(nx * nx + ny * ny + nz * nz)
                if side < 0:
                    depth = -depth
                # Vary the way out a little, so that no walk through flat tetrahedra is a circle.
                depth *= 1 + 1e-3 * ((step * 7 + f * 3) % 5)
                if depth < deepest - 1e-9:
                    deepest, following = depth, beside[t, f]
            if following == -2:
                result[i] = not outside[t]
                break
            if following == -1:
                break
            t = following
    return result
