"""Spheres and sticks as triangle meshes, for interactive 3D views."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

BALL_POINTS = 48
SIDES = 7

Solid = tuple[NDArray[np.float32], NDArray[np.int32]]  # vertices (n, 3), triangles (m, 3)


def balls(positions: ArrayLike, radius: float) -> Solid:
    """Spheres of one radius.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.
    radius
        Angstrom.

    Returns
    -------
    Vertices (k, 3) in angstrom and triangles (m, 3), all facing outward.

    Notes
    -----
    MATLAB: none
    """
    centres = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
    corners, triangles = _ball()
    return _repeated(centres[:, None, :] + radius * corners, triangles)


def sticks(ends: ArrayLike, radius: float) -> Solid:
    """Cylinders of one radius, open at both ends.

    Parameters
    ----------
    ends
        Shape (n, 2, 3), angstrom; the two ends of a stick must differ.
    radius
        Angstrom.

    Returns
    -------
    Vertices and triangles as in :func:`balls`.

    Notes
    -----
    MATLAB: none
    """
    pairs = np.asarray(ends, dtype=np.float64).reshape(-1, 2, 3)
    axis = pairs[:, 1] - pairs[:, 0]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    # Any direction not along the stick gives one perpendicular to it.
    helper = np.eye(3)[np.argmin(np.abs(axis), axis=1)]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    angle = 2 * np.pi * np.arange(SIDES) / SIDES
    around = radius * (
        np.cos(angle)[None, :, None] * first[:, None, :]
        + np.sin(angle)[None, :, None] * second[:, None, :]
    )
    corners = np.concatenate([pairs[:, :1] + around, pairs[:, 1:] + around], axis=1)
    low = np.arange(SIDES)
    nearby = (low + 1) % SIDES
    triangles = np.concatenate(
        [
            np.stack([low, nearby, low + SIDES], axis=1),
            np.stack([nearby, nearby + SIDES, low + SIDES], axis=1),
        ]
    )
    return _repeated(corners, triangles)


def _ball() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points distributed evenly over the unit sphere by the golden angle, and their convex hull."""
    number = np.arange(BALL_POINTS)
    z = 1 - (2 * number + 1) / BALL_POINTS
    turn = np.pi * (3 - np.sqrt(5)) * number
    across = np.sqrt(1 - z**2)
    corners = np.stack([across * np.cos(turn), across * np.sin(turn), z], axis=1)
    triangles = ConvexHull(corners).simplices.astype(np.int64)
    a, b, c = (corners[triangles[:, k]] for k in range(3))
    inward = np.sum(np.cross(b - a, c - a) * a, axis=1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return corners, triangles


def _repeated(corners: NDArray[np.float64], triangles: NDArray[np.int64]) -> Solid:
    """The same triangles for the vertices of each body, shape (bodies, points, 3)."""
    bodies, points = corners.shape[:2]
    shifted = triangles[None] + points * np.arange(bodies)[:, None, None]
    return corners.reshape(-1, 3).astype(np.float32), shifted.reshape(-1, 3).astype(np.int32)
