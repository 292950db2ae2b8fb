"""All results of a structure analysis that belong to single atoms, as arrays of these."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.structure.analysis import StructureResult
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.membership import motif_counts, network_of_atoms
from aet_port.structure.short_range import ShortRangeOrder


@checked
def atom_quantities(atoms: AtomicModel | ase.Atoms, found: StructureResult) -> ase.Atoms:
    """Copy of the atoms with every quantity of each of them, under the names of the bank.

    ``q4`` and ``q6``, averaged over the neighbours; ``boo``, the normalised bond-orientational
    order; ``crystalline``; ``nucleus``, -1 outside; ``signed_distance`` to the surface of the
    nuclei (angstrom); the Voronoi index ``n3`` to ``n6`` and the coordination number ``cn``, -1 of
    open cells; ``voronoi_volume`` (cubic angstrom); ``density`` (g/cm^3); ``surface``;
    ``motifs_3`` to ``motifs_8``, the number of motifs of each fold that the atom is a corner of;
    ``network_4`` to ``network_6``, its largest network of these motifs (1 for the largest of all, 0
    for none); ``sites``, the bipyramids that it caps. Without the short-range order, or where
    motifs are not defined, the arrays that need them are left out.

    Parameters
    ----------
    atoms
        The atoms that were analysed.
    found
        What :func:`aet_port.structure.analysis.analyze` found.

    Returns
    -------
    The atoms with their own arrays, which win, and the new ones, each of shape (n_atoms,); what is
    not defined is NaN.

    Raises
    ------
    InputError
        For results of other atoms.

    Notes
    -----
    MATLAB: none; the papers' code keeps such values in variables of .mat files

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(100, "Ta")
    >>> named = aet.structure.atom_quantities(model, model.analyze())
    >>> named.arrays["q6"].shape, int(named.arrays["motifs_5"].max()) > 0
    ((100,), True)
    """
    named = as_atoms(atoms).copy()
    arrays: dict[str, NDArray[Any]] = {}
    if found.order is not None:
        arrays |= _order(found.order)
    if found.parameters.get("motifs_reason") is None:
        arrays |= _motifs(found, len(named))
    for name, values in arrays.items():
        if len(values) != len(named):
            other = f"results of {len(values)} atoms"
            raise InputError("found", other, f"those of these {len(named)} atoms")
        if name not in named.arrays:
            named.set_array(name, values)
    return named


def _order(order: ShortRangeOrder) -> dict[str, NDArray[Any]]:
    cells = order.voronoi
    index = zip((3, 4, 5, 6), cells.indices.T, strict=True)
    return {
        "q4": order.bonds.q4,
        "q6": order.bonds.q6,
        "boo": order.bonds.normalised,
        "crystalline": order.nuclei.crystalline,
        "nucleus": order.nuclei.label,
        "signed_distance": order.distance,
        **{f"n{edges}": column for edges, column in index},
        "cn": cells.coordination,
        "voronoi_volume": cells.volume,
        "density": order.density,
        "surface": order.surface,
    }


def _motifs(found: StructureResult, n_atoms: int) -> dict[str, NDArray[Any]]:
    motifs, tetrahedra = found.motifs, found.tetrahedra
    highest = int(tetrahedra.vertices.max(initial=-1))
    if highest >= n_atoms:
        other = f"tetrahedra with atom {highest}"
        raise InputError("found", other, f"those of these {n_atoms} atoms")
    arrays: dict[str, NDArray[Any]] = {
        f"motifs_{fold}": motif_counts(motifs, tetrahedra, n_atoms, fold) for fold in FOLDS
    }
    for fold, networks in found.networks.items():
        arrays[f"network_{fold}"] = network_of_atoms(networks, motifs, tetrahedra, n_atoms) + 1
    if found.packing is not None:
        filling = found.packing.filling
        arrays["sites"] = np.zeros(n_atoms, dtype=np.int64)
        arrays["sites"][filling.atom] = filling.sites
    return arrays
