"""The ``aet refine`` command: a model and its projections in, a refined model out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from aet_port.cli.stages import Checkpoint, Model, PixelSize, Threads
from aet_port.core.console import Json, report
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io import read_model, read_tilt_series, write_model
from aet_port.refinement.joint import RESTRAINT
from aet_port.refinement.joint import refine as refine_model
from aet_port.refinement.r_factors import IMAGE_FITS, cross_validate
from aet_port.refinement.record import refinement_record, write_refinement

MODEL_SUFFIXES = (".xyz", ".extxyz", ".lammps", ".data", ".lmp")


def refine(
    projections: Annotated[Path, typer.Argument(help=".mat, .npy, .mrc or .tif of images.")],
    angles: Annotated[Path, typer.Argument(help=".mat, .npy, .txt or .tlt of Euler angles.")],
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Model: .xyz, .extxyz or LAMMPS data.")
    ],
    pixel_size: PixelSize = None,
    species: Annotated[
        str | None,
        typer.Option(help="Symbol, or one per type as Co,Pd,Pt, where the file has none."),
    ] = None,
    types: Annotated[Path | None, typer.Option(help=".mat of the type of each atom.")] = None,
    method: Annotated[str, typer.Option(help="lbfgs or published.")] = "lbfgs",
    schedule: Annotated[
        str | None, typer.Option(help="Of the published method: glass, ta-film, pd1, pd2.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Of the published method.")] = None,
    heights: Annotated[
        str | None, typer.Option(help="Start of H, as Co=1,Pd=1.4; fitted unless given.")
    ] = None,
    b_factors: Annotated[
        str | None, typer.Option(help="Start of B', as 6 or Co=12,Pd=13; fitted unless given.")
    ] = None,
    shifts: Annotated[bool, typer.Option("--shifts", help="Each image may shift.")] = False,
    scales: Annotated[bool, typer.Option("--scales", help="Each image has a factor.")] = False,
    offsets: Annotated[bool, typer.Option("--offsets", help="Each image has a constant.")] = False,
    scan_shear: Annotated[
        str, typer.Option(help="Of the scan coils, one for all images: none, x, y or both.")
    ] = "none",
    restraint: Annotated[
        float, typer.Option(help="Angstrom that an atom may move; 0 for no limit.")
    ] = RESTRAINT,
    evaluations: Annotated[int, typer.Option(help="Of the gradient, at most.")] = 100,
    precision: Annotated[str, typer.Option(help="single or double.")] = "single",
    folds: Annotated[
        int | None, typer.Option(help="Also refine without every n-th image: R-free.")
    ] = None,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Positions, heights and B factors that fit the projections, with R factors."""
    check_target(output, MODEL_SUFFIXES)
    if folds is not None and method != "lbfgs":
        raise InputError("--folds", f"--method {method}", "R-free of the method lbfgs")
    symbols = species.split(",") if types is not None and species is not None else species
    read = read_model(model, symbols, types=types)
    series = read_tilt_series(projections, angles, pixel_size)
    options: dict[str, Any] = {
        "heights": _by_symbol("--heights", heights),
        "b_factors": _number(b_factors) or _by_symbol("--b-factors", b_factors),
        "shifts": shifts,
        "scales": scales,
        "offsets": offsets,
        "scan_shear": scan_shear,
        "restraint": restraint or None,
        "evaluations": evaluations,
        "precision": precision,
        "threads": threads,
        "progress": not as_json,
    }
    result = refine_model(
        series,
        read,
        method,  # type: ignore[arg-type]  # checked there
        schedule=schedule,
        rounds=rounds,
        checkpoint=checkpoint,
        **options,
    )
    own = [name for name in IMAGE_FITS if options[name]]
    crossed = None if folds is None else cross_validate(series, read, folds, own, **options)
    write_model(output, result.model)
    write_refinement(output.with_suffix(".refine.npz"), result, crossed)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    moved = result.model.positions - read.positions
    rows: dict[str, Any] = {
        "model": str(output),
        "rms_movement": float(np.sqrt(np.mean(np.sum(moved**2, axis=1)))),
        **refinement_record(series, result, crossed),
    }
    report(as_json, "aet refine", rows)


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
            raise InputError(name, repr(text), "SYMBOL=NUMBER, with commas between")
        found[symbol.strip()] = number
    return found
