"""The intervals of a structure analysis as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aet_port.core.console import print_facts, print_rows
from aet_port.core.terminal import print_line

if TYPE_CHECKING:
    from aet_port.structure.intervals import Interval, Intervals

HEADS = ("", "value", "drawn: mean", "95 %", "no errors", "remark")


def print_intervals(intervals: Intervals, of: str = "") -> None:
    """Print the intervals of an analysis as a table, and their warnings."""
    title = f"{intervals.samples} models drawn from the uncertainties of the atoms{of}"
    print_facts(False, title, {"errors": intervals.errors, "seed": intervals.seed})
    print_rows(HEADS, [_row(row) for row in intervals.main])
    print_line(
        "no errors: estimate without position errors, where they shift the mean and it is stable;"
        " standard error up to twice that of the drawn models (sd in --json)"
    )
    for warning in intervals.warnings:
        print_line(warning)


def _row(row: Interval) -> tuple[str, ...]:
    unit = "" if row.unit == "1" else f" ({row.unit})"
    low, high = _text(row.low), _text(row.high)
    between = "-" if low == "-" else f"{low} to {high}"
    numbers = (_text(row.value), _text(row.mean), between, _text(row.extrapolated))
    return (row.name.replace("_", " ") + unit, *numbers, row.remark)


def _text(value: float) -> str:
    return "-" if value != value else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
