"""The minimum between two shells of a pair distribution, by a fit of Gaussians to the counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import xlogy

NARROWEST = 0.01  # width of a Gaussian, in distances of the first peak: less is a perfect crystal
WIDEST = 0.6
GRID = 2000  # points between the two shells among which the minimum is looked for
INSIDE = 0.45  # how much of the inner side of the first shell is used, the outer one being 1
BEYOND = 0.5  # how much of the outer side of the second shell, the inner one being 1


def fit_valley(
    r: NDArray[np.float64],
    counts: NDArray[np.float64],
    ideal: NDArray[np.float64],
    peak: float,
    valley: float,
    following: float,
) -> float:
    """Distance of the lowest point of g between two shells, angstrom.

    ``g`` is described by two to five Gaussians, times the counts that stand for ``g = 1``, from the
    inner side of the first shell to the outer side of the second, by maximum likelihood for counts
    with Poisson errors: bins with few pairs weigh little, and empty ones say what they do. The
    number of Gaussians is that of the lowest Bayesian information criterion. Near the minimum of a
    crystal there are no pairs at all; the flanks of the shells say where it is.

    Parameters
    ----------
    r, counts, ideal
        Shape (n,): middle of each bin (angstrom), its pairs, and those of a uniform density.
    peak, valley, following
        First estimates of the two maxima and of the minimum between them, angstrom.

    Notes
    -----
    MATLAB: none; the reference reads the minimum off a curve

    Examples
    --------
    >>> r = np.arange(2.0, 4.5, 0.02)
    >>> g = sum(np.exp(-(((r - c) / w) ** 2) / 2) for c, w in ((2.8, 0.15), (4.0, 0.15)))
    >>> round(fit_valley(r, 1e4 * g, np.full(len(r), 1e4), 2.8, 3.5, 4.0), 3)
    3.4
    """
    start = max(peak - INSIDE * (valley - peak), r[0])
    end = following + BEYOND * (following - valley)
    used = (r >= start) & (r <= end) & (ideal > 0)
    x, n, unit = r[used] / peak, counts[used], ideal[used]
    top = float((n / unit).max(initial=0.0))
    if top <= 0 or len(x) < 8:
        return valley
    fine = np.linspace(peak, following, GRID)
    best, least = valley, np.inf
    for first in _starts(peak, valley, following, x, n / unit):
        fit = least_squares(
            _residual,
            first.ravel(),
            jac=_slopes,
            bounds=_bounds(len(first), x, top),
            args=(x, n, unit),
            x_scale="jac",
            max_nfev=100,
            ftol=1e-6,
            xtol=1e-6,
        )
        score = 2 * fit.cost + fit.x.size * np.log(len(x))
        if score < least:
            curve = _gaussians(fit.x, fine / peak)
            low = int(np.argmin(curve))
            if 0 < low < GRID - 1:
                best, least = float(fine[low]), score
    return best


def _starts(
    peak: float, valley: float, following: float, x: NDArray[np.float64], g: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Logarithm of the height, place and logarithm of the width of the Gaussians of each trial."""

    def one(place: float, share: float, width: float) -> list[float]:
        height = float(np.interp(place / peak, x, g)) * share
        return [np.log(max(height, 1e-3 * g.max())), place / peak, np.log(width)]

    width = max(0.25 * (valley - peak) / peak, 1.5 * NARROWEST)
    outer = max(0.35 * (following - valley) / peak, 1.5 * NARROWEST)
    first, last = one(peak, 1, width), one(following, 1, outer)
    shoulder, floor = one((peak + valley) / 2, 0.5, width), one(valley, 1, 2 * width)
    beyond = one(following + 0.5 * (following - valley), 0.7, outer)
    trials = [
        [first, last],
        [first, shoulder, last],
        [first, floor, last],
        [first, last, beyond],
        [first, shoulder, last, beyond],
        [first, shoulder, floor, last, beyond],
    ]
    return [np.array(trial) for trial in trials]


def _bounds(
    number: int, x: NDArray[np.float64], top: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.array([np.log(1e-6 * top), x[0], np.log(NARROWEST)])
    high = np.array([np.log(100 * top), x[-1] + 0.4, np.log(WIDEST)])
    return np.tile(low, number), np.tile(high, number)


def _gaussians(shape: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    height, place, width = shape.reshape(-1, 3).T
    parts = height - (((x[:, None] - place) / np.exp(width)) ** 2) / 2
    return np.asarray(np.exp(np.maximum(parts, -200)).sum(axis=1))


def _residual(
    shape: NDArray[np.float64],
    x: NDArray[np.float64],
    n: NDArray[np.float64],
    unit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Signed roots of the Poisson deviance, whose sum of squares is least at the best fit."""
    mean = unit * _gaussians(shape, x) + 1e-12
    deviance = 2 * (xlogy(n, n / mean) - n + mean)
    return np.asarray(np.sign(n - mean) * np.sqrt(np.maximum(deviance, 0)))


def _slopes(
    shape: NDArray[np.float64],
    x: NDArray[np.float64],
    n: NDArray[np.float64],
    unit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Derivatives of :func:`_residual` by the parameters, shape (bins, parameters)."""
    height, place, width = shape.reshape(-1, 3).T
    away = (x[:, None] - place) / np.exp(width)
    parts = np.exp(np.maximum(height - away**2 / 2, -200)) * unit[:, None]
    mean = parts.sum(axis=1) + 1e-12
    residual = _residual(shape, x, n, unit)
    near = np.abs(n - mean) <= 1e-6 * mean
    slope = np.where(near, -1 / np.sqrt(mean), (1 - n / mean) / np.where(near, 1.0, residual))
    columns = np.stack([parts, parts * away / np.exp(width), parts * away**2], axis=2)
    return np.asarray(columns.reshape(len(x), -1) * slope[:, None])
