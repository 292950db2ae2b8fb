"""Candidates: distances, thresholds and the power of what is missing, as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from aet_port.detection.candidates import (
    apart,
    missing_power,
    select,
    threshold,
    threshold_and_height,
)
from aet_port.detection.mixture import Species
from aet_port.detection.pruning import closest_pairs_lose, not_told_apart, too_low
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


def table(scores: NDArray, heights: NDArray, seen: float = 1.0) -> NDArray:
    """Maxima as a score map returns them, at the origin."""
    columns = [heights, heights / scores, np.full(len(scores), seen)]
    return np.column_stack([np.zeros((len(scores), 3)), *columns])


def test_low_maxima_do_not_decide_on_the_threshold() -> None:
    # 40 real maxima of score 3.5 and half the height of the lightest species among 400 low ones,
    # which noise makes as often as minima.
    rng = np.random.default_rng(0)
    real = table(np.full(40, 3.5), np.full(40, 50.0))
    noise = [table(rng.uniform(3, 4.5, 400), np.full(400, 35.0)) for _ in range(2)]
    score, height = threshold_and_height(np.vstack([real, noise[0]]), noise[1], 3.0, 100.0)
    assert score == 3.0
    assert 35 < height < 50
    # Where few images see, maxima do not count.
    score, _ = threshold_and_height(
        table(np.full(40, 3.5), np.full(40, 50.0), 0.5), noise[1], 3.0, 100.0
    )
    assert score > 3.5


def test_what_is_dropped() -> None:
    species = Species(np.array([100.0, 300.0]), np.array([5.0, 5.0]), np.array([0.5, 0.5]))
    # Far below the lightest; improbable and little above noise; improbable but evident; as usual.
    free = np.array([39.0, 50.0, 75.0, 95.0, 300.0])
    errors = np.array([5.0, 10.0, 4.0, 10.0, 10.0])
    assert too_low(free, errors, species, 0.01).tolist() == [True, True, False, False, False]
    # 6 standard deviations of 6.4 are 38: nothing that low is the lightest species.
    assert too_low(np.array([60.0]), np.array([4.0]), species, 0.01).tolist() == [True]
    places = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    heights = np.array([100.0, 90.0])
    # Nine and twenty standard errors.
    assert not_told_apart(places, heights, np.full(2, 10.0), 1.5).tolist() == [False, True]
    assert not_told_apart(places, heights, np.full(2, 4.5), 1.5).tolist() == [False, False]
    assert not_told_apart(places, heights, np.full(2, 10.0), 0.9).tolist() == [False, False]


def test_late_rounds_try_all_that_is_more_than_noise() -> None:
    """Missing atoms among minima of atoms fitted too high; not where other things leave maxima."""

    maxima, minima, noise = (
        table(np.full(count, 3.6), np.full(count, 36.0)) for count in (100, 70, 90)
    )

    def tried(rounds: int, only_missing: bool = True) -> int:
        return len(select(maxima, minima, rounds, 30.0, True, only_missing)[0])

    assert tried(3) == 0
    assert tried(4) == tried(9) == 100
    assert tried(4, only_missing=False) == 0
    # An excess of 10 of 190, less than their root: noise.
    assert len(select(maxima, noise, 4, 30.0, True, True)[0]) == 0
