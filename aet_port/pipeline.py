"""The chain over a run folder: each stage reads files and writes files, so it can be resumed.

A run folder holds ``config.toml``, ``run.json`` (what was read, by hash), ``volumes/``,
``peaks/``, ``volume.npy``, ``model.xyz``, ``structure.json`` and ``timings.json``. A stage whose
output is there is not done again; an unfinished one goes on from its checkpoint. Everything but
``timings.json`` is a function of configuration and inputs alone, to the last byte.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.config import Reconstruct, RunConfig, Select, Trace, load_config
from aet_port.data import AtomicModel, TiltSeries, Volume
from aet_port.errors import DataFileError, InputError
from aet_port.io import matlab, read_images, read_model, read_tilt_series, read_volume, write_model
from aet_port.io.files import sha256, write_whole
from aet_port.measure import Timings
from aet_port.parallel import map_tasks
from aet_port.resire import Reconstruction, reconstruct
from aet_port.structure import StructureResult, analyze
from aet_port.sub_areas import SubAreas, patch_volumes
from aet_port.tracing import (
    AtomSelection,
    Peaks,
    patch_peaks,
    remove_non_atoms,
    tight_support,
    trace,
)

WHOLE = 0  # stands for "the one volume" where there are no sub-areas


@dataclass(frozen=True)
class Run:
    """A finished run: where it lies and what came out."""

    folder: Path
    config: RunConfig
    r_factors: dict[int, float]
    n_peaks: int
    model: AtomicModel
    structure: StructureResult
    stages: list[dict[str, Any]]

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
        Address of a Dask scheduler that spreads the sub-areas over its workers.
    progress
        Whether to report on standard error.

    Raises
    ------
    InputError
        If the folder holds a run and ``resume`` is not given, or one of other data.
    AetError
        Whatever a stage cannot use.
    """
    folder = Path(out)
    _claim(config, folder, resume)
    timings = Timings(folder / "timings.json", _earlier(folder / "timings.json") if resume else [])
    areas = config.input.areas or (WHOLE,)
    tasks = [
        _Task(config.path, config.text, str(folder), area, threads, progress, config.resolve)
        for area in areas
    ]
    with timings.stage("reconstruct") as entry:
        r_factors = dict(zip(areas, map_tasks(_reconstruct_area, tasks, scheduler), strict=True))
        entry["r_mean"] = float(np.mean(list(r_factors.values())))
    with timings.stage("trace") as entry:
        entry["peaks"] = sum(map_tasks(_trace_area, tasks, scheduler))
    with timings.stage("select") as entry:
        volume, peaks = _assemble(config, folder)
        model = _select(config, folder, volume, peaks)
        entry |= {"peaks": len(peaks), "atoms": len(model)}
    with timings.stage("analyze") as entry:
        structure = analyze(model.atoms, cutoff=config.analyze.cutoff, delta=config.analyze.delta)
        _write_json(folder / "structure.json", structure.summary())
        entry["motifs"] = structure.summary()["motifs"]
    return Run(folder, config, r_factors, len(peaks), model, structure, timings.stages)


@dataclass(frozen=True)
class _Task:
    """One sub-area's share of a stage, with all that a worker elsewhere needs."""

    config_path: Path
    config_text: str
    folder: str
    area: int
    threads: int | None
    progress: bool
    resolve: Callable[[str], Path]

    @property
    def config(self) -> RunConfig:
        return load_config(self.config_path, self.resolve)

    def path(self, kind: str, suffix: str) -> Path:
        name = f"area_{self.area:02d}" if self.area != WHOLE else "whole"
        return Path(self.folder) / kind / (name + suffix)


def _claim(config: RunConfig, folder: Path, resume: bool) -> None:
    """Write what this run is into its folder, or make sure that it is the same run."""
    record = {
        "config": config.text,
        "inputs": {role: [str(path.name), sha256(path)] for role, path in config.inputs().items()},
    }
    manifest = folder / "run.json"
    if not manifest.exists():
        if folder.is_dir() and any(p for p in folder.iterdir() if not p.name.startswith(".")):
            raise InputError(
                f"run folder {folder}", "other files", "an empty or a new folder (--out)"
            )
        write_whole(folder / "config.toml", lambda partial: partial.write_text(config.text))
        _write_json(manifest, record)
        return
    if not resume:
        raise InputError(
            f"run folder {folder}", "a run", "--resume to take it up, or another --out"
        )
    try:
        before = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise DataFileError(
            manifest, f"no readable record ({error})", "the run.json this program wrote"
        ) from error
    if before != record:
        changed = "configuration" if before.get("config") != record["config"] else "input files"
        raise InputError(
            f"run folder {folder}", f"a run with another {changed}", "the same; or another --out"
        )


def _earlier(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())) if path.exists() else []


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_whole(path, lambda partial: partial.write_text(text))


def write_array(path: Path, array: NDArray) -> None:
    """Store an array as .npy, whole or not at all."""
    write_whole(path, lambda partial: np.save(partial, array, allow_pickle=False))


def write_r_factors(path: Path, result: Reconstruction) -> None:
    """Store the history of R factors: R1 and R2, shape (iterations, n_projections), as .npz."""
    write_whole(path, lambda partial: np.savez(partial, r1=result.r1, r2=result.r2))


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


