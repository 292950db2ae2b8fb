"""Noise of images as given or as found in them, and images drawn with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.image_shift import measure_shift, shift_images
from aet_port.core.white_noise import DIFFERENCES, sixth_differences
from aet_port.preprocessing.noise import NoiseModel, noise_of_line, simulate_noise
from aet_port.preprocessing.spectra import taper
from aet_port.validation.settings import StabilitySettings

EDGE = 7  # pixels whose differences reach beyond the image
ZOOM = 20  # steps per pixel of the shift
SMOOTH = 2.0  # pixels


@dataclass(frozen=True)
class ImageNoise:
    """Noise of counted electrons, or of one strength everywhere.

    Attributes
    ----------
    counted
        Gain and readout noise; None if the noise does not depend on the signal.
    constant
        Variance of a pixel, if the noise is of one strength.
    electrons
        Mean number of electrons of a pixel; NaN if not known.
    """

    counted: NoiseModel | None
    constant: float
    electrons: float

    def variance(self, signal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of pixels of a noise-free signal."""
        if self.counted is None:
            return np.full(signal.shape, self.constant)
        return self.counted.variance(signal)

    @property
    def least(self) -> float:
        """Variance of a quarter of an electron, by which differences are divided at least."""
        return 0.0 if self.counted is None else 0.25 * self.counted.gain**2

    def draw(self, signal: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """The signal with noise."""
        if self.counted is None:
            return signal + rng.normal(0, np.sqrt(self.constant), signal.shape)
        return simulate_noise(signal, self.counted, rng)

    def summary(self, pixel_size: float) -> dict[str, Any]:
        """Gain, readout noise and dose, or the variance."""
        if self.counted is None:
            return {"noise": "of one strength", "variance": self.constant}
        return {
            "noise": "of counts",
            "gain": self.counted.gain,
            "read_noise": self.counted.read_noise,
            "electrons_per_pixel": self.electrons,
            "dose": self.electrons / pixel_size**2,
        }


def find_noise(images: NDArray[np.float64], settings: StabilitySettings) -> ImageNoise:
    """Noise of images of one view: as given, else from their differences, else of one strength.

    Each image is laid on the one before and subtracted, so that what both show vanishes, and the
    sixth differences of what is left hardly contain a change of the atoms either. Their squares
    grow with the signal by the gain; without a significant slope the noise is of one strength.

    Parameters
    ----------
    images
        Shape (n, nx, ny), two or more.
    settings
        Gain and readout noise, if given.

    Raises
    ------
    InputError
        For images without noise.
    """
    offset = settings.dark_level
    if settings.gain is not None:
        counted = NoiseModel(settings.gain, settings.read_noise, offset)
    else:
        columns, factors = [], []
        for first, second in pairwise(images):
            table, factor = _differences(first, second)
            columns.append(table)
            factors.append(factor)
        whole = np.concatenate(columns, axis=1)
        try:
            counted = noise_of_line(whole, offset)
        except InputError:
            constant = float(whole[0].mean() * np.mean(factors))
            if not constant > 0:
                raise InputError("images", "no noise", "images as measured, or --gain") from None
            return ImageNoise(None, constant, float("nan"))
        read_noise = counted.read_noise * np.sqrt(np.mean(factors))
        counted = NoiseModel(counted.gain, float(read_noise), offset)
    return ImageNoise(counted, 0.0, float(np.mean(images) - offset) / counted.gain)


def laid_on(
    first: NDArray[np.float64], second: NDArray[np.float64], zoom: int, border: int, overlap: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[slice, ...]]:
    """Shift an image onto another one of the same view.

    Parameters
    ----------
    first, second
        Shape (nx, ny).
    zoom
        Steps per pixel of the search for the shift.
    border
        Pixels to leave out beside those that are shifted in.
    overlap
        Fewest pixels along a side that have to be left.

    Returns
    -------
    The second image where the first one is, its displacement in pixels, and the part that both
    share.

    Raises
    ------
    InputError
        If less is left.
    """
    shape = (first.shape[0], first.shape[1])
    window = taper(shape)
    there, here = ((one - one.mean()) * window for one in (second, first))
    shift = measure_shift(there, here, zoom)
    moved = shift_images(second[np.newaxis], -shift[np.newaxis])[0]
    lost = np.ceil(np.abs(shift)).astype(int) + border
    if min(n - 2 * k for k, n in zip(lost, shape, strict=True)) < overlap:
        found = f"a shift of {shift[0]:.1f}, {shift[1]:.1f} pixels"
        raise InputError("images", found, f"an overlap of {overlap} pixels or more")
    return moved, shift, tuple(slice(k, n - k) for k, n in zip(lost, shape, strict=True))


def _differences(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Squared fine differences, the signal there and around, (3, pixels); factor of a constant.

    With the second image ``k`` times as bright, counts contribute ``1 + 1 / k`` to the variance of
    the difference, which is divided out, and a constant ``1 + 1 / k^2``.
    """
    moved, _, inner = laid_on(first, second, ZOOM, EDGE, 2 * EDGE)
    # Smoothed, so that noise adds little to either.
    one, other = (ndimage.gaussian_filter(a[inner], SMOOTH) for a in (first, moved))
    k = float(other.std() / one.std())
    offset = float(other.mean() - k * one.mean())
    fitted = (moved - offset) / k
    detail = sixth_differences(first - fitted) ** 2 / (1 + 1 / k)
    common = 0.5 * (first + fitted)
    level = common
    for axis in (0, 1):
        level = ndimage.correlate1d(level, DIFFERENCES**2, axis, mode="mirror")
    around = 13**2 * ndimage.uniform_filter(common, 13) - 7**2 * ndimage.uniform_filter(common, 7)
    table = np.stack([a[inner].ravel() for a in (detail, level, around / (13**2 - 7**2))])
    return table, (1 + 1 / k) / (1 + 1 / k**2)
