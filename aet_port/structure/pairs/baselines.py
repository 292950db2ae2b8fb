"""Baseline under the peaks of a curve, by peak stripping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from aet_port.core.errors import InputError

PADDING = 0.05  # fraction of the length, added at both ends with the value there


def strip_peaks(curve: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The lower of a curve (n,) and its moving average, shape (n,).

    The average keeps, at either end, the value of the first and the last full window.

    Parameters
    ----------
    window
        Points that are averaged, an odd number of at most n.

    Raises
    ------
    InputError
        If the curve is not finite numbers in one dimension, or the window does not fit.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/peak_stripping.m::peak_stripping. Deviates: the flag that says
    whether anything was stripped is not returned (compare the two).
    """
    curve = _curve(curve)
    if not (1 <= window <= len(curve) and window % 2 == 1):
        raise InputError(
            "window", f"{window!r}", f"an odd number from 1 to the {len(curve)} points of the curve"
        )
    return np.minimum(curve, savgol_filter(curve, window, 0))


def baseline(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slowly varying curve under the peaks of ``curve`` (n,), shape (n,).

    Both ends are padded by 5 %. Peaks are stripped off again and again with windows of 3, 5, 7, ...
    points, until a window takes away less area than the one before and the one after it.

    Raises
    ------
    InputError
        If the curve is not finite numbers in one dimension, or no such window is found.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/baseline_normal.m::baseline_normal. Deviates: the corrected
    curve is not returned (it is the difference); a curve without an answer is an error here, not an
    index out of bounds.
    """
    curve = _curve(curve)
    padding = int(np.ceil(PADDING * len(curve)))
    rest = np.pad(curve, padding, mode="edge")
    areas: list[float] = []
    for window in range(3, len(rest) + 1, 2):
        before, rest = rest, strip_peaks(rest, window)
        areas.append(float(np.trapezoid(before - rest)))
        if len(areas) > 3 and areas[-2] < areas[-3] and areas[-2] < areas[-1]:
            return before[padding : padding + len(curve)]
    raise InputError(
        "curve",
        f"{len(curve)} points whose peaks no window strips off",
        "a longer curve with separate peaks",
    )


def _curve(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    curve = np.asarray(curve, dtype=np.float64)
    if curve.ndim != 1 or not len(curve) or not np.isfinite(curve).all():
        raise InputError("curve", f"an array {curve.shape}", "finite numbers, shape (n,)")
    return curve
