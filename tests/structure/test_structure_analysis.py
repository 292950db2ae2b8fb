from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure import (
    analyze,
    atom_quantities,
    find_rings,
    find_voids,
    first_valley,
    pair_distribution,
)
from aet_port.structure.quantities import quantities_of
from tests.structure.samples import close_packed, icosahedron, moved, shaken_box


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_a_particle_turned_shifted_and_reordered(seed: int) -> None:
    atoms = close_packed(seed, radius=10)
    one, two = (analyze(a, cutoff=4.0, order=False) for a in (atoms, moved(atoms, seed + 1)))
    assert one.counts == two.counts
    for fold in one.networks:
        np.testing.assert_array_equal(one.networks[fold].size, two.networks[fold].size)
        np.testing.assert_allclose(
            np.sort(one.networks[fold].length), np.sort(two.networks[fold].length), rtol=1e-9
        )


@settings(max_examples=4)
@given(st.integers(0, 10**6))
def test_a_box_turned_shifted_and_reordered(seed: int) -> None:
    atoms = shaken_box(seed, repeat=4)
    one, two = (analyze(a, cutoff=4.0, order=False) for a in (atoms, moved(atoms, seed + 1)))
    assert one.counts == two.counts
    for fold in one.networks:
        np.testing.assert_array_equal(one.networks[fold].size, two.networks[fold].size)


def test_the_cutoff_is_the_first_valley_unless_given() -> None:
    atoms = close_packed(1, radius=12, jitter=0.25)
    found = analyze(atoms)
    assert found.cutoff == first_valley(pair_distribution(atoms))
    assert found.parameters["cutoff_from"] == "first valley"
    given_one = analyze(atoms, cutoff=found.cutoff)
    assert given_one.counts == found.counts
    assert given_one.parameters["cutoff_from"] == "given"


def test_a_wider_delta_accepts_more() -> None:
    atoms = close_packed(1, radius=10)
    narrow, wide = (analyze(atoms, cutoff=4.0, delta=d, order=False) for d in (0.15, 0.3))
    few = set(map(tuple, narrow.tetrahedra.vertices.tolist()))
    assert few < set(map(tuple, wide.tetrahedra.vertices.tolist()))
    assert narrow.tetrahedra.distortion.max() <= 0.15 + 1e-12


def test_the_summary_is_plain() -> None:
    summary = json.loads(json.dumps(analyze(icosahedron(), cutoff=3.2).summary()))
    assert summary["motifs"]["5"] == 12
    assert summary["tetrahedra"] == 20
    assert summary["largest_networks"] == {"4": [], "5": [12], "6": []}


def test_rings_and_voids_on_request() -> None:
    atoms = close_packed(2, radius=8)
    plain = analyze(atoms, cutoff=4.0, order=False)
    assert (plain.rings, plain.voids) == (None, None)
    assert not {"rings", "voids", "ring_statistics", "void_statistics"} & set(plain.summary())
    found = analyze(atoms, cutoff=4.0, order=False, rings=5, voids="centres")
    assert found.rings is not None
    assert found.voids is not None
    rings, voids = find_rings(atoms, 4.0, 5), find_voids(atoms, found.parameters["alpha"])
    np.testing.assert_array_equal(found.rings.king.atoms, rings.king.atoms)
    np.testing.assert_array_equal(found.voids.radii, voids.radii)
    summary = json.loads(json.dumps(found.summary()))
    assert (summary["rings"], summary["voids"]) == (5, "centres")
    counts = found.rings.primitive.counts.tolist()
    assert list(summary["ring_statistics"]["primitive"]["rings"].values()) == counts
    assert summary["void_statistics"]["voids"] == len(voids)
    table = quantities_of(found)
    assert table["king_rings 5"].value == rings.king.counts[2] / len(atoms)
    assert table["largest_void"].value == voids.radii[0]
    named = atom_quantities(atoms, found).arrays
    np.testing.assert_array_equal(named["primitive_rings_4"], rings.primitive.through[:, 1])
    np.testing.assert_array_equal(named["void_radius"], voids.touching)
    # What doesn't depend on delta is taken over; another size or surface is searched.
    wider = {"cutoff": 4.0, "delta": 0.3, "order": False, "earlier": found}
    same = analyze(atoms, rings=5, voids="centres", **wider)
    assert same.rings is found.rings
    assert same.voids is found.voids
    other = analyze(atoms, rings=4, voids="surfaces", **wider)
    assert other.rings is not None
    assert other.voids is not None
    assert (other.rings.asked, other.voids.measured_to) == (4, "surfaces")


def test_too_few_atoms() -> None:
    with pytest.raises(InputError, match="expected at least 5"):
        analyze(close_packed(0)[:4], cutoff=4.0)
