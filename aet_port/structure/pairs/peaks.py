"""Peaks and minima of a pair distribution function, bond lengths, and the reference's smoothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import OptimizeResult, least_squares
from scipy.signal import find_peaks

from aet_port.core.arguments import checked
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.pairs.baselines import baseline

SMOOTHING = 0.15  # angstrom, standard deviation: 1.5 bins of 0.1 in the film paper's code
SHELLS = 0.15  # of the first peak's distance: smoothing that leaves one peak per shell
SHELL_PROMINENCE = 0.005  # of the peaks of that curve; it is nearly free of noise
FIT = 0.2  # angstrom on either side of an extremum that are fitted
HALF = 0.5  # of the highest peak: what the first peak must reach
EDGE = 0.3  # angstrom of the second peak beside the minima that are not fitted
STARTS = 6  # of a fit that may end in a wrong basin
BETTER = 0.25  # what two Gaussians may leave of the squares that one of them leaves
LEAST_POINTS = 7  # for the fit of two Gaussians, which has seven parameters


@dataclass(frozen=True, repr=False)
class PdfPeaks(Shown):
    """Extrema of a pair distribution function, angstrom; NaN for each that the curve lacks.

    Attributes
    ----------
    first_minimum, second_minimum
        After the first and after the second peak.
    peaks
        Shape (5,): R1 to R5 of the glass paper. R2 and R3 are the two parts of the second peak, R4
        and R5 the third and the fourth peak. If the second peak has no two parts, R2 is its maximum
        and R3 is NaN.
    second_peak
        Where the second peak as a whole is highest.
    """

    first_minimum: float
    second_minimum: float
    peaks: NDArray[np.float64]
    second_peak: float

    def _facts(self) -> dict[str, object]:
        return {
            "first minimum": angstrom(self.first_minimum),
            "second minimum": angstrom(self.second_minimum),
            "R1 to R5": f"{' '.join(f'{place:.4g}' for place in self.peaks)} angstrom",
        }


def smooth(
    curve: NDArray[np.float64], width: float, *, reference_quirks: bool = False
) -> NDArray[np.float64]:
    """A curve (n,) convolved with a Gaussian, its ends continued by their own values.

    Parameters
    ----------
    width
        Standard deviation, in points.
    reference_quirks
        If True, cut off the Gaussian after two standard deviations (rounded up to whole points).

    Raises
    ------
    InputError
        If the curve is not finite numbers in one dimension, or the width no length.

    Notes
    -----
    MATLAB: the built-in ``imgaussfilt`` with its default filter size and padding
    """
    curve = np.asarray(curve, dtype=np.float64)
    if curve.ndim != 1 or not len(curve) or not np.isfinite(curve).all():
        raise InputError("curve", f"an array {curve.shape}", "finite numbers, shape (n,)")
    if not (np.isfinite(width) and width > 0):
        raise InputError("width", f"{width!r}", "a number of points above zero")
    reach = int(np.ceil((2 if reference_quirks else 5) * width))
    return gaussian_filter1d(curve, width, mode="nearest", radius=reach)


def reference_curve(g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pair distribution of the amorphous atoms as the glass paper's code draws it, shape (n,).

    The first bin is set to zero, the last to the one before; the curve is smoothed by two bins, and
    its baseline is replaced by the same baseline scaled to end at 1.

    Raises
    ------
    InputError
        If the curve has less than two points, is not finite, or has no baseline.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_2_pdf_calculation_amorphous_region.m (``pdf_amor05``)
    """
    g = np.array(g, dtype=np.float64)
    if g.ndim != 1 or len(g) < 2:
        raise InputError("g", f"an array {g.shape}", "at least two numbers, shape (n,)")
    g[0], g[-1] = 0.0, g[-2]
    g = smooth(g, 2.0, reference_quirks=True)
    under = baseline(g)
    return g - under + under / under[-1]


