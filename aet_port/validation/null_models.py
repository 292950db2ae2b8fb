"""Null models: what a model of the atoms must be better than, on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.refinement.likelihood import Atoms
from aet_port.validation.random_packings import RandomPackings

Null = Literal["species shuffled", "random packing", "atoms displaced"]
Maker = Callable[[Atoms, np.random.Generator], Atoms]
DISPLACEMENT = 1.0  # angstrom


@checked
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


@checked
def atoms_displaced(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Every atom displaced by 1 angstrom in a direction of its own."""
    step = rng.normal(size=atoms.positions.shape)
    step *= DISPLACEMENT / np.linalg.norm(step, axis=1, keepdims=True)
    return replace(atoms, positions=atoms.positions + step)


@checked
def random_packing(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """As many atoms at random places of the sample, with its outline and smallest distance.

    See :class:`aet_port.validation.random_packings.RandomPackings`; heights and species are dealt
    out at random.

    Parameters
    ----------
    atoms
        The atoms, at least four.
    rng
        Random numbers.

    Raises
    ------
    InputError
        For fewer than four atoms.
    """
    (places,) = RandomPackings(atoms.positions, int(rng.integers(2**31))).draw(1)
    order = rng.permutation(len(atoms))
    return Atoms(np.ascontiguousarray(places), atoms.heights[order], atoms.kinds[order])


NULLS: dict[Null, Maker] = {
    "species shuffled": species_shuffled,
    "random packing": random_packing,
    "atoms displaced": atoms_displaced,
}
