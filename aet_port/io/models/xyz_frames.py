"""Frames of .xyz files, of the Materials Data Bank and extended ones with more columns."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import ase
import numpy as np
from ase.data import chemical_symbols
from ase.io.extxyz import key_val_str_to_dict, read_xyz

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import reading
from aet_port.io.models.element_symbols import (
    element,
    real_number,
    set_elements,
    unknown_element,
    usual_exponents,
)
from aet_port.io.models.model_types import model_name
from aet_port.io.models.species_choice import SpeciesChoice
from aet_port.io.text_files import Lines, quoted, text_lines

WANTED = "the number of atoms, a comment, then a line 'symbol x y z' for each atom"
_MARKS = ("Properties=", "Lattice=")
_POSITIONS, _SYMBOLS, _NUMBERS = ("pos", "positions"), ("species", "symbols"), ("Z", "numbers")
_TYPES = ("type", "types", "atom_types", "particle_type")
_LATTICE = re.compile(r"(?:Lattice|Origin)=\"[^\"]*\"")
_ORIGIN = "Origin"  # corner of the cell, as OVITO writes it


def read_xyz_frames(file: Path, choice: SpeciesChoice) -> Iterator[AtomicModel]:
    """Yield the models of an .xyz or .extxyz file, one in memory at a time.

    A frame whose comment has ``Properties=`` or ``Lattice=``, and every frame of an .extxyz file,
    is extended .xyz; the others have the format of the Materials Data Bank, of which columns behind
    symbol, x, y and z have no names and are not read. In place of symbols there may be atomic
    numbers, or types if symbols are given for them.

    Parameters
    ----------
    file
        The file, after which the models are named.
    choice
        A symbol per type, for files that have numbers in place of symbols.

    Raises
    ------
    DataFileError
        For frames that are truncated or longer than stated, invalid lines, unknown symbols, lines
        of more than 65,536 bytes, or files that are not text.
    InputError
        For a frame without atoms or with NaN positions; species for a file that names its own.
    """
    with text_lines(file, WANTED) as lines:
        frame, more = 0, True
        while more:
            # Nothing is yielded inside, where warnings of the caller would be caught.
            with reading(file, WANTED):
                atoms, comment = _read_frame(file, lines, frame, choice)
                more = not lines.at_end()
            single = frame == 0 and not more
            name, metadata = model_name(file, None if single else frame)
            if comment is not None:
                metadata["comment"] = comment
            yield AtomicModel(atoms, name, metadata)
            frame += 1


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


def _read_frame(
    file: Path, lines: Lines, frame: int, choice: SpeciesChoice
) -> tuple[ase.Atoms, str | None]:
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
    extended = ".extxyz" in file.name.lower() or any(mark in comment for mark in _MARKS)
    if len(rows) < n:
        found = f"{len(rows)} lines for {n} atoms in frame {frame}, from line {start}"
        raise DataFileError(file, f"unreadable contents ({found})" if extended else found, WANTED)
    if not lines.at_end():
        _check_next(file, lines, n)
    if extended:
        return _extended(file, start, comment, rows, choice), None
    return _plain(file, start + 2, rows, choice), comment


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


def _plain(file: Path, before: int, rows: list[str], choice: SpeciesChoice) -> ase.Atoms:
    """Atoms of lines 'symbol x y z ...', the first of them after line ``before - 1``."""
    table = [row.split() for row in rows]
    positions = np.empty((len(rows), 3))
    for index, words in enumerate(table):
        try:
            if len(words) < 4 or element(words[0]) is None:
                raise ValueError
            try:
                positions[index] = words[1:4]
            except ValueError:
                positions[index] = [real_number(word) for word in words[1:4]]
        except ValueError as error:
            raise DataFileError(
                file, f"{quoted(rows[index].strip())} in line {before + index}", WANTED
            ) from error
    first = [words[0] for words in table]
    if len(first) > 2 and first[0] == "1" and first == [str(k) for k in range(1, len(first) + 1)]:
        found = f"running numbers 1 to {len(first)} from line {before}"
        raise DataFileError(file, found, WANTED)
    atoms = ase.Atoms(len(rows) * [0], positions=positions)
    _set_species(atoms, first, choice, before)
    return atoms


def _set_species(
    atoms: ase.Atoms, words: Sequence[str], choice: SpeciesChoice, before: int
) -> None:
    """Species from symbols, atomic numbers, or types."""
    if choice.are_types(words):
        words, types = choice.of_numbers(words, lambda k: f" in line {before + k}")
        atoms.set_array("type", types)
    elif words:
        choice.not_needed()
    set_elements(atoms, words)


def _extended(
    file: Path, start: int, comment: str, rows: list[str], choice: SpeciesChoice
) -> ase.Atoms:
    """Atoms of a frame of extended .xyz that begins in line ``start``."""
    comment = _LATTICE.sub(lambda match: usual_exponents(match[0]), comment)
    with reading(file, f"a comment of extended .xyz in line {start + 1}"):
        stated = key_val_str_to_dict(comment).get("Properties", "species:S:1:pos:R:3")
        words = str(stated).split(":")
        names, kinds = words[::3], words[1::3]
        widths = [int(width) for width in words[2::3]]
    offset = dict(zip(names, np.cumsum([0, *widths]).tolist(), strict=False))
    where = f"Properties of line {start + 1}"
    # Without them ASE puts every atom at the origin, or makes dummy atoms.
    if not any(name in offset for name in _POSITIONS):
        raise DataFileError(file, f"no column pos in the {where}", "pos:R:3")
    symbol, number, kind = (
        next((offset[name] for name in several if name in offset), None)
        for several in (_SYMBOLS, _NUMBERS, _TYPES)
    )
    if symbol is None and number is None and kind is None:
        raise DataFileError(file, f"no column species in the {where}", "species:S:1")
    real = [
        column
        for name, of, width in zip(names, kinds, widths, strict=False)
        for column in range(offset[name], offset[name] + width)
        if of == "R"
    ]
    table = [row.split() for row in rows]
    for index, values in enumerate(table, start=start + 2):
        if len(values) != sum(widths):  # ASE ignores further values
            found = f"{len(values)} words in line {index}"
            raise DataFileError(file, found, f"{sum(widths)}, as the {where} state")
        if number is not None and not 0 < int(values[number]) < len(chemical_symbols):
            found = f"atomic number {quoted(values[number])} in line {index}"
            raise DataFileError(file, found, f"1 to {len(chemical_symbols) - 1}")
    symbols = None if symbol is None else [values[symbol] for values in table]
    if symbol is not None and symbols is not None:
        unknown = unknown_element(symbols)
        if unknown is not None:
            found = f"{quoted(symbols[unknown])} in line {start + 2 + unknown}"
            raise DataFileError(file, found, "a chemical symbol such as 'Ta'")
        if not set(symbols) <= set(chemical_symbols):
            for values in table:
                values[symbol] = "X"  # set below
            rows = list(map(" ".join, table))
    with reading(file, f"extended .xyz in the frame from line {start}"):
        try:
            atoms = _of_ase(comment, rows)
        except ValueError:
            for values in table:
                for column in real:
                    values[column] = usual_exponents(values[column])
            atoms = _of_ase(comment, list(map(" ".join, table)))
        corner = atoms.info.get(_ORIGIN)
        if corner is not None and np.shape(corner) == (3,):
            atoms.set_celldisp(atoms.info.pop(_ORIGIN))
    masses = atoms.arrays.get("masses")
    if symbols is not None:
        _set_species(atoms, symbols, choice, start + 2)
    elif number is None:
        types = [int(values[kind]) for values in table]  # type: ignore[index]
        found = f"types but no species in the {where}"
        place = lambda k: f" in line {start + 2 + k}"  # noqa: E731
        set_elements(atoms, choice.of_types(np.array(types), found, place))
    elif rows:
        choice.not_needed()
    if masses is not None:
        atoms.set_masses(masses)
    return atoms


def _of_ase(comment: str, rows: list[str]) -> ase.Atoms:
    """The atoms of a frame as ASE reads them."""
    text = "\n".join([str(len(rows)), comment, *rows, ""])
    return plain_atoms(next(read_xyz(io.StringIO(text), index=0)))
