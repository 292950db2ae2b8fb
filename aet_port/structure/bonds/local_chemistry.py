"""Chemical short-range order around each atom: local Warren-Cowley parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.records import plain
from aet_port.structure.neighbours import check_cutoff, find_neighbours


@dataclass(frozen=True, repr=False)
class LocalChemistry(Shown):
    """Neighbours of each of n atoms by kind, for g groups of atoms.

    Attributes
    ----------
    names
        The groups, sorted.
    radius
        Distance up to which two atoms are neighbours, angstrom.
    group
        Shape (n,): group of each atom, a place in ``names``.
    neighbours
        Shape (n, g): number of neighbours of each group.
    concentration
        Shape (g,): fraction of each group among all atoms of the sample.
    """

    names: tuple[str, ...]
    radius: float
    group: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    concentration: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.group)

    def _facts(self) -> dict[str, object]:
        number = self.neighbours.sum(axis=1).mean()
        return {
            "groups": " ".join(self.names),
            "radius": angstrom(self.radius),
            "mean number of neighbours": f"{number:.4g}",
        }

    @property
    def warren_cowley(self) -> NDArray[np.float64]:
        """Shape (n, g): ``1 - n_j / (n c_j)`` of each atom; NaN without neighbours.

        n_j of its n neighbours are of group j, and c_j is the concentration of the sample. It is
        alpha_ij, where i is the group of the atom itself.
        """
        total = self.neighbours.sum(axis=1)[:, None]
        with np.errstate(invalid="ignore"):
            return np.asarray(1 - self.neighbours / (total * self.concentration))

    def summary(self) -> dict[str, Any]:
        """Mean and scatter over the atoms by pair of groups, as plain values.

        ``random_sd`` is the standard deviation in a random mixture, where each neighbour is an
        independent draw: clusters and ordered regions show as a scatter beyond it.
        """
        alpha, total = self.warren_cowley, self.neighbours.sum(axis=1)
        result = {}
        for i, a in enumerate(self.names):
            of = (self.group == i) & (total > 0)
            number = int(of.sum())
            for j, b in enumerate(self.names):
                c = self.concentration[j]
                found = alpha[of, j]
                result[f"{a}-{b}"] = {
                    "atoms": number,
                    "mean": plain(float(found.mean()) if number else np.nan),
                    "sd": plain(float(found.std()) if number else np.nan),
                    "random_sd": plain(
                        float(np.sqrt(((1 - c) / c / total[of]).mean())) if number else np.nan
                    ),
                }
        return result


@checked
def local_chemical_order(
    atoms: AtomicModel | ase.Atoms,
    radius: float,
    groups: Sequence[str] | NDArray[Any] | None = None,
) -> LocalChemistry:
    """Warren-Cowley parameters of each atom, from its neighbours within a radius.

    Of one atom of group i, with n neighbours of which n_j are of group j, the parameter is
    ``alpha_ij = 1 - n_j / (n c_j)``: 0 on average in a random mixture, below 0 where j is preferred
    as a neighbour, 1 where there is none. c_j is the concentration of the whole sample, so that
    segregation shows as well as order. One atom has few neighbours, hence a large scatter; average
    over regions with :func:`aet_port.structure.chemical_map`.

    Parameters
    ----------
    atoms
        A particle or film, or a simulation box, positions in angstrom.
    radius
        Distance up to which two atoms are neighbours, angstrom; the first valley of the pair
        distribution function for the first shell.
    groups
        Shape (n,): group of each atom, a species or a type; the species unless given.

    Raises
    ------
    InputError
        For a radius that isn't above zero and below half the height of a periodic cell, or not one
        group for each atom.

    Notes
    -----
    MATLAB: none

    References
    ----------
    J. M. Cowley, "An approximate theory of order in alloys", Phys. Rev. 77, 669 (1950); S. Moniri
    et al., "Three-dimensional atomic structure and local chemical order of medium- and high-entropy
    nanoalloys", Nature 624, 564 (2023).

    Examples
    --------
    >>> from ase.build import bulk
    >>> import aet_port as aet
    >>> b2 = bulk("CsCl", "cesiumchloride", a=4.1).repeat(4)
    >>> aet.structure.local_chemical_order(b2, radius=3.8).warren_cowley[0].tolist()
    [-1.0, 1.0]
    """
    atoms = as_atoms(atoms)
    labels = np.asarray(atoms.get_chemical_symbols() if groups is None else groups).astype(str)
    if labels.shape != (len(atoms),):
        raise InputError("groups", f"shape {labels.shape}", f"one for each of {len(atoms)} atoms")
    names, group = np.unique(labels, return_inverse=True)
    pairs = find_neighbours(atoms, check_cutoff(atoms, radius, "radius"))
    n, g = len(atoms), len(names)
    places = np.concatenate(
        [pairs.first * g + group[pairs.second], pairs.second * g + group[pairs.first]]
    )
    return LocalChemistry(
        tuple(names.tolist()),
        float(radius),
        group.astype(np.int64),
        np.bincount(places, minlength=n * g).reshape(n, g),
        np.bincount(group, minlength=g) / n,
    )
