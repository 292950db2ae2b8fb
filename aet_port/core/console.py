"""Output of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

from aet_port.core.display import count
from aet_port.core.records import without_nan
from aet_port.core.terminal import line_width, print_line, write
from aet_port.core.text_table import TextTable, number_text

INDENT = "  "
LONGEST_LINE = 60  # characters of a mapping in one line
LONGEST_LIST = 20  # entries of a list that are shown
DEEPEST = 2  # mappings in mappings of which only the number of entries is said


def print_json(content: Any) -> None:
    """Print ``content`` as JSON; NaN becomes null, other types that JSON lacks become text."""
    write(json.dumps(without_nan(content), indent=1, default=_plain, allow_nan=False) + "\n")


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table with column headings, its numbers rounded, and an empty line after it."""
    if title:
        print_line(title)
    right = [_are_numbers(cells) for cells in zip(*rows, strict=True)]
    table = TextTable(columns, right or [False] * len(columns), line_width())
    for line in table.lines([list(zip(*(map(_text, row) for row in rows), strict=True))]):
        write(line + "\n")
    write("\n")


def print_facts(as_json: bool, title: str, facts: Mapping[str, Any]) -> None:
    """Print named results as a two-column table or as JSON.

    In the table a mapping that is too long for a line has rows of its own below its name, and of a
    long list only the number of entries is said.
    """
    if as_json:
        print_json(facts)
        return
    rows = [row for name, value in facts.items() for row in _fact_rows(name, value)]
    print_rows(("", ""), rows, title)


def print_stages(stages: Sequence[Mapping[str, Any]]) -> None:
    """Print time and memory of each stage of a run."""
    rows = [(s["stage"], f"{s['seconds']:.1f}", f"{s['peak_gb']:.2f} GB") for s in stages]
    print_rows(("stage", "seconds", "peak memory"), rows)


def _plain(value: Any) -> Any:
    """Numbers of other libraries as numbers, all else as text."""
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else without_nan(float(value))
    return without_nan(value.tolist()) if hasattr(value, "tolist") else str(value)


def _are_numbers(cells: Sequence[Any]) -> bool:
    known = [one for one in cells if one is not None and one != ""]
    return bool(known) and all(isinstance(one, Real) and not isinstance(one, bool) for one in known)


def _text(value: Any) -> str:
    """A cell: a rounded number, nothing for None and NaN."""
    if value is None or (isinstance(value, Real) and value != value):
        return ""
    if isinstance(value, float):
        return number_text(value)
    return json.dumps(_rounded(value)) if isinstance(value, dict | list) else str(value)


def _fact_rows(name: str, value: Any, depth: int = 0) -> list[tuple[str, str]]:
    """Rows of one result."""
    shown = INDENT * depth + name
    if not isinstance(value, Mapping):
        texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        cells = [*value] if texts and value else [_fact(value)]
        return [(shown if place == 0 else "", cell) for place, cell in enumerate(cells)]
    line = ", ".join(f"{key} {_fact(one)}" for key, one in value.items())
    flat = not any(isinstance(one, Mapping) for one in value.values())
    if flat and len(line) <= LONGEST_LINE:
        return [(shown, line)]
    if depth == DEEPEST:
        return [(shown, count(len(value), "entry", "entries"))]
    below = [row for key, one in value.items() for row in _fact_rows(str(key), one, depth + 1)]
    return [(shown, ""), *below]


def _fact(value: Any) -> str:
    if isinstance(value, float | str):
        return _text(value)
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        nested = any(isinstance(one, Mapping) for one in value)
        if nested or len(value) > LONGEST_LIST:
            return count(len(value), "entry", "entries")
    return json.dumps(_rounded(value))


def _rounded(content: Any) -> Any:
    """Lists and mappings with rounded numbers."""
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return float(number_text(content)) if isinstance(content, float) else content
