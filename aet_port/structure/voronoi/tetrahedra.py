"""Delaunay tetrahedra of a particle or a periodic box, their distortion and shared faces."""

from __future__ import annotations

from dataclasses import dataclass, field

import ase
import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import Images, check_atoms, check_cutoff, periodic_images
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.voronoi.cospherical import cospherical_groups, undecided_distortions
from aet_port.structure.voronoi.tetrahedron_shapes import (
    FACES,
    circumradii,
    distortion,
    edge_lengths,
    radii_of,
    volumes,
)
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate

ALPHA = 1.1  # largest empty sphere inside the sample, in cut-offs
_ONE_KEY = 2_000_000  # atoms, the cube of whose number is below 2^63
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


@checked
def delaunay(
    atoms: AtomicModel | ase.Atoms,
    margin: float = 0.0,
    *,
    triangulation: Triangulation | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Delaunay tetrahedra of the atoms; in a periodic cell each one once.

    A periodic cell is surrounded by its images within ``margin``; of the copies of a tetrahedron
    the one whose lowest-numbered atom lies in the cell is kept. Every tetrahedron with a
    circumsphere narrower than the margin is then exactly one of the infinite crystal's.

    Parameters
    ----------
    margin
        Angstrom; only used along periodic directions.
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Returns
    -------
    Atom indices (n, 4), ascending in each row, rows in lexicographic order, and the positions of
    these vertices (n, 4, 3) in angstrom.

    Raises
    ------
    InputError
        If the atoms span no volume, or are so regular (a perfect lattice) that the periodic
        tetrahedra overlap or leave gaps.

    Notes
    -----
    MATLAB: the built-in ``delaunayTriangulation``. Deviates: takes periodic cells; where more than
    four atoms lie on one sphere the choice is that of the order of insertion.
    """
    atoms = as_atoms(atoms)
    images = periodic_images(atoms, margin)
    known = None if atoms.pbc.any() else triangulation
    vertices, corners = _each_once(atoms, images, _triangulate(images, known).simplices)
    if atoms.pbc.all() and 2 * circumradii(corners).max() <= margin:
        total, cell = volumes(corners).sum(), atoms.get_volume()
        if abs(total - cell) > 1e-6 * cell:
            raise InputError(
                "atoms: positions",
                f"tetrahedra that fill {total:.6g} of {cell:.6g} cubic angstrom",
                "atoms off a perfect lattice, where tetrahedra are not unique",
            )
    return vertices, corners


def _triangulate(images: Images, known: Triangulation | None = None) -> Triangulation:
    found = triangulate(images.positions) if known is None else known
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
    return _in_order(images, np.take_along_axis(rows, by_atom, axis=1))


def _in_order(
    images: Images, rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms and corners of tetrahedra, whose corners are in order, in lexicographic order."""
    vertices = images.atom[rows]
    n = int(images.atom.max()) + 1
    order = np.lexsort((vertices[:, 2] * n + vertices[:, 3], vertices[:, 0] * n + vertices[:, 1]))
    return vertices[order], images.positions[rows[order]]


@checked
def find_tetrahedra(
    atoms: AtomicModel | ase.Atoms,
    cutoff: float,
    delta: float = DEFAULTS.delta,
    alpha: float | None = None,
    *,
    triangulation: Triangulation | None = None,
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
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For unusable atoms, cut-off, delta or alpha, or a cell less than two cut-offs high.

    Notes
    -----
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
    triangulation = _triangulate(images, None if atoms.pbc.any() else triangulation)
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
    # Few are accepted, so that only these are sorted.
    kept = _fitting(images.positions, images.atom, len(atoms), rows, cutoff, delta)
    kept = kept[radii_of(images.positions, kept)[0] <= alpha]
    vertices, corners = _in_order(images, kept)
    return Tetrahedra(
        vertices,
        corners,
        distortion(corners),
        volumes(corners),
        np.empty(0) if undecided is None else undecided,
    )


@njit(cache=True)
def _fitting(points, atom, n_atoms, rows, cutoff, delta):  # type: ignore[no-untyped-def]
    """Tetrahedra with edges up to the cut-off that are regular enough, each periodic one once.

    Their corners are put in the order of the atoms.
    """
    kept = np.empty((len(rows), 4), dtype=np.int64)
    found = 0
    row, edges = np.empty(4, dtype=np.int64), np.empty(6)
    for t in range(len(rows)):
        for k in range(4):
            corner = rows[t, k]
            h = k
            while h > 0 and atom[row[h - 1]] > atom[corner]:
                row[h] = row[h - 1]
                h -= 1
            row[h] = corner
        if row[0] >= n_atoms:
            continue
        total, longest, e = 0.0, 0.0, 0
        for i in range(4):
            for j in range(i + 1, 4):
                dx = points[row[j], 0] - points[row[i], 0]
                dy = points[row[j], 1] - points[row[i], 1]
                dz = points[row[j], 2] - points[row[i], 2]
                edges[e] = np.sqrt(dx * dx + dy * dy + dz * dz)
                total += edges[e]
                longest = max(longest, edges[e])
                e += 1
        if longest <= cutoff and longest <= total / 6 * (delta + 1):  # as in regular()
            kept[found] = row
            found += 1
    return kept[:found]


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


@checked
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

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m
    """
    faces = vertices[:, FACES].reshape(-1, 3)
    owner = np.repeat(np.arange(len(vertices)), 4)
    n = int(vertices.max(initial=0)) + 1
    # One number for a face, while it can be counted, takes a third of the time of two.
    if n <= _ONE_KEY:
        key = (faces[:, 0] * n + faces[:, 1]) * n + faces[:, 2]
        order = np.argsort(key)
        key = key[order]
        same = key[1:] == key[:-1]
    else:
        order = np.lexsort((faces[:, 1] * n + faces[:, 2], faces[:, 0]))
        same = (faces[order[1:]] == faces[order[:-1]]).all(axis=1)
    if (same[1:] & same[:-1]).any():
        raise InputError(
            "atoms",
            "a face shared by more than two tetrahedra",
            "tetrahedra that don't overlap; repeat the box",
        )
    one, two = owner[order[:-1][same]], owner[order[1:][same]]
    pairs = np.stack([np.minimum(one, two), np.maximum(one, two)], axis=1)
    return pairs[np.argsort(pairs[:, 0] * len(vertices) + pairs[:, 1])]
