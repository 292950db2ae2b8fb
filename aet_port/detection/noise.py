"""Noise of the images as the fit needs it: electrons per unit, read noise, background level."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.white_noise import sixth_differences
from aet_port.detection.cleared import corners, is_cleared, without_remains
from aet_port.detection.denoised import LEVEL, refuse_denoised
from aet_port.detection.settings import DetectSettings
from aet_port.preprocessing.noise import NoiseModel, estimate_noise, noise_of_line
from aet_port.preprocessing.series_background import border_of, fills_images

DARK = 0.75  # noise of the vacuum relative to that of as many electrons, below which it is dark
ENOUGH = 200  # pixels of a corner for the level of an image
BAND = (0.36, 0.46)  # cycles per pixel, of the noise of interpolated images
CLEAN = 1000.0  # signal relative to the noise that denoised images are taken to have at first
WHITE = 0.5  # power at the highest frequencies relative to that at middle ones, if as measured


@dataclass(frozen=True)
class ImageNoise:
    """How the values of the images become electrons, and their noise.

    Attributes
    ----------
    unit
        Value of one electron, or, without counting noise, of one standard deviation.
    read_noise
        Standard deviation of the noise in an empty pixel, in these units.
    counting
        Whether the variance increases with the signal.
    levels
        Shape (n_images,): background at the border of each image, electrons per pixel.
    extended
        Whether the sample reaches beyond the images.
    source
        Where unit and read noise come from.
    offset
        Value of an image without electrons: the dark level, if it was not subtracted.
    cleared
        Whether the surroundings of the sample were set to zero after a background was subtracted.
    """

    unit: float
    read_noise: float
    counting: bool
    levels: NDArray[np.float64]
    extended: bool
    source: str
    offset: float = 0.0
    cleared: bool = False

    def electrons(self, images: NDArray) -> NDArray[np.float32]:
        """The images, shape (n, nx, ny), in electrons; cleared surroundings are zero."""
        shown = without_remains(images) if self.cleared else images
        return ((shown - self.offset) / self.unit).astype(np.float32)

    def summary(self) -> dict[str, object]:
        """The noise as plain numbers."""
        return {
            "counts_per_unit": 1 / self.unit if self.counting else None,
            "noise_in_units": self.read_noise * self.unit,
            "read_noise_electrons": self.read_noise if self.counting else None,
            "background_electrons": float(self.levels.mean()),
            "dark_level": self.offset,
            "extended": self.extended,
            "source": self.source,
        }


@checked
def image_noise(images: NDArray, settings: DetectSettings, name: str = "images") -> ImageNoise:
    """Noise of a tilt series, as given or estimated from its images.

    Without given counts, the variance of sixth differences is compared with the mean around them
    (:func:`aet_port.preprocessing.noise.estimate_noise`); if it does not increase with the signal,
    the noise is taken as the same everywhere, as in phase images. Vacuum with less noise than as
    many electrons as its level would have lies on a dark level, which is taken off. Denoised images
    are given next to no noise, so that the search takes its residuals instead.

    Parameters
    ----------
    images
        Shape (n_images, nx, ny).
    settings
        ``counts_per_unit``, ``read_noise``, ``extended`` and ``denoised``.
    name
        Name of the series, for errors.

    Returns
    -------
    The noise.

    Raises
    ------
    InputError
        For denoised images that are not said to be, images without noise or contrast, a read noise
        without counts per unit, or counts of denoised images.
    """
    stack = without_remains(np.asarray(images, dtype=np.float64))
    # What was cleared around a sample whose background was subtracted has no noise any more.
    cleared = is_cleared(stack)
    if settings.denoised:
        if settings.counts_per_unit is not None:
            raise InputError("counts_per_unit", "one for denoised images", "only one of them")
        unit, read, counting, source = float(stack.std()) / CLEAN, 1.0, False, "residuals"
        if not unit > 0:
            raise InputError(name, "the same value everywhere", "images of a sample")
    elif settings.counts_per_unit is not None:
        unit, counting, source = 1 / settings.counts_per_unit, True, "given"
        read = 1.0 if settings.read_noise is None else settings.read_noise
    else:
        if settings.read_noise is not None:
            found = f"{settings.read_noise:g} electrons without counts_per_unit"
            raise InputError("read_noise", found, "both, or neither")
        white = refuse_denoised(name, stack, cleared)
        measured = stack != 0 if cleared else None
        unit, read, counting = _estimated(stack, measured, white > WHITE, name)
        source = "variance against mean of the images" if counting else "noise of the images"
    levels, extended, vacuum = _surroundings(stack, settings.extended)
    offset = 0.0
    if settings.counts_per_unit is None and counting and not extended and not cleared:
        # Vacuum tells the read noise better than the line of variance against mean.
        level, variance = max(vacuum[0], 0.0), vacuum[1]
        if variance < DARK * unit * level:
            # Far less noise than so many electrons have: most of the level is no electrons.
            offset = level - variance / unit
        elif variance < unit * level:
            unit = variance / level  # counting alone would exceed the noise of the vacuum
        read = float(np.sqrt(max(variance - unit * (level - offset), 0.0))) / unit
    return ImageNoise(
        unit, read, counting, (levels - offset) / unit, extended, source, offset, cleared
    )


def _estimated(
    stack: NDArray, measured: NDArray | None, white: bool, name: str
) -> tuple[float, float, bool]:
    """Unit and read noise of the images, and whether they count electrons.

    Parameters
    ----------
    measured
        Shape of the images: which pixels were measured; None for all.
    white
        Whether the noise was not interpolated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # saturated pixels are named by the readers
            if white and measured is None:
                found = estimate_noise(stack)
            else:
                found = _noise_around(stack, measured, white)
    except InputError:
        detail = sixth_differences(stack)[:, 7:-7, 7:-7]
        if measured is not None:
            detail = detail[_far_inside(measured, 7)[:, 7:-7, 7:-7]]
        spread = float(1.4826 * np.median(np.abs(detail))) if detail.size else 0.0
        if not spread > 0:
            raise InputError(
                name, "no noise at all", "images as measured, or counts_per_unit"
            ) from None
        return spread, 1.0, False
    return found.gain, found.read_noise / found.gain, True


