"""Delaunay triangulation to networks, whole analyses, the packing curve, medium-range order.

No other program computes these. Each is compared with the triangulation alone (by Qhull), with
another way of ours, or with the reference if its time is known. The shells of the pair distribution
are compared with their sampling in 642 directions, which is less accurate. The ways from the
triangulation to networks are stated in user time, analyses and shells in processor time, all on one
thread.
"""

from __future__ import annotations

import time

import ase
import numba
import numpy as np
from ase.build import bulk
from scipy.spatial import Delaunay

from aet_port.core.timings import peak_memory, reset_peak
from aet_port.structure.analysis import analyze
from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.pairs.shell_surface import shell_shares
from aet_port.structure.pairs.shell_volume import shell_counts, sphere_directions
from aet_port.structure.polytetrahedral.bipyramids import find_motifs
from aet_port.structure.polytetrahedral.networks import find_networks
from aet_port.structure.polytetrahedral.packing import DELTAS, packing_by_distortion
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from aet_port.structure.voronoi.tetrahedra import face_pairs, find_tetrahedra
from aet_port.structure.voronoi.triangulation import triangulate
from benchmarks.structure import CUTOFF, liquid
from benchmarks.timing import Row, least_seconds, user_time

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


def chains(box: ase.Atoms) -> list[Row]:
    """Tetrahedra, motifs and networks of a small and a large particle and of a periodic box."""
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
            clock=user_time,
        )
        rows.append(
            Row(
                f"tetrahedra, motifs, networks: {what}",
                f"{seconds['ours']:.2f} s, process {peak:.2f} GB",
                f"Qhull alone {seconds['Qhull']:.2f} s",
                f"{seconds['Qhull'] / seconds['ours']:.2f}x",
            )
        )
    return rows


def run() -> list[Row]:
    """Rows of the table."""
    numba.set_num_threads(1)
    box = liquid()
    rows = chains(box) + _triangulations(box) + _analyses(box)
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


def _triangulations(box: ase.Atoms) -> list[Row]:
    """The triangulation alone, of a liquid and of a perfect crystal."""
    crystal = bulk("Cu", "fcc", a=3.6, cubic=True).repeat(26)
    rows = []
    for what, points in (("liquid", box.positions), ("fcc crystal", crystal.positions)):
        seconds = least_seconds(
            {
                "ours": lambda p=points: triangulate(p),  # type: ignore[misc]
                "Qhull": lambda p=points: Delaunay(p),  # type: ignore[misc]
            },
            rounds=2,
        )
        rows.append(
            Row(
                f"Delaunay triangulation: {len(points)} atoms, {what}",
                f"{seconds['ours']:.2f} s",
                f"Qhull {seconds['Qhull']:.2f} s",
                f"{seconds['Qhull'] / seconds['ours']:.2f}x",
            )
        )
    return rows


def _analyses(box: ase.Atoms) -> list[Row]:
    """All measures in a box and in a particle, and the shells of the latter's atoms."""
    particle = ball(box, len(box))
    rows = []
    for what, atoms in (("periodic", box), ("particle", particle)):
        analyze(atoms)  # compile first
        start = time.process_time()
        analyze(atoms)
        figure = f"{time.process_time() - start:.1f} s"
        rows.append(Row(f"all measures of {len(atoms)} atoms, {what}", figure))
    shape = alpha_shape(particle, 4.0)
    rays = sphere_directions(642)
    shape.grid  # noqa: B018
    start = time.process_time()
    shell_shares(shape, 0.1, 200)
    middle = time.process_time()
    shell_counts(shape, shape.points, 0.1, 200, rays)
    seconds = middle - start, time.process_time() - middle
    rows.append(
        Row(
            f"shells up to 20 angstrom in a particle of {len(particle)} atoms",
            f"{seconds[0]:.1f} s",
            f"sampled in 642 directions {seconds[1]:.1f} s",
            f"{seconds[1] / seconds[0]:.1f}x",
        )
    )
    return rows
