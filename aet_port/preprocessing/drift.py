"""Frames of one tilt registered, freed of drift line by line, and averaged."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, signal

from aet_port.errors import InputError
from aet_port.preprocessing.scan_lines import (
    between_lines,
    line_path,
    move_lines,
    slow_places,
    undrift,
)
from aet_port.resire.image_shift import measure_shift

BLUR = 1.0  # pixels: noise above the resolution of the atoms carries no position
BACKGROUND = 8  # what varies over more than this part of a side is background, which stands still
TAPER = 0.25  # part of the area that its edges fade out over
MIN_OVERLAP = 0.25  # part of an image that two frames must share for a correlation to count
ZOOM = 200  # steps per pixel of the registration
CONVERGED = 0.005  # pixels, the step of the registration
TOUCH = 0.05  # pixels beyond its outermost pixel that a frame still counts as seeing
SIGNIFICANT = 5.0  # a correlation below so many standard deviations of pure noise means nothing
JITTER_BLUR = 1.0  # lines: the jitter of a line is seen against its neighbours


@dataclass(frozen=True)
class DriftCorrection:
    """The average of the frames of one tilt, and how the sample moved between and within them.

    Line ``s`` of frame ``j`` showed at ``x`` what the average shows at
    ``x - shifts[j] - rate (s - (n - 1) / 2) / n`` with ``n`` lines per frame, less
    ``jitter[j, s]`` along the line.

    Parameters
    ----------
    image
        Shape (nx, ny). In ``area`` the mean of all frames; beyond, of those that see a pixel, and
        where none does the nearest value.
    shifts
        Shape (m, 2), pixels: displacement of the middle of each frame; their mean is zero.
    rate
        Shape (2,), pixels per frame: speed of the drift.
    jitter
        Shape (m, lines), pixels along the lines; zeros unless asked for.
    residual
        Root mean square over pairs of frames of the displacement left between them, pixels.
    spread
        Root mean square deviation of the shifts from a drift of constant speed, pixels.
    area
        First and one past the last pixel along x and y that all frames see.
    iterations
        Rounds of registration and correction.
    slow_axis
        The direction of the slow scan.
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

    def cropped(self) -> NDArray[np.float64]:
        """The part of the average that all frames see."""
        (left, right), (low, high) = self.area
        return self.image[left:right, low:high]


def correct_drift(
    frames: ArrayLike,
    slow_axis: int = 0,
    times: ArrayLike | None = None,
    max_drift: float | None = None,
    jitter: bool = False,
    max_iterations: int = 10,
    index: int = 0,
) -> DriftCorrection:
    """Average of the frames of one tilt, without the drift of the sample and its distortion.

    All pairs of frames are registered: by whole pixels at the highest normalized cross-correlation
    of what two frames share (each displacement with mean and variance of its own overlap), then by
    :func:`~aet_port.resire.image_shift.measure_shift`. The shifts are the least-squares solution of
    the pairs; the slope of a straight line through them over the frames' times is the drift rate.
    As a line of a frame is taken at its own time, each line is moved back by the drift at that
    time, along the line and, by interpolation between lines, across it. The corrected frames are
    registered again until nothing moves. Only the mean speed enters the distortion within a frame:
    how the speed varied cannot be told from the distances of three frames.

    With ``jitter`` each line is also compared with the average of the other frames, smoothed over
    neighbouring lines; its displacement along the line is the least-squares coefficient of the
    average's derivative, reduced by the part of its variance that is noise.

    Parameters
    ----------
    frames
        Shape (m, nx, ny), m >= 2.
    slow_axis
        The direction in which line follows line: 0 (lines run along y, the tilt axis) or 1.
    times
        Shape (m,), in durations of one frame: when each began, 0, 1, 2 ... unless given.
    max_drift
        Pixels: the largest displacement between two frames that is looked for along either side;
        a quarter of the shorter side unless given.
    jitter
        Whether lines are straightened one by one. A jitter of 0.1 pixel drowns in the noise of the
        Ta film's dose, and then nothing is changed; a strong one in bright images is reduced.
    max_iterations
        Rounds at most.
    index
        Number of the image in its series, for errors.

    Raises
    ------
    InputError
        For wrong shapes, fewer than two frames, NaN, a frame without contrast, times that do not
        increase, a drift larger than ``max_drift``, or frames that have nothing in common; naming
        the image.

    MATLAB: none; 2_RESIRE_package/src/alignByNormXCorrSubpixel.m (film paper) registers two
    images, adds its offset twice and stalls at 0.05 pixel, see QUIRKS
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
    whole = [_whole_shift(stack[b], stack[a], limit, (index, b)) for a, b in pairs]
    shifts = _solve_pairs(pairs, whole, m)
    rate = _slope(when, shifts)
    wobble = np.zeros((m, n_lines))
    residual, rounds = np.inf, 0
    while True:
        _check_reach(shifts, rate, limit, index)
        corrected, seen = _correct(stack, shifts, rate, wobble, slow_axis)
        area = _common(seen, index)
        inside = [_prepare(c[slice(*area[0]), slice(*area[1])]) for c in corrected]
        left = [measure_shift(inside[b], inside[a], ZOOM) for a, b in pairs]
        residual = float(np.sqrt(np.mean(np.square(left))))
        step = _solve_pairs(pairs, left, m)
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
    return DriftCorrection(image, shifts, rate, wobble, residual, spread, area, rounds, slow_axis)


def _correct(
    stack: NDArray, shifts: NDArray, rate: NDArray, wobble: NDArray, slow_axis: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """All frames without their drift, and which pixels each of them saw."""
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
    """The rectangle that all frames see: their edges are straight and almost parallel."""
    every = np.asarray(seen.all(axis=0))
    area = []
    for axis in (0, 1):
        # The middle row is inside whenever anything is; slanted edges are cut at their worst.
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
            f"{max(right - left, 0)} x {max(high - low, 0)} pixels that all of them see",
            "8 x 8 at least; the drift is larger than the crop",
        )
    return (left, right), (low, high)


def _band(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image without slow background and with little noise."""
    wide = min(image.shape) / BACKGROUND
    return ndimage.gaussian_filter(image, BLUR) - ndimage.gaussian_filter(image, wide)


