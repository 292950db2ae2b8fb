"""The section of a report on what the uncertainties of the atoms mean for the structure."""

from __future__ import annotations

from typing import Any

from aet_port.reporting.content import named
from aet_port.reporting.parts import Facts, Grid, Note, Part, Section
from aet_port.structure.intervals import Interval, Intervals

HEADS = ("quantity", "value", "mean", "sd", "2.5 %", "97.5 %", "without position errors", "remark")
EXPLAINED = (
    "Each drawn model keeps an atom with the probability that it exists, displaces it by its "
    "position error and draws its species. Position errors that the model has already are added "
    "once more: where the mean differs from the value, they shift the quantity; a value without "
    "errors lies about as far on the other side; it is extrapolated where that is stable, with a "
    "standard error of up to twice the standard deviation (sd). wide: value and interval span more "
    "than half of the value; shifted: the mean differs from the value by more than twice sd."
)


def interval_section(intervals: Intervals | None) -> list[Section]:
    """The section, or none for an analysis without intervals.

    Parameters
    ----------
    intervals
        Of the analysis.

    Notes
    -----
    MATLAB: none
    """
    if intervals is None:
        return []
    parts: list[Part] = [
        Facts(
            [
                ("drawn models", intervals.samples),
                ("uncertainties", intervals.errors),
                ("seed", intervals.seed),
            ]
        ),
        *(Note(warning) for warning in intervals.warnings),
        Grid(HEADS, [_row(row) for row in intervals.main]),
        Note(EXPLAINED),
    ]
    return [Section("intervals", "Intervals from the uncertainties of the atoms", parts)]


def _row(row: Interval) -> tuple[Any, ...]:
    numbers = (row.value, row.mean, row.sd, row.low, row.high, row.extrapolated)
    return (named(row.name, row.unit), *map(float, numbers), row.remark or "-")