def _noise_around(stack: NDArray, measured: NDArray | None, white: bool) -> NoiseModel:
    """Variance against mean of images that were interpolated, or cleared around the sample.

    Interpolation takes away the highest frequencies. Of such images the variance of a band in which
    it leaves most of the noise and atoms have little, relative to the width of the band, is
    compared with the smoothed image; of others that of sixth differences.
    """
    # As far as differences, or the ringing of the band, carry what was not measured.
    spread, width = (sixth_differences(stack) ** 2, 7) if white else (_variance_in_band(stack), 13)
    level = ndimage.gaussian_filter(stack, (0, LEVEL, LEVEL))
    good = np.full(stack.shape, True) if measured is None else _far_inside(measured, width)
    return noise_of_line(np.stack([spread[good], level[good], level[good]]), 0.0)


def _variance_in_band(stack: NDArray) -> NDArray[np.float64]:
    """Square of each pixel (n, nx, ny) within :data:`BAND`, relative to the width of the band."""
    nx, ny = stack.shape[1:]
    q = np.hypot(fft.fftfreq(nx)[:, None], fft.rfftfreq(ny)[None, :])
    band = (q > BAND[0]) & (q < BAND[1])
    whole = np.hypot(fft.fftfreq(nx)[:, None], fft.fftfreq(ny)[None, :])
    part = float(np.mean((whole > BAND[0]) & (whole < BAND[1])))
    filtered = [fft.irfft2(np.where(band, fft.rfft2(image), 0), (nx, ny)) for image in stack]
    return np.stack(filtered) ** 2 / part


def _far_inside(measured: NDArray, width: int) -> NDArray:
    """Pixels (n, nx, ny) in the middle of a square of this width that was all measured."""
    return ndimage.binary_erosion(measured, np.ones((1, width, width)), border_value=1)


def _surroundings(
    stack: NDArray, extended: bool | None
) -> tuple[NDArray, bool, tuple[float, float]]:
    """Level of each image, whether the sample reaches beyond; mean and variance of the vacuum."""
    if extended is None:
        extended = fills_images(stack)
    if extended:
        return np.zeros(len(stack)), True, (0.0, 0.0)
    every = corners(stack)
    if every[0][0].size >= ENOUGH:
        # The least likely to hold part of a particle, and the tails of its atoms.
        level = np.sort([corner.mean(axis=(1, 2)) for corner in every], axis=0)[1]
    else:
        # The mean is exact for few electrons, the median safe from what lies on the border.
        frame = border_of(stack.shape[1:])
        border, mean = np.median(stack[:, frame], axis=1), stack[:, frame].mean(axis=1)
        sane = np.abs(mean - border) < stack[:, frame].std(axis=1)
        level = np.where(sane, mean, border)
    corner = sorted(every, key=np.mean)[1]
    return level, False, (float(corner.mean()), float(corner.var(axis=(1, 2), ddof=1).mean()))
