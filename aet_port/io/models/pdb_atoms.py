"""Models of Protein Data Bank files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import ase
import numpy as np
from ase.cell import Cell

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.models.element_symbols import element, set_elements
from aet_port.io.models.model_types import model_name
from aet_port.io.text_files import Lines, quoted, text_lines

WANTED = "a PDB file: ATOM or HETATM records of at least 54 columns, x, y, z in columns 31 to 54"
_END = 54  # last column of z
_RECORDS = ("ATOM", "HETATM")
_LETTERS = re.compile(r"[A-Za-z]+")


def read_pdb_models(file: Path) -> Iterator[AtomicModel]:
    """Yield the models of a PDB file; names have a number, from 0, if there are several.

    Elements are those of columns 77 and 78, or, in files without them, of the first two columns of
    the atom's name, where the format aligns them. A CRYST1 record becomes a periodic cell, unless
    it is the unit cube of one angstrom that stands for none. Occupancies are kept as an array
    ``occupancy``.

    Raises
    ------
    DataFileError
        For records that are cut off or wrong, atoms of unknown element, places that are
        alternatives of each other, or no atoms.
    """
    with text_lines(file, WANTED) as lines:
        cell, number = None, 0
        with reading(file, WANTED):
            cell, rows = _next_model(file, lines, cell)
        while rows:
            with reading(file, WANTED):
                atoms = _atoms(file, rows, cell)
                cell, following = _next_model(file, lines, cell)
            single = number == 0 and not following
            yield AtomicModel(atoms, *model_name(file, None if single else number))
            rows, number = following, number + 1
        if number == 0:
            raise DataFileError(file, "no ATOM or HETATM record", WANTED)


def _next_model(
    file: Path, lines: Lines, cell: Cell | None
) -> tuple[Cell | None, list[tuple[int, str]]]:
    """The cell, and numbers and texts of the records of the next atoms."""
    rows: list[tuple[int, str]] = []
    while (line := lines.next()) is not None:
        record = line[:6].strip().upper()
        if record in _RECORDS:
            rows.append((lines.number, line))
        elif record == "CRYST1":
            cell = _cell(file, line, lines.number)
        elif record in ("ENDMDL", "END") and rows:
            break
    return cell, rows


def _cell(file: Path, line: str, number: int) -> Cell | None:
    ends = ((6, 15), (15, 24), (24, 33), (33, 40), (40, 47), (47, 54))
    try:
        lengths = [float(line[start:end]) for start, end in ends]
        if lengths[:3] == [1, 1, 1] or lengths[:3] == [0, 0, 0]:
            return None
        cell = Cell.new(lengths)
        if not (np.isfinite(cell.array).all() and cell.volume > 0):
            raise ValueError
    except (ValueError, AssertionError) as error:
        found = f"{quoted(line)} in line {number}"
        raise DataFileError(file, found, "three lengths and three angles of a cell") from error
    return cell


def _atoms(file: Path, rows: list[tuple[int, str]], cell: Cell | None) -> ase.Atoms:
    symbols, positions = [], np.empty((len(rows), 3))
    occupancy = np.ones(len(rows))
    for index, (number, line) in enumerate(rows):
        try:
            if len(line) < _END:  # the last digits may be missing
                raise ValueError
            positions[index] = [float(line[k : k + 8]) for k in (30, 38, 46)]
            if line[54:60].strip():
                occupancy[index] = float(line[54:60])
        except ValueError as error:
            raise DataFileError(file, f"{quoted(line)} in line {number}", WANTED) from error
        if line[16:17].strip() not in ("", "A", "1"):
            found = f"alternative place {line[16]} in line {number}"
            expected = "one place for each atom; delete the lines of the alternatives"
            raise DataFileError(file, found, expected)
        symbol = _symbol(line)
        if symbol is None:
            found = f"no element in {quoted(line)}, line {number}"
            raise DataFileError(file, found, "a symbol in columns 77 and 78, or 13 and 14")
        symbols.append(symbol)
    atoms = ase.Atoms(len(rows) * [0], positions)
    set_elements(atoms, symbols)
    if cell is not None:
        atoms.set_cell(cell)
        atoms.set_pbc(True)
    if (occupancy != 1).any():
        atoms.set_array("occupancy", occupancy)
    return atoms


def _symbol(line: str) -> str | None:
    """Symbol of the element of a record."""
    stated = _LETTERS.match(line[76:78].strip())
    if stated and element(stated[0]) and stated[0].upper() != "X":
        return stated[0]
    name = line[12:16]
    # The names of hydrogen that take all four columns begin one column early: HG11 is no mercury.
    if len(name.strip()) == 4 and name[:1] in ("H", "D"):
        return name[0]
    for word in (name[:2].strip().lstrip("0123456789"), name.strip()[:1]):
        if word.isalpha() and element(word) and word.upper() != "X":
            return word
    return None
