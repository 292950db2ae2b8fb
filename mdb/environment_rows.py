"""Rows of the tables of structure types and of the local chemical order; NaN is NULL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.structure.atom_arrays import type_arrays
from aet_port.structure.bonds.local_chemistry import LocalChemistry
from aet_port.structure.bonds.templates import CNA_STRUCTURES, STRUCTURES, StructureTypes

METHODS = {"ptm": STRUCTURES, "cna": CNA_STRUCTURES}


def type_tables(types: StructureTypes) -> dict[str, pa.Table]:
    """Rows of ``structure_type`` and ``structure_fraction``, without their analysis."""
    columns: dict[str, Any] = {"atom": np.arange(len(types), dtype=np.int32)}
    for name, values in type_arrays(types).items():
        columns[name] = (
            _named(values, METHODS[name]) if name in METHODS else pa.array(values, from_pandas=True)
        )
    counts, fractions = types.counts(), types.fractions()
    rows = [
        {
            "method": method,
            "structure": name,
            "atoms": counts[method][name],
            "fraction": fractions[method][name],
            "unstrained_spacing": types.unstrained.get(name) if method == "ptm" else None,
            "reason": types.reasons.get(f"strain of {name}") if method == "ptm" else None,
        }
        for method, names in METHODS.items()
        for name in names
    ]
    return {"structure_type": pa.table(columns), "structure_fraction": _fractions(rows)}


def missing_types(reason: str) -> dict[str, pa.Table]:
    """Rows of ``structure_fraction`` that say why there are no structure types."""
    nothing = {"atoms": None, "fraction": None, "unstrained_spacing": None, "reason": reason}
    return {
        "structure_fraction": _fractions(
            [
                {"method": method, "structure": name, **nothing}
                for method, names in METHODS.items()
                for name in names
            ]
        )
    }


def local_tables(local: LocalChemistry) -> dict[str, pa.Table]:
    """Rows of ``local_chemistry``, without their analysis; none of a single group."""
    n, g = local.neighbours.shape
    if g < 2:
        return {}
    columns = {
        "atom": np.repeat(np.arange(n, dtype=np.int32), g),
        "group_2": pa.DictionaryArray.from_arrays(
            np.tile(np.arange(g, dtype=np.int16), n), list(local.names)
        ),
        "neighbours": local.neighbours.ravel().astype(np.int16),
        "warren_cowley": pa.array(local.warren_cowley.ravel(), from_pandas=True),
    }
    return {"local_chemistry": pa.table(columns)}


def _fractions(rows: list[dict[str, Any]]) -> pa.Table:
    kinds = (
        *(("method", pa.string()), ("structure", pa.string()), ("atoms", pa.int32())),
        *(
            ("fraction", pa.float64()),
            ("unstrained_spacing", pa.float64()),
            ("reason", pa.string()),
        ),
    )
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _named(values: NDArray[np.int64], names: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(values.astype(np.int8), list(names))
