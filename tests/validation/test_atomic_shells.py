"""Fourier shell correlation of atoms against direct sums and a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation import amorphous_particle
from aet_port.validation.atomic_shells import DIRECTIONS, SPACING, atomic_shell_correlation


def test_shells_are_direct_sums_over_random_directions() -> None:
    """Two samples of 400 directions: each mean is known to 1/20; three times that."""
    rng = np.random.default_rng(3)
    places = rng.uniform(-8, 8, (30, 3))
    moved = places + rng.normal(0, 0.15, places.shape)
    weights = rng.uniform(1, 5, 30)
    one, other = (
        AtomicModel.from_positions(where, "Ta", height=weights) for where in (places, moved)
    )
    found = atomic_shell_correlation(one, other, 2.0, threads=1)
    q = rng.normal(size=(DIRECTIONS, 3))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    for number in (5, 10, 20):
        first, second = (
            np.exp(2j * np.pi * SPACING * number * (q @ where.T)) @ weights
            for where in (places, moved)
        )
        cross = np.sum(first * second.conj()).real
        slow = cross / np.sqrt(np.sum(abs(first) ** 2) * np.sum(abs(second) ** 2))
        assert found.frequency[number] == pytest.approx(SPACING * number)
        assert found.correlation[number] == pytest.approx(slow, abs=0.15)


def test_errors_lower_the_correlation_as_a_debye_waller_factor() -> None:
    """``f exp(-4 pi^2 q^2 s^2)``, known to 0.05 from 400 directions; three times that."""
    model, spread = amorphous_particle(300, "Ta", seed=1), 0.1
    rng = np.random.default_rng(4)
    first, second = (
        AtomicModel.from_positions(model.positions + rng.normal(0, spread, (300, 3)), "Ta")
        for _ in range(2)
    )
    found = atomic_shell_correlation(first, second, 4.0, threads=2)
    far = found.frequency > 0.5  # where the shape of the sample no longer matters
    expected = np.exp(-4 * np.pi**2 * (found.frequency * spread) ** 2)
    np.testing.assert_allclose(found.correlation[far], expected[far], atol=0.15)
    q = np.sqrt(-np.log(0.5) / (4 * np.pi**2)) / spread
    assert found.resolution(0.5) == pytest.approx(1 / q, rel=0.1)
    half = AtomicModel.from_positions(model.positions[::2], "Ta")
    common = atomic_shell_correlation(model, half, 4.0, threads=1).correlation
    # Half of the atoms: 150 / sqrt(300 * 150).
    assert common[far].mean() == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_a_frequency_below_the_spacing_is_refused() -> None:
    model = amorphous_particle(13, "Ta")
    with pytest.raises(InputError, match="highest"):
        atomic_shell_correlation(model, model, 0.0)
