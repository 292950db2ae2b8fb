"""Partial coordination numbers and Warren-Cowley parameters on alloys counted by hand."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.bonds.warren_cowley import chemical_order
from aet_port.structure.neighbours import find_neighbours
from aet_port.structure.voronoi.analysis import voronoi_analysis
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box


def cesium_chloride() -> tuple[ase.Atoms, np.ndarray]:
    atoms = bulk("CsCl", "cesiumchloride", a=4.0).repeat(3)
    return atoms, np.array(atoms.get_chemical_symbols())


def test_cesium_chloride_by_a_cutoff_and_by_voronoi_cells() -> None:
    atoms, groups = cesium_chloride()
    near = chemical_order(groups, find_neighbours(atoms, 3.6))
    assert near.names == ("Cl", "Cs")
    np.testing.assert_array_equal(near.fraction, [0.5, 0.5])
    np.testing.assert_array_equal(near.partial_coordination, [[0, 8], [8, 0]])
    np.testing.assert_array_equal(near.coordination, [8, 8])
    # Only unlike neighbours: 1 - 0 and 1 - 8 / (8 / 2).
    np.testing.assert_array_equal(near.warren_cowley, [[1, -1], [-1, 1]])
    cells = chemical_order(groups, voronoi_analysis(atoms))
    np.testing.assert_array_equal(cells.partial_coordination, [[6, 8], [8, 6]])
    np.testing.assert_allclose(cells.warren_cowley, [[1 / 7, -1 / 7], [-1 / 7, 1 / 7]], rtol=1e-14)


def test_a_mask_limits_centres_but_not_neighbours() -> None:
    atoms, groups = cesium_chloride()
    mask = np.zeros(len(atoms), dtype=bool)
    mask[[0, 2, 3]] = True  # two Cs and a Cl
    order = chemical_order(groups, find_neighbours(atoms, 3.6), mask)
    assert order.names == ("Cl", "Cs")
    np.testing.assert_allclose(order.fraction, [1 / 3, 2 / 3])
    np.testing.assert_array_equal(order.partial_coordination, [[0, 8], [8, 0]])
    # The neighbours of two Cs are Cl, those of a Cl are Cs, each with an eighth of its bonds.
    np.testing.assert_allclose(order.concentration, [2 / 3, 1 / 3])
    np.testing.assert_allclose(order.warren_cowley, [[1, 1 - 3], [1 - 3 / 2, 1]])
    of_centres = chemical_order(groups, find_neighbours(atoms, 3.6), mask, of_centres=True)
    np.testing.assert_allclose(of_centres.warren_cowley, [[1, 1 - 3 / 2], [1 - 3, 1]])


def test_a_layer_in_random_surroundings_of_another_composition() -> None:
    """Random within a layer and outside, but of other composition: no order to be seen."""
    atoms = shaken_box(3, repeat=10, jitter=0.1, shear=0)
    rng = np.random.default_rng(3)
    height = atoms.positions[:, 2] / atoms.cell[2, 2] % 1
    layer = np.abs(height - 0.5) < 0.08
    groups = np.where(rng.random(len(atoms)) < np.where(layer, 0.04, 0.9), "Pt", "Ni")
    order = chemical_order(groups, voronoi_analysis(atoms), layer)
    mixed = chemical_order(groups, voronoi_analysis(atoms), layer, of_centres=True)
    i, j = order.names.index("Ni"), order.names.index("Pt")
    assert order.atoms.sum() == layer.sum()
    # Some 700 atoms with 12 neighbours; Pt is a quarter of these.
    assert 0.01 < order.standard_error[i, j] < 0.05
    assert abs(order.warren_cowley[i, j]) < 4 * order.standard_error[i, j]
    assert mixed.warren_cowley[i, j] < -2


def test_all_atoms_counted_have_the_concentrations_of_the_sample() -> None:
    atoms = shaken_box(6, repeat=4)
    groups = np.random.default_rng(6).integers(0, 3, len(atoms))
    order = chemical_order(groups, voronoi_analysis(atoms))
    np.testing.assert_allclose(order.concentration, np.bincount(groups) / len(atoms), rtol=1e-13)
    np.testing.assert_array_equal(order.atoms, np.bincount(groups))


def test_a_group_without_counted_atoms_is_nan() -> None:
    atoms, groups = cesium_chloride()
    order = chemical_order(groups, find_neighbours(atoms, 3.6), groups == "Cs")
    np.testing.assert_array_equal(order.fraction, [0, 1])
    assert np.isnan(order.coordination[0])
    assert order.coordination[1] == 8
    assert np.isnan(order.warren_cowley[0]).all()
    assert np.isnan(order.warren_cowley[1, 0])
    # All neighbours are Cl, whose share in the sample nothing says.
    assert np.isnan(order.warren_cowley[1, 1])
    of_centres = chemical_order(
        groups, find_neighbours(atoms, 3.6), groups == "Cs", of_centres=True
    )
    assert of_centres.warren_cowley[1, 1] == 1


def test_atoms_without_neighbours_have_none_and_no_parameter() -> None:
    nothing = np.empty(0, dtype=int)
    order = chemical_order([1, 1, 2], (nothing, nothing))
    np.testing.assert_array_equal(order.coordination, [0, 0])
    assert np.isnan(order.warren_cowley).all()


def test_open_cells_are_not_counted() -> None:
    atoms = icosahedron()
    groups = np.array([1] + [2] * 12)
    order = chemical_order(groups, voronoi_analysis(atoms))
    np.testing.assert_array_equal(order.fraction, [1, 0])
    np.testing.assert_array_equal(order.partial_coordination[0], [0, 12])
    with pytest.raises(InputError, match="no atom with a closed cell"):
        chemical_order(groups, voronoi_analysis(atoms), groups == 2)


def test_unregulated_neighbours_are_mutual() -> None:
    atoms = shaken_box(5, repeat=4)
    groups = np.random.default_rng(5).integers(0, 3, len(atoms))
    order = chemical_order(groups, voronoi_analysis(atoms, area_fraction=0))
    # Pairs i-j counted from i are the pairs counted from j; counts below 1e4 in double precision.
    pairs = order.partial_coordination * order.fraction[:, None]
    np.testing.assert_allclose(pairs, pairs.T, rtol=1e-13)
    np.testing.assert_allclose(
        (order.warren_cowley * order.concentration).sum(axis=1), 0, atol=1e-13
    )  # sum_j c_j alpha_ij = 1 - sum_j Z_ij / Z_i


def test_a_random_mixture_has_no_order() -> None:
    atoms = shaken_box(9, repeat=8)
    groups = np.random.default_rng(9).integers(0, 2, len(atoms))
    order = chemical_order(groups, voronoi_analysis(atoms))
    # 2048 atoms with 13 neighbours: a standard error of about 0.01.
    assert np.abs(order.warren_cowley).max() < 0.05


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered(seed: int) -> None:
    atoms = close_packed(seed)
    atoms.set_tags(np.random.default_rng(seed).integers(0, 3, len(atoms)))
    other = moved(atoms, seed + 1)
    one = chemical_order(atoms.get_tags(), voronoi_analysis(atoms))
    two = chemical_order(other.get_tags(), voronoi_analysis(other))
    # The same integers divided; concentrations are sums in another order.
    np.testing.assert_array_equal(one.partial_coordination, two.partial_coordination)
    np.testing.assert_allclose(one.warren_cowley, two.warren_cowley, atol=1e-13)


@pytest.mark.parametrize(
    ("groups", "neighbours", "mask", "named"),
    [
        ([1, 2], ([0, 1], [1]), None, "neighbours"),
        ([1, 2], ([0.0, 1.0], [1.0, 0.0]), None, "neighbours"),
        ([1, 2], ([0, 5], [5, 0]), None, "neighbours"),
        ([1, 2], ([0, -1], [-1, 0]), None, "neighbours"),
        ([1, 2], ([0, 1], [1, 0]), np.array([True]), "mask"),
        ([1, 2], ([0, 1], [1, 0]), np.array([1, 1]), "mask"),
        ([1, 2], ([0, 1], [1, 0]), np.array([False, False]), "mask"),
        ([1, 2], voronoi_analysis(icosahedron()), None, "groups"),
    ],
)
def test_bad_input_is_named(
    groups: list[int], neighbours: object, mask: np.ndarray | None, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        chemical_order(groups, neighbours, mask)  # type: ignore[arg-type]
