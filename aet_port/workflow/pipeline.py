"""The chain over a run folder: each stage reads files and writes files, so it can be resumed.

A run folder holds ``config.toml``, ``run.json`` (what was read, by hash), ``volumes/``,
``peaks/``, ``volume.npy``, ``model.xyz``, ``structure.json`` and ``timings.json``; where these
stages were asked for also ``preprocessed/`` (the projections made from raw frames), ``aligned/``
(with refined angles), ``cleaned/`` (with the background estimated again), ``classified.extxyz``
(several species), ``refined.extxyz`` and ``refinement.json``. A stage whose
output is there is not done again; an unfinished one goes on from its checkpoint. Everything but
``timings.json`` is a function of configuration and inputs alone, to the last byte.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import AtomicModel, Volume
from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole
from aet_port.core.parallel import check_threads, map_tasks
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.core.timings import Timings
from aet_port.io import matlab, read_volume, write_tilt_series
from aet_port.io.arrays import write_npy
from aet_port.structure import StructureResult, analyze
from aet_port.tracing import Peaks, patch_peaks
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import RunConfig
from aet_port.workflow.frame_stages import clean_again, preprocess_frames, read_raw_frames
from aet_port.workflow.model_stages import classify_atoms, refine_atoms, select_atoms
from aet_port.workflow.run_folder import (
    ALIGNED,
    ALIGNED_RECORD,
    WHOLE,
    claim,
    measured_series,
    read_json,
    read_pixel_size,
    read_series,
    series_files,
    used_series,
    write_json,
)
from aet_port.workflow.sections import RefineAngles
from aet_port.workflow.stage_functions import (
    reconstruct_with,
    refine_angles_with,
    trace_with,
    write_r_factors,
)


@dataclass(frozen=True)
class Run:
    """A finished run: where it lies and what came out.

    ``projection_r`` holds R1 of the last iteration for every projection, by sub-area (0 if there
    are none); ``edits`` the manual edits, complete; ``refinement`` the figures of
    :func:`aet_port.refinement.record.refinement_record`, if the model was refined.
    """

    folder: Path
    config: RunConfig
    projection_r: dict[int, NDArray[np.float64]]
    n_peaks: int
    model: AtomicModel
    structure: StructureResult
    stages: list[dict[str, Any]]
    edits: tuple[Edit, ...] = ()
    refinement: dict[str, Any] | None = None

    @property
    def r_factors(self) -> dict[int, float]:
        """R1 of the last iteration by sub-area, mean over its projections."""
        return {area: float(r1.mean()) for area, r1 in self.projection_r.items()}

    @property
    def r_mean(self) -> float:
        """R1 of the last iteration, mean over sub-areas."""
        return float(np.mean(list(self.r_factors.values())))

    @property
    def model_r(self) -> float:
        """R1 of the refined model, mean over projections; NaN if it was not refined."""
        return float("nan") if self.refinement is None else float(self.refinement["r1"])

    @property
    def volume_path(self) -> Path:
        """The volume in which the atoms were found."""
        return self.folder / "volume.npy"


def run(
    config: RunConfig,
    out: str | Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    scheduler: str | None = None,
    checkpoint_interval: float = 20.0,
    progress: bool = False,
) -> Run:
    """Preprocess, refine angles, reconstruct, trace, select, classify, refine, analyse.

    Raw frames are preprocessed, angles and model refined if the configuration has the sections;
    species are told apart if it names several.

    Parameters
    ----------
    config
        From :func:`aet_port.workflow.config.load_config`.
    out
        The run folder; made if it is not there.
    resume
        Whether to take up a run that is there already.
    threads
        All cores unless given.
    scheduler
        Address of a Dask scheduler that spreads the sub-areas over its workers, which must see
        the run folder and the input under the same names.
    checkpoint_interval
        Least seconds between two saves of an unfinished reconstruction.
    progress
        Whether to report on standard error.

    Raises
    ------
    InputError
        If the folder holds a run and ``resume`` is not given, or one of other data.
    AetError
        Whatever a stage cannot use.
    """
    folder = Path(out).absolute()
    check_threads(threads)
    placement = _placement(config)
    claim(config, folder, resume, _check_data)
    timings = Timings.resumed(folder / "timings.json")
    areas = config.input.areas or (WHOLE,)
    frames = config.preprocess
    if frames is not None:
        with timings.stage("preprocess") as entry:
            done = preprocess_frames(config, frames, folder, threads, progress)
            entry |= {key: done[key] for key in ("tilts", "frames")}
    if config.refine_angles is not None:
        with timings.stage("refine angles") as entry:
            entry["r"] = _align(config, config.refine_angles, folder, threads, progress)
    if frames is not None and frames.background_after_angles:
        with timings.stage("background again") as entry:
            entry["change"] = clean_again(config, frames, folder, threads, progress)
    tasks = [_Task(config, folder, a, threads, checkpoint_interval, progress) for a in areas]
    with timings.stage("reconstruct") as entry:
        made = dict(zip(areas, map_tasks(_reconstruct_area, tasks, scheduler), strict=True))
        entry["r_mean"] = float(np.mean([r1.mean() for r1 in made.values()]))
    with timings.stage("trace") as entry:
        entry["peaks"] = sum(map_tasks(_trace_area, tasks, scheduler))
    with timings.stage("select") as entry:
        volume, peaks = _assemble(config, folder, tasks, placement)
        model, edits = select_atoms(config, folder, volume, peaks, threads)
        entry |= {"peaks": len(peaks), "atoms": len(model)}
    if len(config.species) > 1:
        with timings.stage("classify"):
            model = classify_atoms(config, folder, volume, model, edits, threads)
    record = None
    if config.refine is not None:
        with timings.stage("refine") as entry:
            model, record = refine_atoms(config, config.refine, folder, model, threads, progress)
            entry["r1"] = record["r1"]
    with timings.stage("analyze") as entry:
        structure = analyze(model.atoms, cutoff=config.analyze.cutoff, delta=config.analyze.delta)
        write_json(folder / "structure.json", structure.summary())
        entry["motifs"] = structure.summary()["motifs"]
    return Run(folder, config, made, len(peaks), model, structure, timings.stages, edits, record)


@dataclass(frozen=True)
class _Task:
    """One sub-area's share of a stage, with all that a worker elsewhere needs."""

    config: RunConfig
    folder: Path
    area: int
    threads: int | None
    checkpoint_interval: float
    progress: bool

    def path(self, kind: str, suffix: str) -> Path:
        name = f"area_{self.area:02d}" if self.area != WHOLE else "whole"
        return self.folder / kind / (name + suffix)


