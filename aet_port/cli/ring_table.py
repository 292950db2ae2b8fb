"""Rings and voids of a structure analysis as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aet_port.core.console import print_facts, print_rows
from aet_port.core.terminal import print_line

if TYPE_CHECKING:
    from aet_port.structure.rings.ring_statistics import RingStatistics
    from aet_port.structure.voids.void_list import Voids

HEADS = ("rings", "atoms", "number", "per atom", "atoms in them", "smallest of", "largest of")


def print_rings(found: RingStatistics) -> None:
    """Print the rings of both definitions by size; sizes beyond the largest ring are left out."""
    title = f"rings of up to {found.asked} atoms, bonds up to {found.cutoff:.4g} angstrom"
    if found.rows:
        print_rows(HEADS, found.rows, f"{title}; the last three columns: fractions of the atoms")
    else:
        print_line(f"{title}: none")
    for rings in found.both:
        if rings.reason is not None:
            print_line(f"{rings.definition} rings: {rings.reason}")


def print_voids(found: Voids) -> None:
    """Print number, size and share of the voids."""
    print_facts(False, "voids", found.summary())
