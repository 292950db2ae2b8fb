"""Chemical short-range order: partial coordination and Warren-Cowley parameters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import Neighbours
from aet_port.structure.voronoi.analysis import Voronoi


@dataclass(frozen=True, repr=False)
class ChemicalOrder(Shown):
    """Neighbours by kind, for g groups of atoms.

    Attributes
    ----------
    names
        The groups, sorted.
    fraction
        Shape (g,): fraction of each group among the counted atoms.
    coordination
        Shape (g,): mean number of neighbours of an atom of each group; NaN of an empty group.
    partial_coordination
        Shape (g, g): mean number of neighbours of group j around an atom of group i.
    warren_cowley
        Shape (g, g): ``1 - Z_ij / (Z_i c_j)`` with these two and ``concentration``: 0 in a random
        mixture, below 0 where i prefers j; NaN where i or j has no counted atoms or i no
        neighbours.
    concentration
        Shape (g,): c_j, the composition of the atoms that the neighbours come from.
    atoms
        Shape (g,): number of counted atoms.
    pairs
        Shape (g, g): number of neighbours of group j around the counted atoms of group i.
    """

    names: tuple[str, ...]
    fraction: NDArray[np.float64]
    coordination: NDArray[np.float64]
    partial_coordination: NDArray[np.float64]
    warren_cowley: NDArray[np.float64]
    concentration: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    atoms: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of ``warren_cowley``, shape (g, g), each neighbour an independent draw."""
        with np.errstate(invalid="ignore", divide="ignore"):
            bonds = self.pairs.sum(axis=1)[:, None]
            share = self.pairs / bonds
            error = np.sqrt(share * (1 - share) / bonds) / self.concentration
        return np.where(np.isfinite(self.warren_cowley), error, np.nan)

    def _facts(self) -> dict[str, object]:
        numbers = zip(self.names, self.coordination, strict=True)
        return {
            "groups": " ".join(self.names),
            "coordination": " ".join(f"{name} {number:.4g}" for name, number in numbers),
        }


def chemical_order(
    groups: ArrayLike,
    neighbours: Voronoi | Neighbours | tuple[ArrayLike, ArrayLike],
    mask: NDArray[np.bool_] | None = None,
    *,
    of_centres: bool = False,
) -> ChemicalOrder:
    """Partial coordination numbers and Warren-Cowley parameters.

    The neighbours of the counted atoms may lie outside of ``mask``, where the composition can be
    another. The concentrations are therefore those of the population that the neighbours come from:
    each atom counts by the share of its bonds that lead to a counted atom. With all atoms counted
    these are the concentrations of the sample.

    Parameters
    ----------
    groups
        Shape (n,): group of each atom, a species or a type.
    neighbours
        Voronoi cells, pairs within a cut-off, or two arrays (m,) of atoms: centre and neighbour,
        both directions listed.
    mask
        Shape (n,): atoms counted as centres (and in the fractions); their neighbours may be any
        atoms. All if None. Atoms with an open Voronoi cell are never counted.
    of_centres
        Take the concentrations of the counted atoms themselves, as the glass paper does. Where they
        are of another composition than their surroundings, a random mixture is then not at 0.

    Raises
    ------
    InputError
        If shapes don't agree, or no atom is left to count.

    Paper: Methods of Yang et al., Nature 592, 60 (2021), "chemical short-range order". The public
    code does not hold this step.
    """
    names, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n, g = len(group), len(names)
    counted = np.ones(n, dtype=bool) if mask is None else np.asarray(mask)
    if counted.dtype != np.bool_ or counted.shape != (n,):
        raise InputError(
            "mask", f"{counted.dtype} of shape {counted.shape}", f"{n} booleans, one per atom"
        )
    if isinstance(neighbours, Voronoi):
        if len(neighbours) != n:
            raise InputError("groups", f"{n} of them", f"{len(neighbours)}, one per Voronoi cell")
        counted = neighbours.chosen(counted)
    centre, other = _pairs(neighbours, n)
    if not counted.any():
        raise InputError("mask", "no atom with a closed cell to count", "at least one")
    atoms = np.bincount(group[counted], minlength=g)
    chosen = counted[centre]
    pairs = np.bincount(group[centre[chosen]] * g + group[other[chosen]], minlength=g * g)
    pairs = pairs.reshape(g, g)
    fraction = atoms / atoms.sum()
    known = neighbours.closed if isinstance(neighbours, Voronoi) else np.ones(n, dtype=bool)
    concentration = fraction if of_centres else _composition(group, centre, other, counted, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        partial = pairs / atoms[:, None]
        total = partial.sum(axis=1)
        warren_cowley = 1 - partial / (total[:, None] * concentration)
    # A group without counted atoms has no concentration to compare with.
    warren_cowley[:, fraction == 0] = np.nan
    return ChemicalOrder(
        tuple(names.tolist()),
        fraction,
        total,
        partial,
        warren_cowley,
        concentration,
        atoms.astype(np.int64),
        pairs.astype(np.int64),
    )


def _composition(
    group: NDArray[np.int64],
    centre: NDArray[np.int64],
    other: NDArray[np.int64],
    counted: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Composition of the neighbours of counted atoms, each weighted by its share of such bonds."""
    n, g = len(group), int(group.max()) + 1
    bonds = np.bincount(other, minlength=n)
    to_counted = np.bincount(other[counted[centre]], minlength=n)
    # An atom with an open cell is seen by some of its neighbours only, but has as many.
    usual = bonds[known & (bonds > 0)].mean() if (known & (bonds > 0)).any() else 1.0
    weight = to_counted / np.where(known, np.maximum(bonds, 1), np.maximum(bonds, usual))
    total = np.bincount(group, weight, minlength=g)
    return np.asarray(total / total.sum() if total.sum() else np.full(g, np.nan))


def _pairs(
    neighbours: Voronoi | Neighbours | tuple[ArrayLike, ArrayLike], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Centres and neighbours, each pair in both directions."""
    if isinstance(neighbours, Voronoi):
        start = neighbours.faces.start
        return np.repeat(np.arange(len(start) - 1), np.diff(start)), neighbours.faces.neighbour
    if isinstance(neighbours, Neighbours):
        first, second = neighbours.first, neighbours.second
        centre, other = np.concatenate([first, second]), np.concatenate([second, first])
    else:
        centre, other = (np.asarray(part) for part in neighbours)
    shaped = centre.ndim == 1 and centre.shape == other.shape
    if not shaped or centre.dtype.kind not in "iu" or other.dtype.kind not in "iu":
        raise InputError(
            "neighbours",
            f"arrays of shapes {centre.shape} and {other.shape}",
            "two arrays of atom numbers, equally long",
        )
    if len(centre) and (min(centre.min(), other.min()) < 0 or max(centre.max(), other.max()) >= n):
        raise InputError(
            "neighbours", "numbers of atoms that do not exist", f"atoms 0 to {n - 1}, as in groups"
        )
    return centre.astype(np.int64), other.astype(np.int64)
