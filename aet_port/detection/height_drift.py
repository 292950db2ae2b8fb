"""Heights that drift through the sample: a local factor, and species of the heights without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.detection.mixture import Species, mixture_of_heights
from aet_port.tracing.composition_prior import CompositionPrior

SIGNIFICANT = 4.0  # standard errors of a factor; less shifts no height by a third of its own error
NEIGHBOURS = 20  # that a factor rests on, at least
TAILS = 5.0  # degrees of freedom of Student's distribution, which holds wrong atoms off
MAX_ROUNDS = 30


@dataclass(frozen=True)
class LocalHeights:
    """Species of atoms whose heights may drift through the sample.

    Attributes
    ----------
    factors
        Shape (n_atoms,): local factor of the heights, exactly one where it is not significant.
    species
        Mixture of the heights divided by the factors.
    posterior
        Shape (n_atoms, n_species): probability of each species.
    reclassified
        Number of atoms with another species than without factors.
    """

    factors: NDArray[np.float64]
    species: Species
    posterior: NDArray[np.float64]
    reclassified: int = 0

    @property
    def kinds(self) -> NDArray[np.int64]:
        """Most probable species of each atom, shape (n_atoms,)."""
        return self.posterior.argmax(axis=1)

    def summary(self) -> dict[str, Any]:
        """Results as plain numbers."""
        return {
            "least_factor": float(self.factors.min(initial=1.0)),
            "largest_factor": float(self.factors.max(initial=1.0)),
            "atoms_with_factor": int(np.sum(self.factors != 1)),
            "reclassified": self.reclassified,
        }


@checked
def local_heights(
    positions: NDArray,
    heights: NDArray,
    errors: NDArray,
    species: Species,
    symbols: Sequence[str],
    radius: float,
    prior: CompositionPrior | None = None,
) -> LocalHeights:
    """Species of atoms by heights that may drift with thickness or channelling.

    Around atom i, heights are ``c_i`` times those of the species. From the other atoms j within the
    radius, of species s with probability ``p_js``,

    ``c_i = sum_js w_js h_j m_s / sum_js w_js m_s^2``, ``w_js = (p_js / v_js) 6 / (5 + z_js^2)``

    where ``v_js`` is the variance of the height (spread and error), and ``z_js`` its deviation in
    standard deviations: weights of Student's distribution of five degrees of freedom hold wrong
    atoms off. The median of all factors is one. Where a factor deviates from one by more than four
    standard errors, heights are divided by it; the mixture is fitted again; and so on until no
    species changes. The standard error is the larger one of that from the scatter of the terms and
    that from the information which they leave where species overlap.

    Parameters
    ----------
    positions
        Shape (n_atoms, 3), angstrom.
    heights, errors
        Shape (n_atoms,): heights as the images ask for, and their standard errors.
    species
        Mixture of the heights.
    symbols
        The species, by increasing height.
    radius
        Angstrom; 0: no factors.
    prior
        Composition known beforehand, in the order of the species.

    Returns
    -------
    Factors and species; those of the mixture as given if no factor is significant.

    Notes
    -----
    MATLAB: none; 4_Tracing_and_classification/src/local_class_kmean_sub.m compares values with
    their mean in each species within 10 angstrom, without errors

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.detection import local_heights, mixture_of_heights
    >>> rng = np.random.default_rng(0)
    >>> places = rng.uniform(-25, 25, (4000, 3))
    >>> kinds = rng.choice(2, 4000)
    >>> drift = 1 + 0.01 * places[:, 2]  # from 0.75 to 1.25
    >>> heights = drift * np.array([100.0, 183.0])[kinds] * rng.normal(1, 0.1, 4000)
    >>> errors = 0.1 * np.array([100.0, 183.0])[kinds]
    >>> mixture = mixture_of_heights(heights, errors, ["Fe", "Br"])
    >>> found = local_heights(places, heights, errors, mixture, ["Fe", "Br"], 10.0)
    >>> wrong = mixture.posterior(heights, errors).argmax(axis=1) != kinds
    >>> bool(wrong.sum() > 300), bool(np.sum(found.kinds != kinds) < 40)
    (True, True)
    """
    posterior = species.posterior(heights, errors)
    factors = np.ones(len(heights))
    whole = LocalHeights(factors, species, posterior)
    if not radius or len(symbols) == 1:
        return whole
    near = _neighbours(positions, radius)
    enough = near.sum(axis=1) >= NEIGHBOURS
    if not enough.any():
        return whole
    local, mixture = factors, species
    for _ in range(MAX_ROUNDS):
        local, standard = _factors(near, heights, errors, mixture, local)
        # The common factor is that of the mixture.
        local = np.where(enough, local / np.median(local[enough]), 1.0)
        factors = np.where(np.abs(local - 1) > SIGNIFICANT * standard, local, 1.0)
        if np.all(factors == 1):
            return whole
        plain, own = heights / factors, errors / factors
        mixture = mixture_of_heights(plain, own, symbols, mixture.means, prior)
        before, posterior = posterior, mixture.posterior(plain, own)
        if np.array_equal(posterior.argmax(axis=1), before.argmax(axis=1)):
            break
    changed = int(np.sum(posterior.argmax(axis=1) != whole.kinds))
    return LocalHeights(factors, mixture, posterior, changed)


def _neighbours(positions: NDArray, radius: float) -> sparse.csr_array:
    """Matrix (n, n) with ones at other atoms within the radius."""
    pairs = cKDTree(positions).query_pairs(radius, output_type="ndarray")
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    shape = (len(positions), len(positions))
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def _factors(
    near: sparse.csr_array, heights: NDArray, errors: NDArray, species: Species, factors: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Better factors than those given, and their standard errors; shapes (n_atoms,)."""
    scale = factors[:, None]
    variance = (scale * species.spreads) ** 2 + errors[:, None] ** 2
    away = (heights[:, None] - scale * species.means) ** 2 / variance
    weights = species.posterior(heights / factors, errors / factors) / variance
    weights *= (TAILS + 1) / (TAILS + away)
    above = np.sum(weights * species.means, axis=1) * heights
    below = np.sum(weights * species.means**2, axis=1)
    terms = (above - factors * below) ** 2  # squared derivative of the logarithm of the likelihood
    tops, bottoms, scatter = np.maximum(near @ np.stack([above, below, terms], axis=1), 1e-300).T
    scatter = np.sqrt(scatter)
    return tops / bottoms, np.maximum(scatter / bottoms, 1 / scatter)
