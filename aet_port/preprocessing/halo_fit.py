"""The halo of disordered atoms in a power spectrum by frequency: a peak above what falls off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.preprocessing.settings import SPECTRUM, SpectrumSettings

Floats = NDArray[np.float64]
DEGREE = 3  # of the polynomial under the peak
NARROW = 1.5  # rings: standard deviation below which a peak is a Bragg ring or a fluctuation
WIDE = 0.25  # of the range: beyond, the background could be the peak
WIDTHS = 12  # between them, that are tried
FINE = 8  # positions tried in each ring
FEWEST = 12  # rings
CLEAR = 4.0  # standard errors of its height that a halo must have


@dataclass(frozen=True)
class Halo:
    """A halo in a power spectrum.

    Attributes
    ----------
    frequency, error
        Position and its standard error, 1/angstrom.
    width
        Standard deviation of the peak, 1/angstrom.
    contrast, contrast_error
        Natural logarithm of the ratio of power and background at the maximum, and its standard
        error.
    """

    frequency: float
    error: float
    width: float
    contrast: float
    contrast_error: float

    @property
    def period(self) -> float:
        """The corresponding period, angstrom."""
        return 1 / self.frequency

    def plain(self) -> dict[str, Any]:
        """All values with the period, for tables and JSON."""
        return {
            "frequency": self.frequency,
            "error": self.error,
            "period": self.period,
            "width": self.width,
            "contrast": self.contrast,
            "contrast_error": self.contrast_error,
        }


def fit_halo(
    frequency: Floats, power: Floats, samples: Floats, settings: SpectrumSettings = SPECTRUM
) -> tuple[Halo | None, str]:
    """Fit ``ln P(q) = sum_k c_k q^k + A exp(-(q - q0)^2 / (2 s^2))`` to a profile, ``k <= 3``.

    The polynomial stands for what falls off: thickness, probe, atomic form factor, noise. These
    multiply the interference of the atoms, of which the halo is the first maximum, so that the
    fit is one of logarithms; the scatter of the mean of a ring of ``n`` independent frequencies is
    ``1 / sqrt(n)`` there. All positions and widths are tried, the other parameters are linear. A
    halo is reported if it lowers Bayes' information criterion by 3 ln k for k rings, its contrast
    exceeds four standard errors, and its maximum lies inside the range.

    Parameters
    ----------
    frequency, power
        Shape (k,): rings (1/angstrom) and their mean power.
    samples
        Shape (k,): independent frequencies in each ring, times the images averaged.
    settings
        Range in which the halo is searched.

    Returns
    -------
    The halo, or None and why there is none.

    Raises
    ------
    InputError
        If the range is empty, or holds too few rings for the fit.
    """
    low, high = settings.lowest, settings.highest
    if low >= high:
        raise InputError("lowest", f"{low:g}", f"less than the highest frequency, {high:g}")
    chosen = (frequency >= low) & (frequency <= high) & (power > 0) & (frequency > 0)
    if chosen.sum() < FEWEST:
        raise InputError(
            "range of frequencies",
            f"{chosen.sum()} rings from {low:g} to {high:g} 1/angstrom",
            f"{FEWEST} or more: a wider range (--lowest, --highest), or larger images",
        )
    q, logs, weight = frequency[chosen], np.log(power[chosen]), np.sqrt(samples[chosen])
    ring = float(frequency[1] - frequency[0])
    narrow = NARROW * ring
    wide = max(WIDE * float(q[-1] - q[0]), 2 * narrow)
    # Power from the middle of the range keeps the polynomial well conditioned.
    powers = np.vander((q - q.mean()) / np.ptp(q), DEGREE + 1)
    base, _ = np.linalg.qr(weight[:, None] * powers)
    target = weight * logs
    left = target - base @ (base.T @ target)
    places = np.arange(q[0], q[-1] + 1e-9, ring / FINE)
    widths = np.geomspace(narrow, wide, WIDTHS)
    peaks = (
        np.exp(-0.5 * ((q - places[:, None, None]) / widths[None, :, None]) ** 2) * weight
    )  # (places, widths, k)
    peaks -= (peaks @ base) @ base.T
    size = np.maximum(np.sum(peaks**2, axis=-1), 1e-300)
    heights = peaks @ left / size
    gains = np.where(heights > 0, heights**2 * size, 0.0)
    i, j = np.unravel_index(int(np.argmax(gains)), gains.shape)
    place, width, height = float(places[i]), float(widths[j]), float(heights[i, j])
    whole, gain, n = float(left @ left), float(gains[i, j]), len(q)
    rest = max(whole - gain, 1e-12 * whole)
    if n * np.log(whole / rest) < 6 * np.log(n):
        return None, "no peak above the background that falls off"
    # What the curve does not describe counts as scatter of the rings.
    scatter = max(rest / (n - DEGREE - 4), 1.0)
    error = float(np.sqrt(scatter / size[i, j]))
    if height < CLEAR * error:
        return None, f"a peak at {place:.3g} 1/angstrom, below {CLEAR:g} standard errors"
    if not q[0] + ring < place < q[-1] - ring:
        return None, "a rise at the end of the range of frequencies, no maximum inside"
    if j == WIDTHS - 1:
        return None, "a peak too wide for the range, which can't be told from the background"
    if j == 0:
        return None, f"a sharp ring at {place:.3g} 1/angstrom, as of crystals"
    place, place_error = _vertex(places, gains.max(axis=1), int(i), scatter)
    return Halo(place, place_error, width, height, error), ""


def _vertex(places: Floats, gains: Floats, at: int, scatter: float) -> tuple[float, float]:
    """Position of the largest gain between those tried, and its standard error.

    The error is where the parabola through the neighbours, one ring away, has lost ``scatter``.
    """
    step = min(FINE, at, len(places) - 1 - at)
    before, here, after = gains[at - step], gains[at], gains[at + step]
    bend = max(2 * here - before - after, 1e-12 * here)
    away = float(places[at] - places[at - step])
    return float(places[at] + 0.5 * away * (after - before) / bend), float(
        away * np.sqrt(2 * scatter / bend)
    )
