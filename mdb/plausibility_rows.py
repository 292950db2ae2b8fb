"""Rows of what speaks against a model, and of why figures of an analysis are not stated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyarrow as pa

from aet_port.structure import StructureResult
from mdb.plausible_places import ModelWarning

MOTIFS = "motifs"  # name of the reason why there are no motifs
ORDERS = "medium_range_order"  # and why there are no networks of solutes


def warning_tables(warnings: Sequence[ModelWarning]) -> dict[str, pa.Table]:
    """Rows of ``model_warning``; no table without warnings."""
    if not warnings:
        return {}
    columns = {
        "warning": pa.array(range(len(warnings)), pa.int32()),
        "kind": [one.kind for one in warnings],
        "text": [one.text for one in warnings],
        "atoms": pa.array([one.atoms for one in warnings], pa.int32()),
        "first_atom": pa.array([one.first for one in warnings], pa.int32()),
        "value": pa.array([_finite(one.value) for one in warnings], pa.float64()),
        "bound": pa.array([_finite(one.limit) for one in warnings], pa.float64()),
        "unit": [one.unit for one in warnings],
    }
    return {"model_warning": pa.table(columns)}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def reason_tables(found: StructureResult) -> dict[str, pa.Table]:
    """Rows of ``measure_reason``; no table where everything is stated."""
    reasons = {} if found.order is None else found.order.every_reason()
    if found.motifs_reason is not None:
        reasons[MOTIFS] = found.motifs_reason
    if found.solutes_reason is not None:
        reasons[ORDERS] = found.solutes_reason
    if not reasons:
        return {}
    names = sorted(reasons)
    return {
        "measure_reason": pa.table({"name": names, "reason": [reasons[name] for name in names]})
    }
