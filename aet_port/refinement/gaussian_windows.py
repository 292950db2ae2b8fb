"""Gaussians of atoms sampled in a window around the nearest pixel: added and read back.

Compiled kernels of :mod:`aet_port.refinement.projector`; positions are in pixels from the centre
of an image, decays in 1/pixel^2, windows extend ``half`` pixels on each side of the nearest one.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def nearest_pixel(x):  # type: ignore[no-untyped-def]
    """Round to the nearest integer, halves away from zero as in MATLAB."""
    return int(x + 0.5) if x >= 0 else -int(0.5 - x)


@njit(cache=True, nogil=True)
def gaussian_profile(profile, decay, square, shift, half):  # type: ignore[no-untyped-def]
    """``exp(-decay (i + shift)^2)`` for ``i = -half .. half``, ``square = exp(-2 decay)``.

    The ratio of neighbours is itself a geometric series; for |shift| <= 1/2 no factor exceeds 1.
    """
    peak = np.exp(-decay * shift * shift)
    up, down = np.exp(-decay * (1 + 2 * shift)), np.exp(-decay * (1 - 2 * shift))
    right = left = peak
    profile[half] = peak
    for i in range(1, half + 1):
        right *= up
        left *= down
        up *= square
        down *= square
        profile[half + i] = right
        profile[half - i] = left


@njit(cache=True, nogil=True)
def _depth(profile, shift, half):  # type: ignore[no-untyped-def]
    """Sums of a profile times ``D^0``, ``D^1`` and ``D^2``, ``D = i + shift``."""
    s0 = s1 = s2 = 0.0
    for i in range(2 * half + 1):
        distance = i - half + shift
        s0 += profile[i]
        s1 += distance * profile[i]
        s2 += distance * distance * profile[i]
    return s0, s1, s2


@njit(cache=True, nogil=True)
def add_atoms(image, places, heights, decays, half):  # type: ignore[no-untyped-def]
    """Add the Gaussians of atoms at ``places`` (n, 3), pixels from the centre, to one image."""
    x0, y0, size = image.shape[0] // 2, image.shape[1] // 2, 2 * half + 1
    across, along = np.empty(size), np.empty(size)
    for k in range(places.shape[0]):
        square = np.exp(-2 * decays[k])
        column, row = nearest_pixel(places[k, 0]), nearest_pixel(places[k, 1])
        shift = nearest_pixel(places[k, 2]) - places[k, 2]
        gaussian_profile(across, decays[k], square, shift, half)
        height = heights[k] * _depth(across, shift, half)[0]
        gaussian_profile(across, decays[k], square, column - places[k, 0], half)
        gaussian_profile(along, decays[k], square, row - places[k, 1], half)
        for i in range(size):
            line = image[x0 + column - half + i, y0 + row - half : y0 + row + half + 1]
            factor = height * across[i]
            for j in range(size):
                line[j] += factor * along[j]


@njit(cache=True, nogil=True)
def add_slopes(image, slope, places, decay, half):  # type: ignore[no-untyped-def]
    """Add atoms of height 1 to ``image``, their derivatives with respect to decay to ``slope``."""
    x0, y0, size = image.shape[0] // 2, image.shape[1] // 2, 2 * half + 1
    across, along = np.empty(size), np.empty(size)
    square = np.exp(-2 * decay)
    for k in range(places.shape[0]):
        column, row = nearest_pixel(places[k, 0]), nearest_pixel(places[k, 1])
        shift = nearest_pixel(places[k, 2]) - places[k, 2]
        gaussian_profile(across, decay, square, shift, half)
        s0, _, s2 = _depth(across, shift, half)
        x_shift, y_shift = column - places[k, 0], row - places[k, 1]
        gaussian_profile(across, decay, square, x_shift, half)
        gaussian_profile(along, decay, square, y_shift, half)
        for i in range(size):
            x = x0 + column - half + i
            for j in range(size):
                y = y0 + row - half + j
                value = across[i] * along[j]
                distance = (i - half + x_shift) ** 2 + (j - half + y_shift) ** 2
                image[x, y] += value * s0
                slope[x, y] -= value * (distance * s0 + s2)


@njit(cache=True, nogil=True)
def read_atoms(image, places, decays, rotation, half, sums):  # type: ignore[no-untyped-def]
    """Add products of an image with Gaussians ``g`` of height 1 to ``sums`` (n, 5).

    These are the products with ``g``, ``D^2 g`` and ``D g``, where ``D`` is the distance from the
    atom in pixels along the axes of the object.
    """
    x0, y0, size = image.shape[0] // 2, image.shape[1] // 2, 2 * half + 1
    across, along = np.empty(size), np.empty(size)
    once, twice = np.empty(size), np.empty(size)
    for k in range(places.shape[0]):
        square = np.exp(-2 * decays[k])
        column, row = nearest_pixel(places[k, 0]), nearest_pixel(places[k, 1])
        shift = nearest_pixel(places[k, 2]) - places[k, 2]
        gaussian_profile(across, decays[k], square, shift, half)
        s0, s1, s2 = _depth(across, shift, half)
        shift = row - places[k, 1]
        gaussian_profile(along, decays[k], square, shift, half)
        for j in range(size):
            distance = j - half + shift
            once[j] = along[j] * distance
            twice[j] = once[j] * distance
        shift = column - places[k, 0]
        gaussian_profile(across, decays[k], square, shift, half)
        flat = x = y = square_sum = 0.0
        for i in range(size):
            line = image[x0 + column - half + i, y0 + row - half : y0 + row + half + 1]
            t0 = t1 = t2 = 0.0
            for j in range(size):
                value = line[j]
                t0 += along[j] * value
                t1 += once[j] * value
                t2 += twice[j] * value
            distance = i - half + shift
            flat += across[i] * t0
            x += across[i] * distance * t0
            y += across[i] * t1
            square_sum += across[i] * (distance * distance * t0 + t2)
        x, y, z = x * s0, y * s0, flat * s1
        sums[k, 0] += flat * s0
        sums[k, 1] += square_sum * s0 + flat * s2
        for axis in range(3):
            sums[k, 2 + axis] += (
                rotation[0, axis] * x + rotation[1, axis] * y + rotation[2, axis] * z
            )
