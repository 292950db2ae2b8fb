"""Crystalline fractions: perfect lattices, liquids, OVITO beside our own measures."""

from __future__ import annotations

import sys
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.build import bulk

from aet_port.core.errors import InputError
from aet_port.structure.voronoi.analysis import voronoi_analysis
from md_sim.crystals import (
    Crystallisation,
    crystal_warning,
    crystallisation,
    match_templates,
    refuse_crystal,
)
from md_sim.protocol import Protocol
from md_sim.quenches import run_quench
from md_sim.runtime import installed
from tests.structure.samples import shaken_box

LATTICES = {"fcc": (4.1, 3.5), "bcc": (3.3, 4.0)}  # lattice constant, first valley


def crystal(lattice: str, noise: float = 0.08) -> ase.Atoms:
    atoms = bulk("Ta", lattice, a=LATTICES[lattice][0], cubic=True).repeat(6)
    atoms.rattle(noise, seed=3)
    return atoms


@pytest.fixture
def without_ovito(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ovito.io.ase", None)
    monkeypatch.setitem(sys.modules, "ovito.modifiers", None)


@pytest.mark.parametrize("lattice", LATTICES)
def test_a_crystal_with_noise_is_one(lattice: str) -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    found = crystallisation(crystal(lattice), LATTICES[lattice][1])
    assert found.templates is not None
    assert found.templates == {name: float(name == lattice) for name in ("fcc", "hcp", "bcc")}
    assert (found.fraction, found.bond_order, found.measure) == (1.0, 1.0, "template matching")


def test_hcp_is_told_from_fcc() -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    atoms = bulk("Ta", "hcp", a=2.9, orthorhombic=True).repeat((6, 4, 4))
    atoms.rattle(0.05, seed=1)
    assert match_templates(atoms) == {"fcc": 0.0, "hcp": 1.0, "bcc": 0.0}


def test_half_a_crystal_is_half() -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    atoms = crystal("bcc").repeat((2, 1, 1))
    half = atoms.positions[:, 0] > atoms.cell[0, 0] / 2
    rng = np.random.default_rng(0)
    atoms.positions[half] += rng.normal(0, 0.6, (half.sum(), 3))
    found = match_templates(atoms)
    assert found is not None
    assert 0.35 < found["bcc"] < 0.5


def test_a_liquid_is_none() -> None:
    pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    found = crystallisation(shaken_box(2, repeat=5, jitter=0.6, shear=0.0), 3.9)
    assert found.templates is not None
    assert found.fraction < 0.01
    assert found.bond_order < 0.05
    assert not found.crystallised
    assert crystal_warning(found, "5200 K") is None
    refuse_crystal(found, "5200 K")


def test_without_ovito_the_bond_order_stands_in(without_ovito: None) -> None:
    found = crystallisation(crystal("bcc"), 4.0)
    assert found.templates is None
    assert (found.fraction, found.measure) == (1.0, "bond order")
    assert "not attempted" in found.summary()["template_matching"]
    warning = crystal_warning(found, "300 K")
    assert warning is not None
    assert warning.startswith("300 K: 100.0 % of the atoms are crystalline by bond order")


@pytest.mark.parametrize(("share", "crystallised"), [(0.1, False), (0.11, True)])
def test_a_tenth_is_still_a_glass(share: float, crystallised: bool) -> None:
    found = Crystallisation({"fcc": 0.0, "hcp": 0.0, "bcc": share}, 0.9)
    assert found.crystallised == crystallised
    assert (crystal_warning(found, "300 K") is not None) == crystallised
    if crystallised:
        with pytest.raises(InputError, match=r"glass 300 K: found 11.0 % crystalline"):
            refuse_crystal(found, "300 K")


def test_what_can_t_be_looked_at() -> None:
    particle = crystal("bcc")
    particle.pbc = False
    with pytest.raises(InputError, match="periodic directions"):
        crystallisation(particle, 4.0)
    with pytest.raises(InputError, match="rmsd"):
        crystallisation(crystal("bcc"), 4.0, rmsd=0.0)
    with pytest.raises(InputError, match="cutoff"):
        crystallisation(crystal("bcc"), 40.0)


@pytest.mark.skipif(not installed(), reason="LAMMPS is not installed")
def test_voronoi_of_a_snapshot_against_ovito(tmp_path: Path) -> None:
    modifiers = pytest.importorskip("ovito.modifiers", exc_type=ImportError)
    from ovito.io.ase import ase_to_ovito

    hot = Protocol("Ta", 4, 5200.0, melt_time=0.4, cooling_rate=1e16, snapshots=2)
    quench = run_quench(hot, tmp_path / "run")
    for step in quench.protocol.snapshot_steps():
        atoms = quench.snapshot(step).atoms
        data = ase_to_ovito(ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
        data.apply(modifiers.VoronoiAnalysisModifier(compute_indices=True, edge_threshold=0.0))
        theirs = np.asarray(data.particles["Voronoi Index"])
        theirs = np.pad(theirs, ((0, 0), (0, max(0, 6 - theirs.shape[1]))))
        found = voronoi_analysis(atoms, area_fraction=0)
        np.testing.assert_array_equal(found.indices, theirs[:, 2:6])
        coordination = np.asarray(data.particles["Coordination"])
        np.testing.assert_array_equal(found.coordination, coordination)
