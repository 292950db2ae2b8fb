"""Species by a mixture of Gaussians whose fractions have a prior: a composition from EDS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError

WHOLE = 0.01  # by which fractions may miss a sum of 1: rounding
ROUNDS = 2000
SETTLED = 1e-8  # change of the fractions, and of the means in standard deviations
NARROWEST = 0.02  # standard deviation of a species, of that of all intensities
SPREAD = 0.05  # weight of the common variance in that of each species, of all atoms


class CompositionPrior(NamedTuple):
    """A composition as a prior.

    Attributes
    ----------
    fractions
        Expected fraction of each species, darkest first, sum 1.
    error
        Standard error of a fraction.
    """

    fractions: tuple[float, ...]
    error: float


@dataclass(frozen=True)
class PriorMixture:
    """A mixture of intensities.

    Attributes
    ----------
    means, widths, fractions
        Shape (k,), by increasing mean: of the Gaussians, the fractions after the data.
    posteriors
        Shape (n, k): probability of each species for each intensity.
    strength
        Number of atoms that the prior counts as.
    """

    means: NDArray[np.float64]
    widths: NDArray[np.float64]
    fractions: NDArray[np.float64]
    posteriors: NDArray[np.float64]
    strength: float


def check_composition(composition: Mapping[str, float], symbols: Sequence[str]) -> list[float]:
    """The fractions in the order of the species.

    Raises
    ------
    InputError
        Unless there is one above zero for each species and they add up to 1.
    """
    found = ", ".join(f"{name} = {value:g}" for name, value in composition.items())
    if set(composition) != set(symbols):
        expected = f"a fraction of each species: {', '.join(symbols)}"
        raise InputError("composition", found or "nothing", expected)
    total = sum(composition.values())
    if abs(total - 1) > WHOLE or min(composition.values()) <= 0:
        raise InputError(
            "composition", f"{found}, in all {total:g}", "fractions above zero that add up to 1"
        )
    return [composition[name] / total for name in symbols]


def prior_of(
    composition: Mapping[str, float] | None, error: float, symbols: Sequence[str]
) -> CompositionPrior | None:
    """The prior that settings give for species, darkest first; None without a composition.

    Raises
    ------
    InputError
        As :func:`check_composition`.
    """
    if composition is None:
        return None
    return CompositionPrior(tuple(check_composition(composition, symbols)), error)


@checked
def mixture_with_prior(
    intensities: NDArray[np.float64],
    prior: CompositionPrior,
    start: tuple[NDArray, NDArray, NDArray] | None = None,
) -> PriorMixture:
    """Gaussian mixture of highest posterior, with a Dirichlet prior of the fractions.

    A fraction with standard error ``e`` is worth ``A = <c (1 - c)> / e^2 - 1`` atoms of known
    species, so that the fractions become ``(N_k + A c_k) / (N + A)`` in every step of the
    expectation maximisation. Where the species overlap, the intensities leave fractions, means and
    widths open and the prior decides; where they are apart, N atoms overrule it.

    Parameters
    ----------
    intensities
        Shape (n,).
    prior
        Expected fractions and their error.
    start
        Means, standard deviations and fractions, each of shape (k,), of a mixture from which to
        climb too, beside classes of the expected sizes and of equal ones.

    Raises
    ------
    InputError
        For an error not above zero, or fewer intensities than species.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.tracing.composition_prior import CompositionPrior, mixture_with_prior
    >>> rng = np.random.default_rng(0)
    >>> heights = np.concatenate([rng.normal(1.0, 0.2, 300), rng.normal(1.5, 0.2, 700)])
    >>> found = mixture_with_prior(heights, CompositionPrior((0.3, 0.7), 0.03))
    >>> bool(abs(found.fractions[0] - 0.3) < 0.05)
    True
    """
    x = np.asarray(intensities, dtype=np.float64)
    share, error = np.asarray(prior.fractions, dtype=np.float64), prior.error
    if not (np.isfinite(error) and error > 0):
        raise InputError("composition_error", f"{error!r}", "a number above zero")
    if len(x) <= len(share):
        raise InputError("intensities", f"{len(x)}", f"more than {len(share)}, one a species")
    strength = max(0.0, float((share * (1 - share)).mean() / error**2 - 1))
    # From classes of the expected sizes, and of equal ones, where the prior is wrong.
    starts = [_classes(x, sizes) for sizes in (share, np.full(len(share), 1 / len(share)))]
    if start is not None:
        starts.append(start)
    climbs = [_climb(x, share, strength, one) for one in starts]
    return max(climbs, key=lambda climb: climb[0])[1]


def _classes(
    x: NDArray[np.float64], sizes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means, standard deviations and fractions of classes of the given sizes."""
    edges = np.round(np.cumsum(sizes) * len(x)).astype(int)[:-1]
    parts = np.split(np.sort(x), edges)
    means = np.array([part.mean() if len(part) else np.median(x) for part in parts])
    widths = np.array([part.std() if len(part) else x.std() for part in parts])
    return means, widths, sizes


def _climb(
    x: NDArray[np.float64],
    share: NDArray[np.float64],
    strength: float,
    start: tuple[NDArray, NDArray, NDArray],
) -> tuple[float, PriorMixture]:
    """Expectation maximisation from a mixture; the objective and the mixture at its end."""
    whole = float(x.std()) or 1.0
    means, widths, weights = start
    widths = np.maximum(widths, NARROWEST * whole)
    for _ in range(ROUNDS):
        log = np.log(weights / widths) - 0.5 * ((x[:, None] - means) / widths) ** 2
        top = log.max(axis=1, keepdims=True)
        chances = np.exp(log - top)
        total = chances.sum(axis=1, keepdims=True)
        merit = float((top + np.log(total)).sum() + strength * (share @ np.log(weights)))
        chances /= total
        before = np.concatenate([weights, means / whole])
        number = chances.sum(axis=0) + 1e-12
        means = chances.T @ x / number
        square = (chances * (x[:, None] - means) ** 2).sum(axis=0)
        # Widths of the species of one image are alike: a little of the common width in each.
        common = square.sum() / len(x)
        held = SPREAD * len(x)
        widths = np.sqrt((square + held * common) / (number + held))
        widths = np.maximum(widths, NARROWEST * whole)
        weights = (number + strength * share) / (number.sum() + strength)
        if np.abs(np.concatenate([weights, means / whole]) - before).max() < SETTLED:
            break
    order = np.argsort(means)
    return merit, PriorMixture(
        means[order], widths[order], weights[order], chances[:, order], strength
    )
