"""Measured models and the snapshots of a quench, a line each, as commands print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aet_port.core.terminal import line_width, print_line, write
from aet_port.core.text_table import TextTable

# Headings, at most 80 characters with the gaps; the shares are in per cent of all motifs.
HEADS = (
    *("model", "kind", "T, K", "3, %", "4, %", "5, %", "6, %", "7-8"),
    *("theta", "network", "CN", "Tg, K"),
)
KINDS = {"experiment": "exp.", "md_snapshot": "MD", "synthetic": "syn."}
_TITLE = (
    "Shares of motifs of 3 to 8 tetrahedra (5: pentagonal bipyramids); mean theta,",
    "degrees; largest pentagonal network, bipyramids; mean coordination number of",
    "disordered atoms below the surface; glass transition of the run.",
)


def print_side_by_side(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows of the named query ``experiment-and-quench``, what they are, and remarks."""
    for line in _TITLE:
        print_line(line)
    texts = list(zip(*map(_cells, rows), strict=True))
    table = TextTable(HEADS, [name not in ("model", "kind") for name in HEADS], line_width())
    for line in table.lines([texts]):
        write(line + "\n")
    write("\n")
    if any(row["spanning"] for row in rows):
        print_line("* reaches itself across the periodic box: its size is that of the box")
    for row in rows:
        if row["kind"] != "md_snapshot":
            name = Path(row["name"]).name  # of a file: its folder would only take room
            print_line(f"{row['model_id']}: {name}, {row['n_atoms']} atoms")
    for run in sorted({row["md_run_id"] for row in rows if row["md_run_id"] is not None}):
        of = [row for row in rows if row["md_run_id"] == run]
        print_line(f"MD: run {run}, {of[0]['run']}, {of[0]['n_atoms']} atoms")
    if len({row["delta"] for row in rows}) > 1:
        found = ", ".join(f"{one:g}" for one in sorted({row["delta"] for row in rows}))
        print_line(f"analysed with different delta ({found}): the motifs are not comparable")


def _cells(row: Mapping[str, Any]) -> list[str]:
    seven, eight = row["fraction_7"], row["fraction_8"]
    shares = [row[f"fraction_{fold}"] for fold in range(3, 7)]
    shares.append(None if seven is None else seven + eight)
    network = row["largest_network"]
    return [
        row["model_id"],
        KINDS[row["kind"]],
        _number(row["temperature"], 0),
        *(_number(None if share is None else 100 * share, 1) for share in shares),
        _number(row["theta"], 2),
        "" if network is None else f"{network}{'*' if row['spanning'] else ''}",
        _number(row["coordination_number"], 2),
        _number(row["glass_transition"], 0),
    ]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
