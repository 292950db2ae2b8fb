"""Medium-range order of the solutes of a model in one call: their networks and shared atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.records import plain
from aet_port.structure.medium_range.clusters import (
    CentreDistribution,
    SharedAtoms,
    centre_distribution,
    network_extents,
    shared_atoms,
)
from aet_port.structure.medium_range.correction import MediumRangeOrder, find_mro
from aet_port.structure.medium_range.search import CUTOFF, SHELL, TYPES
from aet_port.structure.short_range import ShortRangeOrder

REASON = "solute_reason"  # among the parameters of an analysis: why there is no medium-range order


@dataclass(frozen=True, repr=False)
class SoluteOrder(Shown):
    """Medium-range order of the disordered atoms of one group.

    Attributes
    ----------
    solute
        The group: a symbol, or a type.
    shell
        Least and greatest distance of neighbouring solute centres, angstrom.
    centres
        Shape (n,): atoms at the solute centres.
    found
        Their networks; atoms count in ``centres``.
    length, volume
        Shape (networks,): with the atoms around their centres, angstrom and cubic angstrom.
    shared
        Atoms that neighbouring solute-centred clusters have in common.
    distributions
        By lattice: how the centres of its networks lie around each other.
    """

    solute: str
    shell: tuple[float, float]
    centres: NDArray[np.int64]
    found: MediumRangeOrder
    length: NDArray[np.float64]
    volume: NDArray[np.float64]
    shared: SharedAtoms
    distributions: dict[str, CentreDistribution]

    def _facts(self) -> dict[str, object]:
        counts = " ".join(f"{lattice}:{number}" for lattice, number in self.found.counts().items())
        return {
            "solute": self.solute,
            "solute centres": len(self.centres),
            "networks": len(self.found),
            "of 5 centres and more": counts,
        }

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON: plain numbers and lists, None for what is undefined."""
        sizes = self.found.size
        return {
            "solute": self.solute,
            "solute_centres": len(self.centres),
            "mros": self.found.counts(),
            "largest_mros": {
                name: sizes[self.found.lattice == name][:5].tolist() for name in self.found.types
            },
            "mro_peak": {name: plain(found.peak) for name, found in self.distributions.items()},
            "shared_atoms": {str(k): n for k, n in self.shared.counts().items()},
        }


def check_solute(groups: NDArray[np.str_], solute: str) -> None:
    """Refuse a solute that is none of the groups of the atoms, shape (n,).

    Raises
    ------
    InputError
        Names the groups.
    """
    known = sorted(set(groups.tolist()))
    if solute not in known:
        raise InputError("solute", repr(solute), f"one of {', '.join(known)}")


def order_or_reason(
    atoms: ase.Atoms,
    order: ShortRangeOrder,
    solute: str,
    known: tuple[SoluteOrder | None, Mapping[str, Any]],
) -> tuple[SoluteOrder | None, dict[str, Any]]:
    """Medium-range order, and what an analysis states about it, with the reason if there is none.

    The other results of an analysis must not be lost because this one is not defined.

    Parameters
    ----------
    order
        Short-range order of these atoms.
    solute
        One of its groups, as :func:`check_solute` makes sure.
    known
        Order of the same atoms and the parameters of their analysis; taken if the solute is the
        same.

    Returns
    -------
    None where it cannot be found; ``solute_reason`` among the parameters then says why.

    Notes
    -----
    MATLAB: none
    """
    earlier, parameters = known
    if parameters.get("solute") == solute:
        kept = {name: parameters[name] for name in ("solute", REASON) if name in parameters}
        return earlier, kept
    try:
        return solute_order(atoms, order, solute), {"solute": solute}
    except InputError as error:
        return None, {"solute": solute, REASON: str(error)}


def solute_order(
    atoms: AtomicModel | ase.Atoms,
    order: ShortRangeOrder,
    solute: str,
    *,
    cutoff: float = CUTOFF,
    shell: tuple[float, float] | None = None,
    reference_quirks: bool = False,
    threads: int | None = None,
    show_progress: bool = False,
) -> SoluteOrder:
    """Crystal-like networks of the disordered atoms of one group (glass paper, Figs. 3 and 4).

    Parameters
    ----------
    order
        Short-range order of these atoms: what is disordered, and the groups.
    solute
        One of the groups: a symbol, or a type where the atoms have types.
    cutoff
        How far a centre may lie from its site, angstrom.
    shell
        Least and greatest distance of neighbouring centres, angstrom; unless given, the first and
        the second minimum of the pair distribution function, or those of the glass paper if it has
        not got both.
    reference_quirks
        Search and assign as the reference does.
    threads, show_progress
        As for :func:`aet_port.structure.medium_range.correction.find_mro`.

    Raises
    ------
    InputError
        For an unknown group, fewer than two disordered atoms of it, or as ``find_mro``.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/Main_1_potential_mro.m, Main_2_final_mro.m
    """
    atoms = as_atoms(atoms)
    check_solute(order.groups, solute)
    chosen = np.flatnonzero((order.groups == solute) & ~order.nuclei.crystalline)
    if len(chosen) < 2:
        raise InputError("solute", f"{len(chosen)} disordered atoms of {solute}", "two or more")
    if shell is None:
        minima = (order.peaks.first_minimum, order.peaks.second_minimum)
        shell = minima if np.isfinite(minima).all() else SHELL
    part = atoms[chosen]
    found = find_mro(
        part,
        cutoff=cutoff,
        types=TYPES,
        shell=shell,
        reference_quirks=reference_quirks,
        threads=threads,
        show_progress=show_progress,
    )
    length, volume = network_extents(atoms, chosen, found, order.cutoff)
    return SoluteOrder(
        solute=solute,
        shell=shell,
        centres=chosen,
        found=found,
        length=length,
        volume=volume,
        shared=shared_atoms(atoms, chosen, order.cutoff, shell),
        distributions={name: centre_distribution(part, found, name) for name in TYPES},
    )
