"""The structure chain in one call: first valley, short-range order, motifs, networks."""

from __future__ import annotations

import ase
import numpy as np
from numpy.typing import ArrayLike

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.core.extents import stray_remark
from aet_port.core.memory import check_memory
from aet_port.structure.bonds.local_chemistry import local_chemical_order
from aet_port.structure.bonds.templates import types_or_reason
from aet_port.structure.length_units import scale_remark
from aet_port.structure.medium_range.order import check_solute, order_or_reason
from aet_port.structure.neighbours import check_atoms, check_cutoff
from aet_port.structure.pairs.pdf import PairDistribution, first_valley, pair_distribution
from aet_port.structure.polytetrahedral.bipyramids import find_motifs
from aet_port.structure.polytetrahedral.networks import find_networks
from aet_port.structure.polytetrahedral.order import polytetrahedral_order
from aet_port.structure.polytetrahedral.packing import DELTAS
from aet_port.structure.rings.ring_statistics import find_rings
from aet_port.structure.settings import DEFAULTS
from aet_port.structure.short_range import ShortRangeOrder, atom_groups, short_range_order
from aet_port.structure.structure_result import NETWORK_FOLDS, StructureResult
from aet_port.structure.voids.void_list import check_measured_to, find_voids
from aet_port.structure.voronoi.tetrahedra import (
    ALPHA,
    Tetrahedra,
    face_pairs,
    find_tetrahedra,
    keep_regular,
)
from aet_port.structure.voronoi.triangulation import triangulate

BYTES = 7e3  # of memory for an atom and its results; measured 9 to 18 thousand


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
        which can take minutes. Where it cannot be found, as in a crystal, ``solutes`` of the
        result is None and its ``solutes_reason`` says why.
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
        of delta is taken; what depends on another option that differs is computed anew.
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
    if solute is not None:
        check_solute(atom_groups(atoms), solute)
    if voids != DEFAULTS.voids:
        check_measured_to(atoms, voids)
    if chemical_radius is not None:
        check_cutoff(atoms, chemical_radius, "chemical_radius")
    distribution = pair_distribution(atoms)
    used, source = (
        (first_valley(distribution), "first valley") if cutoff is None else (float(cutoff), "given")
    )
    alpha = ALPHA * used if alpha is None else float(alpha)
    if earlier is not None:
        _check_earlier(atoms, used, distribution, earlier)
    known_order = None if earlier is None else _order_of(earlier, population, len(atoms))
    curve = None
    if earlier is not None and earlier.packing is not None and known_order is not None:
        curve = earlier.packing.curve if earlier.parameters["alpha"] == alpha else None
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
        local = known_order or short_range_order(
            atoms,
            used,
            population=population,
            distribution=distribution,
            triangulation=triangulation,
        )
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
            known = (None, {}) if earlier is None else (earlier.solutes, earlier.parameters)
            solutes, of_solutes = order_or_reason(atoms, local, solute, known)
            parameters |= of_solutes
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
        empty = (
            earlier.voids
            if same and earlier
            else find_voids(atoms, alpha, voids, triangulation=triangulation)
        )
        parameters["voids"] = voids
    far = stray_remark(atoms.positions, atoms.numbers, periodic=bool(atoms.pbc.any()))
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


def _check_earlier(
    atoms: ase.Atoms, cutoff: float, distribution: PairDistribution, earlier: StructureResult
) -> None:
    """Refuse a result of other atoms, which have other distances, or of another cut-off."""
    if earlier.cutoff == cutoff and np.array_equal(earlier.pdf.counts, distribution.counts):
        return
    n = "" if earlier.order is None else f"{len(earlier.order.groups)} atoms, "
    which = "" if earlier.cutoff != cutoff else " and other distances"
    raise InputError(
        "earlier",
        f"a result of {n}cut-off {earlier.cutoff:g}{which}",
        f"one of these {len(atoms)} atoms and cut-off {cutoff:g}",
    )


def _order_of(
    earlier: StructureResult, population: str | ArrayLike | None, n: int
) -> ShortRangeOrder | None:
    """The short-range order of an earlier result, if it is that of the same population."""
    known = earlier.order
    if known is None:
        return None
    asked = "atoms" in earlier.parameters
    if population is None or isinstance(population, str):
        return known if population == (known.population.name if asked else None) else None
    given, which = np.asarray(population), np.zeros(n, dtype=bool)
    if given.dtype == bool and given.shape == (n,):
        which = given
    elif given.dtype.kind in "iu" and ((given >= 0) & (given < n)).all():
        which[given] = True
    else:
        return None  # a new computation says what is wrong
    chosen = known.population.name == "chosen" and np.array_equal(known.population.mask, which)
    return known if chosen else None
