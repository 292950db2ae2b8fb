"""Stages that find the atoms in the counts of the images, sub-area by sub-area if there are any."""

from __future__ import annotations

from typing import Any

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.geometry import crop_centred
from aet_port.core.parallel import map_tasks
from aet_port.core.records import OWN, parsing, read_record, write_json
from aet_port.core.sub_areas import SubAreas, patch_volumes
from aet_port.core.uncertainty import existence
from aet_port.detection.cross_validation import with_r_free
from aet_port.detection.loop import carry_out, volume_map
from aet_port.detection.patching import Overlap, patch_models
from aet_port.detection.search import Search
from aet_port.io import read_model, read_volume, write_model, write_model_table
from aet_port.io.arrays import write_npy
from aet_port.preprocessing.series_background import background_facts
from aet_port.refinement.settings import DEFAULTS
from aet_port.workflow.config import RunConfig
from aet_port.workflow.output_record import area_is_made, note_area
from aet_port.workflow.run_folder import (
    ALIGNED,
    CLEANED,
    DETECTED,
    DETECTED_TABLE,
    DETECTION,
    MODEL,
    PREPROCESSED,
    SIMULATED,
    VOLUME,
    VOLUMES,
)
from aet_port.workflow.series import read_pixel_size, read_series, refined_series
from aet_port.workflow.stages import Stage, Work
from aet_port.workflow.volume_stages import AreaTask, area_tasks, sub_areas

AREA_ATOMS, AREA_DETECTION = "areas/{area}.extxyz", "areas/{area}.json"
MEANS = (
    "expected_position_error_pm",
    "deviance_per_pixel",
    "chi_square_per_pixel",
    "r1",
    "r_free",
    "r_work",
)
BAD_OVERLAP = 0.1  # atoms found in only one of two sub-areas, relative to all in their overlap


def detect_atoms(work: Work) -> dict[str, Any]:
    """Write the atoms found, what was fitted with them, and a volume in which to look at them."""
    config, folder = work.config, work.folder
    series = refined_series(config, DEFAULTS, folder)
    search = Search(series, config.species, config.detect, work.threads)
    found = carry_out(search, checkpoint=folder.checkpoint(DETECT.name), progress=work.progress)
    write_npy(folder.path(VOLUME), volume_map(search))
    write_model(folder.path(MODEL), found.model, config.sample.name)
    write_model(folder.path(DETECTED), found.model)
    record = with_r_free(found, series, config.detect, threads=work.threads, progress=work.progress)
    write_json(folder.path(DETECTION), record | background_facts(series))
    return {"atoms": len(found.model), "rounds": len(found.rounds)}


def _placement(config: RunConfig) -> SubAreas:
    found = sub_areas(config)
    if found is None:
        raise AssertionError("a stage of runs with sub-areas")
    return found


def detect_areas(work: Work) -> dict[str, Any]:
    """Find the atoms of each sub-area; return their number."""
    return {"atoms": sum(map_tasks(_detect_area, area_tasks(work), work.scheduler))}


def _detect_area(task: AreaTask) -> int:
    config, folder, area = task.config, task.folder, task.area
    size = _placement(config).shape_of(area - 1)
    target = folder.path(AREA_DETECTION, area)
    checkpoint = folder.checkpoint(DETECT_AREAS.name, area)
    if not area_is_made(folder, DETECT_AREAS.name, area, DETECT_AREAS.outputs):
        series = read_series(config, area)
        search = Search(series, config.species, config.detect, task.threads)
        found = carry_out(search, checkpoint=checkpoint, progress=task.progress)
        write_npy(folder.path(VOLUMES, area), crop_centred(volume_map(search), size))
        write_model(folder.path(AREA_ATOMS, area), found.model)
        record = with_r_free(
            found, series, config.detect, threads=task.threads, progress=task.progress
        )
        write_json(target, record | background_facts(series))
        note_area(folder, DETECT_AREAS.name, area, DETECT_AREAS.outputs)
    checkpoint.unlink(missing_ok=True)
    with parsing(target, "record", OWN):
        return int(read_record(target, "atoms")["atoms"])


