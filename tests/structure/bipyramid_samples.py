"""Bipyramids built by hand, and the chain from atoms to motifs."""

from __future__ import annotations

import ase
import numpy as np

from aet_port.structure.polytetrahedral.bipyramids import Motifs, find_motifs
from aet_port.structure.voronoi.tetrahedra import Tetrahedra, face_pairs, find_tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import distortion
from aet_port.structure.voronoi.tetrahedron_shapes import volumes as tetrahedron_volumes


def chain(atoms: ase.Atoms, cutoff: float) -> tuple[Motifs, Tetrahedra]:
    tetrahedra = find_tetrahedra(atoms, cutoff)
    return find_motifs(tetrahedra.vertices, face_pairs(tetrahedra.vertices)), tetrahedra


def assembled(positions: np.ndarray, vertices: np.ndarray) -> tuple[Motifs, Tetrahedra]:
    """Motifs among the given tetrahedra of atoms."""
    vertices = np.sort(vertices, axis=1)
    vertices = vertices[np.lexsort(vertices.T[::-1])]
    corners = positions[vertices]
    tetrahedra = Tetrahedra(vertices, corners, distortion(corners), tetrahedron_volumes(corners))
    return find_motifs(vertices, face_pairs(vertices)), tetrahedra


def bipyramid(positions: np.ndarray) -> tuple[Motifs, Tetrahedra]:
    """One motif from its atoms: two caps, then the ring."""
    fold = len(positions) - 2
    ring = 2 + np.arange(fold)
    rows = np.column_stack([0 * ring, 0 * ring + 1, ring, np.roll(ring, -1)])
    return assembled(positions, rows)


def regular(fold: int, height: float, radius: float) -> np.ndarray:
    """Caps at -height and +height on z, a regular ring around them."""
    angle = 2 * np.pi * np.arange(fold) / fold
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle])
    return np.vstack([[0, 0, -height], [0, 0, height], ring])
