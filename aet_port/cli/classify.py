"""``aet classify``: a volume and traced atoms in, a model with species out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import (
    Json,
    PixelSize,
    Threads,
    VolumeFile,
    VolumeVariable,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target
from aet_port.core.terminal import print_note
from aet_port.io.settings import ModelReadSettings
from aet_port.tracing.settings import ClassifySettings

if TYPE_CHECKING:
    from aet_port.core.atomic_model import AtomicModel
    from aet_port.core.data import Volume

MODEL_SUFFIXES = (".extxyz",)


@settings_options(leave_out={"model_reading": ("species", "types", "types_variable")})
def classify_command(
    volume: VolumeFile,
    model: Annotated[
        Path,
        typer.Argument(
            help="Traced atoms: .xyz, .extxyz, .mat or any other model, or peaks: .npz."
        ),
    ],
    species: Annotated[
        str, typer.Option(help="Chemical symbols, lightest first, such as Co,Pd,Pt.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model: .extxyz.")],
    settings: ClassifySettings,
    model_reading: ModelReadSettings,
    pixel_size: PixelSize = None,
    variable: VolumeVariable = None,
    edits: Annotated[
        Path | None,
        typer.Option(help="File of manual edits to make beforehand: .csv or .jsonl."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw a histogram of the intensities: .png or .svg.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Classify the species of traced atoms by their intensity."""
    from aet_port.io import read_volume, write_model
    from aet_port.tracing.edit_replay import replay_edits, retyped_atoms
    from aet_port.tracing.edits import read_edits
    from aet_port.tracing.species import NOT_AN_ATOM, NOT_ASSIGNED
    from aet_port.workflow.stage_functions import classify_model

    check_target(output, MODEL_SUFFIXES)
    if figure is not None:
        check_target(figure, (".png", ".svg"))
    if output.exists() and model.exists() and output.samefile(model):
        raise InputError("output", f"{output}, the input model itself", "another file")
    read = read_volume(volume, pixel_size, variable)
    traced = _traced(model, read, model_reading)
    changes = [] if edits is None else read_edits(edits)
    edited = replay_edits(traced, changes)
    symbols = [symbol for symbol in species.replace(",", " ").split() if symbol]
    by_hand = retyped_atoms(changes, len(traced))
    found = classify_model(read, edited, symbols, settings, by_hand, threads)
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
    if found.composition is not None and settings.composition is not None:
        rows["composition_prior"] = settings.composition
        rows["composition_error"] = settings.composition_error
        rows["composition_posterior"] = dict(zip(found.symbols, found.composition, strict=True))
    if edits is not None:
        rows["edits"] = len(changes)
    if figure is not None:
        from aet_port.figures.species import write_class_figure

        rows["figure"] = str(write_class_figure(figure, found))
    if not found.settled:
        flips = f"{found.changes[-1]} atoms still change species in the local reclassification"
        print_note(f"aet: warning: {flips}; see --radius, --unassigned")
    print_facts(as_json, "aet classify", rows)


def _traced(file: Path, volume: Volume, reading: ModelReadSettings) -> AtomicModel:
    """Traced atoms in angstrom, or the accepted peaks of a file from ``aet trace``."""
    from aet_port.core.atomic_model import AtomicModel
    from aet_port.io import read_model
    from aet_port.tracing.peaks import Peaks

    if file.suffix.lower() != ".npz":
        # Only places count here, so that a file without species will do.
        return noted(read_model(file, default_species="X", **dict(reading)))
    peaks = Peaks.load(file)
    if peaks.shape != volume.shape:
        found = f"peaks of a volume of {peaks.shape} voxels"
        raise DataFileError(file, found, f"peaks of {volume.name}, {volume.shape} voxels")
    if not len(peaks.accepted):
        raise DataFileError(file, "no accepted peak", "at least one")
    return AtomicModel.from_positions(volume.to_positions(peaks.accepted), "X", str(file))
