"""The command ``aet report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aet_port.core.console import Json, report
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.reporting.content import ReportContent

ReadEntry = Callable[[Path, str | None, int | None], ReportContent]
SUFFIXES = (".html", ".htm")


def report_command(read_entry: ReadEntry, resolve: Callable[[str], Path]) -> Callable[..., None]:
    """The command, for banks that ``read_entry`` can read.

    Parameters
    ----------
    read_entry
        What a report shows of a bank's model, by the bank's path, the model and the analysis.
    resolve
        Turns what stands behind ``reference:`` in a configuration into a path.
    """

    def command(
        source: Annotated[Path, typer.Argument(metavar="RUN|BANK", help="Run folder, or a bank.")],
        output: Annotated[Path, typer.Option("-o", "--output", help="Page: .html.")],
        model: Annotated[
            str | None, typer.Argument(help="Model of the bank, such as TaXX00001.")
        ] = None,
        analysis: Annotated[
            int | None, typer.Option(help="Of the bank; the newest that passed unless given.")
        ] = None,
        config: Annotated[
            Path | None,
            typer.Option(help="Of the run, where it does not lie beside the run folder."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """One page of a run or of a bank's model: figures, tables, views that turn."""
        # Matplotlib and plotly, slow to import
        from aet_port.reporting.build import write_report
        from aet_port.reporting.run import read_run

        check_target(output, SUFFIXES)
        if source.is_dir():
            if model is not None or analysis is not None:
                given = repr(model) if model is not None else f"--analysis {analysis}"
                raise InputError("MODEL", f"{given} for the run folder {source}", "a bank, or none")
            content = read_run(source, config, resolve)
        else:
            if config is not None:
                raise InputError("--config", f"{config} for the bank {source}", "a run folder")
            content = read_entry(source, model, analysis)
        write_report(output, content)
        facts = {
            "report": str(output),
            "title": content.title,
            "atoms": len(content.atoms),
            "megabytes": round(output.stat().st_size / 1e6, 2),
            "left_out": sorted(content.missing),
        }
        report(as_json, f"aet report {source}", facts)

    return command
