"""Neighbours within a cut-off in a particle or a periodic box, on one cell list for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.data import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.structure.box_cells import reduced_cell

DUPLICATE = 0.01  # angstrom: two atoms closer than this are one atom listed twice
FLAT = 1e-6  # extent across the best plane, relative to the extent along it, of coplanar atoms
SHORTER = "a shorter cut-off (--cutoff): neighbours are a few angstrom away"
USUAL = 24  # later neighbours of an atom for which there is room at first


@dataclass(frozen=True, repr=False)
class Neighbours(Shown):
    """Pairs of atoms within a cut-off, each pair once.

    Attributes
    ----------
    first, second
        Shape (n,): atom indices, ``first < second``, in lexicographic order.
    vectors
        Shape (n, 3): from the first to the (nearest image of the) second, angstrom.
    distances
        Shape (n,), angstrom.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]

    def _facts(self) -> dict[str, object]:
        longest = float(self.distances.max(initial=0.0))
        return {"pairs": len(self), "longest": angstrom(longest)}

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Images:
    """Atoms of a box and the periodic images around it.

    Attributes
    ----------
    positions
        Shape (m, 3): the atoms, wrapped into the cell, then the images, angstrom.
    atom
        Shape (m,): which atom each row is; ``arange(n)`` for the first n rows.
    """

    positions: NDArray[np.float64]
    atom: NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Points sorted into cubic cells: the points of cell c are ``order[start[c]:start[c + 1]]``."""

    origin: NDArray[np.float64]
    size: float
    shape: NDArray[np.int64]
    order: NDArray[np.int64]
    start: NDArray[np.int64]


def heights(atoms: ase.Atoms) -> NDArray[np.float64]:
    """Distances between opposite faces of the cell, shape (3,), infinite where not periodic.

    The cell is the reduced one (:func:`aet_port.structure.box_cells.reduced_cell`), so that all
    cells of one box have the same heights.
    """
    result = np.full(3, np.inf)
    if atoms.pbc.any():
        inverse = np.linalg.inv(reduced_cell(atoms))
        result[atoms.pbc] = 1 / np.linalg.norm(inverse, axis=0)[atoms.pbc]
    return result


def check_atoms(atoms: ase.Atoms, least: int = 5, name: str = "atoms", solid: bool = False) -> None:
    """Check that a structure analysis of the atoms is possible.

    Parameters
    ----------
    least
        Smallest number of atoms accepted.
    solid
        Whether to reject coplanar atoms too (only if there are no periodic directions).

    Raises
    ------
    InputError
        For too few atoms, NaN, a periodic direction without a cell vector, duplicate atoms
        (closer than 0.01 angstrom), and, if ``solid``, coplanar atoms.
    """
    positions = atoms.positions
    if len(atoms) < least:
        raise InputError(name, f"{len(atoms)} atoms", f"at least {least}")
    bad = ~np.isfinite(positions).all(axis=1)
    if bad.any():
        raise InputError(
            f"{name}: positions",
            f"NaN or infinite values in atom {int(np.argmax(bad))}",
            "finite numbers only",
        )
    if atoms.pbc.any():
        cell = np.asarray(atoms.cell)
        empty = atoms.pbc & ~cell.any(axis=1)
        if empty.any() or abs(np.linalg.det(np.asarray(atoms.cell.complete()))) < 1e-12:
            raise InputError(
                f"{name}: cell",
                f"{cell.tolist()}",
                "an independent cell vector along every periodic direction",
            )
    # Images slightly beyond the cell are enough to find an atom repeated across a face.
    images = periodic_images(atoms, 2 * DUPLICATE)
    _, later = neighbour_rows(images, cell_list(images.positions, DUPLICATE), DUPLICATE, len(atoms))
    if later.any():
        pairs = cKDTree(images.positions).query_pairs(DUPLICATE, output_type="ndarray")
        pairs = images.atom[pairs]
        one, two = pairs[np.lexsort((pairs.max(axis=1), pairs.min(axis=1)))[0]]
        raise InputError(
            f"{name}: positions",
            f"atoms {min(one, two)} and {max(one, two)} at one place ({len(pairs)} such pairs)",
            "each atom listed once",
        )
    if solid and not atoms.pbc.any():
        extent = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
        if extent[2] <= FLAT * extent[0]:
            raise InputError(f"{name}: positions", "coplanar atoms", "atoms that span a volume")


def check_cutoff(atoms: ase.Atoms, cutoff: float, name: str = "cutoff") -> float:
    """Check that a cut-off is a length below half of a periodic cell.

    Raises
    ------
    InputError
        If not; the error gives the cut-off and the smallest distance between faces of the cell.
    """
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise InputError(name, f"{cutoff!r}", "a length above zero, in angstrom")
    narrowest = heights(atoms).min()
    if narrowest <= 2 * cutoff:
        raise InputError(
            name,
            f"{cutoff:g} angstrom in a periodic cell only {narrowest:.4g} angstrom high",
            "a cell more than twice as high as the cut-off; repeat the box or lower the cut-off",
        )
    return float(cutoff)


def periodic_images(atoms: ase.Atoms, margin: float) -> Images:
    """Atoms wrapped into the (reduced) cell, and every image within ``margin`` of it.

    Parameters
    ----------
    margin
        Angstrom, measured at right angles to the faces of the cell. Without periodic directions
        the atoms come back as they are.
    """
    home = np.arange(len(atoms))
    if not atoms.pbc.any():
        return Images(np.ascontiguousarray(atoms.positions), home)
    cell = reduced_cell(atoms)
    fractions = np.linalg.solve(cell.T, atoms.positions.T).T
    wrapped = np.where(atoms.pbc, fractions - np.floor(fractions), fractions)
    # A tiny negative fraction rounds up to exactly one.
    wrapped[:, atoms.pbc] = np.where(wrapped[:, atoms.pbc] >= 1, 0.0, wrapped[:, atoms.pbc])
    reach = np.where(atoms.pbc, margin / heights(atoms), 0.0)
    layers = [
        range(-int(np.ceil(r)), int(np.ceil(r)) + 1) if p else range(1)
        for r, p in zip(reach, atoms.pbc, strict=True)
    ]
    rows, owners = [wrapped], [home]
    for shift in product(*layers):
        if any(shift):
            near = home
            for axis in np.flatnonzero(atoms.pbc):
                moved = wrapped[near, axis] + shift[axis]
                near = near[(moved >= -reach[axis]) & (moved <= 1 + reach[axis])]
            rows.append(wrapped[near] + np.array(shift))
            owners.append(near)
    return Images(np.concatenate(rows) @ cell, np.concatenate(owners))


def cell_list(positions: NDArray[np.float64], size: float) -> Cells:
    """Sort points (n, 3) into cubic cells of at least ``size`` angstrom."""
    origin = positions.min(axis=0)
    extent = positions.max(axis=0) - origin
    # No more cells than points: a lone far atom must not cost memory.
    size = max(
        size,
        float(extent.max()) / 200,
        float(np.cbrt(extent.prod() / len(positions))) if extent.all() else size,
    )
    shape = (extent // size).astype(np.int64) + 1
    order = np.empty(len(positions), dtype=np.int64)
    start = np.zeros(shape.prod() + 1, dtype=np.int64)
    _sort_into_cells(positions, origin, size, shape, order, start)
    return Cells(origin, size, shape, order, start)


@checked
def find_neighbours(atoms: AtomicModel | ase.Atoms, cutoff: float) -> Neighbours:
    """Every pair of atoms closer than or at ``cutoff``, with the nearest image in a periodic cell.

    Parameters
    ----------
    cutoff
        Angstrom; less than half the height of a periodic cell, so that each pair occurs once.

    Raises
    ------
    InputError
        For an unusable cut-off (:func:`check_cutoff`).
    """
    atoms = as_atoms(atoms)
    cutoff = check_cutoff(atoms, cutoff)
    images = periodic_images(atoms, cutoff)
    cells = cell_list(images.positions, cutoff)
    hits, count = neighbour_rows(images, cells, cutoff, len(atoms))
    start = np.concatenate([[0], np.cumsum(count)])
    check_memory("cutoff", 48.0 * start[-1], SHORTER)
    first, second = np.empty(start[-1], dtype=np.int64), np.empty(start[-1], dtype=np.int64)
    vectors, distances = np.empty((start[-1], 3)), np.empty(start[-1])
    _store(images.positions, images.atom, hits, start, first, second, vectors, distances)
    return Neighbours(first, second, vectors, distances)


def neighbour_rows(
    images: Images, cells: Cells, cutoff: float, n: int, *, once: bool = True
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """For each of ``n`` atoms, which rows of ``images.positions`` are closer than or at ``cutoff``.

    Parameters
    ----------
    images
        Atoms and images as far as ``cutoff`` around the cell.
    cells
        Cell list of ``images.positions``, its cells at least ``cutoff`` wide.
    once
        List a pair with the atom of lower index only; else with both, and each atom with itself.

    Returns
    -------
    Array (n, m) whose row i begins with the rows found for atom i, in the order of their cells, and
    array (n,) of how many there are. The rest of a row is undefined.
    """
    count = np.zeros(n, dtype=np.int64)
    room = USUAL
    while True:
        # One column more, for what is written after the last neighbour.
        hits = np.empty((n, room + 1), dtype=np.int32)
        _search(
            images.positions[cells.order],
            images.atom[cells.order],
            cells.order,
            cutoff,
            cells.origin,
            cells.size,
            cells.shape,
            cells.start,
            once,
            hits,
            count,
        )
        if count.max() <= room:
            return hits, count
        room = int(count.max())
        check_memory("cutoff", 4.0 * n * (room + 1), SHORTER)


@njit(cache=True)
def _sort_into_cells(positions, origin, size, shape, order, start):  # type: ignore[no-untyped-def]
    """Counting sort of the points by cell, those of a cell in their order."""
    cell = np.empty(len(positions), dtype=np.int64)
    for i in range(len(positions)):
        cx = int((positions[i, 0] - origin[0]) // size)
        cy = int((positions[i, 1] - origin[1]) // size)
        cz = int((positions[i, 2] - origin[2]) // size)
        cell[i] = (cx * shape[1] + cy) * shape[2] + cz
        start[cell[i] + 1] += 1
    for c in range(1, len(start)):
        start[c] += start[c - 1]
    place = start.copy()
    for i in range(len(positions)):
        order[place[cell[i]]] = i
        place[cell[i]] += 1


@njit(cache=True, parallel=True)
def _search(  # type: ignore[no-untyped-def]
    positions, atom, row, cutoff, origin, size, shape, start, once, hits, count
):
    """Rows of the neighbours of each atom, as far as there is room, and how many there are.

    ``positions``, ``atom`` and ``row`` are sorted by cell.
    """
    limit = cutoff * cutoff
    last = hits.shape[1] - 1
    for m in prange(len(positions)):
        if row[m] < len(hits):  # an atom, not an image
            i, found = atom[m], 0
            least = i + 1 if once else 0
            x, y, z = positions[m, 0], positions[m, 1], positions[m, 2]
            cx, cy = int((x - origin[0]) // size), int((y - origin[1]) // size)
            cz = int((z - origin[2]) // size)
            low, high = max(cz - 1, 0), min(cz + 2, shape[2])
            for ax in range(max(cx - 1, 0), min(cx + 2, shape[0])):
                for ay in range(max(cy - 1, 0), min(cy + 2, shape[1])):
                    # Cells along z follow each other in memory.
                    line = (ax * shape[1] + ay) * shape[2]
                    for j in range(start[line + low], start[line + high]):
                        dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                        # Written always and kept if it counts: no branch for the processor to
                        # guess. A pair may be seen from both ends, each with the other's image.
                        hits[i, min(found, last)] = row[j]
                        found += (dx * dx + dy * dy + dz * dz <= limit) & (atom[j] >= least)
            count[i] = found


@njit(cache=True, parallel=True)
def _store(positions, atom, hits, place, first, second, vectors, distances):  # type: ignore[no-untyped-def]
    """Pairs from the rows found, the neighbours of each atom in order."""
    for i in prange(len(hits)):
        n = place[i + 1] - place[i]
        for k in range(1, n):
            row = hits[i, k]
            h = k
            while h > 0 and atom[hits[i, h - 1]] > atom[row]:
                hits[i, h] = hits[i, h - 1]
                h -= 1
            hits[i, h] = row
        for k in range(n):
            j, to = hits[i, k], place[i] + k
            dx = positions[j, 0] - positions[i, 0]
            dy = positions[j, 1] - positions[i, 1]
            dz = positions[j, 2] - positions[i, 2]
            first[to], second[to] = i, atom[j]
            vectors[to, 0], vectors[to, 1], vectors[to, 2] = dx, dy, dz
            distances[to] = np.sqrt(dx * dx + dy * dy + dz * dz)
