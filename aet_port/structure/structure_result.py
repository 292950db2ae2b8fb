"""Everything that the structure chain finds in one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.display import Shown, angstrom
from aet_port.structure.bonds.local_chemistry import LocalChemistry
from aet_port.structure.bonds.templates import NOT_ASKED, StructureTypes
from aet_port.structure.intervals import Intervals
from aet_port.structure.medium_range.order import REASON, SoluteOrder
from aet_port.structure.pairs.pdf import PairDistribution
from aet_port.structure.polytetrahedral.bipyramids import Motifs
from aet_port.structure.polytetrahedral.networks import Networks
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder
from aet_port.structure.rings.ring_statistics import RingStatistics
from aet_port.structure.short_range import ShortRangeOrder
from aet_port.structure.voids.void_list import Voids
from aet_port.structure.voronoi.tetrahedra import (
    Tetrahedra,
)

NETWORK_FOLDS = (4, 5, 6)


@dataclass(frozen=True, repr=False)
class StructureResult(Shown):
    """Structure of one model under one set of parameters.

    Attributes
    ----------
    parameters
        Parameters used: ``cutoff`` and ``cutoff_from`` ("first valley" or "given"), ``delta``,
        ``alpha``, and ``solute``, ``rings`` and ``voids`` if they were asked for; lengths in
        angstrom. ``motifs_reason`` says why there are no motifs, if they are not defined.
    pdf
        Pair distribution of all atoms.
    tetrahedra
        Accepted tetrahedra. If some are ``undecided``, these are not all.
    face_pairs
        Shape (m, 2): tetrahedra that share a face.
    motifs
        Triplets and bipyramids; empty if they are not defined (``motifs_reason``).
    networks
        Networks by the fold of their motifs (4, 5, 6).
    order
        Short-range order; None if it was not requested.
    packing
        Shape, joints and density of the bipyramids; None without the order or the motifs.
    solutes
        Medium-range order; None unless a solute was named, or if it was not found
        (``solutes_reason``).
    rings
        Rings of bonds; None unless a largest size was given.
    voids
        Largest empty spheres; None unless asked for.
    intervals
        What the uncertainties of the atoms mean for these results; None unless
        :func:`aet_port.structure.resampling.resample` drew models from them.
    remarks
        What is odd about the model, such as neighbours at a distance that its elements can't have.
    local_chemistry
        Warren-Cowley parameters of each atom; None without the order.
    types
        Structure type and strain of each atom; None unless asked for, or without OVITO
        (``templates_reason``).

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> found = aet.analyze(amorphous_particle(100, "Ta"), cutoff=4.1, order=False)
    >>> sorted(found.networks), len(found.motifs) == sum(found.counts.values())
    ([4, 5, 6], True)
    """

    parameters: dict[str, Any]
    pdf: PairDistribution
    tetrahedra: Tetrahedra
    face_pairs: NDArray[np.int64]
    motifs: Motifs
    networks: dict[int, Networks]
    order: ShortRangeOrder | None = None
    packing: PolytetrahedralOrder | None = None
    solutes: SoluteOrder | None = None
    rings: RingStatistics | None = None
    voids: Voids | None = None
    intervals: Intervals | None = None
    remarks: tuple[str, ...] = ()
    local_chemistry: LocalChemistry | None = None
    types: StructureTypes | None = None

    plot = methods.plot_structure
    """Plot g(r) with the cut-off: :func:`aet_port.figures.structure_results.plot_structure`."""

    to_dataframe = methods.to_dataframe
    """Every quantity of each atom as a table: :func:`aet_port.structure.to_dataframe`."""

    def _facts(self) -> dict[str, object]:
        largest = {fold: int(found.size.max(initial=0)) for fold, found in self.networks.items()}
        return {
            "cut-off": f"{angstrom(self.cutoff)} ({self.parameters['cutoff_from']})",
            "delta": self.delta,
            "tetrahedra": len(self.tetrahedra),
            **({} if self.motifs_reason is None else {"no motifs": self.motifs_reason}),
            "motifs": " ".join(f"{fold}:{number}" for fold, number in self.counts.items()),
            "largest networks": " ".join(f"{fold}:{size}" for fold, size in largest.items()),
        }

    @property
    def cutoff(self) -> float:
        """Longest edge of a tetrahedron, angstrom."""
        return float(self.parameters["cutoff"])

    @property
    def delta(self) -> float:
        """Largest distortion of a tetrahedron."""
        return float(self.parameters["delta"])

    @property
    def motifs_reason(self) -> str | None:
        """Why the motifs are not defined; None if they are."""
        reason = self.parameters.get("motifs_reason")
        return None if reason is None else str(reason)

    @property
    def solutes_reason(self) -> str | None:
        """Why the medium-range order asked for was not found; None if it was, or not asked for."""
        reason = self.parameters.get(REASON)
        return None if reason is None else str(reason)

    @property
    def templates_reason(self) -> str | None:
        """Why there are no structure types; None if there are."""
        if self.types is not None:
            return None
        return str(self.parameters.get("templates_reason", NOT_ASKED))

    @property
    def counts(self) -> dict[int, int]:
        """Number of motifs of each fold from 3 to 8; zeros where they are not defined."""
        return self.motifs.counts()

    def summary(self) -> dict[str, Any]:
        """Counts for a table or JSON: plain numbers and lists, None for what is not defined."""
        unique, defined = not len(self.tetrahedra.undecided), self.motifs_reason is None
        counts = {str(fold): number for fold, number in self.counts.items()}
        largest = {str(fold): one.size[:5].tolist() for fold, one in self.networks.items()}
        longest = {
            str(fold): float(one.length.max(initial=0.0)) for fold, one in self.networks.items()
        }
        return {
            **self.parameters,
            "tetrahedra": len(self.tetrahedra) if unique else None,
            "face_pairs": len(self.face_pairs) if unique else None,
            "motifs": counts if defined else None,
            "largest_networks": largest if defined else None,
            "longest_network": longest if defined else None,
            **({} if self.packing is None else {"packing": self.packing.summary()}),
            **({} if self.solutes is None else {"medium_range_order": self.solutes.summary()}),
            **({} if self.solutes_reason is None else {"medium_range_order": None}),
            **({} if self.order is None else {"short_range_order": self.order.summary()}),
            **(
                {}
                if self.local_chemistry is None or len(self.local_chemistry.names) < 2
                else {"local_chemical_order": self.local_chemistry.summary()}
            ),
            "structure_types": None if self.types is None else self.types.summary(),
            **({} if self.types is not None else {"templates_reason": self.templates_reason}),
            **({} if self.rings is None else {"ring_statistics": self.rings.summary()}),
            **({} if self.voids is None else {"void_statistics": self.voids.summary()}),
            **({} if self.intervals is None else {"intervals": self.intervals.summary()}),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
        }
