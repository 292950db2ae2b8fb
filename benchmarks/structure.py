"""Structure analysis of a periodic liquid-like box of 76,296 atoms, compared with OVITO and freud.

All on one thread (OVITO by OVITO_THREAD_COUNT, set before it is imported), by user time and in
turns in one process, so that other work on the machine changes no ratio. Each program gets the
positions in its own format beforehand and computes the same quantities: every pair once (ours) or
from both ends (theirs); averaged Q4 and Q6; a histogram of all distances below 20 angstrom; Voronoi
cells with the numbers of edges of their faces. OVITO leaves small faces out of the count, we cut
the cells again without them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import ase
import numba
import numpy as np
from ase.build import bulk

from aet_port.core.timings import peak_memory, reset_peak
from aet_port.structure.bonds.orientational import bond_order
from aet_port.structure.neighbours import find_neighbours
from aet_port.structure.pairs.pair_counting import pair_counts
from aet_port.structure.voronoi.analysis import voronoi_analysis
from benchmarks.timing import Row, least_seconds, user_time

CUTOFF, REACH, BINS = 4.1, 20.0, 1000  # angstrom
TOUCH, ROUNDS = 2.75, 40  # angstrom; steps that push atoms apart
Work = dict[str, Callable[[], object]]
NEIGHBOURS, ORDER, PAIRS = "neighbours, 4.1 angstrom", "averaged Q4, Q6", "pairs below 20 angstrom"
PLAIN, REGULATED = "Voronoi indices", "Voronoi indices, cells cut again without small faces"


def liquid(
    repeat: tuple[int, int, int] = (34, 33, 34),
    seed: int = 0,
    touch: float = TOUCH,
    rounds: int = ROUNDS,
) -> ase.Atoms:
    """Randomly displaced bcc atoms, pushed apart until hardly any are closer than ``touch``."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(repeat)
    atoms.positions += rng.normal(0, 0.9, (len(atoms), 3))
    atoms.wrap()
    for _ in range(rounds):
        close = find_neighbours(atoms, touch)
        push = (0.25 * (touch - close.distances) / close.distances)[:, None] * close.vectors
        for c in range(3):
            atoms.positions[:, c] -= np.bincount(close.first, push[:, c], len(atoms))
            atoms.positions[:, c] += np.bincount(close.second, push[:, c], len(atoms))
    atoms.wrap()
    return atoms


def ours(atoms: ase.Atoms) -> Work:
    """Our functions, by task."""
    return {
        NEIGHBOURS: lambda: find_neighbours(atoms, CUTOFF),
        ORDER: lambda: bond_order(atoms, CUTOFF),
        PAIRS: lambda: pair_counts(atoms, REACH, REACH / BINS),
        PLAIN: lambda: voronoi_analysis(atoms, area_fraction=0.0),
        REGULATED: lambda: voronoi_analysis(atoms),
    }


def by_ovito(atoms: ase.Atoms) -> Work:
    """The same by OVITO.

    Raises
    ------
    ImportError
        If it is not installed, or too old to have Steinhardt parameters.
    """
    os.environ["OVITO_THREAD_COUNT"] = "1"
    from ovito.data import CutoffNeighborFinder
    from ovito.io.ase import ase_to_ovito
    from ovito.modifiers import (
        CoordinationAnalysisModifier,
        SteinhardtParametersModifier,
        VoronoiAnalysisModifier,
    )

    data = ase_to_ovito(atoms)

    def apply(modifier: Any) -> None:
        copy = data.clone()
        copy.apply(modifier)

    order = SteinhardtParametersModifier(
        neighbor_mode=SteinhardtParametersModifier.NeighborMode.Cutoff,
        cutoff=CUTOFF,
        max_l=6,
        compute_averaged=True,
    )
    pairs = CoordinationAnalysisModifier(cutoff=REACH, number_of_bins=BINS)
    cells = VoronoiAnalysisModifier(compute_indices=True)
    small = VoronoiAnalysisModifier(compute_indices=True, relative_face_threshold=0.01)
    return {
        NEIGHBOURS: lambda: CutoffNeighborFinder(CUTOFF, data).find_all(),
        ORDER: lambda: apply(order),
        PAIRS: lambda: apply(pairs),
        PLAIN: lambda: apply(cells),
        REGULATED: lambda: apply(small),
    }


def by_freud(atoms: ase.Atoms) -> Work:
    """The same by freud, whose Voronoi cells have no indices.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    import freud

    freud.parallel.set_num_threads(1)
    box = freud.box.Box.from_matrix(np.asarray(atoms.cell).T)
    points = box.wrap((atoms.positions - np.asarray(atoms.cell).sum(axis=0) / 2).astype(np.float32))
    near = {"r_max": CUTOFF, "exclude_ii": True}
    return {
        NEIGHBOURS: lambda: (
            freud.locality.AABBQuery(box, points).query(points, near).toNeighborList()
        ),
        ORDER: lambda: freud.order.Steinhardt(l=[4, 6], average=True).compute((box, points), near),
        PAIRS: lambda: freud.density.RDF(BINS, REACH).compute((box, points)),
        PLAIN: lambda: freud.locality.Voronoi().compute((box, points)),
    }


def run() -> list[Row]:
    """Rows of the table."""
    numba.set_num_threads(1)
    atoms = liquid()
    mine = ours(atoms)
    peak = {}
    for what, work in mine.items():
        work()  # compile first
        reset_peak()
        work()
        peak[what] = peak_memory()
    rows, theirs = [], {}
    for name, peer in (("OVITO", by_ovito), ("freud", by_freud)):
        try:
            theirs[name] = peer(atoms)
        except ImportError:
            rows.append(Row(f"{name}", "not installed: pip install 'aet-port[bench]'"))
    for what, work in mine.items():
        rivals = {"ours": work}
        rivals |= {name: peer[what] for name, peer in theirs.items() if what in peer}
        seconds = least_seconds(rivals, 2 if what == PAIRS else 5, user_time)
        figure = f"{seconds['ours']:.3f} s, process {peak[what]:.2f} GB"
        rows += [
            Row(what, figure, f"{name} {seconds[name]:.3f} s", f"{value / seconds['ours']:.2f}x")
            for name, value in seconds.items()
            if name != "ours"
        ] or [Row(what, figure)]
    return [*rows, *stray_rows()]


def stray_rows() -> list[Row]:
    """Time for a particle with one atom far from the others, compared with the whole particle."""
    particle = liquid((14, 14, 14))
    particle.pbc = False
    far = particle.copy()
    far.positions[0] = (1e5, 3e4, -2e4)
    rows = []
    for (what, near), astray in zip(ours(particle).items(), ours(far).values(), strict=True):
        seconds = least_seconds({"near": near, "astray": astray}, 3, user_time)
        rows.append(
            Row(
                f"{len(far)} atoms, one of them 110,000 angstrom away: {what}",
                f"{seconds['astray']:.3f} s",
                f"all near {seconds['near']:.3f} s",
                f"{seconds['near'] / seconds['astray']:.2f}x",
            )
        )
    return rows
