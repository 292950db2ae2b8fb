"""Coordinates that no sample has, and atoms far from all others."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.extents import check_extent, stray_atoms, stray_remark
from aet_port.core.limits import LARGEST_EXTENT
from aet_port.simulation.tilt_series import odd_size
from aet_port.structure.neighbours import check_atoms


def lattice(n: int = 4) -> np.ndarray:
    return np.stack(np.meshgrid(*3 * [np.arange(n) * 3.0]), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("value", [1e6, -3e9, 1e18, 1e19, 1e300, np.inf, np.nan])
def test_a_coordinate_beyond_the_limit_names_its_atom(value: float) -> None:
    points = lattice()
    points[17, 2] = value
    with pytest.raises(InputError, match="in atom 17; expected finite numbers within 1e"):
        check_extent(points)
    with pytest.raises(InputError, match=r"positions: found .*(17|NaN)"):
        AtomicModel.from_positions(points, "Ta")
    with pytest.raises(InputError, match=r"positions: found .*17"):
        check_atoms(ase.Atoms(["Ta"] * len(points), positions=points))


def test_coordinates_up_to_the_limit_are_taken() -> None:
    points = lattice()
    points[0] = -0.999 * LARGEST_EXTENT
    check_extent(points)
    check_atoms(AtomicModel.from_positions(points, "Ta").atoms)


@pytest.mark.parametrize("edge", [2e6, 1e12, 1e300])
def test_a_box_beyond_the_limit_is_named(edge: float) -> None:
    box = ase.Atoms(["Ta"] * 64, positions=lattice(), cell=[12, 12, edge], pbc=True)
    with pytest.raises(InputError, match="cell: found a vector with"):
        AtomicModel(box)
    with pytest.raises(InputError, match="cell: found a vector with"):
        check_atoms(box)
    box.pbc = False  # a cell that means nothing
    AtomicModel(box)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 4), st.floats(1.5, 5))
def test_stray_atoms_are_those_that_were_moved_away(seed: int, number: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    points = lattice() + rng.uniform(-0.4, 0.4, (64, 3))
    moved = np.sort(rng.choice(64, number, replace=False))
    # Along different axes or sides, so that they are far from each other too.
    sides = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]])[:number]
    points[moved] += 10**power * sides
    numbers = rng.choice([13, 73], 64)
    found, reach = stray_atoms(points, numbers)
    assert found.tolist() == moved.tolist()
    apart = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)
    assert (apart[found, 3] > reach).all()
    # Twice the longest bond of the atom, or twice the usual distance if that is longer.
    radii = covalent_radii[numbers]
    expected = 2 * np.maximum(radii + radii.max(), np.median(apart[:, 1]))
    np.testing.assert_allclose(reach, expected[moved], rtol=1e-12)
    remark = stray_remark(points, numbers)
    assert (remark is None) == (number == 0)


def test_the_remark_names_few_of_many() -> None:
    points = lattice(6)
    points[:8] = np.eye(8, 3) * 1e4 + np.arange(8)[:, None] * 1e3
    numbers = np.full(len(points), 73)
    remark = stray_remark(points, numbers)
    assert remark is not None
    assert remark.startswith("atoms 0, 1, 2, 3, 4 and 3 more (from 0): ")
    assert stray_remark(points[:9], numbers[:9]) is None
    assert stray_remark(points, numbers, periodic=True) is None


def test_no_image_is_made_for_a_stray_atom() -> None:
    assert odd_size(10.0, 0.5) == 53
    with pytest.raises(InputError, match=r"an atom 1e\+05 angstrom from the origin"):
        odd_size(1e5, 0.5)
