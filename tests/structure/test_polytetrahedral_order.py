"""Polytetrahedral packing of one model in one call."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.structure import analyze
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box


def assert_alike(one: PolytetrahedralOrder, two: PolytetrahedralOrder) -> None:
    assert one.amorphous.sum() == two.amorphous.sum()
    np.testing.assert_array_equal(one.curve.motifs, two.curve.motifs)
    np.testing.assert_array_equal(one.filling.counts, two.filling.counts)
    # The best plane of a nearly round ring is less well determined than its atoms.
    np.testing.assert_allclose(
        np.sort(one.geometry.theta), np.sort(two.geometry.theta), rtol=1e-7, atol=1e-7
    )
    measured = two.measures()
    for name, (value, unit) in one.measures().items():
        assert measured[name] == (pytest.approx(value, rel=1e-9, nan_ok=True), unit), name


@settings(max_examples=3)
@given(st.integers(0, 10**6), st.booleans())
def test_turned_shifted_and_reordered(seed: int, periodic: bool) -> None:
    atoms = shaken_box(seed) if periodic else close_packed(seed, radius=9)
    one, two = analyze(atoms, cutoff=4.0), analyze(moved(atoms, seed + 1), cutoff=4.0)
    assert one.packing is not None
    assert two.packing is not None
    assert_alike(one.packing, two.packing)


def test_a_doubled_box_has_everything_twice() -> None:
    atoms = shaken_box(2)
    one, two = analyze(atoms, cutoff=4.0), analyze(atoms.repeat((2, 1, 1)), cutoff=4.0)
    assert {k: 2 * n for k, n in one.counts.items()} == two.counts
    assert one.packing is not None
    assert two.packing is not None
    np.testing.assert_array_equal(2 * one.packing.curve.motifs, two.packing.curve.motifs)
    np.testing.assert_array_equal(2 * one.packing.filling.counts, two.packing.filling.counts)
    assert 2 * len(one.packing.sharing.edge_pairs) == len(two.packing.sharing.edge_pairs)
    theta = one.packing.geometry.mean_theta
    assert two.packing.geometry.mean_theta == pytest.approx(theta, rel=1e-9)


def test_an_icosahedron() -> None:
    found = analyze(icosahedron(), cutoff=3.2)
    packing = found.packing
    assert packing is not None
    assert len(packing.geometry) == 12
    np.testing.assert_allclose(packing.geometry.theta, 0, atol=1e-5)
    # Neighbours on the surface are 5 % farther apart than the centre is from them.
    assert packing.geometry.alpha_over_gamma == pytest.approx(0.951057, abs=1e-6)
    assert packing.filling.counts[11] == 1
    assert packing.average is not None
    assert packing.average.number == 12
    summary = json.loads(json.dumps(packing.summary()))
    assert summary["icosahedral_sites_filled"][11] == 1


def test_a_model_without_pentagonal_bipyramids() -> None:
    """A shaken body-centred crystal has tetrahedra, but rings of four and six only."""
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(5)
    atoms.positions += np.random.default_rng(0).normal(0, 0.01, atoms.positions.shape)
    found = analyze(atoms, cutoff=4.1)
    packing = found.packing
    assert packing is not None
    assert found.counts[5] == 0
    assert packing.average is None
    assert packing.summary()["theta"] is None
    assert packing.summary()["dihedral"] is None


def test_a_wide_delta_is_a_point_of_the_curve() -> None:
    found = analyze(close_packed(0), cutoff=4.0, delta=0.5)
    assert found.packing is not None
    assert found.packing.curve.delta[-1] == 0.5
    assert found.packing.curve.motifs[-1].tolist() == list(found.counts.values())
