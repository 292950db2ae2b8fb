"""Bond-orientational order of each atom, averaged over its neighbours (Lechner and Dellago)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import ase
import numpy as np
from ase.build import bulk
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import (
    cell_list,
    check_atoms,
    check_cutoff,
    neighbour_rows,
    periodic_images,
)

# Cut-off between two shells of each lattice, in nearest-neighbour distances: 12, 12 and 8 + 6.
SHELLS = {"fcc": 1.2, "hcp": 1.2, "bcc": 1.4}
PRINTED_FCC = (0.190941, 0.574524)  # typed into the reference's code
FILM_NEAREST = 0.1  # angstrom: the film code takes no bond shorter than this
NEAREST = 1e-6  # angstrom


@dataclass(frozen=True, repr=False)
class BondOrder(Shown):
    """Bond-orientational order parameters; NaN for atoms without neighbours.

    Attributes
    ----------
    q4, q6
        Shape (n,): averaged over the atom and its neighbours.
    local_q4, local_q6
        Shape (n,): of the atom's own bonds only (Steinhardt).
    neighbours
        Shape (n,): number of bonds.
    normalised
        Shape (n,): ``sqrt(q4^2 + q6^2)`` over that of a perfect fcc lattice.
    """

    q4: NDArray[np.float64]
    q6: NDArray[np.float64]
    local_q4: NDArray[np.float64]
    local_q6: NDArray[np.float64]
    neighbours: NDArray[np.int64]
    normalised: NDArray[np.float64]

    plot = methods.plot_bond_order
    """Q4 and Q6 of all atoms: :func:`aet_port.figures.structure_results.plot_bond_order`."""

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": len(self),
            "mean Q4": average(self.q4),
            "mean Q6": average(self.q6),
            "mean normalised order": average(self.normalised),
        }

    def __len__(self) -> int:
        return len(self.q4)


def bond_order(
    atoms: AtomicModel | ase.Atoms, cutoff: float, *, reference_quirks: bool = False
) -> BondOrder:
    """Local and averaged Q4 and Q6, and the normalised bond-orientational order, of every atom.

    With ``q_lm(i)`` the mean of the spherical harmonics ``Y_lm`` over the bonds of atom i,

        ``local_q_l(i) = sqrt(4 pi / (2 l + 1) sum_m |q_lm(i)|^2)``, and
        ``q_l(i) = sqrt(4 pi / (2 l + 1) sum_m |mean of q_lm over i and its neighbours|^2)``

    (Lechner and Dellago, J. Chem. Phys. 129, 114707, 2008; Methods of both papers). Neighbours are
    the atoms closer than, not at, the cut-off.

    Parameters
    ----------
    cutoff
        Angstrom; the first valley of the pair distribution function. A periodic cell is more than
        twice as high.
    reference_quirks
        As both papers, normalise by the six digits typed into the code instead of the lattice
        (relative difference 1e-6), and as the film paper, call an atom without neighbours 0, and
        leave out bonds shorter than 0.1 angstrom.

    Raises
    ------
    InputError
        For unusable atoms or cut-off.

    MATLAB: 7_Data_analysis_sro/src/obtain_Q_l_2ndNN_inds_PBC.m::obtain_Q_l_2ndNN_inds_PBC and
    7_Data_analysis/src/qnbar.m::qnbar. Deviates: any cell, not only rectangular ones; NaN for
    atoms without neighbours (as the first, not as the second); normalised by a computed lattice.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    cutoff = check_cutoff(atoms, cutoff)
    images = periodic_images(atoms, cutoff)
    cells = cell_list(images.positions, cutoff * (1 + 1e-12))
    # Slightly beyond the cut-off, for the rounding of its square; the kernels check again.
    hits, count = neighbour_rows(images, cells, cutoff * (1 + 1e-12), len(atoms), once=False)
    where = (images.positions, images.atom, hits, count, cutoff)
    sums = np.zeros((len(atoms), 22))
    neighbours = np.zeros(len(atoms), dtype=np.int64)
    _sum_harmonics(*where, FILM_NEAREST if reference_quirks else NEAREST, sums, neighbours)
    bonds = np.where(neighbours > 0, neighbours, 1.0 if reference_quirks else np.nan)
    local = sums / bonds[:, None]
    averaged = np.zeros_like(local)
    _average(*where, local, averaged)
    q4, q6 = _length(averaged)
    fcc4, fcc6 = PRINTED_FCC if reference_quirks else lattice_order("fcc")
    normalised = np.sqrt(q4**2 + q6**2) / np.sqrt(fcc4**2 + fcc6**2)
    return BondOrder(q4, q6, *_length(local), neighbours, normalised)


