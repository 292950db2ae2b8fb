"""Joints of bipyramids: shared vertices and edges of their skeletons, partial icosahedra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral.bipyramid_shapes import choose_motifs, joined_shifts
from aet_port.structure.polytetrahedral.bipyramids import Motifs
from aet_port.structure.polytetrahedral.networks import common_pairs
from aet_port.structure.voronoi.tetrahedra import Tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import incentres

SITES = 12  # pentagonal bipyramids of a whole icosahedron
_MOST = 2  # largest number of amorphous corners of a tetrahedron that is not amorphous


@dataclass(frozen=True, repr=False)
class Sharing(Shown):
    """Which motifs of one fold share vertices or edges of their skeletons.

    Attributes
    ----------
    fold
        Tetrahedra per motif.
    motif
        Shape (m,): indices of the motifs; the pairs below count in this list.
    vertex_pairs, edge_pairs
        Shapes (p, 2) and (q, 2): pairs with one and with two tetrahedra in common, first < second,
        lexicographic order.
    dihedral
        Shape (q,): angle between the two skeletons of each edge-sharing pair about their common
        edge, degrees, 0 (folded together) to 180 (flat).
    """

    fold: int
    motif: NDArray[np.int64]
    vertex_pairs: NDArray[np.int64]
    edge_pairs: NDArray[np.int64]
    dihedral: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        return {
            "fold": self.fold,
            "motifs": len(self),
            "vertex-sharing pairs": len(self.vertex_pairs),
            "edge-sharing pairs": len(self.edge_pairs),
            "mean dihedral angle": average(self.dihedral, "degrees"),
        }

    def __len__(self) -> int:
        return len(self.motif)

    @property
    def vertex_neighbours(self) -> NDArray[np.int64]:
        """Shape (m,): motifs that share one vertex with each."""
        return np.bincount(self.vertex_pairs.ravel(), minlength=len(self))

    @property
    def edge_neighbours(self) -> NDArray[np.int64]:
        """Shape (m,): motifs that share an edge with each."""
        return np.bincount(self.edge_pairs.ravel(), minlength=len(self))

    @property
    def without_vertex_neighbour(self) -> float:
        """Fraction of the motifs that share a single vertex with none; NaN of nothing."""
        return _fraction(self.vertex_neighbours == 0)

    @property
    def with_edge_neighbour(self) -> float:
        """Fraction of the motifs that share an edge with another; NaN of nothing."""
        return _fraction(self.edge_neighbours > 0)

    @property
    def mean_dihedral(self) -> float:
        """Mean dihedral angle, degrees; NaN without edge-sharing pairs."""
        return float(self.dihedral.mean()) if len(self.dihedral) else float("nan")


@dataclass(frozen=True, repr=False)
class Filling(Shown):
    """Atoms as centres of partial icosahedra.

    Attributes
    ----------
    atom
        Shape (k,): atoms that cap at least one pentagonal bipyramid, ascending.
    sites
        Shape (k,): number of bipyramids that each caps; 12 in an icosahedron.
    counts
        Shape (12,) or longer: icosahedral sites by n = 1, 2, .. filled. A bipyramid whose two caps
        both cap nothing else is one site of n = 1, not two, as in the reference.
    """

    atom: NDArray[np.int64]
    sites: NDArray[np.int64]
    counts: NDArray[np.int64]

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": len(self.atom),
            "sites filled": f"1 to {int(self.sites.max(initial=0))} of 12",
        }

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Counts over their sum; NaN if there are none."""
        total = self.counts.sum()
        return self.counts / total if total else np.full(len(self.counts), np.nan)


