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
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.columns import near_rows
from aet_port.structure.neighbours import check_atoms, check_cutoff, periodic_images

# Cut-off between two shells of each lattice, in nearest-neighbour distances: 12, 12 and 8 + 6.
SHELLS = {"fcc": 1.2, "hcp": 1.2, "bcc": 1.4}
PRINTED_FCC = (0.190941, 0.574524)  # typed into the reference's code
FILM_NEAREST = 0.1  # angstrom: the film code takes no bond shorter than this
NEAREST = 1e-6  # angstrom
_LANES = 8  # bonds at a time, for wide registers
_COMPONENTS = 22  # 9 of degree 4, 13 of degree 6


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

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/obtain_Q_l_2ndNN_inds_PBC.m::obtain_Q_l_2ndNN_inds_PBC and
    7_Data_analysis/src/qnbar.m::qnbar. Deviates: any cell, not only rectangular ones; NaN for
    atoms without neighbours (as the first, not as the second); normalised by a computed lattice.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms)
    cutoff = check_cutoff(atoms, cutoff)
    images = periodic_images(atoms, cutoff)
    # Slightly beyond the cut-off, for the rounding of its square; the kernels check again.
    reach, n = cutoff * (1 + 1e-12), len(atoms)
    hits, count = near_rows(images.positions, images.atom, n, reach, once=False)
    where = (images.positions, images.atom, hits, count, cutoff)
    local, neighbours = np.empty((n, _COMPONENTS)), np.empty(n, dtype=np.int64)
    # As the film code, whose atoms without neighbours have no order.
    least = (FILM_NEAREST, 0.0) if reference_quirks else (NEAREST, np.nan)
    _local_harmonics(*where, *least, _LANES, local, neighbours)
    q4, q6 = np.empty(n), np.empty(n)
    _average(*where, local, q4, q6)
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

    Notes
    -----
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
    total = np.zeros(_COMPONENTS * _LANES)
    for bond in bonds / np.linalg.norm(bonds, axis=1)[:, None]:
        _add_harmonics(bond[0], bond[1], bond[2], 1.0, total, 0)
    # All sites of these lattices have the same q_lm for even l, so averaging changes nothing.
    q4, q6 = _length(total[None, ::_LANES] / len(bonds))
    return float(q4[0]), float(q6[0])


