"""Likelihood of the pixels of an image, and the weights that follow from it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEAST = 0.05  # electrons below which the expectation of a pixel is not taken


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def pixel_cost(expected, measured, variance, counting):  # type: ignore[no-untyped-def]
    """Cost of one image; its derivative by the expected pixels replaces them.

    The costs are those of :class:`~aet_port.refinement.likelihood.Likelihood`; ``expected`` and
    ``measured`` (nx, ny) in electrons, ``variance`` of the read noise in square electrons.
    """
    total = 0.0
    for i in range(expected.shape[0]):
        for j in range(expected.shape[1]):
            if counting:
                m = max(max(expected[i, j], 0.0) + variance, LEAST)
                d = measured[i, j] + variance
                # Read noise makes some of them negative; without them the fit would be biased.
                total += m - d * np.log(m)
                if d > 0:
                    total += d * np.log(d) - d
                expected[i, j] = 1 - d / m
            else:
                e = expected[i, j] - measured[i, j]
                total += 0.5 * e * e / variance
                expected[i, j] = e / variance
    return total


def pixel_weights(
    expected: NDArray[np.float32], variance: float, counting: bool
) -> NDArray[np.float32]:
    """Inverse noise variance of each pixel.

    Parameters
    ----------
    expected
        Shape (..., nx, ny): expected electrons.
    variance
        Variance of the read noise, square electrons.
    counting
        Whether the noise includes that of counting electrons.

    Returns
    -------
    Shape of ``expected``, inverse square electrons.
    """
    if not counting:
        return np.full_like(expected, 1 / variance)
    total = np.maximum(expected, 0) + np.float32(variance)
    return np.asarray(1 / np.maximum(total, np.float32(LEAST)), np.float32)
