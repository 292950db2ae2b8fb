"""Species from heights with errors of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aet_port.core.scattering import adf_cross_section
from aet_port.detection.mixture import Species, mixture_of_heights
from aet_port.tracing.composition_prior import CompositionPrior

SYMBOLS = ("Co", "Pd", "Pt")
MEANS = 100 * np.array([adf_cross_section(s) / adf_cross_section("Pd") for s in SYMBOLS])
FRACTIONS = np.array([0.5, 0.3, 0.2])


def sampled(n: int, spread: float, error: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Heights and true species."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(3, n, p=FRACTIONS)
    return MEANS[kinds] * (1 + rng.normal(0, spread, n)) + rng.normal(0, error, n), kinds


def test_means_spreads_and_fractions_come_back() -> None:
    heights, kinds = sampled(4000, 0.06, 4.0)
    found = mixture_of_heights(heights, np.full(4000, 4.0), SYMBOLS)
    counts = np.bincount(kinds)
    # Five standard errors of the mean of a species; the spread of the heights includes the error.
    errors = np.hypot(0.06 * MEANS, 4.0) / np.sqrt(counts)
    assert (np.abs(found.means - MEANS) < 5 * errors).all()
    np.testing.assert_allclose(found.fractions, counts / 4000, atol=0.01)  # Co and Pd touch
    # Relative error of a standard deviation 1/sqrt(2n), five times, and what the overlap adds.
    np.testing.assert_allclose(found.spreads, 0.06 * MEANS, rtol=0.15)


@pytest.mark.parametrize("scale", [0.01, 1.0, 700.0])
def test_units_of_the_heights_do_not_matter(scale: float) -> None:
    heights, kinds = sampled(300, 0.05, 3.0, 1)
    found = mixture_of_heights(heights * scale, np.full(300, 3.0 * scale), SYMBOLS)
    chosen = found.posterior(heights * scale, np.full(300, 3.0 * scale)).argmax(axis=1)
    assert np.mean(chosen == kinds) > 0.98


def test_means_from_before_go_on_unless_a_species_is_empty() -> None:
    heights, _ = sampled(500, 0.05, 3.0, 2)
    errors = np.full(500, 3.0)
    free = mixture_of_heights(heights, errors, SYMBOLS)
    again = mixture_of_heights(heights, errors, SYMBOLS, free.means)
    np.testing.assert_allclose(again.means, free.means, rtol=0.01)  # stops at 1e-5 of the merit
    lost = mixture_of_heights(heights, errors, SYMBOLS, np.array([1.0, 100.0, 160.0]))
    np.testing.assert_allclose(lost.means, free.means, rtol=0.05)


def test_posterior_is_calibrated() -> None:
    # Species overlap: of atoms given a probability near p, a fraction p is right.
    truth = Species(np.array([100.0, 130.0]), np.array([8.0, 10.0]), np.array([0.6, 0.4]))
    rng = np.random.default_rng(3)
    n = 40000
    kinds = (rng.random(n) > 0.6).astype(int)
    errors = rng.uniform(5, 15, n)
    heights = rng.normal(truth.means[kinds], np.hypot(truth.spreads[kinds], errors))
    posterior = truth.posterior(heights, errors)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-12)
    edges = np.linspace(0, 1, 11)
    for low, high in itertools.pairwise(edges):
        inside = (posterior[:, 1] >= low) & (posterior[:, 1] < high)
        # Four binomial standard deviations.
        count = inside.sum()
        p = posterior[inside, 1].mean()
        assert abs(kinds[inside].mean() - p) < 4 * np.sqrt(p * (1 - p) / count)


def test_one_species() -> None:
    rng = np.random.default_rng(4)
    heights = rng.normal(50, 5, 2000)
    heights[:20] = 400  # two atoms taken for one
    found = mixture_of_heights(heights, np.full(2000, 3.0), ["Ta"])
    # Five standard errors of a median, 1.25 sigma / sqrt(n); quadratic difference 5, 3 is 4.
    assert found.means == pytest.approx([50], abs=5 * 1.25 * 5 / np.sqrt(2000))
    assert found.spreads == pytest.approx([4], rel=0.15)
    assert found.fractions == pytest.approx([1])
    np.testing.assert_array_equal(found.posterior(heights, np.full(2000, 3.0)), 1)


def test_improbability_is_minus_the_logarithm_of_the_density() -> None:
    mixture = Species(np.array([10.0, 25.0]), np.array([2.0, 3.0]), np.array([0.7, 0.3]))
    heights = np.array([4.0, 11.0, 18.0, 40.0])
    density = np.sum(
        mixture.fractions
        / mixture.spreads
        * np.exp(-0.5 * ((heights[:, None] - mixture.means) / mixture.spreads) ** 2),
        axis=1,
    )
    value, slopes = mixture.improbability(heights)
    assert value == pytest.approx(-np.log(density).sum(), rel=1e-12)
    for n, step in enumerate(np.eye(4) * 1e-5):
        numerical = (
            mixture.improbability(heights + step)[0] - mixture.improbability(heights - step)[0]
        ) / 2e-5
        assert slopes[n] == pytest.approx(numerical, rel=1e-6, abs=1e-8)  # double precision


@given(
    arrays(np.float64, 3, elements=st.floats(1, 1e4)),
    arrays(np.float64, 3, elements=st.floats(0.1, 100)),
    st.floats(0.01, 100),
    st.floats(-1e5, 1e5),
)
def test_posteriors_are_probabilities_and_do_not_depend_on_the_unit(
    means: np.ndarray, spreads: np.ndarray, factor: float, height: float
) -> None:
    mixture = Species(np.sort(means), spreads, np.array([0.2, 0.5, 0.3]))
    given_height, error = np.array([height]), np.array([1.0])
    found = mixture.posterior(given_height, error)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() == pytest.approx(1)
    scaled = mixture.scaled(factor).posterior(factor * given_height, factor * error)
    # Logarithms of up to 1e12 keep four digits behind the point.
    np.testing.assert_allclose(scaled, found, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e14])
def test_a_species_without_atoms_keeps_its_place(scale: float) -> None:
    # Only Ta has been found: the component of Cu must not take a part of it, whatever the unit.
    rng = np.random.default_rng(6)
    ratio = adf_cross_section("Cu") / adf_cross_section("Ta")
    heights = scale * np.append(rng.normal(500, 50, 300), 1.0)  # and one of neither
    found = mixture_of_heights(heights, np.full(301, 10.0 * scale), ("Cu", "Ta"))
    assert found.means[1] == pytest.approx(500 * scale, rel=0.05)  # one step of the scale
    assert found.means[0] / found.means[1] == pytest.approx(ratio)
    assert found.fractions[1] > 0.95


def test_errors_of_the_heights_are_no_spread() -> None:
    # Of 200 heights without spread, the chance excess over the errors is no spread either.
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found = mixture_of_heights(rng.normal(100, 10, 200), np.full(200, 10.0), ("Si",))
        assert found.spreads[0] < 5  # 2 for most; the errors alone are 10


def of_two(rare: float, gap: float, seed: int, n: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Heights of Pd (rare) and Ag, ``gap`` standard errors of 10 apart, and which are Ag."""
    rng = np.random.default_rng(seed)
    silver = rng.random(n) >= rare
    return rng.normal(100 + 10 * gap * silver, 10), silver