@checked
@cache
def lattice_order(lattice: str) -> tuple[float, float]:
    """Averaged Q4 and Q6 of a perfect lattice: ``"fcc"``, ``"hcp"`` (ideal axes) or ``"bcc"``.

    Bonds are the 12 nearest neighbours, in bcc the 14 nearest.

    Raises
    ------
    InputError
        For another lattice.

    MATLAB: none; the reference types 0.190941, 0.574524 (fcc), 0.09722, 0.484762 (hcp) and
    0.0363696, 0.510688 (bcc)
    """
    if lattice not in SHELLS:
        raise InputError("lattice", f"{lattice!r}", f"one of {', '.join(SHELLS)}")
    # Not through bond_order, which needs fcc itself for its normalisation.
    edge = {"fcc": np.sqrt(2), "hcp": 1.0, "bcc": 2 / np.sqrt(3)}[lattice]
    options = {"covera": np.sqrt(8 / 3)} if lattice == "hcp" else {"cubic": True}
    crystal = bulk("Fe", lattice, a=edge, **options).repeat(5)
    middle = np.linalg.norm(crystal.positions - crystal.positions.mean(axis=0), axis=1).argmin()
    bonds = crystal.positions - crystal.positions[middle]
    lengths = np.linalg.norm(bonds, axis=1)
    bonds = bonds[(lengths > 0.5) & (lengths < SHELLS[lattice])]
    total = np.zeros((1, 22))
    for bond in bonds / np.linalg.norm(bonds, axis=1)[:, None]:
        _add_harmonics(bond[0], bond[1], bond[2], total, 0)
    # All sites of these lattices have the same q_lm for even l, so averaging changes nothing.
    q4, q6 = _length(total / len(bonds))
    return float(q4[0]), float(q6[0])


def _length(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q4 and Q6 from rows of 9 components of degree 4 and 13 of degree 6."""
    return np.sqrt((values[:, :9] ** 2).sum(axis=1)), np.sqrt((values[:, 9:] ** 2).sum(axis=1))


@njit(cache=True)
def _add_harmonics(x, y, z, total, row):  # type: ignore[no-untyped-def]
    """Add the real harmonics of a unit vector, of degree 4 then 6, to a row of ``total``.

    They are scaled so that the squares of one degree sum to 1 for a unit vector (Schmidt), which
    is ``4 pi / (2 l + 1) |Y_lm|^2`` with m and -m joined.
    """
    c1, s1 = x, y
    c2, s2 = x * x - y * y, 2 * x * y
    c3, s3 = c2 * x - s2 * y, s2 * x + c2 * y
    c4, s4 = c3 * x - s3 * y, s3 * x + c3 * y
    c5, s5 = c4 * x - s4 * y, s4 * x + c4 * y
    c6, s6 = c5 * x - s5 * y, s5 * x + c5 * y
    w = z * z
    total[row, 0] += ((35 * w - 30) * w + 3) / 8
    p = np.sqrt(1 / 10) * (35 * w - 15) * z / 2
    total[row, 1] += p * c1
    total[row, 2] += p * s1
    p = np.sqrt(1 / 180) * (105 * w - 15) / 2
    total[row, 3] += p * c2
    total[row, 4] += p * s2
    p = np.sqrt(2 / 5040) * 105 * z
    total[row, 5] += p * c3
    total[row, 6] += p * s3
    p = np.sqrt(2 / 40320) * 105
    total[row, 7] += p * c4
    total[row, 8] += p * s4
    total[row, 9] += (((231 * w - 315) * w + 105) * w - 5) / 16
    p = np.sqrt(1 / 21) * ((693 * w - 630) * w + 105) * z / 8
    total[row, 10] += p * c1
    total[row, 11] += p * s1
    p = np.sqrt(1 / 840) * ((3465 * w - 1890) * w + 105) / 8
    total[row, 12] += p * c2
    total[row, 13] += p * s2
    p = np.sqrt(1 / 30240) * (3465 * w - 945) * z / 2
    total[row, 14] += p * c3
    total[row, 15] += p * s3
    p = np.sqrt(1 / 907200) * (10395 * w - 945) / 2
    total[row, 16] += p * c4
    total[row, 17] += p * s4
    p = np.sqrt(2 / 39916800) * 10395 * z
    total[row, 18] += p * c5
    total[row, 19] += p * s5
    p = np.sqrt(2 / 479001600) * 10395
    total[row, 20] += p * c6
    total[row, 21] += p * s6


@njit(cache=True, parallel=True)
def _sum_harmonics(positions, atom, hits, count, cutoff, nearest, sums, neighbours):  # type: ignore[no-untyped-def]
    """Sum the harmonics over the bonds of each atom; the order of summation is the cells'."""
    for i in prange(len(count)):
        for k in range(count[i]):
            j = hits[i, k]
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            distance = np.sqrt(dx * dx + dy * dy + dz * dz)
            if nearest < distance < cutoff:
                _add_harmonics(dx / distance, dy / distance, dz / distance, sums, i)
                neighbours[i] += 1


@njit(cache=True, parallel=True)
def _average(positions, atom, hits, count, cutoff, local, averaged):  # type: ignore[no-untyped-def]
    """Mean of the rows of ``local`` over each atom and its neighbours."""
    for i in prange(len(count)):
        found = 0
        for k in range(count[i]):
            j = hits[i, k]
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            if np.sqrt(dx * dx + dy * dy + dz * dz) < cutoff:
                found += 1
                for c in range(local.shape[1]):
                    averaged[i, c] += local[atom[j], c]
        for c in range(local.shape[1]):
            averaged[i, c] /= found
