"""Null models: what a model of the atoms must be better than, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.refinement.likelihood import Atoms

Null = Literal["species shuffled", "random packing", "atoms displaced"]
Maker = Callable[[Atoms, np.random.Generator], Atoms]
DISPLACEMENT = 1.0  # angstrom
CORE = 0.95  # of the median distance of nearest neighbours, the hard core that is tried first
LOOSER = 0.95  # factor of the hard core where no place is left
OUTLINE = 0.75  # of that distance: points as near to an atom are inside the sample
BATCHES = 40  # of random points, before the hard core is made smaller


def species_shuffled(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """The same places, their heights and species exchanged at random.

    Parameters
    ----------
    atoms
        Atoms, each with the height of its species.
    rng
        Random numbers.

    Raises
    ------
    InputError
        For atoms of one species.
    """
    if len(np.unique(atoms.kinds)) < 2:
        raise InputError("atoms", "one species", "two or more, to be shuffled")
    order = rng.permutation(len(atoms))
    return replace(atoms, heights=atoms.heights[order], kinds=atoms.kinds[order])


def atoms_displaced(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Every atom displaced by 1 angstrom in a direction of its own."""
    step = rng.normal(size=atoms.positions.shape)
    step *= DISPLACEMENT / np.linalg.norm(step, axis=1, keepdims=True)
    return replace(atoms, positions=atoms.positions + step)


def random_packing(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """As many atoms at random places of the sample, none nearer to another than a hard core.

    Random sequential adsorption: points are drawn uniformly in the outline of the sample (within
    three quarters of the distance of neighbours of an atom), and kept if none before is nearer than
    the hard core. It starts at 0.95 of the median distance of nearest neighbours and becomes 5 %
    smaller where no place is left. Heights and species are dealt out at random.

    Parameters
    ----------
    atoms
        The atoms, at least two.
    rng
        Random numbers.

    Raises
    ------
    InputError
        For fewer than two atoms.
    """
    if len(atoms) < 2:
        raise InputError("atoms", f"{len(atoms)}", "two or more")
    tree = cKDTree(atoms.positions)
    usual = float(np.median(tree.query(atoms.positions, 2)[0][:, 1]))
    core, reach = CORE * usual, OUTLINE * usual
    low, high = atoms.positions.min(axis=0) - reach, atoms.positions.max(axis=0) + reach
    kept = np.empty((0, 3))
    while len(kept) < len(atoms):
        for _ in range(BATCHES):
            drawn = rng.uniform(low, high, (max(200, len(atoms)), 3))
            drawn = drawn[tree.query(drawn)[0] < reach]
            if len(kept):
                drawn = drawn[cKDTree(kept).query(drawn)[0] >= core]
            kept = np.concatenate([kept, drawn[_apart(drawn, core)]])
            if len(kept) >= len(atoms):
                break
        core *= LOOSER
    order = rng.permutation(len(atoms))
    return Atoms(kept[: len(atoms)], atoms.heights[order], atoms.kinds[order])


def _apart(points: NDArray, core: float) -> NDArray[np.bool_]:
    """Points no earlier kept one of which is nearer than the core, shape (n,)."""
    kept = np.ones(len(points), bool)
    if len(points) < 2:
        return kept
    pairs = np.sort(cKDTree(points).query_pairs(core, output_type="ndarray"), axis=1)
    # By the earlier point, which is decided once all pairs with points before it are.
    for first, second in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        if kept[first]:
            kept[second] = False
    return kept


NULLS: dict[Null, Maker] = {
    "species shuffled": species_shuffled,
    "random packing": random_packing,
    "atoms displaced": atoms_displaced,
}
