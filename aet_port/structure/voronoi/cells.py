"""Voronoi cells of a particle or a periodic box, cut out of space plane by plane.

Neighbours cut in order of distance, until the next one is more than twice as far as the farthest
vertex of what is left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import cell_list, periodic_images
from aet_port.structure.voronoi.convex_cell import (
    BROKEN,
    FULL,
    TIE,
    begin,
    cut,
    farthest,
    measure,
    new_cell,
)
from aet_port.structure.voronoi.quirks import quirk_areas, rank_table

_ROOM = 64  # planes of one cell; cells that need more are cut again with more
_FEW = 64  # number of values up to which insertion sort is fastest
_CHUNK = 64  # atoms of one task
_BLOCK = 12.0  # angstrom: size of the groups used to find far neighbours of surface atoms
_CLOSED, _OPEN, _TOO_NEAR = range(3)  # how the work on one cell ended; also FULL and BROKEN


class Faces(NamedTuple):
    """Faces of all cells, those of atom i in the rows ``start[i]`` to ``start[i + 1]``.

    Attributes
    ----------
    start
        Shape (n + 1,).
    neighbour
        Shape (m,): the atom on the other side; within a cell nearest first.
    vectors
        Shape (m, 3): to (the right image of) the neighbour, angstrom.
    area
        Shape (m,), square angstrom.
    edges
        Shape (m,): number of edges.
    volume
        Shape (n,), cubic angstrom: of the cell before any neighbour was left out; NaN if unbounded.
    bounded, closed
        Shape (n,): whether the cell has an end, before and after neighbours were left out. A cell
        that is not closed has no faces here.
    """

    start: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    vectors: NDArray[np.float64]
    area: NDArray[np.float64]
    edges: NDArray[np.int64]
    volume: NDArray[np.float64]
    bounded: NDArray[np.bool_]
    closed: NDArray[np.bool_]


class Regulation(NamedTuple):
    """Rules for neighbours that a second tessellation leaves out.

    Neighbours behind faces below ``area_fraction`` of the cell's surface and those at
    ``bond_length`` angstrom or beyond. If ``order`` (n, 4) holds the Delaunay tetrahedra in the
    order in which MATLAB lists Voronoi vertices, five-edged faces get the reference's areas.
    """

    area_fraction: float = 0.0
    bond_length: float = np.inf
    order: NDArray[np.int64] = np.empty((0, 4), dtype=np.int64)


def cut_cells(atoms: ase.Atoms, regulation: Regulation) -> Faces:
    """Faces of the Voronoi cells of all atoms.

    Vertices closer than 1e-6 angstrom count as one, and faces that keep fewer than three edges are
    no faces: in a perfect lattice, where more than four atoms lie on a sphere, the zero-size faces
    between opposite atoms don't count. A vertex 1e8 angstrom away is at infinity.

    Raises
    ------
    InputError
        If rounding decides about the shape of a cell.
    """
    table = rank_table(np.sort(regulation.order, axis=1))
    rules = (regulation.area_fraction, regulation.bond_length)
    period = float(np.linalg.norm(reduced_cell(atoms)[atoms.pbc], axis=1).sum())
    reach = _first_reach(atoms)
    # In a periodic box every cell has an end; elsewhere the second reach is the last.
    last = 4 * (period + reach) if atoms.pbc.all() else 2 * reach
    which, pieces = np.arange(len(atoms)), []
    while True:
        images = periodic_images(atoms, reach)
        points, owner = images.positions, images.atom
        cells = cell_list(points, reach / 2)
        grid = (cells.origin, cells.size, cells.shape, cells.order, cells.start, reach)
        done, which = _pass(which, points, owner, grid, _NO_BLOCKS, table, rules)
        pieces += done
        if len(which) == 0 or reach >= last:
            break
        reach *= 2
    if len(which) and atoms.pbc.all():
        raise _undecided(which)
    if len(which):
        # What is left lies at the surface. The neighbours are near or lie at the surface too: an
        # atom whose cell is complete has all of its neighbours near.
        far = periodic_images(atoms[which], period)
        extra = len(far.positions) - len(which)
        rows = np.concatenate([which, len(points) + np.arange(extra)])
        # Wrapping gives the same positions in both sets of images.
        points = np.concatenate([points, far.positions[len(which) :]])
        owner = np.concatenate([owner, which[far.atom[len(which) :]]])
        done, _ = _pass(which, points, owner, grid, _blocks(points[rows], rows), table, rules)
        pieces += done
    return _assemble(len(atoms), pieces)


def _undecided(which: NDArray[np.int64]) -> InputError:
    return InputError(
        "atoms: positions",
        f"a Voronoi cell of atom {int(which[0])} whose shape rounding decides",
        "atoms off a nearly perfect lattice, or exactly on one",
    )


def _first_reach(atoms: ase.Atoms) -> float:
    """A distance within which most atoms have about 40 neighbours, enough for their cells."""
    n = len(atoms)
    if atoms.pbc.all():
        return float(np.cbrt(abs(atoms.cell.volume) / n * 45 * 3 / (4 * np.pi)))
    sample = atoms.positions[:: max(n // 300, 1)]
    distances, _ = cKDTree(atoms.positions).query(sample, k=min(n, 41))
    return float(np.quantile(distances[:, -1], 0.25))


def _pass(
    which: NDArray[np.int64],
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    grid: tuple[Any, ...],
    blocks: tuple[NDArray, ...],
    table: tuple[NDArray[np.int64], NDArray[np.int64]],
    rules: tuple[float, float],
) -> tuple[list[tuple[NDArray, ...]], NDArray[np.int64]]:
    """Cells of the atoms ``which``; gives what is done and the atoms that need a larger reach."""
    done: list[tuple[NDArray, ...]] = []
    later, room = [np.empty(0, dtype=np.int64)], _ROOM
    while len(which):
        n = len(which)
        status, count, bounded = np.empty(n, np.int8), np.zeros(n, np.int64), np.zeros(n, bool)
        wide = room // 2  # planes lose their face to later ones; a cell with more faces is FULL
        row, area = np.empty((n, wide), np.int64), np.empty((n, wide))
        edges, volume = np.empty((n, wide), np.int16), np.full(n, np.nan)
        out = (status, count, row, area, edges, volume, bounded)
        _cells(which, points, owner, grid, blocks, table, rules, room, out)
        if (status == BROKEN).any():
            raise _undecided(which[status == BROKEN])
        finished = (status == _CLOSED) | (status == _OPEN)
        used = np.flatnonzero(np.arange(wide) < count[:, None])
        to = row.ravel()[used]
        done.append(
            (
                which[finished],
                count[finished],
                owner[to],
                points[to] - points[np.repeat(which, count)],
                area.ravel()[used],
                edges.ravel()[used].astype(np.int64),
                volume[finished],
                bounded[finished],
                (status == _CLOSED)[finished],
            )
        )
        later.append(which[status == _TOO_NEAR])
        which = which[status == FULL]
        room *= 4
    return done, np.concatenate(later)


def _assemble(n: int, pieces: list[tuple[NDArray, ...]]) -> Faces:
    """All pieces of work in the order of the atoms."""
    parts = [np.concatenate(part) for part in zip(*pieces, strict=True)]
    atom, count = parts[:2]
    of_face, order = np.argsort(np.repeat(atom, count), kind="stable"), np.argsort(atom)
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(count[order], out=start[1:])
    return Faces(start, *(p[of_face] for p in parts[2:6]), *(p[order] for p in parts[6:]))


_NO_BLOCKS = (np.empty((0, 4)), np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64))


def _blocks(points: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[NDArray, ...]:
    """Groups of near points: their centres and radii (b, 4), where each starts, and the rows."""
    cells = cell_list(points, _BLOCK)
    count = np.diff(cells.start)
    start = cells.start[:-1][count > 0]
    sorted_points = points[cells.order]
    low = np.minimum.reduceat(sorted_points, start)
    high = np.maximum.reduceat(sorted_points, start)
    ball = np.column_stack([(low + high) / 2, np.linalg.norm(high - low, axis=1) / 2])
    return ball, np.append(start, len(rows)), rows[cells.order]


@njit(cache=True, parallel=True)
def _cells(which, points, owner, grid, blocks, table, rules, room, out):  # type: ignore[no-untyped-def]
    """Cut the cells of ``which``, a chunk at a time."""
    for chunk in prange((len(which) + _CHUNK - 1) // _CHUNK):
        first, last = chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(which))
        _chunk(first, last, which, points, owner, grid, blocks, table, rules, room, out)


@njit(cache=True)
def _chunk(first, last, which, points, owner, grid, blocks, table, rules, room, out):  # type: ignore[no-untyped-def]
    status, count, out_row, out_area, out_edges, volume, bounded = out
    rows, slots = table
    cell = new_cell(room)
    kept = np.empty(room, dtype=np.int64)
    near, squares = np.empty(256, dtype=np.int64), np.empty(256)
    for m in range(first, last):
        i = which[m]
        found = _gather(i, points, grid, near, squares)
        if found < 0:
            near, squares = np.empty(-found, dtype=np.int64), np.empty(-found)
            found = _gather(i, points, grid, near, squares)
        tie, code = TIE, BROKEN
        for _ in range(4):
            code = _complete(cell, i, points, near, squares, found, grid[5], blocks, tie)
            if code != BROKEN:
                break
            tie *= 30
        status[m] = code
        if code != _CLOSED:
            continue
        size = measure(cell)
        if size < 0:
            status[m] = _OPEN
            continue
        volume[m], bounded[m] = size, True
        if len(rows):
            quirk_areas(cell, owner[i], owner, rows, slots)
        status[m] = _regulate(cell, i, points, rules, kept, tie)
        if status[m] == _CLOSED:
            for f in range(4, cell.size[0]):
                if cell.edges[f] >= 3:
                    k = count[m]
                    if k == out_row.shape[1]:
                        status[m], count[m] = FULL, 0
                        break
                    out_row[m, k], out_area[m, k] = cell.row[f], cell.area[f]
                    out_edges[m, k] = cell.edges[f]
                    count[m] += 1


@njit(cache=True)
def _gather(i, points, grid, near, squares):  # type: ignore[no-untyped-def]
    """Rows within reach of point i, nearest first; their number, or minus it if they don't fit."""
    origin, size, shape, order, start, reach = grid
    x, y, z = points[i]
    cx, cy, cz = (
        int((x - origin[0]) // size),
        int((y - origin[1]) // size),
        int((z - origin[2]) // size),
    )
    steps = int(np.ceil(reach / size))
    low, high = max(cz - steps, 0), min(cz + steps + 1, shape[2])
    found = 0
    for ax in range(max(cx - steps, 0), min(cx + steps + 1, shape[0])):
        for ay in range(max(cy - steps, 0), min(cy + steps + 1, shape[1])):
            # Cells along z follow each other.
            row = (ax * shape[1] + ay) * shape[2]
            for k in range(start[row + low], start[row + high]):
                j = order[k]
                dx, dy, dz = points[j, 0] - x, points[j, 1] - y, points[j, 2] - z
                squared = dx * dx + dy * dy + dz * dz
                if squared <= reach * reach and j != i:
                    if found < len(near):
                        near[found], squares[found] = j, squared
                    found += 1
    if found > len(near):
        return -found
    if found > _FEW:
        sort = np.argsort(squares[:found])
        near[:found] = near[:found][sort]
        squares[:found] = squares[:found][sort]
        return found
    for k in range(1, found):
        j, squared, m = near[k], squares[k], k
        while m > 0 and squares[m - 1] > squared:
            near[m], squares[m] = near[m - 1], squares[m - 1]
            m -= 1
        near[m], squares[m] = j, squared
    return found


@njit(cache=True)
def _complete(cell, i, points, near, squares, found, reach, blocks, tie):  # type: ignore[no-untyped-def]
    """Cut the cell of point i; whether that is all of it, or what is in the way."""
    x, y, z = points[i]
    begin(cell)
    limit = farthest(cell)
    for k in range(found):
        if squares[k] > 4 * limit * limit:
            return _CLOSED
        j = near[k]
        done = cut(cell, points[j, 0] - x, points[j, 1] - y, points[j, 2] - z, j, tie)
        if done < 0:
            return -done
        if done:
            limit = farthest(cell)
    if reach > 2 * limit:
        return _CLOSED
    ball, start, member = blocks
    if len(ball) == 0:
        return _TOO_NEAR
    vertex = cell.vertex
    for b in range(len(ball)):
        cx, cy, cz = ball[b, 0] - x, ball[b, 1] - y, ball[b, 2] - z
        away = cx * cx + cy * cy + cz * cz
        touched = False
        # A point cuts off a vertex if it lies in the sphere around it that passes through i; with
        # all points in reach known, only the far vertices can go.
        for t in range(cell.size[1]):
            if 2 * vertex[3, t] < reach:
                continue
            towards = cx * vertex[0, t] + cy * vertex[1, t] + cz * vertex[2, t]
            if away - 2 * towards <= ball[b, 3] * (2 * vertex[3, t] + ball[b, 3]):
                touched = True
                break
        if not touched:
            continue
        for k in range(start[b], start[b + 1]):
            j = member[k]
            if j == i:
                continue
            done = cut(cell, points[j, 0] - x, points[j, 1] - y, points[j, 2] - z, j, tie)
            if done < 0:
                return -done
    return _CLOSED


@njit(cache=True)
def _regulate(cell, i, points, rules, kept, tie):  # type: ignore[no-untyped-def]
    """Leave out neighbours by the rules and cut the cell again; its status."""
    area_fraction, bond_length = rules
    total, faces, left = 0.0, 0, 0
    for f in range(4, cell.size[0]):
        if cell.edges[f] >= 3:
            total += cell.area[f]
            faces += 1
    for f in range(4, cell.size[0]):
        far = np.sqrt(2 * cell.plane[f, 3]) >= bond_length
        if cell.edges[f] >= 3 and not far and not cell.area[f] < area_fraction * total:
            kept[left] = cell.row[f]
            left += 1
    if left == faces:
        return _CLOSED
    x, y, z = points[i]
    begin(cell)
    for j in kept[:left]:
        done = cut(cell, points[j, 0] - x, points[j, 1] - y, points[j, 2] - z, j, tie)
        if done < 0:
            return -done
    return _CLOSED if measure(cell) >= 0 else _OPEN
