from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.core.scattering import scattering_factor
from aet_port.structure.pairs.debye import debye_structure_factor, structure_factor
from aet_port.structure.pairs.structure_factors import window_function
from tests.structure.samples import close_packed, moved, shaken_box

Q = np.linspace(0.0, 12.0, 61)


def mixed(atoms: ase.Atoms) -> ase.Atoms:
    atoms.symbols[::3] = "Cu"
    return atoms


def double_sum(atoms: ase.Atoms, first: str, second: str) -> np.ndarray:
    """Debye's sum for one pair of species, term by term."""
    distances = atoms.get_all_distances()
    np.fill_diagonal(distances, np.nan)
    symbols = np.array(atoms.get_chemical_symbols())
    r = distances[symbols == first][:, symbols == second]
    r = r[np.isfinite(r)]
    n = len(atoms)
    share = (symbols == first).mean() * (symbols == second).mean()
    return 1 + np.array([np.sinc(q * r / np.pi).sum() for q in Q]) / (n * share)


def test_equals_the_double_sum() -> None:
    atoms = mixed(close_packed(2))
    found = debye_structure_factor(atoms, Q)
    assert set(found.partial) == {("Cu", "Cu"), ("Cu", "Ta"), ("Ta", "Ta")}
    for (a, b), partial in found.partial.items():
        # Half a bin, 0.0005 angstrom, at random signs over the 20 neighbours of an atom.
        np.testing.assert_allclose(partial, double_sum(atoms, a, b), atol=5e-3)
        # The error shrinks with the bin, so it is that of the bins.
        fine = debye_structure_factor(atoms, Q, step=1e-5).partial[a, b]
        np.testing.assert_allclose(fine, double_sum(atoms, a, b), atol=5e-5)


def test_total_is_the_intensity_over_the_mean_factor() -> None:
    """``S = 1 + (I / N - <f^2>) / <f>^2`` with I the sum over all pairs with their factors."""
    atoms = mixed(close_packed(2, radius=6))
    found = debye_structure_factor(atoms, Q, step=1e-5)
    names = atoms.get_chemical_symbols()
    factors = np.array([scattering_factor(Q / (2 * np.pi), name) for name in names]).T
    r = atoms.get_all_distances()
    intensity = np.array([f @ np.sinc(q * r / np.pi) @ f for q, f in zip(Q, factors, strict=True)])
    square, mean = (factors**2).mean(axis=1), factors.mean(axis=1)
    expected = 1 + (intensity / len(atoms) - square) / mean**2
    np.testing.assert_allclose(found.s, expected, atol=5e-5)  # bins of 1e-5 angstrom
    plain = debye_structure_factor(atoms, Q, step=1e-5, weights="atoms")
    alike = np.array([np.sinc(q * r / np.pi).mean() * len(atoms) for q in Q])
    np.testing.assert_allclose(plain.s, alike, atol=5e-5)


def test_at_zero_all_atoms_scatter_together() -> None:
    atoms = close_packed(1)
    assert debye_structure_factor(atoms, [0.0]).s[0] == pytest.approx(len(atoms), rel=1e-12)


def test_a_crystal_has_its_reflections() -> None:
    """fcc: the two strongest below 4.5/angstrom are 111 and 220, and 100 is extinct."""
    edge = 4.0
    crystal = bulk("Al", "fcc", a=edge, cubic=True).repeat(8)
    q = np.arange(1.0, 4.6, 0.01)
    found = structure_factor(crystal, q, r_max=15.9)
    first = q[np.argmax(np.where(q < 2.9, found.s, 0))]
    # Grid of q, and the pull of the reflection beside it (200 at 3.14).
    assert first == pytest.approx(2 * np.pi * np.sqrt(3) / edge, abs=0.03)
    second = q[np.argmax(np.where(q > 3.8, found.s, 0))]
    assert second == pytest.approx(2 * np.pi * np.sqrt(8) / edge, abs=0.03)
    extinct = found.s[np.abs(q - 2 * np.pi / edge) < 0.05]
    assert np.abs(extinct).max() < 0.1 * found.s.max()


