"""The whole short-range order in one call: on particles, boxes, crystals and next to nothing."""

from __future__ import annotations

import json
from typing import Any

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure import ShortRangeOrder, analyze
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.short_range import atom_groups, short_range_order, surface_atoms
from tests.structure.samples import close_packed, moved, shaken_box

WHOLE = ("surface_atoms", "inner_atoms", "crystalline_atoms", "largest_nuclei", "voronoi_top")


def binary(atoms: ase.Atoms, seed: int) -> ase.Atoms:
    atoms.numbers[np.random.default_rng(seed).random(len(atoms)) < 0.4] = 29
    return atoms


def assert_alike(one: ShortRangeOrder, two: ShortRangeOrder) -> None:
    first, second = one.summary(), two.summary()
    for name in WHOLE:
        assert first[name] == second[name], name
    np.testing.assert_array_equal(one.pdf.counts, two.pdf.counts)
    np.testing.assert_array_equal(one.angles.counts, two.angles.counts)
    measured = two.measures()
    for name, (value, unit) in one.measures().items():
        # Peak positions come from fits; everything else from sums in another order.
        tolerance = 1e-6 if unit == "angstrom" else 1e-9
        assert measured[name][0] == pytest.approx(value, rel=tolerance, nan_ok=True), name
        assert measured[name][1] == unit


@settings(max_examples=3)
@given(st.integers(0, 10**6))
def test_a_particle_turned_shifted_and_reordered(seed: int) -> None:
    atoms = binary(close_packed(seed, radius=10), seed)
    assert_alike(short_range_order(atoms, 4.0), short_range_order(moved(atoms, seed + 1), 4.0))


@settings(max_examples=3)
@given(st.integers(0, 10**6))
def test_a_box_turned_shifted_and_reordered(seed: int) -> None:
    atoms = binary(shaken_box(seed, repeat=4), seed)
    assert_alike(short_range_order(atoms, 4.0), short_range_order(moved(atoms, seed + 1), 4.0))


def test_a_crystal_without_disordered_atoms() -> None:
    atoms = bulk("Pd", "fcc", a=3.89, cubic=True).repeat(5)
    order = short_range_order(atoms, 3.3)
    assert order.nuclei.crystalline.all()
    assert order.nuclei.size.tolist() == [500]
    np.testing.assert_allclose(order.bonds.normalised, 1.0, rtol=1e-9)
    # Without disordered atoms all are described.
    assert (order.population.name, order.pdf_of) == ("all", "all")
    assert order.inner.all()
    assert np.isnan(order.interface.width)
    assert order.peaks.peaks[0] == pytest.approx(3.89 / np.sqrt(2), abs=0.02)
    # 12.02 g/cm^3: four atoms of 106.42 u in the cube.
    np.testing.assert_allclose(order.density, 106.42 * 1.66053907 * 4 / 3.89**3, rtol=1e-6)
    summary = order.summary()
    assert summary["voronoi_top"] == {"<0,12,0,0>": 1.0}
    assert summary["warren_cowley"] == {"Pd-Pd": 0.0}
    asked = short_range_order(atoms, 3.3, population="disordered")
    assert asked.chemistry is None
    assert asked.summary()["coordination_number"] is None
    assert asked.summary()["reasons"]["pdf_of"] == "0 disordered atoms, fewer than 100"


def test_a_nucleus_in_disorder() -> None:
    """A ball of crystal kept in a shaken box: its atoms, and no others, are crystalline."""
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(8)
    rng = np.random.default_rng(3)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    loose = away > 9
    atoms.positions[loose] += rng.normal(0, 0.6, (loose.sum(), 3))
    order = short_range_order(atoms, 4.1)
    assert order.scattered
    assert order.nuclei.crystalline[away < 5].all()
    assert order.nuclei.crystalline[away > 14].mean() < 0.05
    assert order.nuclei.size[0] > 80
    assert (order.distance[away < 4] < 0).all()
    assert order.interface.width > 0
    assert order.pdf_of == "disordered"
    # Far out the shells of the holed body are measured right: g goes to 1.
    far = order.pdf.r > 0.8 * order.pdf.r[-1]
    assert order.pdf.g[ALL][far].mean() == pytest.approx(1.0, abs=0.03)


def test_types_group_the_atoms_instead_of_species() -> None:
    atoms = close_packed(5, radius=10)
    atoms.set_array("type", np.arange(len(atoms)) % 3 + 1)
    order = short_range_order(atoms, 4.0)
    assert order.pdf.labels == ("1", "2", "3")
    assert set(order.bond_lengths) == {(a, b) for a in "123" for b in "123" if a <= b}
    assert order.chemistry is not None
    assert order.chemistry.names == ("1", "2", "3")


def test_a_small_box_goes_without_the_rule_on_scattered_atoms() -> None:
    order = short_range_order(shaken_box(1, repeat=3, shear=0), 4.0)
    assert not order.scattered


def test_the_surface_is_all_of_a_small_cluster_and_none_of_a_box() -> None:
    assert not surface_atoms(shaken_box(0)).any()
    particle = close_packed(0, radius=10)
    surface = surface_atoms(particle)
    away = np.linalg.norm(particle.positions - particle.positions.mean(axis=0), axis=1)
    assert surface[away > 9.5].all()
    assert not surface[away < 6].any()


