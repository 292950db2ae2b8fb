"""Polytetrahedral packing of one model in one call: shape, joints and density of its bipyramids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.records import plain
from aet_port.structure.polytetrahedral.bipyramid_shapes import (
    AverageBipyramid,
    BipyramidGeometry,
    average_bipyramid,
    bipyramid_geometry,
)
from aet_port.structure.polytetrahedral.bipyramids import Motifs
from aet_port.structure.polytetrahedral.packing import (
    DELTAS,
    PackedDensity,
    PackingCurve,
    icosahedron_distortions,
    packed_atoms,
    packed_density,
    packing_by_distortion,
)
from aet_port.structure.polytetrahedral.sharing import (
    Filling,
    Sharing,
    amorphous_motifs,
    find_sharing,
    icosahedral_filling,
)
from aet_port.structure.short_range import ShortRangeOrder
from aet_port.structure.voronoi.tetrahedra import Tetrahedra

PENTAGONAL = 5
BIPYRAMIDS = (4, 5, 6, 7, 8)


@dataclass(frozen=True, repr=False)
class PolytetrahedralOrder(Shown):
    """Polytetrahedral packing of one model.

    Attributes
    ----------
    amorphous
        Shape (number of motifs,): motifs of which at least half of the tetrahedra are amorphous.
    geometry
        Bonds and tilts of all pentagonal bipyramids.
    average
        Their average; None without any.
    sharing
        How the amorphous pentagonal bipyramids are joined.
    filling
        Partial icosahedra made of them.
    curve
        Packing of the amorphous region against the distortion allowed.
    icosahedra
        Atoms at the centres of distorted icosahedra by Voronoi.
    icosahedron_distortion
        Shape (number of icosahedra,): distortion of the worst of their tetrahedra.
    density
        Density of the atoms of bipyramids among the disordered atoms below the surface.
    """

    amorphous: NDArray[np.bool_]
    geometry: BipyramidGeometry
    average: AverageBipyramid | None
    sharing: Sharing
    filling: Filling
    curve: PackingCurve
    icosahedra: NDArray[np.int64]
    icosahedron_distortion: NDArray[np.float64]
    density: PackedDensity

    def _facts(self) -> dict[str, object]:
        return {
            "pentagonal bipyramids": len(self.geometry),
            "amorphous motifs": int(self.amorphous.sum()),
            "partial icosahedra": len(self.filling.atom),
            "distorted icosahedra": len(self.icosahedra),
        }

    def measures(self) -> dict[str, tuple[float, str]]:
        """Single figures by name, each with its unit ("1" for pure numbers)."""
        return {
            "alpha_over_gamma": (self.geometry.alpha_over_gamma, "1"),
            "beta_over_gamma": (self.geometry.beta_over_gamma, "1"),
            "theta": (self.geometry.mean_theta, "degree"),
            "dihedral": (self.sharing.mean_dihedral, "degree"),
            "without_vertex_neighbour": (self.sharing.without_vertex_neighbour, "1"),
            "with_edge_neighbour": (self.sharing.with_edge_neighbour, "1"),
            "packing_density_gain": (self.density.gain, "1"),
        }

    def summary(self) -> dict[str, Any]:
        """Figures for a table or JSON: plain numbers and lists, None for what is undefined."""
        return {
            "amorphous_motifs": int(self.amorphous.sum()),
            **{name: plain(value) for name, (value, _) in self.measures().items()},
            "icosahedral_sites_filled": self.filling.counts.tolist(),
            "distorted_icosahedra": len(self.icosahedra),
            "packed_atoms_by_delta": {
                f"{delta:g}": round(float(share), 6)
                for delta, share in zip(self.curve.delta, self.curve.atoms, strict=True)
            },
        }


def polytetrahedral_order(
    atoms: AtomicModel | ase.Atoms,
    tetrahedra: Tetrahedra,
    motifs: Motifs,
    order: ShortRangeOrder,
    *,
    alpha: float,
    delta: float,
    widest: Tetrahedra | None = None,
    curve: PackingCurve | None = None,
) -> PolytetrahedralOrder:
    """Shape, joints, icosahedra and density of the bipyramids of a model.

    Parameters
    ----------
    tetrahedra, motifs
        Tetrahedra and motifs of these atoms.
    order
        Short-range order of these atoms; its ``region`` says which atoms count, usually the
        amorphous ones, or all if fewer than 100 are.
    alpha, delta
        Parameters with which the tetrahedra were found.
    widest
        The tetrahedra for the largest delta of the packing curve, if already known.
    curve
        Packing curve from an earlier call for the same atoms and order, which ``delta`` does not
        change.

    Raises
    ------
    InputError
        For unusable atoms.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m,
    Main_4_motifs_connection_and_network_Ta_film.m
    """
    atoms = as_atoms(atoms)
    region = order.region
    amorphous = amorphous_motifs(motifs, tetrahedra, region)
    five = bool((motifs.fold == PENTAGONAL).any())
    centres, worst = icosahedron_distortions(order.voronoi, region)
    inner = region & ~order.surface & order.voronoi.closed
    if curve is None:
        # With the distortion asked for, the last point has tetrahedra.
        deltas = sorted({*DELTAS, float(delta)})
        if widest is not None and len(widest.undecided):
            # More distorted tetrahedra can be chosen in more than one way.
            deltas = [one for one in deltas if one < widest.undecided[0]]
        curve = packing_by_distortion(
            atoms, order.cutoff, deltas, amorphous=region, alpha=alpha, tetrahedra=widest
        )
    return PolytetrahedralOrder(
        amorphous=amorphous,
        geometry=bipyramid_geometry(motifs, tetrahedra, PENTAGONAL),
        average=average_bipyramid(motifs, tetrahedra, PENTAGONAL) if five else None,
        sharing=find_sharing(motifs, tetrahedra, PENTAGONAL, amorphous),
        filling=icosahedral_filling(motifs, amorphous),
        curve=curve,
        icosahedra=centres,
        icosahedron_distortion=worst,
        density=packed_density(
            atoms,
            order.voronoi.volume,
            packed_atoms(motifs, tetrahedra, len(atoms), BIPYRAMIDS),
            inner,
        ),
    )
