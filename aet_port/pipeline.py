"""The chain over a run folder: each stage reads files and writes files, so it can be resumed.

A run folder holds ``config.toml``, ``run.json`` (what was read, by hash), ``volumes/``,
``peaks/``, ``volume.npy``, ``model.xyz``, ``structure.json`` and ``timings.json``. A stage whose
output is there is not done again; an unfinished one goes on from its checkpoint. Everything but
``timings.json`` is a function of configuration and inputs alone, to the last byte.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.config import RunConfig
from aet_port.data import AtomicModel, TiltSeries, Volume
from aet_port.errors import DataFileError, InputError
from aet_port.io import matlab, read_model, read_tilt_series, read_volume, write_model
from aet_port.io.arrays import write_npy
from aet_port.io.files import sha256, write_whole
from aet_port.measure import Timings
from aet_port.parallel import check_threads, map_tasks
from aet_port.stages import reconstruct_with, select_with, trace_with, write_r_factors
from aet_port.structure import StructureResult, analyze
from aet_port.sub_areas import SubAreas, patch_volumes
from aet_port.tracing import Peaks, patch_peaks

WHOLE = 0  # stands for "the one volume" where there are no sub-areas


@dataclass(frozen=True)
class Run:
    """A finished run: where it lies and what came out.

    ``projection_r`` holds R1 of the last iteration for every projection, by sub-area (0 if there
    are none).
    """

    folder: Path
    config: RunConfig
    projection_r: dict[int, NDArray[np.float64]]
    n_peaks: int
    model: AtomicModel
    structure: StructureResult
    stages: list[dict[str, Any]]

    @property
    def r_factors(self) -> dict[int, float]:
        """R1 of the last iteration by sub-area, mean over its projections."""
        return {area: float(r1.mean()) for area, r1 in self.projection_r.items()}

    @property
    def r_mean(self) -> float:
        """R1 of the last iteration, mean over sub-areas."""
        return float(np.mean(list(self.r_factors.values())))

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
    """Reconstruct, trace, select, analyse.

    Parameters
    ----------
    config
        From :func:`aet_port.config.load_config`.
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
    _claim(config, folder, resume)
    timings = Timings.resumed(folder / "timings.json")
    areas = config.input.areas or (WHOLE,)
    tasks = [_Task(config, folder, a, threads, checkpoint_interval, progress) for a in areas]
    with timings.stage("reconstruct") as entry:
        made = dict(zip(areas, map_tasks(_reconstruct_area, tasks, scheduler), strict=True))
        entry["r_mean"] = float(np.mean([r1.mean() for r1 in made.values()]))
    with timings.stage("trace") as entry:
        entry["peaks"] = sum(map_tasks(_trace_area, tasks, scheduler))
    with timings.stage("select") as entry:
        volume, peaks = _assemble(config, folder, tasks, placement)
        model = _select(config, folder, volume, peaks, threads)
        entry |= {"peaks": len(peaks), "atoms": len(model)}
    with timings.stage("analyze") as entry:
        structure = analyze(model.atoms, cutoff=config.analyze.cutoff, delta=config.analyze.delta)
        _write_json(folder / "structure.json", structure.summary())
        entry["motifs"] = structure.summary()["motifs"]
    return Run(folder, config, made, len(peaks), model, structure, timings.stages)


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


def _claim(config: RunConfig, folder: Path, resume: bool) -> None:
    """Write what this run is into its folder, or make sure that it is the same run."""
    record = {
        "config": config.text,
        "inputs": {role: [str(path.name), sha256(path)] for role, path in config.inputs().items()},
    }
    manifest = folder / "run.json"
    if manifest.exists():
        if not resume:
            raise InputError(
                f"run folder {folder}", "a run", "--resume to take it up, or another --out"
            )
        before = _read_json(manifest)
        if before != record:
            same_config = isinstance(before, dict) and before.get("config") == config.text
            changed = "other input files" if same_config else "another configuration"
            raise InputError(
                f"run folder {folder}", f"a run with {changed}", "the same; or another --out"
            )
    else:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"run folder {folder}", "a file", "a new folder (--out)")
        if folder.is_dir() and any(p for p in folder.iterdir() if not p.name.startswith(".")):
            raise InputError(
                f"run folder {folder}", "other files", "an empty or a new folder (--out)"
            )
        for area in config.input.areas or (WHOLE,):
            read_series(config, area)  # unusable data leave no folder behind
        _write_json(manifest, record)
    for leftover in folder.rglob(".*.partial-*"):  # of a process that was killed
        leftover.unlink()
    # After run.json, so that a folder is at any moment either empty or a run.
    write_whole(folder / "config.toml", lambda partial: partial.write_text(config.text))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(
            path, f"no readable record ({error})", "the one this program wrote, or another --out"
        ) from error


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_whole(path, lambda partial: partial.write_text(text))


def read_series(config: RunConfig, area: int = WHOLE) -> TiltSeries:
    """The tilt series of a run, or that of one of its sub-areas."""
    given = config.input
    return read_tilt_series(
        config.file(given.projections, area=area),
        config.file(given.angles),
        config.sample.pixel_size,
        given.projections_variable,
        given.angles_variable,
    )


def _reconstruct_area(task: _Task) -> NDArray[np.float64]:
    """Make the volume of an area unless it is there; R1 of its last iteration by projection."""
    config, checkpoint = task.config, task.path("volumes", ".checkpoint.npz")
    target, history = task.path("volumes", ".npy"), task.path("volumes", "_r.npz")
    if not target.exists():
        result = reconstruct_with(
            read_series(config, task.area),
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


def read_pixel_size(config: RunConfig) -> float:
    """Pixel size in angstrom, from the configuration or the header of the projections."""
    if config.sample.pixel_size is not None:
        return config.sample.pixel_size
    return read_series(config, config.input.areas[0] if config.input.areas else WHOLE).pixel_size


def _trace_area(task: _Task) -> int:
    """Trace the volume of an area unless its peaks are there; number of accepted peaks."""
    target, checkpoint = task.path("peaks", ".npz"), task.path("peaks", ".checkpoint.npz")
    if not target.exists():
        peaks = trace_with(
            read_volume(task.path("volumes", ".npy"), read_pixel_size(task.config)),
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
    size, target = read_pixel_size(config), folder / "volume.npy"
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


def _select(
    config: RunConfig,
    folder: Path,
    volume: Volume,
    peaks: NDArray[np.float64],
    threads: int | None,
) -> AtomicModel:
    """The peaks that are atoms, as a model, unless it is there."""
    target = folder / "model.xyz"
    if not target.exists():
        selection = select_with(volume, peaks, config.select, config.file, threads)
        if not selection.is_atom.any():
            raise InputError(
                f"{folder}: peaks",
                f"{len(peaks)} peaks, none of them an atom",
                "atoms; look at volume.npy and section [select]",
            )
        model = AtomicModel.from_positions(
            volume.to_positions(selection.atoms), config.sample.species, name=config.sample.name
        )
        write_model(target, model, config.sample.name)
    model = read_model(target)
    return replace(model, name=config.sample.name)
