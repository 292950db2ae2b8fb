"""Recall of a model without the truth, from what searches in halves of its data find of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import SIGMA_HEIGHT, existence
from aet_port.detection.decidability import least_heights, mixture_of_known
from aet_port.detection.mixture import Species
from aet_port.detection.pruning import significant_errors

FEWEST = 10  # atoms, for an estimate
# Recall, and fraction of the full model in a half, below which an estimate is rough.
POOR, LITTLE = 0.9, 0.8
FACTORS = np.geomspace(0.3, 4.0, 100)  # of the errors, that are tried
QUANTILES = (np.arange(15) + 0.5) / 15
RESAMPLES = 100
INTERVAL = (2.5, 97.5)  # percent
SMALLEST = 0.02  # probability of being found below which an atom does not count as more than 50


@dataclass(frozen=True)
class Clarity:
    """How clearly atoms stand out: what decides whether a search finds them.

    Attributes
    ----------
    heights
        Shape (n,): mean height of the atom's species there.
    errors
        Shape (n,): standard error of the atom's own height.
    mixture
        Mixture of the heights.
    least_errors
        Standard errors that a height must have.
    fdr
        Accepted fraction of wrong atoms.
    """

    heights: NDArray[np.float64]
    errors: NDArray[np.float64]
    weights: NDArray[np.float64]
    mixture: Species
    least_errors: float
    fdr: float

    def __len__(self) -> int:
        return len(self.errors)

    def __getitem__(self, chosen: NDArray) -> Clarity:
        return replace(
            self,
            heights=self.heights[chosen],
            errors=self.errors[chosen],
            weights=self.weights[chosen],
        )

    def _clear(self, factor: float) -> NDArray[np.float64]:
        """Height above the threshold in errors, which are ``factor`` times those here."""
        errors = factor * self.errors
        least = least_heights(errors, self.mixture, self.least_errors, self.fdr)
        return np.asarray((self.heights - least) / errors)

    def found(self, factor: float = 1.0) -> NDArray[np.float64]:
        """Probability that a search finds each atom, its errors multiplied by a factor."""
        return np.maximum(norm.cdf(self._clear(factor)), SMALLEST)

    def found_again(self, factor: float = 1.0) -> NDArray[np.float64]:
        """Probability that a search in half of the data finds each atom, as the whole did.

        The error of a half is ``sqrt(2) e``: that of the whole and, independent of it, as much
        again.
        """
        chance = norm.cdf(self._clear(factor))
        # Errors of the whole that are left above its threshold, each as probable as another.
        drawn = norm.isf(np.maximum(chance, 1e-12) * QUANTILES[:, None])
        half = np.sqrt(2) * self._clear(np.sqrt(2) * factor)
        return np.asarray(norm.cdf(half + drawn).mean(axis=0))


def clarity_of(model: AtomicModel, symbols: Sequence[str], volume: float, fdr: float) -> Clarity:
    """How clearly the atoms of a model stand out.

    Parameters
    ----------
    model
        Model with ``height``, ``sigma_height`` and, of several species, ``posterior``.
    symbols
        Species in the order of ``posterior``.
    volume
        Volume searched, cubic angstrom.
    fdr
        Accepted fraction of wrong atoms.
    """
    arrays = model.atoms.arrays
    for name in ("height", SIGMA_HEIGHT):
        if name not in arrays:
            raise InputError(model.name, f"no {name}", "a model found in counts (aet detect)")
    factors = arrays.get("local_factor", np.ones(len(model)))
    kinds = kinds_of(model, symbols)
    _, own = np.unique(kinds, return_inverse=True)
    heights, errors = arrays["height"] / factors, arrays[SIGMA_HEIGHT] / factors
    mixture = mixture_of_known(heights, own, int(own.max()) + 1)
    exist = existence(model.atoms)
    weights = np.ones(len(model)) if exist is None else exist
    least = significant_errors(volume, len(model), fdr)
    return Clarity(mixture.means[own], errors, weights, mixture, least, fdr)


def kinds_of(model: AtomicModel, symbols: Sequence[str]) -> NDArray[np.int64]:
    """Most probable species of each atom, as index into ``symbols``, also of those undecided."""
    posterior = model.atoms.arrays.get("posterior")
    if posterior is not None and np.ndim(posterior) == 2:
        return np.asarray(posterior).argmax(axis=1).astype(np.int64)
    known = {symbol: number for number, symbol in enumerate(symbols)}
    return np.array([known.get(symbol, 0) for symbol in model.species], dtype=np.int64)


@dataclass(frozen=True, repr=False)
class RecallEstimate(Shown):
    """Estimated fraction of the atoms that a model and its halves hold.

    Attributes
    ----------
    recall
        Estimated recall of the model of all data.
    interval
        95 % interval of ``recall``, of the chance of atoms alone.
    halves
        Estimated recall of the first and of the second half.
    of_full
        Fraction of the full model's atoms that each half found.
    common_in_full
        Fraction of the atoms found in both halves that the full model holds.
    factor
        Factor of the errors of the heights with which the thresholds of the search explain
        ``of_full``.
    atoms
        Estimated number of atoms there are.
    """

    recall: float
    interval: tuple[float, float]
    halves: tuple[float, float]
    of_full: tuple[float, float]
    common_in_full: float
    factor: float
    atoms: float

    def _facts(self) -> dict[str, object]:
        low, high = self.interval
        return {
            "recall": f"{100 * self.recall:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
            "of the halves": ", ".join(f"{100 * one:.1f} %" for one in self.halves),
            "atoms": f"{self.atoms:.0f}",
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must know of the estimate."""
        if self.recall >= POOR and min(self.of_full) >= LITTLE:
            return ()
        return (
            f"estimated recall of {100 * self.recall:.0f} %, of which a half finds only "
            f"{100 * min(self.of_full):.0f} %: where so many atoms are missing, the estimate may "
            "be several percent off",
        )

    def summary(self) -> dict[str, Any]:
        """The estimate as plain numbers."""
        return {
            "recall": self.recall,
            "recall_interval": list(self.interval),
            "recall_of_halves": list(self.halves),
            "full_model_found_in_halves": list(self.of_full),
            "common_atoms_in_full_model": self.common_in_full,
            "error_factor": self.factor,
            "atoms_there_are": self.atoms,
        }


