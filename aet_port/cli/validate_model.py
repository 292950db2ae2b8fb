"""``aet validate-model``: halves of the data and null models against the model of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aet_port.cli.options import Threads, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.terminal import print_line
from aet_port.validation.settings import CompareSettings, HalfSetSettings

if TYPE_CHECKING:
    from aet_port.workflow.validate_model import ModelValidation

CHECK_FAILED = 1


@settings_options()
@table_options
def validate_model_command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished run, atoms from counts.")
    ],
    settings: HalfSetSettings,
    comparison: CompareSettings,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of the run, if it has been moved.")
    ] = None,
    threads: Threads = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Validate the model of a run without knowing the truth.

    Two halves of the images are searched independently: common atoms, expected errors, estimated
    recall, Fourier shell correlation. Each half's atoms must describe the other half's images
    better than null models do: shuffled species, a random packing, displaced atoms. The exit code
    is 1 if one of them is not rejected. validation.json in the run folder holds the results.
    """
    from aet_port.workflow.validate_model import validate_run
    from matlab_reference import resolve_reference

    done = validate_run(
        run,
        settings,
        config,
        radius=comparison.radius,
        resolve=resolve_reference,
        threads=threads,
        progress=form.for_people,
    )
    summary = done.summary()
    nulls = [{"null_model": name} | one for name, one in summary["null_models"].items()]
    if not form.taken(nulls, summary):
        _print(run, done)
    if not done.passed:
        raise typer.Exit(CHECK_FAILED)


def _print(run: Path, done: ModelValidation) -> None:
    halves, recall = done.halves, done.halves.recall
    first, second = halves.found_of_other
    low, high = recall.interval
    facts = {
        "atoms of all data, of the halves": f"{len(halves.full)}; {len(halves.first)}, "
        f"{len(halves.second)}",
        "common to the halves": f"{halves.matching.matched}: {100 * first:.1f} % of the second, "
        f"{100 * second:.1f} % of the first",
        "estimated recall": f"{100 * recall.recall:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
        "estimated recall of the halves": ", ".join(f"{100 * one:.1f} %" for one in recall.halves),
        "RMSD between the halves": f"{halves.matching.rmsd_pm:.1f} pm",
        "expected error, common atoms": f"{halves.common_error_pm:.1f} pm",
        "expected error, all atoms": _number(halves.expected_error_pm, "{:.1f} pm"),
        "errors relative to those stated": _number(halves.error_ratio, "{:.2f}"),
        "same species in both": _number(halves.same_species, "{:.2%}"),
        "resolution (correlation 0.5; 0.143)": f"{halves.resolution(0.5):.2f}; "
        f"{halves.resolution(0.143):.2f} A",
        "R1 of unseen images": f"{100 * halves.r_free().mean():.2f} %",
    }
    if done.true is not None:
        facts["true recall, RMSD"] = (
            f"{100 * done.true['recall']:.1f} %, {done.true['rmsd_pm']:.1f} pm"
        )
    print_facts(False, f"aet validate-model {run}", facts)
    rows = [
        (
            one.name,
            _number(one.r_free, "{:.2%}"),
            _number(one.t, "{:.1f}"),
            _number(one.p, "{:.1e}"),
            {True: "yes", False: "no", None: "not tested"}[one.rejected],
        )
        for one in done.nulls
    ]
    print_rows(("null model", "R1 of unseen images", "t", "p", "rejected"), rows)
    for warning in done.warnings:
        print_line(f"warning: {warning}")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
