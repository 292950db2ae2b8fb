"""``aet simulate``: a tilt series of a model as it would be measured, and the true angles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import (
    Json,
    Model,
    Scheduler,
    Workers,
    settings_options,
)
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, sha256
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.simulation.settings import SimulateSettings

AnglesOption = Annotated[
    Path | None,
    typer.Option(help="File of Euler angles (degrees), instead of --tilts."),
]


_OTHERS = set(ReadSettings.model_fields) - {"angles_variable", "angle_unit"}


@settings_options(leave_out={"reading": _OTHERS})
def simulate_command(
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Images: .npy, .mat, .mrc or .tif.")
    ],
    settings: SimulateSettings,
    reading: ReadSettings,
    model_reading: ModelReadSettings,
    angles: AnglesOption = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder for finished multislice tilts, from which an interrupted run continues."
        ),
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Simulate the tilt series of a model.

    Next to images.npy, images_angles.txt holds the nominal angles (a .mat file contains them) and
    images_truth.json the true angles and shifts.
    """
    from aet_port.core.parallel import check_threads
    from aet_port.io import read_angles, read_model
    from aet_port.simulation.linear import tilt_angles
    from aet_port.simulation.tilt_series import SERIES_SUFFIXES, simulate, write_measured

    check_target(output, SERIES_SUFFIXES)
    if workers is not None and workers < 1:
        raise InputError("--workers", str(workers), "a whole number of at least 1")
    truth = noted(read_model(model, **dict(model_reading)))
    if angles is None:
        nominal = tilt_angles(settings.tilts)
    else:
        nominal = read_angles(angles, reading.angles_variable, reading.angle_unit)
    acquired = simulate(
        truth,
        nominal,
        settings,
        workers=check_threads(workers),
        scheduler=scheduler,
        checkpoint=checkpoint,
        progress=not as_json,
    )
    origin = {"file": model.name, "sha256": sha256(model), "atoms": len(truth)}
    files = write_measured(output, acquired, {"model": origin} | settings.record())
    if checkpoint is not None and checkpoint.is_dir():
        for finished in checkpoint.glob("tilt_*.npz"):
            finished.unlink()
    rows = {
        **{role: str(path) for role, path in files.items()},
        "engine": settings.engine,
        "images": len(acquired.series),
        "shape": list(acquired.series.detector),
    }
    print_facts(as_json, "aet simulate", rows)
