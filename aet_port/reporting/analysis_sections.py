"""The sections of a report that show a structure analysis."""

from __future__ import annotations

from collections.abc import Mapping

import ase
import numpy as np

from aet_port.figures.packing import NAMES
from aet_port.reporting.charts import index_name, structure_charts
from aet_port.reporting.content import Structure
from aet_port.reporting.density_surfaces import density_view
from aet_port.reporting.interval_sections import interval_section
from aet_port.reporting.networks import network_view
from aet_port.reporting.parts import (
    Absent,
    Facts,
    Grid,
    Interactive,
    Note,
    Part,
    Section,
    Subheading,
    charts_with,
)
from aet_port.reporting.ring_sections import ring_section, void_section
from aet_port.reporting.surroundings_sections import surroundings_section

LARGEST = 10  # largest number of networks in a table
FEWER = 3  # the same for bipyramids other than pentagonal
NO_ORDER = "the analysis holds no short-range order"


def structure_sections(atoms: ase.Atoms, found: Structure, no_orders: str) -> list[Section]:
    """One section for each topic of the analysis.

    Parameters
    ----------
    atoms
        The model that was analysed.
    found
        Its structure.
    no_orders
        Reason for the absence of medium-range order, for analyses without it.

    Notes
    -----
    MATLAB: none
    """
    charts = structure_charts(found)
    distributions = {
        "pdf": "Pair distribution function of all atoms",
        "partial_pdf": "Pair distribution functions of the disordered atoms and of pairs of groups",
    }
    order = (
        "Distribution of Q4 and Q6 (normalised histogram); beyond the dashed line, half the order "
        "of fcc, atoms count as crystalline"
    )
    return [
        Section(
            "pdf",
            "Pair distribution functions",
            charts_with(charts, distributions) or [Absent("no pair distribution function")],
        ),
        Section(
            "order",
            "Bond-orientational order",
            charts_with(charts, {"boo": order}) or [Absent(NO_ORDER)],
        ),
        Section("voronoi", "Voronoi indices", _voronoi(charts, found)),
        Section("density", "Mass density", _density(atoms, found)),
        surroundings_section(found.surroundings),
        Section("motifs", "Motifs", _motifs(charts, found)),
        Section("networks", "Networks of bipyramids", _networks(atoms, charts, found)),
        *ring_section(found.rings),
        *void_section(found.voids),
        *interval_section(found.intervals),
        Section("medium-range-order", "Medium-range order", _orders(charts, found, no_orders)),
        Section(
            "figures",
            "Parameters and results of the analysis",
            [Facts(found.facts)] if found.facts else [],
        ),
    ]


def _voronoi(charts: Mapping[str, str], found: Structure) -> list[Part]:
    if not found.voronoi:
        no_cell = f"no closed Voronoi cell of {found.order_of or 'atoms'} is known"
        return [Absent(NO_ORDER if found.q4 is None else no_cell)]
    rows = [
        (index_name(index), count, f"{100 * share:.2f} %") for index, count, share in found.voronoi
    ]
    return [
        *charts_with(charts, {"voronoi": "The most frequent Voronoi indices"}),
        Grid(("index", "atoms", "fraction"), rows, f"Closed Voronoi cells of {found.order_of}"),
    ]


def _density(atoms: ase.Atoms, found: Structure) -> list[Part]:
    if found.volumes is None or found.cutoff is None:
        return [Absent(NO_ORDER)]
    view = density_view(atoms, found.volumes, found.cutoff)
    if view is None:
        return [Absent("no map of the density: the atoms below the surface have none, or all one")]
    return [Interactive.of("density-view", view)]


def _motifs(charts: Mapping[str, str], found: Structure) -> list[Part]:
    total = sum(found.motifs.values())
    if not total:
        return [Absent(found.motifs_reason or "no motif was found")]
    rows = [
        (NAMES[fold], fold, number, f"{100 * number / total:.1f} %")
        for fold, number in sorted(found.motifs.items())
    ]
    caption = "Number of triplets and of bipyramids by type"
    heads = ("motif", "tetrahedra", "number", "share")
    return [*charts_with(charts, {"motifs": caption}), Grid(heads, rows)]


def _networks(atoms: ase.Atoms, charts: Mapping[str, str], found: Structure) -> list[Part]:
    parts: list[Part] = []
    view = None if found.bipyramids is None else network_view(atoms, found.bipyramids)
    if view is None:
        parts.append(Absent("no pentagonal bipyramids, hence no network of them"))
    else:
        parts.append(Subheading("Largest networks of pentagonal bipyramids"))
        parts.append(Interactive.of("network-view", view))
    parts += charts_with(charts, {"networks": "Network sizes by type of bipyramid"})
    rows = [
        (
            NAMES[fold],
            number + 1,
            int(size),
            int(members),
            "spans the cell" if np.isinf(length) else length,
        )
        for fold, networks in sorted(found.networks.items())
        for number, (size, members, length) in enumerate(
            networks[: LARGEST if fold == 5 else FEWER].tolist()
        )
    ]
    if rows:
        heads = ("bipyramids", "rank", "size", "atoms", "length (Å)")
        parts.append(Grid(heads, rows, "Largest networks (size: number of bipyramids)"))
    return parts


def _orders(charts: Mapping[str, str], found: Structure, no_orders: str) -> list[Part]:
    if found.orders is None:
        return [Absent(found.orders_reason or no_orders)]
    if not found.orders:
        return [Note("No network of solute centres was found.")]
    lattices = dict.fromkeys(row[1] for row in found.orders)
    summary = [
        (
            name,
            sum(row[1] == name for row in found.orders),
            sum(row[1] == name and row[2] >= 5 for row in found.orders),
            max(row[2] for row in found.orders if row[1] == name),
        )
        for name in lattices
    ]
    largest = sorted(found.orders, key=lambda row: -row[2])[:LARGEST]
    captions = {
        "orders": "Networks of solute centres by size and lattice",
        "mro_zone_axes": "The largest network of each lattice along zone axes: centres (filled), "
        "sites of the fitted lattice (open) and bonds of nearest sites",
        "mro_map": "Networks of eight and more centres; grey: centres of smaller ones",
        "mro_shapes": "Networks of five and more centres: sphericity and volume of the hulls",
    }
    return [
        *charts_with(charts, captions),
        Grid(("lattice", "networks", "with five or more centres", "largest"), summary),
        Grid(
            ("solute", "lattice", "centres", "length (Å)", "lattice constant (Å)"),
            largest,
            "Largest networks",
        ),
    ]
