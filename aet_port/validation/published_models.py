"""The models of the two papers, read from their public data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.io.matlab import read_per_atom, read_positions

Find = Callable[..., Path]
SAMPLE_GLASS = "MG_particle"
GLASS, FILM = "AET-MetallicGlass", "AET-AmorphousMaterials"
SRO = (GLASS, "7_Data_analysis_sro")
# One element of each type of the glass; the model gives only the type.
GLASS_TYPES = {1: "Ni", 2: "Pd", 3: "Pt"}
FILM_MODELS = {"Ta_film": "Ta", "Pd1": "Pd", "Pd2": "Pd"}
FOLDERS = {"Ta_film": "Ta_film", "Pd1": "Pd1_nanoparticle", "Pd2": "Pd2_nanoparticle"}
# Prefix of the ids of a sample's figures.
KEYS = {"Ta_film": "ta", "Pd1": "pd1", "Pd2": "pd2"}
POOLED = "all three"
# First valleys used by the papers' code, angstrom.
CUTOFFS = {"MG_particle": 3.688, "Ta_film": 4.12, "Pd1": 3.90, "Pd2": 3.91}


def published_model(find: Find, sample: str) -> ase.Atoms:
    """Final model of a sample, in angstrom as deposited.

    Parameters
    ----------
    find
        Function from the parts of a path to a file of the public data.
    sample
        ``"MG_particle"`` (with an array ``type``), ``"Ta_film"``, ``"Pd1"`` or ``"Pd2"``.

    Raises
    ------
    InputError
        For another sample.
    DataFileError
        If a file is missing or holds something else.
    """
    if sample == "MG_particle":
        positions = read_positions(find(*SRO, "input", "final_atom_coord_inA.mat"))
        types = read_per_atom(find(*SRO, "input", "final_atom_types.mat")).astype(np.int64)
        atoms = ase.Atoms([GLASS_TYPES[k] for k in types.tolist()], positions=positions)
        atoms.set_array("type", types)
        return atoms
    if sample not in FILM_MODELS:
        raise InputError("sample", repr(sample), f"MG_particle or one of {', '.join(FILM_MODELS)}")
    name = f"Final_atomic_model_{FOLDERS[sample]}.mat"
    positions = read_positions(find(FILM, "6_Final_coordinates", name))
    return ase.Atoms([FILM_MODELS[sample]] * len(positions), positions=positions)


def published_bond_order(find: Find, sample: str) -> NDArray[np.float64]:
    """Deposited normalised bond-orientational order of every atom, shape (n,).

    Raises
    ------
    InputError
        For another sample.
    DataFileError
        If a file is missing or holds something else.
    """
    if sample == "MG_particle":
        return read_per_atom(find(*SRO, "input", "scaled_boo_amorphous_region.mat"))
    if sample not in FILM_MODELS:
        raise InputError("sample", repr(sample), f"MG_particle or one of {', '.join(FILM_MODELS)}")
    path = find(FILM, "7_Data_analysis", "Input", FOLDERS[sample], "BOO_normalized.mat")
    return read_per_atom(path, "order")
