"""Networks of motifs that share edges of their skeletons, such as pentagonal bipyramid networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs
from aet_port.structure.voronoi.tetrahedra import Tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import EDGES

_MANY = 500  # atoms above which only the convex hull is searched for the longest distance


@dataclass(frozen=True, repr=False)
class Networks(Shown):
    """Connected motifs of one fold, the largest network first.

    Attributes
    ----------
    fold
        Tetrahedra per motif.
    motif
        Shape (m,): indices of the motifs that were connected.
    label
        Shape (m,): network of each of them.
    size
        Shape (n,): motifs in each network.
    atoms
        Shape (n,): atoms in each network.
    length
        Shape (n,): longest distance between two of its atoms, angstrom; infinite if it spans a
        periodic cell.
    """

    fold: int
    motif: NDArray[np.int64]
    label: NDArray[np.int64]
    size: NDArray[np.int64]
    atoms: NDArray[np.int64]
    length: NDArray[np.float64]

    plot = methods.plot_networks
    """Plot their sizes: :func:`aet_port.figures.structure_results.plot_networks`."""

    def _facts(self) -> dict[str, object]:
        return {
            "fold": self.fold,
            "networks": len(self),
            "motifs": len(self.motif),
            "largest": int(self.size.max(initial=0)),
        }

    def __len__(self) -> int:
        return len(self.size)

    @property
    def spanning(self) -> NDArray[np.bool_]:
        """Shape (n,): whether the network reaches itself across a periodic cell."""
        return np.isinf(self.length)


@checked
def edge_sharing_pairs(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of motifs that have exactly two tetrahedra in common, shape (p, 2), lexicographic.

    Two such motifs share an edge of the skeleton that joins the centres of their tetrahedra.

    Parameters
    ----------
    members
        Shape (m, fold): tetrahedra of each motif.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m
    """
    return common_pairs(members)[1]


