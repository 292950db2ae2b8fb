"""How certain atoms are: probabilities and errors calibrated by trials of the same search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aet_port.detection.mixture import Species
from aet_port.detection.pruning import PER_TRY
from aet_port.detection.shares import Share
from aet_port.detection.state import SearchState
from aet_port.detection.trials import Trial, sigma_of, signs_of

BIN = 200  # right atoms that a factor of the covariances rests on, at least
LEAST, MOST = 0.5, 20.0  # that factor
ALIKE = 500  # right atoms whose deviations count as much as that coordinates are alike
# Ends of ranges of the distance from the border within which matter beyond it displaces atoms
# (angstrom), right atoms that the errors of a range rest on, and the largest factor of an error.
RANGES, FEW, FARTHEST_OFF = (0.5, 1.0, 2.0, 3.0), 15, 30.0
FARTHEST = 50.0  # offset of logits
# Of the ellipsoid whose size counts beside the mean; the one beside it in films.
LEVEL, USUAL = 0.95, 0.8


@dataclass(frozen=True)
class Certainty:
    """Calibration of probabilities and errors by trials.

    Attributes
    ----------
    trials
        The trials.
    searched
        Volume searched, cubic angstrom.
    signs
        Shape (n, 4): :func:`~aet_port.detection.trials.signs_of` the atoms found in the images.

    Notes
    -----
    MATLAB: none; the reference states no probability of an atom
    """

    trials: tuple[Trial, ...]
    searched: float
    signs: NDArray[np.float64]

    @cached_property
    def classifier(self) -> Pipeline | None:
        """Logistic regression of right and wrong atoms; None if the trials have only one kind."""
        right = self.right
        if right.all() or not right.any():
            return None
        signs = np.concatenate([one.signs for one in self.trials])
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(signs, right)

    @cached_property
    def offset(self) -> float:
        """Offset of its logits with which as many atoms are wrong as in the trials.

        What distinguishes the images from simulated ones shifts the signs of all atoms.
        """
        if self.classifier is None:
            return 0.0
        logits, wrong = self.classifier.decision_function(self.signs), self.wrong_fraction

        def excess(offset: float) -> float:
            return float(np.mean(expit(-logits - offset))) - wrong

        return float(brentq(excess, -FARTHEST, FARTHEST))

    @property
    def wrong_fraction(self) -> float:
        """Fraction of the atoms found that is wrong, as the trials show, half a one added."""
        return self.wrong.likely

    @property
    def wrong(self) -> Share:
        """Wrong ones of the atoms found."""
        return self._share(lambda one: (int(np.sum(~one.right)), len(one.right)))

    @property
    def missed(self) -> Share:
        """Missed ones of the atoms simulated."""
        return self._share(lambda one: (one.missed, one.truth))

    def _share(self, counted: Callable[[Trial], tuple[int, int]]) -> Share:
        """What is counted in the trials, and in trials of what they found if all have one."""
        later = [one.following for one in self.trials if one.following is not None]
        again = Share.summed(map(counted, later)) if len(later) == len(self.trials) else None
        return replace(Share.summed(map(counted, self.trials)), again=again)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which of the atoms found in the trials are right."""
        return np.concatenate([one.right for one in self.trials])

    def existence(self, state: SearchState) -> NDArray[np.float64]:
        """Probability that each atom exists, shape (n_atoms,).

        The smaller one of two probabilities: that its height is no noise, from the likelihoods of
        the height with and without an atom, and that an atom which looks like it is right, from
        the trials.

        Parameters
        ----------
        state
            A search at its end, or atoms fitted likewise.
        """
        errors = np.sqrt(state.covariances[:, 0, 0])
        odds = len(state.atoms) / max(self.searched / PER_TRY, len(state.atoms) + 1.0)
        signal = expit(
            log_likelihood_ratio(state.free, errors, state.mixture) + np.log(odds / (1 - odds))
        )
        if self.classifier is None:
            alike = np.full(len(errors), 1 - self.wrong_fraction)
        else:
            alike = expit(self.classifier.decision_function(signs_of(state)) + self.offset)
        return np.asarray(np.minimum(signal, alike))

    def scales(self, covariances: NDArray, border: NDArray | None = None) -> NDArray[np.float64]:
        """Factors by which the errors of x, y and z are too small, shape (n_atoms, 3).

        Deviations in the trials relative to the stated covariance, by the size of the stated error:
        their mean square or their 95 % quantile, whichever is larger, shared out by the squared
        95 % quantiles of the coordinates, which a missing wedge makes differ, and evenly where
        there are few atoms. If the sample goes on beyond the border of the images, which disturbs
        high tilts the most, their 80 % or 95 % quantile, shared out by the squared medians of the
        coordinates; and near that border, the rms of each coordinate's deviation in stated errors,
        by the distance from it.

        Parameters
        ----------
        covariances
            Shape (n_atoms, 4, 4): height (electrons) and position (angstrom).
        border
            Shape (n_atoms,): distance from the border of the images along y (angstrom), if the
            sample goes on beyond it.
        """
        of_trials = np.concatenate([one.border for one in self.trials])
        far = of_trials >= (-np.inf if border is None else RANGES[-1])
        found = np.sqrt(self._factors(covariances, self.right & far, border is not None))
        if border is None:
            return found
        scores = np.concatenate([one.scores for one in self.trials])
        first = -np.inf
        for last in RANGES:
            near = scores[self.right & (of_trials >= first) & (of_trials < last)]
            # A range with too few atoms is joined with the next one.
            if len(near) >= FEW or last == RANGES[-1]:
                own = (border >= first) & (border < last)
                if len(near):
                    rms = np.clip(np.sqrt(np.mean(near**2, axis=0)), 1.0, FARTHEST_OFF)
                    found[own] = np.maximum(found[own], rms)
                first = last
        return found

    def _factors(
        self, covariances: NDArray, right: NDArray[np.bool_], film: bool
    ) -> NDArray[np.float64]:
        """Factors by which variances of x, y and z are too small, shape (n_atoms, 3)."""
        sigma = np.log(np.concatenate([one.sigma for one in self.trials])[right])
        misfit = np.concatenate([one.misfit for one in self.trials])[right]
        scores = np.concatenate([one.scores for one in self.trials])[right]
        if not len(misfit):
            return np.ones((len(covariances), 3))
        parts = np.array_split(np.argsort(sigma), max(1, len(sigma) // BIN))
        places = [float(sigma[part].mean()) for part in parts]
        # A few atoms beside the borders of a film, far off, would rule its means.
        sizes = [
            max(
                _quantile_ratio(misfit[part], LEVEL),
                _quantile_ratio(misfit[part], USUAL) if film else misfit[part].mean() / 3,
            )
            for part in parts
        ]
        factors = np.interp(np.log(sigma_of(covariances)), places, sizes)
        shares = np.quantile(np.abs(scores), 0.5 if film else LEVEL, axis=0) ** 2
        shares /= shares.mean()
        if not film:
            shares = 1 + (shares - 1) * len(scores) / (len(scores) + ALIKE)
        return np.clip(factors[:, None] * shares, LEAST, MOST)

    def posterior(self, given: NDArray, fractions: NDArray) -> NDArray[np.float64]:
        """Probabilities of the species, lowered if the trials have more wrong ones than expected.

        Parameters
        ----------
        given
            Shape (n_atoms, n_species): probabilities from the heights.
        fractions
            Shape (n_species,): fractions of the species.
        """
        count = max(int(self.right.sum()), 1)
        excess = sum(one.wrong_species - one.expected_wrong for one in self.trials) / count
        unsure = float(np.clip(excess / max(1 - np.sum(fractions**2), 1e-9), 0, 1))
        return (1 - unsure) * given + unsure * fractions

    def summary(self, existing: NDArray) -> dict[str, Any]:
        """Estimates for the whole model as plain numbers.

        Parameters
        ----------
        existing
            Shape (n_atoms,): probability that each atom exists.
        """
        wrong, missed = self.wrong, self.missed
        return {
            "trials": len(self.trials),
            "atoms_in_trials": wrong.total,
            "spurious_fraction": float(np.mean(1 - existing)),
            "spurious_interval": wrong.interval,
            "missed_fraction": missed.fraction,
            "missed_interval": missed.interval,
            "wrong_species_in_trials": sum(one.wrong_species for one in self.trials),
        }


def log_likelihood_ratio(free: NDArray, errors: NDArray, species: Species) -> NDArray[np.float64]:
    """Logarithm of the likelihood of each height with an atom over that without one.

    ``ln [sum_s f_s N(h; m_s, d_s^2 + e^2) / N(h; 0, e^2)]``

    Parameters
    ----------
    free, errors
        Shape (n_atoms,): heights as the images ask for, and their standard errors, electrons.
    species
        Mixture of the heights.
    """
    variance = species.spreads**2 + errors[:, None] ** 2
    with_atom = np.log(species.fractions) - 0.5 * np.log(variance)
    with_atom = with_atom - 0.5 * (free[:, None] - species.means) ** 2 / variance
    without = -np.log(errors) - 0.5 * (free / errors) ** 2
    return np.asarray(logsumexp(with_atom, axis=1) - without)


def _quantile_ratio(misfit: NDArray, level: float) -> float:
    """Quantile of squared deviations relative to that of three Gaussian coordinates."""
    return float(np.quantile(misfit, level) / chi2.ppf(level, 3))
