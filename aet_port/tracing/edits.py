"""Manual edits of a model, stored in a file so that they can be repeated and looked up."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.limits import LARGEST_EXTENT
from aet_port.io.arrays import reading
from aet_port.io.text_files import LONGEST_LINE, check_text, quoted

ACTIONS = ("add", "remove", "move", "retype")
EDIT_SUFFIXES = (".csv", ".jsonl")
EDIT_FILE = "manual edits as .csv or .jsonl"
COLUMNS = ("action", "atom", "species", "x", "y", "z", "reason", "author")
KEYS = ("action", "atom", "species", "position", "reason", "author")
SAME = 0.1  # angstrom


@dataclass(frozen=True)
class Edit:
    """A manual edit of one atom, with the fields of the bank's edit log.

    Parameters
    ----------
    action
        ``"add"``, ``"remove"``, ``"move"`` or ``"retype"``.
    atom
        Index of the atom in the model before all edits, from 0; None for an added atom.
    species
        Symbol after the edit; before it for a removed atom. Required to add (X if it is not known
        yet) and to retype; otherwise, if given, it must be the atom's.
    position
        Position after the edit, angstrom. Required to add and to move; otherwise, if given, it must
        be the atom's, within 0.1 angstrom.
    reason, author
        Reason for the edit and its author.

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


@checked
def replay_edits(model: AtomicModel | ase.Atoms, edits: Sequence[Edit]) -> AtomicModel:
    """Apply edits to a model one after the other and return the new model.

    The atoms keep their order; removed atoms are dropped and added ones appended. Atom indices
    always refer to the given model. Per-atom arrays of added atoms are NaN, 0 or empty.

    Parameters
    ----------
    model
        The model that the atom indices refer to.
    edits
        In the order in which they were made.

    Returns
    -------
    A new model; the given one is left as it is.

    Raises
    ------
    InputError
        For an atom that does not exist or was removed by an earlier edit, a species that is not the
        atom's, or if no atom is left; the error gives the number of the edit in the list, from 1.

    Examples
    --------
    >>> model = AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], "Ta")
    >>> edits = [Edit("retype", atom=0, species="Pd"), Edit("remove", atom=1)]
    >>> replay_edits(model, edits).species
    ['Pd']
    """
    return _replay(as_model(model), edits)[0]


def completed_edits(model: AtomicModel | ase.Atoms, edits: Sequence[Edit]) -> list[Edit]:
    """The same edits as stored in the bank's log: each with its species, all but removals with
    the position after the edit.

    Raises
    ------
    InputError
        As in :func:`replay_edits`.
    """
    return _replay(as_model(model), edits)[1]


def _replay(model: AtomicModel, edits: Sequence[Edit]) -> tuple[AtomicModel, list[Edit]]:
    species, positions = list(model.species), model.positions.copy()
    kept = np.ones(len(model), bool)
    added: list[Edit] = []
    log: list[Edit] = []
    for number, edit in enumerate(edits, start=1):
        if edit.atom is None:
            added.append(edit)
            log.append(edit)
            continue
        _check_against(model.name, number, edit, species, positions, kept)
        if edit.action == "remove":
            log.append(replace(edit, species=species[edit.atom], position=None))
            kept[edit.atom] = False
            continue
        if edit.action == "move":
            positions[edit.atom] = edit.position
        elif edit.species is not None:
            species[edit.atom] = edit.species
        x, y, z = positions[edit.atom].tolist()
        log.append(replace(edit, species=species[edit.atom], position=(x, y, z)))
    if not kept.any() and not added:
        raise InputError(f"edits of {model.name}", "every atom removed", "at least one left")
    atoms = model.atoms.copy()
    atoms.positions = positions
    atoms.set_chemical_symbols(species)
    atoms = atoms[kept]
    if added:
        more = ase.Atoms([e.species for e in added], [e.position for e in added])
        for name, values in atoms.arrays.items():
            if name not in more.arrays:
                filler = np.nan if values.dtype.kind == "f" else np.zeros((), values.dtype)
                more.set_array(name, np.full((len(added), *values.shape[1:]), filler, values.dtype))
        atoms += more
    return replace(model, atoms=atoms), log


def _check_against(
    name: str,
    number: int,
    edit: Edit,
    species: Sequence[str],
    positions: NDArray[np.float64],
    kept: NDArray[np.bool_],
) -> None:
    """Refuse an edit that belongs to another model."""
    subject, atom = f"edit {number} of {name}", edit.atom
    if atom is None or atom >= len(kept) or not kept[atom]:
        gone = atom is not None and atom < len(kept)
        found = f"atom {atom}, " + ("already removed" if gone else f"of {len(kept)} from 0")
        raise InputError(subject, found, "an atom of the model")
    if edit.action != "retype" and edit.species not in (None, species[atom]):
        found = f"species {edit.species} of atom {atom}"
        raise InputError(subject, found, f"{species[atom]}, as in the model")
    if edit.action != "move" and edit.position is not None:
        gap = float(np.linalg.norm(positions[atom] - np.array(edit.position)))
        if gap > SAME:
            found = f"a position {gap:.2f} angstrom from atom {atom}"
            raise InputError(subject, found, "the position of that atom, or none")


def retyped_atoms(edits: Sequence[Edit], n_atoms: int) -> dict[int, str]:
    """Species assigned by hand, which the classification by intensity keeps.

    Parameters
    ----------
    edits
        Edits of a model of ``n_atoms`` atoms.

    Returns
    -------
    Symbols by atom index in the edited model.
    """
    removed = {edit.atom for edit in edits if edit.action == "remove"}
    place = {old: new for new, old in enumerate(k for k in range(n_atoms) if k not in removed)}
    return {
        place[edit.atom]: edit.species
        for edit in edits
        if edit.action == "retype" and edit.species is not None and edit.atom in place
    }
