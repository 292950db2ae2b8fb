"""The sections of a report on rings of bonds and on voids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite

from aet_port.figures.rings_and_voids import DEFINITIONS, ring_bars, void_radii
from aet_port.reporting.charts import chart
from aet_port.reporting.content import VoidSpace
from aet_port.reporting.parts import Facts, Grid, Note, Part, Section, charts_with
from aet_port.structure.rings.ring_statistics import RingRow

LARGEST = 10  # voids in the table
HEADS = ("definition", "atoms", "rings", "per atom", "atoms in one", "smallest of", "largest of")
RINGS = (
    "King: the shortest rings through two bonds of an atom. Primitive: rings without a shorter "
    "path between two of their atoms. Last columns: fraction of the atoms that are in a ring of "
    "this size, of which it is the smallest ring, and of which it is the largest."
)
VOIDS = (
    "A void is an empty sphere that would have to shrink wherever it is moved; none has its centre "
    "in a larger one. Free volume: outside all atoms, as spheres with covalent radii."
)


def ring_section(rows: Sequence[RingRow] | None) -> list[Section]:
    """The section on rings, or none for an analysis that didn't search for them.

    Parameters
    ----------
    rows
        By definition and size.

    Notes
    -----
    MATLAB: none
    """
    if rows is None:
        return []
    if not rows:
        return [Section("rings", "Rings of bonds", [Note("No ring of bonds was found.")])]
    per_atom: dict[str, dict[int, float]] = {}
    for definition, size, _, number, *_ in rows:
        per_atom.setdefault(definition, {})[size] = number
    charts = {"rings": chart("rings", partial(ring_bars, per_atom=per_atom))}
    table = [
        (DEFINITIONS[one], size, number, each, *(f"{100 * share:.1f} %" for share in shares))
        for one, size, number, each, *shares in rows
    ]
    parts = [
        *charts_with(charts, {"rings": "Rings per atom by size"}),
        Grid(HEADS, table),
        Note(RINGS),
    ]
    return [Section("rings", "Rings of bonds", parts)]


def void_section(space: VoidSpace | None) -> list[Section]:
    """The section on voids, or none for an analysis that didn't search for them.

    Parameters
    ----------
    space
        The space between the atoms.

    Notes
    -----
    MATLAB: none
    """
    if space is None:
        return []
    free = f"{100 * space.free_fraction:.2f} % ± {100 * space.free_error:.2f} %"
    parts: list[Part] = [
        Facts(
            [
                ("voids", len(space.radii)),
                ("free volume", free if isfinite(space.free_fraction) else None),
            ]
        )
    ]
    if len(space.radii):
        drawing = partial(void_radii, radii=space.radii, measured_to=space.measured_to)
        rows = list(enumerate(space.radii[:LARGEST].tolist(), start=1))
        heads = ("rank", f"radius to the {space.measured_to} of atoms (Å)")
        charts = charts_with({"voids": chart("voids", drawing)}, {"voids": "Voids by radius"})
        parts = [*charts, *parts, Grid(heads, rows, "Largest voids")]
    return [Section("voids", "Voids", [*parts, Note(VOIDS)])]
