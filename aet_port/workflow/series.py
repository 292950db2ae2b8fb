"""The tilt series of a run, at each stage of the processing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.frame_series import FrameSeries
from aet_port.core.records import parsing, read_record
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.io import read_tilt_series
from aet_port.io.arrays import read_npy
from aet_port.io.frames import read_frames
from aet_port.io.imod_files import BESIDE
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.placement import Placement, crop_images
from aet_port.preprocessing.series_background import subtract_background
from aet_port.refinement.settings import RefineSettings
from aet_port.workflow.config import RunConfig
from aet_port.workflow.run_folder import (
    ALIGNED,
    CLEANED,
    FRAMES,
    PREPROCESSED,
    SIMULATED,
    WHOLE,
    RunFolder,
    areas_of,
)

OWN = "the images that this run wrote, or another --out"
_OWN_READING = ReadSettings(angle_unit="degree")  # of files that the run wrote
PREPROCESS_RECORD = f"{PREPROCESSED}/preprocess.json"
ALIGN_RECORD = f"{ALIGNED}/refinement.json"
DENOISED, NOISE = f"{PREPROCESSED}/denoised.npy", f"{PREPROCESSED}/removed_noise.npy"


def input_data(config: RunConfig) -> Iterator[TiltSeries | FrameSeries]:
    """Read all input data of a run, so that unusable data are found before any work.

    The raw frames, or the series of one sub-area after the other; none for a simulation.
    """
    if config.simulated:
        return
    if config.preprocess is not None:
        yield read_raw_frames(config)
        return
    for area in areas_of(config):
        yield _without_background(_given_series(config, area), config, warn=True)


def read_raw_frames(config: RunConfig, folder: RunFolder | None = None) -> FrameSeries:
    """The raw frames of a run, with tilt angles.

    Parameters
    ----------
    config
        Settings.
    folder
        Run folder, if the run simulates its frames.

    Raises
    ------
    AetError
        If they can't be read or have no angles.
    """
    per_tilt = None if config.preprocess is None else config.preprocess.frames_per_tilt
    if config.simulated and folder is not None:
        frames, angles = folder.path(f"{FRAMES}/frames.mrc"), folder.path(f"{FRAMES}/angles.txt")
        return read_frames(frames, angles, None, per_tilt, _OWN_READING)
    files = config.frames()
    series = read_frames(
        files[0] if len(files) == 1 else files,
        None if config.input.angles is None else config.file(config.input.angles),
        config.sample.pixel_size,
        per_tilt,
        frames_reading(config),
    )
    series.tilt_angles()
    return series


def frames_reading(config: RunConfig) -> ReadSettings:
    """What to read of raw frames: ``[input]`` with the tilt axis of ``[preprocess]``."""
    axis = None if config.preprocess is None else config.preprocess.tilt_axis
    return _reading(config).changed(tilt_axis=None if axis == "find" else axis)


def _reading(config: RunConfig) -> ReadSettings:
    """What to read of the images, ``[input]``, with the path of the transforms completed."""
    given, transforms = config.input, config.input.transforms
    if transforms in (None, BESIDE):
        return given
    return given.changed(transforms=str(config.file(str(transforms))))


def read_series(config: RunConfig, area: int = WHOLE) -> TiltSeries:
    """Read the input tilt series of a run, or of one of its sub-areas, without its background."""
    return _without_background(_given_series(config, area), config)


def keeps_level(config: RunConfig) -> bool:
    """Whether a constant background stays in the images, to be fitted with the atoms."""
    own = config.preprocess is None and config.input.background == "auto" and not _is_film(config)
    return own and config.from_counts and config.detect.background


def _without_background(series: TiltSeries, config: RunConfig, warn: bool = False) -> TiltSeries:
    how, keep = config.input.background, keeps_level(config)
    return subtract_background(series, how, keep_level=keep, film=_is_film(config), warn=warn)


def _is_film(config: RunConfig) -> bool:
    extended = config.detect.extended if config.from_counts else config.reconstruct.extended
    return bool(config.input.areas) or bool(extended)


def _given_series(config: RunConfig, area: int = WHOLE) -> TiltSeries:
    given = config.input
    return read_tilt_series(
        config.projections(area),
        None if given.angles is None else config.file(given.angles),
        config.sample.pixel_size,
        _reading(config),
    )


def measured_series(config: RunConfig, folder: RunFolder, area: int = WHOLE) -> TiltSeries:
    """The tilt series as given, simulated, or made from raw frames."""
    if config.preprocess is not None:
        return _own_series(folder, PREPROCESSED, read_pixel_size(config, folder))
    if config.simulate is not None:
        simulated = _own_series(folder, SIMULATED, config.simulate.pixel_size)
        return _without_background(simulated, config)
    return read_series(config, area)


def used_series(
    config: RunConfig, folder: RunFolder, area: int = WHOLE, *, cleaned: bool = True
) -> TiltSeries:
    """The tilt series that is reconstructed.

    As measured, or with refined angles and shifts, and with the background estimated again
    (``cleaned``) if the run does so.
    """
    if config.refine_angles is None:
        return measured_series(config, folder, area)
    again = config.preprocess is not None and config.preprocess.background_after_angles
    kind = CLEANED if again and cleaned else ALIGNED
    return _own_series(folder, kind, read_pixel_size(config, folder))


def refined_series(config: RunConfig, settings: RefineSettings, folder: RunFolder) -> TiltSeries:
    """The series that the model of a run is refined against.

    The series of the other stages; if it was denoised, what denoising removed is added back unless
    ``settings.images`` is ``"denoised"``, because a least-squares fit needs noise that is
    independent from pixel to pixel.
    """
    series = used_series(config, folder)
    frames = config.preprocess
    if frames is None or refines_used(config, settings, folder):
        return series
    noise = placement(config, folder).apply(read_npy(folder.path(NOISE), OWN))
    images = series.images + crop_images(noise, frames.crop)
    return replace(series, images=images.astype(series.images.dtype))


def refines_used(config: RunConfig, settings: RefineSettings, folder: RunFolder) -> bool:
    """Whether the model is refined against the very series of the other stages."""
    same = config.preprocess is None or settings.images == "denoised"
    return same or not folder.path(NOISE).exists()


def read_pixel_size(config: RunConfig, folder: RunFolder) -> float:
    """Pixel size in angstrom, from the configuration or the header of the images."""
    if config.sample.pixel_size is not None:
        return config.sample.pixel_size
    if config.simulate is not None:
        return config.simulate.pixel_size
    if config.preprocess is not None:
        path = folder.path(PREPROCESS_RECORD)
        with parsing(path, "record", OWN):
            return float(read_record(path, "pixel_size")["pixel_size"])
    return _given_series(config, areas_of(config)[0]).pixel_size


def placement(config: RunConfig, folder: RunFolder) -> Placement:
    """All shifts that were applied to the denoised images."""
    path, aligned = folder.path(PREPROCESS_RECORD), folder.path(ALIGN_RECORD)
    record = read_record(path)
    with parsing(path, "record", OWN):
        distortion = ScanDistortion(record["shear_x"], record["shear_y"], record["scale"])
        shifts: NDArray[np.float64] = np.asarray(record["shifts"], dtype=np.float64)
        axis = float(record["tilt_axis"])
    if config.refine_angles is not None:
        with parsing(aligned, "record", OWN):
            shifts = shifts - np.asarray(read_record(aligned, "shifts")["shifts"])
    return Placement(distortion, axis, shifts)


def series_files(folder: RunFolder, kind: str) -> tuple[Path, Path]:
    """Paths of images and angles of the series that a stage wrote."""
    projections, angles = series_names(kind)
    return folder.path(projections), folder.path(angles)


def series_names(kind: str) -> tuple[str, str]:
    """File names of images and angles of a series in a run folder."""
    return f"{kind}/projections.npy", f"{kind}/angles.txt"


def _own_series(folder: RunFolder, kind: str, pixel_size: float) -> TiltSeries:
    return read_tilt_series(*series_files(folder, kind), pixel_size, _OWN_READING)
