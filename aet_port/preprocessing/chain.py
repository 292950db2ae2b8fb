"""The preprocessing chain, from raw frames to a clean and aligned tilt series.

Order of the steps: noise is estimated on raw frames, because interpolation correlates the noise of
neighbouring pixels. Frames are averaged and denoised before the images are transformed further; the
background is subtracted before scan distortion, tilt axis and alignment are determined, which all
need a sample on zero background.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.image_rotation import turn_images
from aet_port.core.memory import check_memory
from aet_port.core.parallel import check_threads, map_threads
from aet_port.core.progress import Reporter
from aet_port.core.progress import progress_bar as show_progress
from aet_port.core.scan_distortion import (
    Shears,
    UnsettledShear,
    correct_scan_distortion,
    estimate_scan_distortion,
)
from aet_port.preprocessing.alignment import Alignment, align_particle
from aet_port.preprocessing.background import BackgroundRemoval, remove_background
from aet_port.preprocessing.bad_pixels import BadPixels, find_bad_pixels
from aet_port.preprocessing.denoising import choose_method, denoise, pilot_image, search_strength
from aet_port.preprocessing.drift import DriftCorrection, correct_drift, warn_of_unseen
from aet_port.preprocessing.fiducial_alignment import align_by_particles
from aet_port.preprocessing.film_alignment import align_film
from aet_port.preprocessing.noise import NoiseModel, check_images, estimate_noise
from aet_port.preprocessing.outcome import Preprocessed
from aet_port.preprocessing.placement import crop_images
from aet_port.preprocessing.scan_calibration import read_calibration
from aet_port.preprocessing.settings import DEFAULTS, PreprocessSettings
from aet_port.preprocessing.spectra import FrameSpectrum, frame_spectrum, wiener_filter
from aet_port.preprocessing.tilt_axis import find_tilt_axis

LEAST_SEEN = 2 / 3  # smallest part of the detector along both axes common to all frames
ORDERS = 5  # number of moments used to estimate the shear
AROUND = 2  # pixels on each side of a bad one whose median replaces it
LESS = "binned frames, or fewer tilts"


def needed_memory(held: float, n_tilts: int, detector: tuple[int, int]) -> float:
    """Bytes that preprocessing takes beside the frames, of which there are ``held`` bytes.

    Repaired frames and, for the noise, all in one array; then one image a tilt at each step.
    """
    return 2.0 * held + 8.0 * n_tilts * math.prod(detector) * 8


@checked
def preprocess(
    series: FrameSeries,
    settings: PreprocessSettings = DEFAULTS,
    *,
    noise: NoiseModel | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> Preprocessed:
    """Make a clean, aligned tilt series from raw frames (Methods of both papers).

    In this order: dead and hot pixels are repaired; noise is estimated on the raw frames; the
    frames of each tilt are corrected for drift and averaged, and cropped to the part of the
    detector common to all frames of all tilts; images are denoised; background is subtracted; scan
    distortion is corrected; images are rotated so that the tilt axis is along y; images are
    aligned; optionally, the background of the aligned images is subtracted and the images cropped.

    Parameters
    ----------
    series
        Raw frames, all of the same size, with tilt angles.
    settings
        Settings of all steps, see :class:`PreprocessSettings`.
    noise
        Noise of one raw frame; estimated unless given.
    threads
        Number of threads; all cores unless given. The result does not depend on it.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The clean series with the results of each step.

    Raises
    ------
    InputError
        For missing angles, frames of different size, a drift that leaves less than two thirds of
        the detector, or other data that a step cannot use; the error gives the tilt index.

    Warns
    -----
    UserWarning
        For saturated, dead and hot pixels, for a drift or distortion that is lost in the noise,
        and for shifts that do not converge.

    Notes
    -----
    MATLAB: none; the papers' Methods describe the steps, the repositories start after them

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.preprocessing.settings import PreprocessSettings
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> particle = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-40, 41, 20)]
    >>> first, second = (
    ...     simulate_tilt_series(particle, angles, 0.6, (32, 32), dose=1e6, seed=k) for k in (1, 2)
    ... )
    >>> pairs = [np.stack(pair) for pair in zip(first.images, second.images)]
    >>> frames = aet.FrameSeries(pairs, first.angles[:, 1], pixel_size=0.6)
    >>> clean = aet.preprocess(frames, PreprocessSettings(denoise="none", margin=2)).series
    >>> len(clean), clean.detector
    (5, (32, 32))
    """
    chosen, workers = settings, check_threads(threads)
    given = chosen.distortion
    if chosen.calibration is not None:
        given = chosen.over(read_calibration(chosen.calibration))
    theta, detector = series.tilt_angles(), series.detector
    if len(series) < 2:
        raise InputError(f"{series.name}: tilts", f"{len(series)}", "two or more")
    if chosen.estimate_shear and series.tilt_axis:
        raise InputError(
            "estimate_shear",
            f"true, for a tilt axis at {series.tilt_axis:g} degrees in the file",
            "a calibrated shear, or images whose tilt axis lies along y",
        )
    held = sum(images.nbytes for images in series.frames)
    check_memory("preprocess", needed_memory(held, len(series), detector), LESS)
    bad = find_bad_pixels(series, chosen.saturation_level, show_progress=progress)
    frames = _repaired(series, bad) if chosen.repair else series.frames
    if noise is None and chosen.denoise not in ("none", "wiener"):
        noise = estimate_noise(np.concatenate(frames), chosen.dark_level)
    spectrum = frame_spectrum(frames)
    with show_progress("Averaging frames", len(series), progress) as reporter:
        drifts = _drifts(frames, chosen, spectrum, workers, reporter)
    window = _window(series.name, drifts, detector)
    (left, right), (low, high) = window
    averaged = np.stack(
        [
            (images[0].astype(np.float64) if drift is None else drift.image)[left:right, low:high]
            for images, drift in zip(frames, drifts, strict=True)
        ]
    )
    check_images(averaged, f"{series.name}: tilts")
    denoised, strength, method = averaged, None, "none"
    if chosen.denoise == "wiener":
        method = "wiener"
        smoothing = strength = 1.0 if chosen.strength == "search" else chosen.strength
        denoised = _by_frames(
            averaged, drifts, lambda some, count: wiener_filter(some, spectrum, count, smoothing)
        )
    elif chosen.denoise != "none" and noise is not None:
        method = choose_method(chosen.denoise)
        denoised, strength = _denoised(averaged, drifts, noise, method, chosen.strength, progress)
    removal = None
    clean = denoised
    if chosen.with_background:
        removal = remove_background(denoised, margin=chosen.margin, smoothing=chosen.smoothing)
        clean = _kept(removal, chosen.clear_outside)
    estimate, distortion = None, given
    if chosen.estimate_shear:
        reason = "frames too noisy to be registered"
        if not _mostly_still(drifts):
            # Lines along the tilt axis are skewed along it.
            shears: Shears = "y" if chosen.slow_axis == "x" else "x"
            centred = align_particle(clean).images
            # The number of moments must be less than half the number of tilts.
            orders = min(ORDERS, (len(series) - 1) // 2)
            try:
                estimate = estimate_scan_distortion(centred, theta, shears, orders)
                distortion = estimate.distortion
            except UnsettledShear as error:
                reason = str(error)
        if estimate is None:
            warnings.warn(
                f"{series.name}: no scan distortion is corrected, the noise hides it ({reason}); "
                "refine it with the atoms",
                UserWarning,
                stacklevel=3,
            )
    clean = correct_scan_distortion(clean, distortion)
    wanted = series.tilt_axis if chosen.tilt_axis is None else chosen.tilt_axis
    axis = find_tilt_axis(clean).angle if wanted == "find" else wanted or 0.0
    measured = averaged
    if axis:
        clean, measured = turn_images(clean, axis), turn_images(averaged, axis)
    if chosen.align:
        alignment = _aligned(clean, theta, chosen, measured)
    else:
        none = np.zeros((len(clean), 2))
        alignment = Alignment(clean, none, none, [], True)
    final = alignment.images
    if chosen.second_background:
        again = remove_background(final, margin=chosen.margin, smoothing=chosen.smoothing)
        final = _kept(again, chosen.clear_outside)
    made = TiltSeries(
        crop_images(final, chosen.crop),
        theta,
        series.pixel_size,
        name=series.name,
        metadata=dict(series.metadata),
    )
    return Preprocessed(
        made,
        bad,
        noise,
        drifts,
        window,
        averaged,
        denoised,
        removal,
        distortion,
        estimate,
        axis,
        alignment,
        chosen,
        strength,
        method,
        dict(series.metadata),
    )


def _repaired(series: FrameSeries, bad: list[BadPixels]) -> tuple[NDArray, ...]:
    """Frames with dead and hot pixels replaced by the median of the good ones around them."""
    wrong = [np.zeros(images.shape, dtype=bool) for images in series.frames]
    for item in bad:
        if item.kind != "saturated":
            x, y = item.pixels.T
            which = slice(None) if item.frame is None else item.frame
            wrong[item.tilt][which, x, y] = True
    result = []
    for tilt, (images, mask) in enumerate(zip(series.frames, wrong, strict=True)):
        repaired = images.copy()
        for frame, x, y in np.argwhere(mask):
            where = (
                frame,
                slice(max(x - AROUND, 0), x + AROUND + 1),
                slice(max(y - AROUND, 0), y + AROUND + 1),
            )
            good = images[where][~mask[where]]
            if good.size == 0:
                raise InputError(
                    f"{series.name}: tilt {tilt}, frame {frame}",
                    f"only dead or hot pixels around ({x}, {y})",
                    "single bad pixels; leave the tilt out, or repair=False",
                )
            repaired[frame, x, y] = np.median(good)
        result.append(repaired)
    return tuple(result)


def _drifts(
    frames: tuple[NDArray, ...],
    settings: PreprocessSettings,
    spectrum: FrameSpectrum,
    workers: int,
    reporter: Reporter,
) -> tuple[DriftCorrection | None, ...]:
    """The drift of each tilt; None for a tilt with a single frame."""
    one_at_a_time = threading.Lock()

    def of_tilt(index: int) -> DriftCorrection | None:
        found = None
        if len(frames[index]) > 1:
            found = correct_drift(
                frames[index].astype(np.float64),
                settings.slow,
                max_drift=settings.max_drift,
                jitter=settings.jitter,
                index=index,
                spectrum=spectrum,
            )
        with one_at_a_time:
            reporter.advance()
        return found

    drifts = tuple(map_threads(of_tilt, range(len(frames)), workers))
    warn_of_unseen(drifts)
    return drifts


def _mostly_still(drifts: tuple[DriftCorrection | None, ...]) -> bool:
    """Whether noise hid the drift of most tilts that have several frames."""
    seen = [item.motion != "still" for item in drifts if item is not None]
    return len(seen) > 0 and 2 * sum(seen) < len(seen)


def _window(
    name: str, drifts: tuple[DriftCorrection | None, ...], detector: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of the detector common to all frames of all tilts."""
    sides = []
    for axis, pixels in enumerate(detector):
        ranges = [(0, pixels) if item is None else item.area[axis] for item in drifts]
        first, last = max(low for low, _ in ranges), min(high for _, high in ranges)
        if last - first < LEAST_SEEN * pixels:
            worst = min(range(len(ranges)), key=lambda i: ranges[i][1] - ranges[i][0])
            low, high = ranges[worst]
            raise InputError(
                f"{name}: tilt {worst}",
                f"a drift that leaves pixels {low} to {high} of {pixels} along {'xy'[axis]}",
                "two thirds of the detector common to all frames of all tilts; leave out the tilt "
                "or some of its frames",
            )
        sides.append((int(first), int(last)))
    return sides[0], sides[1]


