"""A stage of a run as a value, and the loop that carries out a list of stages in a run folder.

A stage is skipped if its outputs exist and its settings, input files and earlier stages have not
changed; outputs that somebody has changed are refused (:mod:`aet_port.workflow.output_record`). An
interrupted stage resumes from its checkpoints; if its settings have changed, it starts again, as do
the stages that use its outputs. If a stage fails, the stages that need it are skipped and the rest
of the run continues.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aet_port.core.checkpoint import INTERVAL, fingerprint
from aet_port.core.code import code_version
from aet_port.core.errors import AetError
from aet_port.core.files import sha256
from aet_port.core.settings import Settings
from aet_port.core.timings import Timings
from aet_port.io.settings import READ, ReadSettings
from aet_port.workflow.config import RunConfig
from aet_port.workflow.output_record import (
    DONE,
    StageOutputs,
    check_stage,
    hashes,
    is_noted,
    read_outputs,
    write_outputs,
)
from aet_port.workflow.run_folder import RunFolder, areas_of

FAILED, UNFINISHED = "failed", "unfinished"


@dataclass
class Work:
    """The argument of a stage's function.

    Attributes
    ----------
    config
        Settings of all stages.
    folder
        Run folder in which the stage reads its inputs and writes its outputs.
    threads
        Number of threads; all cores unless given.
    scheduler
        Address of a Dask scheduler for independent tasks.
    checkpoint_interval
        Shortest time between two saves of an unfinished iteration (seconds).
    progress
        Whether to report progress on standard error.
    memo
        Results of this process by name, which save later stages from computing them again; no
        stage relies on them.
    """

    config: RunConfig
    folder: RunFolder
    threads: int | None = None
    scheduler: str | None = None
    checkpoint_interval: float = INTERVAL
    progress: bool = False
    memo: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One step of a run.

    Attributes
    ----------
    name
        Name shown in timings and errors.
    settings
        Sections of the configuration that the stage depends on, or single keys of a section:
        ``("refine_angles", "reconstruct.step")``. Files named there are compared by content.
    inputs
        Files of the run folder that the stage reads, or folders for all files in them; those that
        no stage of the list makes are ignored.
    outputs
        Files of the run folder that it always makes; ``{area}`` stands for each sub-area. A folder
        that contains one belongs to the stage alone, unless it is shared by sub-areas.
    function
        Does the work; its return value is stored with the timings.
    optional
        Those of ``inputs`` that the stage can do without.
    extras
        Files that it makes with some settings only.
    changed_later
        Those of ``outputs`` that others may change, such as a bank.
    follows
        Fingerprint of what people have put into the run folder for this stage; empty for nothing.
    on_request
        Whether the stage is left out, and its outputs deleted, as long as there is nothing.
    """

    name: str
    settings: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    function: Callable[[Work], dict[str, Any]]
    optional: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    changed_later: tuple[str, ...] = ()
    follows: Callable[[Work], str] | None = None
    on_request: bool = False


@dataclass(frozen=True)
class Failure:
    """A stage that failed, and the reason."""

    stage: str
    reason: str


def carry_out(stages: Sequence[Stage], work: Work) -> list[Failure]:
    """Carry out, in order, the stages of a list that are not yet done.

    Parameters
    ----------
    stages
        Stages, each after those whose outputs it reads.
    work
        Settings and run folder.

    Returns
    -------
    The stages that failed, in order. Stages skipped because they need the output of a failed one
    are not listed.

    Raises
    ------
    DataFileError
        If an output of a stage that is done is not what the stage wrote.
    AetError
        If a stage fails before any other has finished, so that there is no result to keep.
    """
    records, made = work.folder.stage_records(), read_outputs(work.folder)
    unknown: list[str] = []  # stages whose outputs were there before there was a record of them
    hashed: dict[str, str] = {}
    timings = Timings.resumed(work.folder.path("timings.json"))
    keys: dict[str, str] = {}
    failures: list[Failure] = []
    asked = {stage.name: "" if stage.follows is None else stage.follows(work) for stage in stages}
    for stage in stages:
        if stage.on_request and not asked[stage.name] and records.pop(stage.name, None) is not None:
            _remove(stage, work)
            made.pop(stage.name, None)
            write_outputs(work.folder, made)
            work.folder.write_stage_records(records)
    stages = [stage for stage in stages if asked[stage.name] or not stage.on_request]
    for stage in stages:
        sources = _makers(stage.inputs, stages)
        needed = _makers([one for one in stage.inputs if one not in stage.optional], stages)
        if {source.name for source in needed} - set(keys):
            records.pop(stage.name, None)
            _remove(stage, work)
            continue
        before_it = [keys.get(source.name, "") for source in sources]
        written = [asked[stage.name]] if asked[stage.name] else []
        key = stage_key(stage, work.config, [*before_it, *written])
        before = records.get(stage.name)
        inputs = _read_by(stage, work, hashed)
        done = before == {"key": key, "status": DONE}
        known = made.get(stage.name) if done else None
        if (before is not None and before["key"] != key) or (
            known is not None and known.inputs != inputs
        ):
            _remove(stage, work)
            done, known = False, None
        if known is not None:
            check_stage(work.folder, stage.name, known)
        if done and _complete(stage, work, known):
            if known is None:
                unknown.append(stage.name)
                known = _made(stage, work, inputs, found=True)
                made[stage.name] = known
                write_outputs(work.folder, made)
            hashed |= known.outputs
            keys[stage.name] = key
            continue
        records[stage.name] = {"key": key, "status": UNFINISHED}
        work.folder.write_stage_records(records)
        if made.pop(stage.name, None) is not None:
            write_outputs(work.folder, made)
        found = _begin(stage, work, known)
        try:
            with timings.stage(stage.name) as entry:
                entry |= stage.function(work)
        except AetError as error:
            if not keys:
                raise
            reason = " ".join(str(error).split())
            records[stage.name] = {"key": key, "status": FAILED, "reason": reason}
            failures.append(Failure(stage.name, reason))
        else:
            if found:
                unknown.append(stage.name)
            made[stage.name] = _made(stage, work, inputs, found)
            hashed |= made[stage.name].outputs
            write_outputs(work.folder, made)  # first: what is done has a record
            records[stage.name] = {"key": key, "status": DONE}
            keys[stage.name] = key
            work.folder.discard_checkpoints(stage.name)
        work.folder.write_stage_records(records)
    if unknown:
        warnings.warn(
            f"run folder {work.folder.root}: no record says what the stages {', '.join(unknown)} "
            "had written; their files are taken as they are, and recorded from now on",
            stacklevel=3,
        )
    return failures


