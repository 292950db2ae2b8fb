"""Error of each preprocessing step for simulated frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.image_shift import shift_images
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.preprocessing.outcome import Preprocessed
from aet_port.simulation.raw_frames import RawFrames


@dataclass(frozen=True)
class StepErrors:
    """Error of each preprocessing step, from comparison with the true parameters of the frames.

    Parameters
    ----------
    drift
        Rms error over frames, x and y, of the displacement of the middle of a frame, pixels.
    drift_rate
        Rms error of the drift rate over tilts, x and y, pixels per frame.
    shear, scale
        Largest error of the two shears, and error of the scale, fractions: for the correction by
        the preprocessing combined with that found by the refinement of the model.
    preprocessed_shear
        The error of the shear for the correction by the preprocessing alone.
    background
        Mean error inside the mask, largest over the tilts, as a fraction of the largest value of
        the clean images.
    alignment
        Rms over tilts, x and y, of displacements that are not due to a common displacement of the
        sample, pixels.
    gain
        Relative error of the gain of the noise; NaN if it was not estimated.
    """

    drift: float
    drift_rate: float
    shear: float
    scale: float
    preprocessed_shear: float
    background: float
    alignment: float
    gain: float


def step_errors(
    raw: RawFrames, done: Preprocessed, left: ScanDistortion | None = None
) -> StepErrors:
    """Compare each preprocessing step with the true parameters of the frames.

    The displacements to be corrected by alignment are defined up to one of the whole sample,
    ``x cos(theta) + z sin(theta)`` along x and ``y`` along y, which is fitted.

    Parameters
    ----------
    raw
        The frames with their true parameters.
    done
        Result of the preprocessing, without rotation of the tilt axis if ``left`` is given.
    left
        Distortion that a refinement found in the clean series; none unless given.
    """
    drifts = [item for item in done.drifts if item is not None]
    moved = np.stack([item.shifts for item in drifts]) - raw.frame_shifts
    rates = np.stack([item.rate for item in drifts]) - raw.rates
    whole = done.distortion if left is None else done.distortion.then(left)
    return StepErrors(
        drift=_rms(moved),
        drift_rate=_rms(rates),
        shear=shear_error(raw.settings.matrix, whole),
        scale=float(abs(whole.scale - raw.settings.matrix[1, 1])),
        preprocessed_shear=shear_error(raw.settings.matrix, done.distortion),
        background=_background_error(raw, done),
        alignment=_rms(_unexplained(done.alignment.shifts + raw.shifts, raw.angles[:, 1])),
        gain=_gain_error(raw, done),
    )


def shear_error(true: NDArray[np.float64], found: ScanDistortion) -> float:
    """The larger error of the two shears, for the true scan matrix (2, 2); a fraction."""
    wrong = np.abs(found.matrix - true)
    return float(max(wrong[0, 1], wrong[1, 0]))


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _unexplained(shifts: NDArray, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = np.radians(theta)
    basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    place = np.linalg.lstsq(basis, shifts[:, 0], rcond=None)[0]
    return np.stack([shifts[:, 0] - basis @ place, shifts[:, 1] - shifts[:, 1].mean()], axis=1)


def _background_error(raw: RawFrames, done: Preprocessed) -> float:
    if done.removal is None:
        return float(np.nan)
    (left, right), (low, high) = done.window
    true = shift_images(raw.backgrounds, raw.shifts)[:, left:right, low:high]
    wrong = done.removal.backgrounds - true
    means = [image[mask].mean() for image, mask in zip(wrong, done.removal.masks, strict=True)]
    return float(np.abs(means).max() / raw.clean.max())


def _gain_error(raw: RawFrames, done: Preprocessed) -> float:
    dose = raw.settings.dose
    if done.noise is None or not dose:
        return float(np.nan)
    n_images = raw.frames.shape[0] * raw.frames.shape[1]
    return float(done.noise.gain * dose / n_images * raw.pixel_size**2 - 1)
