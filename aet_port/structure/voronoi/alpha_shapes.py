"""Alpha shape of a sample: which tetrahedra, points and atoms lie inside it or on its surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ase
import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms, periodic_images
from aet_port.structure.voronoi.shape_voxels import (
    FLAT,
    VoxelGrid,
    points_inside,
    voxelise,
)
from aet_port.structure.voronoi.tetrahedron_shapes import radii_of, volumes
from aet_port.structure.voronoi.triangulation import Triangulation, triangulate


@dataclass(frozen=True, repr=False)
class AlphaShape(Shown):
    """Union of the Delaunay tetrahedra whose circumsphere is no wider than a probe.

    Attributes
    ----------
    points
        Shape (n, 3): the atoms, followed by periodic images if the atoms have any, angstrom.
    n_atoms
        Number of points that are atoms.
    radius
        Alpha, the largest circumradius, angstrom.
    tetrahedra
        Shape (m, 4): rows of ``points``.
    facets
        Shape (k, 3): faces that belong to one tetrahedron only, ascending rows of ``points``, in
        lexicographic order.
    apexes
        Shape (k,): the fourth corner of that tetrahedron, on the inner side of the face.
    volume
        Of the tetrahedra, each periodic one counted once, cubic angstrom.
    margin
        How far beyond a periodic (reduced) cell the shape is complete, angstrom.
    """

    points: NDArray[np.float64]
    n_atoms: int
    radius: float
    tetrahedra: NDArray[np.int64]
    facets: NDArray[np.int64]
    apexes: NDArray[np.int64]
    volume: float
    margin: float

    def _facts(self) -> dict[str, object]:
        return {
            "atoms": self.n_atoms,
            "on the surface": len(self.surface_atoms),
            "tetrahedra": len(self.tetrahedra),
            "volume": f"{self.volume:.6g} cubic angstrom",
            "radius": angstrom(self.radius),
        }

    @property
    def surface_atoms(self) -> NDArray[np.int64]:
        """Atoms on the surface (or on no tetrahedron at all), ascending."""
        on_none = np.ones(len(self.points), dtype=bool)
        on_none[self.tetrahedra] = False
        on_none[self.facets] = True
        return np.flatnonzero(on_none[: self.n_atoms])

    @cached_property
    def grid(self) -> VoxelGrid:
        """Voxels for :meth:`contains` and for rays; made when first needed."""
        return voxelise(self.points, self.tetrahedra, self.facets)

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (m, 3) lie inside or on the surface, shape (m,).

        Raises
        ------
        InputError
            If ``points`` are not finite coordinates (m, 3).

        Notes
        -----
        MATLAB: the built-in ``inShape``
        """
        points = np.ascontiguousarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
            raise InputError("points", f"an array {points.shape}", "finite coordinates (m, 3)")
        return points_inside(self.grid, points)


