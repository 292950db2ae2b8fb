"""All measures of a periodic box of 303,372 atoms: user time and memory."""

from __future__ import annotations

import numba

from aet_port.core.timings import peak_memory, reset_peak
from aet_port.structure.analysis import analyze
from benchmarks.structure import liquid
from benchmarks.timing import Row, user_time

SMALL, LARGE = (6, 6, 6), (53, 53, 54)  # cells of two atoms


def run() -> list[Row]:
    """Row of the table."""
    numba.set_num_threads(1)
    analyze(liquid(SMALL))  # compile first
    atoms = liquid(LARGE)
    reset_peak()
    start = user_time()
    analyze(atoms)
    figure = f"{user_time() - start:.0f} s, process {peak_memory():.2f} GB"
    return [Row(f"all measures of {len(atoms):,} atoms, periodic", figure)]
