"""Gaussians of atoms on a pixel grid, drawn and read."""

from __future__ import annotations

import numpy as np
from numba import njit

HALF = 4  # pixels on either side of an atom's nearest one: its Gaussian is cut at 4e-5 of its peak
SIZE = 2 * HALF + 1
# exp(-j^2 / 2) relative to that of j - 1.
_RATIOS = np.exp(0.5 - np.arange(HALF + 1)).astype(np.float32)
_PEAK = np.float32(1 / np.sqrt(2 * np.pi))


@njit(cache=True, nogil=True)
def _line(line, offset):  # type: ignore[no-untyped-def]
    """``exp(-(j - offset)^2 / 2) / sqrt(2 pi)`` for j from -HALF to HALF."""
    middle, up = _PEAK * np.exp(np.float32(-0.5) * offset * offset), np.exp(offset)
    down = np.float32(1) / up
    right = left = middle
    line[HALF] = middle
    for j in range(1, HALF + 1):
        right *= up * _RATIOS[j]
        left *= down * _RATIOS[j]
        line[HALF + j], line[HALF - j] = right, left


@njit(cache=True, nogil=True)
def add_gaussians(layers, places, heights, kinds):  # type: ignore[no-untyped-def]
    """Add a Gaussian one pixel wide of every atom, of sum ``height``, to the layer of its kind.

    ``layers`` (n_kinds, nx, ny) is changed; ``places`` (n, 2) in pixels, ``heights`` and ``kinds``
    (n,). MATLAB: none.
    """
    nx, ny = layers.shape[1], layers.shape[2]
    along, across = np.empty(SIZE, np.float32), np.empty(SIZE, np.float32)
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        if not (HALF + 1 < x < nx - HALF - 2 and HALF + 1 < y < ny - HALF - 2):
            continue
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        _line(along, np.float32(x - column))
        _line(across, np.float32(y - row))
        height = np.float32(heights[k])
        for a in range(SIZE):
            factor = height * along[a]
            line = layers[kinds[k], column - HALF + a, row - HALF : row + HALF + 1]
            for b in range(SIZE):
                line[b] += factor * across[b]


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def read_gaussians(layers, places, kinds, found):  # type: ignore[no-untyped-def]
    """Product of an image with each atom's Gaussian, and its derivatives by the place, pixels.

    The transpose of :func:`add_gaussians`: ``layers`` and ``places`` as there, ``found`` (n, 3) is
    filled with product and derivatives. MATLAB: none.
    """
    nx, ny = layers.shape[1], layers.shape[2]
    along, across = np.empty(SIZE, np.float32), np.empty(SIZE, np.float32)
    steep = np.empty(SIZE, np.float32)
    for k in range(places.shape[0]):
        x, y = places[k, 0], places[k, 1]
        if not (HALF + 1 < x < nx - HALF - 2 and HALF + 1 < y < ny - HALF - 2):
            continue
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        _line(along, np.float32(x - column))
        _line(across, np.float32(y - row))
        first = np.float32(row - HALF - y)
        for b in range(SIZE):
            steep[b] = across[b] * (first + np.float32(b))
        first = np.float32(column - HALF - x)
        total = sum_x = sum_y = np.float32(0)
        for a in range(SIZE):
            straight = bowed = np.float32(0)
            line = layers[kinds[k], column - HALF + a, row - HALF : row + HALF + 1]
            for b in range(SIZE):
                straight += line[b] * across[b]
                bowed += line[b] * steep[b]
            straight *= along[a]
            total += straight
            sum_x += (first + np.float32(a)) * straight
            sum_y += along[a] * bowed
        found[k, 0], found[k, 1], found[k, 2] = total, sum_x, sum_y
