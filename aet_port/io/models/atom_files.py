"""Atoms with every quantity of each as a named column: extended .xyz, .csv, .parquet, .dump."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.io.models.lammps_data import lammps_box
from aet_port.io.models.model_table import model_columns
from aet_port.io.models.model_writing import write_model

ATOM_SUFFIXES = (".extxyz", ".csv", ".parquet", ".dump")


@checked
def write_atoms(path: str | Path, atoms: AtomicModel | ase.Atoms) -> Path:
    """Write atoms with all their arrays as named columns, never a partial file.

    Parameters
    ----------
    path
        .extxyz, with the cell (OVITO, ASE); .csv (:func:`aet_port.io.write_model_table`);
        .parquet, the same columns as numbers (pandas, DuckDB), cell and periodicity as its
        metadata; .dump, a LAMMPS dump with id, type, element, x, y, z and all columns of numbers
        (OVITO, LAMMPS; a free particle gets a box around it; the time step is ``step`` of
        ``atoms.info``, or 0). Arrays of several values for each
        atom become numbered columns in all but .extxyz.
    atoms
        Positions in angstrom.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix, arrays that the format can't hold, or a cell that LAMMPS doesn't accept.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none; the papers' code saves positions and types as variables of .mat files

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.io import write_atoms
    >>> places = [[0, 0, 0], [0, 0, 2.8]]
    >>> model = aet.AtomicModel.from_positions(places, ["Ta", "Pd"], p_exists=[1.0, 0.75])
    >>> print(write_atoms("pair.dump", model).read_text().partition("ITEM: ATOMS ")[2])
    id type element x y z p_exists
    1 2 Ta 0.0 0.0 0.0 1.0
    2 1 Pd 0.0 0.0 2.8 0.75
    <BLANKLINE>
    """
    check_target(path, ATOM_SUFFIXES)
    file, model = Path(path), as_model(atoms)
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        return _write_parquet(file, model)
    if suffix == ".dump":
        text = _dump_text(model)
        return write_whole(file, lambda partial: partial.write_text(text, encoding="utf-8"))
    return write_model(file, model)


def _write_parquet(file: Path, model: AtomicModel) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(values) for name, values in model_columns(model).items()})
    about = {
        "cell": repr(model.atoms.cell.array.tolist()),
        "pbc": repr(model.atoms.pbc.tolist()),
        "unit": "angstrom",
    }
    table = table.replace_schema_metadata(about)
    return write_whole(file, lambda partial: pq.write_table(table, partial, compression="zstd"))


def _dump_text(model: AtomicModel) -> str:
    low, high, tilt = lammps_box(model)
    xy, xz, yz = tilt
    # LAMMPS gives the bounds of the box that encloses a tilted cell.
    low = low + np.array([min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0])
    high = high + np.array([max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0])
    ends = [[a, b, *([t] if tilt.any() else [])] for a, b, t in zip(low, high, tilt, strict=True)]
    boundary = " ".join("pp" if periodic else "ff" for periodic in model.atoms.pbc)
    columns = {
        name: values.astype(np.int64) if values.dtype.kind == "b" else values
        for name, values in model_columns(model).items()
        if values.dtype.kind in "fiub"
    }
    for name in columns:
        if name.split() != [name] or name in ("id", "type", "element"):
            raise InputError(f"{model.name}: array {name}", "this name", "another, without blanks")
    kinds = {symbol: i for i, symbol in enumerate(sorted(set(model.species)), start=1)}
    step = model.atoms.info.get("step", 0)
    lines = [
        "ITEM: TIMESTEP",
        str(step if isinstance(step, int) else 0),
        "ITEM: NUMBER OF ATOMS",
        str(len(model)),
    ]
    lines.append(f"ITEM: BOX BOUNDS {'xy xz yz ' if tilt.any() else ''}{boundary}")
    lines += [" ".join(repr(float(one)) for one in row) for row in ends]
    lines.append(f"ITEM: ATOMS id type element {' '.join(columns)}")
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    lines += [
        f"{i} {kinds[symbol]} {symbol} {' '.join(map(repr, row))}"
        for i, (symbol, row) in enumerate(zip(model.species, rows, strict=True), start=1)
    ]
    return "\n".join(lines) + "\n"
