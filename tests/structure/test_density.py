"""Mass density against handbook values and a slow sum of Gaussians."""

from __future__ import annotations

from itertools import product

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.pairs import density
from aet_port.structure.pairs.density import (
    GRAMS_PER_CC,
    DensityMap,
    atom_density,
    density_gain,
    density_map,
)
from aet_port.structure.voronoi.analysis import voronoi_analysis
from tests.structure.samples import close_packed, icosahedron, shaken_box


def slow_value(
    atoms: ase.Atoms, volumes: np.ndarray, found: DensityMap, voxel: tuple[int, ...]
) -> tuple[float, float]:
    """Density in one voxel and the filled share, by the definition."""
    place = found.origin + np.array(voxel) @ found.axes
    ranges = [range(-3, 4) if p else range(1) for p in atoms.pbc]
    mass = filled = 0.0
    for shift in product(*ranges):
        away = atoms.positions + np.array(shift) @ np.asarray(atoms.cell) - place
        gauss = np.exp(-(away**2).sum(axis=1) / (2 * found.sigma**2))
        gauss /= (2 * np.pi * found.sigma**2) ** 1.5
        mass += float(np.nansum(gauss * atoms.get_masses() * np.isfinite(volumes)))
        filled += float(np.nansum(gauss * volumes))
    return mass / filled * GRAMS_PER_CC, filled


@pytest.mark.parametrize(("name", "lattice", "a", "handbook"), [
    ("Ta", "bcc", 3.301, 16.69), ("Cu", "fcc", 3.615, 8.96), ("Pt", "fcc", 3.924, 21.45),
])  # fmt: skip
def test_densities_of_metals(name: str, lattice: str, a: float, handbook: float) -> None:
    atoms = bulk(name, lattice, a=a).repeat(3)
    volumes = voronoi_analysis(atoms).volume
    # Lattice constants of four digits.
    np.testing.assert_allclose(atom_density(atoms, volumes), handbook, rtol=3e-3)
    everywhere = density_map(atoms, volumes, voxel_size=0.8, sigma=2.0)
    np.testing.assert_allclose(everywhere.values, handbook, rtol=3e-3)


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_a_triclinic_box_against_the_definition(seed: int) -> None:
    atoms = shaken_box(seed, repeat=2)
    volumes = voronoi_analysis(atoms).volume
    found = density_map(atoms, volumes, voxel_size=0.9, sigma=2.0)
    steps = np.array(found.values.shape)
    np.testing.assert_allclose(found.axes * steps[:, None], np.asarray(atoms.cell), atol=1e-12)
    assert (np.linalg.norm(found.axes, axis=1) <= 0.9).all()
    for voxel in ((0, 0, 0), (3, 5, 1), tuple(steps - 1)):
        # The Gaussian that carries atoms to the grid ends after six voxels.
        expected, filled = slow_value(atoms, volumes, found, voxel)
        assert found.values[voxel] == pytest.approx(expected, rel=1e-6)
        assert filled == pytest.approx(1, abs=0.2)


def test_a_particle_against_the_definition() -> None:
    atoms = close_packed(1, radius=10)
    volumes = voronoi_analysis(atoms).volume
    volumes[volumes > 30] = np.nan
    found = density_map(atoms, volumes, voxel_size=1.3, sigma=2.7)
    assert 0.02 < np.isfinite(found.values).mean() < 0.5
    for voxel in product(*(range(0, m, 4) for m in found.values.shape)):
        expected, filled = slow_value(atoms, volumes, found, voxel)
        # Tails beyond four standard deviations come back on the other side of the grid.
        if abs(filled - 0.5) > 1e-4:
            assert np.isfinite(found.values[voxel]) == (filled >= 0.5)
        if filled > 0.51:
            assert found.values[voxel] == pytest.approx(expected, rel=1e-4)


