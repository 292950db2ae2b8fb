"""What images hold besides the atoms: a background, and what no model of atoms explains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.refinement.likelihood import Likelihood

# Cosine waves of the background of an extended sample, half periods along x and y.
WAVES = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2))
# Images whose signal exceeds their noise by the second were denoised; atoms describe real ones to
# about the first part of their signal (R1 of the published models).
MISFIT, NOISELESS = 0.2, 200.0


def background_terms(shape: tuple[int, int], extended: bool) -> NDArray[np.float32]:
    """Terms (n_terms, nx, ny) of the background.

    One constant, or low cosine waves for what lies outside the images of an extended sample.
    """
    x, y = ((np.arange(n) + 0.5) / n for n in shape)
    waves = WAVES if extended else WAVES[:1]
    return np.stack(
        [np.outer(np.cos(np.pi * i * x), np.cos(np.pi * j * y)) for i, j in waves]
    ).astype(np.float32)


def first_background(images: NDArray, terms: NDArray) -> NDArray[np.float64]:
    """What images (n_images, nx, ny) have in common with the terms; atoms take it over later."""
    table = terms.reshape(len(terms), -1).astype(np.float64)
    products = images.reshape(len(images), -1).astype(np.float64) @ table.T
    return np.asarray(np.linalg.solve(table @ table.T, products.T).T)


def first_dispersion(likelihood: Likelihood) -> float:
    """Dispersion before the first fit.

    1, or for images with hardly any noise left, as denoising leaves them, what no model of atoms
    explains of them, relative to that noise.
    """
    noise = likelihood.read_variance
    if likelihood.counting:
        noise += float(np.maximum(likelihood.images, 0).mean())
    signal = float(np.var(likelihood.images)) / noise
    return MISFIT**2 * signal if signal > NOISELESS**2 else 1.0
