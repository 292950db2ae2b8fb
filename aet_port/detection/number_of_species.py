"""How many species the heights of the atoms support, by mixtures of different numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.detection.mixture import FEWEST, NARROWEST, Species
from aet_port.tracing.clustering import kmeans

CLEAR = 10.0  # difference of the criterion that is strong evidence (Kass & Raftery 1995)
APART = 2.0  # of mean spreads, between the means of two groups with a valley between them
SHARE = 0.05  # of the atoms, in a group beyond the species named: bad atoms are fewer
ENOUGH = 10  # atoms for each group
MOST = 3000  # atoms compared; more tell the shape of a species' heights, not their number
WRONG = 1e-3  # of the atoms, of any height
MAX_STEPS, SETTLED = 300, 1e-3  # of expectation maximisation; gain of the logarithm in a step


@dataclass(frozen=True)
class SpeciesNumber:
    """Comparison of the numbers of species that heights may have.

    Attributes
    ----------
    atoms
        Number of heights compared.
    mixtures
        Best mixture of each number of groups, from one on; empty where atoms are too few.
    bic
        Bayesian information criterion of each: the lower, the better.
    named
        Number of species that the user named.
    supported
        Number that the heights support; None where atoms are too few to tell.
    """

    atoms: int
    mixtures: tuple[Species, ...]
    bic: tuple[float, ...]
    named: int
    supported: int | None

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers."""
        return {
            "named": self.named,
            "supported": self.supported,
            "reason": None
            if self.supported
            else f"fewer than {ENOUGH} atoms for each species that nearly all images show",
            "atoms_compared": self.atoms,
            "bic": {str(n): round(value, 1) for n, value in enumerate(self.bic, start=1)},
            "heights_electrons": {
                str(len(one.means)): one.means.round(4).tolist() for one in self.mixtures
            },
        }

    def warning(self) -> str | None:
        """What to do if the heights support another number than named."""
        if self.supported is None or self.supported == self.named:
            return None
        one = self.mixtures[self.supported - 1]
        groups = ", ".join(
            f"{mean:.4g} ({100 * part:.0f} %)"
            for mean, part in zip(one.means, one.fractions, strict=True)
        )
        better = self.bic[self.named - 1] - self.bic[self.supported - 1]
        advice = (
            "name fewer species, or don't rely on which atom has which"
            if self.supported < self.named
            else "name the species that is missing, or look for wrong atoms and defects"
        )
        return (
            f"the heights support {self.supported} species, not the {self.named} named (BIC lower "
            f"by {better:.0f}); heights in electrons: {groups}; {advice}"
        )


