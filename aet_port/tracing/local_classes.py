"""Local classification: each atom gets the species whose mean nearby is closest to its values."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory

MAX_ROUNDS = 200
PER_PAIR = 110.0  # bytes: the pair in both orders, their distance, and its place in the list


@dataclass(frozen=True)
class LocalClasses:
    """Result of :func:`reclassify_locally`.

    Parameters
    ----------
    types
        Shape (n,): 1, 2, ...
    changes
        Number of atoms that changed their type in each round.
    settled
        Whether no atom changed in the last round.
    """

    types: NDArray[np.int64]
    changes: list[int]
    settled: bool


def reclassify_locally(
    positions: ArrayLike,
    values: ArrayLike,
    types: ArrayLike,
    radius: float,
    norm: int = 2,
    patience: int = 5,
    max_rounds: int = MAX_ROUNDS,
    reference_quirks: bool = False,
) -> LocalClasses:
    """Give each atom the type whose mean values among its neighbours are closest to its own.

    Neighbours lie within ``radius``; the atom itself does not count. In each round all atoms are
    assigned from the types of the previous round. The rounds end when nothing changes, or when the
    same number of atoms has changed ``patience`` times in a row (they flip back and forth). Local
    means follow intensity variations due to a missing wedge or varying thickness.

    Parameters
    ----------
    positions
        Shape (n, 3), in the unit of ``radius``.
    values
        Shape (n, m): values around each atom.
    types
        Shape (n,): initial types, 1 to k.
    radius
        Radius of the neighbourhood (10 angstrom in the glass paper).
    norm
        2 (Euclidean distance of values) or 1.
    patience, max_rounds
        When to stop even if atoms still change.
    reference_quirks
        If True, an atom without neighbours becomes type 1; by default it keeps its type.

    Raises
    ------
    InputError
        For shapes that do not match, types below one, or a radius not above zero.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/local_class_kmean_sub.m::local_class_kmean_sub. There
    the number of types is the number of distinct types given.
    """
    places = np.ascontiguousarray(positions, dtype=np.float64)
    table = np.ascontiguousarray(values, dtype=np.float64)
    old = np.array(types, dtype=np.int64).ravel()
    n = len(old)
    if n == 0 or places.shape != (n, 3) or table.ndim != 2 or len(table) != n or old.min() < 1:
        found = f"shapes {places.shape}, {table.shape}, {n} types from {old.min(initial=0)}"
        raise InputError("values", found, "(n, 3), (n, m) and n types of one or more")
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius!r}", "a length above zero")
    if norm not in (1, 2):
        raise InputError("norm", f"{norm}", "2 or 1")
    starts, neighbours = _neighbours(places, radius)
    n_types = int(old.max())
    changes: list[int] = []
    while len(changes) < max_rounds:
        new = np.empty(n, np.int64)
        _nearest_type(starts, neighbours, table, old, n_types, norm, reference_quirks, new)
        changes.append(int((new != old).sum()))
        old = new
        if changes[-1] == 0:
            return LocalClasses(old, changes, True)
        if len(changes) > patience and len(set(changes[-patience:])) == 1:
            break
    return LocalClasses(old, changes, False)


def _neighbours(
    places: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours of atom i are ``neighbours[starts[i]:starts[i + 1]]``, ascending."""
    # Rounding inside the tree must not decide at the edge of the sphere.
    tree, reach = cKDTree(places), radius * (1 + 1e-9)
    number = (int(tree.count_neighbors(tree, reach)) - len(places)) // 2
    check_memory("radius", PER_PAIR * number, "a smaller --radius, or fewer atoms")
    pairs = tree.query_pairs(reach, output_type="ndarray")
    distance = np.sqrt(((places[pairs[:, 0]] - places[pairs[:, 1]]) ** 2).sum(axis=1))
    pairs = pairs[(distance < radius) & (distance != 0)]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    starts = np.searchsorted(both[:, 0], np.arange(len(places) + 1))
    return starts.astype(np.int64), np.ascontiguousarray(both[:, 1]).astype(np.int64)


@numba.njit(cache=True, parallel=True)
def _nearest_type(starts, neighbours, values, types, n_types, norm, quirks, new):  # type: ignore[no-untyped-def]
    n, m = values.shape
    for i in numba.prange(n):
        means = np.zeros((n_types, m))
        numbers = np.zeros(n_types)
        for p in range(starts[i], starts[i + 1]):
            j = neighbours[p]
            t = types[j] - 1
            numbers[t] += 1.0
            for k in range(m):
                means[t, k] += values[j, k]
        best, nearest = np.inf, 1 if quirks else types[i]
        for t in range(n_types):
            if numbers[t] == 0.0:
                continue
            distance = 0.0
            for k in range(m):
                gap = abs(values[i, k] - means[t, k] / numbers[t])
                distance += gap if norm == 1 else gap * gap
            if distance < best:
                best, nearest = distance, t + 1
        new[i] = nearest
