"""The single figures of a structure analysis by name, with units and bounds."""

from __future__ import annotations

from math import inf

import numpy as np

from aet_port.structure.bonds.warren_cowley import ChemicalOrder
from aet_port.structure.intervals import Quantity
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.order import PolytetrahedralOrder
from aet_port.structure.structure_result import StructureResult

# Measures that may be negative, and those that are fractions; all others are zero or more.
_SIGNED = ("packing_density_gain",)
_FRACTIONS = (
    *("crystalline_fraction", "distorted_icosahedra", "faces_of_3_edges", "faces_of_4_edges"),
    *("faces_of_5_edges", "faces_of_6_edges", "without_vertex_neighbour", "with_edge_neighbour"),
)


def quantities_of(found: StructureResult) -> dict[str, Quantity]:
    """Every figure that an analysis summarises as one number.

    Numbers of atoms, tetrahedra, motifs (``motifs 5``) and networks by the fold of the motifs;
    fractions of the motifs (``motif_fraction 5``); size and length of the largest networks; with
    the short-range order its measures (:meth:`ShortRangeOrder.measures`), ``coordination A-B`` and
    ``warren_cowley A-B`` for each pair of groups; with the packing its measures, the fraction of
    the amorphous atoms that are in tetrahedra and of these that are in motifs of each fold
    (``population 5``), and both along the packing curve (``population 5 at 0.2``). If structure
    types were asked for, the fraction of atoms in each (``ptm fcc``, ``cna fcc``); rings per
    atom of each definition and size (``king_rings 5``); number and largest radius of voids, and
    the free fraction of the volume.

    Parameters
    ----------
    found
        An analysis.

    Returns
    -------
    Values by name; NaN for what is not defined in this model.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> found = aet.analyze(amorphous_particle(60, "Ta"), cutoff=4.1, order=False)
    >>> table = quantities_of(found)
    >>> table["motifs 5"].value == found.counts[5], table["motif_fraction 5"].most
    (True, 1.0)

    Notes
    -----
    MATLAB: none; the reference prints some of them
    """
    total = sum(found.counts.values())
    unique, defined = not len(found.tetrahedra.undecided), found.motifs_reason is None
    result = {"tetrahedra": _count(len(found.tetrahedra), unique)}
    for fold, number in found.counts.items():
        result[f"motifs {fold}"] = _count(number, defined)
    for fold, number in found.counts.items():
        share = number / total if total else np.nan
        result[f"motif_fraction {fold}"] = Quantity(share, "1", 0.0, 1.0)
    for fold, networks in found.networks.items():
        result[f"networks {fold}"] = _count(len(networks), defined)
        result[f"largest_network {fold}"] = _count(int(networks.size.max(initial=0)), defined)
        longest = float(networks.length.max(initial=0.0))
        # One that spans a periodic cell has no length.
        result[f"longest_network {fold}"] = Quantity(
            longest if defined and np.isfinite(longest) else np.nan, "angstrom", 0.0
        )
    order = found.order
    if order is not None:
        result["inner_atoms"] = _count(int(order.inner.sum()))
        result["largest_nucleus"] = _count(int(order.nuclei.size.max(initial=0)))
        result |= {name: _measure(name, *one) for name, one in order.measures().items()}
        if order.chemistry is not None:
            result |= _chemistry(order.chemistry)
    if found.packing is not None:
        result |= _packing(found.packing, found.delta)
    if found.types is not None:
        result |= {
            f"{method} {name}": Quantity(share, "1", 0.0, 1.0)
            for method, shares in found.types.fractions().items()
            for name, share in shares.items()
        }
    if found.rings is not None:
        for rings in found.rings.both:
            for size, number in zip(rings.sizes.tolist(), rings.per_atom.tolist(), strict=True):
                result[f"{rings.definition}_rings {size}"] = Quantity(number, "1", 0.0)
    if found.voids is not None:
        radii, free = found.voids.radii, found.voids.free_fraction
        largest = float(radii.max(initial=0.0)) if len(radii) else np.nan
        result["voids"] = _count(len(radii))
        result["largest_void"] = Quantity(largest, "angstrom", 0.0)
        result["free_fraction"] = Quantity(free, "1", 0.0, 1.0)
    return result


def _chemistry(chemistry: ChemicalOrder) -> dict[str, Quantity]:
    names = chemistry.names
    pairs = [(i, j, f"{a}-{b}") for i, a in enumerate(names) for j, b in enumerate(names)]
    partial, order = chemistry.partial_coordination, chemistry.warren_cowley
    return {
        f"coordination {name}": Quantity(float(partial[i, j]), "1", 0.0) for i, j, name in pairs
    } | {
        f"warren_cowley {name}": Quantity(float(order[i, j]), "1", -inf, 1.0)
        for i, j, name in pairs
    }


def _packing(packing: PolytetrahedralOrder, delta: float) -> dict[str, Quantity]:
    curve = packing.curve
    place = int(np.abs(curve.delta - delta).argmin())
    points = {"": place} | {f" at {one:g}": k for k, one in enumerate(curve.delta.tolist())}
    along: dict[str, Quantity] = {}
    for at, k in points.items():
        along[f"atoms_in_tetrahedra{at}"] = Quantity(float(curve.atoms[k]), "1", 0.0, 1.0)
        for fold, share in zip(FOLDS, curve.populations[k].tolist(), strict=True):
            along[f"population {fold}{at}"] = Quantity(share, "1", 0.0, 1.0)
    return {
        "amorphous_motifs": _count(int(packing.amorphous.sum())),
        **{name: _measure(name, *one) for name, one in packing.measures().items()},
        **along,
    }


def _count(number: int, defined: bool = True) -> Quantity:
    return Quantity(float(number) if defined else np.nan, "1", 0.0)


def _measure(name: str, value: float, unit: str) -> Quantity:
    return Quantity(
        float(value), unit, -inf if name in _SIGNED else 0.0, 1.0 if name in _FRACTIONS else inf
    )
