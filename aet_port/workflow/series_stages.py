"""Stages that make the tilt series: preprocessing, angle refinement, background subtraction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from aet_port.alignment.from_volume import refine_angles
from aet_port.core.errors import InputError
from aet_port.core.records import write_json
from aet_port.io import read_volume, write_tilt_series
from aet_port.io.arrays import read_npy, write_npy
from aet_port.preprocessing.background import remove_background
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.outcome import Preprocessed
from aet_port.preprocessing.outline import sample_outline
from aet_port.preprocessing.series_background import background_facts, find_background
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.workflow.config import RunConfig
from aet_port.workflow.run_folder import (
    ALIGNED,
    CLEANED,
    FRAMES,
    PREPROCESSED,
    SIMULATED,
)
from aet_port.workflow.series import (
    ALIGN_RECORD,
    DENOISED,
    NOISE,
    OWN,
    PREPROCESS_RECORD,
    keeps_level,
    measured_series,
    placement,
    read_raw_frames,
    series_files,
    series_names,
    used_series,
)
from aet_port.workflow.stage_functions import reconstruct_series
from aet_port.workflow.stages import Stage, Work

CLEAN_RECORD = f"{CLEANED}/record.json"
OUTLINE_ITERATIONS = 30  # RESIRE iterations; an outline needs no atomic resolution


def preprocess_frames(work: Work) -> dict[str, Any]:
    """Write the preprocessed series and, beside it, the record of the preprocessing."""
    return write_preprocessed(work, preprocessed(work))


def write_preprocessed(work: Work, done: Preprocessed) -> dict[str, Any]:
    """Write the preprocessed series and its record; return the number of tilts and frames."""
    folder, settings = work.folder, _needed(work.config)
    write_tilt_series(*series_files(folder, PREPROCESSED), done.series)
    if settings.background_after_angles:
        write_npy(folder.path(DENOISED), done.denoised.astype(np.float32))
    if done.method != "none":
        write_npy(folder.path(NOISE), (done.averaged - done.denoised).astype(np.float32))
    facts = {"pixel_size": done.series.pixel_size, "frames_from": done.series.name}
    record = done.record() | facts
    write_json(folder.path(PREPROCESS_RECORD), record)
    return {key: record[key] for key in ("tilts", "frames")}


def preprocessed(work: Work) -> Preprocessed:
    """Preprocess the raw frames of a run in memory."""
    raw = read_raw_frames(work.config, work.folder)
    return preprocess(raw, _needed(work.config), threads=work.threads, progress=work.progress)


def align(work: Work) -> dict[str, Any]:
    """Refine angles and shifts from a volume; return the final R1."""
    config, folder = work.config, work.folder
    settings, resire = config.refine_angles, config.reconstruct
    if settings is None:
        raise AssertionError("a stage of runs with [refine_angles]")
    series = measured_series(config, folder)
    # A level that is kept for the fit of the counts would only disturb the volume.
    level = find_background(
        series.images, config.input.background if keeps_level(config) else "none"
    )
    support = None
    if resire.support is not None:
        support = read_volume(config.file(resire.support), series.pixel_size).array
    result = refine_angles(
        replace(series, images=(series.images - level.backgrounds).astype(series.images.dtype)),
        method=settings.method,
        max_rounds=settings.max_rounds,
        iterations=settings.iterations,
        tolerance=settings.tolerance,
        max_correction=settings.max_correction,
        oversampling=resire.oversampling,
        step=resire.step,
        extended=resire.extended,
        n_z=resire.n_z,
        support=support,
        threads=work.threads,
        progress=work.progress,
    )
    # A constant of an image stays where it is when the image is shifted.
    images = (result.series.images + level.backgrounds).astype(series.images.dtype)
    write_tilt_series(*series_files(folder, ALIGNED), replace(result.series, images=images))
    facts = {"shifts": result.shifts.tolist(), "turns": result.turns.tolist()}
    facts |= background_facts(series)
    write_json(folder.path(ALIGN_RECORD), result.summary() | facts)
    return {"r": result.r_factor, "warnings": list(result.warnings)}


def clean_again(work: Work) -> dict[str, Any]:
    """Subtract the background again, in masks made with the refined angles.

    The background is interpolated inside the sample's outline, taken from a reconstruction of the
    refined series projected along each refined direction. It is subtracted from the denoised
    images, which are then shifted once by all displacements found so far. ``change`` is the root
    mean square change of the images divided by their root mean square.
    """
    config, folder, settings = work.config, work.folder, _needed(work.config)
    series = used_series(config, folder, cleaned=False)
    iterations = min(OUTLINE_ITERATIONS, config.reconstruct.iterations)
    volume = reconstruct_series(
        series,
        config.reconstruct.changed(iterations=iterations),
        config.file,
        threads=work.threads,
        progress=work.progress,
    ).cropped()
    outlines = sample_outline(volume.array, series.angles, series.detector, settings.margin)
    place = placement(config, folder)
    denoised = read_npy(folder.path(DENOISED), OWN)
    masks = place.masks_back(outlines)
    removal = remove_background(denoised, masks, smoothing=settings.smoothing)
    kept = np.where(masks, removal.images, 0) if settings.clear_outside else removal.images
    images = place.apply(kept)
    change = float(np.sqrt(np.mean((images - series.images) ** 2) / np.mean(series.images**2)))
    new = replace(series, images=images.astype(series.images.dtype))
    write_tilt_series(*series_files(folder, CLEANED), new)
    facts = {
        "change": change,
        "mask_pixels": masks.sum(axis=(1, 2)).tolist(),
        "levels": removal.backgrounds.mean(axis=(1, 2)).tolist(),
        "outline_iterations": iterations,
    }
    write_json(folder.path(CLEAN_RECORD), facts)
    return {"change": change}


def _needed(config: RunConfig) -> PreprocessSettings:
    if config.preprocess is None:
        raise InputError("[preprocess]", "no such section", "one, for a run from raw frames")
    given = config.preprocess
    if given.calibration is None:
        return given
    return given.changed(calibration=str(config.file(given.calibration)))


_RESIRE = tuple(
    f"reconstruct.{key}" for key in ("oversampling", "step", "extended", "n_z", "support")
)
PREPROCESS = Stage(
    "preprocess",
    ("preprocess", "sample.pixel_size"),
    (FRAMES,),
    (*series_names(PREPROCESSED), PREPROCESS_RECORD),
    preprocess_frames,
    extras=(DENOISED, NOISE),
)
ALIGN = Stage(
    "refine angles",
    ("refine_angles", "sample.pixel_size", "input.background", *_RESIRE),
    (SIMULATED, PREPROCESSED),
    (*series_names(ALIGNED), ALIGN_RECORD),
    align,
)
CLEAN_AGAIN = Stage(
    "background again",
    ("preprocess", "reconstruct"),
    (PREPROCESSED, ALIGNED),
    (*series_names(CLEANED), CLEAN_RECORD),
    clean_again,
)
