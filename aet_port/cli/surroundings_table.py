"""What surrounds the atoms as tables: structure types, strain, local chemical order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aet_port.core.console import print_facts, print_rows

if TYPE_CHECKING:
    from aet_port.structure import StructureResult


def print_surroundings(
    types: Mapping[str, Any] | None, local: Mapping[str, Any], found: StructureResult
) -> None:
    """Print structure types with their strain, and local Warren-Cowley parameters.

    Parameters
    ----------
    types, local
        These parts of :meth:`aet_port.structure.StructureResult.summary`.
    found
        The analysis, which says why there are no types.
    """
    if types is not None:
        print_rows(
            ("structure", "template matching", "common neighbours"),
            [(name, share, types["cna"].get(name)) for name, share in types["ptm"].items()],
            "fractions of the atoms (OVITO)",
        )
        if types["strain"]:
            print_rows(
                ("lattice", "atoms", "unstrained spacing (A)", "volumetric", "its sd", "shear"),
                [(name, *one.values()) for name, one in types["strain"].items()],
                "mean strain",
            )
        if types["reasons"]:
            print_facts(False, "no strain", types["reasons"])
    else:
        print_facts(False, "structure types", {"not determined": found.templates_reason})
    if len(local) > 1:
        print_rows(
            ("pair", "atoms", "mean", "sd", "sd if random"),
            [(pair, *one.values()) for pair, one in local.items()],
            "local Warren-Cowley parameters",
        )
