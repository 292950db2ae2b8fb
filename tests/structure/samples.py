"""Atoms to analyse: disordered clusters and boxes, and a slow search for motifs."""

from __future__ import annotations

from itertools import combinations

import ase
import numpy as np
from ase.build import bulk


def close_packed(seed: int, radius: float = 8.0, jitter: float = 0.35) -> ase.Atoms:
    """Ball of a shaken close packing, atoms 2.86 angstrom apart."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Ta", "fcc", a=2.86 * np.sqrt(2), cubic=True).repeat(6)
    positions = atoms.positions - atoms.positions.mean(axis=0) + rng.uniform(-1, 1, 3)
    inside = np.linalg.norm(positions, axis=1) < radius
    positions = positions[inside] + rng.normal(0, jitter, (inside.sum(), 3))
    return ase.Atoms(["Ta"] * len(positions), positions=positions)


def shaken_box(seed: int, repeat: int = 4, jitter: float = 0.35, shear: float = 0.15) -> ase.Atoms:
    """Periodic triclinic box of a shaken close packing."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Ta", "fcc", a=2.86 * np.sqrt(2), cubic=True).repeat(repeat)
    cell = np.array(atoms.cell)
    atoms.set_cell(cell @ (np.eye(3) + rng.uniform(-shear, shear, (3, 3))), scale_atoms=True)
    atoms.positions += rng.normal(0, jitter, (len(atoms), 3))
    atoms.set_pbc(True)
    return atoms


def icosahedron() -> ase.Atoms:
    """An atom and its twelve neighbours at 2.8 angstrom."""
    golden = (1 + np.sqrt(5)) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    corners = [np.roll(c, k) for c in corners for k in range(3)]
    outer = np.array(corners) / np.sqrt(1 + golden**2) * 2.8
    return ase.Atoms("Ta13", positions=np.vstack([[0.0, 0.0, 0.0], outer]))


def moved(atoms: ase.Atoms, seed: int) -> ase.Atoms:
    """The same atoms turned, shifted and in another order."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    result = atoms[rng.permutation(len(atoms))]
    result.positions = result.positions @ rotation + rng.uniform(-50, 50, 3)
    if atoms.pbc.any():
        result.set_cell(np.array(atoms.cell) @ rotation)
        result.wrap()
    return result


def slow_cycles(pairs: np.ndarray) -> dict[int, set[tuple[int, ...]]]:
    """Sets of 4 to 8 tetrahedra on a closed chain, by trying every chain."""
    neighbours: dict[int, set[int]] = {}
    for a, b in pairs.tolist():
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    found: dict[int, set[tuple[int, ...]]] = {n: set() for n in range(4, 9)}

    def extend(chain: list[int]) -> None:
        for following in neighbours[chain[-1]]:
            if following == chain[0] and len(chain) >= 4:
                found[len(chain)].add(tuple(sorted(chain)))
            elif following > chain[0] and following not in chain and len(chain) < 8:
                extend([*chain, following])

    for start in neighbours:
        extend([start])
    return found


def slow_motifs(vertices: np.ndarray, pairs: np.ndarray) -> dict[int, set[tuple[int, ...]]]:
    """Motifs by the definition: chains without chords around two atoms, and triplets apart."""
    cycles = slow_cycles(pairs)
    linked = {frozenset(p) for p in pairs.tolist()}
    degree = np.bincount(pairs.ravel(), minlength=len(vertices))
    atoms = [set(row) for row in vertices.tolist()]
    result = {
        n: {
            ring
            for ring in rings
            # A ring of n without chords has exactly n links among its tetrahedra.
            if sum(frozenset(p) in linked for p in combinations(ring, 2)) == n
            and len(set.intersection(*(atoms[t] for t in ring))) == 2
        }
        for n, rings in cycles.items()
    }
    cyclic = {t for rings in cycles.values() for ring in rings for t in ring}
    result[3] = set()
    for a, b in pairs.tolist():
        for middle, end in ((a, b), (b, a)):
            if degree[end] != 1:
                continue
            for other in {t for p in pairs.tolist() if middle in p for t in p} - {middle, end}:
                if not {other, middle, end} & cyclic:
                    result[3].add(tuple(sorted((other, middle, end))))
    return result
