"""A synthetic metallic glass with known atoms, for tests of the whole chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import atomic_numbers, reference_states

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation.glass_quench import GLASS_DENSITY, quench_ball

GLASS_TO_CRYSTAL = 0.88  # gives Ta about the 0.05 atoms per cubic angstrom of the measured film
ATOMS_PER_CELL = {"bcc": 2, "fcc": 4, "diamond": 8}


def glass_density(species: str) -> float:
    """Atoms per cubic angstrom in a monatomic glass, taken as 88 % of its crystal's density.

    Ta: 0.0485, compared with 0.0551 of the bcc crystal.

    Parameters
    ----------
    species
        Chemical symbol.

    Raises
    ------
    InputError
        For a symbol without a cubic or hexagonal crystal in ASE's table.
    """
    number = atomic_numbers.get(species)
    state: dict[str, Any] = (reference_states[number] if number is not None else None) or {}
    symmetry = state.get("symmetry")
    if symmetry in ATOMS_PER_CELL:
        crystal = ATOMS_PER_CELL[symmetry] / state["a"] ** 3
    elif symmetry == "hcp":
        crystal = 4 / (np.sqrt(3) * state["a"] ** 3 * state["c/a"])
    else:
        raise InputError(
            "species", f"{species!r}", "an element with a cubic or hcp crystal, or give density"
        )
    return float(GLASS_TO_CRYSTAL * crystal)


@checked
def amorphous_particle(
    n_atoms: int = 1000, species: str = "Ta", seed: int = 0, density: float | None = None
) -> AtomicModel:
    """Make a spherical particle of a monatomic glass by quenching a melt.

    Random points in a sphere are pushed apart, simulated as a melt with a truncated Lennard-Jones
    potential and cooled to the glass transition within 16 time units of the potential, far too
    fast to crystallise. The result is polytetrahedral like the glasses of the papers: 0.7
    pentagonal bipyramids (distortion <= 0.255) per atom, compared with 0.25 in the measured Ta
    film. For Ta the pair distribution has its first peak near 2.86 angstrom, its first valley near
    4.0 angstrom, and no pair is closer than 2.35. Only additions, multiplications, divisions and
    square roots are used, in a fixed order, so that a seed gives the same particle on every
    machine.

    Parameters
    ----------
    n_atoms
        Number of atoms, at least 13.
    species
        Chemical symbol of all atoms.
    seed
        Seed of the random start.
    density
        Atoms per cubic angstrom inside the particle; :func:`glass_density` unless given.

    Returns
    -------
    Model with the centre of mass on the origin (the rotation centre).

    Raises
    ------
    InputError
        For too few atoms, an unknown symbol or a density that is not above zero.

    Notes
    -----
    MATLAB: none; the reference has no generator of samples
    """
    if isinstance(n_atoms, bool) or not isinstance(n_atoms, (int, np.integer)) or n_atoms < 13:
        raise InputError("n_atoms", f"{n_atoms!r}", "a whole number of 13 or more")
    if species not in atomic_numbers or species == "X":
        raise InputError("species", f"{species!r}", "a chemical symbol such as 'Ta'")
    wanted = glass_density(species) if density is None else float(density)
    if not (np.isfinite(wanted) and wanted > 0):
        raise InputError("density", f"{density!r}", "atoms per cubic angstrom, above zero")

    positions = quench_ball(int(n_atoms), seed)
    positions *= (GLASS_DENSITY / wanted) ** (1 / 3)
    model = AtomicModel.from_positions(positions, species, name=f"amorphous {species} particle")
    model.metadata.update({"seed": seed, "density": wanted, "generator": "amorphous_particle"})
    return model
