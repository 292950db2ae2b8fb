"""All models of a file, one after the other: frames, rows of a database, or a single model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io.arrays import existing_file, reading
from aet_port.io.atoms import read_model
from aet_port.io.cif_blocks import read_cif_blocks
from aet_port.io.lammps_data import LAMMPS_SUFFIXES
from aet_port.io.lammps_dump import DUMP_SUFFIXES, read_dump_frames
from aet_port.io.xyz_frames import XYZ_SUFFIXES, plain_atoms, read_xyz_frames

MODEL_FILES = "atomic models as .xyz, .extxyz, .dump, .lammpstrj, .lammps, .data, .db, .cif or .mat"
_ASE_DB = "an SQLite database of ase.db"
_OTHER = (*LAMMPS_SUFFIXES, ".mat")


@checked
def read_models(
    path: str | Path, species: str | Sequence[str] | None = None
) -> Iterator[AtomicModel]:
    """Read the models of a file one by one; if there are several, names end in their number.

    Parameters
    ----------
    path
        Any file for :func:`aet_port.io.read_model`, with any number of frames in .xyz and .extxyz
        files and of blocks in .cif; LAMMPS text dumps (.dump, .lammpstrj, see
        :func:`aet_port.io.lammps_dump.read_dump_frames`); databases of ase.db (.db), with the
        key-value pairs of a row in the model's metadata.
    species
        A symbol per atom type, for LAMMPS files that state none; for .mat one symbol for all, or
        one per atom.

    Yields
    ------
    Models in the order of the file; errors are raised when the model concerned is reached.

    Raises
    ------
    DataFileError
        If the file is missing, of another type, truncated, or holds something else.
    InputError
        For species that are missing, unknown, or given for a file that states them; for a model
        without atoms, with NaN positions or dummy atoms, or periodic without a cell vector.
    """
    file = existing_file(path, MODEL_FILES)
    suffix = file.suffix.lower()
    if suffix in DUMP_SUFFIXES:
        return _checked(read_dump_frames(file, species))
    if suffix in _OTHER:
        return _checked(iter([read_model(file, species)]))
    readers = {
        **dict.fromkeys(XYZ_SUFFIXES, read_xyz_frames),
        ".cif": read_cif_blocks,
        ".db": _rows,
    }
    if suffix not in readers:
        raise DataFileError(file, f"a file of type {suffix or 'unknown'}", MODEL_FILES)
    if species is not None:
        raise InputError(f"species for {file}", repr(species), "none: the file names its own")
    return _checked(readers[suffix](file))


def _checked(models: Iterator[AtomicModel]) -> Iterator[AtomicModel]:
    """The same models, with an error for invalid atoms or cells."""
    for model in models:
        atoms = model.atoms
        dummies = np.flatnonzero((atoms.numbers < 1) | (atoms.numbers >= len(chemical_symbols)))
        if dummies.size:
            found = f"atomic number {atoms.numbers[dummies[0]]} of atom {dummies[0]}"
            raise InputError(f"{model.name}: species", found, "a chemical element")
        if not np.isfinite(atoms.cell.array).all():
            raise InputError(
                f"{model.name}: cell", f"{atoms.cell.array.tolist()}", "finite numbers"
            )
        if (atoms.pbc & ~atoms.cell.array.any(axis=1)).any():
            found = f"{atoms.cell.array.tolist()} with pbc {atoms.pbc.tolist()}"
            raise InputError(f"{model.name}: cell", found, "a vector along each periodic direction")
        yield model


def _rows(file: Path) -> Iterator[AtomicModel]:
    """Models of a database of ase.db."""
    import ase.db  # slow to import

    # ASE would write its tables into any other SQLite file or an empty one.
    with (
        reading(file, _ASE_DB),
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not {"systems", "information"} <= {name for (name,) in tables}:
            raise DataFileError(file, "no tables of ase.db", _ASE_DB)
        rows = [row for (row,) in connection.execute("SELECT id FROM systems ORDER BY id")]
    if not rows:
        raise DataFileError(file, "no rows", f"{_ASE_DB} with a model in every row")
    for number in rows:
        with reading(file, f"{_ASE_DB}, row {number} a model"):
            database = ase.db.connect(str(file), type="db", use_lock_file=False)
            row = database.get(id=number)
            atoms = plain_atoms(row.toatoms())
        name = str(file) if len(rows) == 1 else f"{file}, row {number}"
        yield AtomicModel(atoms, name, {**row.key_value_pairs, "ase_db_id": row.unique_id})
