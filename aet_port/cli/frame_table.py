"""The table of ``aet analyze --frame all``: a row for each frame of a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aet_port.core.console import print_rows

COLUMNS = (
    "frame",
    "timestep",
    "atoms",
    "delta",
    "cutoff",
    "tetrahedra",
    "crystalline_fraction",
    "peak_1",
    "coordination_number",
    "mean_order",
    "mean_density",
    "model",
)


def print_frames(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what analyses of all frames have in common.

    Parameters
    ----------
    title
        Line above the table.
    rows
        Facts and summary of each analysis; JSON, CSV and Parquet hold all of them.
    """
    flat = [{**row, **row.get("short_range_order", {})} for row in rows]
    names = [name for name in COLUMNS if any(name in row for row in flat)]
    print_rows(names, [[row.get(name) for name in names] for row in flat], title)
