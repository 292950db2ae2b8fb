"""A stage of a run as a value, and the loop that carries out a list of stages in a run folder.

A stage is skipped if its outputs exist and its settings, input files and earlier stages have not
changed. An interrupted stage resumes from its checkpoints; if its settings have changed, it starts
again, as do the stages that use its outputs. If a stage fails, the stages that need it are skipped
and the rest of the run continues.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aet_port.core.checkpoint import INTERVAL, fingerprint
from aet_port.core.errors import AetError
from aet_port.core.files import sha256
from aet_port.core.settings import Settings
from aet_port.core.timings import Timings
from aet_port.io.settings import READ, ReadSettings
from aet_port.workflow.config import RunConfig
from aet_port.workflow.run_folder import RunFolder

DONE, FAILED, UNFINISHED = "done", "failed", "unfinished"


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
    """

    name: str
    settings: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    function: Callable[[Work], dict[str, Any]]
    optional: tuple[str, ...] = ()


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
    AetError
        If a stage fails before any other has finished, so that there is no result to keep.
    """
    records = work.folder.stage_records()
    timings = Timings.resumed(work.folder.path("timings.json"))
    keys: dict[str, str] = {}
    failures: list[Failure] = []
    for stage in stages:
        sources = _makers(stage.inputs, stages)
        needed = _makers([one for one in stage.inputs if one not in stage.optional], stages)
        if {source.name for source in needed} - set(keys):
            records.pop(stage.name, None)
            _remove(stage, work)
            continue
        key = stage_key(stage, work.config, [keys.get(source.name, "") for source in sources])
        before = records.get(stage.name)
        if before is not None and before["key"] != key:
            _remove(stage, work)
        if before == {"key": key, "status": DONE} and _complete(stage, work):
            keys[stage.name] = key
            continue
        records[stage.name] = {"key": key, "status": UNFINISHED}
        work.folder.write_stage_records(records)
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
            records[stage.name] = {"key": key, "status": DONE}
            keys[stage.name] = key
            work.folder.discard_checkpoints(stage.name)
        work.folder.write_stage_records(records)
    return failures


def _makers(inputs: Sequence[str], stages: Sequence[Stage]) -> list[Stage]:
    """The stages that make these files, in order."""
    return [
        stage
        for stage in stages
        if any(out == one or out.startswith(f"{one}/") for one in inputs for out in stage.outputs)
    ]


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


def _complete(stage: Stage, work: Work) -> bool:
    return all(path.exists() for path in outputs_of(stage, work))


def _remove(stage: Stage, work: Work) -> None:
    """Delete what a stage made with other settings."""
    for path in outputs_of(stage, work):
        path.unlink(missing_ok=True)
    for output in stage.outputs:
        folder, _, name = output.rpartition("/")
        if folder and "{area}" not in name:
            shutil.rmtree(work.folder.path(folder), ignore_errors=True)
    work.folder.discard_checkpoints(stage.name)
