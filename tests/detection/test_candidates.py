"""Candidates: distances, thresholds and the power of what is missing, as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from aet_port.detection.candidates import apart, closest_pairs_lose, missing_power, threshold
from tests.detection.samples import ANGLES, SHAPE, atoms_at, flat_views, likelihood, profile

COORDINATES = st.floats(-6, 6, width=32)
PLACES = st.integers(0, 25).flatmap(lambda n: arrays(np.float64, (n, 3), elements=COORDINATES))
SCORES = arrays(np.float64, st.integers(0, 60), elements=st.floats(0, 15))
DISTANCES = st.floats(0.5, 4)


@given(PLACES, PLACES, DISTANCES, DISTANCES)
def test_candidates_apart(
    places: NDArray, taken: NDArray, from_atoms: float, from_others: float
) -> None:
    candidates = np.column_stack([places, np.arange(len(places))[:, None] * np.ones(3)])
    kept = apart(candidates, taken, from_atoms, from_others)
    numbers = kept[:, 3].astype(int)
    assert (np.diff(numbers) > 0).all()  # still best first
    np.testing.assert_array_equal(kept, candidates[numbers])
    allowed = np.ones(len(places), bool)
    if len(taken):
        allowed = cdist(places, taken).min(axis=1, initial=np.inf) > from_atoms
    assert allowed[numbers].all()
    near = cdist(places, places) <= from_others
    for number in range(len(places)):
        better = [other for other in numbers if other < number]
        # Kept exactly if no better one that is kept is too close: the best are never lost.
        assert (number in numbers) == (allowed[number] and not near[number, better].any())


@given(SCORES, SCORES, st.floats(2, 6))
def test_threshold(maxima: NDArray, minima: NDArray, least: float) -> None:
    found = threshold(maxima, minima, least)
    assert least <= found <= 12
    if found < 12:
        assert np.sum(minima > found) <= 0.5 * np.sum(maxima > found)
    lower = np.arange(least, found - 1e-6, 0.1)
    for score in lower[lower < 11.9]:  # none of those below would do
        assert np.sum(minima > score) > 0.5 * np.sum(maxima > score)
    assert threshold(maxima, np.empty(0), least) == pytest.approx(least)


@given(PLACES.filter(len), DISTANCES, st.integers(0, 1000))
def test_closest_pairs_lose_the_lower(places: NDArray, distance: float, seed: int) -> None:
    heights = 1.0 + np.random.default_rng(seed).permutation(len(places))
    lost = closest_pairs_lose(places, heights, distance)
    near = cdist(places, places) <= distance
    np.fill_diagonal(near, False)
    higher = heights[None, :] > heights[:, None]
    np.testing.assert_array_equal(lost, (near & higher).any(axis=1))
    assert not lost[heights.argmax()]
    kept = places[~lost]
    apart_now = cdist(kept, kept) + 1e9 * np.eye(len(kept))
    assert apart_now.min(initial=np.inf) > distance


def test_missing_power_is_the_mean_square_height() -> None:
    # Atoms at random places: the power of their images is that of one, times their number.
    rng = np.random.default_rng(1)
    atoms = atoms_at(rng.uniform(-8, 8, (60, 3)) * [1, 0.9, 1], 300.0)
    views = flat_views(level=0.0)
    blank = likelihood(np.zeros((len(ANGLES), *SHAPE)))
    clean = blank.expected(atoms, views)
    noisy = clean + rng.normal(0, 2, clean.shape)
    variance = np.full(clean.shape, 4.0, np.float32)
    seen = 60 / (SHAPE[0] * SHAPE[1])
    found = missing_power(noisy, variance, profile(blank.q), blank.q, blank.canvas)
    # 60 atoms in 23 images: interference of neighbours is a tenth or two.
    assert found == pytest.approx(300.0**2 * seen, rel=0.2)
    # Without atoms the noise sets the least.
    noise = rng.normal(0, 2, clean.shape)
    least = missing_power(noise, variance, profile(blank.q), blank.q, blank.canvas)
    assert least == pytest.approx(4 / 0.3, rel=1e-6)
