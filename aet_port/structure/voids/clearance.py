"""Free distance around points, and spheres between atoms of unlike radii."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.structure.cubes import cell_list

MOST_CHANGES = 30  # of the four atoms of a sphere
ALONG = 1e-5  # sine of an angle that is rounding
TOUCHING = 1e-7  # angstrom: overlap of a sphere and an atom that is rounding


class Surroundings:
    """Atoms, with radii, sorted for questions about the nearest ones.

    Parameters
    ----------
    points
        Shape (n, 3): atoms and periodic images, angstrom.
    radii
        Shape (n,): their radii, angstrom.
    counted
        Shape (n,): the points that may be nearest to something; others are passed over.
    reach
        About the distance of the nearest atom from the places that are asked for, angstrom.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        radii: NDArray[np.float64],
        counted: NDArray[np.bool_],
        reach: float,
    ) -> None:
        self._points, self._radii, self._counted = points, radii, np.flatnonzero(counted)
        cells = cell_list(points[self._counted], reach, np.inf)  # searched around any place
        order = self._counted[cells.order]
        widest = float(radii[order].max(initial=0.0))
        self._cells = (
            *(points[order], radii[order], order, widest),
            *(cells.origin, cells.size, cells.shape, cells.start),
        )

    def clearance(
        self, places: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Least distance of places (k, 3) from the surface of an atom, shape (k,), and which it is.

        Negative inside an atom.
        """
        free, which = np.full(len(places), np.inf), np.full(len(places), -1)
        for size in np.unique(self._radii[self._counted]):
            of_size = self._counted[self._radii[self._counted] == size]
            gap, near = cKDTree(self._points[of_size]).query(places)
            nearer = gap - size < free
            free[nearer], which[nearer] = (gap - size)[nearer], of_size[near[nearer]]
        return free, which

    def tangent_spheres(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Largest spheres between the atoms, found from tetrahedra of them.

        A sphere that touches four atoms is made, and as long as another atom overlaps it, that one
        takes the place of one of the four.

        Parameters
        ----------
        rows
            Shape (m, 4): four points around each place.

        Returns
        -------
        Centres (m, 3) and radii (m,); NaN where the search found none with its centre between the
        four atoms.
        """
        return _tangent_spheres(rows, self._points, self._radii, self._cells)


@njit(cache=True)
def held(centres, points, start):  # type: ignore[no-untyped-def]
    """Which spheres can't grow by being moved: they touch atoms on all sides.

    Parameters
    ----------
    centres
        Shape (m, 3).
    points, start
        The atoms that sphere k touches lie at ``points[start[k]:start[k + 1]]``.

    Returns
    -------
    Shape (m,). A plane through the centre of such a sphere has touched atoms on both sides; it is
    enough to look at planes through two of them.
    """
    result = np.zeros(len(centres), dtype=np.bool_)
    for k in range(len(centres)):
        n = start[k + 1] - start[k]
        ways = np.empty((n, 3))
        for i in range(n):
            square = 0.0
            for x in range(3):
                ways[i, x] = points[start[k] + i, x] - centres[k, x]
                square += ways[i, x] ** 2
            ways[i] /= np.sqrt(square)
        result[k] = n > 3
        for i in range(n):
            for j in range(i):
                nx = ways[i, 1] * ways[j, 2] - ways[i, 2] * ways[j, 1]
                ny = ways[i, 2] * ways[j, 0] - ways[i, 0] * ways[j, 2]
                nz = ways[i, 0] * ways[j, 1] - ways[i, 1] * ways[j, 0]
                if abs(nx) + abs(ny) + abs(nz) < ALONG:
                    continue  # no plane is told by two atoms opposite each other
                low, high = 0.0, 0.0
                for m in range(n):
                    side = nx * ways[m, 0] + ny * ways[m, 1] + nz * ways[m, 2]
                    low, high = min(low, side), max(high, side)
                if low > -ALONG or high < ALONG:
                    result[k] = False
    return result


@njit(cache=True)
def _nearest(place, cells):  # type: ignore[no-untyped-def]
    """Least distance from a surface, and the point it belongs to: by shells of cells."""
    points, radii, row, widest, origin, size, shape, start = cells
    cx = int((place[0] - origin[0]) // size)
    cy = int((place[1] - origin[1]) // size)
    cz = int((place[2] - origin[2]) // size)
    least, which = np.inf, -1
    shell = 0
    farthest = max(
        max(abs(cx), abs(cx - shape[0])),
        max(abs(cy), abs(cy - shape[1])),
        max(abs(cz), abs(cz - shape[2])),
    )
    # Points in farther shells are at least as many cells away, but for the place within its own.
    while shell <= farthest and (which < 0 or (shell - 1) * size - widest <= least):
        for ax in range(max(cx - shell, 0), min(cx + shell + 1, shape[0])):
            for ay in range(max(cy - shell, 0), min(cy + shell + 1, shape[1])):
                rim = abs(ax - cx) == shell or abs(ay - cy) == shell
                for az in range(max(cz - shell, 0), min(cz + shell + 1, shape[2])):
                    if not rim and abs(az - cz) != shell:
                        continue
                    cell = (ax * shape[1] + ay) * shape[2] + az
                    for k in range(start[cell], start[cell + 1]):
                        dx, dy = points[k, 0] - place[0], points[k, 1] - place[1]
                        dz = points[k, 2] - place[2]
                        free = np.sqrt(dx * dx + dy * dy + dz * dz) - radii[k]
                        if free < least or (free == least and row[k] < which):
                            least, which = free, row[k]
        shell += 1
    return least, which


@njit(cache=True)
def _tangent(four, points, radii, centre):  # type: ignore[no-untyped-def]
    """Radius of the sphere that touches four atoms from outside, NaN without; writes its centre."""
    first_atom = four[0]
    size = radii[first_atom]
    legs, slope, sums = np.empty((3, 3)), np.empty(3), np.empty(3)
    longest, least = 0.0, -size
    for k in range(3):
        square = 0.0
        for x in range(3):
            legs[k, x] = points[four[k + 1], x] - points[first_atom, x]
            square += legs[k, x] ** 2
        other = radii[four[k + 1]]
        slope[k] = other - size
        sums[k] = (square - other * other + size * size) / 2
        longest, least = max(longest, square), max(least, -other)
    # The centre is first - r second, with the first atom as origin, by Cramer's rule.
    first, second = np.zeros(3), np.zeros(3)
    six = 0.0
    for k in range(3):
        p, q = (k + 1) % 3, (k + 2) % 3
        for x in range(3):
            y, z = (x + 1) % 3, (x + 2) % 3
            across = legs[p, y] * legs[q, z] - legs[p, z] * legs[q, y]
            first[x] += sums[k] * across
            second[x] += slope[k] * across
            if k == 0:
                six += legs[0, x] * across
    if abs(six) <= 1e-6 * longest**1.5:
        return np.nan
    square, half, constant = -1.0, -size, -size * size
    for x in range(3):
        first[x] /= six
        second[x] /= six
        square += second[x] ** 2
        half -= first[x] * second[x]
        constant += first[x] ** 2
    best = np.nan
    if abs(square) < 1e-12:
        if half != 0:
            best = -constant / (2 * half)
    else:
        under = half * half - square * constant
        if under < 0:
            return np.nan
        for sign in (-1.0, 1.0):
            r = (-half + sign * np.sqrt(under)) / square
            if r > least and not r >= best:
                best = r
    if not best > least:
        return np.nan
    for x in range(3):
        centre[x] = points[first_atom, x] + first[x] - best * second[x]
    return best


@njit(cache=True)
def _surrounded(four, points, centre):  # type: ignore[no-untyped-def]
    """Whether a place lies in the tetrahedron of four points or on its surface."""
    for f in range(4):
        a, b, c = four[(f + 1) % 4], four[(f + 2) % 4], four[(f + 3) % 4]
        depth, side, square = 0.0, 0.0, 0.0
        for x in range(3):
            y, z = (x + 1) % 3, (x + 2) % 3
            normal = (points[b, y] - points[a, y]) * (points[c, z] - points[a, z]) - (
                points[b, z] - points[a, z]
            ) * (points[c, y] - points[a, y])
            depth += normal * (centre[x] - points[a, x])
            side += normal * (points[four[f], x] - points[a, x])
            square += normal * normal
        if (depth if side > 0 else -depth) < -1e-6 * np.sqrt(square):
            return False
    return True


@njit(cache=True, parallel=True)
def _tangent_spheres(rows, points, radii, cells):  # type: ignore[no-untyped-def]
    m = len(rows)
    centres, found = np.zeros((m, 3)), np.full(m, np.nan)
    for t in prange(m):
        four = rows[t].copy()
        centre, trial, best = np.zeros(3), np.zeros(3), np.zeros(3)
        r = _tangent(four, points, radii, centre)
        for _ in range(MOST_CHANGES):
            if np.isnan(r):
                break
            free, which = _nearest(centre, cells)
            if free >= r - TOUCHING:
                if _surrounded(four, points, centre):
                    centres[t], found[t] = centre, free
                break
            # Of the four spheres that touch the overlapping atom the one with most space around.
            most, leaving = -np.inf, -1
            next_r = np.nan
            for k in range(4):
                kept = four[k]
                four[k] = which
                other = _tangent(four, points, radii, trial)
                if not np.isnan(other):
                    space, _ = _nearest(trial, cells)
                    if space > most:
                        most, leaving, next_r = space, k, other
                        best[:] = trial
                four[k] = kept
            if leaving < 0:
                break
            four[leaving] = which
            r = next_r
            centre[:] = best
    return centres, found
