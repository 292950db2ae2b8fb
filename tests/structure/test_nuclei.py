from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure.bonds.nuclei import (
    crystalline_atoms,
    find_nuclei,
    interface_width,
    surface_distance,
)
from aet_port.structure.bonds.orientational import bond_order
from matlab_reference import golden_path
from tests.structure.samples import close_packed, moved, shaken_box

CUTOFF = 3.5


def crystal_in_a_matrix(seed: int = 0, radius: float = 9.0, pbc: bool = True) -> ase.Atoms:
    """Cube of a strongly shaken close packing with a ball of the unshaken one in its middle."""
    atoms = bulk("Ta", "fcc", a=2.86 * np.sqrt(2), cubic=True).repeat(8)
    middle = np.diag(atoms.cell) / 2
    outside = np.linalg.norm(atoms.positions - middle, axis=1) > radius
    rng = np.random.default_rng(seed)
    atoms.positions[outside] += rng.normal(0, 0.55, (outside.sum(), 3))
    atoms.set_array("inside", ~outside)
    atoms.set_pbc(pbc)
    return atoms


@pytest.mark.parametrize("pbc", [True, False])
def test_a_crystal_in_a_matrix_is_found(pbc: bool) -> None:
    atoms = crystal_in_a_matrix(pbc=pbc)
    order = bond_order(atoms, CUTOFF).normalised
    nuclei = find_nuclei(atoms, order, CUTOFF)
    largest = nuclei.label == 0
    distance = np.linalg.norm(atoms.positions - np.diag(atoms.cell) / 2, axis=1)
    # All whose neighbours' neighbours are in the ball, most of the rest of it, and of the matrix
    # only atoms that touch it.
    assert largest[distance < 9.0 - 2 * CUTOFF].all()
    assert largest[atoms.get_array("inside")].mean() > 0.8
    assert distance[largest].max() < 9.0 + CUTOFF
    assert nuclei.size[0] == largest.sum() > 0.9 * nuclei.crystalline.sum()
    assert nuclei.size.sum() == nuclei.crystalline.sum()
    np.testing.assert_array_equal(nuclei.label >= 0, nuclei.crystalline)
    np.testing.assert_array_equal(
        nuclei.size, np.bincount(nuclei.label[nuclei.crystalline], minlength=len(nuclei))
    )


def test_golden_of_the_choice_of_atoms() -> None:
    """In its dense cluster no atom is scattered; the rule shows in the next test."""
    golden = loadmat(golden_path("am__Main_2.crystal_amorphous_split__cluster150.mat"))
    positions = golden["in_model"].T
    atoms = ase.Atoms(["Pd"] * len(positions), positions=positions)
    found = crystalline_atoms(atoms, golden["in_order"][0])
    expected = np.sort(golden["out_ind_crystal"].ravel().astype(int) - 1)
    np.testing.assert_array_equal(np.flatnonzero(found), expected)


def test_the_rule_on_scattered_atoms_by_hand() -> None:
    """13 atoms in a clump, one 7 angstrom off it, one alone, and a matrix far away."""
    rng = np.random.default_rng(0)
    clump = [[i, j, k] for i in (0, 2.5) for j in (0, 2.5) for k in (0, 2.5, 5)]
    clump.append([1.25, 1.25, 7.0])
    near, alone = [1.25, 1.25, 12.0], [0.0, 0, 30.0]
    matrix = rng.uniform(40, 60, (20, 3))
    atoms = ase.Atoms("Ta35", positions=[*clump, near, alone, *matrix])
    order = np.where(np.arange(35) < 15, 0.8, 0.1)
    found = crystalline_atoms(atoms, order)
    # The 13 see each other within 8; the next has 5 of them there and is brought back.
    assert np.flatnonzero(found).tolist() == list(range(14))
    # One atom fewer and nobody has company of 13.
    fewer = order.copy()
    fewer[0] = 0.1
    fewer[13] = 0.1
    assert crystalline_atoms(atoms, fewer).sum() == 0
    assert crystalline_atoms(atoms, fewer, scattered=False).sum() == 13


