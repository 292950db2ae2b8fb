"""Motifs of 3 to 8 tetrahedra: triplets and quadrilateral to octagonal bipyramids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.structure.voronoi.tetrahedron_shapes import EDGES

FOLDS = (3, 4, 5, 6, 7, 8)
LARGEST = 8
_REST = EDGES[::-1].copy()  # edge k of a tetrahedron lies opposite edge 5 - k


@dataclass(frozen=True, repr=False)
class Motifs(Shown):
    """Groups of face-sharing tetrahedra around one edge, by fold, then by their capping atoms.

    Attributes
    ----------
    fold
        Shape (m,): number of tetrahedra, 3 to 8.
    caps
        Shape (m, 2): the two atoms that all tetrahedra of the motif share.
    tetrahedra
        Shape (m, 8): indices of the tetrahedra in order around the edge, padded with -1.
    ring
        Shape (m, 8): atoms around the edge, padded with -1; as many as tetrahedra, for a triplet
        (an open fan) four.
    """

    fold: NDArray[np.int64]
    caps: NDArray[np.int64]
    tetrahedra: NDArray[np.int64]
    ring: NDArray[np.int64]

    plot = methods.plot_motifs
    """Plot their numbers: :func:`aet_port.figures.structure_results.plot_motifs`."""

    def _facts(self) -> dict[str, object]:
        numbers = " ".join(f"{fold}:{number}" for fold, number in self.counts().items())
        return {"motifs": len(self), "by number of tetrahedra": numbers}

    def __len__(self) -> int:
        return len(self.fold)

    def counts(self) -> dict[int, int]:
        """Number of motifs of each fold from 3 to 8."""
        return {fold: int((self.fold == fold).sum()) for fold in FOLDS}

    def of_fold(self, fold: int) -> NDArray[np.int64]:
        """Tetrahedra of all motifs of one fold, shape (number, fold)."""
        return self.tetrahedra[self.fold == fold, :fold]


@checked
def find_motifs(vertices: NDArray[np.int64], pairs: NDArray[np.int64]) -> Motifs:
    """Triplets and bipyramids among accepted tetrahedra.

    Bipyramids of 4 to 8 tetrahedra are the edges around which all tetrahedra are accepted: a closed
    ring of tetrahedra, each sharing a face with the next, and all sharing the two capping atoms.
    A triplet is a chain of three tetrahedra that ends in one with no other face neighbour, and none
    of whose tetrahedra lies on any closed chain of 4 to 8 (whether or not that is a bipyramid).

    Parameters
    ----------
    vertices
        Shape (n, 4): atoms of each tetrahedron, ascending in each row.
    pairs
        Shape (m, 2): tetrahedra that share a face, as from
        :func:`aet_port.structure.voronoi.tetrahedra.face_pairs`.

    Notes
    -----
    MATLAB: 7_Data_analysis/src/findclustersN.m, uniqueCluster.m, smallestCluster.m, shareAB.m.
    Deviates: one walk around each edge in place of the search for chains. The reference leaves out
    its test for chords of larger rings when there is no 5-fold ring; the capping pair alone
    already excludes rings with chords, so nothing follows from that.
    """
    vertices = np.asarray(vertices, dtype=np.int64).reshape(-1, 4)
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    fold, caps, members, ring = _bipyramids(vertices)
    adjacency, degree = _adjacency(len(vertices), pairs)
    triplets = _triplets(adjacency, degree)
    ends, fans = _fans(vertices, triplets)
    fold = np.concatenate([np.full(len(triplets), 3), fold])
    caps = np.concatenate([ends, caps])
    padding = np.full((len(triplets), LARGEST), -1)
    three, four = padding.copy(), padding.copy()
    three[:, :3] = triplets
    four[:, :4] = fans
    members, ring = np.concatenate([three, members]), np.concatenate([four, ring])
    order = np.lexsort((*members.T[::-1], caps[:, 1], caps[:, 0], fold))
    return Motifs(fold[order], caps[order], members[order], ring[order])


def _bipyramids(vertices: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Fold, caps, tetrahedra and ring atoms of every closed ring of 4 to 8 around an edge."""
    edge = vertices[:, EDGES].reshape(-1, 2)
    rest = vertices[:, _REST].reshape(-1, 2)
    owner = np.repeat(np.arange(len(vertices)), len(EDGES))
    key = edge[:, 0] * (int(vertices.max(initial=0)) + 1) + edge[:, 1]
    order = np.argsort(key, kind="stable")  # tetrahedra at one edge stay in order
    key, edge, rest, owner = key[order], edge[order], rest[order], owner[order]
    new = np.ones(len(edge) + 1, dtype=bool)
    new[1:-1] = key[1:] != key[:-1]
    bounds = np.flatnonzero(new)
    size = np.diff(bounds)
    able = (size >= 4) & (size <= LARGEST)
    starts, size = bounds[:-1][able], size[able]
    closed, members, ring = _walk(starts, size, rest, owner)
    return size[closed], edge[starts[closed]], members[closed], ring[closed]


