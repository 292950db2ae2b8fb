"""Registration, line-by-line drift correction and averaging of the frames of one tilt."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.image_shift import measure_shift
from aet_port.preprocessing.frame_registration import LIKELY, line_speed, prepared, whole_shift
from aet_port.preprocessing.scan_lines import (
    between_lines,
    line_path,
    move_lines,
    slow_places,
    undrift,
)
from aet_port.preprocessing.spectra import FrameSpectrum, frame_spectrum

BLUR = 1.0  # pixels: noise above the resolution of the atoms contains no position information
ZOOM = 200  # steps per pixel of the registration
CONVERGED = 0.005  # pixels, the step of the registration
TOUCH = 0.05  # pixels beyond its outermost pixel that still count as inside a frame
JITTER_BLUR = 1.0  # lines: the jitter of a line is measured relative to its neighbours

Motion = Literal["frames", "line", "still"]


@dataclass(frozen=True)
class DriftCorrection:
    """The average of the frames of one tilt, and the drift between and within frames.

    Position ``x`` in line ``s`` of frame ``j`` corresponds to position
    ``x - shifts[j] - rate (s - (n - 1) / 2) / n`` of the average, with ``n`` lines per frame, minus
    ``jitter[j, s]`` along the line.

    Parameters
    ----------
    image
        Shape (nx, ny). Inside ``area`` the mean of all frames; outside, of those that include the
        pixel, or the nearest value if none does.
    shifts
        Shape (m, 2), pixels: displacement of the middle of each frame; their mean is zero.
    rate
        Shape (2,), pixels per frame: drift rate.
    jitter
        Shape (m, lines), pixels along the lines; zeros unless requested.
    residual
        Root mean square residual displacement between pairs of frames, pixels.
    spread
        Root mean square deviation of the shifts from a drift of constant speed, pixels.
    area
        First and one past the last pixel along x and y common to all frames.
    iterations
        Number of rounds of registration and correction.
    slow_axis
        The slow scan direction.
    motion
        What could be determined despite the noise: the displacement of each frame (``"frames"``),
        only a drift of constant speed (``"line"``), or nothing, with frames unmoved (``"still"``).
    """

    image: NDArray[np.float64]
    shifts: NDArray[np.float64]
    rate: NDArray[np.float64]
    jitter: NDArray[np.float64]
    residual: float
    spread: float
    area: tuple[tuple[int, int], tuple[int, int]]
    iterations: int
    slow_axis: int
    motion: Motion = "frames"

    def cropped(self) -> NDArray[np.float64]:
        """The part of the average common to all frames."""
        (left, right), (low, high) = self.area
        return self.image[left:right, low:high]


@checked
def correct_drift(
    frames: ArrayLike | Sequence[ArrayLike],
    slow_axis: int = 0,
    times: ArrayLike | None = None,
    max_drift: float | None = None,
    jitter: bool = False,
    max_iterations: int = 10,
    index: int = 0,
    spectrum: FrameSpectrum | None = None,
) -> DriftCorrection:
    """Average the frames of one tilt, corrected for sample drift and its distortion.

    All pairs of frames are registered: to whole pixels at the highest normalized cross-correlation
    of their overlap (with mean and variance of the overlap at each displacement), then by
    :func:`~aet_port.core.image_shift.measure_shift`, with frequencies weighted by their
    signal-to-noise ratio. The shifts are the least-squares solution for the pairs; the slope of a
    straight line through them over the frames' times is the drift rate.
    As each line of a frame is recorded at its own time, it is moved back by the drift at that
    time, along the line and, by interpolation between lines, across it. The corrected frames are
    registered again until the shifts converge. Only the mean speed enters the distortion within a
    frame, because variations of the speed can't be determined from a few frames.

    If the noise is too strong to register pairs of frames, the most likely drift of constant speed
    for all frames is used (:func:`~.frame_registration.line_speed`); if that is not significant
    either, the frames are not moved. ``motion`` of the result says which.

    With ``jitter`` each line is also compared with the average of the other frames, smoothed over
    neighbouring lines; its displacement along the line is the least-squares coefficient of the
    average's derivative, reduced by the fraction of its variance that is noise.

    Parameters
    ----------
    frames
        Shape (m, nx, ny), m >= 2.
    slow_axis
        Slow scan direction, in which line follows line: 0 (lines along y, the tilt axis) or 1.
    times
        Shape (m,): start time of each frame in units of the frame duration; 0, 1, 2 ... unless
        given.
    max_drift
        Largest displacement between two frames along either axis, pixels; a quarter of the shorter
        side unless given.
    jitter
        Whether to correct the jitter of single lines. At the Ta film's dose a jitter of 0.1 pixel
        is lost in the noise and nothing is changed; strong jitter in bright images is reduced.
    max_iterations
        Largest number of rounds.
    index
        Index of the image in its series, for errors.
    spectrum
        Signal and noise of the frames, preferably from all tilts; from these frames unless given.

    Raises
    ------
    InputError
        For wrong shapes, fewer than two frames, NaN, a frame without contrast, times that do not
        increase, a drift larger than ``max_drift``, or frames that have nothing in common; the
        error names the image.

    Notes
    -----
    MATLAB: none; 2_RESIRE_package/src/alignByNormXCorrSubpixel.m (film paper) registers two
    images, adds its offset twice and stops at 0.05 pixel, see QUIRKS
    """
    stack, when = _checked(frames, slow_axis, times, index)
    sides = np.array(stack.shape[1:])
    limit = float(sides.min() / 4 if max_drift is None else max_drift)
    if not 1 <= limit <= sides.min() / 2:
        raise InputError(
            "max_drift", f"{limit:g} pixels", f"between 1 and half a side, {sides.min() / 2:g}"
        )
    m, n_lines = len(stack), stack.shape[1 + slow_axis]
    pairs = list(combinations(range(m), 2))
    seen_as = frame_spectrum([stack]) if spectrum is None else spectrum
    motion, shifts = _first_shifts(stack, when, seen_as, limit, index)
    rate = _slope(when, shifts)
    wobble = np.zeros((m, n_lines))
    residual, rounds = np.inf, 0
    while True:
        _check_reach(shifts, rate, limit, index)
        corrected, seen = _correct(stack, shifts, rate, wobble, slow_axis)
        area = _common(seen, index)
        inside = [c[slice(*area[0]), slice(*area[1])] for c in corrected]
        if motion == "frames":
            ready = [prepared(c, seen_as, m) for c in inside]
            left = [measure_shift(ready[b], ready[a], ZOOM) for a, b in pairs]
            step = _solve_pairs(pairs, left, m)
        else:
            step = np.zeros((m, 2))
            if motion == "line":
                speed, _ = line_speed(inside, when, seen_as, limit, start=np.zeros(2))
                step = np.outer(when - when.mean(), speed)
            left = [step[b] - step[a] for a, b in pairs]
        residual = float(np.sqrt(np.mean(np.square(left))))
        if np.abs(step).max() <= CONVERGED or rounds >= max_iterations:
            break
        rounds += 1
        shifts = shifts + step
        rate = _slope(when, shifts)
    if jitter:
        wobble = _line_jitter(stack, corrected, shifts, rate, slow_axis)
        corrected, seen = _correct(stack, shifts, rate, wobble, slow_axis)
        area = _common(seen, index)
    centred = when - when.mean()
    spread = float(np.sqrt(np.mean((shifts - centred[:, None] * rate) ** 2)))
    image = _average(corrected, seen)
    return DriftCorrection(
        image, shifts, rate, wobble, residual, spread, area, rounds, slow_axis, motion
    )


def warn_of_unseen(drifts: Sequence[DriftCorrection | None]) -> None:
    """Warn about tilts whose frames were too noisy to be registered individually.

    Warns
    -----
    UserWarning
        One warning for tilts with a drift of constant speed, one for tilts whose frames are not
        moved; a tilt with one frame (None) counts as neither.
    """
    meaning = {
        "line": "only a drift of constant speed is detected in the noisy frames",
        "still": "no drift is detected in the noisy frames, which are not moved",
    }
    for motion, text in meaning.items():
        hit = [i for i, item in enumerate(drifts) if item is not None and item.motion == motion]
        if hit:
            runs = np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1)
            named = ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs)
            warnings.warn(f"tilts {named}: {text}", UserWarning, stacklevel=3)


def _first_shifts(
    stack: NDArray,
    when: NDArray[np.float64],
    spectrum: FrameSpectrum,
    limit: float,
    index: int,
) -> tuple[Motion, NDArray[np.float64]]:
    """Displacements before any frame is corrected, and the kind of motion detected."""
    pairs = list(combinations(range(len(stack)), 2))
    whole = []
    for a, b in pairs:
        found = whole_shift(stack[b], stack[a], spectrum, limit, (index, b))
        if found is None:
            break
        whole.append(found)
    else:
        return "frames", _solve_pairs(pairs, whole, len(stack))
    speed, gain = line_speed(list(stack), when, spectrum, limit)
    if gain > LIKELY:
        return "line", np.outer(when - when.mean(), speed)
    return "still", np.zeros((len(stack), 2))


def _correct(
    stack: NDArray, shifts: NDArray, rate: NDArray, wobble: NDArray, slow_axis: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """All frames corrected for drift, and the pixels that each of them includes."""
    corrected = np.empty(stack.shape)
    seen = np.empty(stack.shape, dtype=bool)
    n_along, n = stack.shape[2 - slow_axis], stack.shape[1 + slow_axis]
    for j, frame in enumerate(stack):
        corrected[j] = undrift(frame, shifts[j], rate, slow_axis, wobble[j])
        places = slow_places(shifts[j], rate, n, slow_axis)
        inside = (places >= -TOUCH) & (places <= n - 1 + TOUCH)
        along = shifts[j][1 - slow_axis] + rate[1 - slow_axis] * (places - (n - 1) / 2) / n
        position = np.arange(n_along)[:, None] + along
        mask = (position >= -TOUCH) & (position <= n_along - 1 + TOUCH) & inside
        seen[j] = mask.T if slow_axis == 0 else mask
    return corrected, seen


def _average(corrected: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = np.asarray(seen.sum(axis=0))
    mean = np.where(seen, corrected, 0).sum(axis=0) / np.maximum(count, 1)
    if (count == 0).any():
        nearest = ndimage.distance_transform_edt(
            count == 0, return_distances=False, return_indices=True
        )
        mean = mean[tuple(nearest)]
    return mean


def _common(seen: NDArray[np.bool_], index: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The rectangle common to all frames, whose edges are straight and almost parallel."""
    every = np.asarray(seen.all(axis=0))
    area = []
    for axis in (0, 1):
        # The middle row is inside if any row is; slanted edges are cut at their worst.
        lines = every.sum(axis=1 - axis)
        good = np.flatnonzero(lines >= 0.5 * max(int(lines.max()), 1))
        area.append((int(good[0]), int(good[-1]) + 1))
    (left, right), (low, high) = area
    while left < right and low < high and not every[left:right, low:high].all():
        block = every[left:right, low:high]
        edges = [(~block[0]).mean(), (~block[-1]).mean(), (~block[:, 0]).mean()]
        worst = int(np.argmax([*edges, (~block[:, -1]).mean()]))
        left, right = left + (worst == 0), right - (worst == 1)
        low, high = low + (worst == 2), high - (worst == 3)
    if (right - left) < 8 or (high - low) < 8:
        raise InputError(
            f"image {index}: frames",
            f"{max(right - left, 0)} x {max(high - low, 0)} pixels common to all of them",
            "at least 8 x 8; the drift is larger than the crop",
        )
    return (left, right), (low, high)


