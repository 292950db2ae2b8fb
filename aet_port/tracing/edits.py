"""Manual edits of a model, stored in a file so that they can be repeated and looked up."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.limits import LARGEST_EXTENT
from aet_port.io.arrays import reading
from aet_port.io.text_files import LONGEST_LINE, check_text, quoted

CHANGES = ("add", "remove", "move", "retype")  # of the model
NOTES = ("keep", "comment")
STEPS = ("undo", "redo")
ACTIONS = (*CHANGES, *NOTES, *STEPS)
EDIT_SUFFIXES = (".csv", ".jsonl")
EDIT_FILE = "manual edits as .csv or .jsonl"
COLUMNS = ("action", "atom", "species", "x", "y", "z", "reason", "author")
KEYS = ("action", "atom", "species", "position", "reason", "author")


@dataclass(frozen=True)
class Edit:
    """A manual edit of one atom, with the fields of the bank's edit log.

    Parameters
    ----------
    action
        ``"add"``, ``"remove"``, ``"move"`` or ``"retype"``; ``"keep"`` for an atom, or an empty
        place, that was looked at and is right; ``"comment"``; ``"undo"`` takes the last one back
        that stands, ``"redo"`` makes the last one again that was taken back.
    atom
        Index of the atom in the model before all edits, from 0; added atoms count on from there,
        in their order. None to add an atom, and for a place without one.
    species
        Symbol after the edit; before it for a removed atom. Required to add (X if it is not known
        yet) and to retype; otherwise, if given, it must be the atom's.
    position
        Position after the edit, angstrom. Required to add and to move, and for a place without an
        atom; otherwise, if given, it must be the atom's, within 0.1 angstrom.
    reason, author
        Reason for the edit, or the comment, and its author.

    Raises
    ------
    InputError
        If anything is missing or of the wrong kind.
    """

    action: str
    atom: int | None = None
    species: str | None = None
    position: tuple[float, float, float] | None = None
    reason: str | None = None
    author: str | None = None

    def __post_init__(self) -> None:
        action = self.action
        if action not in ACTIONS:
            raise InputError("action", repr(action), f"one of {', '.join(ACTIONS)}")
        if action == "add":
            if self.atom is not None:
                raise InputError("atom to add", repr(self.atom), "no number")
        elif action in STEPS:
            if any(one is not None for one in (self.atom, self.species, self.position)):
                raise InputError(f"row to {action}", "an atom", "no atom, species or position")
        elif action in NOTES and self.atom is None:
            if self.position is None:
                raise InputError(f"atom to {action}", "none", "its number, from 0, or a position")
        elif not _is_whole(self.atom):
            raise InputError(f"atom to {action}", repr(self.atom), "its number, from 0")
        known = chemical_symbols[1:] if action == "retype" else chemical_symbols
        if self.species is None:
            if action in ("add", "retype"):
                raise InputError(f"species to {action}", "none", "a chemical symbol")
        elif self.species not in known:
            raise InputError(f"species to {action}", repr(self.species), "a chemical symbol")
        if self.position is None:
            if action in ("add", "move"):
                raise InputError(f"position to {action}", "none", "x, y, z in angstrom")
        else:
            place = tuple(self.position)
            if len(place) != 3 or not all(_is_real(p) and abs(p) < LARGEST_EXTENT for p in place):
                raise InputError("position", repr(self.position), "three finite numbers, angstrom")
            object.__setattr__(self, "position", tuple(float(p) for p in place))
        if action == "comment" and self.reason is None:
            raise InputError("reason", "none", "the text of the comment")
        for name in ("reason", "author"):
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or not text.strip()):
                raise InputError(name, repr(text), "text, or nothing")


def _is_whole(value: object) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and 0 <= value < 2**31  # type: ignore[operator]


def _is_real(value: object) -> bool:
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(np.isfinite(value))


@checked
def read_edits(path: str | Path) -> list[Edit]:
    """Read edits from a file, in its order.

    Parameters
    ----------
    path
        A .csv file whose first line names the columns (those needed of
        ``action,atom,species,x,y,z,reason,author``, in any order), or a .jsonl file with an object
        per line with the keys ``action``, ``atom``, ``species``, ``position`` (a list of three),
        ``reason``, ``author``. Blank lines are skipped.

    Raises
    ------
    DataFileError
        If the file is missing or not text, or a line is not a valid edit (with its number).
    """
    file = Path(path)
    readers: Mapping[str, Callable[[Path], Iterator[Edit]]] = {
        ".csv": _csv_edits,
        ".jsonl": _json_edits,
    }
    if file.suffix.lower() not in readers:
        found = f"a file of type {file.suffix.lower() or 'unknown'}"
        raise DataFileError(file, found, EDIT_FILE)
    check_text(file, EDIT_FILE)
    with reading(file, EDIT_FILE):
        return list(readers[file.suffix.lower()](file))


def _edit(file: Path, line: int, content: Mapping[str, Any]) -> Edit:
    try:
        return Edit(**content)
    except InputError as error:
        found = f"line {line}: {error.subject} {error.found}"
        raise DataFileError(file, found, error.expected) from error


def _csv_edits(file: Path) -> Iterator[Edit]:
    with open(file, encoding="utf-8-sig", newline="") as handle:
        rows = csv.reader(handle, strict=True)
        try:
            header = [name.strip() for name in next(rows)]
            unknown = [name for name in header if name not in COLUMNS]
            if unknown or "action" not in header or len(set(header)) < len(header):
                found = f"line 1: columns {quoted(','.join(header))}"
                raise DataFileError(file, found, f"some of {','.join(COLUMNS)}, each only once")
            for row in rows:
                if any(word.strip() for word in row):
                    yield _csv_edit(file, rows.line_num, header, row)
        except csv.Error as error:
            raise DataFileError(file, f"line {rows.line_num}: {error}", EDIT_FILE) from error


def _csv_edit(file: Path, line: int, header: Sequence[str], row: Sequence[str]) -> Edit:
    if len(row) != len(header):
        found = f"line {line}: {len(row)} values"
        raise DataFileError(file, found, f"{len(header)}, one for each column")
    words = {name: word.strip() for name, word in zip(header, row, strict=True) if word.strip()}
    content: dict[str, Any] = {k: v for k, v in words.items() if k not in ("atom", "x", "y", "z")}
    content.setdefault("action", "")
    if "atom" in words:
        content["atom"] = _number(file, line, "atom", words["atom"], int)
    place = [_number(file, line, axis, words[axis], float) for axis in "xyz" if axis in words]
    if place:
        if len(place) < 3:
            raise DataFileError(file, f"line {line}: {len(place)} of x, y, z", "all three or none")
        content["position"] = tuple(place)
    return _edit(file, line, content)


def _number(file: Path, line: int, name: str, word: str, kind: type) -> Any:
    try:
        # Python reads 1_000 as a number; in a table it is a mistake.
        if "_" in word:
            raise ValueError(word)
        return kind(word)
    except ValueError as error:
        expected = "a whole number" if kind is int else "a number"
        raise DataFileError(file, f"line {line}: {name} {quoted(word)}", expected) from error


def _json_edits(file: Path) -> Iterator[Edit]:
    with open(file, encoding="utf-8-sig") as handle:
        for line, text in enumerate(handle, start=1):
            if not text.strip():
                continue
            try:
                content = json.loads(text, object_pairs_hook=_no_key_twice)
            except (ValueError, RecursionError) as error:
                found = f"line {line}: {quoted(text)}"
                raise DataFileError(file, found, "a JSON object with each key once") from error
            if not isinstance(content, dict) or not {"action"} <= set(content) <= set(KEYS):
                found = f"line {line}: {quoted(text)}"
                raise DataFileError(file, found, f"an object with action and others of {KEYS}")
            place = content.get("position")
            if place is not None:
                if not isinstance(place, list):
                    raise DataFileError(file, f"line {line}: position {place!r}", "a list of three")
                content["position"] = tuple(place)
            yield _edit(file, line, content)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key twice")
    return content


@checked
def write_edits(path: str | Path, edits: Sequence[Edit]) -> Path:
    """Write edits as .csv or .jsonl for :func:`read_edits`; no partial file is left on failure.

    Raises
    ------
    InputError
        For another suffix, or a reason or author with several lines.
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    check_target(file, EDIT_SUFFIXES)
    for edit in edits:
        for text in (edit.reason, edit.author):
            if text is not None and (len(text.splitlines()) > 1 or len(text) > LONGEST_LINE // 8):
                raise InputError("reason or author", quoted(text), "one line")

    def as_csv(partial: Path) -> None:
        with open(partial, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(COLUMNS)
            for edit in edits:
                place = ["", "", ""] if edit.position is None else map(repr, edit.position)
                rest = ("" if v is None else v for v in (edit.reason, edit.author))
                atom = "" if edit.atom is None else edit.atom
                writer.writerow([edit.action, atom, edit.species or "", *place, *rest])

    def as_json(partial: Path) -> None:
        rows = ({k: v for k, v in asdict(edit).items() if v is not None} for edit in edits)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        partial.write_text(text, encoding="utf-8", newline="\n")

    return write_whole(file, as_csv if file.suffix.lower() == ".csv" else as_json)
