"""Fit of a lattice to a cluster of atoms: the reference's descent, and the best fit in closed form.

The descent takes fixed steps, so it wants lengths close to one: the search for medium-range order
divides by the least distance of two solute centres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.structure.medium_range.lattices import fill_rotation, rotation_matrix

START = (1.0, 1.0, 0.0, 0.0, 0.0)  # lattice constant and quaternion before any fit
STEP = 0.01  # radian, of the finite differences
RATE = 0.01  # of the descent
FLAT = 0.01  # gradient at which the fit ends
ITERATIONS = 1000


def fit_lattice(
    offsets: ArrayLike, sites: ArrayLike, start: Sequence[float] = START
) -> NDArray[np.float64]:
    """Lattice constant and orientation that bring sites close to atoms, by the reference's descent.

    Steepest descent of ``E = sum |p - a R b|^2`` in a and in turns about x, y and z with steps of
    0.01 times the gradient, until the gradient is below 0.01 or 1000 steps are done. So the result
    is near a minimum, and which minimum depends on the start; a may become negative.

    Parameters
    ----------
    offsets
        Shape (n, 3): atoms from the origin of the cluster, in units of about the shortest distance.
    sites
        Shape (n, 3): sites b of a lattice with constant one, see :func:`lattice_sites`.
    start
        Lattice constant and quaternion to begin with.

    Returns
    -------
    Lattice constant and quaternion, shape (5,).

    Raises
    ------
    InputError
        For arrays of different or other shapes or a start that is not five numbers.

    MATLAB: 8_Data_analysis_mro/src/Cluster_mancut_new.m::relax_vars. Deviates: evaluates
    the finite differences in closed form from moments (E is a parabola in a and a sine in each
    turn); the values are the same but for rounding.
    """
    p, b = np.asarray(offsets, dtype=np.float64), np.asarray(sites, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != 3 or p.shape != b.shape:
        raise InputError("offsets", f"shape {p.shape}", f"(n, 3), like sites of shape {b.shape}")
    parameters = np.array(start, dtype=np.float64)
    if parameters.shape != (5,) or not np.isfinite(parameters).all():
        raise InputError("start", f"{start!r}", "a lattice constant and a quaternion")
    relax(parameters, p.T @ b, float((b * b).sum()), np.empty((3, 3)))
    return parameters


def lattice_deviation(
    offsets: ArrayLike, sites: ArrayLike, parameters: ArrayLike
) -> tuple[NDArray[np.float64], float]:
    """Distance of each atom from its site, shape (n,), and their root mean square.

    Parameters
    ----------
    offsets, sites
        As for :func:`fit_lattice`.
    parameters
        Lattice constant and quaternion.

    MATLAB: 8_Data_analysis_mro/src/cluster_rms.m
    """
    a, *q = np.asarray(parameters, dtype=np.float64).tolist()
    model = a * np.asarray(sites, dtype=np.float64) @ rotation_matrix(q).T
    shift = np.linalg.norm(np.asarray(offsets, dtype=np.float64) - model, axis=1)
    return shift, float(np.sqrt(np.mean(shift**2)))


def rigid_fit(
    offsets: ArrayLike, sites: ArrayLike, orientation: ArrayLike
) -> tuple[float, NDArray[np.float64], float]:
    """Best scale, rotation and translation of sites onto atoms, in closed form (Umeyama 1991).

    Unlike :func:`fit_lattice` it needs no start, finds the least ``sum |p - a R b - t|^2``, and
    lets the origin move.

    Parameters
    ----------
    offsets, sites
        Shape (n, 3), as for :func:`fit_lattice`, in any unit of length.
    orientation
        Rotation (3, 3) to keep where sites on one line leave it open.

    Returns
    -------
    Lattice constant, rotation (3, 3) and the root mean square of what is left.

    Raises
    ------
    InputError
        For arrays of different or other shapes, or sites all at one place.
    """
    p, b = np.asarray(offsets, dtype=np.float64), np.asarray(sites, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != 3 or p.shape != b.shape:
        raise InputError("offsets", f"shape {p.shape}", f"(n, 3), like sites of shape {b.shape}")
    p, b = p - p.mean(axis=0), b - b.mean(axis=0)
    square = float((b * b).sum())
    if square == 0:
        raise InputError("sites", "all sites at one place", "at least two different sites")
    extent = np.linalg.svd(b, compute_uv=False)
    if extent[1] > 1e-6 * extent[0]:
        left, _, right = np.linalg.svd(p.T @ b)
        turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    else:
        turn = np.asarray(orientation, dtype=np.float64)
    model = b @ turn.T
    a = float((p * model).sum() / square)
    return a, turn, float(np.sqrt(((p - a * model) ** 2).sum(axis=1).mean()))


@njit(cache=True, nogil=True)
def relax(parameters, moment, square, turn):  # type: ignore[no-untyped-def]
    """Fit ``parameters`` (a, quaternion) from ``sum p b^T`` and ``sum |b|^2``; number of steps."""
    width = 2 * np.sin(STEP) / STEP
    q = parameters[1:]
    for step in range(ITERATIONS):
        a = parameters[0]
        fill_rotation(q, turn)
        # cross = sum p (R b)^T, whose antisymmetric part is the torque.
        overlap = 0.0
        for i in range(3):
            for j in range(3):
                overlap += turn[i, j] * moment[i, j]
        zy = zx = yx = yz = xz = xy = 0.0
        for j in range(3):
            zy += moment[2, j] * turn[1, j]
            yz += moment[1, j] * turn[2, j]
            xz += moment[0, j] * turn[2, j]
            zx += moment[2, j] * turn[0, j]
            yx += moment[1, j] * turn[0, j]
            xy += moment[0, j] * turn[1, j]
        slope = 2 * a * square - 2 * overlap
        about_x = -a * width * (zy - yz)
        about_y = -a * width * (xz - zx)
        about_z = -a * width * (yx - xy)
        c, s = np.cos(-RATE * about_x / 2), np.sin(-RATE * about_x / 2)
        w, x, y, z = (
            c * q[0] - s * q[1],
            c * q[1] + s * q[0],
            c * q[2] - s * q[3],
            c * q[3] + s * q[2],
        )
        c, s = np.cos(-RATE * about_y / 2), np.sin(-RATE * about_y / 2)
        w, x, y, z = c * w - s * y, c * x + s * z, c * y + s * w, c * z - s * x
        c, s = np.cos(-RATE * about_z / 2), np.sin(-RATE * about_z / 2)
        w, x, y, z = c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w
        norm = np.sqrt(w * w + x * x + y * y + z * z)
        q[0], q[1], q[2], q[3] = w / norm, x / norm, y / norm, z / norm
        parameters[0] = a - RATE * slope
        total = slope * slope + about_x * about_x + about_y * about_y + about_z * about_z
        if np.sqrt(total) < FLAT:
            return step + 1
    return ITERATIONS
