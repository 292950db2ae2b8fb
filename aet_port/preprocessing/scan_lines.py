"""Correction of a known drift in a frame scanned line by line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.interpolate import make_interp_spline

from aet_port.core.errors import InputError
from aet_port.core.image_shift import MARGIN

SPLINE = 5  # degree, between lines


def undrift(
    frame: NDArray,
    shift: ArrayLike,
    rate: ArrayLike,
    slow_axis: int = 0,
    jitter: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Correct one frame for a known drift, line by line.

    Along a line the content is shifted in Fourier space with mirrored edges; across lines a spline
    of degree 5 is evaluated at the positions of an undistorted scan. If shift, rate and jitter are
    zero the frame is unchanged to the last bit. For a projection of atoms with ``B' = 6`` square
    angstrom and pixels of 0.32 angstrom the error is below 2e-4 of the peak.

    Parameters
    ----------
    frame
        Shape (nx, ny).
    shift, rate
        Shape (2,), pixels and pixels per frame, as in
        :class:`~aet_port.preprocessing.drift.DriftCorrection`.
    slow_axis
        Index of the slow scan axis.
    jitter
        Shape (lines,), pixels along the lines.

    Returns
    -------
    Shape of ``frame``; outside, the edge values are continued.

    Raises
    ------
    InputError
        For a drift along the slow axis of a whole frame per frame or more.

    Notes
    -----
    MATLAB: none
    """
    lines = np.asarray(frame, dtype=np.float64)
    if slow_axis == 0:
        lines = lines.T  # lines are now columns: (along, line)
    n = lines.shape[1]
    along, slow = line_path(shift, rate, n, slow_axis)
    if jitter is not None:
        along = along + np.asarray(jitter, dtype=np.float64)
    if along.any():
        lines = move_lines(lines, -along)
    if slow.any():
        lines = between_lines(lines, slow_places(shift, rate, n, slow_axis))
    return np.ascontiguousarray(lines.T if slow_axis == 0 else lines)


def line_path(
    shift: ArrayLike, rate: ArrayLike, n: int, slow_axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement of each of ``n`` lines in pixels, along and across the lines, (n,) each."""
    place = (np.arange(n) - (n - 1) / 2) / n
    path = np.asarray(shift, dtype=np.float64)[:, None] + np.outer(np.asarray(rate), place)
    return path[1 - slow_axis], path[slow_axis]


def slow_places(shift: ArrayLike, rate: ArrayLike, n: int, slow_axis: int) -> NDArray[np.float64]:
    """Positions of the image's lines in units of the frame's lines, shape (n,).

    Solves ``s - d(s) = line`` with the displacement ``d`` of :func:`line_path` across the lines.

    Raises
    ------
    InputError
        For a drift of a whole frame per frame or more.
    """
    offset, speed = float(np.asarray(shift)[slow_axis]), float(np.asarray(rate)[slow_axis])
    if not speed < n:
        raise InputError("drift", f"{speed:g} lines per frame", f"fewer than its {n} lines")
    middle = (n - 1) / 2
    return (np.arange(n, dtype=np.float64) + offset - speed * middle / n) / (1 - speed / n)


def move_lines(lines: NDArray[np.float64], moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift columns (along, n) along themselves by ``moves`` (n,) pixels, with mirrored edges."""
    n = len(lines)
    edge = int(np.ceil(np.abs(moves).max())) + MARGIN
    wide = np.pad(lines, ((edge, edge), (0, 0)), mode="symmetric")
    spectrum = fft.rfft(wide, axis=0)
    phases = np.exp(-2j * np.pi * np.outer(fft.rfftfreq(len(wide)), moves))
    if len(wide) % 2 == 0:
        phases[-1] = phases[-1].real
    return fft.irfft(spectrum * phases, n=len(wide), axis=0)[edge : edge + n]


def between_lines(lines: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate columns (along, n) at ``places`` between them; outside, the last is continued."""
    n = lines.shape[1]
    spline = make_interp_spline(np.arange(n), lines, k=SPLINE, axis=1)
    return spline(np.clip(places, 0, n - 1))
