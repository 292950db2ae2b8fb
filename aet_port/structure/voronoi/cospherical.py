"""Groups of atoms on one sphere, whose division into Delaunay tetrahedra is arbitrary."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

TIE = 1e-6  # distance of a fifth atom from the sphere through four, in radii, that is rounding
FLAT = 1e-4  # volume over longest edge cubed of four atoms in a plane
WIDEST = 100.0  # radius of a sphere, in edges of its tetrahedron, from which on it is a plane
SAME = 0.02  # distance of the centres of two tetrahedra on one sphere, in radii: TIE / FLAT, twice


def cospherical_groups(
    points: NDArray[np.float64], simplices: NDArray[np.int32], neighbours: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Which tetrahedra of a Delaunay triangulation divide one polyhedron with cospherical corners.

    Five points lie on one sphere if the determinant of the rows ``(x, y, z, x^2 + y^2 + z^2, 1)``
    is zero. Divided by the (sixfold) volume of four of them it is the power of the fifth with
    respect to their sphere; the largest of the five volumes is taken, so that flat tetrahedra,
    which have no sphere of their own, are recognised too. Points less than 1e-6 of the radius off
    the sphere lie on it: coordinates are written with about so many digits.

    Parameters
    ----------
    points
        Shape (n, 3), angstrom.
    simplices, neighbours
        Shape (m, 4): corners of each tetrahedron, and the tetrahedra opposite them (-1 for none),
        as SciPy gives them.

    Returns
    -------
    Shape (m,): number of the polyhedron, the same for all of its tetrahedra; -1 for a tetrahedron
    with no further point on its sphere, -2 for a flat one with such a point.

    Notes
    -----
    MATLAB: none; the reference takes the division that its Qhull makes
    """
    tied, centre, radius = _ties(points, simplices, neighbours)
    label = np.full(len(simplices), -1)
    label[tied & (radius == np.inf)] = -2
    members = np.flatnonzero(tied & (radius < np.inf))
    if len(members) == 0:
        return label
    reach = SAME * radius[members].min()
    pairs = cKDTree(centre[members]).query_pairs(reach, output_type="ndarray")
    n = len(members)
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(n, n))
    component = connected_components(graph, directed=False)[1]
    # One tetrahedron beside flat ones only is all of its polyhedron.
    alone = np.bincount(component)[component] == 1
    label[members] = np.where(alone, -1, component)
    return label


def undecided_distortions(
    points: NDArray[np.float64],
    atom: NDArray[np.int64],
    n_atoms: int,
    simplices: NDArray[np.int32],
    group: NDArray[np.int64],
    *,
    cutoff: float,
    delta: float,
    alpha: float,
) -> NDArray[np.float64]:
    """Polyhedra of which some division has an acceptable tetrahedron.

    Only these matter: in a perfect fcc crystal the octahedra can be divided in three ways, but each
    tetrahedron in them has an edge beyond the first shell.

    Parameters
    ----------
    points
        Shape (n, 3): atoms and periodic images, angstrom.
    atom
        Shape (n,): which atom each point is.
    n_atoms
        Number of atoms; images follow them.
    simplices, group
        Tetrahedra (m, 4), and the result of :func:`cospherical_groups`.
    cutoff, delta, alpha
        Largest edge, distortion and circumradius of an accepted tetrahedron.

    Returns
    -------
    Shape (k,): for each such polyhedron (a periodic one once) the least distortion of a tetrahedron
    that has four of its corners and is acceptable, ascending.

    Notes
    -----
    MATLAB: none
    """
    tied = np.flatnonzero(group >= 0)
    if len(tied) == 0:
        return np.empty(0)
    rows = np.stack([np.repeat(group[tied], 4), simplices[tied].ravel()], axis=1)
    rows = np.unique(rows, axis=0)
    start = np.append(np.flatnonzero(np.diff(rows[:, 0], prepend=-1)), len(rows))
    corner = rows[:, 1].astype(np.int64)
    # A periodic polyhedron is counted where its lowest-numbered atom is not an image.
    home = np.array(
        [
            part[np.argmin(atom[part])] < n_atoms
            for part in (corner[a:b] for a, b in pairwise(start))
        ]
    )
    least = _least_distortions(points, corner, start, home, cutoff, delta, alpha)
    return np.sort(least[np.isfinite(least)])


@njit(cache=True)
def _sixfold(p, q, r, s):  # type: ignore[no-untyped-def]
    """Six times the signed volume of a tetrahedron."""
    ax, ay, az = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    bx, by, bz = r[0] - p[0], r[1] - p[1], r[2] - p[2]
    cx, cy, cz = s[0] - p[0], s[1] - p[1], s[2] - p[2]
    return ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)


@njit(cache=True)
def _centre(p, q, r, s):  # type: ignore[no-untyped-def]
    """Centre of the circumsphere of a tetrahedron that is not flat, from its first corner."""
    a, b, c = q - p, r - p, s - p
    bc, ca, ab = np.cross(b, c), np.cross(c, a), np.cross(a, b)
    return ((a @ a) * bc + (b @ b) * ca + (c @ c) * ab) / (2 * (a @ bc))


