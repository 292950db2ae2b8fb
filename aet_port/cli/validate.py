"""The command ``aet validate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from aet_port.core.console import Json, print_json, print_rows
from aet_port.core.files import check_target, write_whole
from aet_port.validation.published_models import Find
from aet_port.validation.published_table import (
    BRIEF,
    Computed,
    PublishedFigure,
    build_report,
    check_samples,
    html_page,
    summary,
)
from aet_port.validation.published_values import published_figures

CHECK_FAILED = 1
SIMULATION = "MD Ta"
TITLE = "Published and computed figures"
QuenchFigures = Callable[[Path | None], Iterable[tuple[str, Computed]]]


def validate_command(
    find: Find,
    golden: Callable[[str], Path],
    published: Callable[[], Mapping[str, PublishedFigure]],
    reproduced: Callable[[], frozenset[str]],
    quench_figures: QuenchFigures,
) -> Callable[..., None]:
    """The command ``aet validate``.

    Parameters
    ----------
    find
        Path of a file of the published data by its parts.
    golden
        Path of a golden file by its name.
    published
        Reads the published figures.
    reproduced
        Reads the ids of those that must be reproduced.
    quench_figures
        Figures of a quench in a folder, or of the preset without one.
    """

    def validate(
        sample: Annotated[
            list[str] | None, typer.Option(help="Only this sample; may be repeated.")
        ] = None,
        html: Annotated[Path | None, typer.Option(help="Write the table as a page.")] = None,
        exact: Annotated[
            bool, typer.Option("--exact", help="Also what takes a minute or more.")
        ] = False,
        quench: Annotated[
            Path | None, typer.Option(help="Finished run of `aet md quench --preset ta-paper`.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Published figures beside computed ones; exit code 1 if one is no longer reproduced."""
        if html is not None:
            check_target(html, (".html",))
        figures = published()
        samples = check_samples(figures, sample)
        computed: dict[str, Computed] = {}
        missing: dict[str, str] = {}
        if SIMULATION in samples:
            computed |= dict(quench_figures(quench))
        if set(samples) != {SIMULATION}:
            found = published_figures(find, golden, samples, exact=exact, progress=not as_json)
            computed |= found.computed
            missing = found.reasons()
        given = [name for name, on in (("--exact", exact), ("--quench", quench)) if on]
        rows = build_report(figures, computed, samples, missing, given)
        kept = reproduced()
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

    return validate
