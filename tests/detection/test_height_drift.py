"""Species of heights that drift through a sample."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.scattering import adf_cross_section
from aet_port.detection.height_drift import LocalHeights, local_heights
from aet_port.detection.mixture import Species, mixture_of_heights

SYMBOLS = ("Fe", "Ge", "Zr")
MEANS = 100 * np.array([adf_cross_section(s) / adf_cross_section("Fe") for s in SYMBOLS])
FRACTIONS = np.array([0.45, 0.35, 0.2])
SIZE = 25.0  # radius of the ball, angstrom


def ball(rng: np.random.Generator) -> NDArray[np.float64]:
    """4000 places, 0.06 atoms per cubic angstrom."""
    places = rng.uniform(-SIZE, SIZE, (16000, 3))
    return places[np.linalg.norm(places, axis=1) < SIZE][:4000]


def drift(places: NDArray, along: str, size: float) -> NDArray[np.float64]:
    if along == "z":
        return 1 + size * places[:, 2] / (2 * SIZE)
    return 1 + size * (np.linalg.norm(places, axis=1) / SIZE - 0.75)


def sampled(
    factors: NDArray, error: float, seed: int, fractions: NDArray = FRACTIONS
) -> tuple[NDArray, NDArray, NDArray]:
    """Heights, their errors and species of atoms with local factors."""
    rng = np.random.default_rng([seed, 1])
    kinds = rng.choice(3, len(factors), p=fractions)
    heights = factors * MEANS[kinds]
    errors = error * heights
    return heights + errors * rng.normal(size=len(kinds)), errors, kinds


def classified(
    places: NDArray, heights: NDArray, errors: NDArray, radius: float = 10.0
) -> tuple[Species, LocalHeights]:
    mixture = mixture_of_heights(heights, errors, SYMBOLS)
    return mixture, local_heights(places, heights, errors, mixture, SYMBOLS, radius)


@pytest.mark.parametrize(
    ("along", "error", "share"),
    [
        ("z", 0.06, 0.15),
        ("radius", 0.06, 0.25),
        pytest.param("z", 0.1, 0.5, marks=pytest.mark.slow),
        pytest.param("radius", 0.1, 0.75, marks=pytest.mark.slow),
    ],
)
def test_most_of_what_a_drift_makes_wrong_is_put_right(
    along: str, error: float, share: float
) -> None:
    # What is left is wrong with the true factors too: species overlap at errors of 10 %. Beyond
    # it, the mean of a neighbourhood on one side lags 3 % behind the surface of the ball.
    places = ball(np.random.default_rng(5))
    true = drift(places, along, 0.3)
    heights, errors, kinds = sampled(true, error, 5)
    mixture, found = classified(places, heights, errors)
    _, best = classified(places, heights / true, errors / true, 0)
    wrong, left, least = (
        float(np.mean(one != kinds))
        for one in (mixture.posterior(heights, errors).argmax(axis=1), found.kinds, best.kinds)
    )
    assert wrong > least + 0.01
    assert left - least < share * (wrong - least)
    # Factors and mixture together: heights as the mean factor of one makes them.
    ratio = found.factors * found.species.means[0] / (true * MEANS[0])
    assert np.std(ratio) < 0.05 < np.std(true)
    assert found.reclassified >= (wrong - left) * len(kinds) > 0
    summary = found.summary()
    assert summary["largest_factor"] - summary["least_factor"] > 0.1


@pytest.mark.parametrize("error", [0.06, 0.1])
@pytest.mark.parametrize("segregated", [False, True])
def test_without_drift_nothing_changes(error: float, segregated: bool) -> None:
    for seed in range(2):
        places = ball(np.random.default_rng(seed))
        heights, errors, _ = sampled(np.ones(len(places)), error, seed)
        if segregated:  # a shell almost without the two heavier species
            shell = np.linalg.norm(places, axis=1) > 0.6 * SIZE
            light, own, _ = sampled(np.ones(len(places)), error, seed + 99, np.array([0.9, 0.1, 0]))
            heights, errors = np.where(shell, light, heights), np.where(shell, own, errors)
        mixture, found = classified(places, heights, errors)
        assert found.species is mixture
        assert np.all(found.factors == 1)
        assert found.reclassified == 0
        np.testing.assert_array_equal(found.posterior, mixture.posterior(heights, errors))
        assert found.summary() == {
            "least_factor": 1.0, "largest_factor": 1.0, "atoms_with_factor": 0, "reclassified": 0,
        }  # fmt: skip


def test_wrong_atoms_make_no_drift() -> None:
    # In one half of the ball, 5 % of the heights are anything.
    places = ball(np.random.default_rng(3))
    heights, errors, _ = sampled(np.ones(len(places)), 0.08, 3)
    rng = np.random.default_rng(4)
    bad = (places[:, 0] > 0) & (rng.random(len(places)) < 0.05)
    heights[bad] = rng.uniform(0, 3 * MEANS[2], bad.sum())
    mixture, found = classified(places, heights, errors)
    changed = found.kinds != mixture.posterior(heights, errors).argmax(axis=1)
    assert changed.mean() < 1e-3


def test_no_radius_one_species_or_few_neighbours() -> None:
    places = ball(np.random.default_rng(6))
    heights, errors, _ = sampled(drift(places, "z", 0.3), 0.06, 6)
    mixture, found = classified(places, heights, errors, 0)
    assert found.species is mixture
    alone, found = classified(20 * places, heights, errors)
    assert found.species is alone
    one = mixture_of_heights(heights, errors, ["Fe"])
    assert local_heights(places, heights, errors, one, ["Fe"], 10.0).species is one


def test_the_unit_and_the_order_of_the_atoms_do_not_matter() -> None:
    places = ball(np.random.default_rng(7))[:2000]
    heights, errors, _ = sampled(drift(places, "z", 0.4), 0.06, 7)
    _, found = classified(places, heights, errors)
    _, scaled = classified(places, 1e-3 * heights, 1e-3 * errors)
    assert np.any(found.factors != 1)
    # Rounding in sums of some hundred terms, through ten rounds.
    np.testing.assert_allclose(scaled.factors, found.factors, rtol=1e-6)
    order = np.random.default_rng(8).permutation(len(places))
    _, mixed = classified(places[order], heights[order], errors[order])
    np.testing.assert_allclose(mixed.factors, found.factors[order], rtol=1e-6)
    np.testing.assert_array_equal(mixed.kinds, found.kinds[order])
