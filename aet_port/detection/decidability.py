"""Which atoms will be found and which species told apart, given the errors of their heights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from aet_port.core.parallel import chunks
from aet_port.detection.mixture import NARROWEST, Species
from aet_port.detection.pruning import EVIDENT, LEAST_HEIGHT, OUT_OF_QUESTION

# Standard normal quadrature: heights within six standard deviations, a twentieth apart.
STEPS = np.linspace(-6.0, 6.0, 241)
BLOCK = 2000  # atoms whose heights are held at once


def mixture_of_known(
    heights: NDArray, kinds: NDArray[np.int64], n_species: int, spread: float = NARROWEST
) -> Species:
    """Mixture of the heights of atoms whose species are known.

    Parameters
    ----------
    heights, kinds
        Shape (n_atoms,): height and number of the species of each atom.
    n_species
        Number of species; each has an atom.
    spread
        Relative standard deviation of the heights within a species, taken as at least 0.02, as the
        search does.

    Returns
    -------
    The mixture.
    """
    counts = np.bincount(kinds, minlength=n_species)
    means = np.bincount(kinds, heights, n_species) / counts
    return Species(means, max(spread, NARROWEST) * means, counts / len(kinds))


def least_heights(
    errors: NDArray, species: Species, least_errors: float, fdr: float
) -> NDArray[np.float64]:
    """Measured height above which the search keeps an atom, by the standard error of the height.

    Above ``least_errors`` standard errors (:func:`aet_port.detection.pruning.significant_errors`)
    and not too low for the lightest species (:func:`aet_port.detection.pruning.too_low`).

    Parameters
    ----------
    errors
        Shape (n_atoms,): standard errors of the heights.
    species
        Mixture of the heights.
    least_errors
        Standard errors that a height must have.
    fdr
        Accepted fraction of wrong atoms.

    Returns
    -------
    Shape (n_atoms,).
    """
    lightest, spread = species.means[0], species.spreads[0]
    width = np.sqrt(spread**2 + errors**2)
    improbable = np.minimum(lightest - norm.isf(fdr / 10) * width, EVIDENT * errors)
    bounds = [
        least_errors * errors,
        np.full_like(errors, LEAST_HEIGHT * lightest),
        improbable,
        lightest - OUT_OF_QUESTION * width,
    ]
    return np.asarray(np.maximum.reduce(bounds))


def fraction_found(
    heights: NDArray,
    errors: NDArray,
    species: Species,
    least_errors: float,
    fdr: float,
) -> NDArray[np.float64]:
    """Probability that the height of each atom passes the thresholds of the search.

    ``Phi((h - t) / e)`` with ``t`` of :func:`least_heights`, for a measured height
    ``h' = h + N(0, e^2)``.

    Parameters
    ----------
    heights, errors
        Shape (n_atoms,): true heights and their standard errors, in one unit.
    species, least_errors, fdr
        As in that function.

    Returns
    -------
    Shape (n_atoms,).

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> one = Species(np.array([10.0]), np.array([0.2]), np.ones(1))
    >>> fraction_found(np.array([10.0, 10.0]), np.array([1.0, 2.5]), one, 4.0, 0.01).round(3)
    array([1. , 0.5])
    """
    threshold = least_heights(errors, species, least_errors, fdr)
    return np.asarray(norm.cdf((heights - threshold) / errors))


def expected_posterior(
    kinds: NDArray[np.int64], errors: NDArray, species: Species, confidence: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Species that will be given to atoms of known species, from the errors of their heights.

    The measured height of an atom of species ``s`` is ``h' ~ N(m_s, d_s^2 + e^2)``. Its posterior
    ``p_k ~ f_k N(h'; m_k, d_k^2 + e^2)`` (:meth:`~.mixture.Species.posterior`) is averaged over
    ``h'``, and so is the event that ``k`` is the most probable one.

    Parameters
    ----------
    kinds
        Shape (n_atoms,): true species, as index into ``species``.
    errors
        Shape (n_atoms,): standard errors of the heights.
    species
        Mixture of the heights.
    confidence
        Probability below which a species is left undecided.

    Returns
    -------
    Shape (n_atoms,): expected posterior of the true species; shape (n_atoms, n_species + 1):
    probability that each species is given, and last that none is.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    Two species as frequent as each other, their heights two standard errors apart: one of six is
    wrong, ``Phi(-1)``.

    >>> import numpy as np
    >>> pair = Species(np.array([10.0, 12.0]), np.array([1e-6, 1e-6]), np.array([0.5, 0.5]))
    >>> expected_posterior(np.array([0]), np.array([1.0]), pair)[1].round(2)
    array([[0.84, 0.16, 0.  ]])
    """
    n, weights = len(species.means), norm.pdf(STEPS)
    weights /= weights.sum()
    right, given = np.empty(len(kinds)), np.zeros((len(kinds), n + 1))
    for first, last in chunks(len(kinds), BLOCK):
        own, error = kinds[first:last], errors[first:last]
        width = np.sqrt(species.spreads[own] ** 2 + error**2)
        heights = species.means[own][:, None] + width[:, None] * STEPS
        posterior = species.posterior(heights.ravel(), np.repeat(error, len(STEPS)))
        posterior = posterior.reshape(len(own), len(STEPS), n)
        choice = np.where(posterior.max(axis=2) < confidence, n, posterior.argmax(axis=2))
        mean = np.einsum("azk,z->ak", posterior, weights, optimize=False)
        right[first:last] = mean[np.arange(len(own)), own]
        for k in range(n + 1):
            given[first:last, k] = np.sum((choice == k) * weights, axis=1)
    return right, given


def pair_errors(
    kinds: NDArray[np.int64], errors: NDArray, species: Species, pair: tuple[int, int]
) -> tuple[float, float]:
    """Expected fraction of each of two species taken for the other, were there only these two.

    Parameters
    ----------
    kinds, errors, species
        As in :func:`expected_posterior`.
    pair
        The two species.

    Returns
    -------
    Fraction of the first taken for the second, and of the second for the first.
    """
    chosen = np.array(pair)
    fractions = species.fractions[chosen] / species.fractions[chosen].sum()
    two = Species(species.means[chosen], species.spreads[chosen], fractions)
    wrong = []
    for number, kind in enumerate(pair):
        own = errors[kinds == kind]
        given = expected_posterior(np.full(len(own), number), own, two)[1]
        wrong.append(float(given[:, 1 - number].mean()))
    return wrong[0], wrong[1]