def test_the_threshold_itself_is_crystalline_and_nan_is_not() -> None:
    atoms = close_packed(0)
    order = np.full(len(atoms), 0.4)
    order[:3] = [0.5, np.nextafter(0.5, 0), np.nan]
    found = crystalline_atoms(atoms, order, scattered=False)
    assert np.flatnonzero(found).tolist() == [0]
    assert crystalline_atoms(atoms, order, threshold=0.4, scattered=False).sum() == len(atoms) - 1


def test_nuclei_are_connected_by_bonds_and_numbered_by_size() -> None:
    clumps = [np.arange(n)[:, None] * [2.5, 0, 0] + [0, 20.0 * k, 0] for k, n in enumerate([2, 4])]
    clumps.append(np.arange(2)[:, None] * [2.5, 0, 0] + [0, 40.0, 0])
    atoms = ase.Atoms("Ta8", positions=np.vstack(clumps))
    nuclei = find_nuclei(atoms, np.ones(8), 3.0, scattered=False)
    assert nuclei.size.tolist() == [4, 2, 2]
    assert nuclei.label.tolist() == [1, 1, 0, 0, 0, 0, 2, 2]
    none = find_nuclei(atoms, np.zeros(8), 3.0)
    assert len(none) == 0
    assert none.label.tolist() == [-1] * 8
    # Across a periodic face: the two ends of the row of four meet.
    atoms.set_cell([10.5, 80, 20])
    atoms.set_pbc([True, False, False])
    ends = np.isin(np.arange(8), [2, 5])
    assert find_nuclei(atoms, ends.astype(float), 3.2, scattered=False).size.tolist() == [2]


def test_distance_to_the_surface() -> None:
    atoms = crystal_in_a_matrix()
    crystalline = atoms.get_array("inside")
    found = surface_distance(atoms, crystalline, CUTOFF)
    vectors = atoms.positions[:, None] - atoms.positions
    vectors -= np.round(vectors / np.diag(atoms.cell)) * np.diag(atoms.cell)
    separation = np.linalg.norm(vectors, axis=2)
    touching = (separation < CUTOFF) & (crystalline[:, None] != crystalline)
    surface = touching.any(axis=1) & crystalline
    nearest = separation[:, surface].min(axis=1)
    np.testing.assert_allclose(found, np.where(crystalline, -nearest, nearest), atol=1e-12)
    assert (found[surface] == 0).all()
    assert found[crystalline & ~surface].max() < 0 < found[~crystalline].min()


