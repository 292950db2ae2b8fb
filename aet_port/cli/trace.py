"""``aet trace``: a volume in, peaks out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.options import (
    Checkpoint,
    Json,
    PixelSize,
    Threads,
    VolumeFile,
    VolumeVariable,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import EmptyResultError
from aet_port.core.files import check_target
from aet_port.tracing.settings import TraceSettings


@settings_options()
def trace_command(
    volume: VolumeFile,
    output: Annotated[Path, typer.Option("-o", "--output", help="Peaks: .npz, .mat or .xyz.")],
    settings: TraceSettings,
    species: Annotated[
        str | None,
        typer.Option(
            help="Chemical symbols of the sample, such as Si or Co,Pd,Pt, for the minimum distance."
        ),
    ] = None,
    pixel_size: PixelSize = None,
    variable: VolumeVariable = None,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Trace atoms: find the local maxima of a volume and fit a polynomial to each."""
    from aet_port.io import read_volume
    from aet_port.workflow.stage_functions import PEAK_SUFFIXES, trace_volume, write_peaks

    check_target(output, PEAK_SUFFIXES)
    symbols = (species or "").replace(",", " ").split()
    read = read_volume(volume, pixel_size, variable)
    peaks = trace_volume(
        read, settings, symbols, threads=threads, checkpoint=checkpoint, progress=not as_json
    )
    write_peaks(output, peaks, read)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    rows = {"peaks": str(output), "accepted": len(peaks.accepted), "fitted": len(peaks)}
    print_facts(as_json, "aet trace", rows)
    if not len(peaks.accepted):
        advice = "check the volume, or lower --threshold or --minimum-distance"
        raise EmptyResultError(str(volume), "no peak that may be an atom", advice)