@checked
def species_number(heights: NDArray, errors: NDArray, named: Species) -> SpeciesNumber:
    """Compare mixtures of one to one more than the named number of species.

    A mixture of K Gaussians, each height with its own standard error e, and a fraction w = 0.001 of
    heights of any value in the range R of all,

    ``p(h_i) = (1 - w) sum_k f_k N(h_i; m_k, sqrt(s_k^2 + e_i^2)) + w / R``

    is fitted by expectation maximisation ([1]_; the spreads ``s_k`` are those without the errors).
    The number supported is that named, unless the Bayesian information criterion of another,
    ``(3 K - 1) ln n - 2 ln L``, is lower by 10. A further group counts as a species only with 5 %
    of the atoms and a valley towards its neighbours: heights of a species that are not quite
    Gaussian, and wrong atoms, also lower the criterion.

    Parameters
    ----------
    heights, errors
        Shape (n_atoms,): heights of atoms that nearly all images show, and standard errors.
    named
        Mixture of the species that the user named.

    Returns
    -------
    The comparison.

    Notes
    -----
    MATLAB: none

    References
    ----------
    .. [1] J. Bovy, D. W. Hogg & S. T. Roweis, "Extreme deconvolution: inferring complete
       distribution functions from noisy, heterogeneous and incomplete observations",
       Ann. Appl. Stat. 5, 1657 (2011)

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.detection import Species, species_number
    >>> rng = np.random.default_rng(0)
    >>> heights = np.append(rng.normal(100, 12, 300), rng.normal(500, 20, 200))
    >>> one = Species(np.array([100.0]), np.array([5.0]), np.ones(1))
    >>> species_number(heights, np.full(500, 10.0), one).supported
    2
    """
    number = len(named.means)
    chosen = np.argsort(heights, kind="stable")
    if len(chosen) > MOST:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST).round().astype(int)]
    h, e = heights[chosen], errors[chosen]
    most = min(number + 1, len(np.unique(h)) // ENOUGH)
    mixtures: list[Species] = []
    bic: list[float] = []
    for n in range(1, most + 1):
        starts = [_groups(h, kmeans(values, n).labels) for values in (h, _logs(h))]
        if n == number:
            starts.append(named)
        fits = [_fitted(h, e, start) for start in starts]
        mixture, likely = max(fits, key=lambda fit: fit[1])
        mixtures.append(mixture)
        bic.append((3 * n - 1) * float(np.log(len(h))) - 2 * likely)
    supported = None
    if most >= number:
        supported, least = number, bic[number - 1] - CLEAR
        for n, (mixture, value) in enumerate(zip(mixtures, bic, strict=True), start=1):
            if value < least and (n < number or _distinct(mixture)):
                supported, least = n, value
    return SpeciesNumber(len(h), tuple(mixtures), tuple(bic), number, supported)


def _logs(heights: NDArray) -> NDArray[np.float64]:
    return np.log(np.maximum(heights, 1e-2 * max(float(np.median(heights)), 1e-300)))


def _groups(heights: NDArray, labels: NDArray) -> Species:
    """A mixture of one component for each group, by increasing height."""
    groups = [heights[labels == one] for one in range(labels.max() + 1)]
    return Species(
        np.array([group.mean() for group in groups]),
        np.array([group.std() for group in groups]),
        np.array([len(group) / len(heights) for group in groups]),
    )


def _distinct(mixture: Species) -> bool:
    """Whether all groups have their share of the atoms and a valley between them."""
    pooled = np.sqrt((mixture.spreads[1:] ** 2 + mixture.spreads[:-1] ** 2) / 2)
    valleys = np.diff(mixture.means) > APART * pooled
    return bool(valleys.all() and mixture.fractions.min() >= SHARE)


def _fitted(heights: NDArray, errors: NDArray, start: Species) -> tuple[Species, float]:
    """Maximum of the likelihood from a start, by expectation maximisation, and its logarithm."""
    means, spreads, fractions = start.means, start.spreads, start.fractions / start.fractions.sum()
    narrowest = NARROWEST * max(float(np.median(np.abs(heights))), 1e-300)
    outside = WRONG / max(float(np.ptp(heights)), narrowest)
    least = min(FEWEST / len(heights), 1 / (2 * len(means)))
    before = -np.inf
    for _ in range(MAX_STEPS):
        spreads = np.maximum(spreads, np.maximum(NARROWEST * means, 0.1 * narrowest))
        variance = spreads**2 + errors[:, None] ** 2
        away = heights[:, None] - means
        densities = np.exp(-0.5 * away**2 / variance) / np.sqrt(2 * np.pi * variance)
        shares = (1 - WRONG) * fractions * densities
        total = shares.sum(axis=1) + outside
        likely = float(np.log(total).sum())
        if likely - before < SETTLED:
            break
        before = likely
        shares /= total[:, None]
        weights = np.maximum(shares.sum(axis=0), 1e-300)
        # Mean and variance of each height without its error, if it is of that component.
        part = spreads**2 / variance
        mended = means + part * away
        means = np.sum(shares * mended, axis=0) / weights
        spreads = np.sqrt(
            np.sum(shares * ((mended - means) ** 2 + part * errors[:, None] ** 2), axis=0) / weights
        )
        fractions = np.maximum(weights / weights.sum(), least)
        fractions = fractions / fractions.sum()
    order = np.argsort(means, kind="stable")
    return Species(means[order], spreads[order], fractions[order]), likely
