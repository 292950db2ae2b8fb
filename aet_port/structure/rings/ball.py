"""Nodes around one atom of a network of bonds, numbered as a search from it meets them."""

from __future__ import annotations

import numpy as np
from numba import njit

# Space of one search: it is made wider where a search needs more.
NODES = 1024
FULL = -1  # what a function returns if the space is too small


@njit(cache=True, nogil=True, inline="always")
def slot(table, keys, key):  # type: ignore[no-untyped-def]
    """Place of a key in the hash table, or the free place where it belongs."""
    mask = len(table) - 1
    mixed = key * 0x2545F4914F6CDD1D
    at = (mixed ^ (mixed >> 29)) & mask
    while table[at] >= 0 and keys[table[at]] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def expand(network, keys, level, table, begin, nearby, counts, depth):  # type: ignore[no-untyped-def]
    """Number all neighbours of the nodes up to ``depth`` bonds from the first one.

    Parameters
    ----------
    network
        ``start`` and ``step`` of the bonds, number of atoms.
    keys, level
        Number of each node in the infinite network, and its distance from the first one in bonds.
    table
        Hash table of the keys: places in ``keys``, -1 where free.
    begin, nearby
        The neighbours of node u are ``nearby[begin[u]:begin[u + 1]]``.
    counts
        How many nodes there are, and of how many the neighbours are known.

    Returns
    -------
    Number of bonds that were followed; ``FULL`` if there is no space for all nodes.
    """
    start, step, n_atoms = network
    nodes, known = counts[0], counts[1]
    followed = 0
    while known < nodes and level[known] <= depth:
        atom = keys[known] % n_atoms
        place = begin[known]
        first, last = start[atom], start[atom + 1]
        if nodes + (last - first) > len(keys) or place + (last - first) > len(nearby):
            return FULL
        for edge in range(first, last):
            key = keys[known] + step[edge]
            at = slot(table, keys, key)
            if table[at] < 0:
                table[at] = nodes
                keys[nodes] = key
                level[nodes] = level[known] + 1
                nodes += 1
            nearby[place] = table[at]
            place += 1
        followed += last - first
        known += 1
        begin[known] = place
    counts[0], counts[1] = nodes, known
    return followed


@njit(cache=True, nogil=True)
def begin_at(root, home, n_atoms, keys, level, table, begin, counts):  # type: ignore[no-untyped-def]
    """Forget the nodes of the search before, and begin at an atom of the home cell."""
    for u in range(len(table)):
        table[u] = -1
    keys[0] = root + n_atoms * home
    level[0] = 0
    begin[0] = 0
    table[slot(table, keys, keys[0])] = 0
    counts[0], counts[1] = 1, 0


@njit(cache=True, nogil=True)
def with_room(found, used, more):  # type: ignore[no-untyped-def]
    """The array, or a copy of twice the length if ``more`` values don't fit behind ``used``."""
    if used + more <= len(found):
        return found
    longer = np.empty(2 * len(found) + more, dtype=found.dtype)
    longer[:used] = found[:used]
    return longer
