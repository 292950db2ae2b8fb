"""``aet refine-angles``: a tilt series in, the same with refined angles and aligned images out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.cli.model_notes import noted
from aet_port.cli.numbers import number
from aet_port.cli.options import (
    AnglesIfAny,
    Background,
    Json,
    PixelSize,
    Projections,
    Threads,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import SIMULATE

PROJECTIONS, ANGLES, RECORD = "projections.mat", "angles.txt", "refinement.json"
_OF_RUNS = ("iterations", "positivity", "mask", "initial", "projector", "precision")


@settings_options(leave_out={"resire": _OF_RUNS})
def refine_angles_command(
    context: typer.Context,
    projections: Projections,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    settings: RefineAnglesSettings,
    resire: ReconstructSettings,
    reading: ReadSettings,
    model_reading: ModelReadSettings,
    model: Annotated[
        Path | None,
        typer.Option(help="Model to refine against; a reconstructed volume unless given."),
    ] = None,
    b_factor: Annotated[
        float, number("B' of the model's atoms (square angstrom).", ge=0.1, le=1000)
    ] = SIMULATE.b_factor,
    angles: AnglesIfAny = None,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Refine the tilt angles of a series and align its images.

    Writes projections.mat, angles.txt and refinement.json (shifts, turns, R1 of every round) into
    the folder; `aet reconstruct` takes the first two.
    """
    from aet_port.alignment.from_atoms import refine_angles_to_model
    from aet_port.alignment.from_volume import refine_angles
    from aet_port.core.records import write_json
    from aet_port.io import read_model, read_tilt_series, read_volume, write_tilt_series
    from aet_port.preprocessing.series_background import background_facts, subtract_background

    for name in (PROJECTIONS, ANGLES, RECORD):
        check_target(output / name, (Path(name).suffix,))
    series = read_tilt_series(projections, angles, pixel_size, reading)
    series = subtract_background(series, background, film=resire.extended)
    if model is not None:
        _refuse_volume_options(context)
        result = refine_angles_to_model(
            series,
            noted(read_model(model, **dict(model_reading))),
            b_factor,
            method=settings.method,
            max_rounds=settings.max_rounds,
            tolerance=settings.tolerance,
            max_correction=settings.max_correction,
            threads=threads,
            progress=not as_json,
        )
    else:
        support = resire.support
        result = refine_angles(
            series,
            **dict(settings),
            oversampling=resire.oversampling,
            step=resire.step,
            extended=resire.extended,
            n_z=resire.n_z,
            support=None if support is None else read_volume(support, series.pixel_size).array,
            threads=threads,
            progress=not as_json,
        )
    write_tilt_series(output / PROJECTIONS, output / ANGLES, result.series)
    record = result.summary() | {
        "method": settings.method,
        "against": str(model) if model is not None else "volume",
        "shifts": result.shifts.tolist(),
        "shift_errors": result.errors.tolist(),
        **background_facts(series),
        "turns": result.turns.tolist(),
        "r1": result.r1.mean(axis=1).tolist(),
        "r1_of_images": result.r1[result.best_round].tolist(),
    }
    write_json(output / RECORD, record, sort_keys=False)
    print_facts(as_json, "aet refine-angles", {"folder": str(output), **result.summary()})


def _refuse_volume_options(context: typer.Context) -> None:
    """Settings of a reconstruction mean nothing where none is made."""
    names = ("iterations", "oversampling", "step", "extended", "n_z", "support")
    given = [name for name in names if _was_given(context, name)]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(option, "--model as well", "one of them: with a model no volume is made")


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
