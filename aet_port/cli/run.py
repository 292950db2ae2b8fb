"""``aet run``: the whole chain on a user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.interval_table import print_intervals
from aet_port.cli.numbers import number
from aet_port.cli.options import Json, Resume, Scheduler, Threads
from aet_port.core.checkpoint import INTERVAL
from aet_port.core.console import print_facts, print_stages
from aet_port.core.errors import AetError
from aet_port.core.terminal import print_note

if TYPE_CHECKING:
    from aet_port.workflow.pipeline import Run

FAILED = 1
BANK, REPORT = "bank.duckdb", "report.html"


def run_command(
    config: Annotated[Path, typer.Argument(help="TOML file; see examples/particle.toml.")],
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("run"),
    bank: Annotated[
        Path | None,
        typer.Option(
            help="Bank to deposit the model in; bank.duckdb in the run folder unless given."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html in the run folder.")
    ] = True,
    resume: Resume = False,
    redo: Annotated[
        str | None,
        typer.Option(
            help="Stage to do again with all that follows from it, such as refine; their results "
            "so far are kept in set_aside of the run folder."
        ),
    ] = None,
    scheduler: Scheduler = None,
    checkpoint_interval: Annotated[
        float, number("Shortest time between two checkpoints (seconds).", ge=0, le=1e7)
    ] = INTERVAL,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Run the whole chain: from a tilt series or raw frames to atoms, structure, bank and report.

    With --resume, an interrupted run continues, and stages whose settings have changed are done
    again; with --redo, a stage of your choice and all that follows from it. A stage that fails does
    not hide the results of the others: the exit code is then 1.
    """
    from aet_port.workflow.config import load_config
    from aet_port.workflow.pipeline import run
    from matlab_reference import resolve_reference

    done = run(
        load_config(config, resolve_reference),
        out,
        resume=resume,
        redo=redo,
        threads=threads,
        scheduler=scheduler,
        checkpoint_interval=checkpoint_interval,
        progress=not as_json,
    )
    facts, failures = _facts(done), [(one.stage, one.reason) for one in done.failures]
    if done.has_model:
        facts |= _deposited(done, bank or out / BANK, failures)
    if report:
        facts |= _reported(done, out / REPORT, config, failures)
    if failures:
        facts["failed"] = dict(failures)
    intervals = None if as_json else facts.pop("intervals", None)
    print_facts(as_json, f"aet run {config}", facts)
    if intervals is not None:
        from aet_port.structure.intervals import Intervals

        print_intervals(Intervals.from_summary(intervals))
    if not as_json:
        print_stages(done.timings)
    end_with(failures)


def end_with(failures: list[tuple[str, str]]) -> None:
    """Name the stages that failed, one a line, and leave with exit code 1 if there are any."""
    for stage, reason in failures:
        print_note(f"aet: stage {stage} failed: {reason}")
    if failures:
        raise typer.Exit(FAILED)


def _facts(done: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if done.set_aside is not None:
        facts["set_aside"] = str(done.set_aside)
    if done.projection_r:
        facts["r_factor"] = round(done.r_mean, 6)
        if not done.config.from_counts:
            facts["peaks"] = done.n_peaks
    if done.warnings:
        facts["warnings"] = done.warnings
    if done.has_model:
        facts["atoms"] = len(done.model)
    if done.detection is not None:
        long = ("projections", "rounds", "r_free_images", "areas")
        facts["detection"] = {k: v for k, v in done.detection.items() if k not in long}
    if done.refinement is not None:
        facts["refinement"] = done.refinement
    facts |= done.structure_summary or {}
    if done.config.input.areas and done.projection_r:
        facts["r_factors"] = {str(area): round(r, 6) for area, r in done.r_factors.items()}
    return facts


def _deposited(done: Run, bank: Path, failures: list[tuple[str, str]]) -> dict[str, Any]:
    import mdb
    from aet_port.workflow.deposit import deposit_run

    try:
        with mdb.Bank(bank) as opened:
            stored = deposit_run(opened, done)
    except AetError as error:
        if not failures:
            raise
        failures.append(("deposit", " ".join(str(error).split())))
        return {}
    return {"bank": str(bank), "model": stored.id, "new": stored.new}


def _reported(
    done: Run, target: Path, config: Path, failures: list[tuple[str, str]]
) -> dict[str, Any]:
    from aet_port.reporting.build import write_report
    from aet_port.reporting.run import read_run
    from matlab_reference import resolve_reference

    try:
        content = read_run(done.folder.root, config, resolve_reference, structure=done.structure)
        write_report(target, content)
    except AetError as error:
        failures.append(("report", " ".join(str(error).split())))
        return {}
    return {"report": str(target)}
