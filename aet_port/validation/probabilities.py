"""How often claims of a probability are right: reliability curve, expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.validation.settings import SCORE

LEAST_IN_BIN = 20  # atoms
INTERVAL = 0.95
CHANCE_DRAWS = 200


@dataclass(frozen=True, repr=False)
class Reliability(Shown):
    """Claimed probabilities of being right, and how often it was so.

    Attributes
    ----------
    claimed, observed, low, high
        Shape (bins,): mean claimed probability of the atoms of a bin, the fraction that is right,
        and its 95 % interval (Clopper and Pearson).
    atoms
        Shape (bins,): number of atoms; about equal, because equal claims share a bin.
    expected_error
        Expected calibration error: mean of ``|claimed - observed|``, weighted by the atoms.
    chance
        What it would be on average if every claim were correct, from counting alone.
    wrong_claimed, wrong_observed
        Mean of one minus the claims; fraction of the atoms that are wrong.
    wrong_interval
        95 % interval of ``wrong_observed``.
    left_out
        Number of atoms without a claim.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI (2015).
    """

    claimed: NDArray[np.float64]
    observed: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    atoms: NDArray[np.int64]
    expected_error: float
    chance: float
    wrong_claimed: float
    wrong_observed: float
    wrong_interval: tuple[float, float]
    left_out: int

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": int(self.atoms.sum()),
            "bins": len(self.atoms),
            "expected calibration error": f"{self.expected_error:.3g}",
            "wrong": f"claimed {self.wrong_claimed:.3g}, observed {self.wrong_observed:.3g}",
        }

    def plain(self) -> dict[str, Any]:
        """Results for JSON."""
        names = ("claimed", "observed", "low", "high", "atoms")
        return {
            "atoms": int(self.atoms.sum()),
            "left_out": self.left_out,
            "expected_error": self.expected_error,
            "expected_error_by_chance": self.chance,
            "wrong_claimed": self.wrong_claimed,
            "wrong_observed": self.wrong_observed,
            "wrong_interval": list(self.wrong_interval),
            "bins": [
                dict(zip(names, row, strict=True))
                for row in zip(*(getattr(self, one).tolist() for one in names), strict=True)
            ],
        }


@checked
def reliability(claimed: ArrayLike, right: ArrayLike, bins: int = SCORE.bins) -> Reliability:
    """Reliability curve of claimed probabilities, and expected calibration error.

    Parameters
    ----------
    claimed
        Shape (n,): probability of being right; those that are not finite are left out.
    right
        Shape (n,): whether it was so.
    bins
        Largest number of bins; each has at least 20 values, the single bin of fewer than 40
        excepted.

    Returns
    -------
    The curve.

    Raises
    ------
    InputError
        For other shapes, probabilities outside 0 to 1, no value, or no bin.
    """
    every, truth = np.asarray(claimed, dtype=np.float64), np.asarray(right, dtype=bool)
    if every.ndim != 1 or every.shape != truth.shape:
        raise InputError("claimed, right", f"shapes {every.shape}, {truth.shape}", "equal, (n,)")
    if bins < 1:
        raise InputError("bins", repr(bins), "a number above zero")
    stated = np.isfinite(every)
    p, good = every[stated], truth[stated]
    if p.size == 0:
        raise InputError("claimed", "no finite value", "at least one probability")
    if p.min() < 0 or p.max() > 1:
        wrong = p[(p < 0) | (p > 1)][0]
        raise InputError("claimed", f"{wrong:g}", "probabilities from 0 to 1")
    order = np.argsort(p, kind="stable")
    p, good = p[order], good[order]
    starts = _starts(p, max(1, min(bins, len(p) // LEAST_IN_BIN)))
    atoms = np.diff([*starts, len(p)])
    means = np.add.reduceat(p, starts) / atoms
    hits = np.add.reduceat(good.astype(np.int64), starts)
    intervals = np.array([binomial_interval(int(k), int(n)) for k, n in zip(hits, atoms)])  # noqa: B905
    # The generator is fixed: equal claims give equal results.
    draws = np.random.default_rng(0).random((CHANCE_DRAWS, len(p))) < p
    by_chance = np.abs(np.add.reduceat(draws, starts, axis=1, dtype=np.int64) / atoms - means)
    wrong = int(len(p) - good.sum())
    return Reliability(
        claimed=means,
        observed=hits / atoms,
        low=intervals[:, 0],
        high=intervals[:, 1],
        atoms=atoms.astype(np.int64),
        expected_error=float(np.sum(atoms * np.abs(means - hits / atoms)) / len(p)),
        chance=float(np.mean(by_chance @ atoms) / len(p)),
        wrong_claimed=float(np.mean(1 - p)),
        wrong_observed=wrong / len(p),
        wrong_interval=binomial_interval(wrong, len(p)),
        left_out=int(len(every) - len(p)),
    )


def binomial_interval(k: int, n: int, level: float = INTERVAL) -> tuple[float, float]:
    """Interval of a fraction of which ``k`` of ``n`` were seen, after Clopper and Pearson.

    Examples
    --------
    >>> low, high = binomial_interval(0, 100)
    >>> low, round(high, 4)  # 1 - 0.025^(1/100)
    (0.0, 0.0362)
    """
    found = binomtest(k, n).proportion_ci(level)
    return float(found.low), float(found.high)


def _starts(p: NDArray, bins: int) -> NDArray[np.int64]:
    """First value of each bin of sorted values: equal counts, but equal values share a bin."""
    cuts = (np.arange(1, bins) * len(p)) // bins
    starts = [0]
    for cut in cuts:
        first = int(np.searchsorted(p, p[cut], side="left"))
        # A run of equal values is a bin of its own where it would leave the one before too small.
        start = first if first - starts[-1] >= LEAST_IN_BIN else np.searchsorted(p, p[cut], "right")
        if start - starts[-1] >= LEAST_IN_BIN and len(p) - start >= LEAST_IN_BIN:
            starts.append(int(start))
    return np.array(starts)
