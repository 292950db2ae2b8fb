"""The first peak of a pair distribution where bonds can be, and why it is not stated elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase.data import covalent_radii
from numpy.typing import NDArray

from aet_port.structure.pairs.peaks import bond_length

LEAST_PAIRS = 100  # pairs within the cut-off below which no peak is stated
TOUCHING = 0.6  # of the sum of the covalent radii: the shortest distance of a bond
APART = 0.05  # of the distance: more, and the peak of some atoms is not that of all
SHARP = 1e-3  # spread of the distances of a shell of a perfect crystal, relative
GAP = 4e-3  # distance between two such shells, relative
BIN = 0.02  # angstrom


@dataclass(frozen=True)
class FirstPeak:
    """The first peak of one pair distribution.

    Attributes
    ----------
    place
        Angstrom; NaN with a ``reason``.
    pairs
        Pairs of atoms within the cut-off behind it.
    reason
        Why there is no place; None if there is one.
    """

    place: float
    pairs: int
    reason: str | None = None


def shortest_bond(one: NDArray[np.integer], two: NDArray[np.integer] | None = None) -> float:
    """Shortest distance of a bond between atoms of two groups, angstrom.

    0.6 of the sum of the smallest covalent radii; atoms of unknown species have none, and 0.

    Parameters
    ----------
    one, two
        Atomic numbers in each group; the first group with itself unless ``two`` is given.

    Notes
    -----
    MATLAB: none

    References
    ----------
    B. Cordero et al., "Covalent radii revisited", Dalton Transactions 2008, 2832.

    Examples
    --------
    >>> round(shortest_bond(np.array([46, 78])), 2)  # Pd and Pt
    1.63
    """
    radii = [
        min((float(covalent_radii[k]) for k in np.unique(part) if k > 0), default=0.0)
        for part in (one, one if two is None else two)
    ]
    return TOUCHING * sum(radii)


def first_peak(
    r: NDArray[np.float64],
    g: NDArray[np.float64],
    distances: NDArray[np.float64],
    cutoff: float,
    shortest: float,
    expected: float | None = None,
) -> FirstPeak:
    """The first peak between the shortest bond and the cut-off.

    The first maximum of the smoothed curve there that reaches half of the highest one there, by a
    Gaussian through it (:func:`aet_port.structure.pairs.peaks.bond_length`). In a perfect crystal,
    where shells are narrower than the bins of any curve, the first shell with at least half of the
    pairs of the largest, by the distances themselves.

    Parameters
    ----------
    r, g
        Shape (n,): evenly spaced distances, angstrom, and a pair distribution.
    distances
        Shape (m,): distance of each pair within the cut-off, angstrom.
    cutoff, shortest
        Where bonds can be, angstrom.
    expected
        First peak of all atoms, angstrom, if these are some of them. A peak more than 5 % off is
        one of chance, of atoms pressed together or of errors.

    Notes
    -----
    MATLAB: none; the reference reads peaks off a curve
    """
    near = np.sort(distances[distances >= shortest])
    if len(near) < LEAST_PAIRS:
        few = f"{len(near)} pairs from {shortest:.3g} to {cutoff:.3g} angstrom"
        return FirstPeak(np.nan, len(near), f"{few}, fewer than {LEAST_PAIRS}")
    place = _sharp(near)
    if place is None:
        place = bond_length(r, g, within=(shortest, cutoff))
    if not np.isfinite(place):
        return FirstPeak(np.nan, len(near), "no maximum below the cut-off")
    if expected is not None and abs(place / expected - 1) > APART:
        reason = f"a peak at {place:.3f} angstrom, where that of all atoms is at {expected:.3f}"
        return FirstPeak(np.nan, len(near), reason)
    return FirstPeak(place, len(near))


def _sharp(near: NDArray[np.float64]) -> float | None:
    """First large shell of a perfect crystal, from sorted distances; None if it is none."""
    cuts = np.flatnonzero(np.diff(near) > GAP * near[1:]) + 1
    shells = [near[a:b] for a, b in pairwise([0, *cuts.tolist(), len(near)])]
    if any(np.ptp(shell) > SHARP * shell[0] for shell in shells):
        return None
    # Heights of g: a shell of n pairs at d has n / d^2.
    heights = [len(shell) / shell[0] ** 2 for shell in shells]
    first = next(k for k, height in enumerate(heights) if height >= max(heights) / 2)
    return float(shells[first].mean())


def peak_of_distances(distances: NDArray[np.float64], cutoff: float, shortest: float) -> FirstPeak:
    """The first peak of a curve that is made of the distances within the cut-off only.

    Parameters
    ----------
    distances
        Shape (m,): distance of each pair within the cut-off, angstrom.
    cutoff, shortest
        Where bonds can be, angstrom.

    Notes
    -----
    MATLAB: none
    """
    bins = max(round(cutoff / BIN), 8)
    counts, edges = np.histogram(distances, bins, (0, cutoff))
    r = (edges[1:] + edges[:-1]) / 2
    return first_peak(r, counts / r**2, distances, cutoff, shortest)
