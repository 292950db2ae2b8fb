"""What commands print: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print machine-readable results.")]


def print_json(content: Any) -> None:
    """Print ``content`` as JSON; what JSON has no word for becomes text."""
    print(json.dumps(content, indent=1, default=str))


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table with a heading per column."""
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    Console().print(table)


def report(as_json: bool, title: str, facts: Mapping[str, Any]) -> None:
    """Print named results as a table of two columns, or as JSON."""
    if as_json:
        print_json(facts)
        return
    table = Table(title=title, show_header=False, title_justify="left")
    for key, value in facts.items():
        table.add_row(key, value if isinstance(value, str) else json.dumps(value))
    Console().print(table)


def print_stages(stages: Sequence[Mapping[str, Any]]) -> None:
    """Print what each stage of a run cost."""
    rows = [(s["stage"], f"{s['seconds']:.1f}", f"{s['peak_gb']:.2f} GB") for s in stages]
    print_rows(("stage", "seconds", "peak memory"), rows)
