"""Structure factors that are known exactly: crystals, gases, two atoms; and a slow version."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from ase.utils.xrdebye import waasmaier

from aet_port.core.errors import InputError
from aet_port.core.scattering import scattering_factor, xray_factor
from aet_port.structure import (
    average_structure_factor,
    box_structure_factor,
    debye_structure_factor,
    scattering_of,
)
from aet_port.structure.pairs.debye import structure_factor
from aet_port.structure.settings import StructureFactorSettings
from tests.structure.samples import close_packed, moved, shaken_box

EDGE = 3.6


def fcc(repeat: int) -> ase.Atoms:
    return bulk("Cu", "fcc", a=EDGE, cubic=True).repeat(repeat)


def mixed(atoms: ase.Atoms, seed: int = 0) -> ase.Atoms:
    rare = np.random.default_rng(seed).random(len(atoms)) < 0.3
    atoms.symbols[rare] = "Cu"
    return atoms


def gas(seed: int, n_atoms: int = 2000) -> ase.Atoms:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 40, (n_atoms, 3))
    return mixed(ase.Atoms(["Ta"] * n_atoms, places, cell=[40] * 3, pbc=True), seed)


def test_a_perfect_crystal_has_n_at_its_reflections_and_nothing_between() -> None:
    crystal = fcc(4)
    found = box_structure_factor(crystal, 6.2, step=0.0)
    # h, k, l all even or all odd; in the order of their lengths, with half their multiplicity.
    allowed = [3, 4, 8, 11, 12]
    expected = 2 * np.pi * np.sqrt(allowed) / EDGE
    reflection = found.s > 0.5
    # Rounding of sums over 256 atoms whose terms are of order one.
    np.testing.assert_allclose(found.q[reflection], expected, rtol=1e-12)
    np.testing.assert_allclose(found.s[reflection], len(crystal), rtol=1e-10)
    assert np.abs(found.s[~reflection]).max() < 1e-10
    assert found.vectors is not None
    assert found.vectors[reflection].tolist() == [4, 3, 6, 12, 4]


@pytest.mark.parametrize("repeat", [1, 3, 5])
def test_reflections_share_their_length_with_vectors_between_them(repeat: int) -> None:
    """In a box of 3 x 3 x 3 cells (5, 1, 1) is as long as (3, 3, 3), and nothing is there."""
    crystal = fcc(repeat)
    found = box_structure_factor(crystal, 6.2, step=0.0)
    most = int(6.2 * EDGE * repeat / (2 * np.pi))
    grid = np.stack(np.meshgrid(*[np.arange(-most, most + 1)] * 3), -1).reshape(-1, 3)
    square = (grid**2).sum(axis=1)
    parity = (grid // repeat) % 2
    lit = (grid % repeat == 0).all(axis=1) & (parity == parity[:, :1]).all(axis=1)
    shell = np.round((found.q * EDGE * repeat / (2 * np.pi)) ** 2).astype(int)
    expected = [len(crystal) * lit[square == one].mean() for one in shell]
    assert len(set(shell)) == len(shell)
    np.testing.assert_allclose(found.s, expected, atol=1e-9)


def test_a_crystal_in_another_cell_and_place_is_the_same() -> None:
    crystal = fcc(3)
    skewed = moved(crystal, 4)
    skewed.set_cell(np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ np.asarray(skewed.cell))
    one, two = (box_structure_factor(each, 5.0, step=0.0) for each in (crystal, skewed))
    np.testing.assert_allclose(one.q, two.q, rtol=1e-9)
    # Rounding of positions shifted by 50 angstrom: 1e-14 of the phase, 1e-12 of N.
    np.testing.assert_allclose(one.s, two.s, atol=1e-8)


@pytest.mark.parametrize("weights", ["electrons", "xrays", "atoms"])
def test_equals_the_plain_sum(weights: str) -> None:
    """Exponentials of every vector of a triclinic box, one by one, without tables or symmetry."""
    box = mixed(shaken_box(2, repeat=2))
    found = box_structure_factor(box, 5.0, q_min=1.0, step=0.5, vectors=10**6, weights=weights)
    reciprocal = 2 * np.pi * np.linalg.inv(np.asarray(box.cell)).T
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vectors = grid @ reciprocal
    length = np.linalg.norm(vectors, axis=1)
    vectors = vectors[(length >= 1.0) & (length < 5.0)]
    length = np.linalg.norm(vectors, axis=1)
    names = np.array(box.get_chemical_symbols())
    factor = {"electrons": scattering_factor, "xrays": xray_factor}.get(
        weights, lambda q, name: np.ones_like(q)
    )
    f = np.array([factor(length / (2 * np.pi), name) for name in names]).T
    waves = np.exp(1j * vectors @ box.positions.T)
    n = len(box)
    square, mean = (f**2).mean(axis=1), f.mean(axis=1)
    intensity = np.abs((f * waves).sum(axis=1)) ** 2 / n
    total = 1 + (intensity - square) / mean**2
    bins = ((length - 1.0) / 0.5).astype(int)

    def average(values: np.ndarray) -> np.ndarray:
        return np.bincount(bins, values) / np.bincount(bins)

    # Sums of 32 terms in double precision, divided by <f>^2 of order one.
    np.testing.assert_allclose(found.q, average(length), rtol=1e-12)
    np.testing.assert_allclose(found.s, average(total), rtol=1e-9)
    np.testing.assert_allclose(found.intensity, average(intensity), rtol=1e-9)
    assert found.vectors is not None
    np.testing.assert_array_equal(2 * found.vectors, np.bincount(bins))
    assert found.error is not None
    # Each pair G, -G counts once.
    spread = np.array([total[bins == k].std() for k in range(8)])
    half = found.vectors
    np.testing.assert_allclose(found.error, spread / np.sqrt(half - 1), rtol=1e-9)
    for a, b in (("Cu", "Cu"), ("Cu", "Ta"), ("Ta", "Ta")):
        one, two = (waves[:, names == name].sum(axis=1) for name in (a, b))
        share = (names == a).mean() * (names == b).mean() * n
        own = (names == a).sum() if a == b else 0
        expected = average(1 + ((one * two.conj()).real - own) / share)
        np.testing.assert_allclose(found.partial[a, b], expected, atol=1e-9)


def test_an_ideal_gas_is_one_within_its_own_error() -> None:
    found = box_structure_factor(gas(0), 9.0, q_min=1.0, step=0.2, vectors=300)
    assert found.error is not None
    assert found.vectors is not None
    deviation = (found.s - 1) / found.error
    # 40 independent values of a standard normal variable; their mean square is 1 +- 0.22.
    assert np.abs(deviation).max() < 4.5
    assert (deviation**2).mean() == pytest.approx(1, abs=0.9)
    # For single atoms the amplitude squared is exponential: standard deviation 1, as the mean.
    scatter = found.error * np.sqrt(found.vectors)
    assert scatter.mean() == pytest.approx(1, abs=0.1)
    for partial in found.partial.values():
        # About 12,000 vectors; the rarer species (0.3) has 1 / 0.3 the scatter of a total.
        assert partial.mean() == pytest.approx(1, abs=5 / 0.3 / np.sqrt(12000))


def test_drawn_vectors_give_what_all_of_them_do() -> None:
    box = mixed(shaken_box(5, repeat=5, jitter=0.9, shear=0.05))
    every = box_structure_factor(box, 8.0, q_min=2.0, step=0.25, vectors=10**7)
    some = box_structure_factor(box, 8.0, q_min=2.0, step=0.25, vectors=200)
    assert some.vectors is not None
    assert every.vectors is not None
    assert some.error is not None
    assert 150 < some.vectors[-1] < 250 < every.vectors[-1] / 4
    # 24 bins within 4.5 of their standard errors.
    assert (np.abs(some.s - every.s) < 4.5 * some.error + 1e-12).all()


def test_box_and_pair_distribution_agree() -> None:
    """Two ways to one function: sums over G, and the transform of g(r) of the same box."""
    box = shaken_box(3, repeat=7, jitter=0.45, shear=0.0)
    direct = box_structure_factor(box, 12.0, q_min=5.5, step=0.1, vectors=1000)
    through = structure_factor(box, direct.q, window="none")
    assert direct.error is not None
    away = np.abs(direct.s - through.s)
    # Scatter of the vectors, and ripples of the cut of g at 14 angstrom.
    assert (away < 5 * direct.error + 0.15).all()
    assert away.mean() < 0.06


def test_two_atoms_have_the_closed_form() -> None:
    """``I = (f_a^2 + f_b^2 + 2 f_a f_b sin(q r) / (q r)) / 2`` per atom."""
    r, q = 2.7, np.linspace(0.0, 20.0, 101)
    pair = ase.Atoms("CuTa", [[0, 0, 0], [r, 0, 0]])
    found = debye_structure_factor(pair, q, step=1e-6)
    f, g = (scattering_factor(q / (2 * np.pi), name) for name in ("Cu", "Ta"))
    wave = np.sinc(q * r / np.pi)
    # Half a bin in the distance: a phase of 20 * 5e-7.
    np.testing.assert_allclose(found.intensity, (f**2 + g**2) / 2 + f * g * wave, rtol=2e-5)
    np.testing.assert_allclose(found.partial["Cu", "Ta"], 1 + 2 * wave, atol=2e-5)
    np.testing.assert_allclose(found.partial["Cu", "Cu"], 1, atol=1e-12)
    alike = debye_structure_factor(pair, q, step=1e-6, weights="atoms")
    np.testing.assert_allclose(alike.intensity, 1 + wave, atol=2e-5)
    np.testing.assert_allclose(alike.s, alike.intensity, rtol=1e-14)


def test_xray_intensity_is_that_of_other_factors() -> None:
    """The double sum with the factors of Waasmaier and Kirfel, another fit of the same tables."""
    atoms = close_packed(1, radius=6)
    atoms.symbols[:] = "Pd"
    q = np.linspace(0.5, 12.0, 24)
    found = debye_structure_factor(atoms, q, weights="xrays", step=1e-4)
    r = atoms.get_all_distances()
    waves = np.array([np.sinc(one * r / np.pi).sum() for one in q]) / len(atoms)
    # The two fits of f differ by 0.3 % or less, squared; and half a bin of distance.
    np.testing.assert_allclose(found.intensity, tabulated("Pd", q) ** 2 * waves, rtol=0.01)


def tabulated(name: str, q: np.ndarray) -> np.ndarray:
    """X-ray factor as a sum of Gaussians of sin(theta) / lambda = q / 4 pi."""
    a = waasmaier[name]
    square = (q / (4 * np.pi)) ** 2
    return np.asarray(a[10] + sum(a[2 * i] * np.exp(-a[2 * i + 1] * square) for i in range(5)))


@pytest.mark.parametrize("name", ["C", "S", "Ni", "Pd", "Ag", "Pt", "Au"])
def test_xray_factors_are_those_of_the_tables(name: str) -> None:
    number = ase.Atom(name).number
    assert xray_factor(0.0, name) == number
    s = np.linspace(0.05, 4.0, 80)
    # Kirkland's fits are to 0.1 electron or so. ASE's numbers of Cu add up to 28.47 electrons.
    away = np.abs(xray_factor(s, name) - tabulated(name, 2 * np.pi * s))
    assert away.max() < 0.15 + 0.004 * number


def test_mean_of_frames_and_its_error() -> None:
    frames = [box_structure_factor(gas(k, 300), 4.0, q_min=1.0, step=0.3) for k in range(6)]
    mean = average_structure_factor(frames)
    table = np.array([one.s for one in frames])
    np.testing.assert_allclose(mean.s, table.mean(axis=0), rtol=1e-12)
    assert mean.error is not None
    np.testing.assert_allclose(mean.error, table.std(axis=0, ddof=1) / np.sqrt(6), rtol=1e-12)
    assert average_structure_factor(frames[:1]) is frames[0]
    other = box_structure_factor(fcc(2), 4.0)
    with pytest.raises(InputError, match="frames of the same species"):
        average_structure_factor([frames[0], other])


def test_the_method_follows_the_boundaries() -> None:
    box = shaken_box(1, repeat=3)
    settings = StructureFactorSettings(q_max=6.0, q_min=1.0)
    np.testing.assert_array_equal(
        scattering_of(box, settings).s, box_structure_factor(box, 6.0, q_min=1.0).s
    )
    particle = close_packed(1)
    q = 1.0 + 0.05 * np.arange(101)
    np.testing.assert_array_equal(
        scattering_of(particle, settings).s, debye_structure_factor(particle, q).s
    )
    slab = shaken_box(1, repeat=4, shear=0.0)
    slab.pbc = [True, True, False]
    np.testing.assert_array_equal(scattering_of(slab, settings).s, structure_factor(slab, q).s)


def test_bad_input_is_named() -> None:
    box = shaken_box(0)
    with pytest.raises(InputError, match="not periodic"):
        box_structure_factor(close_packed(0))
    with pytest.raises(InputError, match="without a reciprocal-lattice vector"):
        box_structure_factor(box, 0.1)
    with pytest.raises(
        InputError, match="reciprocal-lattice vectors of this box; expected a small"
    ):
        box_structure_factor(box, 1e4)
    with pytest.raises(InputError, match="q_min, q_max: found 5"):
        box_structure_factor(box, 4.0, q_min=5.0)
    with pytest.raises(InputError, match="vectors: found 0"):
        box_structure_factor(box, 4.0, vectors=0)
    with pytest.raises(InputError, match="weights: found 'neutrons'"):
        box_structure_factor(box, 4.0, weights="neutrons")
    with pytest.raises(InputError, match="q_step: found 0"):
        StructureFactorSettings(method="debye", q_step=0.0)
    with pytest.raises(InputError, match="q_max: found 1; expected a number above q_min, 2"):
        StructureFactorSettings(q_min=2.0, q_max=1.0)
