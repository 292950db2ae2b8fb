"""Atomic models as tables of text, as other programs and spreadsheets write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole
from aet_port.io.models.element_symbols import real_number, set_elements, unknown_element
from aet_port.io.models.species_choice import SpeciesChoice
from aet_port.io.text_files import quoted, whole_text

TABLE_FILE = "a line of titles such as species,x,y,z, then a line for each atom, in angstrom"
NUMBER_TITLES = ("atomic_number", "z_number", "numbers")
TYPE_TITLES = ("type", "atom_type", "particle_type")
SPECIES_TITLES = ("species", "element", "symbol", *TYPE_TITLES, *NUMBER_TITLES)
AXES = ("x", "y", "z")
SEPARATORS = (",", ";", "\t")
# A title with a unit in brackets or behind an underscore: "x (nm)", "y [A]", "z_angstrom".
_TITLE = re.compile(r"([A-Za-z]\w*?)(?:\s*[\[(]\s*([^\])]*?)\s*[\])]|_(angstrom|nm|pm|A))?")
ANGSTROM = ("", "angstrom", "a", "å", "\N{ANGSTROM SIGN}", "ang")


def read_atom_table(path: str | Path, choice: SpeciesChoice | None = None) -> AtomicModel:
    """Read a model from a table with titles, separated by commas, semicolons or tabs.

    Parameters
    ----------
    path
        The first line has the titles: ``x``, ``y``, ``z`` (angstrom; a unit may stand behind them,
        as in ``x (A)``), and ``species``, ``element``, ``symbol`` or ``type``, in any order and
        case. Other columns of numbers become per-atom arrays under their titles. Lines that begin
        with ``#`` and empty ones are skipped. With semicolons or tabs, a comma may be the decimal
        mark.
    choice
        For a table without species: one symbol for all. For type numbers 1, 2, ...: a symbol per
        type. Numbers in a column of species or elements are atomic numbers unless symbols are
        given or they are 1, 2, ... without a gap, which are types.

    Returns
    -------
    The model, named after the file.

    Raises
    ------
    DataFileError
        With the line, for titles that are missing, repeated or of another unit, lines of another
        length, an unknown symbol, or positions that are no numbers.
    InputError
        For species that are missing, unknown, or given for a table that states them.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("pair.csv").write_text("element;x;y;z;score\\nTa;0;0;0;0.9\\nPd;0;0;2,8;0.4\\n")
    >>> model = read_atom_table("pair.csv")
    >>> model.species, float(model.positions[1, 2]), model.atoms.arrays["score"].tolist()
    (['Ta', 'Pd'], 2.8, [0.9, 0.4])
    """
    file = Path(path)
    text = whole_text(file, TABLE_FILE)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise DataFileError(file, "no line of titles", TABLE_FILE)
    mark = max(SEPARATORS, key=lines[0][1].count)
    rows = [
        ([word.strip() for word in next(csv.reader([line], delimiter=mark))], number, line)
        for number, line in lines
    ]
    titles = _titles(file, *rows.pop(0))
    if not rows:
        raise DataFileError(file, "titles without atoms", TABLE_FILE)
    for words, number, line in rows:
        if len(words) != len(titles):
            found = f"{len(words)} entries in line {number}, {quoted(line)}"
            raise DataFileError(file, found, f"{len(titles)}, one for each title")
    columns = {title: [words[k] for words, *_ in rows] for k, title in enumerate(titles)}
    numbers = [number for _, number, _ in rows]
    decimal = "," if mark != "," else ""
    places = [_numbers(file, axis, columns.pop(axis), numbers, decimal) for axis in AXES]
    name = next((title for title in titles if title in SPECIES_TITLES), None)
    stated = None if name is None else columns.pop(name)
    arrays = {}
    for title, words in columns.items():
        values = [_value(word, decimal) for word in words]
        # Text such as a remark is not needed; two names are those of ASE.
        if title not in ("numbers", "positions") and all(value is not None for value in values):
            arrays[title] = np.array(values, dtype=np.float64)
    chosen = SpeciesChoice.of(file, None) if choice is None else choice
    positions = np.stack(places, axis=1)
    atoms = ase.Atoms(len(positions) * [0], positions)
    set_elements(atoms, _symbols(file, name or "", stated, chosen, numbers))
    for title, column in arrays.items():
        atoms.set_array(title, column)
    if stated is not None and not atoms.numbers.any() and all(map(str.isdecimal, stated)):
        atoms.set_array("type", np.array(stated, dtype=np.int64))  # all that is known of species
    return AtomicModel(atoms, name=str(file))


def _titles(file: Path, words: list[str], number: int, line: str) -> list[str]:
    """Titles; those that are known in lower case and without their unit."""
    found = []
    for word in words:
        match = _TITLE.fullmatch(word)
        name = match[1].lower() if match else word
        if match and name in AXES:
            unit = match[2] or match[3] or ""
            if unit.lower() not in ANGSTROM:
                expected = f"{name} in angstrom; or no unit in the titles, and --scale 10 for nm"
                raise DataFileError(file, f"{word!r} in line {number}", expected)
            found.append(name)
        else:
            found.append(word.lower() if word.lower() in SPECIES_TITLES else word)
    missing = [axis for axis in AXES if axis not in found]
    if missing:
        where = f"no column {missing[0]} in line {number}, {quoted(line)}"
        raise DataFileError(file, where, TABLE_FILE)
    twice = [title for title in found if found.count(title) > 1]
    several = [title for title in found if title in SPECIES_TITLES]
    if twice or len(several) > 1:
        names = f"{twice[0]} twice" if twice else " and ".join(several)
        raise DataFileError(file, f"the titles {names} in line {number}", "each column once")
    return found


def _value(word: str, decimal: str) -> float | None:
    try:
        return real_number(word.replace(decimal, ".") if decimal else word)
    except ValueError:
        return None


def _numbers(
    file: Path, title: str, words: list[str], lines: list[int], decimal: str
) -> NDArray[np.float64]:
    values = [_value(word, decimal) for word in words]
    for value, word, number in zip(values, words, lines, strict=True):
        if value is None or not np.isfinite(value):
            found = f"{title} {word!r} in line {number}"
            raise DataFileError(file, found, "a finite number of angstrom")
    return np.array(values, dtype=np.float64)


def _symbols(
    file: Path, title: str, stated: list[str] | None, choice: SpeciesChoice, lines: list[int]
) -> list[str]:
    if stated is None:
        return choice.of_all(len(lines), "no column of species")
    numbered = all(word.isdecimal() for word in stated)
    if (title in TYPE_TITLES and numbered) or (
        title not in NUMBER_TITLES and choice.are_types(stated)
    ):
        types = np.array([int(word[:9]) for word in stated])
        what = f"numbers in column {title}"
        return choice.of_types(types, what, lambda k: f" in line {lines[k]}")
    choice.not_needed()
    unknown = unknown_element(stated)
    if unknown is None and "X" in stated and choice.default is None:
        unknown = stated.index("X")
    if unknown is not None:
        found = f"{title} {stated[unknown]!r} in line {lines[unknown]}"
        raise DataFileError(file, found, "a chemical symbol such as 'Ta'")
    return stated


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table as .csv, never a partial file; numbers with all digits.

    Raises
    ------
    OutputError
        If the file can't be written.
    """

    def write(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)

    return write_whole(path, write)