def test_a_film_is_nan_above_and_below() -> None:
    atoms = shaken_box(2, repeat=3, shear=0.0)
    volumes = voronoi_analysis(atoms).volume
    atoms.set_pbc([True, True, False])
    found = density_map(atoms, volumes, voxel_size=1.0, sigma=2.0)
    assert np.isnan(found.values[:, :, [0, -1]]).all()
    assert np.isfinite(found.values[:, :, found.values.shape[2] // 2]).all()


def test_a_map_moves_with_a_periodic_shift() -> None:
    atoms = shaken_box(4, repeat=2)
    volumes = voronoi_analysis(atoms).volume
    one = density_map(atoms, volumes)
    other = atoms.copy()
    other.positions += one.axes[0] * 2 - one.axes[2] * 3 + np.asarray(atoms.cell)[1]
    two = density_map(other, volumes)
    np.testing.assert_allclose(np.roll(one.values, (2, -3), (0, 2)), two.values, rtol=1e-11)


def test_atoms_without_a_density_are_nan_and_left_out() -> None:
    atoms = icosahedron()
    volumes = voronoi_analysis(atoms).volume
    found = atom_density(atoms, volumes)
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()
    unknown = ase.Atoms(["X"] * 13, positions=atoms.positions)
    assert np.isnan(atom_density(unknown, volumes)).all()
    unknown.set_masses([7.0] * 13)
    assert atom_density(unknown, volumes)[0] == pytest.approx(7 / volumes[0] * GRAMS_PER_CC)
    everywhere = density_map(atoms, volumes, voxel_size=0.5, sigma=1.0)
    inside = np.isfinite(everywhere.values)
    # One atom: the ratio is its own density wherever there is any.
    np.testing.assert_allclose(everywhere.values[inside], found[0], rtol=1e-9)
    assert inside.any()


def test_kernels_in_plain_python() -> None:
    rng = np.random.default_rng(0)
    places, weight = rng.uniform(-3, 12, (4, 3)), rng.uniform(1, 2, 4)
    fast, slow = np.zeros((9, 7, 8)), np.zeros((9, 7, 8))
    density._deposit(places, weight, fast)
    density._deposit.py_func(places, weight, slow)
    np.testing.assert_allclose(fast, slow, rtol=1e-12)
    assert fast.sum() == pytest.approx(weight.sum(), rel=1e-8)  # Gaussians end after six voxels
    waves = [rng.uniform(-0.5, 0.5, m) for m in (3, 4, 2)]
    reciprocal = rng.normal(size=(3, 3))
    np.testing.assert_allclose(
        density._remaining(*waves, reciprocal, 2.0),
        density._remaining.py_func(*waves, reciprocal, 2.0),
        rtol=1e-12,
    )


VOLUMES = np.full(13, 15.0)


@pytest.mark.parametrize(
    ("volumes", "options", "named"),
    [
        (VOLUMES[:5], {}, "volumes"),
        (VOLUMES * 0, {}, "volumes"),
        (VOLUMES * np.inf, {}, "volumes"),
        (VOLUMES * np.nan, {}, "no atom with both"),
        (VOLUMES, {"voxel_size": 0.0}, "voxel_size"),
        (VOLUMES, {"sigma": float("nan")}, "sigma"),
        (VOLUMES, {"sigma": 1.5}, "at least 2 voxels"),
        (VOLUMES, {"voxel_size": 0.01}, "at most 20000000 voxels"),
    ],
)
def test_bad_input_is_named(volumes: np.ndarray, options: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        density_map(icosahedron(), volumes, **options)


def test_the_gain_of_some_atoms_over_all() -> None:
    atoms = ase.Atoms("Ta4Pd2", positions=np.arange(18.0).reshape(6, 3))
    volumes = np.array([16.0, 20.0, 18.0, np.nan, 15.0, 15.0])
    among = np.array([True, True, True, True, True, False])
    packed = np.array([True, False, False, True, True, True])
    ta, pd = atoms.get_masses()[[0, 4]]
    # Of the packed, atom 3 has no volume and atom 5 is not counted.
    expected = (ta + pd) / (16 + 15) / ((3 * ta + pd) / (16 + 20 + 18 + 15)) - 1
    assert density_gain(atoms, volumes, packed, among) == pytest.approx(expected, rel=1e-12)
    assert density_gain(atoms, volumes, among, among) == pytest.approx(0, abs=1e-12)
    assert np.isnan(density_gain(atoms, volumes, ~among, among))
    with pytest.raises(InputError, match="packed: found int64"):
        density_gain(atoms, volumes, packed.astype(np.int64), among)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"among: found bool of shape \(5,\)"):
        density_gain(atoms, volumes, packed, among[:5])
