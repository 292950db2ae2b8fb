from __future__ import annotations

from itertools import combinations

import ase
import numba
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.structure.bonds import angles as module
from aet_port.structure.bonds.angles import bond_angles
from aet_port.structure.neighbours import find_neighbours
from tests.structure.samples import close_packed, moved, shaken_box


def slow_angles(atoms: ase.Atoms, cutoff: float) -> dict[int, list[float]]:
    """Angles at every atom, one by one."""
    bonds = find_neighbours(atoms, cutoff)
    around: dict[int, list[np.ndarray]] = {i: [] for i in range(len(atoms))}
    for i, j, vector in zip(
        bonds.first.tolist(), bonds.second.tolist(), bonds.vectors, strict=True
    ):
        around[i].append(vector)
        around[j].append(-vector)
    return {
        i: [
            float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
            for a, b in combinations(vectors, 2)
        ]
        for i, vectors in around.items()
    }


@pytest.mark.parametrize("periodic", [True, False])
def test_same_angles_as_one_by_one(periodic: bool) -> None:
    atoms = shaken_box(1, repeat=3) if periodic else close_packed(1, radius=7)
    atoms.symbols[::3] = "Cu"
    found = bond_angles(atoms, 3.7, step=2.0)
    angles = slow_angles(atoms, 3.7)
    edges = np.concatenate([[0], np.arange(1, 181, 2), [180.0001]])
    for name in ("Cu", "Ta"):
        values = np.concatenate([v for i, v in angles.items() if atoms.symbols[i] == name])
        expected, _ = np.histogram(values, edges)
        np.testing.assert_array_equal(found.partial_counts[name], expected)
    np.testing.assert_array_equal(found.counts, sum(found.partial_counts.values()))


def test_angles_of_crystals() -> None:
    """fcc: 24, 12, 24 and 6 of the 66 pairs of bonds at 60, 90, 120 and 180 degrees."""
    crystal = bulk("Al", "fcc", a=4.0, cubic=True).repeat(3)
    found = bond_angles(crystal, 3.4)
    expected = dict.fromkeys(range(181), 0)
    expected.update({60: 24, 90: 12, 120: 24, 180: 6})
    assert found.counts.tolist() == [len(crystal) * expected[k] for k in range(181)]
    assert found.angle[[0, 60, 180]].tolist() == [0, 60, 180]


def test_density_is_a_probability() -> None:
    atoms = close_packed(2)
    atoms.symbols[:40] = "Cu"
    for step in (0.5, 1.0, 5.0):
        found = bond_angles(atoms, 3.9, step=step)
        width = np.full(len(found.angle), step)
        width[[0, -1]] /= 2
        for density in (found.density, *found.partial.values()):
            assert density @ width == pytest.approx(1, rel=1e-12)


def test_atoms_without_two_bonds_give_nothing() -> None:
    apart = ase.Atoms("Ta4Cu", positions=np.arange(5)[:, None] * [10.0, 0, 0])
    found = bond_angles(apart, 3.0)
    assert found.counts.sum() == 0
    assert np.isnan(found.density).all()
    assert np.isnan(found.partial["Cu"]).all()


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.booleans())
def test_turned_shifted_and_reordered(seed: int, periodic: bool) -> None:
    atoms = shaken_box(seed, repeat=3) if periodic else close_packed(seed)
    one, two = bond_angles(atoms, 3.7), bond_angles(moved(atoms, seed + 1), 3.7)
    assert one.counts.sum() == two.counts.sum()
    # Of some 10,000 angles one may lie within rounding of the edge of a bin.
    assert np.abs(one.counts - two.counts).sum() <= 2


def test_any_number_of_threads_gives_the_same_counts() -> None:
    atoms = shaken_box(2, repeat=7)  # more atoms than a block
    before = numba.get_num_threads()
    results = []
    try:
        for threads in sorted({1, numba.config.NUMBA_NUM_THREADS}):
            numba.set_num_threads(threads)
            results.append(bond_angles(atoms, 3.7).counts)
    finally:
        numba.set_num_threads(before)
    assert len(atoms) > module.BLOCK
    for other in results:
        np.testing.assert_array_equal(results[0], other)


def test_kernel_without_compilation() -> None:
    directions = np.array([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1], [0, 0, 1]])
    found = np.zeros((1, 2, 181), dtype=np.int64)
    start, kind = np.array([0, 3, 5]), np.array([0, 1])
    module._count_angles.py_func(directions, start, kind, 1.0, module.BLOCK, found)
    assert np.argwhere(found).tolist() == [[0, 0, 90], [0, 0, 180], [0, 1, 0]]
    assert found[0, 0, 90] == 2


@pytest.mark.parametrize("step", [0.0, -1.0, 0.7, 100.0, np.nan, np.inf])
def test_a_step_divides_180_degrees(step: float) -> None:
    with pytest.raises(InputError, match="of which a whole number makes 180"):
        bond_angles(close_packed(0), 3.9, step=step)


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="at least 5"):
        bond_angles(close_packed(0)[:4], 3.9)
    with pytest.raises(InputError, match="at one place"):
        bond_angles(close_packed(0) + close_packed(0)[:1], 3.9)
    with pytest.raises(InputError, match="cutoff"):
        bond_angles(close_packed(0), 0)
    with pytest.raises(InputError, match="more than twice as high"):
        bond_angles(shaken_box(0, repeat=2), 4.5)
