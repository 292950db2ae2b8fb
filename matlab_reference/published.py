"""Table of the figures that the two papers state or deposit."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "published.csv"
REPRODUCED = Path(__file__).resolve().parent / "reproduced.txt"


@dataclass(frozen=True)
class PublishedFigure:
    """A figure (or a few of one kind) that a paper states.

    Attributes
    ----------
    id
        Sample and quantity, such as ``mg.face_fractions``.
    sample
        Specimen or simulation.
    where
        Paper and place in it.
    quantity
        Quantity that is stated.
    values
        The figures.
    unit
        Their unit; empty for a pure number.
    note
        Remarks.
    stated
        Whether a paper states it; otherwise it is taken from the deposited data, or zero for a
        difference from them.
    needs
        Requirements of its computation beyond the usually available files, if any: an option of
        ``aet validate``, or files.
    """

    id: str
    sample: str
    where: str
    quantity: str
    values: tuple[float, ...]
    unit: str
    note: str
    stated: bool = True
    needs: str = ""


def read_published() -> dict[str, PublishedFigure]:
    """Read every figure by its id, such as ``mg.face_fractions``, in the order of the table."""
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
    """Ids of the figures that were reproduced when the list was made and must remain so."""
    return frozenset(REPRODUCED.read_text(encoding="utf-8").split())