def test_a_handful_of_atoms_is_described_without_crashing() -> None:
    order = short_range_order(close_packed(0, radius=4.0), 4.0)
    text = json.dumps(order.summary())
    assert (order.chemistry is None) == (not order.inner.any())
    assert "inner_atoms" in text


def test_the_order_is_part_of_an_analysis() -> None:
    atoms = close_packed(1, radius=8)
    whole = analyze(atoms, cutoff=4.0)
    assert whole.order is not None
    assert json.loads(json.dumps(whole.summary()))["short_range_order"] == whole.order.summary()
    bare = analyze(atoms, cutoff=4.0, order=False)
    assert bare.order is None
    assert "short_range_order" not in bare.summary()
    assert bare.counts == whole.counts
    again = analyze(atoms, cutoff=4.0, delta=0.2, earlier=whole)
    assert again.order is whole.order
    assert again.packing is not None
    assert whole.packing is not None
    assert again.packing.curve is whole.packing.curve
    assert again.counts == analyze(atoms, cutoff=4.0, delta=0.2).counts
    with pytest.raises(InputError, match=r"earlier: found .* cut-off 4; expected"):
        analyze(atoms, cutoff=4.1, earlier=whole)
    with pytest.raises(InputError, match="earlier: found"):
        analyze(close_packed(2, radius=6), cutoff=4.0, earlier=whole)
    moved = atoms.copy()
    moved.positions[0] += 0.1
    with pytest.raises(InputError, match=r"earlier: found .* and other distances; expected"):
        analyze(moved, cutoff=4.0, earlier=whole)


def test_what_other_options_change_is_not_taken_from_an_earlier_result() -> None:
    atoms = close_packed(1, radius=8)
    options: dict[str, Any] = {"order": False, "rings": 5, "voids": "centres"}
    first = analyze(atoms, cutoff=4.0, **options)
    again = analyze(atoms, cutoff=4.0, delta=0.2, **options, earlier=first)
    assert again.rings is first.rings
    assert again.voids is first.voids
    with pytest.raises(InputError, match="cut-off 4; expected"):
        analyze(atoms, cutoff=4.1, **options, earlier=first)
    wider = analyze(atoms, cutoff=4.0, alpha=5.0, **options, earlier=first)
    assert wider.voids is not first.voids
    whole = analyze(atoms, cutoff=4.0)
    half = np.arange(len(atoms)) < len(atoms) // 2
    for population in ("all", half):
        found = analyze(atoms, cutoff=4.0, population=population, earlier=whole)
        alone = analyze(atoms, cutoff=4.0, population=population)
        assert found.order is not None
        assert alone.order is not None
        np.testing.assert_equal(found.order.measures(), alone.order.measures())
        same = analyze(atoms, cutoff=4.0, population=population, delta=0.2, earlier=found)
        assert same.order is found.order
    numbers = analyze(atoms, cutoff=4.0, population=np.flatnonzero(half), earlier=found)
    assert numbers.order is found.order


@pytest.mark.parametrize(
    ("positions", "part"),
    [
        (np.eye(4, 3), "at least 5"),
        (np.arange(18).reshape(6, 3) * [1.0, 2.0, 0.0], "coplanar"),
        (np.vstack([close_packed(0).positions, close_packed(0).positions[3]]), "at one place"),
    ],
)
def test_unusable_atoms(positions: np.ndarray, part: str) -> None:
    with pytest.raises(InputError, match=part):
        short_range_order(ase.Atoms(["Ta"] * len(positions), positions=positions), 4.0)


def test_a_box_below_twice_the_cutoff() -> None:
    with pytest.raises(InputError, match="cutoff"):
        short_range_order(shaken_box(0, repeat=2, shear=0), 4.3)


def test_an_isolated_atom_has_nan() -> None:
    atoms = close_packed(0, radius=9)
    atoms += ase.Atoms("Ta", positions=[[25.0, 0.0, 0.0]])
    order = short_range_order(atoms, 4.0)
    assert np.isnan(order.bonds.q6[-1])
    assert not order.nuclei.crystalline[-1]
    assert order.surface[-1]


def test_groups_are_types_only_where_two_types_are_one_element() -> None:
    atoms = ase.Atoms("CuZrCu", [[0, 0, 0], [0, 0, 3], [0, 3, 0]])
    assert atom_groups(atoms).tolist() == ["Cu", "Zr", "Cu"]
    for types, groups in [
        ([1, 2, 1], ["Cu", "Zr", "Cu"]),
        ([7, 3, 7], ["Cu", "Zr", "Cu"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([1, 1, 2], ["1", "1", "2"]),
        ([1, 1, 1], ["Cu", "Zr", "Cu"]),  # no finer than the elements
    ]:
        atoms.set_array("type", None)
        atoms.set_array("type", np.array(types))
        assert atom_groups(atoms).tolist() == groups
    atoms.numbers[:] = 0  # all that is known are the types
    atoms.set_array("type", np.array([1, 2, 1]))
    assert atom_groups(atoms).tolist() == ["1", "2", "1"]
