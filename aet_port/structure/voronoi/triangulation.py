"""Delaunay triangulation of points: tetrahedra and what lies across their faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.structure.voronoi.point_insertion import tetrahedralise


@dataclass(frozen=True)
class Triangulation:
    """Delaunay tetrahedra of points.

    Attributes
    ----------
    simplices
        Shape (m, 4): corners, rows of the points.
    neighbours
        Shape (m, 4): the tetrahedron across the face opposite each corner, -1 for none.
    left_out
        Shape (k,): points at the place of another, which are corners of nothing.
    """

    simplices: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    left_out: NDArray[np.int64]


def triangulate(points: NDArray[np.float64]) -> Triangulation:
    """Delaunay triangulation of points (n, 3).

    Raises
    ------
    InputError
        If the points are not finite or span no volume.

    Notes
    -----
    MATLAB: the built-in ``delaunayTriangulation``
    """
    if not np.isfinite(points).all():
        raise InputError("atoms: positions", "NaN or infinite values", "finite numbers only")
    found = tetrahedralise(points) if len(points) >= 4 else None
    if found is None:
        raise InputError(
            "atoms: positions", "atoms without a Delaunay triangulation", "atoms that span a volume"
        )
    return Triangulation(*found)
