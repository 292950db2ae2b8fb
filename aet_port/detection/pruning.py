"""Atoms that do not stay: too low for their error or their species, or two in one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.stats import norm

from aet_port.detection.mixture import Species
from aet_port.refinement.likelihood import Atoms

LEAST_HEIGHT = 0.4  # of the lightest species, below which nothing is an atom
PER_TRY = 2.0  # cubic angstrom per independent maximum of a score map
SIGNIFICANT = 3.0  # standard errors of the height of an atom, at least
# An atom of so many standard errors is no noise; it is dropped only if so many standard deviations
# lower than the lightest species.
EVIDENT, OUT_OF_QUESTION = 6.0, 6.0
TOLD_APART = 12.0  # standard errors of the height of an atom beside another that need no merging
BESIDE = 3.0  # angstrom, neighbours in a blurred image


def too_low(free: NDArray, errors: NDArray, species: Species, fdr: float) -> NDArray[np.bool_]:
    """Atoms lower than the lightest species can be.

    Parameters
    ----------
    free, errors
        Shape (n,): heights as the images ask for, and their standard errors, electrons.
    species
        Mixture of the heights.
    fdr
        Accepted fraction of wrong atoms; a tenth of it is the chance of dropping a right one.

    Returns
    -------
    Shape (n,).
    """
    lightest, spread = species.means[0], species.spreads[0]
    improbable = np.where(free < EVIDENT * errors, norm.isf(fdr / 10), OUT_OF_QUESTION)
    low = free < LEAST_HEIGHT * lightest
    low |= (free - lightest) < -improbable * np.sqrt(spread**2 + errors**2)
    return np.asarray(low)


def not_told_apart(
    positions: NDArray, free: NDArray, errors: NDArray, distance: float
) -> NDArray[np.bool_]:
    """The lower atom of each close pair, unless its height is too certain for half of another.

    Positions (n, 3) and distance in angstrom; heights and errors (n,) in electrons.
    """
    return closest_pairs_lose(positions, free, distance) & (free < TOLD_APART * errors)


def significant_errors(volume: float, atoms: int, fdr: float) -> float:
    """Standard errors that the height of one of so many atoms must have.

    Of as many maxima of pure noise as a volume (cubic angstrom) holds, no more than the fraction
    ``fdr`` of the atoms exceed it.
    """
    tries = volume / PER_TRY
    return max(SIGNIFICANT, float(norm.isf(min(fdr * atoms / tries, 0.5))))


def beside(atoms: Atoms, candidates: NDArray) -> NDArray[np.bool_]:
    """Atoms near candidates (n, 6), which may have taken part of their height for this round."""
    if not len(candidates):
        return np.zeros(len(atoms), bool)
    distance, _ = cKDTree(candidates[:, :3]).query(atoms.positions)
    return np.asarray(distance < BESIDE)


def closest_pairs_lose(positions: NDArray, heights: NDArray, distance: float) -> NDArray[np.bool_]:
    """The lower atom of each pair closer than a distance, which the images can't tell apart.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.
    heights
        Shape (n,), electrons.
    distance
        Angstrom.

    Returns
    -------
    Shape (n,): whether the atom loses.
    """
    lost = np.zeros(len(heights), bool)
    pairs = cKDTree(positions).query_pairs(distance, output_type="ndarray")
    if len(pairs):
        first, second = pairs.T
        lost[np.where(heights[first] < heights[second], first, second)] = True
    return lost
