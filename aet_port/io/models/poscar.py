"""Structures of VASP: POSCAR and CONTCAR, and XDATCAR with many of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.io.models.element_symbols import element, real_number, set_elements
from aet_port.io.models.model_types import model_name
from aet_port.io.models.species_choice import SpeciesChoice
from aet_port.io.text_files import quoted, whole_text

WANTED = (
    "a POSCAR: a title, a scale, three cell vectors, symbols, numbers of atoms, Direct or "
    "Cartesian, a line for each atom"
)
XDATCAR = (
    "an XDATCAR: the head of a POSCAR, then for each frame a line Direct configuration= and a line "
    "for each atom"
)
LARGEST = 50_000_000  # atoms
_FRAME = re.compile(r"\s*direct\s+configuration\s*=", re.IGNORECASE)
_SYMBOL = re.compile(r"([A-Za-z]+)(?:[_/].*)?\Z")  # of a potential: Cu_pv, Fe/a1b2c3


def read_poscar(file: Path, choice: SpeciesChoice) -> AtomicModel:
    """Read the structure of a POSCAR or CONTCAR file.

    Parameters
    ----------
    file
        With symbols in line 6 (VASP 5 and later), or as the words of the title, or without.
        Velocities and constraints are not read.
    choice
        Symbols in the order of the numbers of atoms, for a file that has none.

    Raises
    ------
    DataFileError
        For lines that are missing or wrong, which are named.
    InputError
        For species that are missing, or given for a file that names them.
    """
    return _structure(file, whole_text(file, WANTED).splitlines(), choice)


def read_xdatcar(file: Path, choice: SpeciesChoice) -> Iterator[AtomicModel]:
    """Read the frames of a trajectory of VASP, of a fixed cell or with one for each frame.

    Parameters
    ----------
    file
        Its coordinates are fractions of the cell.
    choice
        As of :func:`read_poscar`.

    Raises
    ------
    DataFileError
        For lines that are missing or wrong.
    InputError
        For species that are missing, or given for a file that names them.
    """
    lines = whole_text(file, XDATCAR).splitlines()
    starts = [k for k, line in enumerate(lines) if _FRAME.match(line)]
    if not starts:
        raise DataFileError(file, "no line Direct configuration=", XDATCAR)
    head, end, single = lines[: starts[0]], starts[0], len(starts) == 1
    for number, start in enumerate(starts):
        if any(line.strip() for line in lines[end:start]):
            head = lines[start - len(head) : start]  # of a cell that changes
        name, metadata = model_name(file, None if single else number)
        following = starts[number + 1] if number + 1 < len(starts) else len(lines)
        try:
            model = _structure(file, [*head, "Direct", *lines[start + 1 : following]], choice)
        except DataFileError as error:
            found = f"frame {number}, from line {start + 1}: {error.found}"
            raise DataFileError(file, found, error.expected) from error
        end = start + 1 + len(model)
        yield AtomicModel(model.atoms, name, metadata)


def _structure(file: Path, lines: list[str], choice: SpeciesChoice) -> AtomicModel:
    """The structure of a POSCAR from its lines."""
    factors = _numbers(file, lines, 1, (1, 3))
    cell = np.array([_numbers(file, lines, k, (3,)) for k in (2, 3, 4)])
    volume = abs(float(np.linalg.det(cell)))
    if not volume > 0:
        found = f"vectors {cell.tolist()} in lines 3 to 5"
        raise DataFileError(file, found, "a cell with a volume")
    # A single negative factor is the volume of the cell.
    scale = np.array(factors)
    if len(factors) == 1 and factors[0] < 0:
        scale = np.array([(-factors[0] / volume) ** (1 / 3)])
    if not (scale > 0).all():
        raise DataFileError(file, f"{quoted(lines[1])} in line 2", "a scale above zero")
    words, line = _line(file, lines, 5).split(), 5
    named = not (words and words[0].isdecimal())
    if named:
        line = 6
    counts = _counts(file, _line(file, lines, line), line)
    kinds = _kinds(file, words if named else _line(file, lines, 0).split(), len(counts), named)
    line += 1
    if _line(file, lines, line)[:1] in ("S", "s"):
        line += 1  # selective dynamics
    mode = _line(file, lines, line)[:1].lower()
    if mode not in ("d", "c", "k"):
        found = f"{quoted(lines[line])} in line {line + 1}"
        raise DataFileError(file, found, "Direct or Cartesian")
    first = line + 1
    n = sum(counts)
    rows = lines[first : first + n]
    present = next((k for k, row in enumerate(rows) if not row.strip()), len(rows))
    if present < n:
        found = f"{present} lines for {n} atoms, from line {first + 1}"
        raise DataFileError(file, found, WANTED)
    table = np.array([_numbers(file, lines, first + k, (3,), more=True) for k in range(n)])
    cell = cell * scale
    positions = table @ cell if mode == "d" else table * scale
    types = np.repeat(np.arange(1, len(counts) + 1), counts)
    if kinds is None:
        symbols = choice.of_types(types, "no symbols in line 6 or the title")
    else:
        choice.not_needed()
        symbols = [kinds[k - 1] for k in types]
    atoms = ase.Atoms(n * [0], positions, cell=cell, pbc=True)
    set_elements(atoms, symbols)
    if not atoms.numbers.any():
        atoms.set_array("type", types)  # all that is known of the species
    return AtomicModel(atoms, name=str(file))


def _line(file: Path, lines: list[str], number: int) -> str:
    if number >= len(lines):
        raise DataFileError(file, f"an end after line {len(lines)}", WANTED)
    return lines[number].strip()


def _numbers(
    file: Path, lines: list[str], number: int, widths: tuple[int, ...], more: bool = False
) -> NDArray[np.float64]:
    """The finite numbers of a line, or its first ones if there may be more."""
    words = _line(file, lines, number).partition("!")[0].split()
    words = words[: widths[-1]] if more or number == 1 else words
    try:
        if number == 1 and len(words) == 3:
            # A comment may follow a single factor.
            words = words if all(_is_number(word) for word in words) else words[:1]
        elif number == 1:
            words = words[:1]
        values = np.array([real_number(word) for word in words[: widths[-1]]])
        if len(values) not in widths or not np.isfinite(values).all():
            raise ValueError
    except ValueError as error:
        found = f"{quoted(lines[number])} in line {number + 1}"
        expected = f"{' or '.join(map(str, widths))} finite numbers"
        raise DataFileError(file, found, expected) from error
    return values


def _is_number(word: str) -> bool:
    try:
        real_number(word)
    except ValueError:
        return False
    return True


def _counts(file: Path, text: str, line: int) -> list[int]:
    words = text.partition("!")[0].partition("#")[0].split()
    counts = [int(word) if word.isdecimal() and len(word) < 10 else 0 for word in words]
    if not counts or min(counts) < 1 or sum(counts) > LARGEST:
        found = f"{quoted(text)} in line {line + 1}"
        raise DataFileError(file, found, "the number of atoms of each species")
    return counts


def _kinds(file: Path, words: list[str], n: int, named: bool) -> list[str] | None:
    """Symbols of the species; None if the file has none."""
    symbols = []
    for word in words:
        match = _SYMBOL.match(word)
        symbol = match[1] if match else ""
        if not element(symbol) or symbol == "X":
            if named:
                found = f"{quoted(word)} in line 6"
                raise DataFileError(file, found, "a chemical symbol such as 'Ta'")
            return None
        symbols.append(symbol)
    if len(symbols) != n and named:
        found = f"{len(symbols)} symbols in line 6 for {n} numbers of atoms"
        raise DataFileError(file, found, WANTED)
    return symbols if len(symbols) == n else None
