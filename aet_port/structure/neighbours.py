"""Neighbours within a cut-off in a particle or a periodic box, on one cell list for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.extents import check_extent
from aet_port.core.memory import check_memory
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.columns import SHORTER, extent_of, near_rows

DUPLICATE = 0.01  # angstrom: two atoms closer than this are one atom listed twice
FLAT = 1e-6  # extent across the best plane, relative to the extent along it, of coplanar atoms


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
        For too few atoms, NaN, coordinates beyond 1e6 angstrom, a periodic direction without a
        cell vector, duplicate atoms (closer than 0.01 angstrom), and, if ``solid``, coplanar atoms.
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
    check_extent(positions, f"{name}: positions", atoms.cell if atoms.pbc.any() else None)
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
    width = _spacing(images.positions)
    _, later = near_rows(images.positions, images.atom, len(atoms), DUPLICATE, width=width)
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
    if not atoms.pbc.any():
        return Images(np.ascontiguousarray(atoms.positions), np.arange(len(atoms)))
    cell = reduced_cell(atoms)
    reach = np.where(atoms.pbc, margin / heights(atoms), 0.0)
    layers = np.where(atoms.pbc, np.ceil(reach), 0.0).astype(np.int64)
    positions = np.ascontiguousarray(atoms.positions, dtype=np.float64)
    square = np.array_equal(cell, np.diag(np.diag(cell)))
    inverse = np.diag(1 / np.diag(cell)) if square else np.linalg.inv(cell)
    return Images(*_images(positions, cell, inverse, np.asarray(atoms.pbc), reach, layers))


def _spacing(positions: NDArray[np.float64]) -> float:
    """Width of columns that hold some ten points each if these fill a block, angstrom."""
    low, high = extent_of(positions)
    x, y, _ = high - low
    return max(float(np.sqrt(10 * x * y / len(positions))), DUPLICATE)


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
    hits, count = near_rows(images.positions, images.atom, len(atoms), cutoff)
    start = np.concatenate([[0], np.cumsum(count)])
    check_memory("cutoff", 48.0 * start[-1], SHORTER)
    first, second = np.empty(start[-1], dtype=np.int64), np.empty(start[-1], dtype=np.int64)
    vectors, distances = np.empty((start[-1], 3)), np.empty(start[-1])
    _store(images.positions, images.atom, hits, start, first, second, vectors, distances)
    return Neighbours(first, second, vectors, distances)


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


@njit(cache=True, error_model="numpy")
def _images(positions, cell, inverse, pbc, reach, layers):  # type: ignore[no-untyped-def]
    """Wrapped atoms and their images, those of one translation after the other."""
    n = len(positions)
    wrapped, near, n_near = np.empty((n, 3)), np.empty(n, dtype=np.int64), 0
    for i in range(n):
        inner = True
        for c in range(3):
            f = 0.0
            for r in range(3):
                f += positions[i, r] * inverse[r, c]
            if pbc[c]:
                f -= np.floor(f)
                # A tiny negative fraction rounds up to exactly one.
                f = 0.0 if f >= 1 else f
                inner = inner and f > reach[c] and f < 1 - reach[c]
            wrapped[i, c] = f
        near[n_near] = i
        n_near += not inner
    points, atom = np.empty((n, 3)), np.empty(n, dtype=np.int64)
    found = 0
    for stage in range(2):  # count the images, then write them
        if stage == 1:
            points, atom = np.empty((n + found, 3)), np.empty(n + found, dtype=np.int64)
            for i in range(n):
                atom[i] = i
                for c in range(3):
                    points[i, c] = (
                        wrapped[i, 0] * cell[0, c]
                        + wrapped[i, 1] * cell[1, c]
                        + wrapped[i, 2] * cell[2, c]
                    )
            found = n
        for sx in range(-layers[0], layers[0] + 1):
            for sy in range(-layers[1], layers[1] + 1):
                for sz in range(-layers[2], layers[2] + 1):
                    if sx == 0 and sy == 0 and sz == 0:
                        continue
                    for k in range(n_near):
                        i = near[k]
                        x, y, z = wrapped[i, 0] + sx, wrapped[i, 1] + sy, wrapped[i, 2] + sz
                        if (
                            (pbc[0] and not -reach[0] <= x <= 1 + reach[0])
                            or (pbc[1] and not -reach[1] <= y <= 1 + reach[1])
                            or (pbc[2] and not -reach[2] <= z <= 1 + reach[2])
                        ):
                            continue
                        if stage == 1:
                            atom[found] = i
                            for c in range(3):
                                points[found, c] = x * cell[0, c] + y * cell[1, c] + z * cell[2, c]
                        found += 1
    return points, atom
