"""A composition from EDS: what it decides where species overlap, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.tracing.clustering import kmeans
from aet_port.tracing.composition_prior import (
    CompositionPrior,
    check_composition,
    mixture_with_prior,
)


def blurred(
    seed: int, rare: float, gap: float, n_atoms: int = 2000
) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of two species ``gap`` standard deviations apart, and which is brighter."""
    rng = np.random.default_rng(seed)
    bright = np.arange(n_atoms) >= rare * n_atoms
    return rng.normal(np.where(bright, 10 + gap, 10.0), 1.0), bright


@pytest.mark.parametrize("seed", range(5))
def test_the_prior_rescues_species_that_overlap(seed: int) -> None:
    x, bright = blurred(seed, 0.12, 1.8)
    free = kmeans(x, 2).labels == 1
    found = mixture_with_prior(x, CompositionPrior((0.12, 0.88), 0.01))
    right = (found.posteriors[:, 1] > 0.5) == bright
    # K-means makes classes of like size: a third of the atoms become the rare species.
    assert (~free).mean() > 0.25
    assert found.fractions[0] == pytest.approx(0.12, abs=0.02)
    # The best that can be done where the means are 1.8 standard deviations apart.
    truth = np.log(0.12 / 0.88) + 0.5 * ((x - 11.8) ** 2 - (x - 10) ** 2) < 0
    best = (truth == bright).mean()
    assert best - 0.02 < right.mean() <= best + 0.01
    assert right.mean() > (free == bright).mean() + 0.1
    assert found.means == pytest.approx([10, 11.8], abs=0.3)


@pytest.mark.parametrize("wrong", [0.2, 0.8])
def test_data_overrule_a_wrong_prior_with_its_error(wrong: float) -> None:
    x, bright = blurred(3, 0.5, 6.0)
    found = mixture_with_prior(x, CompositionPrior((wrong, 1 - wrong), 0.1))
    # Worth 0.16 / 0.01 - 1 = 15 atoms beside 2000: pulls the fraction by 0.3 * 15 / 2015.
    assert found.strength == pytest.approx(15)
    assert found.fractions[0] == pytest.approx(0.5 + (wrong - 0.5) * 15 / 2015, abs=0.003)
    # Species six standard deviations apart: 0.13 % beyond the middle.
    assert ((found.posteriors[:, 1] > 0.5) == bright).mean() > 0.995


def test_fractions_are_those_of_counts_and_prior_where_species_are_apart() -> None:
    x = np.concatenate([np.full(30, 1.0), np.full(70, 50.0)])
    x += np.random.default_rng(0).normal(0, 0.1, 100)
    found = mixture_with_prior(x, CompositionPrior((0.5, 0.5), 0.05))
    strength = 0.25 / 0.05**2 - 1
    expected = (30 + strength * 0.5) / (100 + strength)
    assert found.fractions[0] == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(found.posteriors.sum(axis=1), 1, rtol=1e-12)


def test_three_species_and_scale_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(m, 1, n) for m, n in ((5, 430), (8, 380), (14, 190))])
    one = mixture_with_prior(x, CompositionPrior((0.43, 0.38, 0.19), 0.02))
    two = mixture_with_prior(1e6 * x[::-1], CompositionPrior((0.43, 0.38, 0.19), 0.02))
    assert one.means == pytest.approx([5, 8, 14], abs=0.3)
    # The order of sums, and where the climb ends.
    np.testing.assert_allclose(two.means, 1e6 * one.means, rtol=1e-3)
    np.testing.assert_allclose(two.fractions, one.fractions, atol=1e-3)


@pytest.mark.parametrize(
    ("composition", "words"),
    [
        ({"Co": 1.0}, "a fraction of each species: Co, Pt"),
        ({"Co": 0.5, "Pd": 0.5}, "a fraction of each species: Co, Pt"),
        ({"Co": 0.3, "Pt": 0.3}, "in all 0.6; expected fractions above zero that add up to 1"),
        ({"Co": 30.0, "Pt": 70.0}, "in all 100"),
        ({"Co": -0.5, "Pt": 1.5}, "above zero"),
    ],
)
def test_a_composition_that_does_not_fit(composition: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_composition(composition, ("Co", "Pt"))


def test_rounded_fractions_are_made_whole() -> None:
    found = check_composition({"Pt": 0.335, "Co": 0.66}, ("Co", "Pt"))
    assert found == pytest.approx([0.66 / 0.995, 0.335 / 0.995])
    for error in (0.0, np.nan):
        with pytest.raises(InputError, match="composition_error"):
            mixture_with_prior(np.arange(9.0), CompositionPrior((0.5, 0.5), error))
