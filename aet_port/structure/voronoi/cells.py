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
from aet_port.structure.columns import sort_columns
from aet_port.structure.cubes import cell_list
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.voronoi.convex_cell import (
    BROKEN,
    FULL,
    MOST,
    TIE,
    begin,
    cut,
    farthest,
    measure,
    new_cell,
)
from aet_port.structure.voronoi.nearest import gather_near, sort_near
from aet_port.structure.voronoi.quirks import quirk_areas, rank_table

_ROOM = 64  # planes of one cell; cells that need more are cut again with more
_CHUNK = 64  # atoms of one task
_FACES = 20  # faces of a cell, on average over a task, for which there is room at first
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
        near = (*sort_columns(points, reach, reach / 2), reach)
        done, which = _pass(which, points, owner, near, _NO_BLOCKS, table, rules)
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
        done, _ = _pass(which, points, owner, near, _blocks(points[rows], rows), table, rules)
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


class _Piece(NamedTuple):
    """Cells of some atoms: what belongs to each, and the faces in rows from ``begin``."""

    atom: NDArray[np.int64]
    status: NDArray[np.int8]
    faces: NDArray[np.int64]
    begin: NDArray[np.int64]
    volume: NDArray[np.float64]
    bounded: NDArray[np.bool_]
    row: NDArray[np.int32]
    area: NDArray[np.float64]
    edges: NDArray[np.int16]
    points: NDArray[np.float64]
    owner: NDArray[np.int64]


