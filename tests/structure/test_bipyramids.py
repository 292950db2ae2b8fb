from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from aet_port.structure import face_pairs, find_motifs, find_tetrahedra
from aet_port.structure.polytetrahedral import bipyramids
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs
from matlab_reference import golden_path
from tests.structure.samples import close_packed, icosahedron, moved, slow_cycles, slow_motifs

CASES = ("delta150", "delta255")


def rows(case: dict, name: str) -> set[tuple[int, ...]]:
    """Rows of a golden array as sorted 0-based tuples."""
    return {tuple(sorted(row)) for row in (case[name].astype(int) - 1).tolist()}


def of_fold(motifs: Motifs, fold: int) -> set[tuple[int, ...]]:
    return {tuple(sorted(row)) for row in motifs.of_fold(fold).tolist()}


def golden_tetrahedra(name: str) -> tuple[np.ndarray, np.ndarray]:
    case = loadmat(golden_path(f"am__Main_3.tetrahedra_and_face_pairs__{name}.mat"))
    vertices = np.sort(case["out_ConnectivityList"].astype(int) - 1, axis=1)
    return vertices, case["out_Neiface"].astype(int) - 1


@pytest.mark.parametrize("name", CASES)
def test_closed_chains_of_the_slow_search_are_the_reference_s(name: str) -> None:
    _, pairs = golden_tetrahedra(name)
    cycles = slow_cycles(pairs)
    raw = loadmat(golden_path(f"am__findclustersN__{name}.mat"))
    unique = loadmat(golden_path(f"am__uniqueCluster__{name}.mat"))
    for fold in range(4, 9):
        # The raw chains also hold dead ends (0) and chains that come back to a tetrahedron.
        simple = {r for r in rows(raw, f"out_path{fold}") if r[0] >= 0 and len(set(r)) == fold}
        assert cycles[fold] == simple == rows(unique, f"out_path{fold}")


@pytest.mark.parametrize("name", CASES)
def test_motifs_as_the_reference(name: str) -> None:
    vertices, pairs = golden_tetrahedra(name)
    final = loadmat(golden_path(f"am__shareAB__{name}.mat"))
    np.testing.assert_array_equal(vertices, np.sort(final["in_connect"].astype(int) - 1, axis=1))
    found = find_motifs(vertices, pairs)
    for fold in FOLDS:
        assert of_fold(found, fold) == rows(final, f"out_path{fold}")
        assert found.counts()[fold] == len(final[f"out_path{fold}"])


@pytest.mark.parametrize("name", CASES)
def test_motifs_among_the_rings_of_the_first_steps(name: str) -> None:
    """Of all closed chains of those steps, the motifs are those around a common pair of atoms."""
    vertices, pairs = golden_tetrahedra(name)
    found = find_motifs(vertices, pairs)
    raw = loadmat(golden_path(f"am__findclustersN__{name}.mat"))
    unique = loadmat(golden_path(f"am__uniqueCluster__{name}.mat"))
    others = 0
    for case, fold in itertools.product((raw, unique), range(4, 9)):
        rings = {r for r in rows(case, f"out_path{fold}") if r[0] >= 0 and len(set(r)) == fold}
        around_a_pair = {
            ring
            for ring in rings
            if len(set.intersection(*(set(vertices[t].tolist()) for t in ring))) == 2
        }
        assert of_fold(found, fold) == around_a_pair
        others += len(rings) - len(around_a_pair)
    assert others > 0


