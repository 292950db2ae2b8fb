"""All results of a structure analysis that belong to single atoms, as arrays of these."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.structure.bonds.local_chemistry import LocalChemistry
from aet_port.structure.bonds.templates import COMPONENTS, StructureTypes
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.membership import motif_counts, network_of_atoms
from aet_port.structure.short_range import ShortRangeOrder
from aet_port.structure.structure_result import StructureResult


@checked
def atom_quantities(atoms: AtomicModel | ase.Atoms, found: StructureResult) -> ase.Atoms:
    """Copy of the atoms with every quantity of each of them, under the names of the bank.

    ``q4`` and ``q6``, averaged over the neighbours; ``boo``, the normalised bond-orientational
    order; ``crystalline``; ``nucleus``, -1 outside; ``signed_distance`` to the surface of the
    nuclei (angstrom); the Voronoi index ``n3`` to ``n6`` and the coordination number ``cn``, -1 of
    open cells; ``voronoi_volume`` (cubic angstrom); ``density`` (g/cm^3); ``surface``;
    ``motifs_3`` to ``motifs_8``, the number of motifs of each fold that the atom is a corner of;
    ``network_4`` to ``network_6``, its largest network of these motifs (1 for the largest of all, 0
    for none); ``sites``, the bipyramids that it caps; ``warren_cowley_X``, the local Warren-Cowley
    parameter of the atom's group with each group X. If structure types were asked for: ``ptm`` and
    ``cna``, the structure by template matching and by common neighbours (0 other, 1 fcc, 2 hcp,
    3 bcc, 4 icosahedral, 5 sc, 6 cubic and 7 hexagonal diamond, as in OVITO); ``ptm_rmsd``;
    ``ptm_spacing`` (angstrom); ``orientation_x`` to ``orientation_w``, a quaternion;
    ``strain_volume`` and ``strain_shear``; the components ``strain_xx`` to ``strain_yz``
    (:class:`aet_port.structure.StructureTypes`). If they were asked for, ``king_rings_3``,
    ``primitive_rings_3`` and on, the number of rings of each size through the atom, and
    ``void_radius``, that of the largest empty sphere that touches it (angstrom). Without the
    short-range order, or where motifs are not defined, the arrays that need them are left out.

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
    if found.local_chemistry is not None:
        arrays |= local_order_arrays(found.local_chemistry)
    if found.types is not None:
        arrays |= type_arrays(found.types)
    if found.rings is not None:
        for rings in found.rings.both:
            sizes = zip(rings.sizes.tolist(), rings.through.T, strict=True)
            arrays |= {f"{rings.definition}_rings_{size}": column for size, column in sizes}
    if found.voids is not None:
        arrays["void_radius"] = found.voids.touching
    for name, values in arrays.items():
        if len(values) != len(named):
            other = f"results of {len(values)} atoms"
            raise InputError("found", other, f"those of these {len(named)} atoms")
        if name not in named.arrays:
            named.set_array(name, values)
    return named


def local_order_arrays(local: LocalChemistry) -> dict[str, NDArray[np.float64]]:
    """Local Warren-Cowley parameters by their names as arrays; none of a single group.

    MATLAB: none
    """
    if len(local.names) < 2:
        return {}
    return dict(
        zip(
            (f"warren_cowley_{name}" for name in local.names),
            local.warren_cowley.T.copy(),
            strict=True,
        )
    )


def type_arrays(types: StructureTypes) -> dict[str, NDArray[Any]]:
    """Structure types, orientation and strain by their names as arrays.

    MATLAB: none
    """
    turned = zip("xyzw", types.orientation.T.copy(), strict=True)
    strains = zip(COMPONENTS, types.strain.T.copy(), strict=True)
    return {
        "ptm": types.ptm,
        "ptm_rmsd": types.rmsd,
        "ptm_spacing": types.spacing,
        "cna": types.cna,
        "strain_volume": types.strain_volume,
        "strain_shear": types.strain_shear,
        **{f"strain_{name}": values for name, values in strains},
        **{f"orientation_{name}": values for name, values in turned},
    }


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