def patch_areas(work: Work) -> dict[str, Any]:
    """Put the atoms and volumes of the sub-areas together."""
    config, folder, placement = work.config, work.folder, _placement(work.config)
    nx, ny, nz = config.input.volume_shape
    size, areas = read_pixel_size(config, folder), config.input.areas
    models = {area - 1: read_model(folder.path(AREA_ATOMS, area)) for area in areas}
    found = patch_models(placement, models, size, (nx, ny, nz), config.sample.name)

    def volume_of(index: int) -> Any:
        path = folder.path(VOLUMES, index + 1)
        return read_volume(path, size).array if index + 1 in areas else None

    write_npy(folder.path(VOLUME), patch_volumes(placement, volume_of, (nx, ny, nz)))
    write_model(folder.path(MODEL), found.model, config.sample.name)
    write_model(folder.path(DETECTED), found.model)
    parts = {area: read_record(folder.path(AREA_DETECTION, area)) for area in areas}
    write_json(folder.path(DETECTION), _whole_record(parts, found.model, found.overlaps))
    return {"atoms": len(found.model)}


def tabulate_atoms(work: Work) -> dict[str, Any]:
    """Write the atoms found as a table of comma-separated values."""
    model = read_model(work.folder.path(DETECTED))
    write_model_table(work.folder.path(DETECTED_TABLE), model)
    return {"atoms": len(model)}


def _whole_record(
    parts: dict[int, dict[str, Any]], model: AtomicModel, overlaps: tuple[Overlap, ...]
) -> dict[str, Any]:
    """Record of the whole: that of the first sub-area, with means, and those of all of them."""
    first, kinds = parts[min(parts)], model.species
    symbols = list(first["heights_electrons"])
    warnings = [f"sub-area {area}: {text}" for area in parts for text in parts[area]["warnings"]]
    warnings += [
        f"sub-areas {one.areas[0] + 1} and {one.areas[1] + 1}: {one.alone} atoms of their overlap "
        f"found in only one of them, {one.common} in both"
        for one in overlaps
        if one.alone > BAD_OVERLAP * (one.alone + one.common)
    ]
    return first | {
        **{
            name: float(np.mean([part[name] for part in parts.values()]))
            for name in MEANS
            if name in first
        },
        "atoms": len(kinds),
        "species": {symbol: kinds.count(symbol) for symbol in dict.fromkeys(sorted(kinds))},
        "heights_electrons": {
            symbol: float(np.mean([part["heights_electrons"][symbol] for part in parts.values()]))
            for symbol in symbols
        },
        "expected_wrong_species": sum(part["expected_wrong_species"] for part in parts.values()),
        "certainty": _whole_certainty([part["certainty"] for part in parts.values()], model),
        "overlaps": [one.summary() for one in overlaps],
        "areas": {str(area): part for area, part in parts.items()},
        "warnings": warnings,
    }


def _whole_certainty(
    parts: list[dict[str, Any] | None], model: AtomicModel
) -> dict[str, Any] | None:
    """Estimates for the patched model; intervals are those of its sub-areas."""
    known, existing = [part for part in parts if part is not None], existence(model.atoms)
    if len(known) < len(parts) or existing is None:
        return None
    sums = ("trials", "atoms_in_trials", "wrong_species_in_trials")
    return {name: sum(part[name] for part in known) for name in sums} | {
        "spurious_fraction": float(np.mean(1 - existing)),
        "missed_fraction": float(np.mean([part["missed_fraction"] for part in known])),
    }


_SETTINGS = ("detect", "input.background", "sample.name", "sample.species", "sample.pixel_size")
DETECT = Stage(
    "detect",
    _SETTINGS,
    (SIMULATED, PREPROCESSED, ALIGNED, CLEANED),
    (VOLUME, MODEL, DETECTED, DETECTION),
    detect_atoms,
)
DETECT_AREAS = Stage(
    "detect sub-areas", _SETTINGS, (), (VOLUMES, AREA_ATOMS, AREA_DETECTION), detect_areas
)
PATCH = Stage(
    "patch sub-areas",
    ("input.areas", "input.placement", "input.volume_shape", "sample.name"),
    (VOLUMES, AREA_ATOMS, AREA_DETECTION),
    (VOLUME, MODEL, DETECTED, DETECTION),
    patch_areas,
)
# A stage of its own, so that a finished run of an earlier version gets its table without a search.
TABULATE = Stage("tabulate", (), (DETECTED,), (DETECTED_TABLE,), tabulate_atoms)