@pytest.mark.parametrize("seed", range(5))
def test_a_composition_decides_where_heights_are_ambiguous(seed: int) -> None:
    heights, silver = of_two(0.12, 1.8, seed)
    errors = np.full(len(heights), 10.0)

    def right(prior: CompositionPrior | None) -> tuple[Species, float]:
        found = mixture_of_heights(heights, errors, ("Pd", "Ag"), prior=prior)
        return found, float(np.mean(found.posterior(heights, errors).argmax(axis=1) == silver))

    _, alone = right(None)
    found, known = right(CompositionPrior((0.12, 0.88), 0.01))
    best = float(np.mean((np.log(0.12 / 0.88) + 1.8 * (100 + 9 - heights) / 10 < 0) == silver))
    # The errors leave no means 1.8 of them apart that could be told without the composition.
    assert found.fractions[0] == pytest.approx(0.12, abs=0.02)
    assert best - 0.02 < known <= best + 0.01
    assert known > alone + 0.02


@pytest.mark.parametrize("wrong", [0.05, 0.9])
def test_a_wrong_composition_forces_no_species(wrong: float) -> None:
    heights, silver = of_two(0.5, 6.0, 3)
    errors = np.full(len(heights), 10.0)
    prior = CompositionPrior((wrong, 1 - wrong), 0.03)
    found = mixture_of_heights(heights, errors, ("Pd", "Ag"), prior=prior)
    # The composition counts as some hundred atoms and moves the fraction, but six standard errors
    # apart (0.13 % beyond the middle) hardly any atom.
    assert np.mean(found.posterior(heights, errors).argmax(axis=1) == silver) > 0.995
    np.testing.assert_allclose(found.means, [100, 160], atol=2)


def test_a_composition_makes_no_species_of_atoms_that_are_none() -> None:
    """Only Ta was found, of a sample said to be half Cu, in whose place it is not split."""
    ratio = adf_cross_section("Cu") / adf_cross_section("Ta")
    heights = np.random.default_rng(6).normal(500, 50, 300)
    prior = CompositionPrior((0.5, 0.5), 0.03)
    found = mixture_of_heights(heights, np.full(300, 10.0), ("Cu", "Ta"), prior=prior)
    assert found.means[0] / found.means[1] == pytest.approx(ratio)
    assert found.fractions[1] > 0.95
