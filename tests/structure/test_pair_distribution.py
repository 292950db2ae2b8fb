from __future__ import annotations

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.neighbours import find_neighbours, heights
from aet_port.structure.pairs.pair_counting import pair_counts
from aet_port.structure.pairs.pdf import PairDistribution, first_valley, pair_distribution
from tests.structure.samples import close_packed, moved, shaken_box


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.booleans())
def test_counts_are_the_histogram_of_the_neighbours(seed: int, periodic: bool) -> None:
    atoms = shaken_box(seed, repeat=2)
    atoms.set_pbc(periodic)
    reach = round(min(6.0, 0.48 * heights(atoms).min()), 1)
    distances = find_neighbours(atoms, reach).distances
    expected = np.bincount(
        (distances[distances < reach] / 0.1).astype(int), minlength=round(reach / 0.1)
    )
    np.testing.assert_array_equal(pair_counts(atoms, reach, 0.1), expected)


def test_an_ideal_gas_in_a_box_is_flat() -> None:
    rng = np.random.default_rng(0)
    atoms = ase.Atoms(
        ["Ar"] * 4000, positions=rng.uniform(0, 40, (4000, 3)), cell=[40] * 3, pbc=True
    )
    found = pair_distribution(atoms, r_max=15, step=0.5)
    far = found.r > 3
    # Counts of some 4000 to 80000 pairs per bin fluctuate by 1.5 % and less.
    assert np.abs(found.g[far] - 1).max() < 0.06
    assert found.density == pytest.approx(4000 / 40**3)


def test_an_ideal_gas_in_a_ball_is_flat() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-30, 30, (12000, 3))
    points = points[np.linalg.norm(points, axis=1) < 30]
    atoms = ase.Atoms(["Ar"] * len(points), positions=points)
    found = pair_distribution(atoms, r_max=20, step=0.5)
    far = (found.r > 4) & (found.r < 18)
    # The shell volume inside the ball falls to half at 20 angstrom; without it g would be 0.5.
    assert np.abs(found.g[far] - 1).max() < 0.06
    assert found.density == pytest.approx(len(points) / (4 / 3 * np.pi * 30**3), rel=0.05)


def test_first_valley_of_a_known_curve() -> None:
    r = (np.arange(1000) + 0.5) * 0.02
    wave = 1 + np.exp(-0.1 * r) * np.cos(2 * np.pi * (r - 2.9) / 2.5)
    g = np.where(r > 2.2, wave, 0.0)
    expected = r[(r > 3) & (r < 5)][np.argmin(wave[(r > 3) & (r < 5)])]
    # The parabola through a damped wave is off by its third derivative.
    assert first_valley(PairDistribution(r, g, np.zeros(1000, int), 1.0)) == pytest.approx(
        expected, abs=0.03
    )


def test_no_valley_is_said() -> None:
    r = (np.arange(500) + 0.5) * 0.02
    with pytest.raises(InputError, match="a cut-off given by hand"):
        first_valley(PairDistribution(r, np.minimum(r, 1.0), np.zeros(500, int), 1.0))


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered_atoms_give_the_same_valley(seed: int) -> None:
    atoms = close_packed(seed, radius=12)
    one, two = pair_distribution(atoms), pair_distribution(moved(atoms, seed + 1))
    n = min(len(one.r), len(two.r))  # the range follows the size of the particle, to rounding
    assert abs(len(one.r) - len(two.r)) <= 1
    # A pair may cross the edge of a bin by the rounding of its distance.
    assert np.abs(one.counts[:n] - two.counts[:n]).sum() <= 2
    assert first_valley(one) == pytest.approx(first_valley(two), abs=0.0101)


def test_the_valley_of_a_box_lies_between_the_shells() -> None:
    # Shells of the close packing at 2.86 and 4.04; each is smeared by 0.2 times sqrt(2).
    valley = first_valley(pair_distribution(shaken_box(5, repeat=5, jitter=0.2, shear=0.02)))
    assert 3.2 < valley < 3.8


def test_a_tiny_cluster_has_a_distribution() -> None:
    found = pair_distribution(close_packed(0, radius=3.2))
    assert np.isfinite(found.g).all()
    assert found.counts.sum() > 0


@pytest.mark.parametrize("step", [0.0, -0.1, np.nan, 30.0])
def test_a_step_is_a_length(step: float) -> None:
    with pytest.raises(InputError, match="step"):
        pair_counts(close_packed(0), 10.0, step)
