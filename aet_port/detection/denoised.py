"""Whether images were denoised or smoothed: their noise is then no longer that of their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError

MIDDLE = (0.42, 0.5)  # cycles per pixel, above the frequencies of atoms
HIGHEST = 0.6  # cycles per pixel, from which on all are averaged
SMOOTHED = 0.1  # power at the highest frequencies relative to that at middle ones, if smoothed
APART = 3  # pixels between differences that interpolated images do not relate
SIDE = 3  # differences on a side of a patch
LEVEL = 3.0  # pixels over which the signal is averaged
LEAST, LEVELS = 0.25, 4  # part of the patches with the least signal, and ranges of signal
HIGHEST_SIGNAL = 0.99  # quantile, from half of which on patches are of the sample
OUTLIER = 4.0  # relative to the mean, from which energies count alike
# Scatter of patches relative to that of independent noise, beyond chance. As measured it is 0.8 to
# 1.05, interpolated up to 1.13; denoised by BM3D 1.3 to 1.6, by non-local means 1.3 to 1.4, by the
# authors of the papers 1.7 to 1.8.
PATCHY = 1.2
ADVICE = (
    "images as measured, such as of aet preprocess --denoise none; if these are, --counts-per-unit "
    "(counts_per_unit in [detect]); for denoised ones --denoised (denoised = true), or preset = "
    "'papers'"
)


@checked
def refuse_denoised(name: str, images: NDArray, cleared: bool = False) -> float:
    """Refuse denoised or smoothed images.

    Parameters
    ----------
    name
        Of the series, for the error.
    images
        Shape (n_images, nx, ny).
    cleared
        Whether the surroundings of the sample were set to zero.

    Returns
    -------
    :func:`whiteness` of the images.

    Raises
    ------
    InputError
        If they were denoised.

    Notes
    -----
    MATLAB: none; the papers refine against denoised images
    """
    white = whiteness(images)
    if white < SMOOTHED:
        found = f"noise at the highest frequencies {white:.2g} of that at middle ones"
        raise InputError(name, f"denoised or smoothed images: {found}", ADVICE)
    scatter, patches = patchiness(images, cleared)
    # Three standard deviations of chance, since patches that share pixels are looked at besides.
    if patches and scatter > PATCHY + np.sqrt(2 / patches):
        found = f"noise of patches scatters {scatter:.2g} times as much as that of single pixels"
        raise InputError(name, f"denoised images: {found}", ADVICE)
    return white


def whiteness(images: NDArray) -> float:
    """Noise power at the highest frequencies relative to that at middle ones; 1 for white noise."""
    nx, ny = images.shape[1:]
    q = np.hypot(fft.fftfreq(nx)[:, None], fft.rfftfreq(ny)[None, :])
    window = np.outer(np.hanning(nx), np.hanning(ny))
    power = np.mean([np.abs(fft.rfft2(one * window)) ** 2 for one in images], axis=0)
    highest = float(np.median(power[q > HIGHEST]))
    middle = float(np.median(power[(q > MIDDLE[0]) & (q < MIDDLE[1])]))
    return highest / middle if middle > 0 else 1.0


def patchiness(images: NDArray, cleared: bool = False) -> tuple[float, int]:
    """How much the noise of patches scatters relative to independent noise, for which it is 1.

    Denoising leaves noise where it finds no resemblance, and takes it away elsewhere. Noise is told
    by the squares of ``I(x, y) - I(x + 1, y) - I(x, y + 1) + I(x + 1, y + 1)`` three pixels apart,
    relative to their mean at the same signal. The ratio is nine times the variance of the means of
    3 x 3 of them over the variance of single ones: 1 if they are independent.

    It is taken of the quarter of the patches with the least signal and of those with at least
    half of the highest signal, and the smaller one counts: where nothing but interpolation is
    left of a background that was subtracted, the first are patchy, and where columns of atoms are
    as sharp as pixels, the last.

    Parameters
    ----------
    images
        Shape (n_images, nx, ny).
    cleared
        Whether zeros are no measured values.

    Returns
    -------
    The ratio, with or without the squares limited to four times their mean, whichever is smaller:
    rare events and bad pixels are no patches. Number of patches that share no pixel, of those with
    little or with much signal, whichever are fewer.
    """
    every = [_noise_of_patches(image, cleared) for image in images]
    least, most = map(np.concatenate, zip(*every, strict=True))
    number = min(len(least), len(most)) // APART**2
    if not number:
        return 1.0, 0
    values = (least, most, np.minimum(least, OUTLIER), np.minimum(most, OUTLIER))
    return min(map(_scatter, values)), number


def _noise_of_patches(image: NDArray, cleared: bool) -> tuple[NDArray, NDArray]:
    """Squares (n, 9) of the patches with the least and the most signal.

    Relative to those of like signal, in each image by itself: interpolation takes away more or less
    of the noise of each.
    """
    step = image[1:, 1:] - image[:-1, 1:] - image[1:, :-1] + image[:-1, :-1]
    level = _patches(ndimage.gaussian_filter(image, LEVEL)[:-1, :-1])
    square = _patches(step**2)
    signal = level.mean(axis=1)
    if cleared:
        there = _patches(ndimage.minimum_filter(image != 0, 2, origin=-1)[:-1, :-1]).all(axis=1)
        square, level, signal = square[there], level[there], signal[there]
    if not len(square):
        return square, square
    low, high = np.quantile(signal, [LEAST, HIGHEST_SIGNAL])
    ends = (signal <= low, signal >= (signal.min() + high) / 2)
    least, most = (_relative(square[end], level[end]) for end in ends)
    return least, most


def _relative(square: NDArray, level: NDArray) -> NDArray:
    """Squares relative to the mean of those at like signal."""
    bounds = np.quantile(level, np.linspace(0, 1, LEVELS + 1)[1:-1])
    which = np.searchsorted(bounds, level)
    count = np.bincount(which.ravel(), minlength=LEVELS)
    mean = np.bincount(which.ravel(), square.ravel(), LEVELS) / np.maximum(count, 1)
    return np.where(mean[which] > 0, square / np.where(mean > 0, mean, 1)[which], 0)


def _patches(values: NDArray) -> NDArray:
    """Patches (n, 9) of every third value along both axes, from each of the nine first ones."""
    found = []
    for first in np.ndindex(APART, APART):
        some = values[first[0] :: APART, first[1] :: APART]
        nx, ny = (size // SIDE for size in some.shape)
        cut = some[: nx * SIDE, : ny * SIDE].reshape(nx, SIDE, ny, SIDE)
        found.append(cut.transpose(0, 2, 1, 3).reshape(-1, SIDE**2))
    return np.concatenate(found)


def _scatter(values: NDArray) -> float:
    single = float(values.var())
    return float(values.mean(axis=1).var()) * SIDE**2 / single if single > 0 else 1.0
