"""First peaks are stated where bonds can be, from enough pairs, or not at all."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from scipy.spatial import cKDTree

from aet_port.structure import analyze
from aet_port.structure.pairs.first_shell import LEAST_PAIRS, first_peak, shortest_bond
from aet_port.structure.short_range import short_range_order


def damaged_particle() -> ase.Atoms:
    """An fcc particle of three random species with a small damaged cap."""
    rng = np.random.default_rng(1)
    atoms = bulk("Pd", "fcc", a=4.0, cubic=True).repeat(12)
    atoms.positions -= atoms.positions.mean(axis=0)
    atoms = atoms[np.linalg.norm(atoms.positions, axis=1) < 20]
    atoms.set_pbc(False)
    atoms.set_cell(None)
    bad = atoms.positions[:, 2] > 14
    atoms.positions += rng.normal(size=atoms.positions.shape) * np.where(bad, 0.9, 0.08)[:, None]
    for _ in range(200):  # no two closer than 2.4 angstrom
        pairs = cKDTree(atoms.positions).query_pairs(2.4, output_type="ndarray")
        if len(pairs) == 0:
            break
        apart = atoms.positions[pairs[:, 1]] - atoms.positions[pairs[:, 0]]
        length = np.linalg.norm(apart, axis=1)[:, None]
        np.add.at(atoms.positions, pairs[:, 1], apart / length * (2.4 - length) / 2)
        np.add.at(atoms.positions, pairs[:, 0], -apart / length * (2.4 - length) / 2)
    atoms.symbols = rng.choice(["Ni", "Pd", "Pt"], p=[0.6, 0.3, 0.1], size=len(atoms)).tolist()
    return atoms


def test_few_disordered_atoms_have_no_peaks_of_chance() -> None:
    found = analyze(damaged_particle())
    order = found.summary()["short_range_order"]
    # Shells at 2.83 and 4.0, smeared by 0.11 angstrom.
    assert found.cutoff == pytest.approx(3.43, abs=0.05)
    assert order["pdf_of"] == "disordered"
    lengths = [name for name in order if name.startswith("bond_length") and "all" not in name]
    assert len(lengths) == 6
    for name in ("peak_1", *lengths):
        # Atoms of the cap are pressed to 2.4 angstrom from each other.
        assert order[name] is None
        assert ("pairs" in order["reasons"][name]) or ("of all atoms" in order["reasons"][name])
        # Medians of the distances below 3.4 angstrom are 2.826 to 2.841.
        assert order[f"{name} of all atoms"] == pytest.approx(2.83, abs=0.03)
    assert order["first_minimum"] is None
    whole = short_range_order(
        damaged_particle(), found.cutoff, population="all", distribution=found.pdf
    ).summary()
    assert whole["first_minimum"] == pytest.approx(found.cutoff, abs=0.0051)  # rounded there
    for name in ("peak_1", *lengths):
        assert whole[name] == pytest.approx(2.83, abs=0.03)


def test_the_window_and_the_number_of_pairs_of_a_first_peak() -> None:
    rng = np.random.default_rng(0)
    r = (np.arange(150) + 0.5) * 0.05
    # A spurious peak at 1 and one beyond the cut-off, both higher than that of the bonds.
    heights, places = (9.0, 2.0, 9.0), (1.0, 2.8, 5.0)
    g = sum(h * np.exp(-(((r - c) / 0.15) ** 2) / 2) for h, c in zip(heights, places, strict=True))
    distances = rng.normal(2.8, 0.15, 400)
    found = first_peak(r, np.asarray(g), distances, 3.6, shortest_bond(np.array([46])))
    assert found.place == pytest.approx(2.8, abs=0.01)  # bins of 0.05, a noiseless curve
    assert found.reason is None
    few = first_peak(r, np.asarray(g), distances[: LEAST_PAIRS - 1], 3.6, 1.6)
    assert np.isnan(few.place)
    assert few.reason == "99 pairs from 1.6 to 3.6 angstrom, fewer than 100"
    off = first_peak(r, np.asarray(g), distances, 3.6, 1.6, expected=3.0)
    assert np.isnan(off.place)
    assert off.reason is not None
    assert "that of all atoms is at 3.000" in off.reason
    none = first_peak(r, np.zeros(150), distances, 3.6, 1.6)
    assert none.reason == "no maximum below the cut-off"


def test_unknown_species_have_no_shortest_bond() -> None:
    assert shortest_bond(np.array([0])) == 0
    # Covalent radii of 1.39 and 1.36 angstrom.
    assert shortest_bond(np.array([46]), np.array([78])) == pytest.approx(0.6 * 2.75)


def test_a_given_cutoff_that_is_no_minimum_is_said() -> None:
    atoms = bulk("Pt", "fcc", a=4.0, cubic=True).repeat(4)
    order = analyze(atoms, cutoff=3.8).summary()["short_range_order"]
    assert "not the cut-off, 3.8" in order["reasons"]["first_minimum"]
