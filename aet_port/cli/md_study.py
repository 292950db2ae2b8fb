"""``aet md analyze``: the structure of every snapshot of a quench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import Scheduler, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.limits import MOST_PROCESSES
from aet_port.core.terminal import print_line
from aet_port.structure.settings import OF_DRAWS, AnalyzeSettings

if TYPE_CHECKING:
    from md_sim.snapshot_study import Study, StudyRow


@settings_options(leave_out={"settings": OF_DRAWS})
@table_options
def analyze_quench_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a quench, finished or not.")],
    settings: AnalyzeSettings,
    bank: Annotated[
        Path | None,
        typer.Option(help="DuckDB file of the bank; md.bank in the folder unless given."),
    ] = None,
    workers: Annotated[
        int,
        number("Number of processes; each takes 0.6 GB for 31,250 atoms.", ge=1, le=MOST_PROCESSES),
    ] = 1,
    scheduler: Scheduler = None,
    sample: Annotated[
        str | None, typer.Option(help="Name of the sample; 'MD' and the element unless given.")
    ] = None,
    require_glass: Annotated[
        bool, typer.Option("--require-glass", help="Fail if the last snapshot is crystalline.")
    ] = False,
    form: TableForm = AS_TEXT,
) -> None:
    """Analyse the structure of every snapshot of a quench and store it in a bank.

    An interrupted analysis continues where it stopped.
    """
    from md_sim.crystals import refuse_crystal
    from md_sim.quenches import read_quench
    from md_sim.snapshot_study import study

    found = study(
        read_quench(folder, finished=False),
        folder / "md.bank" if bank is None else bank,
        **settings.model_dump(exclude=set(OF_DRAWS)),
        workers=workers,
        scheduler=scheduler,
        sample=sample,
        show_progress=form.for_people,
    )
    summary = found.summary()
    if not form.taken(summary["snapshots"], summary):
        _print_study(found)
    last = found.rows[-1]
    if require_glass and last.found is not None:
        refuse_crystal(last.found.crystal, f"{found.sample} at {last.temperature:.0f} K")
    if found.failed:
        raise typer.Exit(1)


_COLUMNS = (
    *("T, K", "model", "cut-off", "triplets", "4-fold", "5-fold", "6-fold", "theta"),
    *("largest networks", "share", "spans", "icosahedra", "crystal"),
)
_MEANING = (
    "Motifs per atom; theta in degrees; share of the pentagonal bipyramids in the largest",
    "network; icosahedra: atoms that cap twelve; crystal: fraction of crystalline atoms.",
)


def _print_study(found: Study) -> None:
    rows = [_cells(row) for row in found.rows]
    print_rows(_COLUMNS, rows, f"aet md analyze: {found.sample}, run {found.run} of {found.bank}")
    print_line(
        "Motifs per atom; theta in degrees; share of the pentagonal bipyramids in the largest"
    )
    print_line(
        "network; icosahedra: atoms that cap twelve; crystal: fraction of crystalline atoms."
    )
    if found.transition is not None:
        glass = found.transition
        print_line(
            f"Glass transition {glass.temperature:.0f} +- {glass.uncertainty:.0f} K, lines fitted "
            f"at {_window(glass.glass_window)} and {_window(glass.liquid_window)} K"
        )
    for remark in found.remarks:
        print_line(f"Note: {remark}")


def _window(window: tuple[float, float]) -> str:
    return f"{window[0]:.0f}-{window[1]:.0f}"


def _cells(row: StudyRow) -> list[Any]:
    start = [f"{row.temperature:.0f}", row.model or "-"]
    if row.found is None:
        return [*start, "failed", *[""] * (len(_COLUMNS) - 3)]
    found = row.found
    return [
        *start,
        f"{found.cutoff:.2f}",
        *(f"{found.motifs[fold]:.3f}" for fold in (3, 4, 5, 6)),
        "-" if found.theta is None else f"{found.theta:.2f}",
        ", ".join(map(str, found.largest)),
        "-" if found.share is None else f"{found.share:.4f}",
        "yes" if found.spanning else "no",
        found.sites[-1],
        f"{found.crystal.fraction:.4f}" + ("" if found.crystal.templates else " (bond order)"),
    ]
