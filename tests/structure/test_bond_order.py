from __future__ import annotations

import ase
import numba
import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat
from scipy.special import sph_harm_y

from aet_port.core.errors import InputError
from aet_port.structure.bonds import orientational as module
from aet_port.structure.bonds.orientational import BondOrder, bond_order, lattice_order
from aet_port.structure.columns import near_rows
from aet_port.structure.neighbours import find_neighbours
from matlab_reference import golden_path
from tests.structure.samples import close_packed, moved, shaken_box

REALS = ("q4", "q6", "local_q4", "local_q6", "normalised")


def by_scipy(atoms: ase.Atoms, cutoff: float, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Local and averaged order of one degree, from the complex spherical harmonics of SciPy."""
    bonds = find_neighbours(atoms, cutoff)
    centre = np.concatenate([bonds.first, bonds.second])
    other = np.concatenate([bonds.second, bonds.first])
    vectors = np.concatenate([bonds.vectors, -bonds.vectors])
    theta = np.arccos(vectors[:, 2] / np.linalg.norm(vectors, axis=1))
    phi = np.arctan2(vectors[:, 1], vectors[:, 0])
    m = np.arange(-degree, degree + 1)
    q = np.zeros((len(atoms), len(m)), dtype=complex)
    np.add.at(q, centre, sph_harm_y(degree, m[None, :], theta[:, None], phi[:, None]))
    number = np.bincount(centre, minlength=len(atoms))[:, None]
    q /= number
    mean = q.copy()
    np.add.at(mean, centre, q[other])
    mean /= number + 1
    factor = 4 * np.pi / (2 * degree + 1)
    local, averaged = (np.sqrt(factor * (np.abs(v) ** 2).sum(axis=1)) for v in (q, mean))
    return local, averaged


@pytest.mark.parametrize(
    "atoms",
    [close_packed(3), shaken_box(4), shaken_box(5, shear=0.0), shaken_box(6, shear=0.25)],
    ids=["cluster", "triclinic box", "cubic box", "skewed box"],
)
def test_equals_spherical_harmonics_of_scipy(atoms: ase.Atoms) -> None:
    found = bond_order(atoms, 3.9)
    for degree in (4, 6):
        local, averaged = by_scipy(atoms, 3.9, degree)
        # The bar; both are sums of some 200 terms of order 1.
        np.testing.assert_allclose(getattr(found, f"q{degree}"), averaged, atol=1e-10, rtol=0)
        np.testing.assert_allclose(getattr(found, f"local_q{degree}"), local, atol=1e-10, rtol=0)


@pytest.mark.parametrize("case", [1, 2, 3])
def test_golden_of_the_film_code(case: int) -> None:
    golden = loadmat(golden_path("am__qnbar__fcc_jittered_random.mat"))
    positions = golden[f"in_{case}_model"].T
    atoms = ase.Atoms(["Ta"] * len(positions), positions=positions)
    found = bond_order(atoms, golden["in_cutoff"][0, case - 1], reference_quirks=True)
    # Rounding of sums of some 200 terms of order 1.
    np.testing.assert_allclose(found.q4, golden[f"out_{case}_q4"][0], atol=1e-14, rtol=0)
    np.testing.assert_allclose(found.q6, golden[f"out_{case}_q6"][0], atol=1e-14, rtol=0)
    if case == 3:
        assert (found.neighbours == 0).any()
        assert (found.q6[found.neighbours == 0] == 0).all()


@pytest.mark.parametrize(
    ("case", "boundary"),
    [(1, ""), (1, "_pbc"), (2, ""), (2, "_pbc"), (3, ""), (4, ""), (4, "_pbc"), (5, "_pbc")],
)
def test_golden_of_the_glass_code(case: int, boundary: str) -> None:
    golden = loadmat(
        golden_path("mg__obtain_Q_l_2ndNN_inds_PBC__fcc_jittered_cluster_sparse_bcc.mat")
    )
    keys = [k for k in (f"out_{case}_q4{boundary}", f"out_{case}_q6{boundary}") if k in golden]
    assert keys
    positions = golden[f"in_{case}_model"].T
    atoms = ase.Atoms(["Ta"] * len(positions), positions=positions)
    if boundary:
        atoms.set_cell(golden[f"in_{case}_cell"][0])
        atoms.set_pbc(True)
    found = bond_order(atoms, golden["in_BondTh"][0, case - 1])
    for key in keys:
        # Rounding of sums of some 200 terms of order 1; NaN where an atom has no neighbours.
        np.testing.assert_allclose(
            getattr(found, key.split("_")[2]), golden[key][0], atol=1e-14, rtol=0
        )


def test_golden_of_one_harmonic_function() -> None:
    golden = loadmat(golden_path("am__harmonicY__degrees_and_options.mat"))
    theta, phi = golden["in_th"][0], golden["in_phi"][0]
    directions = [
        np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    ]  # fmt: skip
    rows = np.zeros((len(theta), 22))
    for row, direction in enumerate(np.transpose(directions)):
        total = np.zeros(22 * 8)
        module._add_harmonics(*direction, 1.0, total, 0)
        rows[row] = total[::8]
    for degree, part in ((4, rows[:, :9]), (6, rows[:, 9:])):
        complex_ones = golden[f"out_n{degree}"][degree:]  # m = 0 .. degree
        scale = np.sqrt(4 * np.pi / (2 * degree + 1))
        np.testing.assert_allclose(part[:, 0], scale * complex_ones[0].real, atol=1e-14)
        # m and -m joined: real and imaginary part times sqrt(2); the reference has the sign
        # (-1)^m, which no order parameter sees.
        for m in range(1, degree + 1):
            expected = (-1) ** m * np.sqrt(2) * scale * complex_ones[m]
            np.testing.assert_allclose(part[:, 2 * m - 1], expected.real, atol=1e-14)
            np.testing.assert_allclose(part[:, 2 * m], expected.imag, atol=1e-14)


def test_perfect_lattices() -> None:
    """The digits that the reference's scripts type in, and the sites of a periodic crystal."""
    printed = {
        "fcc": (0.190941, 0.574524),
        "hcp": (0.09722, 0.484762),
        "bcc": (0.0363696, 0.510688),
    }
    for lattice, figures in printed.items():
        # Half a unit of the last printed digit, 5 digits for Q4 of hcp.
        assert lattice_order(lattice) == pytest.approx(figures, abs=5.1e-6)
    crystals = {
        "fcc": (bulk("Al", "fcc", a=4.0, cubic=True).repeat(3), 3.4),
        "bcc": (bulk("Fe", "bcc", a=3.0, cubic=True).repeat(4), 3.6),
        "hcp": (bulk("Mg", "hcp", a=3.0, covera=np.sqrt(8 / 3)).repeat((5, 5, 3)), 3.6),
    }
    for lattice, (crystal, cutoff) in crystals.items():
        found = bond_order(crystal, cutoff)
        q4, q6 = lattice_order(lattice)
        # Rounding alone: every site has the same surroundings.
        np.testing.assert_allclose(found.q4, q4, atol=1e-13)
        np.testing.assert_allclose(found.q6, q6, atol=1e-13)
        np.testing.assert_allclose(found.local_q6, q6, atol=1e-13)
        assert (found.neighbours == {"fcc": 12, "bcc": 14, "hcp": 12}[lattice]).all()
    np.testing.assert_allclose(bond_order(crystals["fcc"][0], 3.4).normalised, 1, atol=1e-13)


def test_another_lattice_is_refused() -> None:
    with pytest.raises(InputError, match="lattice: found 'sc'; expected one of fcc, hcp, bcc"):
        lattice_order("sc")


def same(one: BondOrder, two: BondOrder) -> None:
    np.testing.assert_array_equal(one.neighbours, two.neighbours)
    for name in REALS:
        # Rounding of the coordinates, 1e-14, over small sums of large terms.
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-13)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.booleans())
def test_turned_shifted_and_reordered(seed: int, periodic: bool) -> None:
    atoms = shaken_box(seed, repeat=3) if periodic else close_packed(seed)
    cutoff = 3.9
    atoms.set_array("number", np.arange(len(atoms)))
    other = moved(atoms, seed + 1)
    found = bond_order(other, cutoff)
    back = np.argsort(other.get_array("number"))
    turned = BondOrder(**{name: getattr(found, name)[back] for name in (*REALS, "neighbours")})
    same(bond_order(atoms, cutoff), turned)


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_a_box_has_no_beginning(seed: int) -> None:
    atoms = shaken_box(seed, repeat=3)
    shifted = atoms.copy()
    shifted.positions += np.random.default_rng(seed).uniform(-40, 40, 3)
    same(bond_order(atoms, 3.9), bond_order(shifted, 3.9))