def alpha_shape(
    atoms: AtomicModel | ase.Atoms,
    radius: float,
    margin: float = 0.0,
    *,
    triangulation: Triangulation | None = None,
) -> AlphaShape:
    """Alpha shape of the atoms.

    A tetrahedron of the Delaunay triangulation belongs to the shape if its circumradius is at most
    ``radius``. Holes are kept and separate regions are all kept.

    Parameters
    ----------
    radius
        Alpha, angstrom.
    margin
        How far beyond a periodic (reduced) cell the shape is needed, angstrom; ignored without
        periodic directions.
    triangulation
        Of these atoms, if known and they have no periodic directions.

    Raises
    ------
    InputError
        For unusable atoms (too few, coplanar, duplicate), radius or margin, or if no tetrahedron is
        small enough.

    Notes
    -----
    MATLAB: the built-in ``alphaShape(points, a)`` with its default HoleThreshold and
    RegionThreshold of 0. Deviates: takes periodic cells.
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, solid=True)
    if not (np.isfinite(radius) and radius > 0):
        raise InputError("radius", f"{radius!r}", "a length above zero, in angstrom")
    if not (np.isfinite(margin) and margin >= 0):
        raise InputError("margin", f"{margin!r}", "a length of at least zero, in angstrom")
    images = periodic_images(atoms, margin + 2 * radius)
    points = np.ascontiguousarray(images.positions)
    known = None if atoms.pbc.any() else triangulation
    found = triangulate(points) if known is None else known
    rows, neighbours = found.simplices.astype(np.int64), found.neighbours
    radii, flat = _radii(points, rows, neighbours)
    inside = _without_loose(radii <= radius, flat, neighbours)
    if not inside.any():
        raise InputError(
            "radius",
            f"{radius:g} angstrom, less than the circumradius of every tetrahedron",
            "a radius of about the distance of second neighbours",
        )
    facets, apexes = _facets(rows, neighbours, inside)
    rows = rows[inside]
    # A periodic tetrahedron is counted where its lowest-numbered atom is not an image.
    lowest = np.argmin(images.atom[rows], axis=1)
    home = rows[np.arange(len(rows)), lowest] < len(atoms)
    return AlphaShape(
        points,
        len(atoms),
        float(radius),
        rows,
        facets,
        apexes,
        float(volumes(points[rows[home]]).sum()),
        float(margin),
    )


def _radii(
    points: NDArray[np.float64], rows: NDArray[np.int64], neighbours: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Circumradii, and which are flat: those have the radius of the narrowest one beside them.

    In a lattice many atoms lie on one sphere, and the triangulation of their polyhedron may hold
    flat tetrahedra. Their own circumsphere is undetermined, the polyhedron's is the neighbours'.
    """
    radii, flatness = radii_of(points, rows)
    flat = np.flatnonzero(flatness <= 6 * FLAT)
    radii[flat] = np.inf
    while len(flat):
        beside = np.where(neighbours[flat] >= 0, radii[neighbours[flat]], np.inf).min(axis=1)
        if not (beside < radii[flat]).any():
            break
        radii[flat] = np.minimum(beside, radii[flat])
    is_flat = np.zeros(len(rows), dtype=bool)
    is_flat[flat] = True
    return radii, is_flat


def _without_loose(
    inside: NDArray[np.bool_], flat: NDArray[np.bool_], neighbours: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """The tetrahedra inside but flat ones on the surface.

    Where the surface is a plane of atoms, rounding decides whether flat tetrahedra lie on it; they
    would hide atoms that are on the surface.
    """
    inside = inside.copy()
    loose = np.flatnonzero(inside & flat)  # and what becomes so without them
    while len(loose):
        beside = neighbours[loose]
        outside = ((beside < 0) | ~inside[beside]).any(axis=1)
        if not outside.any():
            break
        inside[loose[outside]] = False
        loose = loose[~outside]
    return inside


def _facets(
    rows: NDArray[np.int64], neighbours: NDArray[np.int32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Faces of tetrahedra inside to others or none, ascending, in lexicographic order; apexes."""
    facets, apexes = _open_faces(rows, neighbours, inside)
    facets = np.sort(facets, axis=1)
    order = np.lexsort(facets.T[::-1])
    return facets[order], apexes[order]


@njit(cache=True)
def _open_faces(rows, neighbours, inside):  # type: ignore[no-untyped-def]
    number = 0
    for t in range(len(rows)):
        if inside[t]:
            for k in range(4):
                number += neighbours[t, k] < 0 or not inside[neighbours[t, k]]
    facets = np.empty((number, 3), dtype=np.int64)
    apexes = np.empty(number, dtype=np.int64)
    number = 0
    for t in range(len(rows)):
        if inside[t]:
            for k in range(4):
                if neighbours[t, k] < 0 or not inside[neighbours[t, k]]:
                    for c in range(3):
                        facets[number, c] = rows[t, (k + 1 + c) % 4]
                    apexes[number] = rows[t, k]
                    number += 1
    return facets, apexes
