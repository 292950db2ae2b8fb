"""Rows of what speaks against a model, and of why figures of an analysis are not stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from aet_port.structure import StructureResult
from mdb.bank import Bank
from mdb.plausible_places import ModelWarning

MOTIFS = "motifs"  # name of the reason why there are no motifs
_WARNINGS = """
SELECT kind, text, atoms, first_atom, value, bound, unit FROM model_warning
WHERE model_id = $model ORDER BY warning
"""
_REASONS = """
SELECT analysis_id, name, measure_reason.reason FROM measure_reason JOIN analysis USING (analysis_id)
WHERE model_id = $model ORDER BY analysis_id, name
"""
_FILES = """
SELECT count(*) AS files, count_if(verified) AS verified, count(verified) AS looked_at
FROM provenance WHERE model_id = $model
"""


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
    if not reasons:
        return {}
    names = sorted(reasons)
    return {
        "measure_reason": pa.table({"name": names, "reason": [reasons[name] for name in names]})
    }


def model_warnings(bank: Bank, model: str) -> list[dict[str, Any]]:
    """What spoke against a model when it was deposited, as stored."""
    return list(bank.sql(_WARNINGS, {"model": model}).to_pylist())


def measure_reasons(bank: Bank, model: str) -> list[dict[str, Any]]:
    """Why figures of the analyses of a model are not stated, as stored."""
    return list(bank.sql(_REASONS, {"model": model}).to_pylist())


def verified_files(bank: Bank, model: str) -> str | None:
    """How many files of a model were compared with their recorded hashes; None if it has none."""
    (found,) = bank.sql(_FILES, {"model": model}).to_pylist()
    if not found["files"]:
        return None
    if not found["looked_at"]:
        return f"not recorded ({found['files']} files)"
    return f"{found['verified']} of {found['files']} files"
