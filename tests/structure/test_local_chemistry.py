"""Local Warren-Cowley parameters and their map: ordered alloys, random ones, slow counts."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.build import bulk
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.io import read_volume
from aet_port.structure import (
    ChemicalMap,
    LocalChemistry,
    analyze,
    atom_quantities,
    chemical_map,
    local_chemical_order,
    write_chemical_map,
)
from aet_port.structure.short_range import ShortRangeOrder
from tests.structure.samples import moved, shaken_box


def ordered(kind: str, repeat: int = 4) -> ase.Atoms:
    """L1_2 (Cu3Au), L1_0 (CuAu) or B2 (CuZn)."""
    if kind == "B2":
        return bulk("CuZn", "cesiumchloride", a=3.0, cubic=True).repeat(repeat)
    unit = bulk("Cu", "fcc", a=3.75, cubic=True)  # the corner, then the three faces
    unit.symbols = ["Au", "Cu", "Cu", "Cu"] if kind == "L1_2" else ["Au", "Au", "Cu", "Cu"]
    if kind == "L1_0":
        unit.symbols = ["Au" if z == 0 else "Cu" for z in unit.positions[:, 2]]
    return unit.repeat(repeat)


# Radius, then alpha of each pair of an atom of the first group and of the second.
EXACT: dict[str, tuple[float, list[list[float]]]] = {
    "L1_2": (3.2, [[1, -1 / 3], [-1 / 3, 1 / 9]]),  # Au: 12 Cu; Cu: 4 Au, 8 Cu
    "L1_0": (3.2, [[1 / 3, -1 / 3], [-1 / 3, 1 / 3]]),  # 4 alike, 8 unlike
    "B2": (2.8, [[1, -1], [-1, 1]]),  # 8 unlike
}
SECOND = {"L1_2": -1 / 3, "B2": 1 / 7}  # of an Au, or Cu, with its kind, in two shells


def random_alloy(seed: int, repeat: int = 6) -> ase.Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(repeat)
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    atoms.symbols = rng.permutation(["Co", "Ni", "Ni", "Pd"] * (len(atoms) // 4))
    return atoms


def slow_counts(atoms: ase.Atoms, radius: float, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Neighbours by group, every pair and every near image looked at."""
    symbols = np.array(atoms.get_chemical_symbols())
    turns = [[-1, 0, 1] if p else [0] for p in atoms.pbc]
    shifts = [(i, j, k) for i in turns[0] for j in turns[1] for k in turns[2]]
    counts = np.zeros((len(atoms), len(names)), dtype=int)
    for i, place in enumerate(atoms.positions):
        for shift in shifts:
            away = atoms.positions + np.array(shift) @ np.asarray(atoms.cell) - place
            near = np.linalg.norm(away, axis=1) <= radius
            if shift == (0, 0, 0):
                near[i] = False
            counts[i] += [int((near & (symbols == name)).sum()) for name in names]
    return counts


