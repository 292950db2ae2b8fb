"""Output of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aet_port.core.records import without_nan


def print_json(content: Any) -> None:
    """Print ``content`` as JSON; NaN becomes null, other types that JSON lacks become text."""
    print(json.dumps(without_nan(content), indent=1, default=str, allow_nan=False))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table with column headings."""
    table = Table(title=title or None, title_justify="left")
    for heading in columns:
        table.add_column(Text(heading), overflow="fold")
    _print(table, rows)


def print_facts(as_json: bool, title: str, facts: Mapping[str, Any]) -> None:
    """Print named results as a two-column table or as JSON."""
    if as_json:
        print_json(facts)
        return
    table = Table(title=Text(title), show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    _print(table, [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in facts.items()])


def _print(table: Table, rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        # Text, because rich would interpret brackets in a file name as markup.
        table.add_row(*(Text(str(value)) for value in row))
    Console().print(table)


def print_stages(stages: Sequence[Mapping[str, Any]]) -> None:
    """Print time and memory of each stage of a run."""
    rows = [(s["stage"], f"{s['seconds']:.1f}", f"{s['peak_gb']:.2f} GB") for s in stages]
    print_rows(("stage", "seconds", "peak memory"), rows)
