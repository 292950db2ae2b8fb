"""``aet refine``: a model and its projections in, a refined model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import (
    Angles,
    Background,
    Checkpoint,
    Json,
    Model,
    PixelSize,
    Projections,
    Threads,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.terminal import print_note
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND
from aet_port.refinement.settings import RefineSettings

MODEL_SUFFIXES = (".xyz", ".extxyz", ".lammps", ".data", ".lmp")


@settings_options(leave_out={"settings": ("images", "take_over")})
def refine_command(
    projections: Projections,
    angles: Angles,
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Model: .xyz, .extxyz or LAMMPS data.")
    ],
    settings: RefineSettings,
    reading: ReadSettings,
    model_reading: ModelReadSettings,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    heights: Annotated[
        str | None,
        typer.Option(help="Initial heights H, such as Co=1,Pd=1.4; fitted unless given."),
    ] = None,
    b_factors: Annotated[
        str | None,
        typer.Option(
            help="Initial B' (square angstrom), such as 6 or Co=12,Pd=13; fitted unless given."
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Refine positions, heights and B factors of a model against its projections.

    Heights, B factors and R factors are written beside the model (.refine.npz).
    """
    import numpy as np

    from aet_port.io import read_model, read_tilt_series, write_model
    from aet_port.preprocessing.series_background import subtract_background
    from aet_port.refinement.record import refinement_record, write_refinement
    from aet_port.refinement.verdict import ADVICE
    from aet_port.workflow.stage_functions import refine_model

    check_target(output, MODEL_SUFFIXES)
    if settings.folds is not None and settings.method != "lbfgs":
        raise InputError("--folds", f"--method {settings.method}", "--method lbfgs for R-free")
    read = noted(read_model(model, **dict(model_reading)))
    series = read_tilt_series(projections, angles, pixel_size, reading)
    series = subtract_background(series, background, keep_level=settings.refine_offsets)
    result, crossed = refine_model(
        series,
        read,
        settings,
        heights=_by_symbol("--heights", heights),
        b_factors=_number(b_factors) or _by_symbol("--b-factors", b_factors),
        threads=threads,
        checkpoint=checkpoint,
        progress=not as_json,
    )
    write_model(output, result.model)
    write_refinement(output.with_suffix(".refine.npz"), result, crossed)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    moved = result.model.positions - read.positions
    rows: dict[str, Any] = {
        "model": str(output),
        "rms_movement": float(np.sqrt(np.mean(np.sum(moved**2, axis=1)))),
        **refinement_record(series, result, crossed, settings.max_at_bound),
    }
    print_facts(as_json, "aet refine", rows)
    if rows["objections"]:
        reasons = "; ".join(rows["objections"])
        print_note(f"aet: warning: {output} may be worse than {model}: {reasons}. {ADVICE}")


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _by_symbol(name: str, text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    found = {}
    for part in text.split(","):
        symbol, mark, value = part.partition("=")
        number = _number(value)
        if not mark or number is None:
            raise InputError(name, repr(text), "SYMBOL=NUMBER, separated by commas")
        found[symbol.strip()] = number
    return found