def _prepare(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean zero, variance one, no slow background, little noise, edges faded out."""
    band = _band(image)
    window = np.outer(*(signal.windows.tukey(n, TAPER) for n in image.shape))
    band = (band - np.average(band, weights=window)) * window
    return band / np.sqrt(np.mean(band**2))


def _whole_shift(
    image: NDArray[np.float64],
    reference: NDArray[np.float64],
    limit: float,
    name: tuple[int, int],
) -> NDArray[np.float64]:
    """Displacement by whole pixels at the highest normalized correlation of the overlap.

    Padfield, IEEE Trans. Image Process. 21, 2706 (2012), with two full rectangles as masks.
    """
    shape = [fft.next_fast_len(2 * n, real=True) for n in image.shape]

    def spectrum(values: NDArray) -> NDArray[np.complex128]:
        return fft.rfft2(values, s=shape)

    def correlate(a: NDArray, b: NDArray) -> NDArray[np.float64]:
        return fft.irfft2(a * np.conj(b), s=shape)

    first, second = _band(image), _band(reference)
    scale = max(float(first.std()), float(second.std()))
    first, second = first / scale, second / scale
    ones = spectrum(np.ones(image.shape))
    f, g = spectrum(first), spectrum(second)
    count = np.maximum(np.round(correlate(ones, ones)), 1)
    mean_f, mean_g = correlate(f, ones) / count, correlate(ones, g) / count
    var_f = correlate(spectrum(first**2), ones) / count - mean_f**2
    var_g = correlate(ones, spectrum(second**2)) / count - mean_g**2
    level = np.sqrt(np.maximum(var_f, 1e-6) * np.maximum(var_g, 1e-6))
    value = (correlate(f, g) / count - mean_f * mean_g) / level
    away = [np.round(fft.fftfreq(n, 1 / n)) for n in shape]
    reach = int(np.floor(limit))
    allowed = (np.abs(away[0]) <= reach)[:, None] & (np.abs(away[1]) <= reach)
    allowed &= count >= MIN_OVERLAP * image.size
    value[~allowed] = -np.inf
    row, column = np.unravel_index(int(np.argmax(value)), value.shape)
    best = np.array([away[0][row], away[1][column]])
    series, frame = name
    # A blur leaves one independent number in 4 pi sigma^2 pixels.
    independent = count[row, column] / (4 * np.pi * BLUR**2)
    if value[row, column] < SIGNIFICANT / np.sqrt(independent):
        raise InputError(
            f"image {series}, frame {frame}",
            f"a correlation of {value[row, column]:.2g} with another frame at its best place",
            f"frames of the same area; the drift is larger than {limit:g} pixels, or nothing"
            " but noise is seen",
        )
    if np.abs(best).max() >= reach:
        raise InputError(
            f"image {series}, frame {frame}",
            f"a drift of {limit:g} pixels or more",
            "less; give a larger max_drift or crop less",
        )
    return best


def _solve_pairs(
    pairs: list[tuple[int, int]], measured: list[NDArray[np.float64]], m: int
) -> NDArray[np.float64]:
    """Displacements of mean zero that fit those of all pairs best: means over the partners."""
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
    """Displacement of each line along itself against its neighbours in the other frames."""
    m, n = len(stack), stack.shape[1 + slow_axis]
    found, variance = np.zeros((m, n)), np.full((m, n), np.inf)
    for j, frame in enumerate(stack):
        others = np.delete(corrected, j, axis=0).mean(axis=0)
        lines, model = (a.T if slow_axis == 0 else a for a in (frame, others))
        along, slow = line_path(shifts[j], rate, n, slow_axis)
        # The reference goes into the frame's own scan, where a line is a line.
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
    frames: ArrayLike, slow_axis: int, times: ArrayLike | None, index: int
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
