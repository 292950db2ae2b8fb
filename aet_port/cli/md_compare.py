"""``aet md compare``: an experiment compared with a quench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile
from aet_port.cli.numbers import number
from aet_port.cli.options import FigureFormat, Figures
from aet_port.cli.side_by_side_table import print_side_by_side
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_NUMBER
from aet_port.core.terminal import line_width, print_line

if TYPE_CHECKING:
    from md_sim.comparison import Comparison

SIDE_BY_SIDE = "experiment-and-quench"  # a named query
_LABEL, _COLUMN = 40, 10  # characters that names and one snapshot take


@table_options
def compare_command(
    run: Annotated[
        str, typer.Argument(help="Folder of a quench, or number of its run in the bank.")
    ],
    bank: BankFile,
    model: Annotated[
        str | None,
        typer.Option(help="Id of the experimental model; the newest of the element unless given."),
    ] = None,
    analysis: Annotated[
        int | None,
        number("Number of the model's analysis; the newest unless given.", ge=1, le=LARGEST_NUMBER),
    ] = None,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    table: Annotated[
        bool,
        typer.Option(
            "--table",
            help="One small table instead: a line for each measured model of the run's species, "
            "or for --model, and for each snapshot.",
        ),
    ] = False,
    form: TableForm = AS_TEXT,
) -> None:
    """Compare an experimental model with every snapshot of a quench.

    Also tells at which temperature the quench is most like the experiment.
    """
    from md_sim.comparison import compare
    from md_sim.comparison_choice import check_analysed, newest_experiment, run_of_folder

    if figures is not None:
        check_target(figures / f"pdf.{figure_format}", (".png", ".svg"))
    if table:
        for option, value in {"--figures": figures, "--analysis": analysis}.items():
            if value is not None:
                raise InputError("--table", f"it beside {option}", "one of them")
    with mdb.Bank(bank, read_only=True) as opened, opened.held():
        # A folder may have a number for its name.
        numbered = run.isdecimal() and not Path(run).is_dir()
        number = int(run) if numbered else run_of_folder(opened, run)
        if table:
            check_analysed(opened, number)
            rows = opened.query(SIDE_BY_SIDE, run=number, model=model).to_pylist()
            if not form.taken(rows):
                print_side_by_side(rows)
            return
        name = newest_experiment(opened, number) if model is None else model
        found = compare(opened, name, number, analysis)
        written = [] if figures is None else _draw(opened, found, figures, figure_format)
    content = found.plain() | {"figures": [str(path) for path in written]}
    if form.taken(content["snapshots"], content):
        return
    _show(found)
    for path in written:
        print_line(str(path))


def _draw(bank: mdb.Bank, found: Comparison, folder: Path, form: str) -> list[Path]:
    from md_sim.comparison_figures import write_comparison_figures

    return write_comparison_figures(bank, found, folder, form)


def _show(found: Comparison) -> None:
    title = f"{found.experiment.model_id} ({found.experiment.name}) beside run {found.run_name}"
    width = line_width()
    fit = len(found.points) if width is None else max(1, (width - _LABEL) // _COLUMN)
    for start in range(0, len(found.points), fit):
        shown = found.points[start : start + fit]
        print_rows(found.columns(shown), found.rows(shown), title)
    columns = ("most like the experiment by", "experiment", "quench", "at")
    print_rows(columns, found.likeness_rows())
    for name, why in found.left_out.items():
        print_line(f"left out: {name}: {why}")
