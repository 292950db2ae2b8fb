"""The structure chain in one call: first valley, short-range order, motifs, networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.extents import stray_remark
from aet_port.core.memory import check_memory
from aet_port.structure.bonds.local_chemistry import LocalChemistry, local_chemical_order
from aet_port.structure.bonds.templates import NOT_ASKED, StructureTypes, types_or_reason
from aet_port.structure.intervals import Intervals
from aet_port.structure.length_units import scale_remark
from aet_port.structure.medium_range.order import SoluteOrder, solute_order
from aet_port.structure.neighbours import check_atoms, check_cutoff
from aet_port.structure.pairs.pdf import PairDistribution, first_valley, pair_distribution
from aet_port.structure.polytetrahedral.bipyramids import Motifs, find_motifs
from aet_port.structure.polytetrahedral.networks import Networks, find_networks
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder, polytetrahedral_order
from aet_port.structure.polytetrahedral.packing import DELTAS
from aet_port.structure.rings.ring_statistics import RingStatistics, find_rings
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.short_range import ShortRangeOrder, short_range_order
from aet_port.structure.voids.void_list import Voids, find_voids
from aet_port.structure.voronoi.tetrahedra import (
    ALPHA,
    Tetrahedra,
    face_pairs,
    find_tetrahedra,
    keep_regular,
)
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate

BYTES = 7e3  # of memory for an atom and its results; measured 9 to 18 thousand
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
        Medium-range order; None unless a solute was named.
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


@checked
def analyze(
    atoms: AtomicModel | ase.Atoms,
    *,
    cutoff: float | None = DEFAULTS.cutoff,
    delta: float = DEFAULTS.delta,
    alpha: float | None = None,
    order: bool = True,
    solute: str | None = None,
    rings: int = DEFAULTS.rings,
    voids: str = DEFAULTS.voids,
    population: str | ArrayLike | None = None,
    earlier: StructureResult | None = None,
    templates: bool = DEFAULTS.templates,
    template_rmsd: float = DEFAULTS.template_rmsd,
    lattice_spacing: float | None = DEFAULTS.lattice_spacing,
    chemical_radius: float | None = DEFAULTS.chemical_radius,
) -> StructureResult:
    """Analyse pair distribution, short-range order, tetrahedra, their motifs and networks.

    Tetrahedra of nearest neighbours are accepted if their distortion ``e_max / e_avg - 1`` is at
    most ``delta``; motifs are groups of 3 to 8 tetrahedra that share faces around one bond,
    networks are motifs of one kind that share edges of their skeletons (film paper, Methods).

    In perfect crystals, where many atoms lie on one sphere, the division into tetrahedra can be
    arbitrary. Then motifs and networks, and they alone, are refused: they are empty, and
    ``motifs_reason`` says why. They are not defined without any tetrahedron either.

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
    rings
        Size of the largest rings of bonds to count
        (:func:`aet_port.structure.rings.ring_statistics.find_rings`), 3 to 24; 0 for none.
    voids
        ``"centres"`` or ``"surfaces"`` of the atoms, at which the largest empty spheres end
        (:func:`aet_port.structure.voids.void_list.find_voids`, with ``alpha`` as probe); ``"none"``
        for no search.
    population
        Atoms that the statistics are made of: ``"all"``, ``"disordered"``, ``"inner"``, one boolean
        per atom, or numbers of atoms from 0. Unless given, the disordered ones, or all if hardly
        any are (:func:`aet_port.structure.populations.choose_population`).
    earlier
        Result for the same atoms and cut-off with another delta, from which everything independent
        of delta is taken.
    templates
        Whether to determine structure types and strain through OVITO
        (:func:`aet_port.structure.structure_types`). Without OVITO the result says so.
    template_rmsd, lattice_spacing
        Largest deviation from a template, and the nearest-neighbour distance of the unstrained
        lattice, angstrom.
    chemical_radius
        Radius for the local Warren-Cowley parameters
        (:func:`aet_port.structure.local_chemical_order`), angstrom; the cut-off unless given.

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
    check_memory("analyze", BYTES * len(atoms), "fewer atoms, such as a part of the model")
    check_atoms(atoms, solid=True)
    if solute is not None and not order:
        raise InputError("solute", repr(solute), "None without the short-range order")
    if chemical_radius is not None:
        check_cutoff(atoms, chemical_radius, "chemical_radius")
    distribution = pair_distribution(atoms)
    used, source = (
        (first_valley(distribution), "first valley") if cutoff is None else (float(cutoff), "given")
    )
    alpha = ALPHA * used if alpha is None else float(alpha)
    curve = None if earlier is None or earlier.packing is None else earlier.packing.curve
    # The triangulation is also used for the packing curve.
    widest = max(*DELTAS, delta) if order and curve is None else delta
    triangulation = None if atoms.pbc.any() else triangulate(atoms.positions)
    candidates = find_tetrahedra(atoms, used, widest, alpha, triangulation=triangulation)
    found = keep_regular(candidates, delta)
    parameters = {"cutoff": used, "cutoff_from": source, "delta": float(delta), "alpha": alpha}
    if chemical_radius is not None:
        parameters["chemical_radius"] = float(chemical_radius)
    reason = _why_no_motifs(found, used, delta)
    if reason is not None:
        parameters["motifs_reason"] = reason
    vertices = found.vertices if reason is None else found.vertices[:0]
    pairs = face_pairs(vertices)
    motifs = find_motifs(vertices, pairs)
    networks = {fold: find_networks(motifs, found, fold) for fold in NETWORK_FOLDS}
    local = packing = solutes = None
    if order:
        local = _order(atoms, used, earlier, population, distribution, triangulation)
        if population is not None:
            parameters |= {"atoms": local.population.name, "pdf_of": local.pdf_of}
        if reason is None:
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
    chemistry = types = None
    if local is not None:
        chemistry = local_chemical_order(atoms, chemical_radius or used, local.groups)
    if templates:
        types, of_types = types_or_reason(
            atoms,
            template_rmsd,
            lattice_spacing,
            (None, {}) if earlier is None else (earlier.types, earlier.parameters),
        )
        parameters |= of_types
    counted = empty = None
    if rings:
        known_rings = None if earlier is None else earlier.rings
        same = known_rings is not None and known_rings.asked == rings
        counted = known_rings if same else find_rings(atoms, used, rings)
        parameters["rings"] = rings
    if voids != DEFAULTS.voids:
        before = {} if earlier is None or earlier.voids is None else earlier.parameters
        same = before.get("voids") == voids and before["alpha"] == alpha
        empty = earlier.voids if same and earlier else find_voids(atoms, alpha, voids)
        parameters["voids"] = voids
    # In a periodic box every atom has neighbours, its images at least.
    far = None if atoms.pbc.any() else stray_remark(atoms.positions)
    return StructureResult(
        parameters,
        distribution,
        found,
        pairs,
        motifs,
        networks,
        local,
        packing,
        solutes,
        counted,
        empty,
        remarks=tuple(one for one in (scale_remark(atoms), far) if one is not None),
        local_chemistry=chemistry,
        types=types,
    )


def _why_no_motifs(found: Tetrahedra, cutoff: float, delta: float) -> str | None:
    if len(found) == 0 and found.why_undecided is None:
        return (
            f"no tetrahedron of atoms has edges up to {cutoff:g} angstrom and a distortion up to"
            f" {delta:g}"
        )
    return found.why_undecided


def _order(
    atoms: ase.Atoms,
    cutoff: float,
    earlier: StructureResult | None,
    population: str | ArrayLike | None,
    distribution: PairDistribution,
    triangulation: Triangulation | None,
) -> ShortRangeOrder:
    if earlier is None or earlier.order is None:
        return short_range_order(
            atoms,
            cutoff,
            population=population,
            distribution=distribution,
            triangulation=triangulation,
        )
    known = earlier.order
    if len(known.groups) != len(atoms) or known.cutoff != cutoff:
        raise InputError(
            "earlier",
            f"{len(known.groups)} atoms, cut-off {known.cutoff:g}",
            f"a result of these {len(atoms)} atoms and cut-off {cutoff:g}",
        )
    return known
