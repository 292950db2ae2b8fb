"""Fraction of each spherical shell around each atom that lies inside the sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.structure.voronoi.alpha_shapes import AlphaShape
from aet_port.structure.voronoi.shape_voxels import CLOSED

DIRECTIONS = 642  # fast mode; relative error of the glass particle's volumes 1e-4
BLOCKS = 256  # number of tasks, independent of the number of threads
STRIDE = 97  # has no factor in common with BLOCKS
TINY = 1e-300


class Body(Protocol):
    """A body with a volume and a test of which points (m, 3) lie inside it."""

    @property
    def volume(self) -> float:
        """Cubic angstrom."""

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (m, 3) lie inside, shape (m,)."""


def icosahedron() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners (12, 3) on the unit sphere and faces (20, 3) of an icosahedron with a pole on z.

    MATLAB: 7_Data_analysis_sro/src/icosahedron.m::icosahedron. Deviates: faces count from 0.
    """
    radius = (np.sqrt(5.0) + 1) / 2 - 0.5
    turn = np.arange(5) * np.pi / 2.5
    rings = [
        np.stack([np.cos(a) / radius, np.sin(a) / radius, np.full(5, z / radius)], axis=1)
        for a, z in ((-np.pi / 5 + turn, 0.5), (turn, -0.5))
    ]
    corners = np.vstack([[[0.0, 0.0, 1.0]], *rings, [[0.0, 0.0, -1.0]]])
    k, after = np.arange(5), (np.arange(5) + 1) % 5
    top = np.stack([np.zeros(5, dtype=np.int64), 1 + k, 1 + after], axis=1)
    upper = np.stack([1 + k, 6 + k, 1 + after], axis=1)
    lower = np.stack([6 + k, 6 + after, 1 + after], axis=1)
    bottom = np.stack([6 + k, np.full(5, 11), 6 + after], axis=1)
    return corners, np.concatenate([top, upper, lower, bottom])


def subdivide(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int64],
    longest: float = 0.0,
    steps: int | None = None,
    adjust: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Halve the edges of a triangle mesh until none is longer than ``longest``.

    A face with a long edge is cut into four. Where its neighbour is left whole, a triangle without
    area closes the gap.

    Parameters
    ----------
    vertices, faces
        Shapes (n, 3) and (m, 3).
    steps
        Most rounds of halving; no limit if None.
    adjust
        Moves the new vertices (k, 3) of each round, for example onto a sphere.

    Raises
    ------
    InputError
        If the mesh is not one, or there is nothing to end the halving.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/shrinkfacetri.m::shrinkfacetri with mapface2edge.m. Deviates:
    faces count from 0; edge lists and statistics are not returned.
    """
    vertices, faces = np.asarray(vertices, dtype=np.float64), np.asarray(faces, dtype=np.int64)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise InputError("vertices", f"an array {vertices.shape}", "coordinates (n, 3)")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise InputError("faces", f"an array {faces.shape}", "vertex numbers (m, 3)")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError("faces", f"vertex {faces.max()}", f"0 to {len(vertices) - 1}")
    if steps is None and not longest > 0:
        raise InputError("longest", f"{longest!r}", "a length above zero, or a number of steps")
    edges = np.unique(np.sort(faces[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1), axis=0)
    done = 0
    while steps is None or done < steps:
        span = vertices[edges[:, 0]] - vertices[edges[:, 1]]
        cut = np.sqrt((span * span).sum(axis=1)) > longest
        if not cut.any():
            break
        sides = _sides(faces, edges)
        split = cut[sides].any(axis=1)
        cut[sides[split]] = True
        number = len(vertices) + np.cumsum(cut) - 1
        ends, middle = edges[cut], number[cut]
        new = (vertices[ends[:, 0]] + vertices[ends[:, 1]]) * 0.5
        vertices = np.vstack([vertices, new if adjust is None else adjust(new)])
        a, b, c = faces[split].T
        ab, bc, ac = number[sides[split]].T
        kept = np.zeros(len(edges), dtype=bool)
        kept[sides[~split]] = True
        gap = kept & cut
        faces = np.concatenate(
            [
                faces[~split],
                *(
                    np.stack(f, axis=1)
                    for f in ((ab, bc, ac), (ab, ac, a), (bc, ab, b), (ac, bc, c))
                ),
                np.column_stack([number[gap], edges[gap]]),
            ]
        )
        edges = np.concatenate(
            [
                edges[kept],
                *(np.stack(e, axis=1) for e in ((ab, bc), (ab, ac), (bc, ac))),
                np.stack([ends[:, 0], middle], axis=1),
                np.stack([middle, ends[:, 1]], axis=1),
            ]
        )
        done += 1
    return vertices, faces


def _sides(faces: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Edge numbers (m, 3) of the sides 1-2, 2-3, 1-3 of each face."""
    n = int(faces.max()) + 1
    keys = edges.min(axis=1) * n + edges.max(axis=1)
    order = np.argsort(keys)
    pairs = np.sort(faces[:, [[0, 1], [1, 2], [0, 2]]], axis=2)
    return order[np.searchsorted(keys[order], pairs[..., 0] * n + pairs[..., 1])]


def sphere_points(depth: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points (n, 3) and triangles on the unit sphere: an icosahedron, halved ``depth`` times.

    Raises
    ------
    InputError
        For a negative depth, or one above 8 (655,362 points).

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/spheretribydepth.m::spheretribydepth
    """
    if not (0 <= depth <= 8 and depth == int(depth)):
        raise InputError("depth", f"{depth!r}", "a whole number from 0 to 8")

    def onto_sphere(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points / np.sqrt((points * points).sum(axis=1))[:, None]

    return subdivide(*icosahedron(), steps=int(depth), adjust=onto_sphere)


def sphere_directions(least: int) -> NDArray[np.float64]:
    """At least ``least`` even directions, unit vectors (n, 3): 42, 162, 642, 2562, 10242, ...

    Raises
    ------
    InputError
        If ``least`` is not a whole number from 1 to 655,362.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/src/spheretri.m::spheretri (which never gives the 12 corners of the
    icosahedron alone, nor does this)
    """
    if not (1 <= least <= 655_362 and least == int(least)):
        raise InputError("directions", f"{least!r}", "a whole number from 1 to 655362")
    depth = 1
    while 10 * 4**depth + 2 < least:
        depth += 1
    return sphere_points(depth)[0]


def shell_counts(
    body: Body,
    centres: NDArray[np.float64],
    step: float,
    bins: int,
    directions: NDArray[np.float64],
    groups: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Sample points inside the body, at ``(k + 1/2) step`` from each centre in each direction.

    The fraction of shell k inside is the count over the number of centres times directions. In an
    alpha shape each ray is followed in large steps while the surface is far.

    Parameters
    ----------
    body
        An :class:`~aet_port.structure.voronoi.alpha_shapes.AlphaShape` (fast) or any other body.
    centres
        Shape (n, 3), angstrom.
    step, bins
        Width, angstrom, and number of shells.
    directions
        Shape (m, 3): unit vectors.
    groups
        Shape (n,): non-negative number of each centre's group (for example its species); all
        centres are one group unless given.

    Returns
    -------
    Shape (bins, number of groups).

    Raises
    ------
    InputError
        For unusable centres, step, bins, directions or groups.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m and film paper's Main_1
    and Main_2 (the loop over shells with ``inShape``). Deviates: counts, not volumes.
    """
    centres = np.ascontiguousarray(centres, dtype=np.float64)
    directions = np.ascontiguousarray(directions, dtype=np.float64)
    for name, array in (("centres", centres), ("directions", directions)):
        if array.ndim != 2 or array.shape[1] != 3 or not len(array) or not np.isfinite(array).all():
            raise InputError(name, f"an array {array.shape}", "finite coordinates (n, 3)")
    if np.abs((directions**2).sum(axis=1) - 1).max() > 1e-6:
        raise InputError("directions", "vectors of other lengths", "unit vectors")
    if not (np.isfinite(step) and step > 0):
        raise InputError("step", f"{step!r}", "a length above zero, in angstrom")
    if bins < 1:
        raise InputError("bins", f"{bins!r}", "at least 1")
    group = np.zeros(len(centres), dtype=np.int64) if groups is None else np.asarray(groups)
    if group.shape != (len(centres),) or group.dtype.kind not in "iu" or group.min() < 0:
        raise InputError(
            "groups", f"an array {group.shape} of {group.dtype}", f"{len(centres)} whole numbers"
        )
    n_groups = int(group.max()) + 1
    radii = (np.arange(bins) * step + step / 2).astype(np.float64)
    if not isinstance(body, AlphaShape):
        return _sampled(body, centres, radii, directions, group, n_groups)
    grid = body.grid
    # Neighbouring rays, one after the other, meet the same voxels.
    near, close = _along_a_path(centres, 5.0), _along_a_path(directions, 0.1)
    counts = _count_inside(
        centres[near],
        group[near].astype(np.int64),
        n_groups,
        directions[close],
        radii,
        step,
        grid.origin,
        grid.size,
        grid.code,
        grid.row,
        grid.start,
        grid.members,
        grid.planes,
        BLOCKS,
    )
    return np.ascontiguousarray(counts.T)


def _along_a_path(points: NDArray[np.float64], size: float) -> NDArray[np.int64]:
    """Order of points (n, 3) by cubic cells, each adjacent to the previous one."""
    x, y, z = ((points - points.min(axis=0)) // size).astype(np.int64).T
    y = np.where(x % 2, -y, y)
    z = np.where((x + y) % 2, -z, z)
    return np.lexsort((z, y, x))


def _sampled(
    body: Body,
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    directions: NDArray[np.float64],
    group: NDArray[np.int64],
    n_groups: int,
) -> NDArray[np.int64]:
    counts = np.zeros((len(radii), n_groups), dtype=np.int64)
    for centre, g in zip(centres, group, strict=True):
        for k, radius in enumerate(radii):
            counts[k, g] += int(np.count_nonzero(body.contains(directions * radius + centre)))
    return counts


@njit(cache=True, inline="always")
def _along(planes, t, x, y, z, ux, uy, uz):  # type: ignore[no-untyped-def]
    """Whether a point is in a tetrahedron, and how far along the ray it certainly stays inside."""
    ahead = np.inf
    for f in range(4):
        a, b, c = planes[t, f, 0], planes[t, f, 1], planes[t, f, 2]
        height = a * x + b * y + c * z + planes[t, f, 3]
        slope = a * ux + b * uy + c * uz
        if height < -CLOSED:
            return False, (height + CLOSED) / -slope if slope > 0 else np.inf
        if slope < 0:
            ahead = min(ahead, max(height, 0.0) / -slope)
    return True, ahead


@njit(cache=True, parallel=True)
def _count_inside(  # type: ignore[no-untyped-def]
    centres,
    group,
    n_groups,
    directions,
    radii,
    step,
    origin,
    size,
    code,
    row,
    start,
    members,
    planes,
    blocks,
):
    bins = len(radii)
    counts = np.zeros((blocks, n_groups, bins), dtype=np.int64)
    nx, ny, nz = code.shape
    per_edge = 1 / size
    for block in prange(blocks):
        # Changes of the number of rays inside, from one shell to the next.
        change = np.zeros((n_groups, bins + 1), dtype=np.int64)
        # Blocks of one thread follow each other; a stride gives each thread some of every region.
        part = block * STRIDE % blocks
        for i in range(part * len(centres) // blocks, (part + 1) * len(centres) // blocks):
            cx, cy, cz = centres[i, 0], centres[i, 1], centres[i, 2]
            sx, sy, sz = cx - origin[0], cy - origin[1], cz - origin[2]
            # A ray that starts in the box never comes back to it.
            starts_within = (
                min(sx, sy, sz) >= 0
                and sx * per_edge < nx
                and sy * per_edge < ny
                and sz * per_edge < nz
            )
            for d in range(len(directions)):
                ux, uy, uz = directions[d, 0], directions[d, 1], directions[d, 2]
                # Shells that a ray passes in a voxel edge along each axis; TINY keeps it finite,
                # for a ray along a face of voxels is at a distance of zero from it.
                px = size / max(abs(ux) * step, TINY)
                py = size / max(abs(uy) * step, TINY)
                pz = size / max(abs(uz) * step, TINY)
                k = 0
                while k < bins:
                    x, y, z = ux * radii[k] + cx, uy * radii[k] + cy, uz * radii[k] + cz
                    fx = (x - origin[0]) * per_edge
                    fy = (y - origin[1]) * per_edge
                    fz = (z - origin[2]) * per_edge
                    if min(fx, fy, fz) < 0 or fx >= nx or fy >= ny or fz >= nz:
                        if starts_within:
                            break
                        k += 1
                        continue
                    ix, iy, iz = int(fx), int(fy), int(fz)
                    free = int(code[ix, iy, iz])
                    # To where the ray leaves the cube of voxels that are all like this one.
                    more = max(abs(free) - 1, 0)
                    leap = min(
                        (ix + 1 + more - fx if ux > 0 else fx - ix + more) * px,
                        (iy + 1 + more - fy if uy > 0 else fy - iy + more) * py,
                        (iz + 1 + more - fz if uz > 0 else fz - iz + more) * pz,
                    )
                    within = free > 0
                    if free == 0:
                        cell = row[ix, iy, iz]
                        for m in range(start[cell], start[cell + 1]):
                            found, ahead = _along(planes, members[m], x, y, z, ux, uy, uz)
                            if found:
                                # Convex: everything up to where the ray leaves it is inside.
                                within, leap = True, ahead / step
                                break
                            leap = min(leap, ahead / step)
                    # Steps end slightly early, so that rounding can't cross the surface.
                    after = k + 1 + int(min(leap * (1 - 1e-9), float(bins)))
                    if within:
                        change[group[i], k] += 1
                        change[group[i], min(after, bins)] -= 1
                    k = after
        for g in range(n_groups):
            total = 0
            for k in range(bins):
                total += change[g, k]
                counts[block, g, k] = total
    return counts.sum(axis=0)