def slow_value(
    atoms: ase.Atoms, local: LocalChemistry, place: NDArray[np.float64], sigma: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Parameters and effective numbers of centres at one place, and how near the next atom is."""
    g = len(local.names)
    turns = [range(-2, 3) if p else [0] for p in atoms.pbc]  # it may lie outside of a skewed cell
    shifts = np.array([(i, j, k) for i in turns[0] for j in turns[1] for k in turns[2]])
    away = atoms.positions[:, None] + shifts @ np.asarray(atoms.cell) - place
    distance = np.linalg.norm(away, axis=2)
    weight = np.where(distance <= 3 * sigma, np.exp(-(distance**2) / (2 * sigma**2)), 0)
    values, numbers = np.full((g, g), np.nan), np.zeros(g)
    for a in range(g):
        of = local.group == a
        w = weight[of]
        if not w.any():
            continue
        numbers[a] = w.sum() ** 2 / (w**2).sum()
        bonds = (w.sum(axis=1)[:, None] * local.neighbours[of]).sum(axis=0)
        values[a] = 1 - bonds / (bonds.sum() * local.concentration)
    return values, numbers, float(distance.min())


def check_map(found: ChemicalMap, atoms: ase.Atoms, local: LocalChemistry) -> int:
    """Compare some voxels with the slow way; how many of them have a value."""
    rng = np.random.default_rng(0)
    stated = 0
    shape = found.values.shape[2:]
    for voxel in rng.integers(0, shape, (60, 3)):
        place = found.origin + found.voxel_size * voxel
        expected, numbers, nearest = slow_value(atoms, local, place, found.sigma)
        if nearest > local.radius:
            numbers[:] = 0
        expected[numbers < 10] = np.nan
        # Single precision, of numbers of order one; of up to a hundred.
        np.testing.assert_allclose(found.values[:, :, *voxel], expected, atol=1e-6)
        np.testing.assert_allclose(found.centres[:, *voxel], numbers, rtol=1e-6)
        stated += int(np.isfinite(expected).any())
    return stated


@pytest.mark.parametrize("kind", EXACT)
@pytest.mark.parametrize("seed", [None, 2])
def test_ordered_alloys_are_exact(kind: str, seed: int | None) -> None:
    atoms = ordered(kind) if seed is None else moved(ordered(kind), seed)
    radius, expected = EXACT[kind]
    found = local_chemical_order(atoms, radius)
    np.testing.assert_allclose(
        found.warren_cowley, np.array(expected)[found.group], atol=1e-14
    )  # rounding of a ratio of whole numbers
    summary = found.summary()
    a, b = found.names
    assert summary[f"{a}-{b}"]["mean"] == pytest.approx(expected[0][1], abs=1e-6)
    assert summary[f"{a}-{b}"]["sd"] == pytest.approx(0, abs=1e-6)
    if kind in SECOND:
        wide = local_chemical_order(atoms, {"L1_2": 4.5, "B2": 3.6}[kind])
        alike = wide.warren_cowley[wide.group == 0, 0]
        np.testing.assert_allclose(alike, SECOND[kind], atol=1e-14)


@pytest.mark.parametrize("periodic", [(True,) * 3, (True, True, False), (False,) * 3])
def test_counts_are_those_of_all_pairs(periodic: tuple[bool, ...]) -> None:
    atoms = shaken_box(5, repeat=3)
    atoms.symbols = np.random.default_rng(1).choice(["Cu", "Ta", "Zr"], len(atoms))
    atoms.pbc = periodic
    found = local_chemical_order(atoms, 3.9)
    assert found.names == ("Cu", "Ta", "Zr")
    np.testing.assert_array_equal(found.neighbours, slow_counts(atoms, 3.9, found.names))
    total = found.neighbours.sum(axis=1)
    alone = total == 0
    c = [np.mean(atoms.symbols == name) for name in found.names]
    expected = 1 - found.neighbours[~alone] / total[~alone][:, None] / c
    np.testing.assert_allclose(found.warren_cowley[~alone], expected, atol=1e-12)
    assert np.isnan(found.warren_cowley[alone]).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_random_alloy_is_zero_within_its_error(seed: int) -> None:
    found = local_chemical_order(random_alloy(seed), 3.1)
    for one in found.summary().values():
        # Each bond of a pair is seen from both ends, hence up to twice the variance; 4 sigma.
        error = np.sqrt(2) * one["random_sd"] / np.sqrt(one["atoms"])
        assert abs(one["mean"]) < 4 * error
        assert one["sd"] == pytest.approx(one["random_sd"], rel=0.15)


def test_map_of_an_ordered_alloy_is_the_same_everywhere() -> None:
    atoms = ordered("L1_2")
    local = local_chemical_order(atoms, 3.2)
    found = chemical_map(atoms, local, voxel_size=0.9)
    assert found.values.shape == (2, 2, 17, 17, 17)
    assert found.sigma == 3.2
    for pair, expected in (("Au-Au", 1), ("Au-Cu", -1 / 3), ("Cu-Au", -1 / 3), ("Cu-Cu", 1 / 9)):
        np.testing.assert_allclose(found.of(pair), expected, atol=1e-6)  # single precision


@pytest.mark.parametrize("case", ["ball", "box", "film"])
def test_map_is_that_of_a_sum_over_all_atoms(case: str) -> None:
    if case == "ball":
        atoms = random_alloy(1)
        middle = atoms.positions - atoms.positions.mean(axis=0)
        atoms = atoms[np.linalg.norm(middle, axis=1) < 10]
        atoms.pbc, atoms.cell = False, np.zeros((3, 3))
    else:
        atoms = shaken_box(2, repeat=4, jitter=0.1)
        atoms.symbols = np.random.default_rng(1).choice(["Cu", "Ta"], len(atoms))
        atoms.pbc = (True, True, case == "box")
    local = local_chemical_order(atoms, 3.5)
    found = chemical_map(atoms, local, sigma=2.6, voxel_size=1.3)
    assert check_map(found, atoms, local) > 20
    assert case == "box" or np.isnan(found.values).any()  # corners outside of the sample


def test_a_wide_gaussian_gives_the_parameter_of_the_sample() -> None:
    atoms = random_alloy(3)
    atoms.pbc = False
    local = local_chemical_order(atoms, 3.1)
    found = chemical_map(atoms, local, sigma=500.0, voxel_size=10.0)
    pairs = np.stack([local.neighbours[local.group == i].sum(axis=0) for i in range(3)])
    expected = 1 - pairs / pairs.sum(axis=1)[:, None] / local.concentration
    # Weights of atoms up to 19 angstrom away differ from 1 by at most 0.07 %.
    np.testing.assert_allclose(found.values[:, :, 1, 1, 1], expected, atol=1e-3)


def test_domains_show_on_the_map() -> None:
    """One half ordered, the other random, of the same composition."""
    atoms = ordered("L1_0", 8)
    right = np.flatnonzero(atoms.positions[:, 0] > atoms.cell[0, 0] / 2 - 0.1)
    atoms.numbers[right] = np.random.default_rng(0).permutation(atoms.numbers[right])
    found = chemical_map(atoms, local_chemical_order(atoms, 3.2), voxel_size=2.0)
    middle = found.values.shape[2] // 4
    values = found.of("Au-Cu")
    assert values[middle].max() < -0.3  # -1/3 but for a little from beyond
    assert abs(values[3 * middle].mean()) < 0.05
    axes = found.plot(pair="Au-Cu", index=3)
    assert axes.get_xlabel() == "x (angstrom)"
    with pytest.raises(InputError, match="Au-Pd"):
        found.of("Au-Pd")


@pytest.mark.parametrize("suffix", [".mrc", ".npz"])
def test_files(tmp_path: Path, suffix: str) -> None:
    atoms = ordered("B2", 6)
    atoms.pbc, atoms.cell = False, np.zeros((3, 3))
    found = chemical_map(atoms, local_chemical_order(atoms, 2.8), voxel_size=1.5)
    files = write_chemical_map(tmp_path / f"map{suffix}", found)
    if suffix == ".npz":
        (file,) = files
        with np.load(file) as stored:
            np.testing.assert_array_equal(stored["Cu-Zn"], found.of("Cu-Zn"))
            np.testing.assert_array_equal(stored["Zn_centres"], found.centres[1])
            assert stored["voxel_size"] == 1.5
            np.testing.assert_array_equal(stored["origin"], found.origin)
        return
    names = ("Cu-Cu", "Cu-Zn", "Zn-Cu", "Zn-Zn", "Cu_centres", "Zn_centres")
    assert [file.name for file in files] == [f"map_{name}.mrc" for name in names]
    volume = read_volume(files[1])
    np.testing.assert_array_equal(volume.array, np.nan_to_num(found.of("Cu-Zn")))
    np.testing.assert_allclose(volume.origin, found.origin, atol=1e-5)  # single precision
    assert volume.voxel_size == 1.5


def test_in_an_analysis_and_its_arrays() -> None:
    atoms = random_alloy(0, repeat=4)
    found = analyze(atoms)
    assert isinstance(found.order, ShortRangeOrder)
    assert found.local_chemistry is not None
    assert found.local_chemistry.radius == found.cutoff
    assert "chemical_radius" not in found.parameters
    wide = analyze(atoms, chemical_radius=5.6)
    assert wide.local_chemistry is not None
    assert wide.parameters["chemical_radius"] == wide.local_chemistry.radius == 5.6
    assert wide.summary()["local_chemical_order"]["Co-Ni"]["atoms"] == 64
    named = atom_quantities(atoms, found).arrays
    alpha = found.local_chemistry.warren_cowley
    np.testing.assert_array_equal(named["warren_cowley_Ni"], alpha[:, 1])
    assert analyze(atoms, cutoff=3.1, order=False).local_chemistry is None
    atoms.symbols = "Ni256"
    pure = atom_quantities(atoms, analyze(atoms, cutoff=3.1)).arrays
    assert not any(name.startswith("warren") for name in pure)


def test_types_are_groups() -> None:
    atoms = ordered("B2")
    found = local_chemical_order(atoms, 2.8, groups=np.arange(len(atoms)) % 2 + 1)
    assert found.names == ("1", "2")
    np.testing.assert_array_equal(found.warren_cowley[0], [1, -1])


def test_what_cannot_be_used() -> None:
    atoms = ordered("B2")
    with pytest.raises(InputError, match="radius"):
        local_chemical_order(atoms, 7.0)
    with pytest.raises(InputError, match="chemical_radius"):
        analyze(atoms, chemical_radius=7.0)
    with pytest.raises(InputError, match="128 atoms"):
        local_chemical_order(atoms, 2.8, groups=["a"])
    local = local_chemical_order(atoms, 2.8)
    with pytest.raises(InputError, match="these 10"):
        chemical_map(atoms[:10], local)
    with pytest.raises(InputError, match="map_sigma"):
        chemical_map(atoms, local, sigma=0.0)
    with pytest.raises(InputError, match="20000000 voxels"):
        chemical_map(atoms, local, voxel_size=0.01)
    found = chemical_map(atoms, local, voxel_size=4.0)
    with pytest.raises(InputError, match="npz"):
        write_chemical_map("map.txt", found)
