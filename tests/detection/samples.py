"""Small samples, images and likelihoods for the tests of the detection."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.scattering import scattering_factor
from aet_port.refinement.likelihood import Atoms, Likelihood, Views
from aet_port.simulation import amorphous_particle, simulate_tilt_series

PIXEL = 0.5  # angstrom
FINE = 0.4  # that of whole series
SHAPE = (44, 40)
ANGLES = np.array([[0.0, theta, 0.0] for theta in range(-66, 67, 6)])


@cache
def particle(n: int = 40) -> AtomicModel:
    return amorphous_particle(n, "Ta", seed=2)


@cache
def ta_series(n: int = 40, dose: float = 8e5) -> TiltSeries:
    return simulate_tilt_series(particle(n), ANGLES, FINE, (56, 56), dose, seed=1)


def electrons_per_unit(dose: float) -> float:
    """Incident electrons per pixel and image of :func:`ta_series`."""
    return dose / len(ANGLES) * FINE**2


def likelihood(
    images: NDArray,
    counting: bool = True,
    read_variance: float = 1.0,
    threads: int = 1,
    b: float = 6.0,
    pixel: float = PIXEL,
) -> Likelihood:
    """Images with a flat background term and the profile of Ta."""
    terms = np.ones((1, *images.shape[1:]))
    made = Likelihood(images, pixel, read_variance, counting, terms, threads)
    made.use_profiles([profile(made.q, b)])
    return made


def profile(q: NDArray, b: float = 6.0, symbol: str = "Ta") -> NDArray[np.float64]:
    return np.asarray(
        np.exp(-b * q * q) * scattering_factor(q, symbol) / scattering_factor(0.0, symbol)
    )


def flat_views(angles: NDArray = ANGLES, level: float = 4.0) -> Views:
    n = len(angles)
    return Views(np.array(angles), np.zeros((n, 2)), np.full((n, 1), level), np.zeros(2))


def atoms_at(positions: NDArray, height: float = 200.0) -> Atoms:
    places = np.asarray(positions, dtype=np.float64)
    return Atoms(places, np.full(len(places), height), np.zeros(len(places), np.int64))
