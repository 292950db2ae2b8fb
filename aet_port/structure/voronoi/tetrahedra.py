"""Delaunay tetrahedra of a particle or a periodic box, their distortion and shared faces."""

from __future__ import annotations

from dataclasses import dataclass, field

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import Images, check_atoms, check_cutoff, periodic_images
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.voronoi.cospherical import cospherical_groups, undecided_distortions
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
FACES = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])  # face k lies opposite vertex k
BLOCK = 65_536  # tetrahedra whose edges are taken at a time
ALPHA = 1.1  # largest empty sphere inside the sample, in cut-offs
UNDECIDED = (
    1e-3  # of the tetrahedra: more polyhedra without a unique division, and all is arbitrary
)


@dataclass(frozen=True, repr=False)
class Tetrahedra(Shown):
    """Tetrahedra of atoms, in lexicographic order of their vertices.

    Attributes
    ----------
    vertices
        Shape (n, 4): atom indices, ascending in each row.
    corners
        Shape (n, 4, 3): positions of the vertices next to each other (across the faces of a
        periodic cell), angstrom.
    distortion
        Shape (n,): longest edge over mean edge, minus 1.
    volume
        Shape (n,), cubic angstrom.
    undecided
        Shape (k,): polyhedra of five or more atoms on one sphere, as in perfect crystals, of which
        acceptable tetrahedra can be made in more than one way. For each the least distortion of
        these, ascending. They are not among the tetrahedra.
    """

    vertices: NDArray[np.int64]
    corners: NDArray[np.float64]
    distortion: NDArray[np.float64]
    volume: NDArray[np.float64]
    undecided: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def _facts(self) -> dict[str, object]:
        undecided = {"undecided polyhedra": len(self.undecided)} if len(self.undecided) else {}
        return {
            "tetrahedra": len(self),
            **undecided,
            "mean distortion": average(self.distortion),
            "mean volume": average(self.volume, "cubic angstrom"),
        }

    def __len__(self) -> int:
        return len(self.vertices)

    @property
    def why_undecided(self) -> str | None:
        """Why motifs of these tetrahedra would be arbitrary; None if they are not."""
        if not len(self.undecided):
            return None
        return (
            f"{len(self.undecided)} groups of five or more atoms lie on one sphere, as in a perfect"
            " crystal, and can be divided into tetrahedra in more than one way"
        )


