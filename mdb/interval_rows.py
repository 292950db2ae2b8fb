"""Rows of the table of values in models drawn from the uncertainties of the atoms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aet_port.structure.intervals import Intervals

_REALS = ("value", "mean", "sd", "low", "high", "extrapolated")


def interval_table(intervals: Intervals) -> pa.Table:
    """Rows of ``resampled_value``, without their analysis."""
    rows = intervals.rows
    columns: dict[str, object] = {"name": pa.array([row.name for row in rows], pa.string())}
    for name in _REALS:
        values = np.array([getattr(row, name) for row in rows], dtype=np.float64)
        columns[name] = pa.array(values, mask=~np.isfinite(values))
    columns |= {
        "unit": pa.array([row.unit for row in rows], pa.string()),
        "samples": np.array([row.samples for row in rows], dtype=np.int32),
        "drawn": np.full(len(rows), intervals.samples, dtype=np.int32),
        "seed": np.full(len(rows), intervals.seed, dtype=np.int64),
    }
    return pa.table(columns)