def test_the_capping_pair_excludes_all_rings_with_chords() -> None:
    # Without 5-fold rings the reference leaves larger rings with chords in; its next step, the
    # common pair of atoms, removes them all.
    vertices, pairs = golden_tetrahedra("delta255")
    unfiltered = loadmat(golden_path("am__smallestCluster__path5_empty.mat"))
    filtered = loadmat(golden_path("am__smallestCluster__delta255.mat"))
    assert len(unfiltered["out_path8"]) > len(filtered["out_path8"])
    found = find_motifs(vertices, pairs)
    for fold in (6, 7, 8):
        around_a_pair = {
            ring
            for ring in rows(unfiltered, f"out_path{fold}")
            if len(set.intersection(*(set(vertices[t].tolist()) for t in ring))) == 2
        }
        assert of_fold(found, fold) == around_a_pair


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([0.15, 0.2, 0.255]))
def test_motifs_as_by_definition(seed: int, delta: float) -> None:
    vertices = find_tetrahedra(close_packed(seed, radius=7), 4.1, delta).vertices
    pairs = face_pairs(vertices)
    found, expected = find_motifs(vertices, pairs), slow_motifs(vertices, pairs)
    for fold in FOLDS:
        assert of_fold(found, fold) == expected[fold]


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_counts_do_not_depend_on_the_frame(seed: int) -> None:
    atoms = close_packed(seed)
    counts = []
    for sample in (atoms, moved(atoms, seed + 1)):
        vertices = find_tetrahedra(sample, 4.0).vertices
        counts.append(find_motifs(vertices, face_pairs(vertices)).counts())
    assert counts[0] == counts[1]


def test_an_icosahedron_is_twelve_pentagonal_bipyramids() -> None:
    vertices = find_tetrahedra(icosahedron(), 3.2).vertices
    found = find_motifs(vertices, face_pairs(vertices))
    assert found.counts() == {3: 0, 4: 0, 5: 12, 6: 0, 7: 0, 8: 0}
    assert {tuple(caps) for caps in found.caps.tolist()} == {(0, k) for k in range(1, 13)}


def test_tetrahedra_and_ring_stand_in_order() -> None:
    vertices = find_tetrahedra(close_packed(4), 4.1).vertices
    found = find_motifs(vertices, face_pairs(vertices))
    for fold, caps, members, ring in zip(
        found.fold, found.caps, found.tetrahedra, found.ring, strict=True
    ):
        atoms = ring[: 4 if fold == 3 else fold]
        assert (members[fold:] == -1).all()
        assert (ring[len(atoms) :] == -1).all()
        for k in range(fold):
            following = atoms[(k + 1) % len(atoms)]
            assert set(vertices[members[k]]) == {*caps, atoms[k], following}


def test_three_tetrahedra_in_a_row_are_a_triplet() -> None:
    vertices = np.array([[0, 1, 2, 3], [0, 1, 3, 4], [0, 1, 4, 5]])
    found = find_motifs(vertices, face_pairs(vertices))
    assert found.counts()[3] == 1
    assert found.caps.tolist() == [[0, 1]]
    assert found.ring[0, :4].tolist() in ([2, 3, 4, 5], [5, 4, 3, 2])


def test_nothing_to_find() -> None:
    found = find_motifs(np.array([[0, 1, 2, 3], [4, 5, 6, 7]]), np.empty((0, 2), dtype=int))
    assert len(found) == 0
    assert sum(found.counts().values()) == 0


def test_kernels_without_compilation() -> None:
    vertices, pairs = golden_tetrahedra("delta255")
    adjacency, degree = bipyramids._adjacency(len(vertices), pairs)
    on_cycle = {t for rings in slow_cycles(pairs).values() for ring in rings for t in ring}
    for t in range(len(vertices)):
        expected = t in on_cycle
        assert bipyramids._on_short_cycle(t, adjacency, degree) == expected
        if t % 10 == 0:
            assert bipyramids._on_short_cycle.py_func(t, adjacency, degree) == expected
    np.testing.assert_array_equal(
        bipyramids._triplets.py_func(adjacency, degree), bipyramids._triplets(adjacency, degree)
    )
    # The tetrahedra around one edge, in disorder, and the same with one missing.
    rest = np.array([[1, 2], [3, 4], [2, 3], [1, 4], [7, 8], [8, 9], [9, 10], [10, 11]])
    closed, members, ring = bipyramids._walk.py_func(
        np.array([0, 4]), np.array([4, 4]), rest, np.arange(8)
    )
    assert closed.tolist() == [True, False]
    assert members[0, :4].tolist() == [0, 2, 1, 3]
    assert ring[0, :4].tolist() == [1, 2, 3, 4]
