"""Surroundings of the sample that were set to zero, and what interpolation left of the zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.white_noise import sixth_differences
from aet_port.detection.denoised import LEVEL

CORNER = 0.08  # side of a corner relative to the image
ZEROS = 0.9  # part of the pixels of the corners that are zero, if these were cleared
REMAINS = 0.05  # spread of what is left in the corners relative to the noise on the sample
LARGEST = 0.15  # the same of what is left near the sample
UNEQUAL = 3.0  # ratio of the spreads of corners that noise does not have; remains have 10 to 60


def corners(images: NDArray) -> list[NDArray]:
    """The four corners of the images, each of shape (n, x, y)."""
    x, y = (max(4, round(CORNER * side)) for side in images.shape[1:])
    return [images[:, a, b] for a in _ends(x) for b in _ends(y)]


def _ends(width: int) -> tuple[slice, slice]:
    return slice(0, width), slice(-width, None)


def is_cleared(images: NDArray) -> bool:
    """Whether the surroundings are zero, though a background was subtracted.

    Parameters
    ----------
    images
        Shape (n, x, y), as :func:`without_remains` returns them.

    Returns
    -------
    False where electrons were counted: there are zeros, but no negative values.
    """
    zero = np.concatenate(corners(images), axis=None) == 0
    return float(images.min()) < 0 and float(zero.mean()) > ZEROS


def without_remains(images: NDArray) -> NDArray:
    """The images, with zeros where the surroundings of the sample had been zero.

    Images that are shifted or turned after their surroundings were set to zero have values there
    that are far smaller than any noise, and unequal from corner to corner. Taken for the vacuum,
    they would make a read noise of nearly zero.

    Parameters
    ----------
    images
        Shape (n, x, y).

    Returns
    -------
    The same array, if there are no such remains.

    Notes
    -----
    MATLAB: none
    """
    spread = np.concatenate([part.std(axis=(1, 2)) for part in corners(images)])
    low, high = np.quantile(spread, [0.1, 0.9])
    if high == 0 or high < UNEQUAL * low:
        return images
    noise = _noise_on_sample(images)
    if high > REMAINS * noise:
        return images
    # One small value can be chance, nine together are not.
    large = ndimage.maximum_filter(np.abs(images), (1, 3, 3)) > LARGEST * noise
    return np.where(large, images, 0)


def _noise_on_sample(images: NDArray) -> float:
    """Standard deviation of the noise where the signal is more than half of the largest."""
    level = ndimage.gaussian_filter(images, (0, LEVEL, LEVEL))
    there = level > 0.5 * level.max(axis=(1, 2), keepdims=True)
    return 1.4826 * float(np.median(np.abs(sixth_differences(images)[there])))