def test_a_cluster_in_a_large_box_is_the_cluster() -> None:
    atoms = close_packed(8)
    boxed = ase.Atoms(atoms.symbols, positions=atoms.positions + 20, cell=[60] * 3, pbc=True)
    same(bond_order(atoms, 3.9), bond_order(boxed, 3.9))


def test_any_number_of_threads_gives_the_same_bits() -> None:
    atoms = shaken_box(2)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in sorted({1, numba.config.NUMBA_NUM_THREADS}):
            numba.set_num_threads(threads)
            results.append(bond_order(atoms, 3.9))
    finally:
        numba.set_num_threads(before)
    for other in results:
        for name in (*REALS, "neighbours"):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(other, name))


def test_kernels_without_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    direction = (0.36, 0.48, 0.8)
    atoms = close_packed(1, radius=4.5)
    n = len(atoms)
    where = near_rows(atoms.positions, np.arange(n), n, 4.0, once=False)
    for name in ("_add_harmonics", "_local_row", "_averaged_row"):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
    local, neighbours = np.empty((n, 22)), np.zeros(n, dtype=np.int64)
    plain = (atoms.positions, np.arange(n), *where, 4.0)
    for lanes in (8, 3):  # as many bonds at a time give the same
        least = (module.NEAREST, np.nan)
        module._local_harmonics.py_func(*plain, *least, lanes, local, neighbours)
        q4, q6 = np.empty(n), np.empty(n)
        module._average.py_func(*plain, local, q4, q6)
        found = bond_order(atoms, 4.0)
        np.testing.assert_array_equal(neighbours, found.neighbours)
        # Compiled sums may be rounded once less.
        np.testing.assert_allclose(q6, found.q6, rtol=1e-12)
        np.testing.assert_allclose(np.linalg.norm(local[:, :9], axis=1), found.local_q4, rtol=1e-12)
    total = np.zeros(22 * 8)
    module._add_harmonics(*direction, 1.0, total, 5)
    # Squares of each degree sum to 1 for a unit vector, in the lane asked for.
    np.testing.assert_allclose((total.reshape(22, 8)[:9] ** 2).sum(axis=0)[5], 1, rtol=1e-14)
    assert not total.reshape(22, 8)[:, [0, 1, 2, 3, 4, 6, 7]].any()


