"""Rows of the tables of short-range order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.short_range import ShortRangeOrder


def order_tables(order: ShortRangeOrder) -> dict[str, pa.Table]:
    """Rows of the tables of short-range order but ``measure``, without their analysis."""
    nuclei, cells, angles = order.nuclei, order.voronoi, order.angles
    n = len(order.groups)
    atom = np.arange(n, dtype=np.int32)
    open_cell = ~cells.closed
    index = {
        f"n{edges}": pa.array(column.astype(np.int16), mask=open_cell)
        for edges, column in zip((3, 4, 5, 6), cells.indices.T, strict=True)
    }
    chemistry, pdf = order.chemistry, order.pdf
    label = {name: number for number, name in enumerate(pdf.labels)}
    pairs = [
        pdf.counts.sum(axis=(0, 1)) if pair == ALL else pdf.counts[label[pair[0]], label[pair[1]]]
        for pair in pdf.g
    ]
    tables = {
        "atom_order": {
            "atom": atom,
            "q4": _defined(order.bonds.q4),
            "q6": _defined(order.bonds.q6),
            "boo": _defined(order.bonds.normalised),
            "crystalline": nuclei.crystalline,
            "nucleus": pa.array(nuclei.label.astype(np.int32), mask=nuclei.label < 0),
            "signed_distance": _defined(order.distance),
        },
        "voronoi": {
            "atom": atom,
            **index,
            "cn": pa.array(cells.coordination.astype(np.int16), mask=open_cell),
            "volume": _defined(cells.volume),
            "density": _defined(order.density),
            "surface": order.surface,
        },
        "partial_pdf": {
            "group_1": np.repeat([a for a, _ in pdf.g], len(pdf.r)),
            "group_2": np.repeat([b for _, b in pdf.g], len(pdf.r)),
            "r": np.tile(pdf.r, len(pdf.g)),
            "g": _defined(np.concatenate(list(pdf.g.values()))),
            "pairs": np.concatenate(pairs),
        },
        "bond_angle": {"angle": angles.angle, "density": _defined(angles.density)},
    }
    if chemistry is not None:
        names = list(chemistry.names)
        tables["coordination"] = {
            "group_1": np.repeat(names, len(names)),
            "group_2": np.tile(names, len(names)),
            "number": _defined(chemistry.partial_coordination.ravel()),
            "warren_cowley": _defined(chemistry.warren_cowley.ravel()),
        }
    return {name: pa.table(columns) for name, columns in tables.items()}


def measure_table(measures: Mapping[str, tuple[float, str]]) -> pa.Table:
    """Rows of ``measure`` for values and units by name."""
    return pa.table(
        {
            "name": list(measures),
            "value": _defined(np.array([value for value, _ in measures.values()])),
            "unit": [unit for _, unit in measures.values()],
        }
    )


def _defined(values: NDArray[np.float64]) -> pa.Array:
    """NaN as NULL."""
    return pa.array(np.asarray(values, dtype=np.float64), mask=np.isnan(values))
