"""The figures that the two papers state or deposit, as a table."""

from __future__ import annotations

import csv
from pathlib import Path

from aet_port.validation.report import PublishedFigure

TABLE = Path(__file__).resolve().parent / "published.csv"
REPRODUCED = Path(__file__).resolve().parent / "reproduced.txt"


def read_published() -> dict[str, PublishedFigure]:
    """Every figure by its id, such as ``mg.face_fractions``, in the order of the table."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        row["id"]: PublishedFigure(
            id=row["id"],
            sample=row["sample"],
            where=f"{row['paper']} paper, {row['where']}",
            quantity=row["quantity"],
            values=tuple(float(value) for value in row["value"].split(";")),
            unit=row["unit"],
            note=row["note"],
            stated=row["stated"] == "yes",
            needs=row["needs"],
        )
        for row in rows
    }


def read_reproduced() -> frozenset[str]:
    """Ids of the figures that were reproduced when the list was made, and so must stay so."""
    return frozenset(REPRODUCED.read_text(encoding="utf-8").split())
