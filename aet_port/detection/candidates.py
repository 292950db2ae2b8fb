"""Candidates for new atoms: maxima of the score map, thresholds, minimum distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import cKDTree

# Smallest scores by round: the first maps are crowded, the last ones nearly empty.
LOWEST = 3.0  # standard deviations
LEAST_SCORES = (4.5, 4.0, 4.0, 3.5, 3.0)
LEAST_CANDIDATES = (0.3, 0.4, 0.5)  # of the lightest species, below which no maximum is tried
WELL = 0.9  # response relative to the largest, of places that nearly all images show
MOST_FALSE = 0.5  # minima of the map per maximum above the threshold
LATER, DOUBTLESS = 2, 5.0  # number of rounds after which a score is always tried
ENOUGH = 0.5  # of the signal, above a score that need not be lowered
LOW_FREQUENCY = 0.2  # 1/angstrom; below, images hold the outline of the sample
SPARSE = (0.3, 0.3, 0.3, 1.0)  # by round, largest ratio of noise to missing power


def missing_power(
    residual: NDArray,
    variance: NDArray,
    profile: NDArray,
    q: NDArray,
    canvas: tuple[int, ...],
    sparse: float = SPARSE[0],
) -> float:
    """Mean square height of the atoms missing in the model, per pixel of an image.

    From the power of the residual images above their noise, ``sum P^2 (|R|^2 - v) / sum P^4`` above
    0.2/angstrom, where ``P`` is the transfer function of an atom. At least ``1/sparse`` of the
    noise variance: the last atoms are missing among fitted neighbours, which have taken over part
    of their intensity, so that high frequencies tell them apart.

    Parameters
    ----------
    residual, variance
        Shape (n_images, nx, ny): residual and its noise variance, electrons.
    profile, q
        Transfer function of an atom, and frequencies, on the half spectrum of ``canvas``.
    canvas
        Size of the Fourier transforms.
    sparse
        Largest ratio of the noise variance to the missing power.

    Returns
    -------
    Square electrons per pixel.
    """
    power = profile**2
    band = np.where(q > LOW_FREQUENCY, power, 0)
    pixels = residual[0].size
    total = 0.0
    for image, noise in zip(residual, variance, strict=True):
        spectrum = np.abs(fft.rfft2(image, canvas)) ** 2 / pixels
        total += float(np.sum((spectrum - noise.mean()) * band))
    found = total / float(len(residual) * np.sum(band * power))
    return max(found, float(variance.mean()) / sparse)


def apart(candidates: NDArray, taken: NDArray, from_atoms: float, from_others: float) -> NDArray:
    """Candidates far enough from atoms and from better candidates.

    Parameters
    ----------
    candidates
        Shape (n, 6), best first; the first three columns are positions.
    taken
        Shape (m, 3): positions of atoms.
    from_atoms, from_others
        Smallest distances, angstrom.

    Returns
    -------
    Shape (k, 6): those kept, in their order.
    """
    if len(taken) and len(candidates):
        distance, _ = cKDTree(taken).query(candidates[:, :3])
        candidates = candidates[distance > from_atoms]
    if not len(candidates):
        return candidates
    free = np.ones(len(candidates), bool)
    kept = []
    near = cKDTree(candidates[:, :3]).query_ball_point(candidates[:, :3], from_others)
    for number, others in enumerate(near):
        if free[number]:
            kept.append(number)
            free[others] = False
    return candidates[kept]


def threshold(maxima: NDArray, minima: NDArray, least: float, any_excess: bool = False) -> float:
    """Smallest score at which not too many minima exceed it: at most half as many as maxima.

    Noise has as many minima as maxima, so that their number tells how many maxima are false,
    whatever the noise. What is false by then is dropped after the fit.

    Parameters
    ----------
    maxima, minima
        Scores of the maxima, and of the minima with their sign changed.
    least
        Smallest threshold.
    any_excess
        Whether more maxima than minima are enough, by a standard deviation of the difference,
        which is the root of their sum.

    Returns
    -------
    Standard deviations, at most 12.
    """
    for score in np.arange(least, 12, 0.1):
        up, down = int(np.sum(maxima > score)), int(np.sum(minima > score))
        if up - down > np.sqrt(up + down) if any_excess else down <= MOST_FALSE * up:
            return float(score)
    return 12.0


def least_score(maxima: NDArray, minima: NDArray, least: float) -> float:
    """Lowest score worth looking at: lower than ``least`` where most of the signal lies below it.

    The number of maxima less that of minima above a score tells how many of them are real.

    Parameters
    ----------
    maxima, minima
        Scores of the maxima, and of the minima with their sign changed, above :data:`LOWEST`.
    least
        Score preferred.

    Returns
    -------
    Standard deviations, at least :data:`LOWEST`.
    """
    scores = np.arange(least, LOWEST - 0.25, -0.5)
    real = [int(np.sum(maxima > score)) - int(np.sum(minima > score)) for score in scores]
    enough = ENOUGH * max(real)
    return float(next((s for s, n in zip(scores, real, strict=True) if n >= enough), least))


def threshold_and_height(
    maxima: NDArray,
    minima: NDArray,
    least: float,
    lightest: float,
    any_excess: bool = False,
) -> tuple[float, float]:
    """Score and height above which maxima are tried: those with most maxima beyond the minima.

    Low maxima are noise, which must not decide on the others; how low, the minima tell. Places that
    only some images show have false maxima and minima of what is missing there, and do not count.

    Parameters
    ----------
    maxima, minima
        Shape (n, 6), as :meth:`aet_port.detection.score_map.ScoreMap.maxima` returns them.
    least
        Score preferred as the smallest.
    lightest
        Height of the lightest species, electrons; 0 if it is not known.
    any_excess
        As for :func:`threshold`.

    Returns
    -------
    Score in standard deviations, and height in electrons.
    """
    best = (-np.inf, least, 0.0)
    for fraction in LEAST_CANDIDATES:
        lowest = fraction * lightest
        high, deep = (one[(one[:, 5] > WELL) & (one[:, 3] > lowest)] for one in (maxima, minima))
        up, down = high[:, 3] / high[:, 4], deep[:, 3] / deep[:, 4]
        score = threshold(up, down, least_score(up, down, least), any_excess)
        gain = float(np.sum(up > score)) - float(np.sum(down > score))
        if gain > best[0]:
            best = (gain, score, lowest)
    return best[1], best[2]


def select(
    maxima: NDArray,
    minima: NDArray,
    rounds: int,
    lightest: float,
    explained: bool,
    only_missing: bool,
) -> tuple[NDArray[np.float64], float]:
    """Maxima that a round of the search tries as atoms, and the score that they exceed.

    Parameters
    ----------
    maxima, minima, lightest
        As for :func:`threshold_and_height`.
    rounds
        Number of earlier rounds.
    explained
        Whether the residuals are about as large as the noise.
    only_missing
        Whether missing atoms alone leave maxima: not matter beyond the images, nor wrong angles.

    Returns
    -------
    Rows (k, 6) of the maxima, and the score in standard deviations.
    """
    turn = min(rounds, len(LEAST_SCORES) - 1)
    # Atoms that replace missing ones leave minima, too: at last every excess of maxima counts.
    late = only_missing and rounds >= len(LEAST_SCORES) - 1
    score, lowest = threshold_and_height(maxima, minima, LEAST_SCORES[turn], lightest, late)
    if rounds >= LATER and explained:
        score = min(score, DOUBTLESS)
    return maxima[(maxima[:, 3] / maxima[:, 4] > score) & (maxima[:, 3] > lowest)], score
