"""Rings and voids of a glass particle of 20,000 atoms, beside its analysis without them.

``python -m benchmarks rings``: processor time, one thread, the least of two turns.
"""

from __future__ import annotations

import time

import numba
from ase.build import bulk

from aet_port.simulation import amorphous_particle
from aet_port.structure.analysis import analyze
from aet_port.structure.rings.ring_statistics import find_rings
from aet_port.structure.voids.void_list import find_voids
from aet_port.structure.voronoi.tetrahedra import ALPHA
from benchmarks.timing import Row, least_seconds

ATOMS, CUTOFF = 20_000, 4.1  # angstrom
SIZES = (5, 6, 8)
LARGEST = 24  # atoms of a ring; an fcc crystal then takes all steps that a search may take


def run() -> list[Row]:
    """Rows of the table."""
    numba.set_num_threads(1)
    atoms = amorphous_particle(ATOMS, "Ta", seed=1).atoms
    crystal = bulk("Cu", "fcc", 3.61, cubic=True).repeat(2)
    work = {
        "analysis without rings and voids": lambda: analyze(atoms, cutoff=CUTOFF),
        **{
            f"rings of King and primitive rings of up to {size} atoms": (
                lambda size=size: find_rings(atoms, CUTOFF, size)
            )
            for size in SIZES
        },
        "voids": lambda: find_voids(atoms, ALPHA * CUTOFF),
        "all steps": lambda: find_rings(crystal, 3.0, LARGEST),
    }
    seconds = least_seconds(work, 2, time.process_time)
    searches = 2 * len(crystal)  # both definitions
    every = seconds.pop("all steps") / searches
    rows = [Row(f"{ATOMS} atoms: {what}", f"{one:.2f} s") for what, one in seconds.items()]
    return [*rows, Row("a search around one atom that takes all of its steps", f"{every:.4f} s")]
