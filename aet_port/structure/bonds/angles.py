"""Distribution of the angles between the bonds of an atom."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms, find_neighbours

STEP = 1.0  # degree
BLOCK = 1024  # atoms counted into one histogram


@dataclass(frozen=True, repr=False)
class BondAngles(Shown):
    """Distribution of bond angles, over all atoms and by the species of the central atom.

    Attributes
    ----------
    angle
        Shape (n,): middle of each bin, degrees: 0, step, ..., 180.
    density
        Shape (n,): probability per degree; its integral is 1. NaN if no atom has two bonds.
    counts
        Shape (n,): angles in each bin.
    partial
        For each species, the density around atoms of that species.
    partial_counts
        For each species, the angles in each bin.
    """

    angle: NDArray[np.float64]
    density: NDArray[np.float64]
    counts: NDArray[np.int64]
    partial: dict[str, NDArray[np.float64]]
    partial_counts: dict[str, NDArray[np.int64]]

    plot = methods.plot_bond_angles
    """Plot the distribution: :func:`aet_port.figures.structure_results.plot_bond_angles`."""

    def _facts(self) -> dict[str, object]:
        return {
            "angles": int(self.counts.sum()),
            "bins": len(self.angle),
            "around": " ".join(self.partial),
        }


def bond_angles(atoms: AtomicModel | ase.Atoms, cutoff: float, *, step: float = STEP) -> BondAngles:
    """Angles at every atom between each two of its bonds (film paper, Supp. Fig. 11).

    Bins are centred on multiples of the step, so that the angles of crystals (60, 90, 120, 180
    degrees) lie in the middle of a bin; the first and the last bin are half as wide. Atoms with
    fewer than two neighbours contribute nothing.

    Parameters
    ----------
    cutoff
        Longest bond, angstrom; a periodic cell is more than twice as high.
    step
        Width of a bin in degrees; a whole number of them makes 180.

    Raises
    ------
    InputError
        For unusable atoms, cut-off or step.

    Notes
    -----
    MATLAB: none; the code of the figure is not public
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    bins = round(180 / step) + 1 if np.isfinite(step) and 0 < step <= 90 else 0
    if bins == 0 or abs((bins - 1) * step - 180) > 1e-9:
        raise InputError("step", f"{step!r}", "degrees of which a whole number makes 180")
    bonds = find_neighbours(atoms, cutoff)
    lengths = bonds.distances[:, None]
    directions = np.concatenate([bonds.vectors / lengths, -bonds.vectors / lengths])
    centre = np.concatenate([bonds.first, bonds.second])
    directions = directions[np.argsort(centre, kind="stable")]
    start = np.concatenate([[0], np.cumsum(np.bincount(centre, minlength=len(atoms)))])
    species, kind = np.unique(np.array(atoms.get_chemical_symbols()), return_inverse=True)
    found = np.zeros((-(-len(atoms) // BLOCK), len(species), bins), dtype=np.int64)
    _count_angles(directions, start, kind, step, BLOCK, found)
    counts = found.sum(axis=0)
    width = np.full(bins, float(step))
    width[[0, -1]] /= 2
    names = [str(name) for name in species]
    return BondAngles(
        np.arange(bins, dtype=np.float64) * step,
        _density(counts.sum(axis=0), width),
        counts.sum(axis=0),
        {name: _density(row, width) for name, row in zip(names, counts, strict=True)},
        dict(zip(names, counts, strict=True)),
    )


def _density(counts: NDArray[np.int64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    total = counts.sum()
    return counts / (total * width) if total else np.full(len(counts), np.nan)


@njit(cache=True, parallel=True)
def _count_angles(directions, start, kind, step, block, found):  # type: ignore[no-untyped-def]
    """Histogram of angles for each block of atoms and species; integers, so exact in any order."""
    for b in prange(len(found)):
        for i in range(b * block, min((b + 1) * block, len(kind))):
            for m in range(start[i], start[i + 1]):
                for n in range(m + 1, start[i + 1]):
                    cosine = (
                        directions[m, 0] * directions[n, 0]
                        + directions[m, 1] * directions[n, 1]
                        + directions[m, 2] * directions[n, 2]
                    )
                    angle = np.degrees(np.arccos(min(1.0, max(-1.0, cosine))))
                    found[b, kind[i], int(angle / step + 0.5)] += 1
