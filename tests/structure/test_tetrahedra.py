from __future__ import annotations

from itertools import combinations

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.structure import delaunay, face_pairs, find_tetrahedra
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.voronoi import tetrahedra
from aet_port.structure.voronoi.tetrahedra import keep_regular
from aet_port.structure.voronoi.tetrahedron_shapes import (
    circumradii,
    distortion,
    incentres,
    volumes,
)
from matlab_reference import golden_path
from tests.structure.samples import close_packed, moved, shaken_box

REGULAR = np.array([[[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]])


def test_a_regular_tetrahedron() -> None:
    assert distortion(REGULAR)[0] == pytest.approx(0, abs=1e-15)
    assert volumes(REGULAR)[0] == pytest.approx(8 / 3)
    assert circumradii(REGULAR)[0] == pytest.approx(np.sqrt(3))
    np.testing.assert_allclose(incentres(REGULAR), 0, atol=1e-15)


def test_a_flat_tetrahedron_has_no_circumsphere() -> None:
    flat = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 1, 0]]])
    assert circumradii(flat)[0] == np.inf
    assert volumes(flat)[0] == 0


def test_incentres_as_the_reference() -> None:
    case = loadmat(golden_path("am__Main_3.incenter__cluster140.mat"))
    rows = case["in_ConnectivityList"].astype(int) - 1
    # Double precision on both sides; coordinates of some 10 angstrom.
    np.testing.assert_allclose(incentres(case["in_model"].T[rows]), case["out_IC"], atol=1e-11)


@pytest.mark.parametrize("name", ["delta150", "delta255"])
def test_accepted_tetrahedra_and_face_pairs_as_the_reference(name: str) -> None:
    case = loadmat(golden_path(f"am__Main_3.tetrahedra_and_face_pairs__{name}.mat"))
    atoms = ase.Atoms(["Pd"] * case["in_model"].shape[1], positions=case["in_model"].T)
    vertices, _ = delaunay(atoms)
    all_rows = np.sort(case["in_ConnectivityList"].astype(int) - 1, axis=1)
    assert set(map(tuple, vertices.tolist())) == set(map(tuple, all_rows.tolist()))
    found = find_tetrahedra(atoms, cutoff=4.12, delta=float(case["in_delta"].item()))
    rows = np.sort(case["out_ConnectivityList"].astype(int) - 1, axis=1)
    assert set(map(tuple, found.vertices.tolist())) == set(map(tuple, rows.tolist()))
    # In the reference's own order of tetrahedra the pairs are the same rows.
    expected = case["out_Neiface"].astype(int) - 1
    np.testing.assert_array_equal(face_pairs(rows), expected[np.lexsort(expected.T[::-1])])


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_a_particle_turned_shifted_and_reordered(seed: int) -> None:
    atoms = close_packed(seed)
    one, two = find_tetrahedra(atoms, 4.0), find_tetrahedra(moved(atoms, seed + 1), 4.0)
    assert len(one) == len(two)
    assert len(face_pairs(one.vertices)) == len(face_pairs(two.vertices))
    np.testing.assert_allclose(np.sort(one.distortion), np.sort(two.distortion), atol=1e-11)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_a_periodic_box_is_filled_once(seed: int) -> None:
    atoms = shaken_box(seed, repeat=4)
    vertices, corners = delaunay(atoms, margin=8.8)
    assert volumes(corners).sum() == pytest.approx(atoms.get_volume(), rel=1e-10)
    assert (np.diff(vertices, axis=1) > 0).all()
    assert len(np.unique(vertices, axis=0)) == len(vertices)
    # Each face of a tetrahedron belongs to exactly one other, there being no surface.
    assert len(face_pairs(vertices)) == 2 * len(vertices)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_a_shifted_box_has_the_same_tetrahedra(seed: int) -> None:
    atoms = shaken_box(seed, repeat=4)
    other = atoms.copy()
    other.positions += np.random.default_rng(seed).uniform(-30, 30, 3)
    one, two = find_tetrahedra(atoms, 3.9), find_tetrahedra(other, 3.9)
    np.testing.assert_array_equal(one.vertices, two.vertices)
    np.testing.assert_allclose(one.volume, two.volume, rtol=1e-9, atol=1e-9)


def test_a_doubled_box_has_twice_the_tetrahedra() -> None:
    atoms = shaken_box(11, repeat=3)
    assert len(find_tetrahedra(atoms.repeat((2, 1, 1)), 3.9)) == 2 * len(
        find_tetrahedra(atoms, 3.9)
    )


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False), (False, True, False)])
def test_circumspheres_are_empty(pbc: tuple[bool, bool, bool]) -> None:
    atoms = shaken_box(2, repeat=3)
    atoms.set_pbc(pbc)
    found = find_tetrahedra(atoms, 3.9)
    around = periodic_images(atoms, 12.0).positions
    legs = found.corners[:, 1:] - found.corners[:, :1]
    offset = np.linalg.solve(2 * legs, (legs**2).sum(axis=2)[..., None])[..., 0]
    radius = np.linalg.norm(offset, axis=1)
    np.testing.assert_allclose(radius, circumradii(found.corners), rtol=1e-6)
    for centre, reach in zip(found.corners[:, 0] + offset, radius, strict=True):
        assert (np.linalg.norm(around - centre, axis=1) > reach - 1e-8).all()


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"delta": 0.0}, "delta: found 0.0"),
        ({"delta": np.nan}, "delta: found nan"),
        ({"alpha": -1.0}, "alpha: found -1.0"),
        ({"cutoff": 0.0}, "cutoff: found 0.0"),
    ],
)
def test_unusable_parameters_are_named(keywords: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_tetrahedra(close_packed(0), **{"cutoff": 4.0, **keywords})


def test_a_box_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="twice as high as the cut-off"):
        find_tetrahedra(shaken_box(0, repeat=2, shear=0), 4.5)


def test_more_regular_ones_of_those_found() -> None:
    atoms = close_packed(2)
    wide, narrow = find_tetrahedra(atoms, 4.0, 0.4), find_tetrahedra(atoms, 4.0, 0.2)
    kept = keep_regular(wide, 0.2)
    assert 0 < len(narrow) < len(wide)
    for name in ("vertices", "corners", "distortion", "volume"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(narrow, name))
    assert len(keep_regular(wide, 1e-12)) == 0
    assert len(find_tetrahedra(atoms, 1.0)) == 0


def test_pairs_of_more_atoms_than_one_number_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted by one number for a face, by two, and as a dictionary of faces finds them."""
    rng = np.random.default_rng(3)
    vertices = find_tetrahedra(ase.Atoms("Ta300", rng.uniform(0, 18, (300, 3))), 6.0, 2.0).vertices
    owners: dict[tuple[int, ...], list[int]] = {}
    for number, row in enumerate(vertices.tolist()):
        for face in combinations(row, 3):
            owners.setdefault(face, []).append(number)
    expected = sorted(both for both in owners.values() if len(both) == 2)
    assert len(expected) > 300
    assert face_pairs(vertices).tolist() == expected
    monkeypatch.setattr(tetrahedra, "_ONE_KEY", 0)
    assert face_pairs(vertices).tolist() == expected