@checked
def bond_length(
    r: NDArray[np.float64], g: NDArray[np.float64], within: tuple[float, float] | None = None
) -> float:
    """Distance of the first peak, angstrom; NaN if the curve has none.

    The first maximum of the smoothed curve that reaches half of the highest one, by a Gaussian
    through it (see :func:`pdf_peaks`).

    Parameters
    ----------
    r, g
        Shape (n,): evenly spaced distances, angstrom, and a pair or partial pair distribution.
    within
        Distances between which the peak is, angstrom; anywhere unless given. The highest maximum
        is then the highest of these.

    Raises
    ------
    InputError
        If ``r`` is not evenly spaced or ``g`` has another shape.
    """
    r, g = _prepared(r, g)
    if len(r) < 3:
        return np.nan
    curve = smooth(g, SMOOTHING / (r[1] - r[0]))
    first = _first_peak(curve, None if within is None else (r >= within[0]) & (r <= within[1]))
    return np.nan if first is None else _place(r, curve, first, peak=True)


def pdf_peaks(
    r: NDArray[np.float64], g: NDArray[np.float64], within: tuple[float, float] | None = None
) -> PdfPeaks:
    """First and second minimum and the peaks R1 to R5 of a pair distribution function.

    The curve is smoothed by 0.15 angstrom. Its first peak is the first maximum that reaches half of
    the highest one. Smoothed by 0.15 times that distance instead, the curve has one maximum per
    shell: they and the minima between them say where to look for the highest point of each shell
    and the lowest between two. Each is then placed by a fit to the points within 0.2 angstrom: a
    Gaussian at a peak, a parabola at a minimum. The second peak is fitted by two Gaussians of one
    width on a straight line, between the two minima but for 0.3 angstrom at either end; it has two
    parts if both are positive, lie inside, and are more than their width apart.

    Parameters
    ----------
    r, g
        Shape (n,): evenly spaced distances, angstrom, and a pair distribution; values following a
        NaN after the first peak are ignored.
    within
        As in :func:`bond_length`.

    Raises
    ------
    InputError
        If ``r`` is not evenly spaced or ``g`` has another shape.
    """
    r, g = _prepared(r, g)
    peaks = np.full(5, np.nan)
    curve = smooth(g, SMOOTHING / (r[1] - r[0])) if len(r) >= 3 else g
    first = _first_peak(curve, None if within is None else (r >= within[0]) & (r <= within[1]))
    if first is None:
        return PdfPeaks(np.nan, np.nan, peaks, np.nan)
    peaks[0] = _place(r, curve, first, peak=True)
    coarse = smooth(g, SHELLS * r[first] / (r[1] - r[0]))
    shells = find_peaks(coarse, prominence=SHELL_PROMINENCE)[0]
    shells = np.concatenate([[first], shells[r[shells] > (1 + SHELLS) * r[first]]])
    # The lowest points between neighbouring shells, and the highest of each shell between those.
    valleys = [i + int(np.argmin(curve[i:j])) for i, j in pairwise(shells)]
    minima = [_place(r, curve, k, peak=False) for k in valleys[:2]] + [np.nan, np.nan]
    tops = [i + int(np.argmax(curve[i:j])) for i, j in pairwise(valleys)]
    if 0 < len(valleys) < 4:
        # The last shell has no valley after it; it ends as far from its middle as it begins.
        last = valleys[-1]
        end = min(2 * int(shells[len(valleys)]) - last, len(curve))
        tops.append(last + int(np.argmax(curve[last:end])))
    places = [_place(r, curve, k, peak=True) for k in tops[:3]] + [np.nan] * 3
    second = places[0]
    peaks[1], peaks[3], peaks[4] = places[:3]
    if len(valleys) > 1:
        inside = (r > minima[0] + EDGE) & (r < minima[1] - EDGE)
        parts = _two_parts(r[inside], curve[inside])
        if parts is not None:
            peaks[1:3] = parts
    return PdfPeaks(float(minima[0]), float(minima[1]), peaks, float(second))


