"""Rings of one definition: each once, counted by size and by atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.display import Shown


@dataclass(frozen=True, repr=False)
class Rings(Shown):
    """Rings of one definition, by ascending size; those of a periodic box once for each cell.

    Attributes
    ----------
    definition
        ``"king"`` or ``"primitive"``.
    largest
        Size up to which all rings are known.
    start, atoms
        The atoms of ring k, in the order of its bonds, are ``atoms[start[k]:start[k + 1]]``. In a
        small periodic cell they may be images of each other.
    through
        Shape (n_atoms, largest - 2): number of rings through each atom, of 3 atoms, of 4 and so on.
    reason
        Why larger rings, which were asked for, are not known; None if all are.

    Examples
    --------
    >>> import aet_port as aet
    >>> from ase.build import bulk
    >>> found = aet.structure.find_rings(bulk("C", "diamond", 3.567), cutoff=1.8, largest=8)
    >>> found.primitive.sizes, found.primitive.per_atom, found.primitive.through[0].tolist()
    (array([3, 4, 5, 6, 7, 8]), array([0., 0., 0., 2., 0., 0.]), [0, 0, 0, 12, 0, 0])
    """

    definition: str
    largest: int
    start: NDArray[np.int64]
    atoms: NDArray[np.int64]
    through: NDArray[np.int64]
    reason: str | None = None

    def _facts(self) -> dict[str, object]:
        counts = zip(self.sizes.tolist(), self.counts.tolist(), strict=True)
        return {
            "definition": self.definition,
            "rings": len(self),
            "by size": " ".join(f"{size}:{number}" for size, number in counts if number) or "none",
            **({} if self.reason is None else {"no larger ones": self.reason}),
        }

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Sizes that are known, 3 to ``largest``."""
        return np.arange(3, self.largest + 1)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of rings of each size, shape (largest - 2,)."""
        return np.bincount(np.diff(self.start), minlength=self.largest + 1)[3:]

    @property
    def per_atom(self) -> NDArray[np.float64]:
        """Rings of each size over the number of atoms, R_c of R.I.N.G.S., shape (largest - 2,)."""
        return self.counts / len(self.through)

    @property
    def atom_fraction(self) -> NDArray[np.float64]:
        """Fraction of the atoms that are in a ring of each size, P_n, shape (largest - 2,)."""
        return np.asarray((self.through > 0).mean(axis=0))

    @property
    def smallest_fraction(self) -> NDArray[np.float64]:
        """Fraction of the atoms of which this is the smallest ring, shape (largest - 2,)."""
        return self._extreme(self.through)

    @property
    def largest_fraction(self) -> NDArray[np.float64]:
        """Fraction of the atoms of which this is the largest ring, shape (largest - 2,)."""
        return self._extreme(self.through[:, ::-1])[::-1]

    def _extreme(self, through: NDArray[np.int64]) -> NDArray[np.float64]:
        in_some = (through > 0).any(axis=1)
        first = (through[in_some] > 0).argmax(axis=1)
        return np.bincount(first, minlength=self.largest - 2) / len(through)

    def summary(self) -> dict[str, Any]:
        """Numbers by size of ring, for a table or JSON."""
        sizes = [str(size) for size in self.sizes.tolist()]
        found: dict[str, Any] = {
            "rings": dict(zip(sizes, self.counts.tolist(), strict=True)),
            "rings_per_atom": dict(zip(sizes, self.per_atom.tolist(), strict=True)),
            "atom_fraction": dict(zip(sizes, self.atom_fraction.tolist(), strict=True)),
        }
        return found if self.reason is None else found | {"reason": self.reason}


def ring_list(
    definition: str,
    n_atoms: int,
    home: int,
    nodes: NDArray[np.int64],
    sizes: NDArray[np.int64],
    largest: int,
    reason: str | None = None,
) -> Rings:
    """Rings as they were found, perhaps several times, as a list of each once.

    Parameters
    ----------
    definition
        Their definition.
    n_atoms, home
        Number of atoms, and of the home cell (:class:`BondNetwork`).
    nodes, sizes
        Nodes of all rings one after the other, and the sizes of these.
    largest
        Size up to which all are known; larger ones are left out.
    reason
        Why no larger ones are known.

    Notes
    -----
    MATLAB: none
    """
    start = np.concatenate([[0], np.cumsum(sizes)])
    nodes = nodes.copy()
    code = _standard(nodes, start, n_atoms, home)
    order = np.lexsort((code, sizes))  # equal ones in the order in which they were found
    kept = _first_of_equal(nodes, start, sizes, code, order) & (sizes <= largest)
    chosen = np.flatnonzero(kept)
    chosen = chosen[np.argsort(sizes[chosen], kind="stable")]
    size = sizes[chosen]
    begin = np.concatenate([[0], np.cumsum(size)])
    place = np.repeat(start[chosen] - begin[:-1], size) + np.arange(begin[-1])
    atoms = nodes[place] % n_atoms
    through = np.zeros((n_atoms, largest - 2), dtype=np.int64)
    np.add.at(through, (atoms, np.repeat(size - 3, size)), 1)
    return Rings(definition, largest, begin, atoms, through, reason)


@njit(cache=True)
def _standard(nodes, start, n_atoms, home):  # type: ignore[no-untyped-def]
    """Write each ring from its first node in its first direction; hash numbers of the rings.

    The first node is of the lowest atom and moved to the home cell; of what is left to choose the
    lowest sequence is taken. Translated rings become equal.
    """
    code = np.empty(len(start) - 1, dtype=np.uint64)
    for ring in range(len(start) - 1):
        n = start[ring + 1] - start[ring]
        given = nodes[start[ring] : start[ring + 1]].copy()
        lowest = n_atoms
        for k in range(n):
            lowest = min(lowest, given[k] % n_atoms)
        best, way, moved = -1, 1, 0
        for k in range(n):
            if given[k] % n_atoms != lowest:
                continue
            shift = home * n_atoms + lowest - given[k]
            for direction in (1, -1):
                if best >= 0:
                    lower = False
                    for j in range(n):
                        new = given[(k + direction * j) % n] + shift
                        old = given[(best + way * j) % n] + moved
                        if new != old:
                            lower = new < old
                            break
                    if not lower:
                        continue
                best, way, moved = k, direction, shift
        mixed = np.uint64(n)
        for j in range(n):
            node = given[(best + way * j) % n] + moved
            nodes[start[ring] + j] = node
            mixed ^= np.uint64(node)
            mixed *= np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
        code[ring] = mixed
    return code


@njit(cache=True)
def _first_of_equal(nodes, start, sizes, code, order):  # type: ignore[no-untyped-def]
    """Which rings were not found before; those of equal hash number are compared node by node."""
    kept = np.ones(len(sizes), dtype=np.bool_)
    first = 0
    for place in range(1, len(order)):
        ring = order[place]
        if sizes[ring] != sizes[order[first]] or code[ring] != code[order[first]]:
            first = place
            continue
        for earlier in range(first, place):
            other = order[earlier]
            if kept[other]:
                same = True
                for j in range(sizes[ring]):
                    if nodes[start[ring] + j] != nodes[start[other] + j]:
                        same = False
                        break
                if same:
                    kept[ring] = False
                    break
    return kept