@njit(cache=True)
def _walk(starts, size, rest, owner):  # type: ignore[no-untyped-def]
    """Follow the tetrahedra around each edge from the lowest-numbered one; is the ring closed?"""
    n = len(starts)
    closed = np.zeros(n, dtype=np.bool_)
    members = np.full((n, 8), -1, dtype=np.int64)
    ring = np.full((n, 8), -1, dtype=np.int64)
    for m in range(n):
        start, count = starts[m], size[m]
        used = 1
        first, current = rest[start, 0], rest[start, 1]
        members[m, 0], ring[m, 0] = owner[start], first
        step = 1
        while step < count:
            following = -1
            for k in range(1, count):
                if not (used >> k) & 1 and (
                    rest[start + k, 0] == current or rest[start + k, 1] == current
                ):
                    following = k
                    break
            if following < 0:
                break
            used |= 1 << following
            members[m, step], ring[m, step] = owner[start + following], current
            pair = rest[start + following]
            current = pair[1] if pair[0] == current else pair[0]
            # Back at the start before the last tetrahedron: two rings, not a bipyramid.
            if current == first and step < count - 1:
                break
            step += 1
        closed[m] = step == count and current == first
    return closed, members, ring


def _adjacency(n: int, pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Face neighbours (n, 4) of each tetrahedron, padded with -1, and how many it has."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0] * n + both[:, 1])]
    degree = np.bincount(both[:, 0], minlength=n)
    adjacency = np.full((n, 4), -1)
    slot = np.arange(len(both)) - np.repeat(np.cumsum(degree) - degree, degree)
    adjacency[both[:, 0], slot] = both[:, 1]
    return adjacency, degree


@njit(cache=True)
def _on_short_cycle(start, adjacency, degree):  # type: ignore[no-untyped-def]
    """Whether a closed chain of 4 to 8 different tetrahedra passes through ``start``."""
    path = np.empty(8, dtype=np.int64)
    tried = np.zeros(8, dtype=np.int64)
    path[0], depth = start, 0
    while depth >= 0:
        if tried[depth] == degree[path[depth]]:
            depth -= 1
            continue
        following = adjacency[path[depth], tried[depth]]
        tried[depth] += 1
        if following == start:
            if depth >= 3:
                return True
            continue
        if depth == 7 or degree[following] == 1:
            continue
        again = False
        for k in range(depth + 1):
            again = again or path[k] == following
        if not again:
            depth += 1
            path[depth], tried[depth] = following, 0
    return False


@njit(cache=True)
def _triplets(adjacency, degree):  # type: ignore[no-untyped-def]
    """Rows (outer, middle, dead end) of tetrahedra, each set once."""
    n = len(adjacency)
    cyclic = np.full(n, -1, dtype=np.int8)  # not looked at yet
    rows = np.empty((3 * n, 3), dtype=np.int64)  # a dead end has one neighbour, that at most 3 more
    found = 0
    for end in range(n):
        if degree[end] != 1:
            continue
        middle = adjacency[end, 0]
        if cyclic[middle] < 0:
            cyclic[middle] = _on_short_cycle(middle, adjacency, degree)
        if cyclic[middle]:
            continue
        for k in range(degree[middle]):
            outer = adjacency[middle, k]
            # A chain with two dead ends is met from both.
            if outer == end or (degree[outer] == 1 and outer < end):
                continue
            if cyclic[outer] < 0:
                cyclic[outer] = _on_short_cycle(outer, adjacency, degree)
            if not cyclic[outer]:
                rows[found, 0], rows[found, 1], rows[found, 2] = outer, middle, end
                found += 1
    return rows[:found]


@njit(cache=True)
def _fans(vertices, triplets):  # type: ignore[no-untyped-def]
    """Shared pair, and the four other atoms in order, of three tetrahedra in a chain."""
    caps = np.empty((len(triplets), 2), dtype=np.int64)
    ring = np.empty((len(triplets), 4), dtype=np.int64)
    for n in range(len(triplets)):
        outer, middle, end = triplets[n]
        shared = 0
        for k in range(4):
            atom = vertices[middle, k]
            before, after = (vertices[outer] == atom).any(), (vertices[end] == atom).any()
            if before and after:
                caps[n, shared] = atom
                shared += 1
            else:
                ring[n, 1 if before else 2] = atom
            if not (vertices[middle] == vertices[outer, k]).any():
                ring[n, 0] = vertices[outer, k]
            if not (vertices[middle] == vertices[end, k]).any():
                ring[n, 3] = vertices[end, k]
    return caps, ring
