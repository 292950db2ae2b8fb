"""Rings by their definitions, without the searches of the package: all paths of small graphs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import combinations, product

import ase
import numpy as np
from scipy.spatial import cKDTree

Node = tuple[int, tuple[int, ...]]  # atom, and cell that its image is in
Graph = dict[Node, list[Node]]
HOME = (0, 0, 0)


def bonds(atoms: ase.Atoms, cutoff: float, cells: int) -> Graph:
    """Bonds of the atoms and of their images up to some cells away."""
    ranges = [range(-cells, cells + 1) if periodic else range(1) for periodic in atoms.pbc]
    nodes = [(atom, cell) for cell in product(*ranges) for atom in range(len(atoms))]
    vectors = np.array(atoms.cell)
    places = np.array([atoms.positions[atom] + np.array(cell) @ vectors for atom, cell in nodes])
    near = cKDTree(places).query_ball_point(places, cutoff)
    return {
        node: [nodes[other] for other in others if other != place]
        for place, (node, others) in enumerate(zip(nodes, near, strict=True))
    }


def distances(graph: Graph, start: Node, most: int, without: Node | None = None) -> dict[Node, int]:
    """Number of bonds from one node to those near it."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if found[node] < most:
            for other in graph[node]:
                if other not in found and other != without:
                    found[other] = found[node] + 1
                    queue.append(other)
    return found


def standard(ring: list[Node]) -> tuple[Node, ...]:
    """The same for a ring wherever it begins, in both directions, and moved by lattice vectors."""
    n = len(ring)
    ways = []
    for first, way in product(range(n), (1, -1)):
        nodes = [ring[(first + way * k) % n] for k in range(n)]
        origin = np.array(nodes[0][1])
        ways.append(tuple((atom, tuple((np.array(c) - origin).tolist())) for atom, c in nodes))
    return min(ways)


def king(graph: Graph, largest: int) -> set[tuple[Node, ...]]:
    """Shortest rings through each pair of bonds of each atom."""
    found = set()
    for root in [node for node in graph if node[1] == HOME]:
        for one, other in combinations(graph[root], 2):
            far = distances(graph, one, largest - 2, without=root)

            def back(path: list[Node], far: dict[Node, int], root: Node) -> Iterator[list[Node]]:
                if far[path[-1]] == 0:
                    yield path
                for node in graph[path[-1]]:
                    if node != root and far.get(node, largest) == far[path[-1]] - 1:
                        yield from back([*path, node], far, root)

            if other in far:
                found |= {standard([root, *path]) for path in back([other], far, root)}
    return found


def primitive(graph: Graph, largest: int) -> set[tuple[Node, ...]]:
    """All rings without a shorter path between two of their atoms."""
    far: dict[Node, dict[Node, int]] = {}

    def apart(one: Node, other: Node) -> int:
        if one not in far:
            far[one] = distances(graph, one, largest // 2)
        return far[one].get(other, largest)

    found = set()

    def extend(path: list[Node]) -> None:
        n = len(path)
        if n >= 3 and path[0] in graph[path[-1]]:
            pairs = combinations(range(n), 2)
            if all(apart(path[i], path[j]) == min(j - i, n - j + i) for i, j in pairs):
                found.add(standard(path))
            return  # a longer one would have a bond across
        for node in graph[path[-1]] if n < largest else ():
            across = any(node in graph[earlier] for earlier in path[1:-1])
            if node not in path and not across and apart(path[0], node) <= largest - n:
                extend([*path, node])

    for root in [node for node in graph if node[1] == HOME]:
        extend([root])
    return found


def by_size(found: set[tuple[Node, ...]], largest: int) -> list[int]:
    """Number of rings of 3 atoms, 4 and so on."""
    return [sum(len(ring) == size for ring in found) for size in range(3, largest + 1)]


def through(found: set[tuple[Node, ...]], n_atoms: int, largest: int) -> list[list[int]]:
    """Number of rings through each atom by size."""
    count = np.zeros((n_atoms, largest - 2), dtype=int)
    for ring in found:
        for atom, _ in ring:
            count[atom, len(ring) - 3] += 1
    return count.tolist()
