"""A small particle of three species and its simulated projections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.simulation import amorphous_particle
from aet_port.simulation.linear import project_atoms, tilt_angles

PIXEL = 0.4
HEIGHTS = {"Co": 1.0, "Pd": 1.6, "Pt": 3.0}
B_FACTORS = {"Co": 9.0, "Pd": 11.0, "Pt": 12.5}


def true_particle(n_atoms: int, seed: int = 0) -> AtomicModel:
    rng = np.random.default_rng(seed)
    positions = amorphous_particle(n_atoms, "Pd", seed=seed).positions
    return AtomicModel.from_positions(
        positions, rng.choice(list(HEIGHTS), n_atoms, p=[0.43, 0.38, 0.19]).tolist()
    )


def particle_series(model: AtomicModel, n_images: int = 0, noise: float = 0.0) -> TiltSeries:
    """Its images by the simulation's own projector, with noise in parts of the largest value."""
    angles = tilt_angles("glass", offset=0.4)
    if n_images:
        angles = angles[np.linspace(0, len(angles) - 1, n_images).astype(int)]
    reach = 2 * np.abs(model.positions).max() / PIXEL
    # Unequal sides: a swap of axes anywhere would show.
    shape = int(reach) + 20, int(reach) + 23
    images = project_atoms(model, angles, PIXEL, shape, B_FACTORS, HEIGHTS)
    if noise:
        rng = np.random.default_rng(1)
        images = images + noise * images.max() * rng.normal(size=images.shape)
    return TiltSeries(images.astype(np.float32), angles, PIXEL)


def displaced(model: AtomicModel, rms: float = 0.2, seed: int = 5) -> AtomicModel:
    """The model with every atom moved at random, rms in angstrom."""
    moves = np.random.default_rng(seed).normal(size=(len(model), 3))
    moves *= rms / rms_distance(moves, 0.0)
    return AtomicModel.from_positions(model.positions + moves, model.species)


def rms_distance(first: NDArray, second: NDArray | float) -> float:
    return float(np.sqrt(np.mean(np.sum((first - second) ** 2, axis=1))))