def _denoised(
    averaged: NDArray[np.float64],
    drifts: tuple[DriftCorrection | None, ...],
    noise: NoiseModel,
    method: Literal["bm3d", "nlm"],
    wanted: float | Literal["search"],
    progress: bool,
) -> tuple[NDArray[np.float64], float]:
    """Denoised averages, those of equal numbers of frames together, and the strength."""
    if wanted == "search":
        middle = len(averaged) // 2
        drift = drifts[middle]
        of_middle = _of_average(noise, 1 if drift is None else len(drift.shifts))
        pilot = pilot_image(averaged[middle : middle + 1], of_middle, method)
        found = search_strength(pilot, of_middle, method).strength
    else:
        found = wanted
    result = _by_frames(
        averaged,
        drifts,
        lambda some, count: denoise(some, _of_average(noise, count), found, method, progress),
    )
    return result, found


def _by_frames(
    averaged: NDArray[np.float64],
    drifts: tuple[DriftCorrection | None, ...],
    apply: Callable[[NDArray[np.float64], int], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Call ``apply`` on the averages of equal numbers of frames together, with that number."""
    counts = np.array([1 if item is None else len(item.shifts) for item in drifts])
    result = np.empty_like(averaged)
    for count in np.unique(counts):
        alike = counts == count
        result[alike] = apply(averaged[alike], int(count))
    return result


def _of_average(noise: NoiseModel, frames: int) -> NoiseModel:
    """The noise remaining in the average of a number of frames."""
    return replace(noise, gain=noise.gain / frames, read_noise=noise.read_noise / frames**0.5)


def _kept(removal: BackgroundRemoval, clear_outside: bool) -> NDArray[np.float64]:
    return np.where(removal.masks, removal.images, 0.0) if clear_outside else removal.images


def _aligned(
    images: NDArray, theta: NDArray[np.float64], chosen: PreprocessSettings, measured: NDArray
) -> Alignment:
    marker = chosen.region
    if chosen.film_particles:
        return align_by_particles(images, theta)
    if marker is None:
        return align_particle(images, theta=theta, measured=measured)
    # The marker is followed from one tilt to the next.
    order = np.argsort(theta, kind="stable")
    back = np.argsort(order)
    found = align_film(images[order], marker, measured=measured[order])
    return replace(
        found, images=found.images[back], shifts=found.shifts[back], errors=found.errors[back]
    )
