"""Polytetrahedral packing against the allowed distortion, its icosahedra, and its density."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.structure.pairs.density import atom_density, density_gain
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs, find_motifs
from aet_port.structure.polytetrahedral.sharing import amorphous_tetrahedra
from aet_port.structure.voronoi.analysis import DISTORTED_ICOSAHEDRA, Voronoi
from aet_port.structure.voronoi.point_insertion import stars
from aet_port.structure.voronoi.tetrahedra import (
    Tetrahedra,
    face_pairs,
    find_tetrahedra,
    keep_regular,
    regular,
)
from aet_port.structure.voronoi.tetrahedron_shapes import distortion, edge_lengths

# Values of the film paper, Fig. 2.
DELTAS = (0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.255, 0.275, 0.3, 0.325, 0.35)


@dataclass(frozen=True, repr=False)
class PackingCurve(Shown):
    """Polytetrahedral packing as a function of the distortion allowed, at k values of it.

    Attributes
    ----------
    delta
        Shape (k,): largest distortion ``e_max / e_avg - 1``, ascending.
    tetrahedra
        Shape (k,): accepted tetrahedra (of the amorphous region, if one was given).
    motifs
        Shape (k, 6): number of motifs of 3 to 8 tetrahedra, wherever they lie.
    populations
        Shape (k, 6): fraction of those tetrahedra that take part in a motif of 3 to 8; a
        tetrahedron may take part in several. NaN where there are no tetrahedra.
    atoms
        Shape (k,): fraction of the (amorphous) atoms that are corners of an accepted tetrahedron.
    """

    delta: NDArray[np.float64]
    tetrahedra: NDArray[np.int64]
    motifs: NDArray[np.int64]
    populations: NDArray[np.float64]
    atoms: NDArray[np.float64]

    plot = methods.plot_packing_curve
    """Plot the curve: :func:`aet_port.figures.structure_results.plot_packing_curve`."""

    def _facts(self) -> dict[str, object]:
        return {
            "points": len(self),
            "distortion": f"{self.delta.min():.4g} to {self.delta.max():.4g}",
            "tetrahedra": f"{self.tetrahedra.min()} to {self.tetrahedra.max()}",
        }

    def __len__(self) -> int:
        return len(self.delta)


@dataclass(frozen=True, repr=False)
class PackedDensity(Shown):
    """Mass density of atoms in polytetrahedral packing compared with the others.

    Attributes
    ----------
    inside, outside
        Number of atoms with a volume inside and outside the packing.
    gain
        Density inside over that of all atoms counted, minus 1; NaN if none is inside.
    contrast
        Density inside over that outside, minus 1; NaN if there are none of one kind.
    """

    inside: int
    outside: int
    gain: float
    contrast: float


@checked
def packing_by_distortion(
    atoms: AtomicModel | ase.Atoms,
    cutoff: float,
    deltas: ArrayLike = DELTAS,
    *,
    amorphous: ArrayLike | None = None,
    alpha: float | None = None,
    tetrahedra: Tetrahedra | None = None,
) -> PackingCurve:
    """Tetrahedra, motifs and atoms in them for each of several distortion parameters.

    One triangulation is used for all of them.

    Parameters
    ----------
    cutoff
        Longest edge of a tetrahedron, angstrom.
    deltas
        Shape (k,): distortion parameters, ascending.
    amorphous
        Shape (number of atoms,): which atoms are amorphous. Fractions are then of amorphous atoms
        and of tetrahedra with three or four amorphous corners; all count unless given.
    alpha
        Largest empty circumsphere, angstrom (see
        :func:`aet_port.structure.voronoi.tetrahedra.find_tetrahedra`).
    tetrahedra
        Those of these atoms, cut-off and alpha with the largest delta (or a larger one), if they
        are known already.

    Raises
    ------
    InputError
        For deltas that are not ascending numbers above zero, a mask of another length or without
        any amorphous atom, atoms so regular that the tetrahedra are not unique, or as
        :func:`aet_port.structure.voronoi.tetrahedra.find_tetrahedra`.

    Notes
    -----
    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m. Deviates: triangulates once;
    all atoms unless a region is given. Its copies for Pd carry the cut-off of Ta.
    """
    atoms = as_atoms(atoms)
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all() or values[0] <= 0:
        raise InputError("deltas", f"{values.tolist()}", "a list of numbers above zero")
    if (np.diff(values) <= 0).any():
        raise InputError("deltas", f"{values.tolist()}", "ascending numbers, each once")
    chosen = np.ones(len(atoms), dtype=bool) if amorphous is None else np.asarray(amorphous)
    if chosen.dtype != np.bool_ or chosen.shape != (len(atoms),) or not chosen.any():
        raise InputError(
            "amorphous",
            f"{chosen.dtype} of shape {chosen.shape}, {np.count_nonzero(chosen)} atoms chosen",
            f"{len(atoms)} booleans, one per atom, at least one of them true",
        )
    if tetrahedra is None:
        widest = find_tetrahedra(atoms, cutoff, float(values[-1]), alpha)
    else:
        widest = keep_regular(tetrahedra, float(values[-1]))
    if widest.why_undecided is not None:
        least = float(widest.undecided[0])
        raise InputError("atoms", widest.why_undecided, f"deltas below {least:.4g}, or other atoms")
    edges, pairs = edge_lengths(widest.corners), face_pairs(widest.vertices)
    region = amorphous_tetrahedra(widest, chosen)
    k = len(values)
    number, count = np.zeros(k, dtype=np.int64), np.zeros((k, len(FOLDS)), dtype=np.int64)
    share, covered = np.full((k, len(FOLDS)), np.nan), np.zeros(k)
    for row, delta in enumerate(values):
        kept = regular(edges, delta)
        place = np.cumsum(kept) - 1
        vertices = widest.vertices[kept]
        motifs = find_motifs(vertices, place[pairs[kept[pairs].all(axis=1)]])
        count[row] = list(motifs.counts().values())
        number[row] = region[kept].sum()
        if number[row]:
            share[row] = [
                region[kept][np.unique(motifs.of_fold(fold))].sum() / number[row] for fold in FOLDS
            ]
        corner = np.zeros(len(atoms), dtype=bool)
        corner[vertices] = True
        covered[row] = (corner & chosen).sum() / chosen.sum()
    return PackingCurve(values, number, count, share, covered)


def icosahedron_distortions(
    cells: Voronoi, mask: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distortion of the distorted icosahedra that Voronoi cells show.

    An atom whose Voronoi index is <0,0,12,0>, <0,1,10,2>, <0,2,8,2> or <0,2,8,1> and its neighbours
    (across faces that were not left out) are triangulated by themselves. The icosahedron is as
    distorted as the worst of the tetrahedra around its centre, 20 if there are twelve neighbours.
    Those up to 0.255 are the distorted icosahedra that are polytetrahedral too.

    Parameters
    ----------
    mask
        Shape (number of atoms,): centres to consider, all unless given.

    Returns
    -------
    Atoms at the centres (k,), ascending, and their largest ``e_max / e_avg - 1``, shape (k,).

    Raises
    ------
    InputError
        For a mask that is not one boolean per atom, or neighbours that have no triangulation.

    Paper: Supplementary Fig. 13 of Yuan et al., Nature Materials 21, 95 (2022); not in the public
    code. Edges may have any length.
    """
    chosen = cells.chosen(mask)
    kinds = np.array(DISTORTED_ICOSAHEDRA)
    centres = np.flatnonzero(chosen & (cells.indices[:, None] == kinds).all(axis=2).any(axis=1))
    if not len(centres):
        return centres, np.empty(0)
    number = cells.faces.start[centres + 1] - cells.faces.start[centres]
    start = np.concatenate([[0], np.cumsum(number + 1)])
    points = np.zeros((start[-1], 3))
    neighbour = np.ones(len(points), dtype=bool)
    neighbour[start[:-1]] = False  # the centres
    rows = np.arange(start[-1]) - np.repeat(start[:-1], number + 1) - 1
    points[neighbour] = cells.faces.vectors[
        (rows + np.repeat(cells.faces.start[centres], number + 1))[neighbour]
    ]
    around = stars(points, start)
    owner = np.searchsorted(start, around.min(axis=1), side="right") - 1
    tetrahedra = np.bincount(owner, minlength=len(centres))
    if not tetrahedra.all():
        raise InputError(
            "cells",
            f"neighbours of atom {centres[tetrahedra.argmin()]} without a triangulation",
            "a closed cell",
        )
    first = np.concatenate([[0], np.cumsum(tetrahedra[:-1])])
    worst: NDArray[np.float64] = np.maximum.reduceat(distortion(points[around]), first)
    return centres, worst