@checked
def estimate_recall(
    full: Clarity,
    in_halves: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    common_in_full: float = 1.0,
    seed: int = 0,
) -> RecallEstimate:
    """Estimate which fraction of the atoms a model holds, from searches in halves of its data.

    Fractions that two searches find of each other's atoms would be their recall if all atoms were
    equally easy to find (C. G. J. Petersen, 1896). They are not, and those found are the clear
    ones. So each atom has its own probability, ``p = Phi((h - t) / (k e))``, ``h`` the height of
    its species, ``e`` the error of its own (``sqrt(2) e`` in a half), and ``t`` the threshold of
    the search for an error ``k e`` (:func:`~.decidability.least_heights`). The common factor ``k``
    is that with which the expected number of the full model's atoms found in the halves
    (:meth:`Clarity.found_again`) is the number observed; it stands for whatever makes atoms harder
    to find than their errors say, such as neighbours that are missing.
    Then the number of all atoms is ``sum 1 / p`` over the full model (D. G. Horvitz and
    D. J. Thompson, J. Am. Stat. Assoc. 47, 663 (1952)). Atoms that both halves hold and the full
    model does not, lost by an accident of the search, lower its recall in proportion.

    Parameters
    ----------
    full
        Clarity of the full model's atoms.
    in_halves
        For each half, shape (n,): whether it holds the atom.
    common_in_full
        Fraction of the atoms found in both halves that the full model holds.
    seed
        Seed of the resampling of atoms for the interval.

    Returns
    -------
    The estimate.

    Raises
    ------
    InputError
        For fewer than 10 atoms.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    Atoms of 5 standard errors, and a threshold of 3: of a half, in which they have 3.5, two of
    three are found, of the whole nearly all.

    >>> import numpy as np
    >>> from aet_port.detection import Species
    >>> one = Species(np.array([5.0]), np.array([0.1]), np.ones(1))
    >>> atoms = Clarity(np.full(90, 5.0), np.ones(90), np.ones(90), one, 3.0, 0.01)
    >>> half = np.arange(90) % 3 > 0
    >>> round(estimate_recall(atoms, (half, half)).recall, 2)
    0.96
    """
    if len(full) < FEWEST:
        raise InputError("half sets", f"{len(full)} atoms", f"at least {FEWEST}")
    rng = np.random.default_rng(seed)
    curves = _Curves(full, in_halves)
    factor, recall = curves.recall(np.ones(len(full)))
    chance = np.full(len(full), 1 / len(full))
    drawn = [curves.recall(rng.multinomial(len(full), chance))[1] for _ in range(RESAMPLES)]
    low, high = common_in_full * np.percentile(drawn, INTERVAL)
    recall *= common_in_full
    first, second = (float(np.average(one, weights=full.weights)) for one in in_halves)
    # A half may also hold atoms that the full model has lost.
    halves = (first * recall / common_in_full, second * recall / common_in_full)
    return RecallEstimate(
        recall, (float(low), float(high)), halves, (first, second), common_in_full, factor,
        float(full.weights.sum()) / recall,
    )  # fmt: skip


class _Curves:
    """Expected numbers against the factor of the errors, atom by atom."""

    def __init__(self, full: Clarity, in_halves: Sequence[NDArray[np.bool_]]) -> None:
        self.weights = full.weights
        self.seen = full.weights * np.mean(in_halves, axis=0)
        self.again = np.array([full.weights * full.found_again(factor) for factor in FACTORS])
        self.there = np.array([full.weights / full.found(factor) for factor in FACTORS])

    def recall(self, times: NDArray) -> tuple[float, float]:
        """Factor of the errors, and the recall with it, of atoms taken so many times each."""
        # Greater errors, fewer atoms; numbers that rise are what interpolation takes.
        expected = self.again @ times
        factor = float(np.interp(self.seen @ times, expected[::-1], FACTORS[::-1]))
        there = float(np.interp(factor, FACTORS, self.there @ times))
        return factor, float(self.weights @ times) / there
