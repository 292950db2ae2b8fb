"""The structure chain in one call: first valley, short-range order, motifs, networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.intervals import Intervals
from aet_port.structure.medium_range.order import SoluteOrder, solute_order
from aet_port.structure.neighbours import check_atoms
from aet_port.structure.pairs.pdf import PairDistribution, first_valley, pair_distribution
from aet_port.structure.polytetrahedral.bipyramids import Motifs, find_motifs
from aet_port.structure.polytetrahedral.networks import Networks, find_networks
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder, polytetrahedral_order
from aet_port.structure.polytetrahedral.packing import DELTAS
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.short_range import ShortRangeOrder, short_range_order
from aet_port.structure.voronoi.tetrahedra import (
    ALPHA,
    Tetrahedra,
    face_pairs,
    find_tetrahedra,
    keep_regular,
)

NETWORK_FOLDS = (4, 5, 6)


@dataclass(frozen=True, repr=False)
class StructureResult(Shown):
    """Structure of one model under one set of parameters.

    Attributes
    ----------
    parameters
        Parameters used: ``cutoff`` and ``cutoff_from`` ("first valley" or "given"), ``delta``,
        ``alpha``, and ``solute`` if one was named; lengths in angstrom.
    pdf
        Pair distribution of all atoms.
    tetrahedra
        Accepted tetrahedra.
    face_pairs
        Shape (m, 2): tetrahedra that share a face.
    motifs
        Triplets and bipyramids.
    networks
        Networks by the fold of their motifs (4, 5, 6).
    order
        Short-range order; None if it was not requested.
    packing
        Shape, joints and density of the bipyramids; None without the order.
    solutes
        Medium-range order; None unless a solute was named.
    intervals
        What the uncertainties of the atoms mean for these results; None unless
        :func:`aet_port.structure.resampling.resample` drew models from them.

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
    intervals: Intervals | None = None

    plot = methods.plot_structure
    """Plot g(r) with the cut-off: :func:`aet_port.figures.structure_results.plot_structure`."""

    def _facts(self) -> dict[str, object]:
        largest = {fold: int(found.size.max(initial=0)) for fold, found in self.networks.items()}
        return {
            "cut-off": f"{angstrom(self.cutoff)} ({self.parameters['cutoff_from']})",
            "delta": self.delta,
            "tetrahedra": len(self.tetrahedra),
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
    def counts(self) -> dict[int, int]:
        """Number of motifs of each fold from 3 to 8."""
        return self.motifs.counts()

    def summary(self) -> dict[str, Any]:
        """Counts for a table or JSON: plain numbers and lists only."""
        return {
            **self.parameters,
            "tetrahedra": len(self.tetrahedra),
            "face_pairs": len(self.face_pairs),
            "motifs": {str(fold): number for fold, number in self.counts.items()},
            "largest_networks": {
                str(fold): found.size[:5].tolist() for fold, found in self.networks.items()
            },
            "longest_network": {
                str(fold): float(found.length.max(initial=0.0))
                for fold, found in self.networks.items()
            },
            **({} if self.packing is None else {"packing": self.packing.summary()}),
            **({} if self.solutes is None else {"medium_range_order": self.solutes.summary()}),
            **({} if self.order is None else {"short_range_order": self.order.summary()}),
            **({} if self.intervals is None else {"intervals": self.intervals.summary()}),
        }


def analyze(
    atoms: AtomicModel | ase.Atoms,
    *,
    cutoff: float | None = DEFAULTS.cutoff,
    delta: float = DEFAULTS.delta,
    alpha: float | None = None,
    order: bool = True,
    solute: str | None = None,
    earlier: StructureResult | None = None,
) -> StructureResult:
    """Analyse pair distribution, short-range order, tetrahedra, their motifs and networks.

    Tetrahedra of nearest neighbours are accepted if their distortion ``e_max / e_avg - 1`` is at
    most ``delta``; motifs are groups of 3 to 8 tetrahedra that share faces around one bond,
    networks are motifs of one kind that share edges of their skeletons (film paper, Methods).

    Parameters
    ----------
    atoms
        A particle or film, or a simulation box, positions in angstrom; the cell is used along its
        periodic directions.
    cutoff
        Longest bond and edge of a tetrahedron, angstrom; the first valley of the pair
        distribution of all atoms unless given.
    delta
        Largest distortion, ``e_max / e_avg - 1``.
    alpha
        Largest empty circumsphere, angstrom (see
        :func:`aet_port.structure.voronoi.tetrahedra.find_tetrahedra`).
    order
        Whether to compute also the short-range order and the shape and joints of the bipyramids.
    solute
        Group (symbol, or type if the atoms have types) whose medium-range order is searched too,
        which can take minutes.
    earlier
        Result for the same atoms and cut-off with another delta, from which everything independent
        of delta is taken.

    Returns
    -------
    All results, with the parameters used.

    Raises
    ------
    InputError
        For atoms that cannot be analysed; the error says what to change.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m,
    Main_4_motifs_connection_and_network_Ta_film.m. Deviates: networks of all motifs, crystalline
    ones included.

    References
    ----------
    Y. Yuan et al., "Three-dimensional atomic packing in amorphous solids with liquid-like
    structure", Nature Materials 21, 95 (2022).

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(100, "Ta")
    >>> found = model.analyze()  # or aet.analyze(model)
    >>> 3.8 < found.cutoff < 4.4  # angstrom
    True
    >>> found.order.voronoi
    <Voronoi: cells 100, closed 65, mean coordination 10.94>
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    if solute is not None and not order:
        raise InputError("solute", repr(solute), "None without the short-range order")
    distribution = pair_distribution(atoms)
    used, source = (
        (first_valley(distribution), "first valley") if cutoff is None else (float(cutoff), "given")
    )
    alpha = ALPHA * used if alpha is None else float(alpha)
    curve = None if earlier is None or earlier.packing is None else earlier.packing.curve
    # The triangulation is also used for the packing curve.
    widest = max(*DELTAS, delta) if order and curve is None else delta
    candidates = find_tetrahedra(atoms, used, widest, alpha)
    found = keep_regular(candidates, delta)
    pairs = face_pairs(found.vertices)
    motifs = find_motifs(found.vertices, pairs)
    networks = {fold: find_networks(motifs, found, fold) for fold in NETWORK_FOLDS}
    parameters = {"cutoff": used, "cutoff_from": source, "delta": float(delta), "alpha": alpha}
    local = packing = solutes = None
    if order:
        local = _order(atoms, used, earlier)
        packing = polytetrahedral_order(
            atoms,
            found,
            motifs,
            local,
            alpha=alpha,
            delta=delta,
            widest=candidates,
            curve=curve,
        )
        if solute is not None:
            known = None if earlier is None else earlier.solutes
            same = known is not None and known.solute == solute
            solutes = known if same else solute_order(atoms, local, solute)
            parameters["solute"] = solute
    return StructureResult(
        parameters, distribution, found, pairs, motifs, networks, local, packing, solutes
    )


def _order(atoms: ase.Atoms, cutoff: float, earlier: StructureResult | None) -> ShortRangeOrder:
    if earlier is None or earlier.order is None:
        return short_range_order(atoms, cutoff)
    known = earlier.order
    if len(known.groups) != len(atoms) or known.cutoff != cutoff:
        raise InputError(
            "earlier",
            f"{len(known.groups)} atoms, cut-off {known.cutoff:g}",
            f"a result of these {len(atoms)} atoms and cut-off {cutoff:g}",
        )
    return known
