"""Ring statistics of a sample: rings of King and primitive rings by bonds within the cut-off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ase
import numba
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.parallel import chunks, map_threads
from aet_port.structure.rings.ball import NODES
from aet_port.structure.rings.king import king_rings
from aet_port.structure.rings.network import HOME, BondNetwork, bond_network, without_ends
from aet_port.structure.rings.primitive import primitive_rings
from aet_port.structure.rings.ring_lists import Rings, ring_list
from aet_port.structure.settings import LARGEST_RING, SMALLEST_RING

USUAL = 12  # largest ring that is searched unless asked for another size
BUDGET = 2_000_000  # steps of a search around one atom, about 5 ms
TOGETHER = 256  # atoms around which one thread searches at a time


# Definition, size, number of rings, rings per atom, and the fractions of the atoms that are in one,
# of which it is the smallest, and of which it is the largest.
RingRow = tuple[str, int, int, float, float, float, float]


@dataclass(frozen=True, repr=False)
class RingStatistics(Shown):
    """Rings of a sample by both definitions.

    Attributes
    ----------
    cutoff
        Longest bond, angstrom.
    asked
        Size of the largest rings that were searched for.
    king, primitive
        The rings.

    Examples
    --------
    >>> import aet_port as aet
    >>> from ase.build import bulk
    >>> aet.structure.find_rings(bulk("C", "diamond", 3.567), cutoff=1.8, largest=8)
    <RingStatistics: cut-off 1.8 angstrom, King 6:4, primitive 6:4>
    """

    cutoff: float
    asked: int
    king: Rings
    primitive: Rings

    def _facts(self) -> dict[str, object]:
        found: dict[str, object] = {"cut-off": angstrom(self.cutoff)}
        for name, rings in (("King", self.king), ("primitive", self.primitive)):
            numbers = zip(rings.sizes.tolist(), rings.counts.tolist(), strict=True)
            found[name] = " ".join(f"{size}:{n}" for size, n in numbers if n) or "none"
        return found

    @property
    def both(self) -> tuple[Rings, Rings]:
        """Rings of King and primitive rings."""
        return self.king, self.primitive

    @property
    def rows(self) -> list[RingRow]:
        """A row for each definition and size, up to the largest size of which there are rings."""
        return [
            (rings.definition, *row)
            for rings in self.both
            for row in zip(
                rings.sizes.tolist(),
                rings.counts.tolist(),
                rings.per_atom.tolist(),
                rings.atom_fraction.tolist(),
                rings.smallest_fraction.tolist(),
                rings.largest_fraction.tolist(),
                strict=True,
            )
            if rings.counts[row[0] - 3 :].any()
        ]

    def summary(self) -> dict[str, Any]:
        """Numbers of both definitions by size of ring, for a table or JSON."""
        return {"largest": self.asked} | {one.definition: one.summary() for one in self.both}


@checked
def find_rings(
    atoms: AtomicModel | ase.Atoms, cutoff: float, largest: int = USUAL
) -> RingStatistics:
    """Rings of King and primitive rings, by bonds within the cut-off.

    A ring is a closed path of bonds that meets no atom twice. It is a ring of King if it is the
    shortest one, or one of several shortest ones, that holds some two bonds of one of its atoms. It
    is primitive (irreducible, a shortest-path ring of Franzblau) if between none of its atoms there
    is a shorter path than along the ring, so that it can't be divided into two smaller rings.

    Parameters
    ----------
    atoms
        A particle or film, or a periodic box of any size: rings are those of the infinite
        structure, and one that differs from another by lattice vectors only is counted once.
    cutoff
        Longest bond, angstrom; the first valley of the pair distribution.
    largest
        Size up to which rings are searched, 3 to 24 atoms.

    Returns
    -------
    All rings. The search around each atom ends after 2 million steps, so that the time is bounded:
    about 10 ms for each atom and definition. Rings of the sizes at which that occurs, and larger
    ones, are left out for all atoms, and ``reason`` says so.

    Raises
    ------
    InputError
        For unusable atoms, cut-off or size.

    References
    ----------
    S. V. King, "Ring configurations in a random network model of vitreous silica", Nature 213, 1112
    (1967).

    D. S. Franzblau, "Computation of ring statistics for network models of solids", Physical Review
    B 44, 4925 (1991).

    X. Yuan and A. N. Cormack, "Efficient algorithm for primitive ring statistics in topological
    networks", Computational Materials Science 24, 343 (2002).

    S. Le Roux and P. Jund, "Ring statistics analysis of topological networks", Computational
    Materials Science 49, 70 (2010): R.I.N.G.S.

    Notes
    -----
    MATLAB: none; the reference has no rings

    Both searches keep to the nodes within half of a ring's length from an atom. Results don't
    depend on the number of threads.

    Examples
    --------
    Each atom of diamond is on twelve rings of six atoms:

    >>> from ase.build import bulk
    >>> found = find_rings(bulk("C", "diamond", 3.567), cutoff=1.8, largest=10)
    >>> found.king.through[:, 3].tolist(), found.primitive.counts.tolist()
    ([12, 12], [0, 0, 0, 4, 0, 0, 0, 0])
    """
    atoms = as_atoms(atoms)
    if not SMALLEST_RING <= largest <= LARGEST_RING:
        expected = f"a size from {SMALLEST_RING} to {LARGEST_RING}"
        raise InputError("rings", f"{largest}", expected)
    network = without_ends(bond_network(atoms, cutoff))
    king = _search("king", king_rings, network, int(largest))
    primitive = _search("primitive", primitive_rings, network, int(largest))
    return RingStatistics(float(cutoff), int(largest), king, primitive)


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _search(
    definition: str, search: Callable[..., Found], network: BondNetwork, largest: int
) -> Rings:
    """All rings of one definition."""
    n = network.n_atoms
    task = partial(_around, search, network, largest)
    parts = map_threads(task, chunks(n, TOGETHER), numba.get_num_threads())
    nodes, sizes, reach = (np.concatenate(each) for each in zip(*parts, strict=True))
    known = int(reach.min())
    reason = None
    if known < largest:
        stopped = int((reach < largest).sum())
        reason = (
            f"the search for rings of more than {known} atoms takes too many steps around"
            f" {stopped} of {n} atoms"
        )
    return ring_list(definition, n, HOME, nodes, sizes, max(known, 2), reason)


def _around(
    search: Callable[..., Found], network: BondNetwork, largest: int, atoms: tuple[int, int]
) -> Found:
    """Rings found around some atoms, with as much room as that takes."""
    bonds = (network.start, network.step, network.n_atoms)
    room = NODES
    while True:
        nodes, sizes, reach = search(bonds, HOME, atoms, largest, BUDGET, room)
        if (reach >= 0).all():
            return nodes, sizes, reach
        room *= 2
