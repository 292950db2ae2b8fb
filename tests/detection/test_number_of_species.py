"""The number of species that heights support, and when it is worth a warning."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.detection.mixture import mixture_of_heights
from aet_port.detection.number_of_species import SpeciesNumber, species_number

ALLOY = {"Co": 98.0, "Pd": 231.0, "Pt": 588.0}  # electrons of an atom in an image
SEEDS = range(6)


def compared(heights: NDArray, errors: NDArray, symbols: tuple[str, ...]) -> SpeciesNumber:
    return species_number(heights, errors, mixture_of_heights(heights, errors, symbols))


def sampled(
    n: int, error: float, parts: dict[str, float], seed: int, spread: float = 0.05, skew: float = 0
) -> tuple[NDArray, NDArray]:
    """Heights of an alloy with a spread in each species, perhaps skewed, and errors."""
    rng = np.random.default_rng(seed)
    means = np.array([ALLOY[one] for one in parts])
    means = means[rng.choice(len(means), n, p=list(parts.values()))]
    shape = rng.normal(size=n) if not skew else (rng.gamma(skew, 1, n) - skew) / np.sqrt(skew)
    errors = error * rng.uniform(0.8, 1.3, n)
    return means * (1 + spread * shape) + errors * rng.normal(size=n), errors


GLASS = {"Co": 0.45, "Pd": 0.38, "Pt": 0.17}


@pytest.mark.parametrize(
    ("n", "error", "parts", "skew", "bad"),
    [
        (300, 15, GLASS, 0, 0),
        pytest.param(800, 40, GLASS, 0, 0, marks=pytest.mark.slow),
        (100, 40, GLASS, 0, 0),
        pytest.param(1500, 20, GLASS, 4, 0.03, marks=pytest.mark.slow),
        pytest.param(1000, 20, {"Co": 0.6, "Pd": 0.39, "Pt": 0.01}, 0, 0, marks=pytest.mark.slow),
        (1500, 10, {"Pd": 1.0}, 0, 0),
        (1500, 10, {"Pd": 1.0}, 4, 0.05),
        (30, 40, {"Co": 1.0}, 0, 0),
    ],
)
def test_right_species_make_no_warning(
    n: int, error: float, parts: dict[str, float], skew: float, bad: float
) -> None:
    for seed in SEEDS:
        heights, errors = sampled(n, error, parts, seed, 0.08, skew)
        rng = np.random.default_rng([seed, 2])
        wrong = rng.random(n) < bad
        heights[wrong] = rng.uniform(0, 700, wrong.sum())
        found = compared(heights, errors, tuple(parts))
        assert found.supported == found.named == len(parts)
        assert found.warning() is None


@pytest.mark.parametrize(
    ("parts", "named", "supported", "advice"),
    [
        (GLASS, ("Co", "Pt"), 3, "name the species that is missing"),
        ({"Pd": 0.6, "Pt": 0.4}, ("Pt",), 2, "name the species that is missing"),
        ({"Co": 0.5, "Pt": 0.5}, ("Co", "Pd", "Pt"), 2, "name fewer species"),
        ({"Pd": 1.0}, ("Co", "Pd", "Pt"), 1, "name fewer species"),
    ],
)
def test_too_many_and_too_few_species_are_said(
    parts: dict[str, float], named: tuple[str, ...], supported: int, advice: str
) -> None:
    for seed in SEEDS:
        found = compared(*sampled(500, 20, parts, seed), named)
        assert found.supported == supported
        text = found.warning()
        assert text is not None
        assert text.startswith(f"the heights support {supported} species, not the {len(named)} na")
        assert advice in text
        assert found.bic[supported - 1] < found.bic[len(named) - 1] - 10
        mixture = found.mixtures[supported - 1]
        # Five standard errors of the mean of a species with 85 atoms or more.
        expected = np.array([ALLOY[one] for one in parts])
        assert (np.abs(mixture.means - expected) < 5 * (0.05 * expected + 20) / np.sqrt(85)).all()


def test_errors_are_no_spread() -> None:
    # One species without spread; errors of its heights differ by a factor of twenty.
    rng = np.random.default_rng(1)
    errors = rng.uniform(5, 100, 3000)
    found = compared(rng.normal(500, errors), errors, ("Pt",))
    assert found.supported == 1
    (one, *_) = found.mixtures
    assert one.spreads[0] < 15  # 2 % at least; a standard error is 5
    # The criterion itself, by hand, without the few heights of any value.
    variance = one.spreads[0] ** 2 + errors**2
    heights = np.random.default_rng(1)
    heights.uniform(5, 100, 3000)
    away = heights.normal(500, errors) - one.means[0]
    likely = -0.5 * np.sum(away**2 / variance + np.log(2 * np.pi * variance))
    assert found.bic[0] == pytest.approx(2 * np.log(3000) - 2 * likely, abs=3000 * 2e-3 + 1)


def test_few_atoms_say_nothing() -> None:
    heights, errors = sampled(25, 20, GLASS, 0)
    found = compared(heights, errors, tuple(GLASS))
    assert found.supported is None
    assert found.warning() is None
    record = json.loads(json.dumps(found.summary()))
    assert record["reason"].startswith("fewer than 10 atoms for each species")
    assert record["atoms_compared"] == 25
    empty = compared(*sampled(25, 20, GLASS, 0), tuple(GLASS)).mixtures
    assert len(empty) == 2


def test_the_unit_and_the_order_do_not_matter() -> None:
    heights, errors = sampled(600, 30, GLASS, 3)
    found = compared(heights, errors, tuple(GLASS))
    order = np.random.default_rng(0).permutation(600)
    mixed = compared(heights[order], errors[order], tuple(GLASS))
    np.testing.assert_allclose(mixed.bic, found.bic, atol=1e-2)  # the fit ends at 1e-3
    scaled = compared(heights * 1e-3, errors * 1e-3, tuple(GLASS))
    shifted = np.array(scaled.bic) - 2 * 600 * np.log(1e-3)
    np.testing.assert_allclose(shifted, found.bic, atol=1e-2)
    assert scaled.supported == found.supported == 3
