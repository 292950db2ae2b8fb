"""Writing atomic models: .xyz of the Materials Data Bank, extended .xyz, CSV, LAMMPS data."""

from __future__ import annotations

import warnings
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.io.extxyz import key_val_dict_to_str
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError, reason
from aet_port.core.files import write_whole
from aet_port.io.models.lammps_data import LAMMPS_SUFFIXES, lammps_box
from aet_port.io.models.model_table import SUFFIX, write_model_table

_EXTXYZ_TYPES = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S", "O": "S"}


@checked
def write_model(path: str | Path, model: AtomicModel | ase.Atoms, comment: str = "") -> Path:
    """Write an atomic model with full precision, never a partial file.

    Parameters
    ----------
    path
        .xyz (Materials Data Bank: only symbols and positions), .extxyz (with cell and per-atom
        arrays), .csv (:func:`aet_port.io.write_model_table`), or .lammps, .data, .lmp (units metal,
        atom style atomic; a free particle gets a box around it, as stated in the title).
    model
        The atoms, positions in angstrom.
    comment
        Comment in the second line of an .xyz file.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix; a comment with several lines; a per-atom array of a type that extended
        .xyz lacks; a cell that LAMMPS does not accept.
    OutputError
        If the file cannot be written.

    Notes
    -----
    MATLAB: none; the papers' code saves positions and types as variables of .mat files

    Examples
    --------
    >>> import aet_port as aet
    >>> model = aet.AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], ["Ta", "Pd"])
    >>> print(aet.write_model("pair.xyz", model, comment="a pair").read_text())
    2
    a pair
    Ta 0.0 0.0 0.0
    Pd 0.0 0.0 2.8
    <BLANKLINE>
    """
    model = as_model(model)
    file = Path(path)
    suffix = file.suffix.lower()
    if "\n" in comment or "Properties=" in comment or "Lattice=" in comment:
        raise InputError("comment", repr(comment), "one line that is not extended .xyz")
    if suffix == SUFFIX:
        return write_model_table(file, model)
    if suffix == ".xyz":
        text = _mdb_text(model, comment)
    elif suffix == ".extxyz":
        text = _extxyz_text(model)
    elif suffix in LAMMPS_SUFFIXES:
        text = _lammps_text(model)
    else:
        expected = "a model written as .xyz, .extxyz, .csv, .lammps or .data"
        raise InputError(str(file), f"a file of type {suffix or 'unknown'}", expected)

    def write(partial: Path) -> None:
        partial.write_text(text, encoding="utf-8", newline="\n")

    return write_whole(file, write)


def _digits(row: NDArray) -> str:
    return " ".join(repr(float(value)) for value in row)


def _mdb_text(model: AtomicModel, comment: str) -> str:
    rows = zip(model.species, model.positions, strict=True)
    return f"{len(model)}\n{comment}\n" + "".join(f"{s} {_digits(p)}\n" for s, p in rows)


def _extxyz_text(model: AtomicModel) -> str:
    """Text in extended .xyz; not by ase, which rounds to 8 decimals."""
    atoms = model.atoms
    columns = [("species", np.array(model.species)), ("pos", atoms.positions)]
    columns += [(k, v) for k, v in atoms.arrays.items() if k not in ("numbers", "positions")]
    properties: list[str] = []
    texts: list[list[str]] = []
    for key, values in columns:
        kind = _EXTXYZ_TYPES.get(values.dtype.kind)
        if kind is None or values.ndim > 2:
            raise InputError(
                f"{model.name}: array {key}",
                f"type {values.dtype}, shape {values.shape}",
                "numbers, booleans or words, one row per atom",
            )
        table = values.reshape(len(values), -1)
        properties.append(f"{key}:{kind}:{table.shape[1]}")
        texts.append(
            [
                " ".join(_word(value, kind, key, model.name) for value in row)
                for row in table.tolist()
            ]
        )
    info: dict[str, object] = {}
    if atoms.cell.any():
        info["Lattice"] = atoms.cell.array.T
    info["Properties"] = ":".join(properties)
    info["pbc"] = atoms.pbc
    info |= atoms.info
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            title = key_val_dict_to_str(info)
    except Exception as error:
        expected = "text and numbers in atoms.info"
        raise InputError(f"{model.name}: info", reason(error), expected) from error
    if len(title.splitlines()) != 1:
        raise InputError(f"{model.name}: info", "text of several lines", "one line each")
    return f"{len(model)}\n{title}\n" + "".join(
        " ".join(row) + "\n" for row in zip(*texts, strict=True)
    )


def _word(value: object, kind: str, key: str, name: str) -> str:
    if kind == "L":
        return "T" if value else "F"
    text = repr(value) if kind in "RI" else str(value)
    if not text or text.split() != [text]:
        raise InputError(f"{name}: array {key}", repr(text), "words without blanks")
    return text


def _lammps_text(model: AtomicModel) -> str:
    atoms = model.atoms
    low, high, tilt = lammps_box(model)
    kinds = sorted(set(model.species))
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    title = f"aet-port, units metal, boundary {boundary}"
    lines = [title, "", f"{len(model)} atoms", f"{len(kinds)} atom types", ""]
    for axis, (start, end) in zip("xyz", zip(low, high, strict=True), strict=True):
        lines.append(f"{_digits(np.array([start, end]))} {axis}lo {axis}hi")
    if tilt.any():
        lines.append(f"{_digits(tilt)} xy xz yz")
    lines += ["", "Masses", ""]
    masses = [float(atomic_masses[atomic_numbers[symbol]]) for symbol in kinds]
    lines += [f"{i} {m!r}  # {s}" for i, (s, m) in enumerate(zip(kinds, masses, strict=True), 1)]
    lines += ["", "Atoms # atomic", ""]
    number = {symbol: index for index, symbol in enumerate(kinds, start=1)}
    rows = zip(model.species, model.positions, strict=True)
    lines += [f"{i} {number[s]} {_digits(p)}" for i, (s, p) in enumerate(rows, start=1)]
    return "\n".join(lines) + "\n"
