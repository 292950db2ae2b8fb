"""Content of a report as plain data, from a run folder or an entry of a bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import Volume
from aet_port.reporting.surroundings import Surroundings, surroundings_of
from aet_port.structure.intervals import Intervals
from aet_port.structure.medium_range.correction import MediumRangeOrder
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.rings.ring_statistics import RingRow
from aet_port.structure.structure_result import StructureResult

Fact = tuple[str, Any]
TOP_INDICES = 10


@dataclass(frozen=True)
class Table:
    """A table of the report: caption, column headings, rows of plain values."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Convergence:
    """R factors of a reconstruction.

    Attributes
    ----------
    history
        Shape (iterations,): R1 of each iteration, averaged over projections; None if unknown.
    tilt
        Shape (n,): tilt angle theta of each projection, degrees.
    r1
        R1 of each projection, shape (n,), by the name of what was projected.
    """

    history: NDArray[np.float64] | None
    tilt: NDArray[np.float64]
    r1: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Projections:
    """Measured and calculated projections.

    Attributes
    ----------
    tilt
        Shape (n,): tilt angle theta, degrees.
    measured
        Shape (n, nx, ny).
    calculated
        The same shape; None if they could not be calculated (``note`` gives the reason).
    pixel_size
        Angstrom.
    note
        What they were calculated from.
    """

    tilt: NDArray[np.float64]
    measured: NDArray
    calculated: NDArray | None
    pixel_size: float
    note: str


@dataclass(frozen=True)
class Bipyramids:
    """Pentagonal bipyramids and the networks that they form.

    Attributes
    ----------
    caps
        Shape (m, 2): capping atoms of each bipyramid, shared by all its tetrahedra.
    ring
        Shape (m, 5): atoms of the ring around them, in order.
    network
        Shape (m,): index of the network, from 0, largest first; -1 if in none.
    """

    caps: NDArray[np.int64]
    ring: NDArray[np.int64]
    network: NDArray[np.int64]


@dataclass(frozen=True)
class VoidSpace:
    """The space between the atoms.

    Attributes
    ----------
    measured_to
        ``"centres"`` or ``"surfaces"`` of the atoms, at which the voids end.
    radii
        Shape (m,): of the voids, angstrom, largest first.
    free_fraction, free_error
        Fraction of the volume outside all atoms, and its standard error; NaN if unknown.
    """

    measured_to: str
    radii: NDArray[np.float64]
    free_fraction: float
    free_error: float


@dataclass(frozen=True)
class Structure:
    """Results of a structure analysis; missing ones are None.

    Attributes
    ----------
    facts
        Parameters and scalar results: names (with units) and values.
    pdf
        Distance (angstrom) and pair distribution of all atoms, each of shape (n,).
    partial
        Distance (angstrom), and pair distributions of the disordered atoms and of pairs of groups,
        by name.
    q4, q6, boo
        Shape (n_atoms,): bond-orientational order, NaN where undefined.
    voronoi
        The most frequent Voronoi indices with their counts and fractions.
    order_of
        Which atoms these are.
    motifs
        Number of motifs by fold, 3 to 8.
    motifs_reason
        Why the motifs are not defined, if they are not.
    networks
        By fold, shape (k, 3), largest first: motifs, atoms and length (angstrom; infinite if it
        spans a periodic cell) of each network.
    bipyramids
        The pentagonal bipyramids.
    orders
        Networks of medium-range order: solute, lattice, centres, length (angstrom), lattice
        constant (angstrom).
    orders_reason
        Why those asked for were not found.
    centres
        The same networks with their centres and lattices, where they can be drawn.
    rings
        Rings of bonds by definition and size.
    voids
        The space between the atoms.
    intervals
        What the uncertainties of the atoms mean for the results.
    surroundings
        Structure types, strain and local chemical order.
    cutoff
        Distance of the first shell, angstrom.
    volumes
        Shape (n_atoms,): Voronoi volumes, cubic angstrom; NaN on the surface.
    """

    facts: Sequence[Fact]
    pdf: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    partial: tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]] | None = None
    q4: NDArray[np.float64] | None = None
    q6: NDArray[np.float64] | None = None
    boo: NDArray[np.float64] | None = None
    voronoi: Sequence[tuple[tuple[int, ...], int, float]] = ()
    order_of: str = ""
    motifs: Mapping[int, int] = field(default_factory=dict)
    motifs_reason: str | None = None
    networks: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    bipyramids: Bipyramids | None = None
    orders: Sequence[tuple[str, str, int, float, float]] | None = None
    orders_reason: str | None = None
    centres: MediumRangeOrder | None = None
    rings: Sequence[RingRow] | None = None
    voids: VoidSpace | None = None
    intervals: Intervals | None = None
    surroundings: Surroundings = field(default_factory=Surroundings)
    cutoff: float | None = None
    volumes: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ReportContent:
    """Everything that a report shows.

    All but the title may be absent: then the page gives the reason, or leaves the section out.

    Attributes
    ----------
    title, subtitle
        Title and subtitle of the page.
    metadata
        Sample and model; may be empty.
    atoms
        The atomic model; None if there is none.
    agreement
        R factors and other measures of the fit; may be empty.
    provenance
        Tables of input and output files; may be empty.
    settings
        Text of the configuration or parameters, shown as it is; may be empty.
    convergence, projections, volume, structure
        None if there are none.
    missing
        Reasons for absent parts, one sentence each, by ``"convergence"``, ``"refinement"``,
        ``"projections"``, ``"volume"``, ``"atoms"``, ``"structure"`` or ``"orders"`` (medium-range
        order). For an absent part without an entry, the page says only that it is absent; other
        entries, such as a stage that failed, are shown with the provenance.
    """

    title: str
    subtitle: str
    metadata: Sequence[Fact]
    atoms: ase.Atoms | None
    agreement: Sequence[Fact]
    provenance: Sequence[Table]
    settings: str = ""
    convergence: Convergence | None = None
    projections: Projections | None = None
    volume: Volume | None = None
    structure: Structure | None = None
    missing: Mapping[str, str] = field(default_factory=dict)


