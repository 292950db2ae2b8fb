"""Table of the figures that the two papers state or deposit."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from aet_port.core.errors import DataFileError

Agreement = Literal["computed", "recipe chosen here", "read", "differs", "not attempted"]
AGREEMENTS: tuple[Agreement, ...] = get_args(Agreement)
REPRODUCED: tuple[Agreement, ...] = AGREEMENTS[:3]  # in agreement, each for a reason of its own
MEANINGS: dict[Agreement, str] = {
    "computed": "from inputs, by a recipe that the papers or their code state",
    "recipe chosen here": "computed by a recipe chosen here, the papers stating none: often among "
    "several, after their figure was known",
    "read": "a count, a setting, or the authors' own files compared with each other",
    "differs": "computed, by more than the tolerance from what is published",
    "not attempted": "needs an option, files or a run, as the row says",
}
TABLE = Path(__file__).resolve().parent / "published.csv"
REPRODUCED_LIST = Path(__file__).resolve().parent / "reproduced.txt"


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
    agreement
        Class of the figure with all samples and options, a value of ``AGREEMENTS``.
    recipe
        For a computed figure the section of the paper and the code that it follows; for one by a
        recipe chosen here that recipe and what others give; for one that is read its source.
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
    agreement: Agreement = "not attempted"
    recipe: str = ""


def read_published() -> dict[str, PublishedFigure]:
    """Read every figure by its id, such as ``mg.face_fractions``, in the order of the table.

    Raises
    ------
    DataFileError
        If a row has no known class of agreement.
    """
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
            agreement=_agreement(row),
            recipe=row["recipe"],
        )
        for row in rows
    }


def _agreement(row: dict[str, str]) -> Agreement:
    if row["agreement"] not in AGREEMENTS:
        expected = ", ".join(AGREEMENTS)
        raise DataFileError(TABLE, f"{row['id']}: agreement {row['agreement']!r}", expected)
    return cast(Agreement, row["agreement"])


def read_reproduced(samples: Collection[str] | None = None) -> frozenset[str]:
    """Ids of the figures that were reproduced when the list was made and must remain so.

    Parameters
    ----------
    samples
        Samples whose models are at hand; a figure of several needs all of them. All unless given.
    """
    found = []
    for line in REPRODUCED_LIST.read_text(encoding="utf-8").splitlines():
        name, _, needed = line.partition(": ")
        if (
            name
            and not name.startswith("#")
            and (samples is None or set(needed.split(",")) <= set(samples))
        ):
            found.append(name)
    return frozenset(found)
