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
NEWTON = 60  # of the search for the largest eigenvalue, which takes about five


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

    Notes
    -----
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

    Notes
    -----
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


@njit(cache=True, nogil=True)
def turn_of_a_line(moment, q):  # type: ignore[no-untyped-def]
    """Shortest turn of the line of the sites to that of the atoms into ``q``; their overlap.

    For sites ``t e`` the moment is ``w e^T`` with ``w = sum t p``: its longest row is along e.
    """
    total, longest, row = 0.0, 0.0, 0
    for i in range(3):
        square = 0.0
        for j in range(3):
            square += moment[i, j] * moment[i, j]
        total += square
        if square > longest:
            longest, row = square, i
    if longest == 0:
        q[0], q[1], q[2], q[3] = 1.0, 0.0, 0.0, 0.0
        return 0.0
    norm = np.sqrt(total)
    e, u = np.empty(3), np.empty(3)
    for j in range(3):
        e[j] = moment[row, j] / np.sqrt(longest)
    for i in range(3):
        u[i] = (moment[i, 0] * e[0] + moment[i, 1] * e[1] + moment[i, 2] * e[2]) / norm
    cosine = e[0] * u[0] + e[1] * u[1] + e[2] * u[2]
    if cosine > -1 + 1e-9:
        q[0] = 1 + cosine
        q[1] = e[1] * u[2] - e[2] * u[1]
        q[2] = e[2] * u[0] - e[0] * u[2]
        q[3] = e[0] * u[1] - e[1] * u[0]
    else:  # half a turn about any axis at right angles
        least = 0
        for j in range(3):
            if abs(e[j]) < abs(e[least]):
                least = j
        q[0] = 0.0
        for j in range(3):
            q[1 + j] = (1.0 if j == least else 0.0) - e[least] * e[j]
    length = np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    for k in range(4):
        q[k] /= length
    return norm


@njit(cache=True, nogil=True)
def best_turn(moment, bound, q):  # type: ignore[no-untyped-def]
    """Quaternion of the rotation R with the largest ``tr(R^T M)`` into ``q``; that trace.

    The trace is the largest eigenvalue of Horn's symmetric matrix, sought by Newton's method from
    above (Theobald 2005), ``bound`` being an upper bound.
    """
    xx, xy, xz = moment[0, 0], moment[1, 0], moment[2, 0]
    yx, yy, yz = moment[0, 1], moment[1, 1], moment[2, 1]
    zx, zy, zz = moment[0, 2], moment[1, 2], moment[2, 2]
    n = np.empty((4, 4))
    n[0, 0], n[1, 1] = xx + yy + zz, xx - yy - zz
    n[2, 2], n[3, 3] = -xx + yy - zz, -xx - yy + zz
    n[0, 1] = n[1, 0] = yz - zy
    n[0, 2] = n[2, 0] = zx - xz
    n[0, 3] = n[3, 0] = xy - yx
    n[1, 2] = n[2, 1] = xy + yx
    n[1, 3] = n[3, 1] = zx + xz
    n[2, 3] = n[3, 2] = yz + zy
    square = 0.0
    for i in range(3):
        for j in range(3):
            square += moment[i, j] * moment[i, j]
    c2 = -2 * square
    c1 = -8 * (xx * (yy * zz - yz * zy) - xy * (yx * zz - yz * zx) + xz * (yx * zy - yy * zx))
    c0 = 0.0
    for k in range(4):
        c0 += n[0, k] * _cofactor(n, 0, k)
    value = bound
    for _ in range(NEWTON):
        power = value * value
        slope = 4 * power * value + 2 * c2 * value + c1
        if slope == 0:
            break
        step = (power * power + c2 * power + c1 * value + c0) / slope
        value -= step
        if abs(step) <= 1e-14 * bound:
            break
    for k in range(4):
        n[k, k] -= value
    most = -1.0
    for row in range(4):
        a, b = _cofactor(n, row, 0), _cofactor(n, row, 1)
        c, d = _cofactor(n, row, 2), _cofactor(n, row, 3)
        length = a * a + b * b + c * c + d * d
        if length > most:
            most = length
            q[0], q[1], q[2], q[3] = a, b, c, d
    if most <= 0:
        q[0], q[1], q[2], q[3] = 1.0, 0.0, 0.0, 0.0
        return value
    length = np.sqrt(most)
    for k in range(4):
        q[k] /= length
    return value


@njit(cache=True, nogil=True)
def _cofactor(n, row, column):  # type: ignore[no-untyped-def]
    """Signed minor of a 4 x 4 matrix."""
    a, b, c = (row + 1) % 4, (row + 2) % 4, (row + 3) % 4
    x, y, z = (column + 1) % 4, (column + 2) % 4, (column + 3) % 4
    minor = (
        n[a, x] * (n[b, y] * n[c, z] - n[b, z] * n[c, y])
        - n[a, y] * (n[b, x] * n[c, z] - n[b, z] * n[c, x])
        + n[a, z] * (n[b, x] * n[c, y] - n[b, y] * n[c, x])
    )
    return minor if (row + column) % 2 == 0 else -minor
