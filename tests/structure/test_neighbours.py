from __future__ import annotations

from itertools import pairwise

import ase
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.structure import columns, cubes, neighbours
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import check_atoms, find_neighbours, heights, periodic_images
from tests.structure.samples import close_packed, shaken_box


def slow_pairs(atoms: ase.Atoms, cutoff: float) -> dict[tuple[int, int], float]:
    """Every pair and image within the cut-off, looked at one by one."""
    shifts = [
        np.array([i, j, k]) @ np.asarray(atoms.cell)
        for i in ((-2, -1, 0, 1, 2) if atoms.pbc[0] else (0,))
        for j in ((-2, -1, 0, 1, 2) if atoms.pbc[1] else (0,))
        for k in ((-2, -1, 0, 1, 2) if atoms.pbc[2] else (0,))
    ]
    found = {}
    for i in range(len(atoms)):
        for shift in shifts:
            distance = np.linalg.norm(atoms.positions + shift - atoms.positions[i], axis=1)
            for j in np.flatnonzero(distance <= cutoff):
                if j > i:
                    assert (i, j) not in found
                    found[i, int(j)] = float(distance[j])
    return found


def as_mapping(found: neighbours.Neighbours) -> dict[tuple[int, int], float]:
    pairs = zip(found.first.tolist(), found.second.tolist(), strict=True)
    return dict(zip(pairs, found.distances.tolist(), strict=True))


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_same_pairs_as_one_by_one(seed: int, pbc: tuple[bool, bool, bool]) -> None:
    atoms = shaken_box(seed, repeat=2)
    atoms.set_pbc(pbc)
    atoms.positions += 7.3  # outside the cell
    cutoff = min(3.9, 0.49 * heights(atoms).min())
    found, expected = as_mapping(find_neighbours(atoms, cutoff)), slow_pairs(atoms, cutoff)
    assert found.keys() == expected.keys()
    # Wrapping moves positions of some 20 angstrom by their rounding, 4e-15.
    np.testing.assert_allclose(
        [found[pair] for pair in expected], list(expected.values()), atol=1e-13, rtol=0
    )


def test_vectors_lead_to_the_neighbour() -> None:
    atoms = close_packed(3)
    found = find_neighbours(atoms, 4.0)
    expected = atoms.positions[found.second] - atoms.positions[found.first]
    np.testing.assert_array_equal(found.vectors, expected)
    assert (found.first < found.second).all()


def test_kernels_without_compilation() -> None:
    atoms = close_packed(1, radius=4.5)
    n, cutoff = len(atoms), 4.0
    hits, count = columns.near_rows(atoms.positions, np.arange(n), n, cutoff)
    found = find_neighbours(atoms, cutoff)
    one, two = np.empty_like(found.first), np.empty_like(found.first)
    vectors, distances = np.empty_like(found.vectors), np.empty_like(found.distances)
    place = np.concatenate([[0], np.cumsum(count)])
    pairs = (one, two, vectors, distances)
    neighbours._store.py_func(atoms.positions, np.arange(n), hits, place, *pairs)
    np.testing.assert_array_equal(one, found.first)
    np.testing.assert_array_equal(two, found.second)
    np.testing.assert_array_equal(vectors, found.vectors)
    # Compiled sums may be rounded once less.
    np.testing.assert_allclose(distances, found.distances, rtol=1e-15)


