"""Networks of medium-range order from a bank, with the lattice sites that it doesn't hold."""

from __future__ import annotations

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.structure.medium_range.assignment import Network
from aet_port.structure.medium_range.correction import MediumRangeOrder
from aet_port.structure.medium_range.lattices import WALKS, lattice_number, nearest_site
from aet_port.structure.medium_range.search import CUTOFF, TYPES
from mdb.bank import Bank

_NETWORKS = """
SELECT lattice, lattice_constant, rms, orientation, list(atom ORDER BY atom) AS atoms
FROM mro JOIN mro_member USING (analysis_id, mro) WHERE analysis_id = $analysis
GROUP BY mro, lattice, lattice_constant, rms, orientation ORDER BY mro
"""


def read_networks(bank: Bank, number: int, atoms: ase.Atoms) -> MediumRangeOrder | None:
    """The networks of an analysis.

    Parameters
    ----------
    bank
        An open bank.
    number
        Number of the analysis.
    atoms
        Its model.

    Returns
    -------
    The networks, each member on the site nearest to it; None if there are none, or in a periodic
    cell, for whose faces the bank doesn't say how they were crossed.

    Raises
    ------
    BankError
        If the bank can't be read.
    """
    rows = bank.sql(_NETWORKS, {"analysis": number}).to_pylist()
    if not rows or atoms.pbc.any():
        return None
    networks = []
    for row in rows:
        members = np.array(row["atoms"], dtype=np.int64)
        positions = atoms.positions[members]
        turn = np.array(row["orientation"], dtype=np.float64).reshape(3, 3)
        a = float(row["lattice_constant"])
        sites = _sites(positions, row["lattice"], a, turn)
        none = np.full(5, np.nan)
        networks.append(
            Network(row["lattice"], int(members[0]), members, positions, sites,
                    np.full(len(members), np.nan), none, a, turn, float(row["rms"]))
        )  # fmt: skip
    return MediumRangeOrder(tuple(networks), len(atoms), CUTOFF, TYPES, False)


def _sites(
    positions: NDArray[np.float64], lattice: str, a: float, turn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Nearest sites (n, 3), seen from the member around which they are nearest."""
    number = lattice_number(lattice)
    walk = np.empty(len(WALKS[number]), dtype=np.int64)
    best, least = np.zeros((len(positions), 3)), np.inf
    for origin in positions:
        wanted = (positions - origin) @ turn / a
        sites = np.empty_like(wanted)
        for target, site in zip(wanted, sites, strict=True):
            nearest_site(target, WALKS[number], number, False, walk, site)
        left = wanted - sites
        away = float(((left - left.mean(axis=0)) ** 2).sum())
        if away < least:
            best, least = sites, away
    return best