def common_pairs(members: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of motifs with exactly one and with exactly two tetrahedra in common.

    Parameters
    ----------
    members
        Shape (m, fold): tetrahedra of each motif.

    Returns
    -------
    Shapes (p, 2) and (q, 2): vertex- and edge-sharing pairs, first < second, lexicographic order.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m
    """
    if len(members) == 0:
        nothing = np.empty((0, 2), dtype=np.int64)
        return nothing, nothing
    rows = np.repeat(np.arange(len(members)), members.shape[1])
    incidence = csr_array((np.ones(members.size, dtype=np.int64), (rows, members.ravel())))
    shared = coo_array(incidence @ incidence.T)
    first, second = (np.asarray(c, dtype=np.int64) for c in shared.coords)
    found = []
    for number in (1, 2):
        chosen = (shared.data == number) & (first < second)
        pairs = np.stack([first[chosen], second[chosen]], axis=1)
        found.append(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])
    return found[0], found[1]


@checked
def find_networks(
    motifs: Motifs, tetrahedra: Tetrahedra, fold: int = 5, mask: NDArray[np.bool_] | None = None
) -> Networks:
    """Networks of edge-sharing motifs of one fold; a motif alone is a network of size 1.

    Parameters
    ----------
    fold
        Tetrahedra per motif, 5 for pentagonal bipyramid networks.
    mask
        Shape (number of motifs,): which motifs may take part, all unless given.

    Raises
    ------
    InputError
        For another fold than 3 to 8 or a mask of another length.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_4_motifs_connection_and_network_Ta_film.m. Deviates: takes any
    selection of motifs (the reference's choice of amorphous motifs is a mask), orders networks by
    size, and measures networks across the faces of a periodic cell.
    """
    if fold not in FOLDS:
        raise InputError("fold", f"{fold!r}", "a number of tetrahedra from 3 to 8")
    chosen = motifs.fold == fold
    if mask is not None:
        if np.shape(mask) != (len(motifs),):
            raise InputError(
                "mask", f"shape {np.shape(mask)}", f"one entry per motif, ({len(motifs)},)"
            )
        chosen = chosen & np.asarray(mask, dtype=bool)
    motif = np.flatnonzero(chosen)
    members = motifs.tetrahedra[motif, :fold]
    pairs = edge_sharing_pairs(members)
    graph = coo_array(
        (np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])),
        shape=(len(motif), len(motif)),
    )
    number, label = (
        connected_components(graph, directed=False)
        if len(motif)
        else (0, np.empty(0, dtype=np.int64))
    )
    size = np.bincount(label, minlength=number)
    rank = np.empty(number, dtype=np.int64)
    # Labels rise with the lowest motif of a network; a stable sort keeps that among equal sizes.
    rank[np.argsort(-size, kind="stable")] = np.arange(number)
    label = rank[label]
    size = np.bincount(label, minlength=number)
    atoms, length = _measure(label, members, size, tetrahedra)
    return Networks(fold, motif, label, size, atoms, length)


def _measure(
    label: NDArray[np.int64],
    members: NDArray[np.int64],
    size: NDArray[np.int64],
    tetrahedra: Tetrahedra,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of atoms of each network and the longest distance between two of them."""
    # All networks are measured in one go: a node is an atom as a member of one network.
    networks, tetrahedron = _unique_pairs(np.repeat(label, members.shape[1]), members.ravel())
    vertices = tetrahedra.vertices[tetrahedron]
    owner, atom = _unique_pairs(np.repeat(networks, 4), vertices.ravel())
    width = int(tetrahedra.vertices.max(initial=0)) + 1
    nodes = np.searchsorted(owner * width + atom, networks[:, None] * width + vertices)
    corners = tetrahedra.corners[tetrahedron]
    vectors = corners[:, EDGES[:, 1]] - corners[:, EDGES[:, 0]]
    positions, torn = _unfold(nodes[:, EDGES].reshape(-1, 2), vectors.reshape(-1, 3), len(owner))
    atoms = np.bincount(owner, minlength=len(size))
    start = np.concatenate([[0], np.cumsum(atoms)])
    length = np.zeros(len(size))
    for big in np.flatnonzero(atoms > _MANY):
        outline = positions[start[big] : start[big + 1]]
        length[big] = pdist(outline[ConvexHull(outline).vertices]).max()
    _longest(positions, start, _MANY, length)
    length[owner[torn]] = np.inf
    return atoms, length


def _unique_pairs(
    one: NDArray[np.int64], two: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different pairs (one, two), in lexicographic order."""
    width = int(two.max(initial=0)) + 1
    keys = np.sort(one * width + two)  # np.unique, by a hash table, takes thirty times as long
    keys = keys[np.diff(keys, prepend=-1) != 0]
    return keys // width, keys % width


@njit(cache=True)
def _longest(positions, start, most, length):  # type: ignore[no-untyped-def]
    """Longest distance between the points of each group of at most ``most``."""
    for group in range(len(length)):
        if start[group + 1] - start[group] > most:
            continue
        best = 0.0
        for i in range(start[group], start[group + 1]):
            for j in range(start[group], i):
                dx = positions[i, 0] - positions[j, 0]
                dy = positions[i, 1] - positions[j, 1]
                dz = positions[i, 2] - positions[j, 2]
                best = max(best, dx * dx + dy * dy + dz * dz)
        length[group] = np.sqrt(best)


@njit(cache=True)
def _unfold(edges, vectors, n):  # type: ignore[no-untyped-def]
    """Positions of connected nodes from the vectors along their edges, and where these disagree."""
    degree = np.zeros(n + 1, dtype=np.int64)
    for k in range(len(edges)):
        degree[edges[k, 0] + 1] += 1
        degree[edges[k, 1] + 1] += 1
    start = np.cumsum(degree)
    slot = start[:-1].copy()
    incident = np.empty(2 * len(edges), dtype=np.int64)
    for k in range(len(edges)):
        for end in range(2):
            incident[slot[edges[k, end]]] = k
            slot[edges[k, end]] += 1
    positions = np.zeros((n, 3))
    seen = np.zeros(n, dtype=np.bool_)
    torn = np.zeros(n, dtype=np.bool_)
    queue = np.empty(n, dtype=np.int64)
    for root in range(n):
        if seen[root]:
            continue
        queue[0], seen[root], head, tail = root, True, 0, 1
        while head < tail:
            node = queue[head]
            head += 1
            for s in range(start[node], start[node + 1]):
                k = incident[s]
                forward = edges[k, 0] == node
                other = edges[k, 1] if forward else edges[k, 0]
                sign = 1.0 if forward else -1.0
                if not seen[other]:
                    for c in range(3):
                        positions[other, c] = positions[node, c] + sign * vectors[k, c]
                    seen[other] = True
                    queue[tail] = other
                    tail += 1
                else:
                    # Another path ends elsewhere only by whole cell vectors, never by less.
                    square = 0.0
                    for c in range(3):
                        gap = positions[other, c] - positions[node, c] - sign * vectors[k, c]
                        square += gap * gap
                    if square > 0.01:
                        torn[node] = True
    return positions, torn
