"""The file of edits while somebody works on it: an action that is confirmed is on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.tracing.edit_replay import Replay, undo_stacks
from aet_port.tracing.edits import NOTES, Edit, read_edits, write_edits

SAME_PLACE = 0.75  # angstrom between a candidate and the edit that deals with it
DIGITS = 4  # of positions in angstrom; images tell no more


class Conflict(InputError):
    """Somebody else has changed the file: the page has to show that first."""


@dataclass
class EditLog:
    """The edits of a model: those of a file, after those that were made before it.

    Parameters
    ----------
    model
        The model that the numbers of atoms refer to.
    path
        The file; None if nothing may be written.
    before
        Standing edits of another file, which can't be taken back here.

    Raises
    ------
    DataFileError
        If the file can't be read.
    InputError
        If it belongs to another model.
    """

    model: AtomicModel
    path: Path | None
    before: Sequence[Edit] = ()
    rows: list[Edit] = field(default_factory=list)
    _seen: bytes = b""

    def __post_init__(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Read the file again."""
        if self.path is not None and self.path.exists():
            content = self.path.read_bytes()
            rows = read_edits(self.path)
        else:
            content, rows = b"", []
        self._take(rows)
        self._seen = content

    def _take(self, rows: list[Edit]) -> None:
        standing, undone = undo_stacks(rows)
        state = Replay.of(self.model)
        for number, edit in enumerate([*self.before, *standing], start=1):
            state.apply(number, edit)
        if not any(state.present):
            raise InputError(f"edits of {self.model.name}", "every atom removed", "one left")
        self.rows, self.standing, self.undone, self.state = rows, standing, undone, state

    @property
    def version(self) -> str:
        """Changes with every change of the file."""
        return f"{len(self.rows)}-{sha256(self._seen).hexdigest()[:12]}"

    @property
    def changed_outside(self) -> bool:
        """Whether the file is no longer as this object left it."""
        if self.path is None:
            return False
        now = self.path.read_bytes() if self.path.exists() else b""
        return now != self._seen

    def append(self, edit: Edit, version: str) -> None:
        """Write one more row; on return it is on the disk, and on any error nothing has changed.

        Parameters
        ----------
        edit
            The row.
        version
            The version that the person has seen.

        Raises
        ------
        Conflict
            If there is a newer one.
        InputError
            If nothing may be written, or the edit doesn't fit the model.
        OutputError
            If the file can't be written.
        """
        if self.path is None:
            raise InputError("edit", "a page that is read only", "`aet review` of a run or a model")
        if self.changed_outside:
            self.reload()
        if version != self.version:
            raise Conflict("edit", "a model that was changed in another window", "a look at it")
        kept = (self.rows, self.standing, self.undone, self.state)
        try:
            self._take([*self.rows, edit])
            write_edits(self.path, self.rows)
        except Exception:
            self.rows, self.standing, self.undone, self.state = kept
            raise
        self._seen = self.path.read_bytes()

    def marks(self) -> tuple[set[int], dict[int, list[str]], list[tuple[float, float, float]]]:
        """Atoms that were looked at, comments by atom, and places that were decided on."""
        looked: set[int] = set()
        comments: dict[int, list[str]] = {}
        places: list[tuple[float, float, float]] = []
        added = len(self.model)
        for edit in (*self.before, *self.standing):
            if edit.action == "add":
                looked.add(added)
                added += 1
                places.append(edit.position or (0.0, 0.0, 0.0))
            elif edit.atom is None:
                if edit.action == "keep" and edit.position is not None:
                    places.append(edit.position)
            elif edit.action == "comment":
                comments.setdefault(edit.atom, []).append(_signed(edit))
            else:
                looked.add(edit.atom)
        return looked, comments, places

    @property
    def changes(self) -> int:
        """Number of standing edits of this file that change the model."""
        return sum(edit.action not in NOTES for edit in self.standing)


def _signed(edit: Edit) -> str:
    return f"{edit.reason} ({edit.author})" if edit.author else str(edit.reason)


def rounded(position: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    """A position as it is written down."""
    x, y, z = (round(float(one), DIGITS) + 0.0 for one in position)
    return (x, y, z)


def dealt_with(
    candidates: NDArray[np.float64], places: Sequence[tuple[float, float, float]]
) -> NDArray[np.bool_]:
    """Which candidates lie where a person has decided."""
    if not len(places) or not len(candidates):
        return np.zeros(len(candidates), bool)
    gaps = np.linalg.norm(candidates[:, None] - np.array(places)[None], axis=2)
    return np.asarray(gaps.min(axis=1) <= SAME_PLACE)