def test_rows_of_both_ends_and_of_the_atom_itself() -> None:
    atoms = shaken_box(6, repeat=3)
    n, images = len(atoms), periodic_images(atoms, 3.5)
    hits, count = columns.near_rows(images.positions, images.atom, n, 3.5, once=False)
    found = find_neighbours(atoms, 3.5)
    both = np.bincount(found.first, minlength=n) + np.bincount(found.second, minlength=n)
    np.testing.assert_array_equal(count, both + 1)
    assert all(i in hits[i, : count[i]] for i in range(n))


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.5, 12), st.sampled_from([0, 1, 5]))
def test_columns_hold_every_point_once_and_all_near_ones(
    seed: int, width: float, strays: int
) -> None:
    """However wide the columns and wherever stray points are."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-9, 9, (120, 3))
    points[:strays] = rng.choice([-1, 1], (strays, 3)) * 10 ** rng.uniform(1, 6, (strays, 3))
    points[-1] = points[0] + [0.5, -1, 1]
    sorted_points = columns.sort_columns(points, 4.0, width)
    np.testing.assert_array_equal(np.sort(sorted_points.row), np.arange(120))
    np.testing.assert_array_equal(points[sorted_points.row, 2], sorted_points.z)
    for first, last in pairwise(sorted_points.start):
        assert (np.diff(sorted_points.z[first:last]) >= 0).all()
    hits, count = columns.near_rows(points, np.arange(120), 120, 4.0, once=False, width=width)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    for i in range(120):
        assert sorted(hits[i, : count[i]]) == np.flatnonzero(apart[i] <= 4.0).tolist()


def test_many_far_clusters_cost_no_more_cells_than_atoms() -> None:
    rng = np.random.default_rng(1)
    points = (rng.uniform(-1e6, 1e6, (300, 1, 3)) + rng.uniform(-5, 5, (300, 4, 3))).reshape(-1, 3)
    limit = max(columns.PER_POINT * len(points), columns.FEWEST)
    assert len(columns.sort_columns(points, 3.0, 3.0).start) <= limit + 1
    assert len(cubes.cell_list(points, 3.0).start) <= limit + 1
    pairs = cKDTree(points).query_pairs(3.0)
    found = find_neighbours(ase.Atoms(["Ta"] * len(points), positions=points), 3.0)
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == pairs


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e308])
def test_coordinates_without_cells_are_refused(wrong: float) -> None:
    points = np.zeros((6, 3)) + np.arange(6)[:, None]
    points[3, 1], points[4, 1] = wrong, -wrong
    for sort in (
        lambda: columns.sort_columns(points, 3.0, 3.0),
        lambda: cubes.cell_list(points, 3),
    ):
        with pytest.raises(InputError, match="in atom 3; expected finite numbers within 1e"):
            sort()


def test_any_number_of_neighbours_has_room() -> None:
    atoms = close_packed(4)
    for cutoff in (2.5, 4.0, 9.0, 40.0):
        found = find_neighbours(atoms, cutoff)
        expected = slow_pairs(atoms, cutoff)
        assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == sorted(
            expected
        )
    # Of 25 atoms in a row the first has 24 later neighbours, as many as there is room for at first.
    row = ase.Atoms("Ta25", positions=np.arange(25)[:, None] * [0.1, 0, 0])
    assert len(find_neighbours(row, 3.0)) == 25 * 24 / 2


def test_images_surround_the_cell() -> None:
    atoms = shaken_box(0, repeat=2)
    images = periodic_images(atoms, 5.0)
    n = len(atoms)
    np.testing.assert_array_equal(images.atom[:n], np.arange(n))
    inside = np.linalg.solve(reduced_cell(atoms).T, images.positions[:n].T).T
    assert inside.min() > -1e-12
    assert inside.max() < 1 + 1e-12
    # Each image is its atom moved by whole cells.
    step = np.linalg.solve(
        np.asarray(atoms.cell).T, (images.positions - images.positions[images.atom]).T
    ).T
    np.testing.assert_allclose(step, np.round(step), atol=1e-12)


def test_a_far_atom_costs_no_memory() -> None:
    atoms = close_packed(2)
    atoms.positions[0] = [1e6, -1e6, 1e6]
    expected = slow_pairs(atoms, 3.5)
    assert as_mapping(find_neighbours(atoms, 3.5)).keys() == expected.keys()


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (ase.Atoms("Ta4", positions=np.eye(4, 3) * 3), "4 atoms; expected at least 5"),
        (
            ase.Atoms("Ta6", positions=[*np.eye(5, 3) * 3 + np.arange(5)[:, None], [3.0, 0, 0]]),
            "atoms 0 and 5 at one place",
        ),
        (
            ase.Atoms("Ta6", positions=[[i, (i * i) % 4, 0] for i in range(6)]),
            "coplanar atoms",
        ),
        (
            ase.Atoms("Ta5", positions=np.diag([1.0, 2, np.nan, 4, 5])[:, :3]),
            "NaN or infinite values in atom 2",
        ),
        (
            ase.Atoms("Ta5", positions=np.arange(15).reshape(5, 3), pbc=True),
            "an independent cell vector",
        ),
        (
            ase.Atoms(
                "Ta6",
                positions=[[0, 1, 1], [10, 1, 1], [3, 3, 3], [5, 1, 4], [7, 2, 1], [2, 6, 6]],
                cell=[10, 10, 10],
                pbc=True,
            ),
            "atoms 0 and 1 at one place",
        ),
    ],
)
def test_unusable_atoms_are_named(atoms: ase.Atoms, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_atoms(atoms, solid=True)


def test_a_cell_of_two_cutoffs_is_too_small() -> None:
    atoms = shaken_box(0, repeat=2, shear=0.0)
    side = float(heights(atoms).min())
    with pytest.raises(InputError, match="more than twice as high"):
        find_neighbours(atoms, side / 2)
    assert len(find_neighbours(atoms, 0.49 * side)) > 0


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan, np.inf])
def test_a_cutoff_is_a_length(cutoff: float) -> None:
    with pytest.raises(InputError, match="a length above zero"):
        find_neighbours(close_packed(0), cutoff)
