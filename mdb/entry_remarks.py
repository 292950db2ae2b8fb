"""Warnings about a model, reasons of its analyses and its verified files, as a bank holds them."""

from __future__ import annotations

from typing import Any

from mdb.bank import Bank

_WARNINGS = """
SELECT kind, text, atoms, first_atom, value, bound, unit FROM model_warning
WHERE model_id = $model ORDER BY warning
"""
_REASONS = """
SELECT analysis_id, name, measure_reason.reason
FROM measure_reason JOIN analysis USING (analysis_id)
WHERE model_id = $model ORDER BY analysis_id, name
"""
_FILES = """
SELECT count(*) AS files, count_if(verified) AS verified, count(verified) AS looked_at
FROM provenance WHERE model_id = $model
"""


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
