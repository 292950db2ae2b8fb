"""The manual edits of a run: the file named in [select], and ``edits.csv`` in the run folder."""

from __future__ import annotations

from pathlib import Path

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.checkpoint import fingerprint
from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_model
from aet_port.tracing.edit_replay import standing_edits
from aet_port.tracing.edits import CHANGES, Edit, read_edits, write_edits
from aet_port.workflow.config import RunConfig
from aet_port.workflow.run_folder import APPLIED, DETECTED, EDITS, MODEL, UNEDITED, RunFolder


def given_edits(config: RunConfig, folder: RunFolder) -> list[Edit]:
    """Edits of the file named in the configuration that stand; those of the run come after them."""
    if config.select.edits is None:
        return []
    path = config.file(config.select.edits)
    if path.exists() and folder.path(EDITS).exists() and path.samefile(folder.path(EDITS)):
        return []
    return _standing(path)


def standing_of(config: RunConfig, folder: RunFolder) -> list[Edit]:
    """All manual edits of a run that stand, remarks among them.

    Raises
    ------
    DataFileError
        If a file can't be read.
    """
    own = folder.path(EDITS)
    return [*given_edits(config, folder), *(_standing(own) if own.exists() else [])]


def _standing(path: Path) -> list[Edit]:
    try:
        return standing_edits(read_edits(path))
    except DataFileError:
        raise
    except InputError as error:
        raise DataFileError(path, f"{error.subject}: {error.found}", error.expected) from error


def changes_of(config: RunConfig, folder: RunFolder) -> list[Edit]:
    """The standing edits that change the model."""
    return [edit for edit in standing_of(config, folder) if edit.action in CHANGES]


def fingerprint_of(config: RunConfig, folder: RunFolder) -> str:
    """Hash of the changes that ``edits.csv`` asks for; empty for none.

    Remarks, reasons and authors change no model, so no stage is repeated for them.
    """
    own = folder.path(EDITS)
    if not own.exists():
        return ""
    changes = [edit for edit in _standing(own) if edit.action in CHANGES]
    rows = [(one.action, one.atom, one.species, one.position) for one in changes]
    return fingerprint("edits", repr(rows)) if rows else ""


def write_applied(folder: RunFolder, changes: list[Edit]) -> None:
    """Write down which edits the model of the run has, as people may go on with theirs."""
    write_edits(folder.path(APPLIED), changes)


def applied_edits(config: RunConfig, folder: RunFolder) -> list[Edit]:
    """The edits that the model of the run has."""
    path = folder.path(APPLIED)
    if path.exists():
        return read_edits(path)
    if config.from_counts or not folder.path(UNEDITED).exists():
        return []
    # A run of an earlier version: it had the file named in [select].
    return [edit for edit in given_edits(config, folder) if edit.action in CHANGES]


def unedited_model(config: RunConfig, folder: RunFolder) -> AtomicModel:
    """The model that the numbers of atoms in the edits refer to."""
    if config.from_counts:
        return read_model(folder.path(DETECTED))
    edited = folder.path(UNEDITED)
    return read_model(edited if edited.exists() else folder.path(MODEL))