def _pass(
    which: NDArray[np.int64],
    points: NDArray[np.float64],
    owner: NDArray[np.int64],
    near: tuple[Any, ...],
    blocks: tuple[NDArray, ...],
    table: tuple[NDArray[np.int64], NDArray[np.int64]],
    rules: tuple[float, float],
) -> tuple[list[_Piece], NDArray[np.int64]]:
    """Cells of the atoms ``which``; gives what is done and the atoms that need a larger reach."""
    done: list[_Piece] = []
    later, room = [np.empty(0, dtype=np.int64)], _ROOM
    spot = np.empty(len(near[3]), dtype=np.int64)
    spot[near[3]] = np.arange(len(spot))
    while len(which):
        spots = np.sort(spot[which])  # neighbours in space one after the other
        which = near[3][spots]
        n = len(which)
        space = -(-n // _CHUNK) * _CHUNK * (room * _FACES // _ROOM)
        status, count, begins = np.empty(n, np.int8), np.zeros(n, np.int64), np.zeros(n, np.int64)
        volume, bounded = np.full(n, np.nan), np.zeros(n, bool)
        row, area = np.empty(space, np.int32), np.empty(space)
        edges = np.empty(space, np.int16)
        out = (status, count, begins, volume, bounded, row, area, edges)
        _cells(spots, points, owner, near, blocks, table, rules, room, out)
        if (status == BROKEN).any():
            raise _undecided(which[status == BROKEN])
        done.append(
            _Piece(which, status, count, begins, volume, bounded, row, area, edges, points, owner)
        )
        later.append(which[status == _TOO_NEAR])
        which = which[status == FULL]
        room *= 4
        if len(which) and room > MOST:
            raise InputError(
                "atoms: positions",
                f"over {room // 8} neighbours of atom {int(which[0])}",
                "atoms that are not on a sphere around another one",
            )
    return done, np.concatenate(later)


def _assemble(n: int, pieces: list[_Piece]) -> Faces:
    """All pieces of work in the order of the atoms."""
    count, volume = np.zeros(n, dtype=np.int64), np.full(n, np.nan)
    bounded, closed = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    for piece in pieces:
        final = (piece.status == _CLOSED) | (piece.status == _OPEN)
        atom = piece.atom[final]
        count[atom], volume[atom] = piece.faces[final], piece.volume[final]
        bounded[atom], closed[atom] = piece.bounded[final], piece.status[final] == _CLOSED
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(count, out=start[1:])
    neighbour, vectors = np.empty(start[-1], dtype=np.int64), np.empty((start[-1], 3))
    area, edges = np.empty(start[-1]), np.empty(start[-1], dtype=np.int64)
    for piece in pieces:
        _copy_faces(piece, start, neighbour, vectors, area, edges)
    return Faces(start, neighbour, vectors, area, edges, volume, bounded, closed)


@njit(cache=True, error_model="numpy")
def _copy_faces(piece, start, neighbour, vectors, area, edges):  # type: ignore[no-untyped-def]
    """Faces of one piece of work to their places."""
    atom, count, begins, row = piece.atom, piece.faces, piece.begin, piece.row
    its_area, its_edges, points, owner = piece.area, piece.edges, piece.points, piece.owner
    for m in range(len(atom)):
        i = atom[m]
        for k in range(count[m]):
            to, f = start[i] + k, begins[m] + k
            j = row[f]
            neighbour[to], area[to], edges[to] = owner[j], its_area[f], its_edges[f]
            for c in range(3):
                vectors[to, c] = points[j, c] - points[i, c]


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


@njit(cache=True, parallel=True, error_model="numpy")
def _cells(spots, points, owner, near, blocks, table, rules, room, out):  # type: ignore[no-untyped-def]
    """Cut the cells of the atoms at ``spots`` of the columns, a chunk at a time."""
    for chunk in prange((len(spots) + _CHUNK - 1) // _CHUNK):
        first, last = chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(spots))
        _chunk(first, last, spots, points, owner, near, blocks, table, rules, room, out)


@njit(cache=True, error_model="numpy")
def _chunk(first, last, spots, points, owner, near, blocks, table, rules, room, out):  # type: ignore[no-untyped-def]
    status, count, begins, volume, bounded, out_row, out_area, out_edges = out
    row, steps, reach = near[3], near[6], near[7]
    cell = new_cell(room)
    most = max(256, room)
    candidates, rows = np.empty((4, most)), np.empty(most, dtype=np.int64)
    here, squares = np.empty(256, dtype=np.int64), np.empty(256)
    low, at = np.empty((2 * steps + 1) ** 2, dtype=np.int64), np.full(1, -1)
    each = room * _FACES // _ROOM
    free, end = first * each, (first // _CHUNK + 1) * _CHUNK * each
    for m in range(first, last):
        found = gather_near(spots[m], near, low, at, here, squares)
        if found < 0:
            here, squares = np.empty(-found, dtype=np.int64), np.empty(-found)
            most = max(-found, room)
            candidates, rows = np.empty((4, most)), np.empty(most, dtype=np.int64)
            found = gather_near(spots[m], near, low, at, here, squares)
        sort_near(spots[m], near, found, here, squares, candidates, rows)
        i = row[spots[m]]
        tie, code = TIE, BROKEN
        for _ in range(4):
            begin(cell)
            code = -cut(cell, candidates, rows, found, tie)
            if code <= 0:
                code = _CLOSED
                limit = farthest(cell)
                if reach <= 2 * limit:
                    code = _cut_far(cell, i, points, reach, blocks, tie)
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
        if len(table[0]):
            quirk_areas(cell, owner[i], owner, table[0], table[1])
        status[m] = _regulate(cell, candidates, rows, rules, tie)
        if status[m] == _CLOSED:
            used = _write_faces(cell, free, end, out_row, out_area, out_edges)
            if used < 0:
                status[m] = FULL
            else:
                begins[m], count[m] = free, used
                free += used


@njit(cache=True, error_model="numpy")
def _cut_far(cell, i, points, reach, blocks, tie):  # type: ignore[no-untyped-def]
    """Cut the cell of point i by far points, if they are known; how that ended."""
    ball, start, member = blocks
    if len(ball) == 0:
        return _TOO_NEAR
    x, y, z = points[i]
    vertex, size = cell.vertex, cell.size
    for b in range(len(ball)):
        cx, cy, cz = ball[b, 0] - x, ball[b, 1] - y, ball[b, 2] - z
        away = cx * cx + cy * cy + cz * cz
        touched = False
        # A point cuts off a vertex if it lies in the sphere around it that passes through i; with
        # all points in reach known, only the far vertices can go.
        for t in range(size[1]):
            if 2 * vertex[3, t] < reach:
                continue
            towards = cx * vertex[0, t] + cy * vertex[1, t] + cz * vertex[2, t]
            if away - 2 * towards <= ball[b, 3] * (2 * vertex[3, t] + ball[b, 3]):
                touched = True
                break
        if not touched:
            continue
        members = member[start[b] : start[b + 1]]
        others = np.empty((4, len(members)))
        number = 0
        rows = np.empty(len(members), dtype=np.int64)
        for j in members:
            if j != i:
                dx, dy, dz = points[j, 0] - x, points[j, 1] - y, points[j, 2] - z
                others[0, number], others[1, number], others[2, number] = dx, dy, dz
                others[3, number] = dx * dx + dy * dy + dz * dz
                rows[number] = j
                number += 1
        code = cut(cell, others, rows, number, tie)
        if code < 0:
            return -code
    return _CLOSED


@njit(cache=True, error_model="numpy")
def _regulate(cell, candidates, rows, rules, tie):  # type: ignore[no-untyped-def]
    """Leave out neighbours by the rules and cut the cell again; its status.

    ``candidates`` and ``rows`` are overwritten.
    """
    area_fraction, bond_length = rules
    area, edges, plane, row = cell.area, cell.edges, cell.plane, cell.row
    planes = cell.size[0]
    total, faces, left = 0.0, 0, 0
    for f in range(4, planes):
        if edges[f] >= 3:
            total += area[f]
            faces += 1
    for f in range(4, planes):
        far = np.sqrt(2 * plane[f, 3]) >= bond_length
        if edges[f] >= 3 and not far and not area[f] < area_fraction * total:
            for c in range(3):
                candidates[c, left] = plane[f, c]
            candidates[3, left] = 2 * plane[f, 3]
            rows[left] = row[f]
            left += 1
    if left == faces:
        return _CLOSED
    begin(cell)
    code = cut(cell, candidates, rows, left, tie)
    if code < 0:
        return -code
    return _CLOSED if measure(cell) >= 0 else _OPEN


@njit(cache=True, error_model="numpy")
def _write_faces(cell, free, end, out_row, out_area, out_edges):  # type: ignore[no-untyped-def]
    """Write the faces from row ``free`` on; their number, or -1 if they don't fit."""
    row, area, edges = cell.row, cell.area, cell.edges
    used = 0
    for f in range(4, cell.size[0]):
        if edges[f] >= 3:
            if free + used == end:
                return -1
            out_row[free + used], out_area[free + used] = row[f], area[f]
            out_edges[free + used] = edges[f]
            used += 1
    return used
