"""Ideal lattices with which clusters of solute centres are compared.

The lattice constant is the distance of nearest sites, and every lattice has sites one such distance
from the origin.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError

# In the order of the reference, which decides between equally good clusters.
LATTICES = ("sc", "bcc", "fcc", "hcp", "icosahedral")
HCP, ICOSAHEDRAL = 3, 4
BOND = 1e-3  # how much the distance of neighbouring sites may differ from one


def lattice_number(lattice: str) -> int:
    """Place of a lattice in ``LATTICES``.

    Raises
    ------
    InputError
        For another name.
    """
    if lattice not in LATTICES:
        raise InputError("lattice", repr(lattice), f"one of {', '.join(LATTICES)}")
    return LATTICES.index(lattice)


def neighbour_vectors(lattice: str) -> NDArray[np.float64]:
    """The origin and the nearest sites around it, shape (1 + coordination, 3), one unit away.

    The order of the rows is the reference's: the second atom of a cluster is put on row 1, and of
    sites equally near the first is taken.

    Raises
    ------
    InputError
        For an unknown lattice.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/src/nn_basis.m. Deviates: leaves out types 41 and 42, hcp with
    second layers, which nothing uses.
    """
    return NEIGHBOURS[lattice_number(lattice)].copy()


def rotation_matrix(quaternion: ArrayLike) -> NDArray[np.float64]:
    """Rotation (3, 3) of a quaternion (scalar first, any length above zero), ``v' = R v``.

    Raises
    ------
    InputError
        For anything but four finite numbers that are not all zero.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/src/quat_to_rotm.m
    """
    q = np.asarray(quaternion, dtype=np.float64)
    if q.shape != (4,) or not np.isfinite(q).all() or not q.any():
        raise InputError("quaternion", f"{quaternion!r}", "four finite numbers, not all zero")
    result = np.empty((3, 3))
    fill_rotation(q, result)
    return result


def lattice_sites(
    steps: ArrayLike,
    lattice: str,
    lattice_constant: float = 1.0,
    quaternion: ArrayLike = (1, 0, 0, 0),
) -> NDArray[np.float64]:
    """Where the walks along neighbour vectors end, shape (n, 3).

    In hcp the layers alternate: a step to the next layer leads from an A site as the vector says
    and from a B site mirrored in y. Steps up are taken first, then steps down, then those in the
    layer.

    Parameters
    ----------
    steps
        Shape (n, 1 + coordination): how often each row of :func:`neighbour_vectors` is taken.
    lattice_constant
        Distance of nearest sites.
    quaternion
        Orientation.

    Raises
    ------
    InputError
        For an unknown lattice, steps of another shape or below zero, or no quaternion.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/src/calc_r_grid.m and vars_to_grid_djc.m (with unit steps)
    """
    number = lattice_number(lattice)
    basis = NEIGHBOURS[number]
    walks = np.asarray(steps)
    if walks.ndim != 2 or walks.shape[1] != len(basis) or (walks < 0).any():
        raise InputError(
            "steps", f"an array of shape {walks.shape}", f"counts of shape (n, {len(basis)})"
        )
    walks = walks.astype(np.int64)
    sites = np.empty((len(walks), 3))
    for walk, site in zip(walks, sites, strict=True):
        _site(walk, basis, number == HCP, site)
    return lattice_constant * sites @ rotation_matrix(quaternion).T


def site_bonds(sites: ArrayLike, lattice: str) -> NDArray[np.bool_]:
    """Which sites are nearest neighbours, shape (n, n).

    Parameters
    ----------
    sites
        Shape (n, 3), of a lattice with constant one. The corners of an icosahedron are 1.05 apart.

    Notes
    -----
    MATLAB: 8_Data_analysis_mro/src/Cluster_mancut_new.m::neigh_matrix. Deviates: always n by n,
    where the reference leaves out atoms without neighbours at the end.
    """
    b = np.asarray(sites, dtype=np.float64)
    square = ((b[:, None] - b[None]) ** 2).sum(axis=2)
    middle, width = (1.05, 0.1) if lattice_number(lattice) == ICOSAHEDRAL else (1.0, BOND)
    return np.abs(square - middle) < width


def _vectors(lattice: str) -> NDArray[np.float64]:
    """Nearest sites of a lattice in the order of the reference, shape (coordination, 3)."""
    pairs = [(a, b) for b in (1.0, -1.0) for a in (1.0, -1.0)]
    if lattice == "sc":
        return np.array([sign * np.eye(3)[axis] for axis in range(3) for sign in (1, -1)])
    if lattice == "bcc":
        signs = ("+++", "-++", "+-+", "++-", "--+", "-+-", "+--", "---")
        return np.array([[1.0 if s == "+" else -1.0 for s in row] for row in signs]) / np.sqrt(3)
    if lattice == "fcc":
        rows = [(a, b, 0.0) for a, b in pairs] + [(a, 0.0, b) for a, b in pairs]
        return np.array(rows + [(0.0, a, b) for a, b in pairs]) / np.sqrt(2)
    if lattice == "hcp":
        side, high = np.sqrt(3) / 2, np.sqrt(2 / 3)
        third = [(0.5, side / 3), (-0.5, side / 3), (0.0, -1 / np.sqrt(3))]
        rows = [(x, y, z) for z in (high, -high) for x, y in third]
        ring = [(1.0, 0.0), (0.5, side), (-0.5, side), (-1.0, 0.0), (-0.5, -side), (0.5, -side)]
        return np.array(rows + [(x, y, 0.0) for x, y in ring])
    golden = (1 + np.sqrt(5)) / 2
    rows = [(0.0, a, b * golden) for a, b in pairs] + [(a, b * golden, 0.0) for a, b in pairs]
    return np.array(rows + [(a * golden, 0.0, b) for a, b in pairs]) / np.sqrt(1 + golden**2)


NEIGHBOURS = tuple(np.vstack([np.zeros(3), _vectors(lattice)]) for lattice in LATTICES)
# A site of bcc is nearest to points that no step to a nearest neighbour leads to: the faces of its
# cell toward the second neighbours.
WALKS = tuple(
    np.vstack([basis, 2 / np.sqrt(3) * np.vstack([np.eye(3), -np.eye(3)])])
    if lattice == "bcc"
    else basis
    for lattice, basis in zip(LATTICES, NEIGHBOURS, strict=True)
)


def _turns(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (g, 3, 3) that take the nearest sites to nearest sites, the identity first."""
    one = vectors[0]
    two = next(v for v in vectors if np.linalg.norm(np.cross(one, v)) > BOND)
    start = np.linalg.inv(np.stack([one, two, np.cross(one, two)], axis=1))
    found = [np.eye(3)]
    for a in vectors:
        for b in vectors:
            if abs(a @ b - one @ two) < BOND:
                turn = np.stack([a, b, np.cross(a, b)], axis=1) @ start
                away = np.linalg.norm((vectors @ turn.T)[:, None] - vectors, axis=2).min(axis=1)
                if away.max() < BOND and np.abs(turn - found[0]).max() > BOND:
                    found.append(turn)
    return np.array(found)


