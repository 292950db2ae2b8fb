"""Two images of one view laid on each other: shift, scale, and the difference in noise units."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from aet_port.core.errors import InputError
from aet_port.preprocessing.spectra import both_halves, taper
from aet_port.validation.image_noise import ImageNoise, laid_on
from aet_port.validation.settings import StabilitySettings

Image = NDArray[np.float64]
ZOOM = 50  # steps per pixel of the search for the shift
BORDER = 4  # pixels beside those that were shifted in, where images are mirrored
OVERLAP = 16  # fewest pixels along a side that both images share
ATOMS_END, NOISE_BEGINS = 0.35, 0.40  # cycles per pixel
LEVEL = 1.0  # pixels, smoothing of the signal of which the noise's strength is calculated


@dataclass(frozen=True)
class PairMeasures:
    """What is measured between two images.

    Attributes
    ----------
    shift_x, shift_y
        Displacement of the second image, angstrom.
    scale, offset
        The second image is ``scale * first + offset``.
    correlation
        Pearson's coefficient of the images laid on each other.
    r_factor
        ``sum |second - first| / sum |first|``, the second on the scale of the first.
    chi_square
        Mean power of difference over noise at the frequencies of atoms; 1 for noise alone.
    deviation
        Largest absolute difference over noise, smoothed by the width of an atom.
    x, y
        Where that is, angstrom from the centre of the first image.
    white
        Mean power of difference over noise at frequencies without atoms.
    """

    shift_x: float
    shift_y: float
    scale: float
    offset: float
    correlation: float
    r_factor: float
    chi_square: float
    deviation: float
    x: float
    y: float
    white: float

    def values(self) -> tuple[float, ...]:
        """All of them in this order."""
        return astuple(self)


def compare_pair(
    first: Image, second: Image, pixel_size: float, noise: ImageNoise, settings: StabilitySettings
) -> tuple[PairMeasures, Image, Image]:
    """Lay an image on another and compare them.

    Parameters
    ----------
    first, second
        Shape (nx, ny).
    pixel_size
        Angstrom.
    noise
        Of both images.
    settings
        Width of an atom, and highest frequency at which atoms show.

    Returns
    -------
    The measures; the smoothed deviations in standard deviations, and the mean of both images on the
    scale of the first, shape (nx, ny) both; the former is zero where the images do not overlap.

    Raises
    ------
    InputError
        If the images hardly overlap, or don't correlate.
    """
    shape = (first.shape[0], first.shape[1])
    moved, shift, inner = laid_on(first, second, ZOOM, BORDER, OVERLAP)
    scale, offset = _regression(first[inner], moved[inner], noise)
    fitted = (moved - offset) / scale
    common = 0.5 * (first + fitted)
    level = ndimage.gaussian_filter(common, LEVEL)
    variance = noise.variance(level) + noise.variance(scale * level + offset) / scale**2
    least = noise.least * (1 + 1 / scale**2)
    ratio = ((fitted - first) / np.sqrt(np.maximum(variance, least)))[inner]
    # Where hardly an electron arrives, noise is weaker than what it is divided by.
    strength = np.minimum(variance / max(least, 1e-300), 1.0)[inner] if least else np.ones(1)
    chi, white = _powers(ratio - ratio.mean(), strength, pixel_size, settings)
    smooth = _smoothed(ratio, settings.width / pixel_size)
    deviations = np.zeros(shape)
    deviations[inner] = smooth
    place = np.unravel_index(int(np.argmax(np.abs(deviations))), shape)
    x, y = (float((p - n // 2) * pixel_size) for p, n in zip(place, shape, strict=True))
    one, other = first[inner], fitted[inner]
    measures = PairMeasures(
        float(shift[0] * pixel_size),
        float(shift[1] * pixel_size),
        scale,
        offset,
        float(np.corrcoef(one.ravel(), other.ravel())[0, 1]),
        float(np.abs(other - one).sum() / np.abs(one).sum()),
        chi,
        float(np.abs(smooth).max()),
        x,
        y,
        white,
    )
    return measures, deviations, common


def signal_of(image: Image, pixel_size: float, settings: StabilitySettings) -> Image:
    """What an image shows besides white noise, with the power that it has in each ring.

    Frequencies are multiplied by ``sqrt(1 - N / P)``, ``P`` the power of their ring and ``N`` that
    of the noise, found beyond the atoms: noise that remained would be structure common to all
    simulated images, and make them agree better than images do.
    """
    shape = (image.shape[0], image.shape[1])
    edge = max(shape) // 8
    wide = np.pad(image, edge, mode="symmetric")
    spectrum = fft.rfft2(wide)
    away = np.hypot(fft.fftfreq(wide.shape[0])[:, None], fft.rfftfreq(wide.shape[1]))
    ring = np.rint(away * min(shape)).astype(int)
    both, power = both_halves(wide.shape), np.abs(spectrum) ** 2
    mean = np.bincount(ring.ravel(), (both * power).ravel()) / np.bincount(
        ring.ravel(), both.ravel()
    )
    beyond = both * ((away >= NOISE_BEGINS) & (away <= 0.5))
    noise = float(np.sum(beyond * power) / beyond.sum())
    gain = np.sqrt(np.clip(1 - noise / np.maximum(mean, 1e-300), 0, 1))
    spectrum *= gain[ring] * (away <= _band_end(pixel_size, settings))
    return np.asarray(fft.irfft2(spectrum, s=wide.shape)[edge:-edge, edge:-edge])


def _band_end(pixel_size: float, settings: StabilitySettings) -> float:
    """Cycles per pixel."""
    return min(settings.highest * pixel_size, ATOMS_END)


def _regression(first: Image, second: Image, noise: ImageNoise) -> tuple[float, float]:
    """Deming's regression of two images with noise: slope and intercept."""
    a, b = first - first.mean(), second - second.mean()
    ratio = float(noise.variance(second).mean() / noise.variance(first).mean())
    xx, yy, xy = (float(np.mean(p)) for p in (a * a, b * b, a * b))
    if not xy > 0:
        raise InputError("images", "two that do not correlate", "images of one view")
    lead = yy - ratio * xx
    slope = (lead + np.sqrt(lead**2 + 4 * ratio * xy**2)) / (2 * xy)
    return float(slope), float(second.mean() - slope * first.mean())


def _powers(
    ratio: Image, strength: Image, pixel_size: float, settings: StabilitySettings
) -> tuple[float, float]:
    """Mean power at the frequencies of atoms and beyond; 1 for noise of the variance expected."""
    shape = (ratio.shape[0], ratio.shape[1])
    window = taper(shape)
    power = np.abs(fft.rfft2(ratio * window)) ** 2 / np.sum(strength * window**2)
    away = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1]))
    both = both_halves(shape)
    # The lowest frequencies are those of scale, offset and background.
    inside = both * ((away > 1.5 / min(shape)) & (away <= _band_end(pixel_size, settings)))
    beyond = both * ((away >= NOISE_BEGINS) & (away <= 0.5))
    return tuple(float(np.sum(part * power) / part.sum()) for part in (inside, beyond))  # type: ignore[return-value]


def _smoothed(ratio: Image, sigma: float) -> Image:
    """White noise of variance 1 smoothed and scaled to variance 1 again."""
    width = max(sigma, 0.5)
    point = np.zeros((2 * int(4 * width) + 3,) * 2)
    point[point.shape[0] // 2, point.shape[1] // 2] = 1
    norm = np.sqrt(np.sum(ndimage.gaussian_filter(point, width, mode="constant") ** 2))
    return np.asarray(ndimage.gaussian_filter(ratio, width) / norm)
