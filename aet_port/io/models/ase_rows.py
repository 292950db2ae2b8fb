"""Models of the rows of a database of ase.db."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.models.xyz_frames import plain_atoms

_ASE_DB = "an SQLite database of ase.db"


def read_rows(file: Path) -> Iterator[AtomicModel]:
    """Yield the models of a database of ase.db, in the order of their numbers.

    Parameters
    ----------
    file
        An SQLite database. The key-value pairs of a row become the metadata of its model.

    Raises
    ------
    DataFileError
        If it is something else, damaged, or has no rows.
    """
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
