"""Neighbours within a cut-off in a particle or a periodic box, on one cell list for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import ase
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.errors import InputError

DUPLICATE = 0.01  # angstrom: two atoms closer than this are one atom listed twice
FLAT = 1e-6  # extent across the best plane, relative to the extent along it, of coplanar atoms


@dataclass(frozen=True)
class Neighbours:
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
    """Distances between opposite faces of the cell, shape (3,), infinite where not periodic."""
    result = np.full(3, np.inf)
    if atoms.pbc.any():
        # Directions that are not periodic may have no cell vector; ASE supplies a stand-in.
        inverse = np.linalg.inv(np.asarray(atoms.cell.complete()))
        result[atoms.pbc] = 1 / np.linalg.norm(inverse, axis=0)[atoms.pbc]
    return result


def check_atoms(atoms: ase.Atoms, least: int = 5, name: str = "atoms", solid: bool = False) -> None:
    """Refuse atoms on which no structure analysis makes sense.

    Parameters
    ----------
    least
        Fewest atoms accepted.
    solid
        Also refuse coplanar atoms (only asked of atoms without periodic directions).

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
    # Images a hair beyond the cell are enough to see an atom repeated across a face.
    images = periodic_images(atoms, 2 * DUPLICATE)
    pairs = cKDTree(images.positions).query_pairs(DUPLICATE, output_type="ndarray")
    pairs = images.atom[pairs]
    if len(pairs):
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
    """Refuse a cut-off that is no length, or is half of a periodic cell or more.

    Raises
    ------
    InputError
        Naming the cut-off and the smallest distance between opposite faces of the cell.
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
    """Atoms wrapped into the cell, and every image within ``margin`` of it.

    Parameters
    ----------
    margin
        Angstrom, measured at right angles to the faces of the cell. Without periodic directions
        the atoms come back as they are.
    """
    home = np.arange(len(atoms))
    if not atoms.pbc.any():
        return Images(np.ascontiguousarray(atoms.positions), home)
    cell = np.asarray(atoms.cell.complete())
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
            moved = wrapped + np.array(shift)
            near = (((moved >= -reach) & (moved <= 1 + reach)) | ~atoms.pbc).all(axis=1)
            rows.append(moved[near])
            owners.append(home[near])
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
    index = ((positions - origin) // size).astype(np.int64)
    flat = (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2]
    order = np.argsort(flat, kind="stable")
    start = np.searchsorted(flat[order], np.arange(shape.prod() + 1))
    return Cells(origin, size, shape, order, start)


def find_neighbours(atoms: ase.Atoms, cutoff: float) -> Neighbours:
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
    cutoff = check_cutoff(atoms, cutoff)
    images = periodic_images(atoms, cutoff)
    cells = cell_list(images.positions, cutoff)
    n = len(atoms)
    arguments = (
        images.positions,
        images.atom,
        n,
        cutoff,
        cells.origin,
        cells.size,
        cells.shape,
        cells.order,
        cells.start,
    )
    count = _collect(*arguments, np.empty((0, 2), dtype=np.int64), np.empty((0, 3)))
    pairs, vectors = np.empty((count, 2), dtype=np.int64), np.empty((count, 3))
    _collect(*arguments, pairs, vectors)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, vectors = pairs[order], vectors[order]
    return Neighbours(
        pairs[:, 0].copy(), pairs[:, 1].copy(), vectors, np.sqrt((vectors**2).sum(axis=1))
    )


@njit(cache=True)
def _collect(positions, atom, n_home, cutoff, origin, size, shape, order, start, pairs, vectors):  # type: ignore[no-untyped-def]
    """Count the pairs; also store them if the output arrays have room (they are empty or exact)."""
    found = 0
    store = len(pairs) > 0
    for i in range(n_home):
        x, y, z = positions[i]
        cx, cy, cz = (
            int((x - origin[0]) // size),
            int((y - origin[1]) // size),
            int((z - origin[2]) // size),
        )
        for ax in range(max(cx - 1, 0), min(cx + 2, shape[0])):
            for ay in range(max(cy - 1, 0), min(cy + 2, shape[1])):
                for az in range(max(cz - 1, 0), min(cz + 2, shape[2])):
                    cell = (ax * shape[1] + ay) * shape[2] + az
                    for k in range(start[cell], start[cell + 1]):
                        j = order[k]
                        # Of a pair seen from both ends (each may see the other's image) keep one.
                        if atom[j] <= i:
                            continue
                        dx, dy, dz = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                        if dx * dx + dy * dy + dz * dz <= cutoff * cutoff:
                            if store:
                                pairs[found, 0] = i
                                pairs[found, 1] = atom[j]
                                vectors[found, 0] = dx
                                vectors[found, 1] = dy
                                vectors[found, 2] = dz
                            found += 1
    return found