def packed_atoms(
    motifs: Motifs, tetrahedra: Tetrahedra, n_atoms: int, folds: tuple[int, ...] = FOLDS
) -> NDArray[np.bool_]:
    """Atoms of the motifs of some folds, shape (n_atoms,).

    Raises
    ------
    InputError
        For a fold other than 3 to 8, or fewer atoms than the tetrahedra refer to.

    Notes
    -----
    MATLAB: none
    """
    if not set(folds) <= set(FOLDS):
        raise InputError("folds", f"{folds}", "numbers of tetrahedra from 3 to 8")
    least = int(tetrahedra.vertices.max(initial=-1)) + 1
    if n_atoms < least:
        raise InputError("n_atoms", f"{n_atoms}", f"at least {least}")
    members = motifs.tetrahedra[np.isin(motifs.fold, folds)]
    packed = np.zeros(n_atoms, dtype=bool)
    packed[tetrahedra.vertices[members[members >= 0]]] = True
    return packed


def packed_density(
    atoms: AtomicModel | ase.Atoms,
    volumes: ArrayLike,
    packed: NDArray[np.bool_],
    among: NDArray[np.bool_],
) -> PackedDensity:
    """Mass density inside and outside of polytetrahedral packing.

    Densities are sums of masses over sums of Voronoi volumes.

    Parameters
    ----------
    volumes
        Shape (n,), cubic angstrom; atoms with NaN (open cells) are left out.
    packed
        Shape (n,): atoms in the packing, as from :func:`packed_atoms`.
    among
        Shape (n,): atoms that are counted at all, such as the disordered ones below the surface;
        the closed cells of atoms on it can be of any size.

    Raises
    ------
    InputError
        For arrays of other shapes or types, or unusable volumes.

    Paper: Fig. 3 and Supplementary Fig. 10 of Yuan et al., Nature Materials 21, 95 (2022), which
    give a gain of 3 to 7 %, of the map of
    :func:`aet_port.structure.interpolated_density`, but not over what its means are taken
    """
    atoms = as_atoms(atoms)
    gain = density_gain(atoms, volumes, packed, among)
    loss = density_gain(atoms, volumes, ~packed, among)
    counted = among & np.isfinite(atom_density(atoms, volumes))
    return PackedDensity(
        int((counted & packed).sum()),
        int((counted & ~packed).sum()),
        gain,
        float((1 + gain) / (1 + loss) - 1),
    )
