"""``aet check-model``: a given model checked against the images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import (
    Angles,
    Background,
    Json,
    PixelSize,
    Projections,
    Threads,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.detection.settings import DetectSettings
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND


@settings_options(leave_out={"fit": ("folds",)})
def check_model_command(
    projections: Projections,
    angles: Angles,
    model: Annotated[Path, typer.Argument(help="Model in the frame of the tilt series.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Checked model: .extxyz.")],
    fit: DetectSettings,
    reading: ReadSettings,
    model_reading: ModelReadSettings,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Ask the images whether each atom of a model exists, and where atoms are missing.

    Missing atoms are written beside the checked model (.missing.extxyz).
    """
    from aet_port.detection.model_check import check_model
    from aet_port.io import read_model, read_tilt_series, write_model
    from aet_port.preprocessing.series_background import subtract_background

    check_target(output, (".extxyz",))
    missing = output.with_suffix(".missing.extxyz")
    given = noted(read_model(model, **dict(model_reading)))
    series = read_tilt_series(projections, angles, pixel_size, reading)
    series = subtract_background(series, background, keep_level=fit.background, film=fit.extended)
    found = check_model(series, given, fit, threads=threads, progress=not as_json)
    write_model(output, found.model)
    facts = {"model": str(output)} | found.summary()
    if found.missing is not None:
        write_model(missing, found.missing)
        facts["missing_atoms"] = str(missing)
    print_facts(as_json, "aet check-model", facts)