def _solve_pairs(
    pairs: list[tuple[int, int]], measured: list[NDArray[np.float64]], m: int
) -> NDArray[np.float64]:
    """Displacements of mean zero that best fit those of all pairs: means over the partners."""
    shifts = np.zeros((m, 2))
    for (a, b), shift in zip(pairs, measured, strict=True):
        shifts[b] += shift / m
        shifts[a] -= shift / m
    return shifts


def _slope(times: NDArray[np.float64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = times - times.mean()
    return centred @ shifts / np.sum(centred**2)


def _check_reach(shifts: NDArray, rate: NDArray, limit: float, index: int) -> None:
    longest = float(np.ptp(shifts, axis=0).max())
    if longest > 2 * limit or float(np.abs(rate).max()) > limit:
        raise InputError(
            f"image {index}: drift",
            f"{longest:.1f} pixels between its frames, {np.abs(rate).max():.1f} per frame",
            f"at most {limit:g} pixels per frame",
        )


def _line_jitter(
    stack: NDArray,
    corrected: NDArray[np.float64],
    shifts: NDArray,
    rate: NDArray,
    slow_axis: int,
) -> NDArray[np.float64]:
    """Displacement of each line along itself relative to its neighbours in the other frames."""
    m, n = len(stack), stack.shape[1 + slow_axis]
    found, variance = np.zeros((m, n)), np.full((m, n), np.inf)
    for j, frame in enumerate(stack):
        others = np.delete(corrected, j, axis=0).mean(axis=0)
        lines, model = (a.T if slow_axis == 0 else a for a in (frame, others))
        along, slow = line_path(shifts[j], rate, n, slow_axis)
        # The reference is transformed to the frame's own scan, where lines are straight.
        model = ndimage.gaussian_filter(model, (BLUR, JITTER_BLUR))
        model = move_lines(between_lines(model, np.arange(n) - slow), along)
        bent = np.gradient(np.gradient(model, axis=1), axis=1)
        tilted = np.gradient(model, axis=0)
        lines = ndimage.gaussian_filter1d(lines, BLUR, axis=0)
        correlated = 2 * np.sqrt(np.pi) * BLUR  # the blur correlates neighbours
        freedom = max(len(lines) - 4 * correlated, 1)
        for s in range(n):
            columns = np.stack([np.ones(len(lines)), model[:, s], tilted[:, s], bent[:, s]], axis=1)
            inverse = np.linalg.pinv(columns.T @ columns)
            fit = inverse @ (columns.T @ lines[:, s])
            if not fit[1] > 0.2:
                continue
            rest = np.sum((lines[:, s] - columns @ fit) ** 2) / freedom
            found[j, s] = -fit[2] / fit[1]
            variance[j, s] = rest * inverse[2, 2] * correlated / fit[1] ** 2
    useful = np.isfinite(variance) & (variance < 1) & (np.abs(found) < 2)
    if not useful.any():
        return np.zeros((m, n))
    weight = 1 / (variance[useful] + np.median(variance[useful]))
    excess = np.sum(weight * (found[useful] ** 2 - variance[useful])) / np.sum(weight)
    true = max(float(excess), 0.0)
    kept = np.where(useful, found, 0) * true / (true + np.where(useful, variance, np.inf))
    return kept


def _checked(
    frames: ArrayLike | Sequence[ArrayLike], slow_axis: int, times: ArrayLike | None, index: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    name = f"image {index}: frames"
    try:
        stack = np.asarray(frames, dtype=np.float64)
    except ValueError:
        raise InputError(name, "frames of different size", "one shape for all") from None
    if stack.ndim != 3 or len(stack) < 2 or min(stack.shape[1:]) < 16:
        raise InputError(
            name, f"shape {stack.shape}", "shape (m, nx, ny), 2 frames of 16 x 16 at least"
        )
    if slow_axis not in (0, 1):
        raise InputError("slow_axis", f"{slow_axis!r}", "0 (x) or 1 (y)")
    for j, frame in enumerate(stack):
        if not np.isfinite(frame).all():
            raise InputError(f"image {index}, frame {j}", "NaN or infinite values", "numbers")
        if not np.ptp(frame) > 0:
            raise InputError(f"image {index}, frame {j}", "the same value everywhere", "contrast")
    when = np.arange(len(stack), dtype=float) if times is None else np.asarray(times, dtype=float)
    if when.shape != (len(stack),) or not (np.diff(when) > 0).all():
        raise InputError("times", f"{when.tolist()}", f"{len(stack)} increasing numbers")
    return stack, when
