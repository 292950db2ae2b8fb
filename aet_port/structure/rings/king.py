"""Search for the shortest-path rings of King around each atom."""

from __future__ import annotations

import numpy as np
from numba import njit

from aet_port.structure.rings.ball import FULL, begin_at, expand, with_room


@njit(cache=True, nogil=True)
def king_rings(network, home, roots, largest, budget, room):  # type: ignore[no-untyped-def]
    """Shortest rings through each pair of neighbours of some atoms.

    Parameters
    ----------
    network
        ``start`` and ``step`` of the bonds, number of atoms.
    home
        Number of the home cell.
    roots
        First atom, and that behind the last one.
    largest
        Largest ring.
    budget
        Steps after which the search around an atom ends.
    room
        Number of nodes for which there is space.

    Returns
    -------
    Nodes of all rings one after the other, sizes of the rings, and for each atom the size up to
    which its search is complete; -1 there if it needs more space.
    """
    start, _, n_atoms = network
    keys, level = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    size_of_table = 1
    while size_of_table < 2 * room:
        size_of_table *= 2
    table = np.full(size_of_table, -1, dtype=np.int64)
    begin = np.zeros(room + 1, dtype=np.int64)
    nearby = np.empty(16 * room, dtype=np.int64)
    counts = np.zeros(2, dtype=np.int64)
    far = np.empty(room, dtype=np.int64)
    queue = np.empty(room, dtype=np.int64)
    path, place = np.empty(largest, dtype=np.int64), np.empty(largest, dtype=np.int64)
    found, used = np.empty(4096, dtype=np.int64), 0
    sizes, rings = np.empty(1024, dtype=np.int64), 0
    reach = np.empty(roots[1] - roots[0], dtype=np.int64)
    for root in range(roots[0], roots[1]):
        degree = start[root + 1] - start[root]
        begin_at(root, home, n_atoms, keys, level, table, begin, counts)
        shortest = np.zeros((degree, degree), dtype=np.int64)
        left = degree * (degree - 1) // 2
        steps, reached = 0, 2
        radius = 0
        while left > 0 and reached < largest:
            # Rings of at most 2 radius + 1 nodes go no further than radius bonds from the atom.
            radius += 1
            most = min(2 * radius + 1, largest)
            followed = expand(network, keys, level, table, begin, nearby, counts, radius)
            if followed == FULL:
                reached = FULL
                break
            steps += followed
            used_before, rings_before = used, rings
            for i in range(degree - 1):
                wanted = 0
                for j in range(i + 1, degree):
                    wanted += shortest[i, j] == 0
                if wanted == 0:
                    continue
                # Neighbours of the atom are the nodes 1 to degree; bonds from neighbour i.
                for u in range(counts[1]):
                    far[u] = -1
                far[0] = 0  # never passed
                queue[0], far[1 + i] = 1 + i, 0
                head, tail = 0, 1
                while head < tail and wanted > 0:
                    u = queue[head]
                    head += 1
                    if far[u] + 2 >= most:
                        break
                    steps += begin[u + 1] - begin[u]
                    for k in range(begin[u], begin[u + 1]):
                        v = nearby[k]
                        if level[v] <= radius and far[v] < 0:
                            far[v] = far[u] + 1
                            queue[tail] = v
                            tail += 1
                            if i + 1 < v <= degree and shortest[i, v - 1] == 0:
                                wanted -= 1
                for j in range(i + 1, degree):
                    length = far[1 + j]
                    if shortest[i, j] > 0 or length < 0:
                        continue
                    shortest[i, j] = length + 2
                    left -= 1
                    # All ways back, each node one bond nearer to neighbour i.
                    depth = 0
                    path[0], place[0] = 1 + j, begin[1 + j]
                    while depth >= 0 and steps <= budget:
                        if depth == length:
                            if not _found_elsewhere(keys, path, length, n_atoms, root):
                                found = with_room(found, used, length + 2)
                                found[used] = keys[0]
                                for k in range(length + 1):
                                    found[used + 1 + k] = keys[path[k]]
                                used += length + 2
                                sizes = with_room(sizes, rings, 1)
                                sizes[rings] = length + 2
                                rings += 1
                            depth -= 1
                            continue
                        u = path[depth]
                        if place[depth] == begin[u + 1]:
                            depth -= 1
                            continue
                        v = nearby[place[depth]]
                        place[depth] += 1
                        steps += 1
                        if v != 0 and level[v] <= radius and far[v] == far[u] - 1:
                            depth += 1
                            path[depth], place[depth] = v, begin[v]
                    if steps > budget:
                        break
                if steps > budget:
                    break
            if steps > budget:
                used, rings = used_before, rings_before
                break
            reached = most
        if reached == FULL:
            reach[root - roots[0]] = FULL
            break
        reach[root - roots[0]] = largest if left == 0 else reached
    return found[:used], sizes[:rings], reach


@njit(cache=True, nogil=True, inline="always")
def _found_elsewhere(keys, path, length, n_atoms, root):  # type: ignore[no-untyped-def]
    """Whether the ring surely is one of the search around an atom with a lower number.

    Triangles are found from all corners, rings of four also from the opposite one.
    """
    if length == 1:
        return keys[path[0]] % n_atoms < root or keys[path[1]] % n_atoms < root
    if length == 2:
        return keys[path[1]] % n_atoms < root
    return False
