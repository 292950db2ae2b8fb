"""The folder of a run: what it is a run of, its records, and the projections it works on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import sha256, write_whole
from aet_port.io import read_tilt_series
from aet_port.workflow.config import RunConfig

WHOLE = 0  # stands for "the one volume" where there are no sub-areas
# Folders of the tilt series that a stage made, and records that say it is done.
PREPROCESSED, ALIGNED, CLEANED = Path("preprocessed"), Path("aligned"), Path("cleaned")
PREPROCESSED_RECORD = PREPROCESSED / "preprocess.json"
DENOISED, REMOVED = PREPROCESSED / "denoised.npy", PREPROCESSED / "removed_noise.npy"
ALIGNED_RECORD = ALIGNED / "refinement.json"


def claim(
    config: RunConfig, folder: Path, resume: bool, check_data: Callable[[RunConfig], object]
) -> None:
    """Write what a run is into its folder, or make sure that it is the same run.

    Parameters
    ----------
    config
        Of the run.
    folder
        The run folder; made if it is not there.
    resume
        Whether a run may be there already.
    check_data
        Reads the data of a new run.

    Raises
    ------
    InputError
        If a run is there without ``resume``, another run, or other files.
    DataFileError
        If the data can't be used; then no folder is left behind.
    """
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
        before = read_json(manifest)
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
        check_data(config)  # unusable data leave no folder behind
        write_json(manifest, record)
    for leftover in folder.rglob(".*.partial-*"):  # of a process that was killed
        leftover.unlink()
    # After run.json, so that a folder is at any moment either empty or a run.
    write_whole(folder / "config.toml", lambda partial: partial.write_text(config.text))


def read_json(path: Path) -> Any:
    """What :func:`write_json` wrote.

    Raises
    ------
    DataFileError
        If it can't be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(
            path, f"no readable record ({error})", "the one this program wrote, or another --out"
        ) from error


def write_json(path: Path, content: object) -> None:
    """A record of the run folder, with sorted keys, whole or not at all."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    write_whole(path, lambda partial: partial.write_text(text))


def series_files(folder: Path, kind: Path) -> tuple[Path, Path]:
    """Images and angles of the series that a stage left in its folder of a run."""
    return folder / kind / "projections.npy", folder / kind / "angles.txt"


def read_series(config: RunConfig, area: int = WHOLE) -> TiltSeries:
    """The tilt series that a run was given, or that of one of its sub-areas."""
    given = config.input
    return read_tilt_series(
        config.projections(area),
        config.file(str(given.angles)),
        config.sample.pixel_size,
        given.projections_variable,
        given.angles_variable,
    )


def measured_series(config: RunConfig, folder: Path, area: int = WHOLE) -> TiltSeries:
    """The tilt series as given, or as it was made from raw frames."""
    if config.preprocess is None:
        return read_series(config, area)
    return read_tilt_series(*series_files(folder, PREPROCESSED), read_pixel_size(config, folder))


def used_series(
    config: RunConfig, folder: Path, area: int = WHOLE, *, cleaned: bool = True
) -> TiltSeries:
    """The tilt series that the stages work on.

    As measured, or with refined angles and shifts, and with its background estimated again
    (``cleaned``) where the run does so.
    """
    if config.refine_angles is None:
        return measured_series(config, folder, area)
    again = config.preprocess is not None and config.preprocess.background_after_angles
    kind = CLEANED if again and cleaned else ALIGNED
    return read_tilt_series(*series_files(folder, kind), read_pixel_size(config, folder))


def read_pixel_size(config: RunConfig, folder: Path) -> float:
    """Pixel size in angstrom, from the configuration or the header of the images."""
    if config.sample.pixel_size is not None:
        return config.sample.pixel_size
    if config.preprocess is not None:
        return float(read_json(folder / PREPROCESSED_RECORD)["pixel_size"])
    return read_series(config, config.input.areas[0] if config.input.areas else WHOLE).pixel_size
