"""Growth of clusters on a lattice from every start: the kernels of the default search.

A state is a set of atoms with one way to lay them on the sites of the lattice, and its best fit in
closed form. Ways that only a rotation of the lattice onto itself tells apart are one state, which
has one code. So neither the axes nor the order of the atoms matter.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from aet_port.structure.medium_range.growth import copy, doubled, gather, grown_by_one
from aet_port.structure.medium_range.lattice_fit import best_turn, turn_of_a_line
from aet_port.structure.medium_range.lattices import (
    BOND,
    HCP,
    ICOSAHEDRAL,
    fill_rotation,
    nearest_site,
)

_DIGITS, _OFFSET = 1e3, 1 << 20  # coordinates of sites as whole numbers above zero
_LAYERS = 7  # rows of the neighbours of hcp below this lead to another layer


@njit(cache=True, nogil=True)
def grow_from_all(  # type: ignore[no-untyped-def]
    root, lattice, basis, vectors, turns, positions, start, neighbour, offset, cutoff, max_states
):
    """All clusters of the largest size around one root; empty arrays for too many of one size.

    Parameters
    ----------
    root, lattice
        Atom and number of the lattice.
    basis
        Steps of a walk on it: one of ``WALKS``.
    vectors
        The origin and its nearest sites: one of ``NEIGHBOURS``.
    turns
        Rotations (g, 3, 3) of the lattice onto itself about a site: one of ``TURNS``.
    positions, start, neighbour, offset, cutoff, max_states
        As for :func:`aet_port.structure.medium_range.growth.grow_clusters`.

    Returns
    -------
    Places (m, size, 6), members (m, size), lattice constants and quaternions (m, 5).
    """
    places = np.zeros((1, 1, 6))
    members = np.full((1, 1), root, dtype=np.int32)
    parameters = np.array([[1.0, 1.0, 0.0, 0.0, 0.0]])
    codes = np.zeros((1, len(turns)), dtype=np.uint64)
    inside = np.zeros(len(positions), dtype=np.bool_)
    listed = np.zeros(len(positions), dtype=np.bool_)
    nearby = np.empty(len(positions), dtype=np.int32)
    offered = np.empty((len(positions), 3))
    while True:
        grown, reals, numbers = _grow(
            places, members, parameters, codes, root, lattice, basis, vectors, turns, positions,
            start, neighbour, offset, cutoff, max_states, inside, listed, nearby, offered,
        )  # fmt: skip
        if grown == 0:
            return places, members, parameters
        if grown > max_states:
            return places[:0], members[:0], parameters[:0]
        places, members, parameters = grown_by_one(places, members, reals, numbers, grown)
        old_codes = codes
        codes = np.empty((grown, len(turns)), dtype=np.uint64)
        for k in range(grown):
            parent = numbers[k, 0]
            for turn in range(len(turns)):
                codes[k, turn] = old_codes[parent, turn]
                codes[k, turn] += _code(numbers[k, 1], reals[k, 3:6], turns[turn])


@njit(cache=True, nogil=True)
def _grow(  # type: ignore[no-untyped-def]
    places, members, parameters, codes, root, lattice, basis, vectors, turns, positions, start,
    neighbour, offset, cutoff, max_states, inside, listed, nearby, offered,
):  # fmt: skip
    """States with one atom more: how many; their last place and fit; their parent and atom."""
    states, size = members.shape
    grown = 0
    reals = np.empty((64, 11))
    numbers = np.empty((64, 2), dtype=np.int32)
    place, target, trial, turn = np.empty(6), np.empty(3), np.empty(5), np.empty((3, 3))
    walk = np.empty(len(basis), dtype=np.int64)
    sites = np.empty((size * len(vectors), 3))
    # States tried so far, taken or not, by their codes in an open hash table. Of 64 bits, no two
    # of a million are alike.
    tried, keys = 0, np.zeros(256, dtype=np.uint64)
    for state in range(states):
        count = gather(
            members[state], places[state], positions, start, neighbour, offset, root,
            inside, listed, nearby, offered,
        )  # fmt: skip
        line = _on_a_line(places[state])
        offers = _free_sites(places[state], vectors, lattice, sites) if line else 1
        fill_rotation(parameters[state, 1:], turn)
        for n in range(count):
            new = nearby[n]
            copy(offered[new], place)
            if not line:
                for axis in range(3):
                    target[axis] = 0.0
                    for i in range(3):
                        target[axis] += turn[i, axis] * place[i] / parameters[state, 0]
                nearest_site(target, basis, lattice, False, walk, sites[0])
                if not _is_free(places[state], sites[0]):
                    continue
            for offer in range(offers):
                copy(sites[offer], place[3:])
                code = codes[state, 0] + _code(new, place[3:], turns[0])
                for k in range(1, len(turns)):
                    code = min(code, codes[state, k] + _code(new, place[3:], turns[k]))
                slot = _slot(code, keys)
                if keys[slot] == code:
                    continue
                keys[slot] = code
                tried += 1
                if 2 * tried > len(keys):
                    keys = _twice(keys)
                if not _fit(places[state], place, trial, cutoff):
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
def _on_a_line(places):  # type: ignore[no-untyped-def]
    """Whether the sites leave a turn of the lattice about one axis open."""
    for m in range(2, len(places)):
        x, y, z = places[1, 3], places[1, 4], places[1, 5]
        u, v, w = places[m, 3], places[m, 4], places[m, 5]
        cross = (y * w - z * v) ** 2 + (z * u - x * w) ** 2 + (x * v - y * u) ** 2
        if cross > BOND:
            return False
    return True


@njit(cache=True, nogil=True)
def _free_sites(places, vectors, lattice, sites):  # type: ignore[no-untyped-def]
    """Free sites next to filled ones into ``sites``; how many.

    Of the second atom's only one of each kind: in hcp within the layer and to the next one.
    """
    if len(places) == 1:
        copy(vectors[1], sites[0])
        if lattice == HCP:
            copy(vectors[_LAYERS], sites[1])
            return 2
        return 1
    count = 0
    for m in range(1 if lattice == ICOSAHEDRAL else len(places)):
        # In every second layer of hcp the neighbours in other layers are mirrored in y.
        layer = round(places[m, 5] / vectors[1, 2]) if lattice == HCP else 0
        side = -1.0 if layer % 2 else 1.0
        for k in range(1, len(vectors)):
            site = sites[count]
            for axis in range(3):
                site[axis] = places[m, 3 + axis] + vectors[k, axis]
            if k < _LAYERS:
                site[1] += (side - 1) * vectors[k, 1]
            if not _is_free(places, site):
                continue
            known = False
            for other in range(count):
                away = 0.0
                for axis in range(3):
                    away += (sites[other, axis] - site[axis]) ** 2
                known |= away < BOND
            count += not known
    return count


@njit(cache=True, nogil=True)
def _is_free(places, site):  # type: ignore[no-untyped-def]
    """Whether the nearest filled site is one step away."""
    least = np.inf
    for m in range(len(places)):
        square = 0.0
        for axis in range(3):
            square += (places[m, 3 + axis] - site[axis]) ** 2
        least = min(least, square)
    return abs(np.sqrt(least) - 1) < BOND


@njit(cache=True, nogil=True)
def _fit(places, place, trial, cutoff):  # type: ignore[no-untyped-def]
    """Best lattice constant and orientation into ``trial``; whether all atoms are near their sites.

    Least ``sum |p - a R b|^2`` (Horn 1987): R maximises ``tr(R^T M)`` with ``M = sum p b^T``.
    """
    moment, turn = np.empty((3, 3)), np.empty((3, 3))
    squares = sites = 0.0
    for i in range(3):
        squares += place[i] * place[i]
        sites += place[3 + i] * place[3 + i]
        for j in range(3):
            moment[i, j] = place[i] * place[3 + j]
    for m in range(1, len(places)):
        for i in range(3):
            squares += places[m, i] * places[m, i]
            sites += places[m, 3 + i] * places[m, 3 + i]
            for j in range(3):
                moment[i, j] += places[m, i] * places[m, 3 + j]
    if len(places) == 1 or (_on_a_line(places) and _in_line(places[1], place)):
        overlap = turn_of_a_line(moment, trial[1:])
    else:
        overlap = best_turn(moment, np.sqrt(squares * sites), trial[1:])
    trial[0] = overlap / sites
    fill_rotation(trial[1:], turn)
    if _square_away(place, trial[0], turn) > cutoff * cutoff:
        return False
    for m in range(1, len(places)):
        if _square_away(places[m], trial[0], turn) > cutoff * cutoff:
            return False
    return trial[0] > 0


@njit(cache=True, nogil=True)
def _in_line(one, two):  # type: ignore[no-untyped-def]
    """Whether the sites of two atoms and the origin are on one line."""
    x, y, z = one[3], one[4], one[5]
    u, v, w = two[3], two[4], two[5]
    return (y * w - z * v) ** 2 + (z * u - x * w) ** 2 + (x * v - y * u) ** 2 <= BOND


@njit(cache=True, nogil=True)
def _square_away(place, a, turn):  # type: ignore[no-untyped-def]
    """Square of the distance of an atom from its site."""
    square = 0.0
    for i in range(3):
        model = turn[i, 0] * place[3] + turn[i, 1] * place[4] + turn[i, 2] * place[5]
        square += (place[i] - a * model) ** 2
    return square


@njit(cache=True, nogil=True)
def _code(atom, site, turn):  # type: ignore[no-untyped-def]
    """64 well mixed bits (splitmix64) for an atom on a site of the turned lattice.

    Their sum over the atoms, the least over all rotations of the lattice onto itself, is the code
    of a state.
    """
    z = np.uint64(atom) + np.uint64(1)
    for i in range(3):
        along = turn[i, 0] * site[0] + turn[i, 1] * site[1] + turn[i, 2] * site[2]
        whole = np.int64(np.floor(along * _DIGITS + 0.5))
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(whole + _OFFSET)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _slot(code, keys):  # type: ignore[no-untyped-def]
    """Slot of a code, or the free one where it belongs."""
    last = np.uint64(len(keys) - 1)
    slot = np.int64((code >> np.uint64(7)) & last)
    while keys[slot] != 0 and keys[slot] != code:
        slot = (slot + 1) & np.int64(last)
    return slot


@njit(cache=True, nogil=True)
def _twice(keys):  # type: ignore[no-untyped-def]
    """The same table with twice the slots."""
    more = np.zeros(2 * len(keys), dtype=np.uint64)
    for key in keys:
        if key != 0:
            more[_slot(key, more)] = key
    return more
