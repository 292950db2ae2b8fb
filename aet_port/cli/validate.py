"""``aet validate``: published values beside computed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.files import check_target, write_whole
from aet_port.core.terminal import print_line, print_note

CHECK_FAILED = 1
SIMULATION = "MD Ta"
TITLE = "Published and computed figures"


@table_options
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
    form: TableForm = AS_TEXT,
) -> None:
    """Compare published values with computed ones.

    Each row has a class: computed by a recipe that the papers state; by a recipe chosen here; read
    from the authors' files; differs; not attempted. The exit code is 1 if a value that agreed
    before differs now.
    """
    from aet_port.validation.published_table import (
        BRIEF,
        Computed,
        build_report,
        check_samples,
        headline,
        html_page,
        summary,
    )
    from aet_port.validation.published_values import published_figures
    from matlab_reference import golden_path, locate_reference
    from matlab_reference.published import MEANINGS, read_published, read_reproduced
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
            locate_reference, golden_path, samples, exact=exact, progress=form.for_people
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
    records = [row.plain() for row in rows]
    facts = {**totals["all"], "stated": totals["stated in the papers"]}
    if not form.taken(records, {"rows": records, **facts, "lost": lost}):
        print_rows(BRIEF, [row.brief() for row in rows], "aet validate")
        for row in rows:
            if row.status not in ("computed", "read"):
                print_line(f"{row.id} {row.status}: {row.remark}")
        heads = ("figures", *totals["all"])
        print_rows(heads, [(name, *some.values()) for name, some in totals.items()])
        for name, meaning in MEANINGS.items():
            print_line(f"{name}: {meaning}")
        print_line(headline(rows))
    if lost:
        print_note(f"aet: no longer in agreement: {', '.join(lost)}")
        raise typer.Exit(CHECK_FAILED)
