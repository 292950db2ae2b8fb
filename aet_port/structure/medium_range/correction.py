"""Medium-range order: networks of solute centres on the sites of a lattice, without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.medium_range.assignment import Network, assign_networks
from aet_port.structure.medium_range.search import CUTOFF, MAX_STATES, SHELL, TYPES, search_clusters

LEAST = 5  # centres of a network that the paper counts as medium-range order


@dataclass(frozen=True, repr=False)
class MediumRangeOrder(Shown):
    """Networks that share no atom, in the order in which they were chosen: largest first.

    Attributes
    ----------
    networks
        All of two centres and more.
    n_atoms
        Number of solute centres searched.
    cutoff
        Angstrom.
    types
        Lattices searched for.
    reference_quirks
        Whether the networks are those of the reference.
    """

    networks: tuple[Network, ...]
    n_atoms: int
    cutoff: float
    types: tuple[str, ...]
    reference_quirks: bool

    def _facts(self) -> dict[str, object]:
        counts = " ".join(f"{lattice}:{number}" for lattice, number in self.counts().items())
        return {
            "solute centres": self.n_atoms,
            "networks": len(self),
            f"of {LEAST} centres and more": counts,
            "cut-off": angstrom(self.cutoff),
        }

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def size(self) -> NDArray[np.int64]:
        """Centres of each network, shape (networks,)."""
        return np.array([len(n) for n in self.networks], dtype=np.int64)

    @property
    def lattice(self) -> NDArray[np.str_]:
        """Lattice of each network, shape (networks,)."""
        return np.array([n.lattice for n in self.networks], dtype="<U11")

    def chosen(self, lattice: str | None = None, least: int = LEAST) -> list[Network]:
        """Networks of at least ``least`` centres, of one lattice or of all."""
        return [
            n
            for n in self.networks
            if len(n) >= least and (lattice is None or n.lattice == lattice)
        ]

    def counts(self, least: int = LEAST) -> dict[str, int]:
        """Number of networks of at least ``least`` centres for each type."""
        return {name: len(self.chosen(name, least)) for name in self.types}

    def size_histogram(self, lattice: str) -> NDArray[np.int64]:
        """Number of networks of 0, 1, 2, ... centres of one lattice (glass paper, Fig. 3g)."""
        mine = self.size[self.lattice == lattice]
        return np.bincount(mine, minlength=int(self.size.max(initial=0)) + 1)

    def label(self) -> NDArray[np.int64]:
        """Network of each solute centre, shape (n_atoms,), -1 for none."""
        result = np.full(self.n_atoms, -1, dtype=np.int64)
        for k, network in enumerate(self.networks):
            result[network.atoms] = k
        return result


def find_mro(
    atoms: AtomicModel | ase.Atoms | ArrayLike,
    *,
    cutoff: float = CUTOFF,
    types: Sequence[str] = TYPES,
    shell: tuple[float, float] = SHELL,
    reference_quirks: bool = False,
    max_states: int = MAX_STATES,
    threads: int | None = None,
    show_progress: bool = False,
) -> MediumRangeOrder:
    """Crystal-like medium-range order of solute centres (glass paper, Methods, Figs. 3 and 4).

    :func:`~aet_port.structure.medium_range.search.search_clusters` around every centre, then
    :func:`assign_networks`.

    Parameters
    ----------
    atoms
        The solute centres only (in the paper the amorphous type-3 atoms), as a model, atoms, or
        positions (n, 3) in angstrom.
    cutoff
        Angstrom; the paper gives 0.5, 0.75 and 1.
    types
        Lattices, out of ``LATTICES``.
    shell
        Least and greatest distance of neighbouring centres, angstrom.
    reference_quirks
        Search and assign as the reference does, which gives the published networks.
    max_states, threads, show_progress
        As for the search.

    Raises
    ------
    InputError
        For unusable atoms, cutoff, shell or types, and for crystals (see ``max_states``).

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/Main_1_potential_mro.m and Main_2_final_mro.m. Deviates: see
    ``search_clusters`` and ``assign_networks``.
    """
    if isinstance(atoms, AtomicModel):
        atoms = atoms.atoms
    if not isinstance(atoms, ase.Atoms):
        positions = np.asarray(atoms, dtype=np.float64)
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise InputError("atoms", f"an array of shape {positions.shape}", "positions (n, 3)")
        atoms = ase.Atoms(numbers=np.zeros(len(positions)), positions=positions)
    clusters = search_clusters(
        atoms,
        cutoff=cutoff,
        types=types,
        shell=shell,
        reference_quirks=reference_quirks,
        max_states=max_states,
        threads=threads,
        show_progress=show_progress,
    )
    networks = assign_networks(atoms, clusters, reference_quirks=reference_quirks)
    return MediumRangeOrder(
        tuple(networks), len(atoms), float(cutoff), tuple(types), bool(reference_quirks)
    )
