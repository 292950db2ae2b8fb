"""The noise of images, from differences of neighbouring pixels in which the sample vanishes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Sixth differences along both axes: smooth images vanish, white noise keeps its variance.
DIFFERENCES = np.array([1.0, -6.0, 15.0, -20.0, 15.0, -6.0, 1.0]) / np.sqrt(924.0)


def sixth_differences(images: NDArray) -> NDArray[np.float64]:
    """Sixth differences of images along x and y, ``sum_ab h_a h_b z_ab`` with ``sum h^2 = 1``.

    Parameters
    ----------
    images
        Shape (..., nx, ny), the borders mirrored.

    Returns
    -------
    The same shape. Where atoms are several pixels wide only noise is left, with its variance if it
    is white; of noise that was smoothed or interpolated less.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 2, (256, 256))
    >>> slope = np.arange(256.0)[:, None]
    >>> round(float(sixth_differences(noise + slope)[7:-7, 7:-7].std()), 1)
    2.0
    """
    detail = np.asarray(images, dtype=np.float64)
    for axis in (-2, -1):
        detail = ndimage.correlate1d(detail, DIFFERENCES, axis, mode="mirror")
    return detail
