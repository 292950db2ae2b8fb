"""``aet refine-angles``: tilt angles and image shifts from the projections themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.alignment.from_atoms import refine_angles_to_model
from aet_port.alignment.from_volume import refine_angles
from aet_port.cli.stages import PixelSize, Species, Threads
from aet_port.core.console import Json, report
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.io import read_model, read_tilt_series, read_volume, write_tilt_series
from aet_port.simulation.linear import B_FACTOR

PROJECTIONS, ANGLES, RECORD = "projections.mat", "angles.txt", "refinement.json"


def refine_angles_command(
    context: typer.Context,
    projections: Annotated[Path, typer.Argument(help=".mat, .npy, .mrc or .tif of images.")],
    angles: Annotated[Path, typer.Argument(help=".mat, .npy, .txt or .tlt of Euler angles.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")],
    model: Annotated[
        Path | None, typer.Option(help="Against these atoms; against a volume unless given.")
    ] = None,
    species: Species = None,
    b_factor: Annotated[
        float, typer.Option(help="B' of the model's atoms, square angstrom.")
    ] = B_FACTOR,
    method: Annotated[str, typer.Option(help="gauss-newton or scan.")] = "gauss-newton",
    rounds: Annotated[int, typer.Option(help="At most.")] = 80,
    iterations: Annotated[int, typer.Option(help="Of RESIRE in each round.")] = 10,
    oversampling: Annotated[float, typer.Option(help="Of the Fourier grid.")] = 3.0,
    step: Annotated[float, typer.Option(help="Of RESIRE, 1 to 3.")] = 2.0,
    extended: Annotated[
        bool, typer.Option("--extended", help="A film wider than the images.")
    ] = False,
    thickness: Annotated[int | None, typer.Option(help="Voxels along the beam.")] = None,
    support: Annotated[Path | None, typer.Option(help="Volume, zero where nothing can be.")] = None,
    limit: Annotated[
        float, typer.Option(help="Degrees an image may turn before it is an error.")
    ] = 5.0,
    pixel_size: PixelSize = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Refine the angles of a tilt series and align its images.

    Writes projections.mat, angles.txt and refinement.json (shifts, turns, R1 of every round) into
    the folder; `aet reconstruct` takes the first two.
    """
    for name in (PROJECTIONS, ANGLES, RECORD):
        check_target(output / name, (Path(name).suffix,))
    common: dict[str, Any] = {
        "method": method,
        "rounds": rounds,
        "limit": limit,
        "threads": threads,
        "progress": not as_json,
    }
    series = read_tilt_series(projections, angles, pixel_size)
    if model is not None:
        _refuse_volume_options(context)
        atoms = read_model(model, species)
        result = refine_angles_to_model(series, atoms, b_factor, **common)
    else:
        inside = None if support is None else read_volume(support, series.pixel_size).array
        result = refine_angles(
            series,
            iterations=iterations,
            oversampling=oversampling,
            step=step,
            extended=extended,
            thickness=thickness,
            support=inside,
            **common,
        )
    write_tilt_series(output / PROJECTIONS, output / ANGLES, result.series)
    record = result.summary() | {
        "method": method,
        "against": str(model) if model is not None else "volume",
        "shifts": result.shifts.tolist(),
        "turns": result.turns.tolist(),
        "r1": result.r1.mean(axis=1).tolist(),
        "r1_of_images": result.r1[result.best_round].tolist(),
    }
    text = json.dumps(record, indent=1) + "\n"
    write_whole(output / RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))
    facts = {"folder": str(output), **result.summary()}
    report(as_json, "aet refine-angles", facts)


def _refuse_volume_options(context: typer.Context) -> None:
    """Settings of a reconstruction mean nothing where none is made."""
    names = ("iterations", "oversampling", "step", "extended", "thickness", "support")
    given = [name for name in names if _was_given(context, name)]
    if given:
        raise InputError(
            f"--{given[0]}", "a setting of the volume with --model", "one or the other"
        )


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
