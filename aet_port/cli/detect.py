"""``aet detect``: projections in, atoms out, without a reconstruction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.options import (
    AnglesIfAny,
    Checkpoint,
    FigureFormat,
    Figures,
    Json,
    PixelSize,
    Projections,
    Threads,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.detection.settings import DetectSettings
from aet_port.io.settings import ReadSettings

VOLUME_SUFFIXES = (".npy", ".mrc")
LONG = ("projections", "rounds", "r_free_images")  # shown only as JSON


@settings_options()
def detect_command(
    projections: Projections,
    species: Annotated[
        str, typer.Option(help="Chemical symbol, or several, lightest first: Co,Pd,Pt.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model: .extxyz.")],
    fit: DetectSettings,  # names the option --fit-angles
    reading: ReadSettings,
    angles: AnglesIfAny = None,
    pixel_size: PixelSize = None,
    score_map: Annotated[
        Path | None,
        typer.Option(
            help="Also write the score of what the atoms found leave unexplained, in standard "
            "deviations: .npy or .mrc."
        ),
    ] = None,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Find the atoms in the counts of a tilt series, each with its errors.

    The atoms as a table (.atoms.csv), and the noise, the shape of an atom and the rounds of the
    search (.detection.json) are written beside the model. Figures are those of the error bars.
    """
    from aet_port.core.records import write_json
    from aet_port.detection.cross_validation import with_r_free
    from aet_port.detection.loop import detect, residual_scores
    from aet_port.io import read_tilt_series, write_model, write_model_table, write_volume

    check_target(output, (".extxyz",))
    if score_map is not None:
        check_target(score_map, VOLUME_SUFFIXES)
    if figures is not None:
        check_target(figures / f"error_bars.{figure_format}", (".png", ".svg"))
    symbols = [symbol.strip() for symbol in species.split(",")]
    if not all(symbols):
        raise InputError("--species", repr(species), "symbols separated by commas, as Co,Pd,Pt")
    series = read_tilt_series(projections, angles, pixel_size, reading)
    found = detect(
        series, symbols, fit, threads=threads, checkpoint=checkpoint, progress=not as_json
    )
    write_model(output, found.model)
    write_model_table(output.with_suffix(".atoms.csv"), found.model)
    record = with_r_free(found, series, fit, threads=threads, progress=not as_json)
    write_json(output.with_suffix(".detection.json"), record)
    if score_map is not None:
        write_volume(score_map, residual_scores(series, found, fit, threads))
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    facts: dict[str, Any] = {"model": str(output)}
    if figures is not None:
        from aet_port.figures.uncertainties import write_uncertainty_figures

        written = write_uncertainty_figures(found.model, figures, figure_format)
        facts["figures"] = [str(path) for path in written]
    shown = {k: v for k, v in record.items() if k not in LONG}
    print_facts(as_json, "aet detect", facts | (record if as_json else shown))