def reconstruct_with(
    series: TiltSeries,
    settings: Reconstruct,
    file: Callable[[str], Path] = Path,
    **options: Any,
) -> Reconstruction:
    """:func:`aet_port.resire.reconstruct` with settings that name files.

    Parameters
    ----------
    series
        The projections.
    settings
        Section ``[reconstruct]`` of a configuration.
    file
        Turns the name of support, mask or initial volume into a path.
    options
        ``threads``, ``checkpoint``, ``progress`` of that function.
    """
    arrays: dict[str, Any] = {}
    for role in ("support", "initial"):
        name = getattr(settings, role)
        if name is not None:
            arrays[role] = read_volume(file(name), series.pixel_size).array
    if settings.mask is not None:
        arrays["mask"] = read_images(file(settings.mask))
    roles = ("support", "initial", "mask")
    plain: dict[str, Any] = {k: v for k, v in asdict(settings).items() if k not in roles}
    return reconstruct(series, **plain, **arrays, **options)


def trace_with(volume: Volume, settings: Trace, **options: Any) -> Peaks:
    """:func:`aet_port.tracing.trace` with section ``[trace]`` of a configuration."""
    return trace(volume, **asdict(settings), **options)


def write_peaks(path: str | Path, peaks: Peaks, volume: Volume) -> None:
    """Store traced peaks by the suffix of the file.

    ``.npz`` keeps everything; ``.mat`` holds ``peaks``, 3 x n, 1-based voxel coordinates of the
    accepted ones; ``.xyz`` their positions in angstrom under the symbol X.

    Raises
    ------
    InputError
        For another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        peaks.save(path)
    elif suffix == ".mat":
        matlab.write_positions(path, peaks.accepted + 1, name="peaks")
    elif suffix == ".xyz":
        write_model(path, AtomicModel.from_positions(volume.to_positions(peaks.accepted), "X"))
    else:
        raise InputError("output", f"{path}", "a name ending in .npz, .mat or .xyz")


def _reconstruct_area(task: _Task) -> float:
    target, history = task.path("volumes", ".npy"), task.path("volumes", "_r.npz")
    if not target.exists():
        config, checkpoint = task.config, task.path("volumes", ".checkpoint.npz")
        result = reconstruct_with(
            read_series(config, task.area),
            config.reconstruct,
            config.file,
            threads=task.threads,
            checkpoint=checkpoint,
            progress=task.progress,
        )
        write_r_factors(history, result)
        write_array(target, result.cropped().array)
        checkpoint.unlink(missing_ok=True)
    with open(history, "rb") as handle, np.load(handle) as stored:
        return float(stored["r1"][-1].mean())


def _area_volume(config: RunConfig, path: Path) -> Volume:
    return read_volume(path, read_pixel_size(config))


def read_pixel_size(config: RunConfig) -> float:
    """Pixel size in angstrom, from the configuration or the header of the projections."""
    if config.sample.pixel_size is not None:
        return config.sample.pixel_size
    return read_series(config, config.input.areas[0] if config.input.areas else WHOLE).pixel_size


def _trace_area(task: _Task) -> int:
    target = task.path("peaks", ".npz")
    if not target.exists():
        config, checkpoint = task.config, task.path("peaks", ".checkpoint.npz")
        volume = _area_volume(config, task.path("volumes", ".npy"))
        peaks = trace_with(volume, config.trace, checkpoint=checkpoint, progress=task.progress)
        peaks.save(target)
        checkpoint.unlink(missing_ok=True)
    return len(Peaks.load(target).accepted)


def _assemble(config: RunConfig, folder: Path) -> tuple[Volume, NDArray[np.float64]]:
    """Volume and peaks (n, 3), 0-based voxels, of the whole sample; sub-areas are patched."""
    tasks = {
        area: _Task(config.path, config.text, str(folder), area, None, False, config.resolve)
        for area in config.input.areas or (WHOLE,)
    }
    size, target = read_pixel_size(config), folder / "volume.npy"
    peaks = {area: Peaks.load(task.path("peaks", ".npz")).accepted for area, task in tasks.items()}
    if not config.input.areas:
        if not target.exists():
            write_whole(
                target,
                lambda partial: shutil.copyfile(tasks[WHOLE].path("volumes", ".npy"), partial),
            )
        return read_volume(target, size), peaks[WHOLE]
    table = matlab.read_sub_area_table(config.file(str(config.input.placement)))
    areas = SubAreas.from_published(table.centres, table.half_widths)
    beyond = [a for a in tasks if not 1 <= a <= len(areas)]
    if beyond:
        raise InputError(f"{config.path}: areas", f"{beyond[0]}", f"numbers from 1 to {len(areas)}")
    if not target.exists():
        known = {area - 1: task.path("volumes", ".npy") for area, task in tasks.items()}
        shape = config.input.volume_shape
        patched = patch_volumes(
            areas,
            lambda index: np.load(known[index]) if index in known else None,
            (shape[0], shape[1], shape[2]),
        )
        write_array(target, patched)
    return read_volume(target, size), patch_peaks(areas, {a - 1: p for a, p in peaks.items()})


def select_with(
    volume: Volume, peaks: NDArray[np.float64], settings: Select, file: Callable[[str], Path] = Path
) -> AtomSelection:
    """:func:`aet_port.tracing.remove_non_atoms` with section ``[select]`` of a configuration."""
    support = None
    if settings.support == "tight":
        support = tight_support(volume.array)
    elif settings.support is not None:
        support = read_volume(file(settings.support), volume.voxel_size).array
    plain = {k: v for k, v in asdict(settings).items() if k != "support"}
    return remove_non_atoms(volume.array, peaks, support=support, **plain)


def _select(
    config: RunConfig, folder: Path, volume: Volume, peaks: NDArray[np.float64]
) -> AtomicModel:
    target = folder / "model.xyz"
    if not target.exists():
        selection = select_with(volume, peaks, config.select, config.file)
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