def _length(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q4 and Q6 from rows of 9 components of degree 4 and 13 of degree 6."""
    return np.sqrt((values[:, :9] ** 2).sum(axis=1)), np.sqrt((values[:, 9:] ** 2).sum(axis=1))


@njit(cache=True, error_model="numpy", inline="always")
def _add_harmonics(x, y, z, weight, total, lane):  # type: ignore[no-untyped-def]
    """Add the real harmonics of a unit vector, of degree 4 then 6, to one lane of ``total``.

    Component k of lane i is ``total[8 k + i]``. With a ``weight`` of 0 and x, y and z of 0 instead
    of a unit vector nothing is added.

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
    total[0 + lane] += weight * (((35 * w - 30) * w + 3) / 8)
    p = np.sqrt(1 / 10) * (35 * w - 15) * z / 2
    total[8 + lane] += p * c1
    total[16 + lane] += p * s1
    p = np.sqrt(1 / 180) * (105 * w - 15) / 2
    total[24 + lane] += p * c2
    total[32 + lane] += p * s2
    p = np.sqrt(2 / 5040) * 105 * z
    total[40 + lane] += p * c3
    total[48 + lane] += p * s3
    p = np.sqrt(2 / 40320) * 105
    total[56 + lane] += p * c4
    total[64 + lane] += p * s4
    total[72 + lane] += weight * ((((231 * w - 315) * w + 105) * w - 5) / 16)
    p = np.sqrt(1 / 21) * ((693 * w - 630) * w + 105) * z / 8
    total[80 + lane] += p * c1
    total[88 + lane] += p * s1
    p = np.sqrt(1 / 840) * ((3465 * w - 1890) * w + 105) / 8
    total[96 + lane] += p * c2
    total[104 + lane] += p * s2
    p = np.sqrt(1 / 30240) * (3465 * w - 945) * z / 2
    total[112 + lane] += p * c3
    total[120 + lane] += p * s3
    p = np.sqrt(1 / 907200) * (10395 * w - 945) / 2
    total[128 + lane] += p * c4
    total[136 + lane] += p * s4
    p = np.sqrt(2 / 39916800) * 10395 * z
    total[144 + lane] += p * c5
    total[152 + lane] += p * s5
    p = np.sqrt(2 / 479001600) * 10395
    total[160 + lane] += p * c6
    total[168 + lane] += p * s6


@njit(cache=True, parallel=True, error_model="numpy")
def _local_harmonics(  # type: ignore[no-untyped-def]
    positions, atom, hits, count, cutoff, nearest, alone, lanes, local, neighbours
):
    """Means of the harmonics over the bonds of each atom, ``alone`` without any."""
    for i in prange(len(count)):
        _local_row(i, positions, hits, count[i], cutoff, nearest, alone, lanes, local, neighbours)


@njit(cache=True, error_model="numpy")
def _local_row(i, positions, hits, found, cutoff, nearest, alone, lanes, local, neighbours):  # type: ignore[no-untyped-def]
    """Mean of the harmonics over the bonds of atom i.

    ``lanes``, the bonds at a time, is an argument because the compiler uses wide registers in loops
    whose length it doesn't know.
    """
    total = np.zeros(_COMPONENTS * _LANES)
    unit, weight = np.empty(3 * _LANES), np.empty(_LANES)
    ox, oy, oz = positions[i]
    bonds = 0
    for first in range(0, found, lanes):
        for lane in range(lanes):
            k = first + lane
            j = hits[i, min(k, found - 1)]
            dx, dy, dz = positions[j, 0] - ox, positions[j, 1] - oy, positions[j, 2] - oz
            distance = np.sqrt(dx * dx + dy * dy + dz * dz)
            near = k < found and nearest < distance < cutoff
            scale = 1 / distance if near else 0.0
            unit[lane], unit[_LANES + lane], unit[2 * _LANES + lane] = (
                dx * scale,
                dy * scale,
                dz * scale,
            )
            weight[lane] = 1.0 if near else 0.0
            bonds += near
        for lane in range(lanes):
            x, y, z = unit[lane], unit[_LANES + lane], unit[2 * _LANES + lane]
            _add_harmonics(x, y, z, weight[lane], total, lane)
    neighbours[i] = bonds
    for c in range(_COMPONENTS):
        mean = alone
        if bonds > 0:
            mean = 0.0
            for lane in range(lanes):
                mean += total[c * _LANES + lane]
            mean /= bonds
        local[i, c] = mean


@njit(cache=True, parallel=True, error_model="numpy")
def _average(positions, atom, hits, count, cutoff, local, q4, q6):  # type: ignore[no-untyped-def]
    """Q4 and Q6 of the mean of the rows of ``local`` over each atom and its neighbours."""
    for i in prange(len(count)):
        q4[i], q6[i] = _averaged_row(i, positions, atom, hits, count[i], cutoff, local)


@njit(cache=True, error_model="numpy")
def _averaged_row(i, positions, atom, hits, found, cutoff, local):  # type: ignore[no-untyped-def]
    """Q4 and Q6 of the mean of the rows of ``local`` over atom i and its neighbours."""
    mean = np.zeros(_COMPONENTS)
    bonds = 0
    for k in range(found):
        j = hits[i, k]
        dx = positions[j, 0] - positions[i, 0]
        dy = positions[j, 1] - positions[i, 1]
        dz = positions[j, 2] - positions[i, 2]
        if np.sqrt(dx * dx + dy * dy + dz * dz) < cutoff:
            bonds += 1
            row = atom[j]
            for c in range(_COMPONENTS):
                mean[c] += local[row, c]
    four, six = 0.0, 0.0
    for c in range(9):
        four += mean[c] * mean[c]
    for c in range(9, _COMPONENTS):
        six += mean[c] * mean[c]
    return np.sqrt(four) / bonds, np.sqrt(six) / bonds
