"""Growth of clusters on a lattice as in the reference, one atom at a time, from one root.

A cluster is a row for each member, six numbers for its offset from the root and its site, beside
the members themselves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from aet_port.structure.medium_range.lattice_fit import START, relax
from aet_port.structure.medium_range.lattices import BOND, ICOSAHEDRAL, fill_rotation, nearest_site

FITTED = 7  # atoms of the largest cluster whose lattice is fitted; more atoms keep that fit


@njit(cache=True, nogil=True)
def grow_clusters(  # type: ignore[no-untyped-def]
    root, lattice, basis, positions, start, neighbour, offset, cutoff, max_states
):
    """All clusters of the largest size around one root; empty arrays for too many of one size.

    Parameters
    ----------
    root, lattice
        Atom and number of the lattice.
    basis
        Steps of a walk on it: the neighbour vectors (b, 3).
    positions
        Shape (n, 3); the length in which the fit is done must be one here.
    start, neighbour, offset
        Neighbours of atom i are entries ``start[i]`` to ``start[i + 1]``, ascending; ``offset`` is
        the periodic shift that brings each beside atom i.
    cutoff
        Greatest distance from a site.
    max_states
        As for ``search_clusters``.

    Returns
    -------
    Places (m, size, 6), members (m, size), lattice constants and quaternions (m, 5).
    """
    places = np.zeros((1, 1, 6))
    members = np.full((1, 1), root, dtype=np.int32)
    parameters = np.empty((1, 5))
    for k in range(5):
        parameters[0, k] = START[k]
    codes = np.zeros(1, dtype=np.uint64)
    inside = np.zeros(len(positions), dtype=np.bool_)
    listed = np.zeros(len(positions), dtype=np.bool_)
    nearby = np.empty(len(positions), dtype=np.int32)
    offered = np.empty((len(positions), 3))
    while True:
        grown, reals, numbers = _grow_by_one(
            places, members, parameters, codes, root, lattice, basis, positions, start, neighbour,
            offset, cutoff, max_states, inside, listed, nearby, offered,
        )  # fmt: skip
        if grown == 0:
            return places, members, parameters
        if grown > max_states:
            return places[:0], members[:0], parameters[:0]
        places, members, parameters = grown_by_one(places, members, reals, numbers, grown)
        old_codes = codes
        codes = np.empty(grown, dtype=np.uint64)
        for k in range(grown):
            codes[k] = old_codes[numbers[k, 0]] ^ scramble(numbers[k, 1])


@njit(cache=True, nogil=True)
def _grow_by_one(  # type: ignore[no-untyped-def]
    places, members, parameters, codes, root, lattice, basis, positions, start, neighbour, offset,
    cutoff, max_states, inside, listed, nearby, offered,
):  # fmt: skip
    """Clusters with one atom more: how many, their last place and fit, parent and atom."""
    states, size = members.shape
    grown = 0
    reals = np.empty((64, 11))
    numbers = np.empty((64, 2), dtype=np.int32)
    place, target, trial = np.empty(6), np.empty(3), np.empty(5)
    turn, moment = np.empty((3, 3)), np.empty((3, 3))
    walk = np.empty(len(basis), dtype=np.int64)
    # Sets tried so far, taken or not: parent and added atom in an open hash table.
    tried = 0
    keys = np.empty(256, dtype=np.uint64)
    sources = np.full((256, 2), -1, dtype=np.int32)
    for state in range(states):
        count = gather(
            members[state], places[state], positions, start, neighbour, offset, root,
            inside, listed, nearby, offered,
        )  # fmt: skip
        for n in range(count):
            new = nearby[n]
            key = codes[state] ^ scramble(new)
            slot = _find(key, new, keys, sources, members, inside)
            if sources[slot, 0] >= 0:
                continue
            keys[slot], sources[slot, 0], sources[slot, 1] = key, state, new
            tried += 1
            if 2 * tried > len(keys):
                keys, sources = _rehash(keys, sources)
            copy(offered[new], place)
            copy(parameters[state], trial)
            if not _accept(
                places[state], place, trial, walk, basis, lattice, cutoff,
                target, turn, moment,
            ):  # fmt: skip
                continue
            if grown == max_states:
                return grown + 1, reals, numbers
            if grown == len(reals):
                reals, numbers = doubled(reals, numbers)
            copy(place, reals[grown])
            copy(trial, reals[grown, 6:])
            numbers[grown, 0], numbers[grown, 1] = state, new
            grown += 1
        for m in range(size):
            inside[members[state, m]] = False
    return grown, reals, numbers


@njit(cache=True, nogil=True)
def grown_by_one(places, members, reals, numbers, grown):  # type: ignore[no-untyped-def]
    """Places, members and fits of clusters with one atom more.

    ``reals`` (grown or more, 11) are the last place and the fit, ``numbers`` the parent and the
    atom.
    """
    size = places.shape[1]
    new_places = np.empty((grown, size + 1, 6))
    new_members = np.empty((grown, size + 1), dtype=np.int32)
    parameters = np.empty((grown, 5))
    for k in range(grown):
        parent = numbers[k, 0]
        for m in range(size):
            copy(places[parent, m], new_places[k, m])
            new_members[k, m] = members[parent, m]
        copy(reals[k, :6], new_places[k, size])
        new_members[k, size] = numbers[k, 1]
        copy(reals[k, 6:], parameters[k])
    return new_places, new_members, parameters


@njit(cache=True, nogil=True)
def doubled(reals, numbers):  # type: ignore[no-untyped-def]
    """The same tables of new clusters with twice the rows."""
    rows = len(reals)
    more_reals = np.empty((2 * rows, reals.shape[1]))
    more_numbers = np.empty((2 * rows, numbers.shape[1]), dtype=np.int32)
    for k in range(rows):
        copy(reals[k], more_reals[k])
        copy(numbers[k], more_numbers[k])
    return more_reals, more_numbers


@njit(cache=True, nogil=True)
def gather(  # type: ignore[no-untyped-def]
    members, places, positions, start, neighbour, offset, root, inside, listed, nearby, offered
):
    """Mark the members; neighbours of a cluster, ascending, and their offsets from the root."""
    for m in range(len(members)):
        inside[members[m]] = True
    count = 0
    for m in range(len(members)):
        atom = members[m]
        for k in range(start[atom], start[atom + 1]):
            new = neighbour[k]
            if inside[new] or listed[new]:
                continue
            listed[new] = True
            nearby[count] = new
            count += 1
            for axis in range(3):
                # What a member's offset has beyond its position is its own periodic shift.
                beyond = places[m, axis] - (positions[atom, axis] - positions[root, axis])
                offered[new, axis] = positions[new, axis] - positions[root, axis]
                offered[new, axis] += beyond + offset[k, axis]
    # Neighbours of each member ascend already, so that little is left to move.
    for n in range(count):
        new, h = nearby[n], n
        listed[new] = False
        while h > 0 and nearby[h - 1] > new:
            nearby[h] = nearby[h - 1]
            h -= 1
        nearby[h] = new
    return count


@njit(cache=True, nogil=True)
def _accept(  # type: ignore[no-untyped-def]
    places, place, trial, walk, basis, lattice, cutoff, target, turn, moment
):
    """Whether a cluster takes the atom at ``place[:3]``.

    ``trial`` is the fit before and after; the site is written to ``place[3:]`` and ``walk``.
    """
    size = len(places)
    site = place[3:]
    if size == 1:
        for k in range(len(walk)):
            walk[k] = k == 1
        copy(basis[1], site)
    else:
        if trial[0] <= 0:
            return False
        fill_rotation(trial[1:], turn)
        for axis in range(3):
            target[axis] = 0.0
            for i in range(3):
                target[axis] += turn[i, axis] * place[i] / trial[0]
        nearest_site(target, basis, lattice, True, walk, site)
        least = np.inf
        for m in range(size):
            square = 0.0
            for axis in range(3):
                square += (places[m, 3 + axis] - site[axis]) ** 2
            least = min(least, square)
        if abs(np.sqrt(least) - 1) >= BOND:
            return False
    fitted = size < FITTED or lattice == ICOSAHEDRAL
    if fitted:
        square = 0.0
        for i in range(3):
            square += site[i] * site[i]
            for j in range(3):
                moment[i, j] = place[i] * site[j]
        for m in range(size):
            for i in range(3):
                square += places[m, 3 + i] * places[m, 3 + i]
                for j in range(3):
                    moment[i, j] += places[m, i] * places[m, 3 + j]
        relax(trial, moment, square, turn)
        if size == 1:
            return True
    fill_rotation(trial[1:], turn)
    if _distance(place, trial[0], turn) > cutoff:
        return False
    if fitted:
        for m in range(size):
            if _distance(places[m], trial[0], turn) > cutoff:
                return False
    return True


@njit(cache=True, nogil=True)
def _distance(place, a, turn):  # type: ignore[no-untyped-def]
    """Distance of an atom from its site."""
    square = 0.0
    for i in range(3):
        model = turn[i, 0] * place[3] + turn[i, 1] * place[4] + turn[i, 2] * place[5]
        square += (place[i] - a * model) ** 2
    return np.sqrt(square)


@njit(cache=True, nogil=True)
def scramble(atom):  # type: ignore[no-untyped-def]
    """64 well mixed bits for each atom (splitmix64); their exclusive or is the code of a set."""
    z = (np.uint64(atom) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _find(key, new, keys, sources, members, inside):  # type: ignore[no-untyped-def]
    """Slot of the set of the marked atoms and ``new``, or the free one where it belongs."""
    last = np.uint64(len(keys) - 1)
    slot = np.int64(key & last)
    while sources[slot, 0] >= 0:
        if keys[slot] == key:
            # Equal codes almost always mean equal sets; sets of one size are equal if all of one
            # is in the other.
            parent, other = sources[slot, 0], sources[slot, 1]
            same = other == new or inside[other]
            for m in range(members.shape[1]):
                same &= members[parent, m] == new or inside[members[parent, m]]
            if same:
                return slot
        slot = (slot + 1) & np.int64(last)
    return slot


@njit(cache=True, nogil=True)
def _rehash(keys, sources):  # type: ignore[no-untyped-def]
    """The same table with twice the slots."""
    slots = 2 * len(keys)
    new_keys = np.empty(slots, dtype=np.uint64)
    new_sources = np.full((slots, 2), -1, dtype=np.int32)
    for k in range(len(keys)):
        if sources[k, 0] >= 0:
            slot = np.int64(keys[k] & np.uint64(slots - 1))
            while new_sources[slot, 0] >= 0:
                slot = (slot + 1) & (slots - 1)
            new_keys[slot] = keys[k]
            copy(sources[k], new_sources[slot])
    return new_keys, new_sources


@njit(cache=True, nogil=True)
def copy(source, target):  # type: ignore[no-untyped-def]
    """Copy numbers, for which slices would take longer."""
    for k in range(len(source)):
        target[k] = source[k]