# Of hcp about a site, whose inversion or mirror images are no rotations of the lattice.
TURNS = tuple(_turns(basis[1:]) for basis in NEIGHBOURS)


@njit(cache=True, nogil=True)
def fill_rotation(q, result):  # type: ignore[no-untyped-def]
    """Rotation of a quaternion into ``result``."""
    norm = np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    w, x, y, z = q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm
    result[0, 0], result[1, 1] = 1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z)
    result[2, 2] = 1 - 2 * (x * x + y * y)
    result[0, 1], result[1, 0] = 2 * (x * y - z * w), 2 * (x * y + z * w)
    result[0, 2], result[2, 0] = 2 * (x * z + y * w), 2 * (x * z - y * w)
    result[1, 2], result[2, 1] = 2 * (y * z - x * w), 2 * (y * z + x * w)


@njit(cache=True, nogil=True)
def _site(steps, basis, hcp, site):  # type: ignore[no-untyped-def]
    """Site of a lattice with constant one at the end of a walk."""
    for axis in range(3):
        site[axis] = 0.0
        for k in range(1, len(basis)):
            site[axis] += steps[k] * basis[k, axis]
    if hcp:
        site[1] = _hcp_y(steps, basis, -1)
        for k in range(7, len(basis)):
            site[1] += steps[k] * basis[k, 1]


@njit(cache=True, nogil=True)
def _hcp_y(steps, basis, extra):  # type: ignore[no-untyped-def]
    """Part of y from steps between the layers of hcp, and one more step along row ``extra``."""
    sign, y = 1.0, 0.0
    for k in range(1, 7):
        n = steps[k] + (k == extra)
        if n % 2 == 1:
            y += sign * basis[k, 1]  # of an even number each two cancel
            sign = -sign
    return y


@njit(cache=True, nogil=True)
def nearest_site(target, basis, lattice, quirks, steps, site):  # type: ignore[no-untyped-def]
    """Walk from the origin to ever nearer neighbours, to a site nearer to ``target`` than they are.

    With ``quirks`` hcp is walked as in :func:`lattice_sites`, where a step up taken later may count
    as one taken before, so that the walk can miss neighbours and end early. ``steps`` and ``site``
    are overwritten; the step to itself that ends the walk is counted.
    """
    for k in range(len(steps)):
        steps[k] = 0
    for k in range(3):
        site[k] = 0.0
    side = 1.0  # -1 on a B site, whose neighbours in other layers are mirrored in y
    while True:
        best, chosen, best_y = np.inf, 0, 0.0
        layers = _hcp_y(steps, basis, -1) if lattice == HCP and quirks else 0.0
        for k in range(len(basis)):
            new_y = site[1] + basis[k, 1]
            if lattice == HCP and 0 < k < 7:
                if quirks:
                    new_y = site[1] - layers + _hcp_y(steps, basis, k)
                else:
                    new_y = site[1] + side * basis[k, 1]
            x, y = site[0] + basis[k, 0] - target[0], new_y - target[1]
            z = site[2] + basis[k, 2] - target[2]
            square = x * x + y * y + z * z
            if square < best:
                best, chosen, best_y = square, k, new_y
        steps[chosen] += 1
        if chosen > 0:
            site[0] += basis[chosen, 0]
            site[1] = best_y
            site[2] += basis[chosen, 2]
            if lattice == HCP and chosen < 7:
                side = -side
        # An icosahedron has no sites but its corners.
        if chosen == 0 or lattice == ICOSAHEDRAL:
            return
