"""``aet reconstruct``: a tilt series in, a volume out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.options import (
    AnglesIfAny,
    Background,
    Checkpoint,
    Json,
    PixelSize,
    Projections,
    Threads,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND
from aet_port.resire.settings import ReconstructSettings


@settings_options()
def reconstruct_command(
    projections: Projections,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Volume: .npy, .mrc, .mat, .tif, .hspy or .ome.zarr."),
    ],
    settings: ReconstructSettings,
    reading: ReadSettings,
    angles: AnglesIfAny = None,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    keep_extended: Annotated[
        bool,
        typer.Option("--keep-extended", help="Write the extended volume, not its central part."),
    ] = False,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Reconstruct a volume from a tilt series by RESIRE.

    The history of the R factors is written beside the volume (.r.npz).
    """
    from aet_port.io import read_tilt_series, write_volume
    from aet_port.io.volumes import VOLUME_SUFFIXES
    from aet_port.preprocessing.series_background import background_facts, subtract_background
    from aet_port.workflow.stage_functions import reconstruct_series, write_r_factors

    check_target(output, VOLUME_SUFFIXES)
    series = read_tilt_series(projections, angles, pixel_size, reading)
    series = subtract_background(series, background, film=settings.extended)
    result = reconstruct_series(
        series, settings, threads=threads, checkpoint=checkpoint, progress=not as_json
    )
    volume = result.volume if keep_extended else result.cropped()
    write_volume(output, volume)
    write_r_factors(output.with_suffix(".r.npz"), result)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    rows: dict[str, Any] = {
        "volume": str(output),
        "shape": list(volume.shape),
        "r_factor": result.r_factor,
        "iterations": settings.iterations,
        **background_facts(series),
        "warnings": list(result.warnings),
    }
    print_facts(as_json, "aet reconstruct", rows)
