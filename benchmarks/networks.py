"""Delaunay triangulation to networks, the packing curve, and medium-range order.

No other program computes these. Each is compared with the triangulation alone (Qhull), which is
the lower limit, or with the reference if its time is known.
"""

from __future__ import annotations

import ase
import numba
import numpy as np
from scipy.spatial import Delaunay

from aet_port.core.timings import peak_memory, reset_peak
from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.polytetrahedral.bipyramids import find_motifs
from aet_port.structure.polytetrahedral.networks import find_networks
from aet_port.structure.polytetrahedral.packing import DELTAS, packing_by_distortion
from aet_port.structure.voronoi.tetrahedra import face_pairs, find_tetrahedra
from benchmarks.structure import CUTOFF, liquid
from benchmarks.timing import Row, least_seconds

SMALL = 8284  # atoms of the Ta film
SOLUTES = 2690  # solute centres of the glass particle


def chain(atoms: ase.Atoms) -> None:
    """Tetrahedra, motifs and networks of all folds."""
    found = find_tetrahedra(atoms, CUTOFF)
    motifs = find_motifs(found.vertices, face_pairs(found.vertices))
    for fold in (4, 5, 6):
        find_networks(motifs, found, fold)


def motifs_at(atoms: ase.Atoms, delta: float) -> None:
    """Motifs at one distortion."""
    found = find_tetrahedra(atoms, CUTOFF, delta)
    find_motifs(found.vertices, face_pairs(found.vertices))


def ball(atoms: ase.Atoms, number: int) -> ase.Atoms:
    """The atoms nearest to the centre, without periodicity."""
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    result = atoms[np.argsort(away)[:number]]
    result.set_pbc(False)
    return result


def run() -> list[Row]:
    """Rows of the table."""
    numba.set_num_threads(1)
    box = liquid()
    rows = []
    for what, atoms in (
        (f"{SMALL} atoms, a ball", ball(box, SMALL)),
        (f"{len(box)} atoms, not periodic", ball(box, len(box))),
        (f"{len(box)} atoms, periodic", box),
    ):
        chain(atoms)  # compile first
        reset_peak()
        chain(atoms)
        peak = peak_memory()
        seconds = least_seconds(
            {
                "ours": lambda atoms=atoms: chain(atoms),  # type: ignore[misc]
                "Qhull": lambda atoms=atoms: Delaunay(atoms.positions),  # type: ignore[misc]
            },
            rounds=3,
        )
        rows.append(
            Row(
                f"tetrahedra, motifs, networks: {what}",
                f"{seconds['ours']:.2f} s, process {peak:.2f} GB",
                f"Qhull alone {seconds['Qhull']:.2f} s",
                f"{seconds['Qhull'] / seconds['ours']:.2f}x",
            )
        )
    small = ball(box, SMALL)
    packing_by_distortion(small, CUTOFF)
    seconds = least_seconds(
        {
            "curve": lambda: packing_by_distortion(small, CUTOFF),
            "each": lambda: [motifs_at(small, delta) for delta in DELTAS],
        },
        rounds=2,
    )
    rows.append(
        Row(
            f"packing at {len(DELTAS)} distortions: {SMALL} atoms",
            f"{seconds['curve']:.2f} s",
            f"one by one {seconds['each']:.2f} s",
            f"{seconds['each'] / seconds['curve']:.2f}x",
        )
    )
    # As dilute as the solutes of the glass: about one atom in six.
    sixth = np.random.default_rng(0).random(len(box)) < 1 / 6
    solutes = ball(box[sixth], SOLUTES)
    find_mro(solutes[:50], threads=1)
    reset_peak()
    seconds = least_seconds(
        {
            "one": lambda: find_mro(solutes, threads=1),
            "two": lambda: find_mro(solutes, threads=2),
        },
        rounds=1,
    )
    rows.append(
        Row(
            f"medium-range order of {SOLUTES} solute centres, four lattices",
            f"{seconds['one']:.0f} s, process {peak_memory():.2f} GB",
            f"2 threads {seconds['two']:.0f} s",
            f"{seconds['one'] / seconds['two']:.2f}x",
        )
    )
    return rows
