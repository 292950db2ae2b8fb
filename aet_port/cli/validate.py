"""``aet validate``: published values beside computed ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.options import Json
from aet_port.core.console import print_json, print_rows
from aet_port.core.files import check_target, write_whole

CHECK_FAILED = 1
SIMULATION = "MD Ta"
TITLE = "Published and computed figures"


def validate_command(
    sample: Annotated[
        list[str] | None, typer.Option(help="Validate only this sample; may be repeated.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the table as an HTML page.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Also compute the values that take a minute or more.")
    ] = False,
    quench: Annotated[
        Path | None,
        typer.Option(help="Folder that `aet md quench --preset ta-paper` has made."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare published values with computed ones.

    The exit code is 1 if a value that was reproduced before differs now.
    """
    from aet_port.validation.published_table import (
        BRIEF,
        Computed,
        build_report,
        check_samples,
        html_page,
        summary,
    )
    from aet_port.validation.published_values import published_figures
    from matlab_reference import golden_path, locate_reference
    from matlab_reference.published import read_published, read_reproduced
    from md_sim.published_quench import quench_figures

    if html is not None:
        check_target(html, (".html",))
    figures = read_published()
    samples = check_samples(figures, sample)
    computed: dict[str, Computed] = {}
    missing: dict[str, str] = {}
    if SIMULATION in samples:
        computed |= dict(quench_figures(quench))
    if set(samples) != {SIMULATION}:
        found = published_figures(
            locate_reference, golden_path, samples, exact=exact, progress=not as_json
        )
        computed |= found.computed
        missing = found.reasons()
    given = [name for name, on in (("--exact", exact), ("--quench", quench)) if on]
    rows = build_report(figures, computed, samples, missing, given)
    kept = read_reproduced()
    lost = [row.id for row in rows if row.status == "differs" and row.id in kept]
    totals = summary(rows)
    if html is not None:
        page = html_page(rows, TITLE)
        write_whole(html, lambda partial: partial.write_text(page, encoding="utf-8"))
    if as_json:
        facts = {**totals["all"], "stated": totals["stated in the papers"]}
        print_json({"rows": [row.plain() for row in rows], **facts, "lost": lost})
    else:
        print_rows(BRIEF, [row.brief() for row in rows], "aet validate")
        for row in rows:
            if row.status != "reproduced":
                print(f"{row.id} {row.status}: {row.why}")
        heads = ("figures", *totals["all"])
        print_rows(heads, [(name, *some.values()) for name, some in totals.items()])
    if lost:
        print(f"aet: no longer reproduced: {', '.join(lost)}", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)