def test_an_atom_on_the_cutoff_is_no_neighbour() -> None:
    line = ase.Atoms("Ta5", positions=np.arange(5)[:, None] * [3.0, 0, 0])
    assert bond_order(line, 3.0).neighbours.tolist() == [0] * 5
    assert bond_order(line, 3.0000001).neighbours.tolist() == [1, 2, 2, 2, 1]


def test_coplanar_atoms_have_an_order() -> None:
    square = bulk("Po", "sc", a=3.0).repeat((4, 4, 1))
    square.set_pbc(False)
    found = bond_order(square, 3.1)
    assert np.isfinite(found.q4).all()
    assert found.neighbours.max() == 4


def test_an_atom_without_neighbours_is_not_a_number() -> None:
    atoms = close_packed(0)
    atoms.append(ase.Atom("Ta", [50.0, 0, 0]))
    found = bond_order(atoms, 3.9)
    assert found.neighbours[-1] == 0
    for name in REALS:
        values = getattr(found, name)
        assert np.isnan(values[-1])
        # Nobody counts it as a neighbour.
        np.testing.assert_allclose(
            values[:-1], getattr(bond_order(atoms[:-1], 3.9), name), rtol=1e-12
        )
    assert bond_order(atoms, 3.9, reference_quirks=True).normalised[-1] == 0


def test_the_quirk_is_the_printed_lattice() -> None:
    atoms = close_packed(0)
    ratio = bond_order(atoms, 3.9, reference_quirks=True).normalised
    ratio /= bond_order(atoms, 3.9).normalised
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    assert 1e-8 < abs(ratio[0] - 1) < 2e-6


@pytest.mark.parametrize(
    ("atoms", "cutoff", "words"),
    [
        (close_packed(0)[:4], 3.9, "4 atoms; expected at least 5"),
        (close_packed(0) + close_packed(0)[:1], 3.9, "at one place"),
        (close_packed(0), 0.0, "cutoff: found 0.0"),
        (close_packed(0), np.nan, "cutoff: found nan"),
        (shaken_box(0, repeat=2), 4.5, "more than twice as high"),
    ],
)
def test_bad_input_is_named(atoms: ase.Atoms, cutoff: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        bond_order(atoms, cutoff)