def edge_lengths(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Six edges, shape (n, 6), of tetrahedra with ``corners`` (n, 4, 3), same unit."""
    result = np.empty((len(corners), len(EDGES)))
    for start in range(0, len(corners), BLOCK):  # the vectors of all edges would be large
        part = corners[start : start + BLOCK]
        edges = part[:, EDGES[:, 1]] - part[:, EDGES[:, 0]]
        result[start : start + BLOCK] = np.sqrt((edges**2).sum(axis=2))
    return result


def distortion(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distortion parameter ``e_max / e_avg - 1`` of each tetrahedron, shape (n,); 0 if regular.

    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m (paper: Methods of Yuan et
    al. 2021)
    """
    edges = edge_lengths(corners)
    return edges.max(axis=1) / edges.mean(axis=1) - 1


def volumes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volume of each tetrahedron, shape (n,)."""
    legs = corners[:, 1:] - corners[:, :1]
    return np.abs(np.einsum("ni,ni->n", legs[:, 0], np.cross(legs[:, 1], legs[:, 2]))) / 6


def incentres(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of the inscribed sphere, shape (n, 3): vertices weighted by the opposite faces' areas.

    MATLAB: the built-in ``incenter``
    """
    faces = corners[:, FACES]
    areas = np.linalg.norm(
        np.cross(faces[:, :, 1] - faces[:, :, 0], faces[:, :, 2] - faces[:, :, 0]), axis=2
    )
    return np.einsum("nf,nfc->nc", areas, corners) / areas.sum(axis=1)[:, None]


def circumradii(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the sphere through the four vertices, shape (n,); infinite if they are coplanar."""
    rows = np.arange(4 * len(corners)).reshape(-1, 4)
    return radii_of(np.ascontiguousarray(corners).reshape(-1, 3), rows)[0]


def radii_of(
    points: NDArray[np.float64], rows: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Circumradii of tetrahedra ``rows`` (n, 4) of ``points``, and how flat they are.

    Returns
    -------
    Radii, infinite where the corners are coplanar, and sixfold volumes over the cube of the longest
    edge from the first corner, both of shape (n,).

    Notes
    -----
    MATLAB: none
    """
    radii, flatness = np.empty(len(rows)), np.empty(len(rows))
    _radii(points, rows, radii, flatness)
    return radii, flatness


@njit(cache=True, parallel=True)
def _radii(points, rows, radii, flatness):  # type: ignore[no-untyped-def]
    for t in prange(len(rows)):
        x, y, z = points[rows[t, 0], 0], points[rows[t, 0], 1], points[rows[t, 0], 2]
        p, q, r = rows[t, 1], rows[t, 2], rows[t, 3]
        ax, ay, az = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
        bx, by, bz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
        cx, cy, cz = points[r, 0] - x, points[r, 1] - y, points[r, 2] - z
        ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        six = ax * ux + ay * uy + az * uz
        a, b, c = (
            ax * ax + ay * ay + az * az,
            bx * bx + by * by + bz * bz,
            cx * cx + cy * cy + cz * cz,
        )
        ox, oy, oz = a * ux + b * vx + c * wx, a * uy + b * vy + c * wy, a * uz + b * vz + c * wz
        scale = max(a, b, c) ** 1.5
        flatness[t] = abs(six) / scale if scale > 0 else 0.0
        radii[t] = np.inf
        if flatness[t] > 1e-14:
            radii[t] = np.sqrt(ox * ox + oy * oy + oz * oz) / (2 * abs(six))


def delaunay(
    atoms: AtomicModel | ase.Atoms, margin: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Delaunay tetrahedra of the atoms; in a periodic cell each one once.

    A periodic cell is surrounded by its images within ``margin``; of the copies of a tetrahedron
    the one whose lowest-numbered atom lies in the cell is kept. Every tetrahedron with a
    circumsphere narrower than the margin is then exactly one of the infinite crystal's.

    Parameters
    ----------
    margin
        Angstrom; only used along periodic directions.

    Returns
    -------
    Atom indices (n, 4), ascending in each row, rows in lexicographic order, and the positions of
    these vertices (n, 4, 3) in angstrom.

    Raises
    ------
    InputError
        If the atoms span no volume, or are so regular (a perfect lattice) that the periodic
        tetrahedra overlap or leave gaps.

    MATLAB: the built-in ``delaunayTriangulation``. Deviates: takes periodic cells; where more than
    four atoms lie on one sphere the choice is Qhull's.
    """
    atoms = as_atoms(atoms)
    images = periodic_images(atoms, margin)
    vertices, corners = _each_once(atoms, images, _triangulate(images).simplices)
    if atoms.pbc.all() and 2 * circumradii(corners).max() <= margin:
        total, cell = volumes(corners).sum(), atoms.get_volume()
        if abs(total - cell) > 1e-6 * cell:
            raise InputError(
                "atoms: positions",
                f"tetrahedra that fill {total:.6g} of {cell:.6g} cubic angstrom",
                "atoms off a perfect lattice, where tetrahedra are not unique",
            )
    return vertices, corners


def _triangulate(images: Images) -> Triangulation:
    found = triangulate(images.positions)
    if len(found.left_out):
        raise InputError(
            "atoms: positions",
            f"atom {images.atom[found.left_out[0]]} too close to another for a triangulation",
            "atoms apart from each other",
        )
    return found


def _each_once(
    atoms: ase.Atoms, images: Images, rows: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms and corners of tetrahedra of points, in order, without periodic copies."""
    if atoms.pbc.any():
        lowest = np.argmin(images.atom[rows], axis=1)
        rows = rows[rows[np.arange(len(rows)), lowest] < len(atoms)]
    by_atom = np.argsort(images.atom[rows], axis=1, kind="stable")
    rows = np.take_along_axis(rows, by_atom, axis=1)
    vertices = images.atom[rows]
    order = np.lexsort(vertices.T[::-1])
    return vertices[order], images.positions[rows[order]]


def find_tetrahedra(
    atoms: AtomicModel | ase.Atoms,
    cutoff: float,
    delta: float = DEFAULTS.delta,
    alpha: float | None = None,
) -> Tetrahedra:
    """Tetrahedra of nearest neighbours that are regular enough.

    A Delaunay tetrahedron is accepted if ``e_max / e_avg - 1 <= delta``, ``e_max <= cutoff`` and
    its circumsphere, empty of other atoms, is no wider than the sample's gaps may be.

    Where five or more atoms lie on one sphere (:mod:`aet_port.structure.voronoi.cospherical`), the
    triangulation is not unique. Polyhedra in which no choice of four corners is acceptable don't
    matter, such as the octahedra of fcc crystals at the usual cut-off. If the others number more
    than a thousandth of the tetrahedra, these are left out and counted as ``undecided``; fewer
    occur by chance in large samples, and keep the division of the triangulation.

    Parameters
    ----------
    cutoff
        Longest edge, angstrom: the first valley of the pair distribution.
    delta
        Distortion parameter, 0.255 in the paper.
    alpha
        Largest radius of an empty circumsphere, angstrom; 1.1 cut-offs unless given. Only slivers
        at the surface exceed it.

    Raises
    ------
    InputError
        For unusable atoms, cut-off, delta or alpha, or a cell less than two cut-offs high.

    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m. Deviates: the reference
    keeps tetrahedra with the incentre inside an alpha shape of radius 4 angstrom, which are those
    with a circumradius of at most 4 angstrom (``alpha=4``); the accepted tetrahedra of its data are
    the same.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    check_cutoff(atoms, cutoff)
    alpha = ALPHA * cutoff if alpha is None else alpha
    for name, value in (("delta", delta), ("alpha", alpha)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(name, f"{value!r}", "a number above zero")
    images = periodic_images(atoms, 2 * alpha)
    triangulation = _triangulate(images)
    group = cospherical_groups(images.positions, triangulation.simplices, triangulation.neighbours)
    found = _accept(atoms, images, triangulation.simplices, (cutoff, delta, alpha))
    if (group == -1).all():
        return found
    undecided = undecided_distortions(
        images.positions,
        images.atom,
        len(atoms),
        triangulation.simplices,
        group,
        cutoff=cutoff,
        delta=delta,
        alpha=alpha,
    )
    if 0 < len(undecided) <= UNDECIDED * len(found):
        return found
    rows = triangulation.simplices[group == -1]
    return _accept(atoms, images, rows, (cutoff, delta, alpha), undecided)


def _accept(
    atoms: ase.Atoms,
    images: Images,
    rows: NDArray[np.int32],
    limits: tuple[float, float, float],
    undecided: NDArray[np.float64] | None = None,
) -> Tetrahedra:
    """Tetrahedra of points within the limits (cut-off, delta, alpha)."""
    cutoff, delta, alpha = limits
    vertices, corners = _each_once(atoms, images, rows)
    edges = edge_lengths(corners)
    longest, mean = edges.max(axis=1), edges.mean(axis=1)
    accepted = regular(edges, delta) & (longest <= cutoff)
    vertices, corners = vertices[accepted], corners[accepted]
    worst = longest[accepted] / mean[accepted] - 1
    inside = circumradii(corners) <= alpha
    corners = corners[inside]
    return Tetrahedra(
        vertices[inside],
        corners,
        worst[inside],
        volumes(corners),
        np.empty(0) if undecided is None else undecided,
    )


def regular(edges: NDArray[np.float64], delta: float) -> NDArray[np.bool_]:
    """Which tetrahedra with ``edges`` (n, 6) have a distortion of at most ``delta``, shape (n,)."""
    # Written as in the reference, so that tetrahedra on the limit are decided equally.
    return np.asarray(edges.max(axis=1) <= edges.mean(axis=1) * (delta + 1))


def keep_regular(tetrahedra: Tetrahedra, delta: float) -> Tetrahedra:
    """Result of :func:`find_tetrahedra` for ``delta``, from that for a larger one."""
    kept = regular(edge_lengths(tetrahedra.corners), delta)
    undecided = tetrahedra.undecided[tetrahedra.undecided <= delta]
    if kept.all() and len(undecided) == len(tetrahedra.undecided):
        return tetrahedra
    return Tetrahedra(
        tetrahedra.vertices[kept],
        tetrahedra.corners[kept],
        tetrahedra.distortion[kept],
        tetrahedra.volume[kept],
        undecided,
    )


def face_pairs(vertices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of tetrahedra that share a face, shape (m, 2), first < second, lexicographic order.

    Parameters
    ----------
    vertices
        Shape (n, 4): atom indices, ascending in each row.

    Raises
    ------
    InputError
        If a face belongs to more than two tetrahedra (the cell is too small to tell atoms by
        their indices).

    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m
    """
    faces = vertices[:, FACES].reshape(-1, 3)
    owner = np.repeat(np.arange(len(vertices)), 4)
    order = np.lexsort((owner, *faces.T[::-1]))
    same = (faces[order[1:]] == faces[order[:-1]]).all(axis=1)
    if (same[1:] & same[:-1]).any():
        raise InputError(
            "atoms",
            "a face shared by more than two tetrahedra",
            "tetrahedra that don't overlap; repeat the box",
        )
    pairs = np.stack([owner[order[:-1]][same], owner[order[1:]][same]], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
