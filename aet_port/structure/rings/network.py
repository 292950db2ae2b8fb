"""The network of bonds of a sample, in a periodic box with the images that bonds lead to."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.columns import near_rows
from aet_port.structure.neighbours import check_atoms, periodic_images

FAR = 512  # cells away from home that an image is never
_DIGIT = 2 * FAR
HOME = (FAR * _DIGIT + FAR) * _DIGIT + FAR  # the home cell as one number
_PERIODS = np.array([_DIGIT * _DIGIT, _DIGIT, 1])


@dataclass(frozen=True)
class BondNetwork:
    """Bonds of each atom, those of atom i at ``start[i]`` to ``start[i + 1]``.

    A node of the infinite network of a periodic box is an atom in some cell. Its number is the atom
    plus ``n_atoms`` times the cell, cells being numbered so that they add up: a bond then changes
    the number of a node by the same step in each cell.

    Attributes
    ----------
    n_atoms
        Number of atoms.
    start
        Shape (n_atoms + 1,).
    to
        Shape (m,): atom at the other end of each bond; every bond is listed from both ends.
    step
        Shape (m,): number of the node at the other end minus that of this one.
    """

    n_atoms: int
    start: NDArray[np.int64]
    to: NDArray[np.int64]
    step: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of bonds, each of a periodic box once."""
        return len(self.to) // 2


def bond_network(atoms: AtomicModel | ase.Atoms, cutoff: float) -> BondNetwork:
    """All bonds of at most ``cutoff``.

    In a periodic box of any size these are the bonds of the infinite structure: an atom can be
    bonded to several images of another one, and to images of itself.

    Parameters
    ----------
    cutoff
        Longest bond, angstrom.

    Raises
    ------
    InputError
        For unusable atoms or a cut-off that is no length.

    Notes
    -----
    MATLAB: none; the reference has no rings

    Examples
    --------
    >>> chain = ase.Atoms("H3", [[0, 0, 0], [1, 0, 0], [2, 0, 0]], cell=[3, 0, 0], pbc=(1, 0, 0))
    >>> bond_network(chain, 1.1).to.tolist()
    [1, 2, 0, 2, 0, 1]
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=1)
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise InputError("cutoff", f"{cutoff!r}", "a length above zero, in angstrom")
    n = len(atoms)
    images = periodic_images(atoms, cutoff)
    hits, count = near_rows(images.positions, images.atom, n, cutoff, once=False)
    first = np.repeat(np.arange(n), count)
    row = hits[:, :-1][np.arange(hits.shape[1] - 1) < count[:, None]].astype(np.int64)
    first, row = first[row != first], row[row != first]  # not each atom with itself
    second = images.atom[row]
    shift = np.zeros((len(row), 3), dtype=np.int64)
    if atoms.pbc.any():
        offset = images.positions[row] - images.positions[second]
        shift = np.rint(np.linalg.solve(reduced_cell(atoms).T, offset.T).T).astype(np.int64)
    # Rounding may show a bond as long as the cut-off from one end only: both are listed.
    cells = shift @ _PERIODS
    if atoms.pbc.any():
        first, second = np.concatenate([first, second]), np.concatenate([second, first])
        cells = np.concatenate([cells, -cells])
    order = np.lexsort((cells, second, first))
    first, second, cells = first[order], second[order], cells[order]
    new = np.ones(len(first), dtype=bool)
    new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0) | (np.diff(cells) != 0)
    first, second, cells = first[new], second[new], cells[new]
    start = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=n))])
    return BondNetwork(n, start, second, second - first + n * cells)


def without_ends(network: BondNetwork) -> BondNetwork:
    """The network without bonds that no ring can contain, those to ends of chains.

    Parameters
    ----------
    network
        All bonds.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> places = [[0, 0, 0], [1, 0, 0], [0.5, 0.8, 0], [2, 0, 0], [3, 0, 0]]
    >>> tailed = bond_network(ase.Atoms("H5", places), 1.1)
    >>> len(tailed), len(without_ends(tailed))
    (5, 3)
    """
    n = network.n_atoms
    first, second = np.repeat(np.arange(n), np.diff(network.start)), network.to
    kept = np.ones(len(second), dtype=bool)
    while True:
        degree = np.bincount(first[kept], minlength=n)
        ends = degree == 1
        if not ends.any():
            break
        kept &= ~(ends[first] | ends[second])
    start = np.concatenate([[0], np.cumsum(degree)])
    return BondNetwork(n, start, second[kept], network.step[kept])
