from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure import (
    Motifs,
    Tetrahedra,
    edge_sharing_pairs,
    face_pairs,
    find_motifs,
    find_networks,
    find_tetrahedra,
)
from aet_port.structure.polytetrahedral import networks
from matlab_reference import golden_path
from tests.structure.samples import close_packed, icosahedron, shaken_box


def chain(atoms_: object, cutoff: float) -> tuple[Motifs, Tetrahedra]:
    tetrahedra = find_tetrahedra(atoms_, cutoff)  # type: ignore[arg-type]
    return find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices)), tetrahedra


@pytest.mark.parametrize("fold", [4, 5, 6])
def test_networks_as_the_reference(fold: int) -> None:
    case = loadmat(golden_path(f"am__Main_4.networks__fold{fold}_delta255.mat"))
    members = case["in_path"].astype(int) - 1
    vertices = np.sort(case["in_ConnectivityList"].astype(int) - 1, axis=1)
    pairs = edge_sharing_pairs(members)
    expected = case["out_pair"].astype(int).reshape(-1, 2) - 1
    assert set(map(tuple, pairs.tolist())) == set(map(tuple, expected.tolist()))
    padded = np.full((len(members), 8), -1)
    padded[:, :fold] = members
    nothing = np.zeros((len(members), 2), dtype=int)
    motifs = Motifs(np.full(len(members), fold), nothing, padded, padded)
    corners = case["in_model"].T[vertices]
    zeros = np.zeros(len(vertices))
    found = find_networks(motifs, Tetrahedra(vertices, corners, zeros, zeros), fold)
    assert len(found) == case["out_n_networks"].item()
    groups = {frozenset(np.flatnonzero(found.label == n).tolist()) for n in range(len(found))}
    assert groups == {
        frozenset((row[row > 0] - 1).tolist()) for row in case["out_connect"].astype(int)
    }
    # Lengths are printed only for networks of 5 motifs and more, in the order of their motifs.
    large = found.length[found.size >= 5]
    np.testing.assert_allclose(np.sort(large), np.sort(case["out_MROleg"].ravel()), rtol=1e-12)


def test_the_bipyramids_of_an_icosahedron_are_one_network() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    found = find_networks(motifs, tetrahedra, 5)
    assert found.size.tolist() == [12]
    assert found.atoms.tolist() == [13]
    assert found.length[0] == pytest.approx(5.6)
    assert not found.spanning[0]


def test_a_mask_leaves_motifs_out() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    mask = np.zeros(len(motifs), dtype=bool)
    mask[[0, 5]] = True
    found = find_networks(motifs, tetrahedra, 5, mask=mask)
    assert found.motif.tolist() == [0, 5]
    assert found.size.sum() == 2
    assert len(find_networks(motifs, tetrahedra, 5, mask=~mask).motif) == 10


def test_largest_first_and_every_motif_once() -> None:
    motifs, tetrahedra = chain(close_packed(8, radius=14), 4.0)
    for fold in (4, 5, 6):
        found = find_networks(motifs, tetrahedra, fold)
        assert (np.diff(found.size) <= 0).all()
        np.testing.assert_array_equal(np.bincount(found.label, minlength=len(found)), found.size)
        np.testing.assert_array_equal(found.motif, np.flatnonzero(motifs.fold == fold))
        n = int(np.argmax(found.atoms))
        members = motifs.tetrahedra[found.motif[found.label == n]]
        own = np.unique(tetrahedra.vertices[members[members >= 0]])
        assert len(own) == found.atoms[n]


def test_many_atoms_are_measured_by_their_outline(monkeypatch: pytest.MonkeyPatch) -> None:
    motifs, tetrahedra = chain(close_packed(8, radius=12), 4.0)
    whole = find_networks(motifs, tetrahedra, 6)
    monkeypatch.setattr(networks, "_MANY", 12)
    outlined = find_networks(motifs, tetrahedra, 6)
    np.testing.assert_allclose(outlined.length, whole.length, rtol=1e-14)


def test_a_network_across_a_face_keeps_its_length() -> None:
    atoms = icosahedron()
    atoms.set_cell([14.0, 15.0, 16.0])
    atoms.set_pbc(True)
    for shift in ([7, 7, 7], [0, 0, 0], [13.9, 2, 9]):
        moved = atoms.copy()
        moved.positions += shift
        found = find_networks(*chain(moved, 3.2), 5)
        assert found.size.tolist() == [12]
        assert found.length[0] == pytest.approx(5.6)


def test_a_way_round_the_box_is_seen() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 0], [3, 4]])
    closed = np.array([[1.0, 0, 0], [1, 1, 0], [-2, -1, 0], [5, 0, 0]])
    around = np.array([[3.0, 0, 0], [3, 0, 0], [3, 0, 0], [5, 0, 0]])
    for unfold in (networks._unfold, networks._unfold.py_func):
        positions, torn = unfold(edges, closed, 5)
        assert not torn.any()
        np.testing.assert_array_equal(positions[:3], [[0, 0, 0], [1, 0, 0], [2, 1, 0]])
        assert unfold(edges, around, 5)[1][:3].any()
        assert not unfold(edges, around, 5)[1][3:].any()


def test_lengths_without_compilation() -> None:
    points = np.random.default_rng(0).normal(size=(9, 3))
    start = np.array([0, 4, 9])
    for longest in (networks._longest, networks._longest.py_func):
        length = np.zeros(2)
        longest(points, start, 4, length)
        expected = max(np.linalg.norm(a - b) for a in points[:4] for b in points[:4])
        assert length[0] == pytest.approx(expected)
        assert length[1] == 0  # more points than are searched one by one


def test_a_shifted_box_has_the_same_networks() -> None:
    atoms = shaken_box(3, repeat=4, jitter=0.45)
    other = atoms.copy()
    other.positions += [3.0, -8.0, 11.0]
    for fold in (4, 5):
        one, two = (find_networks(*chain(sample, 4.0), fold) for sample in (atoms, other))
        np.testing.assert_array_equal(one.label, two.label)
        np.testing.assert_allclose(one.length, two.length, rtol=1e-9)


def test_no_motifs_no_networks() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    found = find_networks(motifs, tetrahedra, 7)
    assert len(found) == 0
    assert found.motif.size == found.length.size == 0


def test_unusable_arguments_are_named() -> None:
    motifs, tetrahedra = chain(icosahedron(), 3.2)
    with pytest.raises(InputError, match="fold: found 9"):
        find_networks(motifs, tetrahedra, 9)
    with pytest.raises(InputError, match="mask: found shape"):
        find_networks(motifs, tetrahedra, 5, mask=np.ones(3, dtype=bool))
