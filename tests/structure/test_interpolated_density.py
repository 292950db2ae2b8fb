"""The film paper's map of the density: crystals, mass, and a slow convolution."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.build import bulk
from scipy.spatial.transform import Rotation

from aet_port.core.errors import InputError
from aet_port.io import read_volume
from aet_port.structure import analyze, interpolated_density, write_density_map
from aet_port.structure.pairs.density import GRAMS_PER_CC, DensityMap, atom_density
from aet_port.structure.voronoi.analysis import voronoi_analysis
from tests.structure.samples import close_packed, shaken_box

KINDS = ["linear", "nearest"]


def of_box(atoms: ase.Atoms, sigma: float, **options: object) -> DensityMap:
    return interpolated_density(atoms, voronoi_analysis(atoms).volume, sigma, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "lattice", "a"), [("Ta", "bcc", 3.301), ("Cu", "fcc", 3.615), ("Po", "sc", 3.359)]
)
def test_a_perfect_crystal_is_exact_everywhere(
    name: str, lattice: str, a: float, kind: str
) -> None:
    """Also in a primitive, triclinic cell: mass of the species over the volume of an atom."""
    for cubic in (True, False):
        atoms = bulk(name, lattice, a=a, cubic=cubic).repeat(2 if cubic else 3)
        expected = atoms.get_masses().sum() / atoms.get_volume() * GRAMS_PER_CC
        found = of_box(atoms, 3.0, interpolation=kind)
        # Sums of thousands of equal numbers.
        np.testing.assert_allclose(found.values, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_crystalline_particle_has_the_density_of_the_crystal_up_to_its_surface(kind: str) -> None:
    crystal = bulk("Cu", "fcc", a=3.615, cubic=True).repeat(6)
    crystal.positions -= crystal.positions.mean(axis=0)
    ball = crystal[np.linalg.norm(crystal.positions, axis=1) < 9]
    atoms = ase.Atoms(ball.symbols, Rotation.random(random_state=3).apply(ball.positions))
    volumes = np.full(len(atoms), 3.615**3 / 4)
    volumes[np.linalg.norm(atoms.positions, axis=1) > 7.5] = np.nan
    found = interpolated_density(atoms, volumes, 2.556, interpolation=kind)  # type: ignore[arg-type]
    inside = np.isfinite(found.values)
    expected = 63.546 / (3.615**3 / 4) * GRAMS_PER_CC
    np.testing.assert_allclose(found.values[inside], expected, rtol=1e-9)
    # A voxel belongs to the sample if its nearest atom has a density and is near.
    steps = np.stack(np.indices(found.values.shape), axis=-1).reshape(-1, 3)
    away = np.linalg.norm((found.origin + steps @ found.axes)[:, None] - atoms.positions, axis=2)
    nearest = away.argmin(axis=1)
    belongs = np.isfinite(volumes[nearest]) & (away.min(axis=1) <= 2.556)
    np.testing.assert_array_equal(inside.ravel(), belongs)


def test_the_map_integrates_to_the_mass() -> None:
    """The Gaussian moves mass but keeps it; voxels of 0.25 angstrom measure cells to 0.3 %."""
    atoms = shaken_box(1, repeat=2)
    mass = atoms.get_masses().sum() * GRAMS_PER_CC
    found = of_box(atoms, 2.5, voxel_size=0.25, interpolation="nearest")
    assert found.values.sum() * abs(np.linalg.det(found.axes)) == pytest.approx(mass, rel=3e-3)
    # Interpolated along straight lines it is the mass only on average.
    linear = of_box(atoms, 2.5, voxel_size=0.5)
    assert linear.values.sum() * abs(np.linalg.det(linear.axes)) == pytest.approx(mass, rel=0.05)


def test_a_box_against_the_definition() -> None:
    """Nearest atoms and weights over all images, one voxel at a time."""
    atoms = shaken_box(2, repeat=2)
    volumes = voronoi_analysis(atoms).volume
    found = interpolated_density(atoms, volumes, 2.0, voxel_size=1.0, interpolation="nearest")
    own = atom_density(atoms, volumes)
    cell = np.asarray(atoms.cell)
    images = np.concatenate(
        [atoms.positions + np.array(n) @ cell for n in product((-1, 0, 1), repeat=3)]
    )
    steps = np.stack(np.indices(found.values.shape), axis=-1).reshape(-1, 3)
    places = found.origin + steps @ found.axes
    nearest = np.linalg.norm(places[:, None] - images, axis=2).argmin(axis=1) % len(atoms)
    for voxel in ((0, 0, 0), (3, 1, 4), tuple(np.array(found.values.shape) - 1)):
        place = found.origin + np.array(voxel) @ found.axes
        weights = np.zeros(len(places))
        for n in product(range(-2, 3), repeat=3):
            away = places + np.array(n) @ cell - place
            weights += np.exp(-(away**2).sum(axis=1) / (2 * 2.0**2))
        expected = (weights * own[nearest]).sum() / weights.sum()
        # A Gaussian of two voxels is kept by the grid to 1e-8.
        assert found.values[voxel] == pytest.approx(expected, rel=1e-7)


def test_a_turned_particle_has_the_same_density() -> None:
    atoms = close_packed(4, radius=9)
    found = analyze(atoms)
    assert found.order is not None
    volumes = found.order.inner_volumes
    assert (np.isnan(volumes) == (found.order.surface | ~found.order.voronoi.closed)).all()
    means = []
    for seed in range(3):
        turned = atoms.copy()
        turned.positions = Rotation.random(random_state=seed).apply(atoms.positions)
        values = interpolated_density(turned, volumes, 3.0, voxel_size=0.7).values
        means.append([np.nanmean(values), np.nanstd(values)])
    # Some thousand voxels on other places each time.
    np.testing.assert_allclose(np.array(means)[:, 0], means[0][0], rtol=2e-3)
    np.testing.assert_allclose(np.array(means)[:, 1], means[0][1], rtol=0.05)


def test_files(tmp_path: Path) -> None:
    atoms = close_packed(1, radius=8)
    volumes = voronoi_analysis(atoms).volume
    volumes[volumes > 30] = np.nan
    found = interpolated_density(atoms, volumes, 3.0)
    volume = read_volume(write_density_map(tmp_path / "map.mrc", found))
    np.testing.assert_allclose(volume.array, np.nan_to_num(found.values), rtol=1e-6)
    np.testing.assert_allclose(volume.origin, found.origin, atol=1e-4)  # single precision
    assert volume.voxel_size == pytest.approx(found.axes[0, 0])
    with np.load(write_density_map(tmp_path / "map.npz", found)) as stored:
        np.testing.assert_allclose(stored["density"], found.values, rtol=1e-6)
        np.testing.assert_array_equal(stored["axes"], found.axes)
    oblique = of_box(bulk("Ta", "bcc", a=3.3).repeat(3), 3.0)
    with pytest.raises(InputError, match=r"voxels of this cell.*a name in .npz"):
        write_density_map(tmp_path / "oblique.mrc", oblique)
    with pytest.raises(InputError, match=r"map\.txt"):
        write_density_map(tmp_path / "map.txt", found)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"first_shell": 0.0}, "density_sigma: found 0.0"),
        ({"first_shell": 0.5}, "density_sigma: found 0.5 angstrom on voxels of 1"),
        ({"voxel_size": np.inf}, "density_voxel"),
        ({"voxel_size": 0.01}, "voxel_size: found 0.01 angstrom, a grid of"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"volumes": np.full(55, np.nan)}, "no atom with both"),
    ],
)
def test_what_is_refused(options: dict[str, object], words: str) -> None:
    atoms = close_packed(0, radius=7)
    asked: dict[str, object] = {"volumes": np.full(len(atoms), 15.0), "first_shell": 3.0, **options}
    if "volumes" in options:
        asked["volumes"] = np.full(len(atoms), np.nan)
    with pytest.raises(InputError, match=words):
        interpolated_density(atoms, **asked)  # type: ignore[arg-type]