def test_box_and_particle_of_one_material_agree() -> None:
    """A ball cut from a liquid-like box; beyond its size its Debye sum is the box's S(q)."""
    box = shaken_box(3, repeat=9, jitter=0.4, shear=0.0)
    middle = np.asarray(box.cell).sum(axis=0) / 2
    ball = box[np.linalg.norm(box.positions - middle, axis=1) < 15]
    ball.set_pbc(False)
    q = np.linspace(2.0, 8.0, 121)
    whole = structure_factor(box, q, r_max=15.0)
    part = structure_factor(ball, q, r_max=15.0)
    debye = debye_structure_factor(ball, q)
    strongest = whole.s.max()
    assert strongest > 1.8
    assert q[np.argmax(part.s)] == pytest.approx(q[np.argmax(whole.s)], abs=0.1)
    assert q[np.argmax(debye.s)] == pytest.approx(q[np.argmax(whole.s)], abs=0.1)
    # The ball holds 800 atoms, a fifth of them on its surface: 0.1 is noise of that many.
    assert np.abs(part.s - whole.s).mean() < 0.1 * strongest
    assert np.abs(debye.s - whole.s).mean() < 0.15 * strongest


def test_an_ideal_gas_scatters_evenly() -> None:
    rng = np.random.default_rng(0)
    symbols = np.where(rng.random(6000) < 0.3, "Cu", "Ta")
    gas = ase.Atoms(symbols, positions=rng.uniform(0, 45, (6000, 3)), cell=[45] * 3, pbc=True)
    found = structure_factor(gas, np.linspace(1, 10, 40), r_max=20)
    # 6000 atoms: the fluctuation of the sum is of order 1 / sqrt(number of independent q) < 0.1,
    # larger by 1 / c for the rarer species.
    assert np.abs(found.s - 1).max() < 0.2
    for partial in found.partial.values():
        assert abs(partial.mean() - 1) < 0.1


def test_box_total_is_built_from_its_partials() -> None:
    box = mixed(shaken_box(1, repeat=5, shear=0.05))
    found = structure_factor(box, Q, weights="atoms")
    symbols = np.array(box.get_chemical_symbols())
    c = {name: (symbols == name).mean() for name in ("Cu", "Ta")}
    expected = sum(
        c[a] * c[b] * (1 if a == b else 2) * partial for (a, b), partial in found.partial.items()
    )
    np.testing.assert_allclose(found.s, expected, atol=1e-12)
    alike = box.copy()
    alike.symbols[:] = "Ta"
    # Species forgotten, the partials add up to the same S.
    np.testing.assert_allclose(found.s, structure_factor(alike, Q).s, atol=1e-10)


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_turned_shifted_and_reordered(seed: int) -> None:
    atoms = mixed(close_packed(seed, radius=7))
    one = debye_structure_factor(atoms, Q)
    two = debye_structure_factor(moved(atoms, seed + 1), Q)
    # A distance on the edge of a bin may move one bin: 1e-3 angstrom for one pair of 5000.
    np.testing.assert_allclose(one.s, two.s, atol=2e-4)
    box = mixed(shaken_box(seed, repeat=4, shear=0.05))
    here, there = (
        structure_factor(box, Q, r_max=7.0),
        structure_factor(moved(box, seed), Q, r_max=7.0),
    )
    np.testing.assert_allclose(here.s, there.s, atol=2e-3)


def test_windows() -> None:
    x = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(window_function(x, "lorch"), [1, 2 / np.pi, 0], atol=1e-15)
    np.testing.assert_array_equal(window_function(x, "none"), [1, 1, 1])
    with pytest.raises(InputError, match="window: found 'hann'; expected one of lorch, none"):
        window_function(x, "hann")


def test_bad_input_is_named() -> None:
    atoms, box = close_packed(0), shaken_box(0)
    for function in (debye_structure_factor, structure_factor):
        for q in ([-1.0], [np.nan], [], [[1.0]]):
            with pytest.raises(InputError, match="q: found"):
                function(atoms, q)
        with pytest.raises(InputError, match="weights: found 'x-rays'"):
            function(atoms, Q, weights="x-rays")
        least = 2 if function is debye_structure_factor else 5
        with pytest.raises(InputError, match=f"at least {least}"):
            function(atoms[: least - 1], Q)
        with pytest.raises(InputError, match="step: found"):
            function(atoms, Q, step=np.nan)
        unknown = atoms.copy()
        unknown.symbols[3] = "X"
        with pytest.raises(InputError, match="element: found 'X'"):
            function(unknown, Q)
    with pytest.raises(InputError, match="periodic directions"):
        debye_structure_factor(box, Q)
    with pytest.raises(InputError, match="more than twice as high"):
        structure_factor(box, Q, r_max=20.0)
    with pytest.raises(InputError, match="window"):
        structure_factor(box, Q, window="hann")
