"""``aet plan``: errors and detectability of atoms before any image is taken."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import Json, Threads, settings_options
from aet_port.core.console import print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.terminal import print_line
from aet_port.detection.plan_settings import PlanSettings
from aet_port.detection.settings import DetectSettings
from aet_port.io.settings import ModelReadSettings
from aet_port.simulation.settings import Acquisition, Microscope, SimulateSettings

if TYPE_CHECKING:
    from aet_port.core.atomic_model import AtomicModel
    from aet_port.detection.plan_result import Plan

# What changes neither the expected images nor their noise, and what the plan's own options give.
_NOT_PLANNED = {"engine", "tilts", "shape", "numerics"}
_NOT_PLANNED |= set(Acquisition.model_fields) - {"source_size", "read_noise", "background"}
_NOT_PLANNED |= set(Microscope.model_fields) - {"energy", "inner", "outer"}
HEADS = (
    "tilts",
    "dose (e/A^2)",
    "species",
    "atoms",
    "position (pm)",
    "height",
    "found",
    "right species",
)


@settings_options(
    leave_out={
        "simulation": _NOT_PLANNED,
        "search": set(DetectSettings.model_fields) - {"fdr", "depth", "confidence"},
    }
)
def plan_command(
    sample: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|SAMPLE",
            help="File of a model, or composition and number of atoms of a glass particle, such as "
            "Co45Pd38Pt17:5000.",
        ),
    ],
    plan: PlanSettings,
    simulation: SimulateSettings,
    search: DetectSettings,
    model_reading: ModelReadSettings,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Model with the expected errors of each atom, for one number of tilts and one "
            "dose: .extxyz."
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Also write the table to this file: .csv.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Predict, before any image is taken, how well the atoms of a sample will be found.

    Errors of positions and heights are the Cramer-Rao bound of the images' noise; heights decide
    which fraction of each species is found and recognised. Lists compare several series:
    --tilts 20,40,60 --dose 1e5,4e5.
    """
    from aet_port.detection.planning import plan_table

    if out is not None:
        check_target(out, (".extxyz",))
        if len(plan.tilts) * len(plan.dose) > 1:
            found = f"{len(plan.tilts)} numbers of tilts and {len(plan.dose)} doses"
            raise InputError("--out", found, "one of each")
    if table is not None:
        check_target(table, (".csv",))
    model = _model(sample, plan, model_reading)
    plans = plan_table(model, plan, simulation, search, threads=threads)
    if table is not None:
        write_whole(table, lambda partial: _write_csv(partial, plans))
    if out is not None:
        from aet_port.io import write_model

        write_model(out, plans[0].model)
    if as_json:
        # Without what the options gave, a plan could not be repeated.
        given = plan.plain() | {"simulate": simulation.plain(), "fdr": search.fdr}
        print_json(
            {"sample": model.name, "settings": given, "plans": [one.summary() for one in plans]}
        )
        return
    print_rows(HEADS, [row for one in plans for row in _rows(one)], f"aet plan: {model.name}")
    for one in plans:
        for sentence in one.sentences:
            print_line(sentence)


def _model(sample: str, plan: PlanSettings, reading: ModelReadSettings) -> AtomicModel:
    from aet_port.io import read_model
    from aet_port.simulation.compositions import EXPECTED, is_composition, sample_of

    path = Path(sample)
    if path.exists() or not is_composition(sample):
        if not path.exists() and not path.suffix:
            raise InputError("sample", f"{sample!r}, no file", f"a model's file, or {EXPECTED}")
        return noted(read_model(path, **dict(reading)))
    for name, value in reading:
        if value is not None:
            shown = ",".join(value) if isinstance(value, tuple) else value
            option = f"--{name.replace('_', '-')}"
            expected = "none: a composition is no file, and names its own species"
            raise InputError(option, f"{shown} for {sample}", expected)
    return sample_of(sample, plan.seed, plan.density)


def _rows(plan: Plan) -> list[tuple[str, ...]]:
    return [
        (
            str(plan.tilts),
            f"{plan.dose:.4g}",
            one.symbol,
            str(one.atoms),
            f"{one.position_error_pm:.1f}",
            f"{100 * one.height_error:.1f} %",
            f"{100 * one.found:.1f} %",
            f"{100 * one.right:.1f} %",
        )
        for one in plan.species
    ]


def _write_csv(path: Path, plans: Sequence[Plan]) -> None:
    lines: list[dict[str, Any]] = []
    for plan in plans:
        facts = plan.summary()
        series = {key: facts[key] for key in ("tilts", "dose", "pixel_size")}
        for symbol, one in facts["species"].items():
            own = {key: value for key, value in one.items() if key != "given"}
            lines.append(series | {"species": symbol} | own)
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