def structure_of(found: StructureResult) -> Structure:
    """Convert a structure analysis to the content of a report.

    Parameters
    ----------
    found
        Result of :func:`aet_port.structure.analyze`.

    Notes
    -----
    MATLAB: none
    """
    motifs, chains, order = found.motifs, found.networks[5], found.order
    five = motifs.fold == 5
    network = np.full(len(motifs), -1, dtype=np.int64)
    network[chains.motif] = chains.label
    parts: dict[str, Any] = {}
    facts: list[Fact] = [
        ("cut-off (Å)", found.cutoff),
        ("cut-off from", found.parameters["cutoff_from"]),
        ("largest distortion", found.delta),
        ("tetrahedra", len(found.tetrahedra) if not len(found.tetrahedra.undecided) else None),
    ]
    if order is not None:
        facts += [(named(name, unit), value) for name, (value, unit) in order.measures().items()]
        curves = {
            f"{order.pdf_of} atoms" if pair == ALL else "-".join(pair): g
            for pair, g in order.pdf.g.items()
        }
        parts = {
            "partial": (order.pdf.r, curves),
            "q4": order.bonds.q4,
            "q6": order.bonds.q6,
            "boo": order.bonds.normalised,
            "voronoi": order.voronoi.ranking(order.inner)[:TOP_INDICES],
            "order_of": order.population.description,
            "volumes": order.inner_volumes,
        }
    if found.solutes is not None:
        parts["centres"] = found.solutes.found
        chosen = found.solutes.found.networks
        parts["orders"] = [
            (found.solutes.solute, n.lattice, len(n), float(length), float(n.lattice_constant))
            for n, length in zip(chosen, found.solutes.length, strict=True)
        ]
    if found.voids is not None:
        space = found.voids
        parts["voids"] = VoidSpace(
            space.measured_to, space.radii, space.free_fraction, space.free_error
        )
    return Structure(
        facts,
        rings=None if found.rings is None else found.rings.rows,
        pdf=(found.pdf.r, found.pdf.g),
        motifs=found.counts if found.motifs_reason is None else {},
        motifs_reason=found.motifs_reason,
        orders_reason=found.solutes_reason,
        networks={
            fold: np.stack([n.size, n.atoms, n.length], axis=1).astype(np.float64)
            for fold, n in found.networks.items()
        },
        bipyramids=Bipyramids(motifs.caps[five], motifs.ring[five, :5], network[five]),
        intervals=found.intervals,
        surroundings=surroundings_of(found),
        cutoff=found.cutoff,
        **parts,
    )


def named(name: str, unit: str) -> str:
    """Name of a measure in words, with its unit unless it is dimensionless."""
    words, short = (
        name.replace("_", " "),
        {"angstrom": "Å", "degree": "°", "g/cm^3": "g/cm³"}.get(unit, unit),
    )
    return words if unit in ("", "1") else f"{words} ({short})"