def _placement(config: RunConfig) -> SubAreas | None:
    """Where the sub-areas lie in the volume of the run; None if it has none."""
    given = config.input
    if not given.areas:
        return None
    path = config.file(str(given.placement))
    table = matlab.read_sub_area_table(path)
    placement = SubAreas.from_published(table.centres, table.half_widths)
    if max(given.areas) > len(placement):
        raise DataFileError(path, f"{len(placement)} areas", f"area {max(given.areas)} among them")
    for area in given.areas:
        window = placement.windows()[area - 1].full
        if any(w.start < 0 or w.stop > n for w, n in zip(window, given.volume_shape, strict=True)):
            reach = ", ".join(f"{w.start} to {w.stop}" for w in window)
            raise DataFileError(
                config.path,
                f"volume_shape = {list(given.volume_shape)}",
                f"one that holds area {area}: voxels {reach}",
            )
    return placement


def _check_data(config: RunConfig) -> None:
    """Read all data that a run starts from, so that unusable ones are found first."""
    if config.preprocess is not None:
        read_raw_frames(config)
        return
    for area in config.input.areas or (WHOLE,):
        read_series(config, area)


def _align(
    config: RunConfig, settings: RefineAngles, folder: Path, threads: int | None, progress: bool
) -> float:
    """Refine angles and shifts unless that was done; R1 that was reached."""
    record = folder / ALIGNED_RECORD
    if not record.exists():
        result = refine_angles_with(
            measured_series(config, folder),
            settings,
            config.reconstruct,
            config.file,
            threads=threads,
            progress=progress,
        )
        write_tilt_series(*series_files(folder, ALIGNED), result.series)
        facts = {"shifts": result.shifts.tolist(), "turns": result.turns.tolist()}
        write_json(record, result.summary() | facts)  # last: with it the stage is done
    return float(read_json(record)["r_factor"])


def _reconstruct_area(task: _Task) -> NDArray[np.float64]:
    """Make the volume of an area unless it is there; R1 of its last iteration by projection."""
    config, checkpoint = task.config, task.path("volumes", ".checkpoint.npz")
    target, history = task.path("volumes", ".npy"), task.path("volumes", "_r.npz")
    if not target.exists():
        result = reconstruct_with(
            used_series(config, task.folder, task.area),
            config.reconstruct,
            config.file,
            threads=task.threads,
            checkpoint=checkpoint,
            checkpoint_interval=task.checkpoint_interval,
            progress=task.progress,
        )
        write_r_factors(history, result)
        write_npy(target, result.cropped().array)
    checkpoint.unlink(missing_ok=True)
    try:
        with open(history, "rb") as handle, np.load(handle) as stored:
            return np.asarray(stored["r1"][-1], dtype=np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataFileError(
            history, f"no readable R factors ({error})", f"those of {target}; delete both"
        ) from error


def _trace_area(task: _Task) -> int:
    """Trace the volume of an area unless its peaks are there; number of accepted peaks."""
    target, checkpoint = task.path("peaks", ".npz"), task.path("peaks", ".checkpoint.npz")
    if not target.exists():
        peaks = trace_with(
            read_volume(task.path("volumes", ".npy"), read_pixel_size(task.config, task.folder)),
            task.config.trace,
            task.threads,
            checkpoint=checkpoint,
            progress=task.progress,
        )
        peaks.save(target)
    checkpoint.unlink(missing_ok=True)
    return len(Peaks.load(target).accepted)


def _assemble(
    config: RunConfig, folder: Path, tasks: list[_Task], placement: SubAreas | None
) -> tuple[Volume, NDArray[np.float64]]:
    """Volume and peaks (n, 3), 0-based voxels, of the whole sample; sub-areas are patched."""
    size, target = read_pixel_size(config, folder), folder / "volume.npy"
    volumes = {task.area: task.path("volumes", ".npy") for task in tasks}
    peaks = {task.area: Peaks.load(task.path("peaks", ".npz")).accepted for task in tasks}
    if placement is None:
        if not target.exists():
            write_whole(target, lambda partial: shutil.copyfile(volumes[WHOLE], partial))
        return read_volume(target, size), peaks[WHOLE]

    def volume_of(index: int) -> NDArray | None:
        return read_volume(volumes[index + 1], size).array if index + 1 in volumes else None

    if not target.exists():
        nx, ny, nz = config.input.volume_shape
        write_npy(target, patch_volumes(placement, volume_of, (nx, ny, nz)))
    return read_volume(target, size), patch_peaks(placement, {a - 1: p for a, p in peaks.items()})
