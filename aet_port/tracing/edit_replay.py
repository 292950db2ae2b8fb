"""Manual edits applied to a model, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError
from aet_port.tracing.edits import CHANGES, Edit

SAME = 0.1  # angstrom


@dataclass
class Replay:
    """Atoms of a model while edits are applied to them, numbered as in the edits.

    Attributes
    ----------
    name
        Of the model, for errors.
    given
        Number of atoms of the model; added ones have the numbers from there on.
    species, positions, present
        Of each atom: symbol, place in angstrom, and whether it has not been removed.
    retyped
        Species assigned by hand, by number of the atom.
    """

    name: str
    given: int
    species: list[str]
    positions: list[tuple[float, float, float]]
    present: list[bool]
    retyped: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: AtomicModel) -> Replay:
        """Before any edit."""
        places = [(x, y, z) for x, y, z in model.positions.tolist()]
        return cls(model.name, len(model), list(model.species), places, [True] * len(model))

    def apply(self, number: int, edit: Edit) -> None:
        """Apply an edit, which has this number in errors; remarks change nothing.

        Raises
        ------
        InputError
            If it belongs to another model.
        """
        if edit.action == "add":
            if edit.species is None or edit.position is None:
                raise AssertionError("checked by Edit")
            self.species.append(edit.species)
            self.positions.append(edit.position)
            self.present.append(True)
            return
        if edit.atom is None:
            return
        self._check(number, edit, edit.atom)
        if edit.action == "remove":
            self.present[edit.atom] = False
        elif edit.action == "move" and edit.position is not None:
            self.positions[edit.atom] = edit.position
        elif edit.action == "retype" and edit.species is not None:
            self.species[edit.atom] = edit.species
            self.retyped[edit.atom] = edit.species

    def _check(self, number: int, edit: Edit, atom: int) -> None:
        subject = f"edit {number} of {self.name}"
        if atom >= len(self.present) or not self.present[atom]:
            gone = atom < len(self.present)
            more = len(self.present) - self.given
            known = f"of {self.given} from 0" + (f" and {more} added" if more else "")
            found = f"atom {atom}, " + ("already removed" if gone else known)
            raise InputError(subject, found, "an atom of the model")
        if edit.action != "retype" and edit.species not in (None, self.species[atom]):
            found = f"species {edit.species} of atom {atom}"
            raise InputError(subject, found, f"{self.species[atom]}, as in the model")
        if edit.action != "move" and edit.position is not None:
            gap = float(np.linalg.norm(np.subtract(self.positions[atom], edit.position)))
            if gap > SAME:
                found = f"a position {gap:.2f} angstrom from atom {atom}"
                raise InputError(subject, found, "the position of that atom, or none")

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the atoms of the edited model, in its order."""
        return np.flatnonzero(self.present)


def standing_edits(edits: Sequence[Edit]) -> list[Edit]:
    """The edits that stand once each ``undo`` and ``redo`` is carried out.

    Parameters
    ----------
    edits
        All rows of a file, in order.

    Raises
    ------
    InputError
        If there is nothing to undo or to redo.
    """
    return undo_stacks(edits)[0]


def undo_stacks(edits: Sequence[Edit]) -> tuple[list[Edit], list[Edit]]:
    """The edits that stand, and those that ``redo`` would make again, the next one last.

    Raises
    ------
    InputError
        As in :func:`standing_edits`.
    """
    standing: list[Edit] = []
    undone: list[Edit] = []
    for number, edit in enumerate(edits, start=1):
        if edit.action in ("undo", "redo"):
            source, target = (standing, undone) if edit.action == "undo" else (undone, standing)
            if not source:
                raise InputError(f"edit {number}", f"nothing to {edit.action}", "no such row")
            target.append(source.pop())
        else:
            standing.append(edit)
            undone.clear()
    return standing, undone


@checked
def replay_edits(model: AtomicModel | ase.Atoms, edits: Sequence[Edit]) -> AtomicModel:
    """Apply edits to a model one after the other and return the new model.

    The atoms keep their order; removed atoms are dropped and added ones appended. Atom indices
    always refer to the given model; added atoms count on from its last one. Per-atom arrays of
    added atoms are NaN, 0 or empty.

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
    given = as_model(model)
    done = replayed(given, edits)
    kept, added = done.numbers[done.numbers < done.given], done.numbers[done.numbers >= done.given]
    atoms = given.atoms.copy()
    atoms.positions = done.positions[: done.given]
    atoms.set_chemical_symbols(done.species[: done.given])
    atoms = atoms[kept]
    if len(added):
        more = ase.Atoms([done.species[k] for k in added], [done.positions[k] for k in added])
        for name, values in atoms.arrays.items():
            if name not in more.arrays:
                filler = np.nan if values.dtype.kind == "f" else np.zeros((), values.dtype)
                more.set_array(name, np.full((len(added), *values.shape[1:]), filler, values.dtype))
        atoms += more
    return replace(given, atoms=atoms)


def replayed(model: AtomicModel, edits: Sequence[Edit]) -> Replay:
    """State of the atoms after all edits.

    Raises
    ------
    InputError
        As in :func:`replay_edits`.
    """
    state = Replay.of(model)
    for number, edit in enumerate(standing_edits(edits), start=1):
        state.apply(number, edit)
    if not any(state.present):
        raise InputError(f"edits of {model.name}", "every atom removed", "at least one left")
    return state


def completed_edits(model: AtomicModel | ase.Atoms, edits: Sequence[Edit]) -> list[Edit]:
    """The edits that changed the model, as stored in the bank's log: each with its species, all
    but removals with the position after the edit; an added atom as it is in the end.

    Raises
    ------
    InputError
        As in :func:`replay_edits`.
    """
    given = as_model(model)
    end, state = replayed(given, edits), Replay.of(given)
    log: list[Edit] = []
    for number, edit in enumerate(standing_edits(edits), start=1):
        state.apply(number, edit)
        if edit.action not in CHANGES:
            continue
        atom = len(state.present) - 1 if edit.atom is None else edit.atom
        if edit.action == "add":
            if end.present[atom]:
                log.append(replace(edit, species=end.species[atom], position=end.positions[atom]))
        elif atom < state.given:
            place = None if edit.action == "remove" else state.positions[atom]
            log.append(replace(edit, species=state.species[atom], position=place))
    return log


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
    standing = standing_edits(edits)
    count = n_atoms + sum(edit.action == "add" for edit in standing)
    removed = {edit.atom for edit in standing if edit.action == "remove"}
    place = {old: new for new, old in enumerate(k for k in range(count) if k not in removed)}
    return {
        place[edit.atom]: edit.species
        for edit in standing
        if edit.action == "retype" and edit.species is not None and edit.atom in place
    }
