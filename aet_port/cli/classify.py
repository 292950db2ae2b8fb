"""The ``aet classify`` command: a volume and traced atoms in, a model with species out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.stages import PixelSize
from aet_port.core.console import Json, report
from aet_port.core.data import AtomicModel, Volume
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target
from aet_port.io import read_model, read_volume, write_model
from aet_port.tracing.edits import read_edits, replay_edits, retyped_atoms
from aet_port.tracing.peaks import Peaks
from aet_port.tracing.species import NOT_AN_ATOM, NOT_ASSIGNED, RADIUS, classify

MODEL_SUFFIXES = (".extxyz",)


def classify_command(
    context: typer.Context,
    volume: Annotated[Path, typer.Argument(help=".npy, .mrc, .mat or .tif.")],
    model: Annotated[
        Path, typer.Argument(help="Traced atoms: .xyz, .extxyz, .mat or peaks as .npz.")
    ],
    species: Annotated[
        str, typer.Option(help="Symbols, lightest first: Co,Pd,Pt (or Co Pd Pt at the end).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model: .extxyz.")],
    pixel_size: PixelSize = None,
    radius: Annotated[
        float, typer.Option(help="Of the local rounds, angstrom; 0 leaves them out.")
    ] = RADIUS,
    thirds: Annotated[int, typer.Option(help="Radius of the sums, thirds of a voxel.")] = 3,
    upsampling: Annotated[str, typer.Option(help="linear or spline.")] = "linear",
    non_atoms: Annotated[
        str | None, typer.Option(help="Leave out what is no atom: kmeans, split or gaussians.")
    ] = None,
    unassigned: Annotated[float | None, typer.Option(help="Least confidence; X below it.")] = None,
    edits: Annotated[
        Path | None, typer.Option(help="Manual edits of MODEL, made first: .csv or .jsonl.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="Histogram: .png or .svg.")] = None,
    as_json: Json = False,
) -> None:
    """Species of traced atoms by their intensity."""
    check_target(output, MODEL_SUFFIXES)
    if figure is not None:
        check_target(figure, (".png", ".svg"))
    if output.exists() and model.exists() and output.samefile(model):
        raise InputError("output", f"{output}, the model itself", "another file")
    read = read_volume(volume, pixel_size)
    traced = _traced(model, read)
    changes = [] if edits is None else read_edits(edits)
    edited = replay_edits(traced, changes)
    found = classify(
        read,
        edited.positions,
        [s for word in (species, *context.args) for s in word.split(",") if s],
        radius=radius or None,
        thirds=thirds,
        upsampling=upsampling,  # type: ignore[arg-type]  # checked there
        non_atoms=non_atoms,  # type: ignore[arg-type]
        unassigned=unassigned,
    )
    found = found.retyped(retyped_atoms(changes, len(traced)))
    result = found.model(edited.positions, name=str(output))
    write_model(output, result)
    rows: dict[str, Any] = {
        "model": str(output),
        "atoms": len(result),
        "species": found.counts,
        "centres": dict(zip(found.symbols, found.centres.tolist(), strict=True)),
        "mean_confidence": float(found.confidence[found.is_atom].mean()),
        "unassigned": int((found.types == NOT_ASSIGNED).sum()),
        "non_atoms": int((found.types == NOT_AN_ATOM).sum()),
        "changed": list(found.changes),
        "settled": found.settled,
    }
    if edits is not None:
        rows["edits"] = len(changes)
    if figure is not None:
        from aet_port.figures.species import (
            write_class_figure,  # Matplotlib, slow to import
        )

        rows["figure"] = str(write_class_figure(figure, found))
    if not found.settled:
        flips = f"{found.changes[-1]} atoms still change species in the local rounds"
        print(f"aet: warning: {flips}; see --radius, --unassigned", file=sys.stderr)
    report(as_json, "aet classify", rows)


def _traced(file: Path, volume: Volume) -> AtomicModel:
    """Traced atoms in angstrom; accepted peaks of a file from ``aet trace``."""
    if file.suffix.lower() != ".npz":
        # Only places count here, and a .mat file has no species of its own.
        return read_model(file, "X" if file.suffix.lower() == ".mat" else None)
    peaks = Peaks.load(file)
    if peaks.shape != volume.shape:
        found = f"peaks of a volume of {peaks.shape} voxels"
        raise DataFileError(file, found, f"peaks of {volume.name}, {volume.shape} voxels")
    if not len(peaks.accepted):
        raise DataFileError(file, "no accepted peak", "at least one")
    return AtomicModel.from_positions(volume.to_positions(peaks.accepted), "X", str(file))
