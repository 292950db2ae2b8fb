"""A model under review: what the page shows and what a person does, without any network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, InputError
from aet_port.reviewing.grid import Grid
from aet_port.reviewing.images import ImagesOfAtoms
from aet_port.reviewing.log import EditLog, dealt_with, rounded
from aet_port.reviewing.table import DOUBTFUL, AtomTable, table_of, with_leftovers
from aet_port.tracing.difference_parts import Leftovers
from aet_port.tracing.edit_replay import Replay
from aet_port.tracing.edits import Edit

Progress = Callable[[float], None]
FindLeftovers = Callable[[Progress], tuple[Grid, Leftovers]]
LONGEST_TEXT = 1000  # characters of a comment or a name


@dataclass
class Session:
    """One model, its volume and images, and the file of its edits.

    Parameters
    ----------
    title
        What the page is about.
    shown
        The model as it is now: that of the last stage, or as given.
    log
        The edits, whose numbers of atoms refer to ``log.model``.
    applied
        State of the atoms with the edits that ``shown`` has already.
    traced
        Shape (n_shown, 3): where the atoms of ``shown`` were traced; None if not known.
    grid, images
        Volume and images, if there are any.
    species
        Species that an atom may be given, lightest first.
    find_leftovers
        Makes the map of what the model leaves unexplained, and its maxima.
    hint
        What to do when all is done.
    author
        Who looks, unless the page says otherwise.
    at
        Number of the atom to begin with.
    watched
        Files of the model: once they are others, the page has to be opened anew.
    """

    title: str
    shown: AtomicModel
    log: EditLog
    applied: Replay
    species: tuple[str, ...]
    traced: NDArray[np.float64] | None = None
    grid: Grid | None = None
    images: ImagesOfAtoms | None = None
    find_leftovers: FindLeftovers | None = None
    hint: str = ""
    author: str = ""
    at: int | None = None
    watched: tuple[Path, ...] = ()
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        numbers = self.applied.numbers
        if len(numbers) != len(self.shown):
            found = f"{len(self.shown)} atoms where its edits leave {len(numbers)}"
            raise InputError(self.shown.name, found, "the model that these edits were made for")
        self.row_numbers = numbers
        grey = None if self.grid is None else self.grid.values(self.shown.positions)
        self.table: AtomTable = table_of(self.shown, self.traced, grey)
        # All atoms that may be shown: those of the model, then those that were removed from it.
        gone = np.setdiff1d(np.arange(len(self.applied.present)), numbers)
        self.numbers = np.concatenate([numbers, gone])
        self.row_of = {int(number): row for row, number in enumerate(self.numbers)}
        lost = np.array([self.applied.positions[k] for k in gone]).reshape(-1, 3)
        self.places = np.concatenate([self.shown.positions, lost])
        self.kinds = [*self.shown.species, *(self.applied.species[k] for k in gone)]
        self.difference: Grid | None = None
        self.leftover_state: dict[str, Any] = {"state": "none", "done": 0.0, "reason": ""}
        self._opened = self._stamps()
        self.rank = 0  # goes up when table or candidates are others

    def start(self) -> threading.Thread | None:
        """Begin to make the map of what the model leaves unexplained, in the background."""
        if self.find_leftovers is None or self.leftover_state["state"] != "none":
            return None
        self.leftover_state["state"] = "running"
        thread = threading.Thread(target=self._find, args=(self.find_leftovers,), daemon=True)
        thread.start()
        return thread

    def _find(self, make: FindLeftovers) -> None:
        def progress(done: float) -> None:
            self.leftover_state["done"] = done

        try:
            grid, found = make(progress)
        except (AetError, MemoryError) as error:
            self.leftover_state = {"state": "failed", "done": 0.0, "reason": str(error)}
            return
        with self.lock:
            self.table = with_leftovers(self.table, self.shown.species, found)
            self.difference, self.rank = grid, self.rank + 1
            self.leftover_state = {"state": "ready", "done": 1.0, "reason": ""}

    def _stamps(self) -> list[tuple[int, int]]:
        known = [path.stat() if path.exists() else None for path in self.watched]
        return [(0, 0) if one is None else (one.st_mtime_ns, one.st_size) for one in known]

    @property
    def stale(self) -> bool:
        """Whether the model is another one since the page was opened."""
        return self._stamps() != self._opened

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed."""
        return self.log.path is None

    def overlay(self) -> list[dict[str, Any]]:
        """Atoms that are not, or not only, as in the table: by number, with what has changed."""
        state, before = self.log.state, self.applied
        looked, comments, _ = self.log.marks()
        touched = set(looked) | set(comments)
        known = len(before.present)
        touched |= {k for k in range(known, len(state.present))}
        touched |= {
            k
            for k in range(known)
            if k >= len(state.present) or state.present[k] != before.present[k]
        }
        rows = []
        for number in sorted(touched):
            there = number < len(state.present)
            present = there and state.present[number]
            position, symbol = self.place_of(number)
            row = self.row_of.get(number)
            rows.append(
                {
                    "number": number,
                    "gone": not present,
                    "added": number >= self.applied.given,
                    "moved": there and row is not None and _differs(state, before, number),
                    "retyped": number in state.retyped,
                    "looked": number in looked,
                    "position": list(position),
                    "species": symbol,
                    "comments": comments.get(number, []),
                }
            )
        return rows

    def place_of(self, number: int) -> tuple[tuple[float, float, float], str]:
        """Position and species of an atom as they are now.

        Raises
        ------
        InputError
            If there is no such atom.
        """
        state, before, row = self.log.state, self.applied, self.row_of.get(number)
        if number < 0 or (number >= len(state.present) and row is None):
            raise InputError("atom", str(number), f"0 to {len(state.present) - 1}")
        if number >= len(state.present) and row is not None:
            x, y, z = self.places[row].tolist()
            return (x, y, z), self.kinds[row]
        position, symbol = state.positions[number], state.species[number]
        if row is not None:
            # What the edits leave as it was is where the last fit has put it.
            if not _differs(state, before, number):
                x, y, z = self.places[row].tolist()
                position = (x, y, z)
            if symbol == before.species[number]:
                symbol = self.kinds[row]
        return position, symbol

    def atoms(self) -> tuple[NDArray[np.float64], list[str]]:
        """Positions and species of all atoms as they are now."""
        positions, kinds = self.places.copy(), list(self.kinds)
        present = np.arange(len(self.numbers)) < len(self.shown)
        more: list[tuple[tuple[float, float, float], str]] = []
        for change in self.overlay():
            row = self.row_of.get(change["number"])
            if row is None:
                if not change["gone"]:
                    more.append((tuple(change["position"]), change["species"]))
                continue
            positions[row], kinds[row] = change["position"], change["species"]
            present[row] = not change["gone"]
        rows = np.flatnonzero(present)
        places = np.concatenate([positions[rows], np.array([p for p, _ in more]).reshape(-1, 3)])
        return places, [*(kinds[row] for row in rows), *(symbol for _, symbol in more)]

    def progress(self) -> dict[str, int]:
        """How many of the doubtful atoms and candidates were looked at."""
        looked, _, places = self.log.marks()
        rows = np.flatnonzero(self.table.doubt >= DOUBTFUL)
        seen = sum(int(self.numbers[row]) in looked for row in rows)
        done = dealt_with(self.table.places, places)
        return {"checked": seen + int(done.sum()), "of": len(rows) + len(done)}

    def act(self, request: dict[str, Any]) -> Edit:
        """Carry out an action of the page; on return it is on the disk.

        Parameters
        ----------
        request
            ``action``, ``version``, and as the action needs: ``atom``, ``position``, ``species``,
            ``text``, ``snap``, ``author``.

        Raises
        ------
        InputError
            If it can't be done, with the reason.
        """
        if self.stale:
            found = "a model that a run has made anew since this page was opened"
            raise InputError("edit", found, "`aet review` started again")
        action = _text(request.get("action"), "action")
        author = _text(request.get("author") or "", "author") or None
        text = _text(request.get("text") or "", "comment") or None
        species = request.get("species")
        if species is not None and species not in (*self.species, "X"):
            raise InputError("species", repr(species), f"one of {', '.join(self.species)}")
        position = request.get("position")
        place = None
        if position is not None:
            place = self.checked_position(position, bool(request.get("snap")))
        atom = request.get("atom")
        if action in ("remove", "retype", "keep", "comment") and atom is not None:
            place = None
        if action == "add" and species is None:
            species = self.species[0] if len(self.species) == 1 else "X"
        if action in ("move", "remove", "keep", "comment"):
            species = None
        edit = Edit(action, atom, species, place, text, author)
        with self.lock:
            self.log.append(edit, _text(request.get("version"), "version"))
        return edit

    def checked_position(self, given: object, snap: bool) -> tuple[float, float, float]:
        """A position of the page, angstrom; ``snap`` moves it to the maximum of the volume near it.

        Raises
        ------
        InputError
            If it isn't three finite numbers.
        """
        if not isinstance(given, list) or len(given) != 3:
            raise InputError("position", repr(given)[:60], "three numbers in angstrom")
        if any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in given):
            raise InputError("position", repr(given)[:60], "three numbers in angstrom")
        if not np.isfinite(np.array(given, dtype=np.float64)).all():
            raise InputError("position", repr(given)[:60], "finite numbers")
        found = self.grid.snapped(given) if snap and self.grid is not None else None
        return rounded(given if found is None else found)


def _differs(state: Replay, before: Replay, number: int) -> bool:
    return (
        number < len(state.present)
        and number < len(before.present)
        and state.positions[number] != before.positions[number]
    )


def _text(value: object, what: str) -> str:
    """One line of text of a bounded length."""
    if not isinstance(value, str):
        raise InputError(what, repr(value)[:60], "text")
    line = " ".join(value.split())
    if len(line) > LONGEST_TEXT:
        raise InputError(what, f"{len(line)} characters", f"at most {LONGEST_TEXT}")
    return line
