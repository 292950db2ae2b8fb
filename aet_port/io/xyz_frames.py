"""Frames of .xyz files, of the Materials Data Bank and extended ones with more columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import ase
import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.io.extxyz import key_val_str_to_dict, read_xyz

from aet_port.core.data import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.text_files import Lines, quoted, text_lines

XYZ_SUFFIXES = (".xyz", ".extxyz")
WANTED = "the number of atoms, a comment, then a line 'symbol x y z' for each atom"
_MARKS = ("Properties=", "Lattice=")
_POSITIONS, _SYMBOLS, _NUMBERS = ("pos", "positions"), ("species", "symbols"), ("Z", "numbers")


def read_xyz_frames(file: Path) -> Iterator[AtomicModel]:
    """Yield the models of an .xyz or .extxyz file, one in memory at a time.

    A frame whose comment has ``Properties=`` or ``Lattice=``, and every frame of an .extxyz file,
    is extended .xyz; the others have the format of the Materials Data Bank.

    Parameters
    ----------
    file
        The file, after which the models are named.

    Raises
    ------
    DataFileError
        For frames that are truncated or longer than stated, invalid lines, unknown symbols, lines
        of more than 65,536 bytes, or files that are not text.
    InputError
        For a frame without atoms or with NaN positions.
    """
    with text_lines(file, WANTED) as lines:
        frame, more = 0, True
        while more:
            frame += 1
            # Nothing is yielded inside, where warnings of the caller would be caught.
            with reading(file, WANTED):
                atoms, comment = _read_frame(file, lines, frame)
                more = not lines.at_end()
            single = frame == 1 and not more
            name = str(file) if single else f"{file}, frame {frame}"
            metadata = {} if comment is None else {"comment": comment}
            yield AtomicModel(atoms, name, metadata if single else {**metadata, "frame": frame})


def plain_atoms(atoms: ase.Atoms) -> ase.Atoms:
    """``atoms`` with the results of its calculator moved to its arrays and info.

    ASE treats columns with names such as ``charges`` or ``forces`` as results.
    """
    if atoms.calc is not None:
        for key, value in atoms.calc.results.items():
            if np.shape(value)[:1] == (len(atoms),):
                atoms.set_array(key, np.asarray(value))
            else:
                atoms.info[key] = value
        atoms.calc = None
    return atoms


def _read_frame(file: Path, lines: Lines, frame: int) -> tuple[ase.Atoms, str | None]:
    """Atoms of the next frame, and its comment if it is not a list of properties."""
    first = (lines.next() or "").strip()
    start = lines.number
    if not (first.isascii() and first.isdecimal()):
        raise DataFileError(file, f"{quoted(first)} in line {start}", WANTED)
    n = int(first)
    comment = (lines.next() or "").strip()
    rows = lines.block(n)
    while rows and not rows[-1].strip():
        rows.pop()
    extended = file.suffix.lower() == ".extxyz" or any(mark in comment for mark in _MARKS)
    if len(rows) < n:
        found = f"{len(rows)} lines for {n} atoms in frame {frame}, from line {start}"
        raise DataFileError(file, f"unreadable contents ({found})" if extended else found, WANTED)
    if not lines.at_end():
        _check_next(file, lines, n)
    if extended:
        return _extended(file, start, comment, rows), None
    return _plain(file, start + 2, rows), comment


def _check_next(file: Path, lines: Lines, n: int) -> None:
    """Raise an error for a frame that continues after its last atom."""
    line = lines.peek().strip()
    if len(line.split()) == 1:
        return
    further = 0
    while not lines.at_end():
        further += 1
        lines.next()
    raise DataFileError(file, f"{n + further} lines for {n} atoms", WANTED)


def _plain(file: Path, before: int, rows: list[str]) -> ase.Atoms:
    """Atoms of lines 'symbol x y z', the first of them after line ``before - 1``."""
    symbols: list[str] = []
    positions = np.empty((len(rows), 3))
    for index, row in enumerate(rows):
        words = row.split()
        try:
            if len(words) != 4 or words[0] not in atomic_numbers:
                raise ValueError
            positions[index] = [float(word) for word in words[1:]]
        except ValueError as error:
            raise DataFileError(
                file, f"{quoted(row.strip())} in line {before + index}", WANTED
            ) from error
        symbols.append(words[0])
    return ase.Atoms(symbols, positions=positions)


def _extended(file: Path, start: int, comment: str, rows: list[str]) -> ase.Atoms:
    """Atoms of a frame of extended .xyz that begins in line ``start``."""
    with reading(file, f"a comment of extended .xyz in line {start + 1}"):
        stated = key_val_str_to_dict(comment).get("Properties", "species:S:1:pos:R:3")
        words = str(stated).split(":")
        names, widths = words[::3], [int(width) for width in words[2::3]]
    offset = dict(zip(names, np.cumsum([0, *widths]).tolist(), strict=False))
    where = f"Properties of line {start + 1}"
    # Without them ASE puts every atom at the origin, or makes dummy atoms.
    if not any(name in offset for name in _POSITIONS):
        raise DataFileError(file, f"no column pos in the {where}", "pos:R:3")
    if not any(name in offset for name in _SYMBOLS + _NUMBERS):
        raise DataFileError(file, f"no column species in the {where}", "species:S:1")
    symbol = next((offset[name] for name in _SYMBOLS if name in offset), None)
    number = next((offset[name] for name in _NUMBERS if name in offset), None)
    for index, row in enumerate(rows, start=start + 2):
        values = row.split()
        if len(values) != sum(widths):  # ASE ignores further values
            found = f"{len(values)} words in line {index}"
            raise DataFileError(file, found, f"{sum(widths)}, as the {where} state")
        if symbol is not None and values[symbol] not in atomic_numbers:
            found = f"{quoted(values[symbol])} in line {index}"
            raise DataFileError(file, found, "a chemical symbol such as 'Ta'")
        if number is not None and not 0 < int(values[number]) < len(chemical_symbols):
            found = f"atomic number {quoted(values[number])} in line {index}"
            raise DataFileError(file, found, f"1 to {len(chemical_symbols) - 1}")
    text = "\n".join([str(len(rows)), comment, *rows, ""])
    with reading(file, f"extended .xyz in the frame from line {start}"):
        return plain_atoms(next(read_xyz(io.StringIO(text), index=0)))
