"""The section of a report on structure types, strain and local chemical order."""

from __future__ import annotations

from aet_port.reporting.parts import Absent, Grid, Note, Part, Section, Subheading
from aet_port.reporting.surroundings import Surroundings


def surroundings_section(found: Surroundings) -> Section:
    """The section on structure types, strain and local chemical order.

    MATLAB: none
    """
    parts: list[Part] = []
    if found.fractions is not None:
        cna = found.fractions["cna"]
        rows = [
            (name, f"{100 * share:.2f} %", f"{100 * cna[name]:.2f} %" if name in cna else "-")
            for name, share in found.fractions["ptm"].items()
        ]
        names = ("structure", "template matching", "common neighbours")
        parts.append(Grid(names, rows, "Fractions of all atoms by structure type (OVITO)"))
    if found.strains:
        heads = (
            *("lattice", "atoms", "unstrained spacing (Å)", "volumetric strain", "its sd"),
            "shear strain",
        )
        parts += [
            Grid(heads, found.strains, "Mean strain of the atoms of each lattice"),
            Note(
                "Green-Lagrangian strain of each atom's surroundings against the lattice at the"
                " unstrained spacing, its nearest-neighbour distance."
            ),
        ]
    parts += [Absent(why) for why in found.reasons]
    if found.local:
        parts += [
            Subheading("Local chemical order"),
            Grid(
                ("pair", "atoms", "mean", "sd", "sd if random"),
                found.local,
                "Local Warren-Cowley parameters of the atoms",
            ),
        ]
    return Section("structure-types", "Structure types and local chemical order", parts)
