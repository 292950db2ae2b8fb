"""Voronoi polyhedra of atoms: indices, coordination, volumes and their statistics."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms
from aet_port.structure.voronoi.cells import Faces, Regulation, cut_cells

AREA_FRACTION = 0.01  # fraction of a cell's surface: the papers leave out smaller faces
# The indices that both papers count as distorted icosahedra.
DISTORTED_ICOSAHEDRA = ((0, 0, 12, 0), (0, 1, 10, 2), (0, 2, 8, 2), (0, 2, 8, 1))
MARKER = -1  # in indices and coordination of open cells


@dataclass(frozen=True, repr=False)
class Voronoi(Shown):
    """Voronoi cells of n atoms.

    A mask, shape (n,) of bool, limits a statistic to some atoms.

    Attributes
    ----------
    indices
        Shape (n, 4): faces with 3, 4, 5 and 6 edges; -1 where the cell is open.
    coordination
        Shape (n,): number of faces with any number of edges; -1 where the cell is open.
    volume
        Shape (n,), cubic angstrom: of the unregulated cell; NaN where it is unbounded.
    bounded
        Shape (n,): whether the unregulated cell is bounded.
    closed
        Shape (n,): whether the regulated cell is bounded.
    faces
        Every face of the closed cells: neighbour, vector, area, edges.
    area_fraction, bond_length
        Limits below which faces and above which bonds (angstrom; None for no limit) are left out.
    reference_quirks
        Whether five-edged faces were given the reference's areas.
    """

    indices: NDArray[np.int64]
    coordination: NDArray[np.int64]
    volume: NDArray[np.float64]
    bounded: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    faces: Faces
    area_fraction: float
    bond_length: float | None
    reference_quirks: bool

    plot = methods.plot_voronoi
    """Plot the most frequent indices: :func:`aet_port.figures.structure_results.plot_voronoi`."""

    def _facts(self) -> dict[str, object]:
        return {
            "cells": len(self),
            "closed": int(self.closed.sum()),
            "mean coordination": average(self.coordination[self.closed]),
        }

    def __len__(self) -> int:
        return len(self.closed)

    def face_fractions(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Fractions of faces with 3, 4, 5 and 6 edges among these, shape (4,), of closed cells.

        Every face counts once. NaN if no cell is closed.
        """
        faces = self.indices[self.chosen(mask)].sum(axis=0)
        return faces / faces.sum() if faces.sum() else np.full(4, np.nan)

    def ranking(
        self, mask: NDArray[np.bool_] | None = None
    ) -> list[tuple[tuple[int, ...], int, float]]:
        """Indices of closed cells, most frequent first, each with its count and its fraction.

        Equal counts are in the order of the indices.
        """
        rows = self.indices[self.chosen(mask)]
        if len(rows) == 0:
            return []
        distinct, count = np.unique(rows, axis=0, return_counts=True)
        order = np.argsort(-count, kind="stable")
        return [
            (tuple(distinct[k].tolist()), int(count[k]), float(count[k] / len(rows))) for k in order
        ]

    def distorted_icosahedra(self, mask: NDArray[np.bool_] | None = None) -> float:
        """Fraction of the atoms with index <0,0,12,0>, <0,1,10,2>, <0,2,8,2> or <0,2,8,1>.

        An atom with an open cell has none of these but is counted: the glass paper's 7.03 % refers
        to all disordered atoms. NaN without atoms.
        """
        asked = len(self) if mask is None else int(np.count_nonzero(mask))
        rows = self.indices[self.chosen(mask)]
        found = (rows[:, None] == np.array(DISTORTED_ICOSAHEDRA)).all(axis=2).any(axis=1)
        return float(found.sum() / asked) if asked else float("nan")

    def mean_coordination(self, mask: NDArray[np.bool_] | None = None) -> float:
        """Mean coordination number of closed cells; NaN if there are none."""
        numbers = self.coordination[self.chosen(mask)]
        return float(numbers.mean()) if len(numbers) else float("nan")

    def chosen(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Atoms of the mask (all if None) whose cell is closed, shape (n,).

        Raises
        ------
        InputError
            If the mask is not n booleans.
        """
        if mask is None:
            return self.closed
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != self.closed.shape:
            raise InputError(
                "mask", f"{mask.dtype} of shape {mask.shape}", f"{len(self)} booleans, one per atom"
            )
        return mask & self.closed


@checked
def voronoi_analysis(
    atoms: AtomicModel | ase.Atoms,
    *,
    area_fraction: float = AREA_FRACTION,
    bond_length: float | None = None,
    reference_quirks: bool = False,
    vertex_order: NDArray[np.integer] | None = None,
) -> Voronoi:
    """Voronoi indices <n3,n4,n5,n6>, coordination numbers and atomic volumes.

    The cell of each atom is cut twice. The neighbours behind faces smaller than ``area_fraction``
    of the first cell's surface, and those at ``bond_length`` or beyond, don't take part in the
    second cut, whose faces are counted; the volume is that of the first. A particle's atoms whose
    cell has no end are marked open. In a periodic box of any size the cells are those of the
    infinite crystal; an atom can be its own neighbour.

    Parameters
    ----------
    area_fraction
        From 0 (no face is left out) to below 1.
    bond_length
        Largest bond length, angstrom; None for no limit.
    reference_quirks
        Give faces with five vertices the areas of the reference, which multiplies arrays along
        the wrong dimension (`cross` of two 3 x 3 arrays): about 1.6 times too large, dependent on
        the frame and on the vertex that a face starts from. Only for atoms without periodic
        directions.
    vertex_order
        Shape (n, 4): atoms around each Voronoi vertex, in the order in which the reference's
        Qhull lists the vertices; the order of today's Qhull unless given.

    Raises
    ------
    InputError
        For fewer than 5 atoms (none in a box periodic in all directions), coplanar or duplicate
        atoms, parameters out of range, or atoms so close to a perfect lattice that rounding
        decides about the cells.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_3_voronoi_calculation_amorphous_region.m,
    7_Data_analysis/Main_2_pdf_and_voronoi_amorphous_region_Ta_film.m. Deviates: correct areas
    unless ``reference_quirks``; takes periodic cells; vertices closer than 1e-6 angstrom are one.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=1 if atoms.pbc.all() else 5, solid=True)
    if not (np.isfinite(area_fraction) and 0 <= area_fraction < 1):
        raise InputError("area_fraction", f"{area_fraction!r}", "a fraction from 0 to below 1")
    if bond_length is not None and not (np.isfinite(bond_length) and bond_length > 0):
        raise InputError("bond_length", f"{bond_length!r}", "a length above zero, in angstrom")
    regulation = Regulation(
        float(area_fraction), np.inf if bond_length is None else float(bond_length)
    )
    if reference_quirks:
        regulation = regulation._replace(order=_vertex_order(atoms, vertex_order))
    elif vertex_order is not None:
        raise InputError("vertex_order", "an order of vertices", "None without reference_quirks")
    faces = cut_cells(atoms, regulation)
    coordination = np.where(faces.closed, np.diff(faces.start), MARKER)
    atom = np.repeat(np.arange(len(atoms)), np.diff(faces.start))
    indices = np.zeros((len(atoms), 4), dtype=np.int64)
    counted = faces.edges <= 6
    np.add.at(indices, (atom[counted], faces.edges[counted] - 3), 1)
    indices[~faces.closed] = MARKER
    return Voronoi(
        indices,
        coordination,
        faces.volume,
        faces.bounded,
        faces.closed,
        faces,
        float(area_fraction),
        bond_length,
        reference_quirks,
    )


def _vertex_order(atoms: ase.Atoms, given: NDArray[np.integer] | None) -> NDArray[np.int64]:
    """Tetrahedra in the order of the reference's Voronoi vertices."""
    if atoms.pbc.any():
        raise InputError(
            "reference_quirks",
            "atoms with periodic directions",
            "a particle without them: the reference lists Voronoi vertices of particles only",
        )
    if given is None:
        return Delaunay(atoms.positions, qhull_options="Qbb").simplices.astype(np.int64)
    given = np.asarray(given)
    if given.ndim != 2 or given.shape[1] != 4 or given.dtype.kind not in "iu" or len(given) == 0:
        raise InputError(
            "vertex_order", f"{given.dtype} of shape {given.shape}", "whole numbers (n, 4)"
        )
    if given.min() < 0 or given.max() >= len(atoms):
        raise InputError(
            "vertex_order",
            f"atoms {given.min()} to {given.max()}",
            f"atoms 0 to {len(atoms) - 1}",
        )
    return given.astype(np.int64)
