"""Stages that make the volume and its peaks, sub-area by sub-area, and combine them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole
from aet_port.core.parallel import map_tasks
from aet_port.core.records import parsing, read_npz
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.io import matlab, read_volume
from aet_port.io.arrays import write_npy
from aet_port.preprocessing.series_background import background_facts
from aet_port.tracing import Peaks, patch_peaks
from aet_port.workflow.config import RunConfig
from aet_port.workflow.output_record import area_is_made, note_area
from aet_port.workflow.run_folder import (
    ALIGNED,
    CLEANED,
    PEAKS,
    PREPROCESSED,
    R_FACTORS,
    SIMULATED,
    VOLUME,
    VOLUMES,
    WHOLE,
    RunFolder,
    areas_of,
)
from aet_port.workflow.series import read_pixel_size, used_series
from aet_port.workflow.stage_functions import (
    reconstruct_series,
    trace_volume,
    write_r_factors,
)
from aet_port.workflow.stages import Stage, Work


def read_r_factors(folder: RunFolder, area: int = WHOLE) -> NDArray[np.float64]:
    """R1 of each projection by iteration, shape (iterations, n_projections).

    Raises
    ------
    DataFileError
        If they can't be read.
    """
    path, volume = folder.path(R_FACTORS, area), folder.path(VOLUMES, area)
    expected = f"those of {volume}; delete both and use --resume"
    with parsing(path, "R1", expected):
        return read_npz(path, "r1", expected=expected)["r1"].astype(np.float64)


def sub_areas(config: RunConfig) -> SubAreas | None:
    """Positions of the sub-areas in the volume of the run; None if it has none.

    Raises
    ------
    DataFileError
        If the table of positions lacks a sub-area, or one does not fit into the volume.
    """
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


@dataclass(frozen=True)
class AreaTask:
    """The work of a stage on one sub-area, with all that a remote worker needs."""

    config: RunConfig
    folder: RunFolder
    area: int
    threads: int | None
    checkpoint_interval: float
    progress: bool


def area_tasks(work: Work) -> list[AreaTask]:
    """The work of a stage, sub-area by sub-area."""
    return [
        AreaTask(
            work.config, work.folder, area, work.threads, work.checkpoint_interval, work.progress
        )
        for area in areas_of(work.config)
    ]


def reconstruct_areas(work: Work) -> dict[str, Any]:
    """Reconstruct each sub-area; return the mean R1 of the last iteration."""
    means = map_tasks(_reconstruct_area, area_tasks(work), work.scheduler)
    said = reconstruction_warnings(work.config, work.folder)
    return {"r_mean": float(np.mean(means)), "warnings": said}


def _reconstruct_area(task: AreaTask) -> float:
    config, folder, area = task.config, task.folder, task.area
    target = folder.path(VOLUMES, area)
    checkpoint = folder.checkpoint(RECONSTRUCT.name, area)
    if not area_is_made(folder, RECONSTRUCT.name, area, RECONSTRUCT.outputs):
        series = used_series(config, folder, area)
        result = reconstruct_series(
            series,
            config.reconstruct,
            config.file,
            threads=task.threads,
            checkpoint=checkpoint,
            checkpoint_interval=task.checkpoint_interval,
            progress=task.progress,
        )
        taken = background_facts(series).values()
        notes = [f"a {one['kind']} background was subtracted from the images" for one in taken]
        result = replace(result, warnings=(*notes, *result.warnings))
        write_r_factors(folder.path(R_FACTORS, area), result)
        write_npy(target, result.cropped().array)
        note_area(folder, RECONSTRUCT.name, area, RECONSTRUCT.outputs)
    checkpoint.unlink(missing_ok=True)
    return float(read_r_factors(folder, area)[-1].mean())


def trace_areas(work: Work) -> dict[str, Any]:
    """Trace the peaks of each sub-area's volume; return the number of accepted ones."""
    return {"peaks": sum(map_tasks(_trace_area, area_tasks(work), work.scheduler))}


def _trace_area(task: AreaTask) -> int:
    config, folder, area = task.config, task.folder, task.area
    target, checkpoint = folder.path(PEAKS, area), folder.checkpoint(TRACE.name, area)
    if not area_is_made(folder, TRACE.name, area, TRACE.outputs):
        volume = read_volume(folder.path(VOLUMES, area), read_pixel_size(config, folder))
        peaks = trace_volume(
            volume,
            config.trace,
            config.species,
            threads=task.threads,
            checkpoint=checkpoint,
            progress=task.progress,
        )
        peaks.save(target)
        note_area(folder, TRACE.name, area, TRACE.outputs)
    checkpoint.unlink(missing_ok=True)
    return len(Peaks.load(target).accepted)


def reconstruction_warnings(config: RunConfig, folder: RunFolder) -> list[str]:
    """What speaks against the series and their volumes, by sub-area."""
    found = []
    for area in areas_of(config):
        path, where = folder.path(R_FACTORS, area), f"sub-area {area}: " if area != WHOLE else ""
        if path.exists():
            stored = read_npz(path).get("warnings", ())  # none in runs of earlier versions
            found += [f"{where}{text}" for text in stored]
    return found


def trace_warnings(config: RunConfig, folder: RunFolder) -> list[str]:
    """What is to be known of the traced peaks, by sub-area: maxima that were not fitted."""
    found = []
    for area in areas_of(config):
        path, volume = folder.path(PEAKS, area), folder.path(VOLUMES, area)
        if path.exists():
            found.append(Peaks.load(path).warning(str(volume.relative_to(folder.root))))
    return [text for text in found if text is not None]


def assemble(work: Work) -> dict[str, Any]:
    """Write the volume of the whole sample, patched together from its sub-areas."""
    config, folder, target = work.config, work.folder, work.folder.path(VOLUME)
    placement, size = sub_areas(config), read_pixel_size(config, folder)
    if placement is None:
        write_whole(target, lambda partial: shutil.copyfile(folder.path(VOLUMES), partial))
        return {}
    known = set(config.input.areas)

    def volume_of(index: int) -> NDArray | None:
        area = index + 1
        return read_volume(folder.path(VOLUMES, area), size).array if area in known else None

    nx, ny, nz = config.input.volume_shape
    write_npy(target, patch_volumes(placement, volume_of, (nx, ny, nz)))
    return {}


def whole_peaks(config: RunConfig, folder: RunFolder) -> NDArray[np.float64]:
    """Accepted peaks of the whole sample, shape (n, 3), 0-based voxels of its volume."""
    peaks = {area: Peaks.load(folder.path(PEAKS, area)).accepted for area in areas_of(config)}
    placement = sub_areas(config)
    if placement is None:
        return peaks[WHOLE]
    return patch_peaks(placement, {area - 1: found for area, found in peaks.items()})


RECONSTRUCT = Stage(
    "reconstruct",
    ("reconstruct", "input.background", "sample.pixel_size"),
    (SIMULATED, PREPROCESSED, ALIGNED, CLEANED),
    (R_FACTORS, VOLUMES),
    reconstruct_areas,
)
TRACE = Stage(
    "trace",
    ("trace", "sample.species", "sample.pixel_size"),
    (VOLUMES,),
    (PEAKS,),
    trace_areas,
)
ASSEMBLE = Stage(
    "assemble",
    ("input.areas", "input.volume_shape"),
    (VOLUMES,),
    (VOLUME,),
    assemble,
)