def skeletons(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    fold: int = 5,
    mask: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Polygons that join the centres of the tetrahedra of each motif.

    The centres are those of the inscribed spheres.

    Parameters
    ----------
    fold
        Tetrahedra per motif, 3 (an open line) to 8.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Returns
    -------
    Shape (m, fold, 3), angstrom; across the faces of a periodic cell each polygon is whole.

    Raises
    ------
    InputError
        For a fold other than 3 to 8, an unusable mask, or motifs of other tetrahedra.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m (``incenter``)
    """
    motif = choose_motifs(motifs, fold, mask, least=3)
    members = motifs.tetrahedra[motif, :fold]
    shifts = joined_shifts(motifs, tetrahedra, motif, fold)
    distinct, place = np.unique(members, return_inverse=True)
    return incentres(tetrahedra.corners[distinct])[place.reshape(members.shape)] + shifts


@checked
def find_sharing(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    fold: int = 5,
    mask: NDArray[np.bool_] | None = None,
) -> Sharing:
    """Vertex- and edge-sharing neighbours of the motifs of one fold.

    The vertices of a motif's skeleton are its tetrahedra: two motifs with one tetrahedron in common
    share a vertex, two with two of them share an edge.

    Parameters
    ----------
    fold
        Tetrahedra per motif, 4 to 8.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        For a fold other than 4 to 8, an unusable mask, or motifs of other tetrahedra.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m. Deviates: any selection
    of motifs. The dihedral angle (Fig. 5f of the film paper) is not in the public code; here it is
    that between the two planes through the common edge which lie closest to the other corners of
    either skeleton (least squares). A skeleton is not flat, and other planes give 118 to 123
    degrees for the published models.
    """
    motif = choose_motifs(motifs, fold, mask)
    members = motifs.tetrahedra[motif, :fold]
    vertex_pairs, edge_pairs = common_pairs(members)
    dihedral = _dihedral(skeletons(motifs, tetrahedra, fold, mask), members, edge_pairs)
    return Sharing(fold, motif, vertex_pairs, edge_pairs, dihedral)


@checked
def icosahedral_filling(motifs: Motifs, mask: NDArray[np.bool_] | None = None) -> Filling:
    """Fraction of an icosahedron filled by the pentagonal bipyramids around each of their caps.

    The twelve bonds of an icosahedron's centre cap one pentagonal bipyramid each. An atom that caps
    n of them is the centre of an icosahedron with n of 12 sites filled.

    Parameters
    ----------
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        For an unusable mask.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m. Deviates: more than 12
    sites are counted too.
    """
    caps = motifs.caps[choose_motifs(motifs, 5, mask)]
    atom, sites = np.unique(caps, return_counts=True)
    of_atom = np.zeros(int(caps.max(initial=-1)) + 1, dtype=np.int64)
    of_atom[atom] = sites
    counts = np.bincount(sites, minlength=SITES + 1)[1:]
    counts[0] -= (of_atom[caps] == 1).all(axis=1).sum()
    return Filling(atom, sites, counts)


def amorphous_tetrahedra(tetrahedra: Tetrahedra, amorphous: ArrayLike) -> NDArray[np.bool_]:
    """Tetrahedra with three or four amorphous corners, shape (n,).

    Parameters
    ----------
    amorphous
        Shape (number of atoms,): which atoms are amorphous.

    Raises
    ------
    InputError
        If ``amorphous`` is not one boolean per atom.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m
    """
    amorphous = np.asarray(amorphous)
    least = int(tetrahedra.vertices.max(initial=-1)) + 1
    if amorphous.dtype != np.bool_ or amorphous.ndim != 1 or len(amorphous) < least:
        raise InputError(
            "amorphous",
            f"{amorphous.dtype} of shape {amorphous.shape}",
            f"one boolean per atom, at least {least}",
        )
    return amorphous[tetrahedra.vertices].sum(axis=1) > _MOST


def amorphous_motifs(
    motifs: Motifs,
    tetrahedra: Tetrahedra,
    amorphous: ArrayLike,
    *,
    reference_quirks: bool = False,
    numbers: NDArray[np.integer] | None = None,
) -> NDArray[np.bool_]:
    """Motifs that lie in the amorphous region: at least half of their tetrahedra do.

    Parameters
    ----------
    amorphous
        Shape (number of atoms,): which atoms are amorphous.
    reference_quirks
        If True, apply the reference's rule as coded: it compares with n/2 not the count of
        amorphous tetrahedra in a motif of n, but their numbers. It holds if the motif has at least
        one, and none of them is numbered (from 1) below n/2: nearly any amorphous tetrahedron.
    numbers
        Shape (number of tetrahedra,): the reference's numbers of the tetrahedra, from 1, for that
        rule; 1, 2, .. unless given.

    Returns
    -------
    Shape (number of motifs,): a mask for :func:`find_sharing`,
    :func:`aet_port.structure.polytetrahedral.networks.find_networks` and others.

    Raises
    ------
    InputError
        If ``amorphous`` or ``numbers`` have the wrong length, or numbers are given without the
        rule that needs them.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m. Deviates: at least half
    of the tetrahedra, which the code intends to test, unless ``reference_quirks``.
    """
    inside = amorphous_tetrahedra(tetrahedra, amorphous)
    if motifs.tetrahedra.max(initial=-1) >= len(tetrahedra):
        raise InputError(
            "motifs",
            f"tetrahedron {motifs.tetrahedra.max()} of {len(tetrahedra)}",
            "motifs found among these tetrahedra",
        )
    common = inside[motifs.tetrahedra] & (motifs.tetrahedra >= 0)
    if not reference_quirks:
        if numbers is not None:
            raise InputError("numbers", "numbers", "None without reference_quirks")
        return 2 * common.sum(axis=1) >= motifs.fold
    if numbers is None:
        numbers = np.arange(1, len(tetrahedra) + 1)
    elif np.shape(numbers) != (len(tetrahedra),):
        raise InputError(
            "numbers", f"shape {np.shape(numbers)}", f"one per tetrahedron, ({len(tetrahedra)},)"
        )
    small = 2 * np.asarray(numbers)[motifs.tetrahedra] < motifs.fold[:, None]
    return np.asarray(common.any(axis=1) & ~(common & small).any(axis=1))


def _fraction(mask: NDArray[np.bool_]) -> float:
    return float(mask.mean()) if len(mask) else float("nan")


def _dihedral(
    polygons: NDArray[np.float64], members: NDArray[np.int64], pairs: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Angle between two polygons about the edge that they share, degrees."""
    first, second = pairs.T
    # The two common tetrahedra, as corners of either polygon.
    same = members[first][:, :, None] == members[second][:, None, :]
    ends = np.argsort(~same.any(axis=2), axis=1, kind="stable")[:, :2]
    partners = np.take_along_axis(same.argmax(axis=2), ends, axis=1)
    one = _inward(polygons[first], ends)
    two = _inward(polygons[second], partners)
    across = np.linalg.norm(np.cross(one, two), axis=1)
    return np.degrees(np.arctan2(across, (one * two).sum(axis=1)))


def _inward(polygons: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit vectors (n, 3) at right angles to an edge, in the best plane through it, inwards."""
    if len(polygons) == 0:
        return np.empty((0, 3))
    n = np.arange(len(polygons))
    start = polygons[n, ends[:, 0]]
    edge = polygons[n, ends[:, 1]] - start
    edge /= np.linalg.norm(edge, axis=1)[:, None]
    arms = polygons - start[:, None]
    # Coordinates of the corners across the edge; the widest direction of a plane figure has the
    # angle of half of atan2(2 <uv>, <uu> - <vv>).
    out = np.cross(edge, np.eye(3)[np.abs(edge).argmin(axis=1)])
    out /= np.linalg.norm(out, axis=1)[:, None]
    up = np.cross(edge, out)
    u = (arms * out[:, None]).sum(axis=2)
    v = (arms * up[:, None]).sum(axis=2)
    angle = 0.5 * np.arctan2(2 * (u * v).sum(axis=1), (u**2 - v**2).sum(axis=1))[:, None]
    direction = np.cos(angle) * out + np.sin(angle) * up
    inward = (direction * arms.sum(axis=1)).sum(axis=1) >= 0
    return np.where(inward[:, None], direction, -direction)
