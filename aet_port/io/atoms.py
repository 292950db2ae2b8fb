"""Atomic models: .xyz of the Materials Data Bank, extended .xyz, LAMMPS, CIF, CSV, MATLAB."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.io.extxyz import key_val_dict_to_str
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel, as_model
from aet_port.core.errors import DataFileError, InputError, reason
from aet_port.core.files import write_whole
from aet_port.core.geometry import centre
from aet_port.io import matlab
from aet_port.io.arrays import existing_file
from aet_port.io.atom_tables import read_atom_table
from aet_port.io.cif_blocks import read_cif_blocks
from aet_port.io.lammps_data import LAMMPS_SUFFIXES, lammps_box, read_data_file
from aet_port.io.model_table import SUFFIX, write_model_table
from aet_port.io.xyz_frames import XYZ_SUFFIXES, read_xyz_frames

MODEL_FILE = "an atomic model as .xyz, .extxyz, .lammps, .data, .cif, .csv or .mat"
_EXTXYZ_TYPES = {"f": "R", "i": "I", "u": "I", "b": "L", "U": "S", "O": "S"}


@checked
def read_model(
    path: str | Path,
    species: str | Sequence[str] | None = None,
    pixel_size: float | None = None,
    shape: tuple[int, int, int] | None = None,
    name: str | None = None,
    types: str | Path | None = None,
    types_variable: str | None = None,
) -> AtomicModel:
    """Read an atomic model; positions in angstrom.

    Parameters
    ----------
    path
        .xyz (Materials Data Bank: number of atoms, comment, then symbol x y z; a comment with
        ``Properties=`` or ``Lattice=`` makes it extended .xyz), .extxyz, .lammps, .data, .lmp
        (atom types by their masses, or ``species`` in the order of types), .cif, .csv (a line of
        titles such as ``species,x,y,z``, angstrom, see :func:`~.atom_tables.read_atom_table`), or
        .mat with 3 x N coordinates.
    species
        For .mat: one symbol for all, a symbol per atom, or, with ``types``, a symbol per type.
        For LAMMPS data: a symbol per type. For .csv without species: one symbol for all, or, if
        it has type numbers, a symbol per type. Other files state the species.
    pixel_size, shape
        For .mat files with MATLAB pixel coordinates (1-based): angstrom per pixel and shape
        (nx, ny, nz) of their volume, whose rotation centre becomes the origin. Unless given, the
        file is taken to be in angstrom and not changed.
    name
        Variable of a .mat file; needed only if several match.
    types, types_variable
        .mat file with the type 1, 2, ... of each atom, and its variable if several match.

    Returns
    -------
    The model, named after the file, with cell, periodicity and per-atom arrays of the file.

    Raises
    ------
    DataFileError
        If a file is missing, unreadable, truncated, or holds something else.
    InputError
        If the species are missing, unknown, or given for a file that states them; for no atoms or
        positions that are not finite.

    Notes
    -----
    MATLAB: importdata of the models in 6_Final_coordinates of both papers

    Examples
    --------
    >>> from pathlib import Path
    >>> import aet_port as aet
    >>> _ = Path("pair.xyz").write_text("2\\na pair\\nTa 0 0 0\\nPd 0 0 2.8\\n")
    >>> aet.read_model("pair.xyz").species
    ['Ta', 'Pd']
    """
    file = existing_file(path, MODEL_FILE)
    suffix = file.suffix.lower()
    mat_only = {"pixel_size": pixel_size, "shape": shape, "name": name, "types": types}
    given = [key for key, value in mat_only.items() if value is not None]
    if suffix != ".mat" and given:
        raise InputError(f"{given[0]} for {file}", "a file that is not .mat", "none")
    if suffix == ".mat":
        positions = _mat_positions(file, name, pixel_size, shape)
        symbols = _mat_species(file, len(positions), species, types, types_variable)
        return AtomicModel.from_positions(positions, symbols, name=str(file))
    if suffix == ".csv":
        return read_atom_table(file, species)
    if suffix in LAMMPS_SUFFIXES:
        return AtomicModel(read_data_file(file, species, MODEL_FILE), name=str(file))
    if species is not None:
        raise InputError(f"species for {file}", repr(species), "none: the file names its own")
    if suffix in XYZ_SUFFIXES:
        return _only(file, read_xyz_frames(file))
    if suffix == ".cif":
        return _only(file, read_cif_blocks(file))
    raise DataFileError(file, f"a file of type {suffix or 'unknown'}", MODEL_FILE)


def _only(file: Path, models: Iterator[AtomicModel]) -> AtomicModel:
    """The model of a file that must hold exactly one."""
    model = next(models)
    if next(models, None) is not None:
        raise DataFileError(file, "at least 2 models", "one model")
    return model


def _mat_positions(
    file: Path, name: str | None, pixel_size: float | None, shape: tuple[int, int, int] | None
) -> NDArray[np.float64]:
    positions = matlab.read_positions(file, name).astype(np.float64)
    if pixel_size is None and shape is None:
        return positions
    if pixel_size is None or shape is None or len(shape) != 3:
        found = f"pixel_size = {pixel_size}, shape = {shape}"
        raise InputError(f"pixel coordinates of {file}", found, "both, the shape as (nx, ny, nz)")
    middle = np.array([centre(n) for n in shape])
    return (positions - 1 - middle) * pixel_size


def _mat_species(
    file: Path,
    n_atoms: int,
    species: str | Sequence[str] | None,
    types: str | Path | None,
    variable: str | None,
) -> str | list[str]:
    if species is None:
        expected = "a symbol such as species='Ta', or types and a symbol per type"
        raise InputError(f"species of {file}", "none", expected)
    if types is None:
        return species if isinstance(species, str) else list(species)
    symbols = [species] if isinstance(species, str) else list(species)
    kinds = matlab.read_per_atom(types, variable)
    if len(kinds) != n_atoms:
        raise DataFileError(types, f"{len(kinds)} types", f"one for each of {n_atoms} atoms")
    wrong = kinds[~np.isin(kinds, np.arange(1, len(symbols) + 1))]
    if wrong.size:
        raise DataFileError(types, f"type {wrong[0]}", f"1 to {len(symbols)}, a symbol for each")
    return [symbols[int(kind) - 1] for kind in kinds]


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
