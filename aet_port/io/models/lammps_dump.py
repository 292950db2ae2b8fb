"""Frames of LAMMPS text dumps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase
import ase.units
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io.arrays import reading
from aet_port.io.models.element_symbols import (
    real_number,
    set_elements,
    unknown_element,
    usual_exponents,
)
from aet_port.io.models.lammps_units import TIME_UNITS, without_units
from aet_port.io.models.model_types import model_name
from aet_port.io.models.species_choice import SpeciesChoice
from aet_port.io.text_files import Lines, quoted, text_lines

WANTED = "a LAMMPS dump: ITEM: TIMESTEP, NUMBER OF ATOMS, BOX BOUNDS and ATOMS in every frame"
# Columns in which LAMMPS writes positions, and whether they are fractions of the box.
_COORDINATES = {
    ("x", "y", "z"): False,
    ("xu", "yu", "zu"): False,
    ("xs", "ys", "zs"): True,
    ("xsu", "ysu", "zsu"): True,
}
_VELOCITIES = ("vx", "vy", "vz")
_WHOLE = ("id", "type", "mol", "proc", "ix", "iy", "iz")
_RESERVED = ("numbers", "positions", "momenta", "masses", "initial_charges")


@dataclass
class _Frame:
    """Header of a frame; ``units`` also applies to the following frames."""

    number: int
    units: str
    step: int | None = None
    time: float | None = None
    n_atoms: int | None = None
    cell: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, 3)))
    origin: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    periodic: list[bool] | None = None
    columns: list[str] = field(default_factory=list)


def read_dump_frames(file: Path, choice: SpeciesChoice) -> Iterator[AtomicModel]:
    """Yield the models of a LAMMPS text dump one at a time, with atoms in the order of the ids.

    Positions are taken from the columns ``x y z``, or else ``xu yu zu``, ``xs ys zs`` or
    ``xsu ysu zsu``. Velocities become momenta, ``mass`` and ``q`` masses and charges of ASE; every
    other column becomes an array with its name. Ids are kept only if they are not 1, 2, ...;
    without them the atoms stay in the order of the file. The corner of the box is
    ``atoms.get_celldisp()``; metadata contain ``timestep`` and, if the dump has it, ``time_ps``.

    Parameters
    ----------
    file
        The dump, in units metal or real.
    choice
        A symbol per atom type, for a dump without the column ``element``.

    Raises
    ------
    DataFileError
        For frames that are truncated or not as stated, duplicate ids, types without a symbol,
        unknown elements, invalid numbers, lines of more than 65,536 bytes, or files that are not
        text.
    InputError
        For species that are unknown, missing, or given in addition to a column ``element``; for NaN
        positions.
    """
    with text_lines(file, WANTED) as lines:
        frame, more = _Frame(-1, "metal"), True
        while more:
            with reading(file, WANTED):
                frame = _head(file, lines, _Frame(frame.number + 1, frame.units))
                atoms = _atoms(file, lines, frame, choice)
                more = not lines.at_end()
                if more and not lines.peek().startswith("ITEM:"):
                    found = f"more than {frame.n_atoms} atoms in frame {frame.number}"
                    raise DataFileError(file, f"{found}: line {lines.number + 1}", WANTED)
            if frame.number == 0 and choice.given and {"element", "type"} <= set(frame.columns):
                text = f"{file}: species by atom type as given; its column element is not used"
                warnings.warn(text, UserWarning, stacklevel=4)
            single = frame.number == 0 and not more
            name, metadata = model_name(file, None if single else frame.number)
            metadata["timestep"] = frame.step
            if frame.time is not None:
                metadata["time_ps"] = frame.time * TIME_UNITS[frame.units] / 1000
            yield AtomicModel(atoms, name, metadata)


def _head(file: Path, lines: Lines, frame: _Frame) -> _Frame:
    """Read the header of a frame, up to its atoms."""
    while True:
        line = lines.next()
        if line is None:
            raise DataFileError(
                file, f"frame {frame.number} cut off after line {lines.number}", WANTED
            )
        words = line.split()
        if words[:1] != ["ITEM:"]:
            raise DataFileError(file, f"{quoted(line)} in line {lines.number}", WANTED)
        item = " ".join(words[1:])
        if words[1:2] == ["ATOMS"]:
            frame.columns = words[2:]
            break
        if words[1:3] == ["BOX", "BOUNDS"]:
            _box(file, lines, frame, words[3:])
        elif item in ("UNITS", "TIME", "TIMESTEP", "NUMBER OF ATOMS"):
            _value(file, lines, frame, item)
        else:
            raise DataFileError(file, f"{quoted(line)} in line {lines.number}", WANTED)
    missing = {
        "TIMESTEP": frame.step,
        "NUMBER OF ATOMS": frame.n_atoms,
        "BOX BOUNDS": frame.periodic,
    }
    for item, value in missing.items():
        if value is None:
            found = f"frame {frame.number} without ITEM: {item} before line {lines.number}"
            raise DataFileError(file, found, WANTED)
    return frame


def _value(file: Path, lines: Lines, frame: _Frame, item: str) -> None:
    """Read the line after a heading that has one value."""
    line = lines.next()
    if line is None:
        found = f"frame {frame.number} cut off after line {lines.number}"
        raise DataFileError(file, found, WANTED)
    text = line.strip()
    try:
        if item == "UNITS":
            frame.units = text
            if text not in TIME_UNITS:
                raise ValueError
        elif item == "TIME":
            frame.time = float(text)
        elif item == "TIMESTEP":
            frame.step = int(text)
        else:
            frame.n_atoms = int(text)
            if frame.n_atoms < 0:
                raise ValueError
    except ValueError as error:
        expected = f"one of {', '.join(TIME_UNITS)}" if item == "UNITS" else "a number"
        expected = f"{expected} after ITEM: {item}"
        if item == "UNITS":
            expected += without_units(text, "these two lines")
        found = f"{quoted(text)} in line {lines.number}"
        raise DataFileError(file, found, expected) from error


def _box(file: Path, lines: Lines, frame: _Frame, words: list[str]) -> None:
    """Read the three lines of a box: orthogonal, tilted, or of any three vectors (``abc``)."""
    where = f"box of frame {frame.number}, line {lines.number}"
    flags = words[-3:]
    if len(flags) != 3 or any(set(flag) - set("pfsm") or len(flag) != 2 for flag in flags):
        raise DataFileError(file, f"{quoted(' '.join(words))} in the {where}", "flags: pp or ff")
    width = 4 if words[:2] == ["abc", "origin"] else 3 if words[:1] == ["xy"] else 2
    try:
        table = np.array([[real_number(word) for word in row.split()] for row in lines.block(3)])
        if table.shape != (3, width) or not np.isfinite(table).all():
            raise ValueError
    except ValueError as error:
        expected = f"three lines of {width} finite numbers after it"
        raise DataFileError(file, f"other lines after the {where}", expected) from error
    frame.periodic = [flag == "pp" for flag in flags]
    if width == 4:
        frame.cell, frame.origin = table[:, :3], table[:, 3]
    else:
        xy, xz, yz = table[:, 2] if width == 3 else np.zeros(3)
        # A dump states the bounds of the tilted box, not its own corner and lengths.
        low = table[:, 0] - [min(0, xy, xz, xy + xz), min(0, yz), 0]
        high = table[:, 1] - [max(0, xy, xz, xy + xz), max(0, yz), 0]
        frame.cell = np.diag(high - low)
        frame.cell[1, 0], frame.cell[2, 0], frame.cell[2, 1] = xy, xz, yz
        frame.origin = low
    if not np.linalg.det(frame.cell) > 0:
        raise DataFileError(
            file, f"vectors {frame.cell.tolist()} in the {where}", "a box with non-zero volume"
        )


def _atoms(file: Path, lines: Lines, frame: _Frame, choice: SpeciesChoice) -> ase.Atoms:
    """Read the atoms of a frame."""
    where = f"frame {frame.number}, line {lines.number}"
    places = next((names for names in _COORDINATES if set(names) <= set(frame.columns)), None)
    if places is None or len(set(frame.columns)) < len(frame.columns):
        found = f"columns {quoted(' '.join(frame.columns))} in {where}"
        raise DataFileError(file, found, "different ones, x y z (or xu, xs, xsu) among them")
    n, start = int(frame.n_atoms or 0), lines.number + 1
    rows = lines.block(n)
    here = next((k for k, row in enumerate(rows) if not row.strip() or row.startswith("ITEM:")), n)
    here = min(here, len(rows))
    if here < n:
        found = f"{here} of {n} atoms stated in frame {frame.number}"
        raise DataFileError(file, f"{found}, which ends in line {start + here - 1}", WANTED)
    if not lines.ended:  # the last number may be truncated
        raise DataFileError(file, f"frame {frame.number} cut off in line {lines.number}", WANTED)
    if n == 0:
        raise InputError(f"{file}, frame {frame.number}", "no atoms", "at least one atom")
    table = _table(file, rows, frame.columns, start)
    given = table["id"] if "id" in frame.columns else np.arange(1, n + 1)
    order = np.argsort(given, kind="stable")
    ids = given[order]
    if ids[0] < 1 or (np.diff(ids) == 0).any():
        wrong = 0 if ids[0] < 1 else int(np.flatnonzero(np.diff(ids) == 0)[0]) + 1
        what = "below 1" if ids[0] < 1 else "a second time"
        raise DataFileError(
            file,
            f"atom id {ids[wrong]} {what} in frame {frame.number}, line {start + order[wrong]}",
            "another id for every atom, from 1",
        )
    words = _species(file, frame, table, choice, start)
    table = table[order]
    positions = np.stack([table[name] for name in places], axis=1)
    if _COORDINATES[places]:
        positions = positions @ frame.cell + frame.origin
    atoms = ase.Atoms(
        n * [0], positions, cell=frame.cell, pbc=frame.periodic, celldisp=frame.origin
    )
    set_elements(atoms, [words[k] for k in order])
    if not atoms.numbers.any() and "type" not in frame.columns:
        atoms.set_array("type", table["element"].astype(np.int64))  # all that is known of species
    _columns(file, atoms, table, frame, places)
    if not np.array_equal(ids, np.arange(1, n + 1)):
        atoms.set_array("id", ids)
    return atoms


def _table(file: Path, rows: list[str], columns: list[str], start: int) -> NDArray[Any]:
    """The atoms as a structured array."""
    texts = {"element": "U16"}
    kinds = [
        (name, texts.get(name, np.int64 if name in _WHOLE or name[:2] == "i_" else np.float64))
        for name in columns
    ]
    try:
        return np.loadtxt(rows, dtype=kinds, ndmin=1, comments=None)
    except ValueError as error:
        usual = [usual_exponents(row) for row in rows]
        if usual != rows:
            return _table(file, usual, columns, start)
        for index, row in enumerate(rows, start=start):
            try:
                np.loadtxt([row], dtype=kinds, ndmin=1, comments=None)
            except ValueError:
                found = f"{quoted(row)} in line {index}"
                raise DataFileError(file, found, f"values of {' '.join(columns)}") from error
        raise


def _species(
    file: Path, frame: _Frame, table: NDArray[Any], choice: SpeciesChoice, start: int
) -> list[str]:
    """Element of each row."""
    # LAMMPS writes C for every element unless told otherwise, so given species count more.
    if "element" in frame.columns and (choice.given is None or "type" not in frame.columns):
        words: list[str] = table["element"].tolist()
        where = f" in frame {frame.number}, line "
        if choice.are_types(words):
            return choice.of_numbers(words, lambda k: f"{where}{start + k}")[0]
        choice.not_needed()
        unknown = unknown_element(words)
        if unknown is not None or "X" in words:
            place = words.index("X") if unknown is None else unknown
            found = f"element {quoted(words[place])} in frame {frame.number}, line {start + place}"
            raise DataFileError(file, found, "a chemical symbol such as 'Ta'")
        return words
    if "type" not in frame.columns:
        found = f"neither element nor type in frame {frame.number}"
        raise DataFileError(file, found, "one of these columns")
    where = f" in frame {frame.number}"
    return choice.of_types(table["type"], "atom types only", lambda k: f"{where}, line {start + k}")


def _columns(
    file: Path, atoms: ase.Atoms, table: NDArray[Any], frame: _Frame, places: Sequence[str]
) -> None:
    """Keep the columns beside id, element and positions."""
    moving = set(_VELOCITIES) <= set(frame.columns)
    used = {"id", "element", *places, *(_VELOCITIES if moving else ())}
    for name in frame.columns:
        if name in used:
            continue
        if name in _RESERVED:
            raise DataFileError(file, f"a column {name!r} in frame {frame.number}", "another name")
        if name == "mass":
            atoms.set_masses(table[name])
        else:
            atoms.set_array("initial_charges" if name == "q" else name, table[name])
    if moving:  # after the masses, because momenta are stored
        fs = TIME_UNITS[frame.units] * ase.units.fs
        atoms.set_velocities(np.stack([table[name] for name in _VELOCITIES], axis=1) / fs)
