"""``aet report``: an HTML page on a run or on a model of a bank, or pages of a whole bank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import Json
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_NUMBER

SUFFIXES = (".html", ".htm")


def report_command(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|BANK", help="Run folder, or DuckDB file of a bank.")
    ],
    model: Annotated[
        str | None, typer.Argument(help="Id of the model in the bank, such as TaXX00001.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="HTML page; report.html in the run folder unless given. Of a bank also a folder: "
            "an index, and a page for each entry.",
        ),
    ] = None,
    analysis: Annotated[
        int | None,
        number(
            "Number of the analysis in the bank; the newest unless given.", ge=1, le=LARGEST_NUMBER
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of the run, if it has been moved."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page on a run or a model: figures, tables and interactive 3D views.

    RUN is a folder that `aet run`, `demo`, `precision` or `scoreboard` made, finished or not.
    With a folder as --output, all entries of a bank become pages, with an index to search and sort.
    """
    from aet_port.reporting.build import write_report

    target = output if output is not None else source / "report.html"
    if source.is_dir():
        from aet_port.reporting.run import read_run
        from matlab_reference import resolve_reference

        check_target(target, SUFFIXES)
        if model is not None or analysis is not None:
            given = repr(model) if model is not None else f"--analysis {analysis}"
            raise InputError("MODEL", f"{given} for the run folder {source}", "none, or a bank")
        content = read_run(source, config, resolve_reference)
    else:
        from aet_port.reporting.bank import read_entry_report

        if output is None:
            expected = "-o PAGE.html for a model of a bank, -o FOLDER for all"
            raise InputError("--output", "none", expected)
        if config is not None:
            raise InputError("--config", f"{config} for the bank {source}", "a run folder")
        if model is None and analysis is None and (output.is_dir() or not output.suffix):
            _write_site(source, output, as_json)
            return
        check_target(target, SUFFIXES)
        content = read_entry_report(source, model, analysis)
    write_report(target, content)
    facts = {
        "report": str(target),
        "title": content.title,
        "atoms": 0 if content.atoms is None else len(content.atoms),
        "megabytes": round(target.stat().st_size / 1e6, 2),
        "left_out": sorted(content.missing),
    }
    print_facts(as_json, f"aet report {source}", facts)


def _write_site(bank: Path, folder: Path, as_json: bool) -> None:
    from aet_port.reporting.bank_site import write_bank_site

    index = write_bank_site(bank, folder, progress=not as_json)
    facts = {"index": str(index), "pages": len(list(folder.glob("*.html"))) - 1}
    print_facts(as_json, f"aet report {bank}", facts)
