"""What speaks against a model, as a table of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aet_port.core.atomic_model import AtomicModel
from aet_port.reporting.content import Table
from mdb.plausibility import Expected, implausible
from mdb.records import Details, Reconstruction

TITLE = "Plausibility of the model"


def plausibility_tables(warnings: Sequence[Mapping[str, Any]]) -> list[Table]:
    """A table of the warnings about a model; none without warnings."""
    rows = [(one["kind"], one["atoms"] or "model", one["text"]) for one in warnings]
    return [Table(TITLE, ("warning", "atoms", ""), rows)] if rows else []


def plausibility_of(
    model: AtomicModel,
    details: Details | None,
    reconstruction: Reconstruction | None,
    expected: Expected,
) -> list[Table]:
    """A table of what a deposit of a model would warn of (:func:`mdb.plausibility.implausible`)."""
    found = implausible(model, details, reconstruction, expected)
    return plausibility_tables([asdict(one) for one in found])
