"""Expected fractions against random heights that go through the search's own rules."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from aet_port.detection.decidability import (
    expected_posterior,
    fraction_found,
    mixture_of_known,
    pair_errors,
)
from aet_port.detection.mixture import Species
from aet_port.detection.pruning import too_low

DRAWS = 40_000
CHANCE = 4 / np.sqrt(4 * DRAWS)  # four standard deviations of a fraction, at most
THREE = Species(np.array([6.0, 10.0, 20.0]), np.array([0.12, 0.2, 0.4]), np.array([0.3, 0.5, 0.2]))


@pytest.mark.parametrize("error", [0.4, 1.0, 1.6, 3.0])
@pytest.mark.parametrize("least", [3.0, 4.5])
def test_fraction_found_is_what_passes_the_thresholds(error: float, least: float) -> None:
    for height in THREE.means:
        drawn = np.random.default_rng(1).normal(height, error, DRAWS)
        errors = np.full(DRAWS, error)
        kept = (drawn > least * errors) & ~too_low(drawn, errors, THREE, 0.01)
        found = fraction_found(np.array([height]), np.array([error]), THREE, least, 0.01)
        assert found[0] == pytest.approx(kept.mean(), abs=CHANCE)


@pytest.mark.parametrize("error", [0.3, 1.5, 4.0])
def test_species_given_are_those_of_random_heights(error: float) -> None:
    rng = np.random.default_rng(2)
    for kind in range(3):
        width = np.hypot(THREE.spreads[kind], error)
        drawn = rng.normal(THREE.means[kind], width, DRAWS)
        posterior = THREE.posterior(drawn, np.full(DRAWS, error))
        choice = np.where(posterior.max(axis=1) < 0.6, 3, posterior.argmax(axis=1))
        right, given = expected_posterior(np.array([kind]), np.array([error]), THREE, 0.6)
        assert right[0] == pytest.approx(posterior[:, kind].mean(), abs=CHANCE)
        # A step of the quadrature, a twentieth of a standard deviation, on top of chance.
        assert given[0] == pytest.approx(
            np.bincount(choice, minlength=4) / DRAWS, abs=CHANCE + 0.02
        )
        assert given.sum() == pytest.approx(1, abs=1e-12)


def test_two_equal_species_are_confused_as_normal_distributions_overlap() -> None:
    pair = Species(np.array([10.0, 13.0]), np.full(2, 1e-6), np.full(2, 0.5))
    kinds, errors = np.array([0, 1, 1]), np.full(3, 1.0)
    wrong = pair_errors(kinds, errors, pair, (0, 1))
    # A step of the quadrature at 1.5 standard deviations holds 0.0065.
    assert wrong == pytest.approx((norm.cdf(-1.5), norm.cdf(-1.5)), abs=0.0065)


def test_a_rare_species_gives_way_to_a_frequent_one() -> None:
    pair = Species(np.array([10.0, 12.0]), np.full(2, 0.2), np.array([0.05, 0.95]))
    rare, frequent = pair_errors(np.array([0, 1]), np.full(2, 1.5), pair, (0, 1))
    assert rare > 0.8
    assert frequent < 0.05


def test_mixture_of_known_species() -> None:
    heights, kinds = np.array([2.0, 4.0, 9.0, 11.0, 10.0]), np.array([0, 0, 1, 1, 1])
    found = mixture_of_known(heights, kinds, 2, 0.1)
    assert found.means.tolist() == [3.0, 10.0]
    assert found.spreads.tolist() == pytest.approx([0.3, 1.0])
    assert found.fractions.tolist() == [0.4, 0.6]
    # Not below what the search takes.
    assert mixture_of_known(heights, kinds, 2, 0.0).spreads.tolist() == pytest.approx([0.06, 0.2])