def test_distance_reaches_across_a_large_box() -> None:
    """The nearest image of the surface is looked for as far as it takes."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(0, 60, 6.0)] * 3), axis=-1).reshape(-1, 3)
    atoms = ase.Atoms(
        ["Ta"] * len(grid),
        positions=grid + rng.uniform(0, 0.5, grid.shape),
        cell=[60] * 3,
        pbc=True,
    )
    crystalline = np.zeros(len(atoms), dtype=bool)
    crystalline[0] = True
    expected = atoms.get_distances(0, np.arange(len(atoms)), mic=True)
    np.testing.assert_allclose(surface_distance(atoms, crystalline, 7.0), expected, atol=1e-12)


def test_without_a_surface_there_is_no_distance() -> None:
    atoms = close_packed(0)
    for crystalline in (np.zeros(len(atoms), dtype=bool), np.ones(len(atoms), dtype=bool)):
        assert np.isnan(surface_distance(atoms, crystalline, CUTOFF)).all()
    apart = close_packed(0) + ase.Atoms("Ta", positions=[[80.0, 0, 0]])
    lone = np.arange(len(apart)) == len(apart) - 1
    assert np.isnan(surface_distance(apart, lone, CUTOFF)).all()


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered(seed: int) -> None:
    atoms = crystal_in_a_matrix(seed, radius=7)
    atoms.set_array("number", np.arange(len(atoms)))
    other = moved(atoms, seed + 1)
    back = np.argsort(other.get_array("number"))
    results = []
    for sample, order in ((atoms, slice(None)), (other, back)):
        boo = bond_order(sample, CUTOFF).normalised
        nuclei = find_nuclei(sample, boo, CUTOFF)
        distance = surface_distance(sample, nuclei.crystalline, CUTOFF)
        results.append((nuclei.crystalline[order], nuclei.size, distance[order], boo[order]))
    (one, sizes, near, boo), (two, other_sizes, other_near, other_boo) = results
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(sizes, other_sizes)
    # Rounding of the coordinates, 1e-14.
    np.testing.assert_allclose(near, other_near, atol=1e-11)
    width, other_width = interface_width(boo, near), interface_width(other_boo, other_near)
    assert width.atoms == other_width.atoms
    np.testing.assert_allclose(width.width, other_width.width, rtol=1e-9)


@pytest.mark.parametrize("width", [1.5, 3.0, 4.5])
def test_an_exponential_is_recovered(width: float) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(200), rng.uniform(0, 30, 3000), rng.uniform(-8, 0, 300)])
    order = 0.25 + 0.35 * np.exp(-x / width)
    found = interface_width(order, x)
    # Nothing but rounding in the data.
    assert found.width == pytest.approx(width, rel=1e-9)
    assert found.surface == pytest.approx(0.6, rel=1e-9)
    assert found.far == pytest.approx(0.25, rel=1e-9)
    assert found.atoms == ((x >= 0) & (x < 15)).sum()
    noisy = order + rng.normal(0, 0.05, len(x))
    noisy[5] = np.nan
    again = interface_width(noisy, x)
    # The fit's own standard error, found from 200 seeds: up to 0.11 at the widest.
    assert again.width == pytest.approx(width, abs=0.5)
    assert again.atoms == found.atoms - 1
    # Without the atoms on the surface the same curve is continued to it.
    beyond = interface_width(order[x > 2], x[x > 2])
    assert beyond.width == pytest.approx(width, rel=1e-7)
    assert beyond.surface == pytest.approx(0.6, rel=1e-7)


def test_no_decay_has_no_width() -> None:
    x = np.linspace(0, 20, 400)
    curves = [np.full(400, 0.3), 0.3 + 0.01 * x, 0.5 - 0.01 * x, np.where(x == 0, 0.6, 0.3)]
    for order in curves:
        found = interface_width(order, x)
        assert np.isnan([found.width, found.surface, found.far]).all()
    few = interface_width(np.exp(-x[:9]), x[:9])
    assert np.isnan(few.width)
    assert few.atoms == 9
    assert np.isnan(interface_width(np.ones(400), np.full(400, np.nan)).width)


def test_bad_input_is_named() -> None:
    atoms = close_packed(0)
    order = np.ones(len(atoms))
    with pytest.raises(InputError, match="order: found shape"):
        crystalline_atoms(atoms, order[1:])
    with pytest.raises(InputError, match="threshold: found nan"):
        crystalline_atoms(atoms, order, threshold=np.nan)
    with pytest.raises(InputError, match="surroundings of a crystalline atom"):
        crystalline_atoms(shaken_box(0, repeat=2), np.ones(32))
    with pytest.raises(InputError, match="at least 5"):
        crystalline_atoms(atoms[:4], order[:4])
    with pytest.raises(InputError, match="cutoff: found -1"):
        find_nuclei(atoms, order, -1)
    with pytest.raises(InputError, match="one boolean for each"):
        surface_distance(atoms, order, CUTOFF)
    with pytest.raises(InputError, match="one number of each for every atom"):
        interface_width(order, order[1:])
    with pytest.raises(InputError, match="reach: found 0"):
        interface_width(order, order, reach=0.0)
