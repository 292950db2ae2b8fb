"""Species from fitted heights: a Gaussian mixture with each height's own error."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from aet_port.core.arguments import checked
from aet_port.core.scattering import adf_cross_section
from aet_port.tracing.composition_prior import CompositionPrior, mixture_with_prior

NARROWEST = 0.02  # spread of a species' heights relative to their mean, at least
FEWEST = 3  # atoms of a species, at least
SURE = 2.0  # standard errors of a variance
UNLIKELY = 0.25  # standard deviation of the logarithms of heights in other ratios than expected
TINY = 1e-9  # density of heights of no species, per median height
WIDTH = 0.2  # relative standard deviation of heights that are fitted in the expected ratios
RATIO_WEIGHT = 0.3  # of the ratios of heights, against the mean logarithm of the density


@dataclass(frozen=True)
class Species:
    """A mixture of heights.

    Attributes
    ----------
    means, spreads, fractions
        Shape (n_species,), by increasing height: mean, standard deviation without the errors of
        the heights, and fraction of the atoms.
    """

    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    fractions: NDArray[np.float64]

    def posterior(self, heights: NDArray, errors: NDArray) -> NDArray[np.float64]:
        """Probability of each species for each atom, shape (n_atoms, n_species)."""
        variance = self.spreads**2 + errors[:, None] ** 2
        log = np.log(self.fractions) - 0.5 * np.log(variance)
        log = log - 0.5 * (heights[:, None] - self.means) ** 2 / variance
        weights = np.exp(log - log.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def scaled(self, factor: float) -> Species:
        """The mixture of heights multiplied by a factor."""
        return replace(self, means=self.means * factor, spreads=self.spreads * factor)

    def improbability(self, heights: NDArray) -> tuple[float, NDArray[np.float64]]:
        """``-sum ln sum_s f_s N(h; m_s, d_s)`` over the heights, and its derivative by each."""
        away = (heights[:, None] - self.means) / self.spreads
        log = np.log(self.fractions / self.spreads) - 0.5 * away**2
        top = log.max(axis=1, keepdims=True)
        weights = np.exp(log - top)
        total = weights.sum(axis=1, keepdims=True)
        value = -float(np.sum(top + np.log(total)))
        return value, np.sum(weights / total * away / self.spreads, axis=1)


@checked
def mixture_of_heights(
    heights: NDArray,
    errors: NDArray,
    symbols: Sequence[str],
    means: NDArray | None = None,
    prior: CompositionPrior | None = None,
) -> Species:
    """Fit a Gaussian mixture with one component for each species.

    With a composition as a prior, the mixture of highest posterior
    (:func:`aet_port.tracing.composition_prior.mixture_with_prior`) replaces that of highest
    likelihood, unless its means are in ratios that no such species have.

    Parameters
    ----------
    heights, errors
        Shape (n_atoms,): fitted heights and their standard errors.
    symbols
        Species, by increasing height.
    means
        First guess of the mean heights. Unless given, means in the ratio of the scattering cross
        sections are tried at several scales; of fits that describe the heights alike, the one that
        ends with ratios nearest to these is taken.
    prior
        Composition known beforehand, in the order of the species.

    Returns
    -------
    The mixture, by increasing mean.
    """
    if len(symbols) == 1:
        centre = float(np.median(heights))
        spread = 1.4826 * float(np.median(np.abs(heights - centre)))
        total, found, fractions = np.array([spread]), np.array([centre]), np.ones(1)
    else:
        ratios = np.array([adf_cross_section(symbol) for symbol in symbols])
        middle = float(np.median(heights)) / ratios.mean()
        starts = [middle * scale * ratios for scale in np.geomspace(0.4, 2.5, 9)]
        fits = [] if means is None else [_mixture(heights, means)]
        # Means from before go on, unless a species has lost its atoms.
        if not fits or fits[0].weights_.min() * len(heights) < FEWEST:
            fits += [_mixture(heights, start) for start in starts]
        expected = np.log(ratios / ratios.mean())
        merits = [
            fit.lower_bound_ - RATIO_WEIGHT * float(np.std(_logs(fit.means_[:, 0]) - expected))
            for fit in fits
        ]
        best = fits[int(np.argmax(merits))]
        order = np.argsort(best.means_[:, 0])
        found, fractions = best.means_[order, 0], best.weights_[order]
        total = np.sqrt(best.covariances_[order, 0, 0])
        if prior is not None:
            mixed = mixture_with_prior(heights, prior, (found, total, fractions))
            found, total, fractions = mixed.means, mixed.widths, mixed.fractions
        if float(np.std(_logs(found) - expected)) > UNLIKELY:
            # A species without atoms so far: its component went to those of another.
            found, fractions, total = _in_ratio(heights, ratios)
    fractions = np.maximum(fractions, FEWEST / max(len(heights), FEWEST))
    # Only what exceeds the errors of the heights by more than the chance of a sample is a spread.
    chance = 1 + SURE * np.sqrt(2 / np.maximum(fractions * len(heights), 1))
    errors_within = float(np.median(errors)) ** 2 * chance
    spreads = np.sqrt(np.maximum(total**2 - errors_within, (NARROWEST * found) ** 2))
    return Species(found, spreads, fractions)


def _mixture(heights: NDArray, means: NDArray) -> GaussianMixture:
    start = np.maximum(means, 1e-9)
    spreads = np.maximum(0.15 * start, 1e-9)
    mixture = GaussianMixture(
        len(means),
        means_init=start[:, None],
        weights_init=np.full(len(means), 1 / len(means)),
        precisions_init=(1 / spreads**2)[:, None, None],
        max_iter=300,
        tol=1e-5,
        reg_covar=(NARROWEST * start[0]) ** 2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best so far will do
        return mixture.fit(heights[:, None])


def _in_ratio(heights: NDArray, ratios: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Means in given ratios, fractions and standard deviations that describe the heights best.

    Maximum of the likelihood over a common scale of ``ratios`` (n_species,) and, by expectation
    maximisation, the fractions. Three arrays (n_species,), in the unit of the heights.
    """
    middle = float(np.median(heights))
    # The median lies near the mean height of one of the species.
    scales = np.unique(np.outer(middle / ratios, np.geomspace(0.7, 1.4, 30)))
    best = (-np.inf, np.ones(len(ratios)), np.ones(len(ratios)))
    for scale in scales:
        means = scale * ratios
        densities = norm.pdf(heights[:, None], means, WIDTH * means) + TINY / middle
        fractions = np.full(len(ratios), 1 / len(ratios))
        for _ in range(20):
            shares = densities * fractions
            fractions = np.mean(shares / shares.sum(axis=1, keepdims=True), axis=0)
        likely = float(np.sum(np.log(np.sum(densities * fractions, axis=1))))
        if likely > best[0]:
            best = (likely, means, fractions)
    _, means, fractions = best
    return means, fractions, WIDTH * means


def _logs(means: NDArray) -> NDArray[np.float64]:
    found = np.log(np.maximum(np.sort(means), 1e-9))
    return np.asarray(found - found.mean())