def _makers(inputs: Sequence[str], stages: Sequence[Stage]) -> list[Stage]:
    """The stages that make these files, in order."""
    return [
        stage
        for stage in stages
        if any(out == one or out.startswith(f"{one}/") for one in inputs for out in stage.outputs)
    ]


def followers(name: str, stages: Sequence[Stage]) -> list[Stage]:
    """A stage and those that read what it makes, directly or through others, in order."""
    found = [stage for stage in stages if stage.name == name]
    for stage in stages:
        if stage not in found and any(one in found for one in _makers(stage.inputs, stages)):
            found.append(stage)
    return found


def stage_key(stage: Stage, config: RunConfig, earlier: Sequence[str]) -> str:
    """Hash of everything the outputs of a stage depend on.

    Parameters
    ----------
    stage
        The stage.
    config
        The settings; files named in them are hashed.
    earlier
        Keys of the stages whose outputs it reads.
    """
    files = config.setting_files()
    parts: list[object] = [stage.name]
    # How the input files are read bears on every stage.
    reading = {key: getattr(config.input, key) for key in ReadSettings.model_fields}
    parts += [(key, value) for key, value in reading.items() if value != getattr(READ, key)]
    for name in stage.settings:
        section, _, key = name.partition(".")
        settings = getattr(config, section)
        if isinstance(settings, Settings):
            parts.append(settings.plain()[key] if key else settings.plain())
        else:
            parts.append(None)
        parts += [
            (role, sha256(path))
            for role, path in files.items()
            if role == name or (not key and role.startswith(f"{section}."))
        ]
    return fingerprint(*parts, *earlier)


def outputs_of(stage: Stage, work: Work) -> list[Path]:
    """Paths of the outputs of a stage, including those of all sub-areas."""
    areas = work.folder.area_names(work.config)
    return [
        work.folder.path(output.replace("{area}", area))
        for output in stage.outputs
        for area in (areas if "{area}" in output else areas[:1])
    ]


def _complete(stage: Stage, work: Work, known: StageOutputs | None) -> bool:
    extras = [] if known is None else [work.folder.path(name) for name in known.outputs]
    return all(path.exists() for path in (*outputs_of(stage, work), *extras))


def _read_by(stage: Stage, work: Work, hashed: dict[str, str]) -> dict[str, str]:
    """Hashes of the files of earlier stages that a stage reads."""
    areas = work.folder.area_names(work.config)
    names = {name.replace("{area}", area) for name in stage.inputs for area in areas}
    return {
        path: digest
        for path, digest in hashed.items()
        if path in names or any(path.startswith(f"{name}/") for name in names)
    }


def _made(stage: Stage, work: Work, inputs: dict[str, str], found: bool) -> StageOutputs:
    """The record of a stage that has just been done, or was found done."""
    kept = {work.folder.path(name) for name in stage.changed_later}
    paths = [path for path in outputs_of(stage, work) if path not in kept]
    extras = {name: work.folder.path(name) for name in stage.extras}
    paths += [path for path in extras.values() if path.exists()]
    return StageOutputs(
        hashes(work.folder, [path for path in paths if path.exists()]),
        tuple(name for name, path in extras.items() if not path.exists()),
        inputs,
        stage_key(stage, work.config, ()),
        code_version(),
        found,
    )


def _begin(stage: Stage, work: Work, known: StageOutputs | None) -> bool:
    """Delete what a stage writes anew; whether it goes on with sub-areas that have no record.

    Files of finished sub-areas stay, so that an interrupted stage goes on with the others; those of
    a sub-area that lacks one are made again.
    """
    found = False
    for output in (*stage.outputs, *stage.extras):
        if "{area}" not in output and output not in stage.changed_later:
            work.folder.path(output).unlink(missing_ok=True)
    by_area = [output for output in stage.outputs if "{area}" in output]
    for area in areas_of(work.config) if by_area else ():
        paths = [work.folder.path(output, area) for output in by_area]
        there = [path for path in paths if path.exists()]
        if len(there) < len(paths):
            for path in there:
                path.unlink()
        elif known is None and not is_noted(work.folder, stage.name, area):
            found = True
    return found


def _remove(stage: Stage, work: Work) -> None:
    """Delete what a stage made with other settings."""
    for path in outputs_of(stage, work):
        path.unlink(missing_ok=True)
    for name in stage.extras:
        work.folder.path(name).unlink(missing_ok=True)
    for output in stage.outputs:
        folder, _, name = output.rpartition("/")
        if folder and "{area}" not in name:
            shutil.rmtree(work.folder.path(folder), ignore_errors=True)
    work.folder.discard_checkpoints(stage.name)
