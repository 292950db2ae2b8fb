from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure import analyze, first_valley, pair_distribution
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


def test_too_few_atoms() -> None:
    with pytest.raises(InputError, match="expected at least 5"):
        analyze(close_packed(0)[:4], cutoff=4.0)
