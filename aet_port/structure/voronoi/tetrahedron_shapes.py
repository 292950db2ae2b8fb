"""Edges, volumes, spheres and distortion of tetrahedra, from the positions of their corners."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
FACES = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])  # face k lies opposite vertex k
BLOCK = 65_536  # tetrahedra whose edges are taken at a time


def edge_lengths(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Six edges, shape (n, 6), of tetrahedra with ``corners`` (n, 4, 3), same unit."""
    result = np.empty((len(corners), len(EDGES)))
    for start in range(0, len(corners), BLOCK):  # the vectors of all edges would be large
        part = corners[start : start + BLOCK]
        edges = part[:, EDGES[:, 1]] - part[:, EDGES[:, 0]]
        result[start : start + BLOCK] = np.sqrt((edges**2).sum(axis=2))
    return result


def distortion(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distortion parameter ``e_max / e_avg - 1`` of each tetrahedron, shape (n,); 0 if regular.

    MATLAB: 7_Data_analysis/Main_3_polytetrahedral_analysis_Ta_film.m (paper: Methods of Yuan et
    al. 2021)
    """
    edges = edge_lengths(corners)
    return edges.max(axis=1) / edges.mean(axis=1) - 1


def volumes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volume of each tetrahedron, shape (n,)."""
    result: NDArray[np.float64] = _volumes(np.ascontiguousarray(corners))
    return result


@njit(cache=True, parallel=True)
def _volumes(corners):  # type: ignore[no-untyped-def]
    result = np.empty(len(corners))
    for t in prange(len(corners)):
        x, y, z = corners[t, 0, 0], corners[t, 0, 1], corners[t, 0, 2]
        ax, ay, az = corners[t, 1, 0] - x, corners[t, 1, 1] - y, corners[t, 1, 2] - z
        bx, by, bz = corners[t, 2, 0] - x, corners[t, 2, 1] - y, corners[t, 2, 2] - z
        cx, cy, cz = corners[t, 3, 0] - x, corners[t, 3, 1] - y, corners[t, 3, 2] - z
        six = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
        result[t] = abs(six) / 6
    return result


def incentres(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of the inscribed sphere, shape (n, 3): vertices weighted by the opposite faces' areas.

    MATLAB: the built-in ``incenter``
    """
    faces = corners[:, FACES]
    areas = np.linalg.norm(
        np.cross(faces[:, :, 1] - faces[:, :, 0], faces[:, :, 2] - faces[:, :, 0]), axis=2
    )
    return np.einsum("nf,nfc->nc", areas, corners) / areas.sum(axis=1)[:, None]


def circumradii(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the sphere through the four vertices, shape (n,); infinite if they are coplanar."""
    rows = np.arange(4 * len(corners)).reshape(-1, 4)
    return radii_of(np.ascontiguousarray(corners).reshape(-1, 3), rows)[0]


def radii_of(
    points: NDArray[np.float64], rows: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Circumradii of tetrahedra ``rows`` (n, 4) of ``points``, and how flat they are.

    Returns
    -------
    Radii, infinite where the corners are coplanar, and sixfold volumes over the cube of the longest
    edge from the first corner, both of shape (n,).

    Notes
    -----
    MATLAB: none
    """
    radii, flatness = np.empty(len(rows)), np.empty(len(rows))
    _radii(points, rows, radii, flatness)
    return radii, flatness


@njit(cache=True, parallel=True)
def _radii(points, rows, radii, flatness):  # type: ignore[no-untyped-def]
    for t in prange(len(rows)):
        x, y, z = points[rows[t, 0], 0], points[rows[t, 0], 1], points[rows[t, 0], 2]
        p, q, r = rows[t, 1], rows[t, 2], rows[t, 3]
        ax, ay, az = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
        bx, by, bz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
        cx, cy, cz = points[r, 0] - x, points[r, 1] - y, points[r, 2] - z
        ux, uy, uz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        vx, vy, vz = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        wx, wy, wz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        six = ax * ux + ay * uy + az * uz
        a, b, c = (
            ax * ax + ay * ay + az * az,
            bx * bx + by * by + bz * bz,
            cx * cx + cy * cy + cz * cz,
        )
        ox, oy, oz = a * ux + b * vx + c * wx, a * uy + b * vy + c * wy, a * uz + b * vz + c * wz
        scale = max(a, b, c) ** 1.5
        flatness[t] = abs(six) / scale if scale > 0 else 0.0
        radii[t] = np.inf
        if flatness[t] > 1e-14:
            radii[t] = np.sqrt(ox * ox + oy * oy + oz * oz) / (2 * abs(six))
