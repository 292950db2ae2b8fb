"""The stages of a run that start from raw frames: files of the run folder in and out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.frame_series import FrameSeries
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.io import write_tilt_series
from aet_port.io.arrays import read_npy, write_npy
from aet_port.io.frames import read_frames
from aet_port.preprocessing.background import remove_background
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.outline import sample_outline
from aet_port.preprocessing.placement import Placement
from aet_port.workflow.config import RunConfig
from aet_port.workflow.run_folder import (
    ALIGNED_RECORD,
    CLEANED,
    DENOISED,
    PREPROCESSED,
    PREPROCESSED_RECORD,
    REMOVED,
    read_json,
    series_files,
    used_series,
    write_json,
)
from aet_port.workflow.sections import Preprocess, Refine
from aet_port.workflow.stage_functions import reconstruct_with

OUTLINE_ITERATIONS = 30  # of RESIRE: an outline needs no atoms
OWN = "the images that this run wrote; or another --out"


def read_raw_frames(config: RunConfig) -> FrameSeries:
    """The raw frames of a run, with tilt angles.

    Raises
    ------
    AetError
        If they can't be read or have no angles.
    """
    files = config.frames()
    series = read_frames(
        files[0] if len(files) == 1 else files,
        None if config.input.angles is None else config.file(config.input.angles),
        config.sample.pixel_size,
        None if config.preprocess is None else config.preprocess.frames_per_tilt,
    )
    series.tilt_angles()
    return series


def preprocess_frames(
    config: RunConfig, section: Preprocess, folder: Path, threads: int | None, progress: bool
) -> dict[str, Any]:
    """Make the clean series of a run unless it is there; the record of what was done."""
    record = folder / PREPROCESSED_RECORD
    if not record.exists():
        raw = read_raw_frames(config)
        done = preprocess(raw, section.settings(), threads=threads, progress=progress)
        write_tilt_series(*series_files(folder, PREPROCESSED), done.series)
        if section.background_after_angles:
            write_npy(folder / DENOISED, done.denoised.astype(np.float32))
        if _refines_averages(config) and done.method != "none":
            write_npy(folder / REMOVED, (done.averaged - done.denoised).astype(np.float32))
        facts = done.record() | {"pixel_size": done.series.pixel_size, "frames_from": raw.name}
        write_json(record, facts)  # last: with it the stage is done
    return dict(read_json(record))


def clean_again(
    config: RunConfig, section: Preprocess, folder: Path, threads: int | None, progress: bool
) -> float:
    """Subtract the background once more, in masks that the refined angles give.

    The sample's outline in a reconstruction from the refined series, seen along each refined
    direction, is where the background is interpolated. Denoised images are freed of it and, with
    all displacements found so far, interpolated once.

    Returns
    -------
    Root mean square change of the images over their root mean square.
    """
    record = folder / CLEANED / "record.json"
    if not record.exists():
        series = used_series(config, folder, cleaned=False)
        iterations = min(OUTLINE_ITERATIONS, config.reconstruct.iterations)
        settings = replace(config.reconstruct, iterations=iterations)
        volume = reconstruct_with(
            series, settings, config.file, threads=threads, progress=progress
        ).cropped()
        outlines = sample_outline(volume.array, series.angles, series.detector, section.margin)
        place = _placement(config, folder)
        denoised = read_npy(folder / DENOISED, OWN)
        masks = place.masks_back(outlines)
        removal = remove_background(denoised, masks, smoothing=section.smoothing)
        kept = np.where(masks, removal.images, 0) if section.clear_outside else removal.images
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
        write_json(record, facts)  # last: with it the stage is done
    return float(read_json(record)["change"])


def refined_series(config: RunConfig, settings: Refine, folder: Path) -> TiltSeries:
    """The series that the model of a run is refined against.

    That of the other stages; where it was denoised, with what denoising took away put back, unless
    ``settings.images`` is ``"denoised"``: a least-squares fit wants noise that is independent from
    pixel to pixel.
    """
    series = used_series(config, folder)
    if settings.images == "denoised" or not (folder / REMOVED).exists():
        return series
    noise = _placement(config, folder).apply(read_npy(folder / REMOVED, OWN))
    return replace(series, images=(series.images + noise).astype(series.images.dtype))


def _refines_averages(config: RunConfig) -> bool:
    return config.refine is not None and config.refine.images == "averaged"


def _placement(config: RunConfig, folder: Path) -> Placement:
    """Everything by which the denoised images have been moved."""
    record = read_json(folder / PREPROCESSED_RECORD)
    distortion = ScanDistortion(record["shear_x"], record["shear_y"], record["scale"])
    shifts: NDArray[np.float64] = np.asarray(record["shifts"], dtype=np.float64)
    if config.refine_angles is not None:
        shifts = shifts - np.asarray(read_json(folder / ALIGNED_RECORD)["shifts"])
    return Placement(distortion, float(record["tilt_axis"]), shifts)