def _prepared(
    r: NDArray[np.float64], g: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve as far as it is finite."""
    r, g = np.asarray(r, dtype=np.float64), np.asarray(g, dtype=np.float64)
    steps = np.diff(r) if r.ndim == 1 else np.empty(0)
    if not len(steps) or not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.max():
        raise InputError("r", f"an array {r.shape}", "ascending, evenly spaced distances (n,)")
    if g.shape != r.shape or np.isinf(g).any():
        raise InputError("g", f"an array {g.shape}", f"numbers, shape {r.shape}")
    bad = np.isnan(g)
    end = int(np.argmax(bad)) if bad.any() else len(g)
    return r[:end], g[:end]


def _first_peak(curve: NDArray[np.float64], allowed: NDArray[np.bool_] | None = None) -> int | None:
    """The first maximum (of the points allowed) that reaches half of the highest one (of these)."""
    if len(curve) < 3:
        return None
    maxima, _ = find_peaks(curve, prominence=SHELL_PROMINENCE)
    if allowed is not None:
        maxima = maxima[allowed[maxima]]
    highest = curve.max() if allowed is None else curve[maxima].max(initial=0.0)
    maxima = maxima[curve[maxima] >= HALF * highest]
    return int(maxima[0]) if len(maxima) and curve[maxima[0]] > 0 else None


def _place(r: NDArray[np.float64], curve: NDArray[np.float64], at: int, *, peak: bool) -> float:
    """Extremum near point ``at``: of a Gaussian at a peak, of a parabola at a minimum."""
    step = r[1] - r[0]
    reach = max(1, round(FIT / step))
    low, high = max(at - reach, 0), min(at + reach + 1, len(r))
    y = curve[low:high]
    if peak:
        # The logarithm of a Gaussian is a parabola.
        positive = y > 0
        low, high = (
            low + int(np.argmax(positive)),
            high - int(np.argmax(positive[::-1])),
        )
        y = np.log(curve[low:high])
    if len(y) < 3:
        return float(r[at])
    bend, slope, _ = np.polyfit(r[low:high] - r[at], y, 2)
    shift = -slope / (2 * bend) if (bend < 0) == peak and bend != 0 else 0.0
    return float(r[at] + np.clip(shift, -FIT, FIT))


def _two_parts(r: NDArray[np.float64], curve: NDArray[np.float64]) -> tuple[float, float] | None:
    """Centres of two Gaussians of one width on a straight line; None if these don't describe it."""
    if len(r) < LEAST_POINTS:
        return None
    low, span = r[0], r[-1] - r[0]
    x = (r - low) / span  # centres and width in units of the window

    def heights(shape: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Heights and residual of Gaussians whose centres and, last, width are given."""
        columns = np.exp(-(((x[:, None] - shape[:-1]) / shape[-1]) ** 2) / 2)
        columns = np.column_stack([columns, np.ones_like(x), x])
        factors = np.linalg.lstsq(columns, curve, rcond=None)[0]
        return factors[:-2], curve - columns @ factors

    def fits(starts: Sequence[tuple[float, ...]]) -> list[OptimizeResult]:
        """Fits from the best starts of a grid, best first."""
        starts = sorted(starts, key=lambda shape: float((heights(np.array(shape))[1] ** 2).sum()))
        least, most = ([value] * (len(starts[0]) - 1) for value in (-0.2, 1.2))
        found = [
            least_squares(
                lambda shape: heights(shape)[1],
                start,
                bounds=([*least, 0.05], [*most, 1.0]),
                jac="3-point",
                # To the last digits, so that rounding errors of the curve are not amplified.
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
            )
            for start in starts[:STARTS]
        ]
        return sorted(found, key=lambda fit: float(fit.cost))

    places, widths = np.linspace(0.1, 0.9, 9), (0.1, 0.15, 0.2, 0.25, 0.3)
    one = fits([(centre, width) for centre in places for width in widths])[0]
    pairs = [(a, b, w) for a in places for b in places for w in widths if b > a + w]
    for two in fits(pairs):
        a, b, width = two.x
        enough = two.cost < BETTER * one.cost
        if enough and (heights(two.x)[0] > 0).all() and 0 < a < b < 1 and b - a > width:
            return float(low + a * span), float(low + b * span)
    return None
