"""What a potential says of its perfect crystal: elastic constants and the energy of a vacancy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import units
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from md_sim.eam_forms import EamForm, lattice_vectors
from md_sim.runtime import lammps
from md_sim.setfl import PotentialFile

_STRAIN = 1e-4  # of the difference quotients: truncation and rounding both stay below 1e-6
FORCE_GOAL = 1e-8  # eV/angstrom, where the relaxation of a vacancy ends


@dataclass(frozen=True)
class ElasticConstants:
    """The three elastic constants of a cubic crystal, in GPa."""

    c11: float
    c12: float
    c44: float

    @property
    def bulk_modulus(self) -> float:
        """``(C11 + 2 C12) / 3``, GPa."""
        return (self.c11 + 2 * self.c12) / 3

    @property
    def shear_modulus(self) -> float:
        """Voigt average ``(C11 - C12 + 3 C44) / 5``, GPa."""
        return (self.c11 - self.c12 + 3 * self.c44) / 5


def elastic_constants(form: EamForm, lattice_constant: float | None = None) -> ElasticConstants:
    """Second derivatives of the energy of the crystal with respect to strain, at rest.

    With one atom in the primitive cell nothing can relax inside it, so that
    ``C_ij = (1/V) d^2E / d eps_i d eps_j``. Three strains tell the three constants: along x alone
    (C11), the same along x and y (2 C11 + 2 C12), and a shear of x against y (C44).

    Parameters
    ----------
    form
        The potential.
    lattice_constant
        Angstrom; that of the form unless given.
    """
    a = form.lattice_constant if lattice_constant is None else lattice_constant
    # Half a lattice constant more than the cut-off: no neighbour leaves or enters by the strain.
    vectors = a * lattice_vectors(form.lattice, form.cutoff / a + 0.5)
    volume = a**3 / {"bcc": 2, "fcc": 4}[form.lattice]

    def bend(strain: NDArray[np.float64]) -> float:
        energies = [_energy(form, vectors @ (np.eye(3) + s * strain)) for s in (-1, 0, 1)]
        return (energies[0] - 2 * energies[1] + energies[2]) / volume / units.GPa / _STRAIN**2

    c11 = bend(_STRAIN * np.diag([1.0, 0.0, 0.0]))
    both = bend(_STRAIN * np.diag([1.0, 1.0, 0.0]))
    shear = np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = _STRAIN / 2
    return ElasticConstants(c11, both / 2 - c11, bend(shear))


def _energy(form: EamForm, vectors: NDArray[np.float64]) -> float:
    distance = np.linalg.norm(vectors, axis=1)
    density = np.array([form.density(distance).sum()])
    return float(form.embedding(density)[0] + 0.5 * form.pair(distance).sum())


def vacancy_energy(
    potential: PotentialFile,
    element: str,
    lattice: str,
    lattice_constant: float,
    folder: str | Path,
    cells: int = 6,
) -> float:
    """Formation energy of a vacancy, relaxed at constant volume, in eV.

    ``E_v = E(N - 1 atoms) - (N - 1)/N E(N atoms)`` in a periodic box, after the atoms around the
    empty site have moved to where no force is left. The box holds the volume of the perfect
    crystal; the difference to zero pressure falls with its size.

    Parameters
    ----------
    potential
        Its file, as LAMMPS reads it.
    element
        Symbol.
    lattice
        ``"bcc"`` or ``"fcc"``.
    lattice_constant
        Angstrom, at rest.
    folder
        Where LAMMPS runs, for its errors.
    cells
        Unit cells along an edge.

    Raises
    ------
    InputError
        For a box smaller than two cut-offs.
    MissingDependencyError, SimulationError
        As of :func:`md_sim.runtime.lammps`.
    """
    if cells * lattice_constant < 2 * potential.cutoff:
        least = int(np.ceil(2 * potential.cutoff / lattice_constant))
        raise InputError("cells", f"{cells}", f"{least} or more: a box of two cut-offs")
    with lammps(folder) as engine:
        for line in (
            "units metal",
            "atom_modify map array",
            f"lattice {lattice} {lattice_constant!r}",
            f"region box block 0 {cells} 0 {cells} 0 {cells}",
            "create_box 1 box",
            "create_atoms 1 box",
            f"mass 1 {float(atomic_masses[atomic_numbers[element]])!r}",
            f"pair_style {potential.style}",
            f'pair_coeff * * "{potential.path}" {element}',
            "run 0",
        ):
            engine.command(line)
        n, whole = engine.get_natoms(), engine.get_thermo("pe")
        for line in (
            "group empty id 1",
            "delete_atoms group empty compress no",
            f"minimize 0 {FORCE_GOAL} 1000 10000",
        ):
            engine.command(line)
        return float(engine.get_thermo("pe") - (n - 1) / n * whole)
