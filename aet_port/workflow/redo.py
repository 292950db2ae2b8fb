"""A stage done again on request, with all that follows from it; what they had made is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aet_port.core.errors import InputError, OutputError
from aet_port.core.records import write_json
from aet_port.workflow.output_record import StageOutputs, read_outputs, write_outputs
from aet_port.workflow.run_folder import SET_ASIDE, RunFolder
from aet_port.workflow.stages import Stage, Work, followers, outputs_of

RECORD = "record.json"


def check_redo(name: str, stages: Sequence[Stage], folder: Path) -> None:
    """Check that a run folder may have a stage to be done again.

    Parameters
    ----------
    name
        The stage.
    stages
        Those of the run.
    folder
        The run folder.

    Raises
    ------
    InputError
        For another name, or a folder without a run.
    """
    names = [stage.name for stage in stages]
    if name not in names:
        raise InputError("--redo", repr(name), f"a stage of this run: {', '.join(names)}")
    if not (folder / "run.json").exists():
        expected = "the run folder of a run (--out), or no --redo for a new one"
        raise InputError(f"run folder {folder}", "no run", expected)


def set_aside(name: str, stages: Sequence[Stage], work: Work) -> Path | None:
    """Move what a stage and those that follow from it have made out of the way.

    The files go to ``set_aside/1``, ``2``, ... under their names, with the records of their stages
    in ``record.json``; changed files too. The stages then have no results, so that
    :func:`aet_port.workflow.stages.carry_out` does them again.

    Parameters
    ----------
    name
        The stage.
    stages
        Those of the run, in order.
    work
        Settings and run folder.

    Returns
    -------
    The new folder; None if there was nothing to keep.

    Raises
    ------
    OutputError
        If a file can't be kept; nothing is changed then.

    Notes
    -----
    MATLAB: none. Files are linked to their new place before any is removed, and removed from the
    last stage to the first, so that a process that is killed loses nothing and leaves a run that
    can be resumed.
    """
    folder = work.folder
    records, made = folder.stage_records(), read_outputs(folder)
    again = followers(name, stages)
    files = {stage.name: _files(stage, work, made.get(stage.name)) for stage in again}
    place = None
    if any(files.values()):
        place = _new_place(folder)
        for paths in files.values():
            for path in paths:
                _keep(path, place / path.relative_to(folder.root))
        kept = {one.name for one in again}
        content = {
            "stage": name,
            "stages": {key: value for key, value in records.items() if key in kept},
            "outputs": {key: asdict(value) for key, value in made.items() if key in kept},
        }
        write_json(place / RECORD, content)
    for stage in reversed(again):
        for path in files[stage.name]:
            path.unlink()
        folder.discard_checkpoints(stage.name)
        records.pop(stage.name, None)
        made.pop(stage.name, None)
    folder.write_stage_records(records)
    write_outputs(folder, made)
    return place


def _files(stage: Stage, work: Work, known: StageOutputs | None) -> list[Path]:
    """Files that a stage has made, or that stand where it makes them."""
    folder = work.folder
    shared = {folder.path(name) for name in stage.changed_later}
    paths = set(outputs_of(stage, work)) | {folder.path(name) for name in stage.extras}
    if known is not None:
        paths |= {folder.path(name) for name in known.outputs}
    for output in stage.outputs:
        owned, _, last = output.rpartition("/")
        if owned and "{area}" not in last:
            paths |= set(folder.path(owned).rglob("*"))
    return sorted(path for path in paths - shared if path.is_file())


def _new_place(folder: RunFolder) -> Path:
    parent = folder.path(SET_ASIDE)
    numbers = [int(one.name) for one in parent.glob("*") if one.name.isdecimal()]
    return parent / str(max(numbers, default=0) + 1)


def _keep(path: Path, target: Path) -> None:
    """Give a file a second name; on file systems without links, a copy."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copy2(path, target)
    except OSError as error:
        raise OutputError(target, str(error), "free some space, or check permissions") from error
