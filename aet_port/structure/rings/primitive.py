"""Search for the primitive rings of which each atom is the one with the lowest number."""

from __future__ import annotations

import numpy as np
from numba import njit

from aet_port.structure.rings.ball import FULL, begin_at, expand, with_room

FARTHER = 255  # distance of nodes that were not met


@njit(cache=True, nogil=True)
def primitive_rings(network, home, roots, largest, budget, room):  # type: ignore[no-untyped-def]
    """Primitive rings through some atoms and atoms of higher numbers, or images of the same.

    A ring of 2k or 2k + 1 nodes has, opposite each of its nodes, a node or a bond k bonds away; the
    two halves are shortest paths. Pairs of shortest paths from all nodes and bonds k bonds away
    are followed together, and given up as soon as two of their nodes are nearer to each other in
    the network than in the ring.

    Parameters and returned values are those of
    :func:`aet_port.structure.rings.king.king_rings`.
    """
    n_atoms = network[2]
    keys, level = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    size_of_table = 1
    while size_of_table < 2 * room:
        size_of_table *= 2
    table = np.full(size_of_table, -1, dtype=np.int64)
    begin = np.zeros(room + 1, dtype=np.int64)
    nearby = np.empty(16 * room, dtype=np.int64)
    counts = np.zeros(2, dtype=np.int64)
    queue = np.empty(room, dtype=np.int64)
    row_of = np.empty(room, dtype=np.int64)
    rows = np.empty((room // 4, room), dtype=np.uint8)
    chain, place = np.empty(largest, dtype=np.int64), np.empty(largest, dtype=np.int64)
    found, used = np.empty(4096, dtype=np.int64), 0
    sizes, rings = np.empty(1024, dtype=np.int64), 0
    reach = np.empty(roots[1] - roots[0], dtype=np.int64)
    for root in range(roots[0], roots[1]):
        begin_at(root, home, n_atoms, keys, level, table, begin, counts)
        steps, reached = 0, 2
        k = 0
        while reached < largest and reached != FULL:
            k += 1
            # A path of less than k bonds between two nodes of a ring goes no further than this.
            followed = expand(network, keys, level, table, begin, nearby, counts, k + (k - 1) // 2)
            if followed == FULL:
                reached = FULL
                break
            steps += followed
            used_before, rings_before = used, rings
            inside = 0
            while inside < counts[1] and level[inside] <= k:
                row_of[inside] = -1
                inside += 1
            n_rows = 0
            # Even rings end at a node, odd ones at a bond; t counts the nodes chosen so far.
            for odd in range(2):
                size = 2 * k + odd
                if size < 3 or size > largest or reached == FULL or steps > budget:
                    continue
                for top in range(inside):
                    if level[top] != k or keys[top] % n_atoms < root:
                        continue
                    if odd == 0:
                        first_side, last_side = 0, 1
                    else:
                        first_side, last_side = begin[top], begin[top + 1]
                    for side in range(first_side, last_side):
                        other = top if odd == 0 else nearby[side]
                        steps += 1
                        if odd == 1 and (
                            other <= top or level[other] != k or keys[other] % n_atoms < root
                        ):
                            continue
                        # chain[0], chain[1] = top, other; then by turns down from each of them.
                        chain[0], chain[1] = top, other
                        t, end = 2, 2 * k
                        if t < end:
                            place[t] = begin[top]
                        while t >= 2 and steps <= budget:
                            if t == end:
                                found = with_room(found, used, size)
                                found[used] = keys[0]
                                at = used + 1
                                for j in range(k - 1, 0, -1):
                                    found[at] = keys[chain[2 * j]]
                                    at += 1
                                found[at] = keys[top]
                                at += 1
                                if odd == 1:
                                    found[at] = keys[other]
                                    at += 1
                                for j in range(1, k):
                                    found[at] = keys[chain[2 * j + 1]]
                                    at += 1
                                used += size
                                sizes = with_room(sizes, rings, 1)
                                sizes[rings] = size
                                rings += 1
                                t -= 1
                                continue
                            u = chain[t - 2]
                            if place[t] == begin[u + 1]:
                                t -= 1
                                continue
                            v = nearby[place[t]]
                            place[t] += 1
                            steps += 1
                            j = t // 2
                            if level[v] != k - j or keys[v] % n_atoms < root:
                                continue
                            if t == 3 and odd == 0 and v <= chain[2]:
                                continue  # the same ring the other way round
                            # Against the nodes of the other side, chosen before.
                            good = True
                            for i in range((t + 1) % 2, t, 2):
                                if i < 2 and odd == 0:
                                    continue  # both sides' common top, k - j away by its level
                                w = chain[i]
                                apart = min(j + i // 2 + odd, 2 * k - j - i // 2)
                                steps += 1
                                if apart == 1:
                                    good = v != w
                                elif apart == 2:
                                    good = v != w
                                    steps += begin[w + 1] - begin[w]
                                    for b in range(begin[w], begin[w + 1]):
                                        if nearby[b] == v:
                                            good = False
                                            break
                                else:
                                    if row_of[w] < 0:
                                        if n_rows == len(rows):
                                            reached = FULL
                                            good = False
                                            break
                                        row = rows[n_rows]
                                        steps += _distances(
                                            begin, nearby, counts, queue, w, k - 1, row
                                        )
                                        row_of[w] = n_rows
                                        n_rows += 1
                                    good = rows[row_of[w], v] >= apart
                                if not good:
                                    break
                            if reached == FULL:
                                break
                            if good:
                                chain[t] = v
                                t += 1
                                if t < end:
                                    place[t] = begin[chain[t - 2]]
                        if reached == FULL or steps > budget:
                            break
                    if reached == FULL or steps > budget:
                        break
            if reached == FULL:
                break
            if steps > budget:
                used, rings = used_before, rings_before
                break
            reached = min(2 * k + 1, largest)
        reach[root - roots[0]] = reached
        if reached == FULL:
            break
    return found[:used], sizes[:rings], reach


@njit(cache=True, nogil=True)
def _distances(begin, nearby, counts, queue, source, most, row):  # type: ignore[no-untyped-def]
    """Write the distances of all nodes up to ``most`` bonds from one; number of bonds followed."""
    for u in range(counts[0]):
        row[u] = FARTHER
    row[source] = 0
    queue[0] = source
    head, tail, followed = 0, 1, 0
    while head < tail:
        u = queue[head]
        head += 1
        if row[u] == most:
            break
        if u >= counts[1]:
            continue  # at the rim, from which no path leads back in time
        for k in range(begin[u], begin[u + 1]):
            v = nearby[k]
            if row[v] == FARTHER:
                row[v] = row[u] + 1
                queue[tail] = v
                tail += 1
        followed += begin[u + 1] - begin[u]
    return followed
