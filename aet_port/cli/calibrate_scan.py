"""``aet calibrate-scan``: images of particles or of a tilt series in, the scan distortion out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aet_port.cli.options import (
    AnglesIfAny,
    Background,
    Json,
    PixelSize,
    Projections,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND

MOST_ORDERS = 5


@settings_options()
def calibrate_scan_command(
    images: Projections,
    output: Annotated[Path, typer.Option("-o", "--output", help="File for the result (.json).")],
    reading: ReadSettings,
    angles: AnglesIfAny = None,
    by: Annotated[
        Literal["particles", "common-lines"],
        typer.Option(
            help="From low-magnification images of many particles, or by the common lines of five "
            "or more images of one whole sample."
        ),
    ] = "particles",
    shears: Annotated[
        Literal["both", "x", "y"], typer.Option(help="Shears to find by common lines.")
    ] = "both",
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    as_json: Json = False,
) -> None:
    """Find the scan distortion from images at several tilts.

    Writes shear_x, shear_y and scale with their standard errors; `aet preprocess --calibration`
    takes the file. The scale along y shows only in images of particles at several phi.
    """
    from aet_port.core.scan_distortion import estimate_scan_distortion
    from aet_port.io import read_tilt_series
    from aet_port.preprocessing.scan_calibration import calibrate_scan, write_calibration
    from aet_port.preprocessing.series_background import subtract_background

    check_target(output, (".json",))
    series = read_tilt_series(images, angles, pixel_size, reading)
    facts: dict[str, Any] = {"by": by, "images": len(series)}
    if by == "particles":
        if shears != "both":
            raise InputError("--shears", f"{shears} with --by particles", "--by common-lines")
        found = calibrate_scan(series.images, series.angles)
        distortion = found.distortion
        names = ("shear_x", "shear_y", "scale")
        facts |= {f"error_{n}": float(e) for n, e in zip(names, found.errors, strict=True)}
        facts |= {"particles": len(found.positions), "residual_pixels": found.residual}
    else:
        series = subtract_background(series, background, film=False)
        orders = min(MOST_ORDERS, max(2, (len(series) - 1) // 2))
        lines = estimate_scan_distortion(series.images, series.angles, shears, orders)
        distortion = lines.distortion
        facts |= {"error_shear_x": lines.error_x, "error_shear_y": lines.error_y}
        facts |= {"deviation_before": lines.residual_before, "deviation": lines.residual}
    write_calibration(output, distortion, **facts)
    values = {name: getattr(distortion, name) for name in ("shear_x", "shear_y", "scale")}
    print_facts(as_json, "aet calibrate-scan", {"file": str(output), **values, **facts})