@njit(cache=True)
def _length(a):  # type: ignore[no-untyped-def]
    return np.sqrt(a @ a)


@njit(cache=True)
def _on_one_sphere(points, simplices, t, u, five, square):  # type: ignore[no-untyped-def]
    """Whether the corners of two tetrahedra, which are neighbours lie on one."""
    last = -1
    for c in range(4):
        v = simplices[u, c]
        if (
            v != simplices[t, 0]
            and v != simplices[t, 1]
            and v != simplices[t, 2]
            and v != simplices[t, 3]
        ):
            last = v
    if last < 0:
        return False
    origin = simplices[t, 0]
    longest = 0.0
    for c in range(5):
        v = simplices[t, c] if c < 4 else last
        square[c] = 0.0
        for d in range(3):
            five[c, d] = points[v, d] - points[origin, d]
            square[c] += five[c, d] ** 2
        longest = max(longest, square[c])
    longest = np.sqrt(longest)
    # The determinant along its column of squares: each times the volume of the others.
    determinant, largest, which = 0.0, 0.0, 0
    for c in range(5):
        a, b, d, e = (c + 1) % 5, (c + 2) % 5, (c + 3) % 5, (c + 4) % 5
        volume = _sixfold(five[a], five[b], five[d], five[e])
        determinant += square[c] * volume
        if abs(volume) > largest:
            largest, which = abs(volume), c
    if largest <= FLAT * longest**3:
        return False  # all five in a plane, where no sphere is defined
    if abs(determinant) > TIE * largest * 2 * (WIDEST * longest) ** 2:
        return False  # without the radius, which takes as long as the rest
    c = which
    size = _length(
        _centre(five[(c + 1) % 5], five[(c + 2) % 5], five[(c + 3) % 5], five[(c + 4) % 5])
    )
    # The power of a point at a small distance h from the sphere is 2 R h.
    return abs(determinant) <= TIE * largest * 2 * size * size


@njit(cache=True, parallel=True)
def _ties(points, simplices, neighbours):  # type: ignore[no-untyped-def]
    """Whether a neighbour has the same sphere; centre and radius, infinite if flat."""
    n = len(simplices)
    tied = np.zeros(n, dtype=np.bool_)
    centre, radius = np.zeros((n, 3)), np.full(n, np.inf)
    blocks = 256
    for block in prange(blocks):
        five, square = np.empty((5, 3)), np.empty(5)
        for t in range(block * n // blocks, (block + 1) * n // blocks):
            for k in range(4):
                u = neighbours[t, k]
                if u > t and _on_one_sphere(points, simplices, t, u, five, square):
                    tied[t], tied[u] = True, True
    for t in range(n):
        if tied[t]:
            p, q = points[simplices[t, 0]], points[simplices[t, 1]]
            r, s = points[simplices[t, 2]], points[simplices[t, 3]]
            edge = max(_length(q - p), _length(r - p), _length(s - p))
            if abs(_sixfold(p, q, r, s)) > 6 * FLAT * edge**3:
                offset = _centre(p, q, r, s)
                centre[t], radius[t] = p + offset, _length(offset)
    return tied, centre, radius


@njit(cache=True)
def _least_distortions(points, corner, start, home, cutoff, delta, alpha):  # type: ignore[no-untyped-def]
    """Least distortion of an acceptable tetrahedron in each polyhedron; infinite without one."""
    least = np.full(len(start) - 1, np.inf)
    edges = np.empty(6)
    for g in range(len(start) - 1):
        if not home[g]:
            continue
        part = corner[start[g] : start[g + 1]]
        n = len(part)
        for i in range(n):
            for j in range(i + 1, n):
                edges[0] = np.sqrt(((points[part[i]] - points[part[j]]) ** 2).sum())
                if edges[0] > cutoff:
                    continue
                for k in range(j + 1, n):
                    edges[1] = np.sqrt(((points[part[i]] - points[part[k]]) ** 2).sum())
                    edges[2] = np.sqrt(((points[part[j]] - points[part[k]]) ** 2).sum())
                    if max(edges[1], edges[2]) > cutoff:
                        continue
                    for m in range(k + 1, n):
                        p, q = points[part[i]], points[part[j]]
                        r, s = points[part[k]], points[part[m]]
                        edges[3] = np.sqrt(((p - s) ** 2).sum())
                        edges[4] = np.sqrt(((q - s) ** 2).sum())
                        edges[5] = np.sqrt(((r - s) ** 2).sum())
                        longest = edges.max()
                        worst = longest / edges.mean() - 1
                        if longest > cutoff or worst > delta or worst >= least[g]:
                            continue
                        if abs(_sixfold(p, q, r, s)) <= 6 * FLAT * longest**3:
                            continue
                        if _length(_centre(p, q, r, s)) <= alpha:
                            least[g] = worst
    return least
