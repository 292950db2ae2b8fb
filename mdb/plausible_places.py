"""Where the atoms of a model are: size of the whole, distances between neighbours, stray atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ase
import numpy as np
from ase.data import covalent_radii
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.extents import FAR, FEWEST, is_stray
from aet_port.structure.columns import near_rows
from aet_port.structure.neighbours import heights, periodic_images

# Times the sum of the covalent radii [ASE, Cordero 2008]. Neighbours in crystals of the elements
# are at 0.67 (neptunium) or more, those of tantalum at 0.84.
CLASH = 0.6
SCALE = (0.6, 3.0)  # median distance of neighbours, relative to the covalent radii; neon 2.7
WIDEST = 1e4  # angstrom, of a model; the largest that was published is a film of 200
LEAST_HEIGHT = 1.0  # angstrom between opposite faces of a periodic cell
DENSEST = 1.0  # atoms per cubic angstrom of a periodic cell; diamond has 0.18
# Times the largest covalent radius: three neighbours in most metals, and in most solids.
NEAR = (1.9, 2.3)
MOST_NEAR = 64  # atoms within, where the unit of length can be angstrom
_SAME_PLACE = 1e-3  # angstrom


@dataclass(frozen=True)
class ModelWarning:
    """One thing that speaks against a model.

    Attributes
    ----------
    kind
        ``"clash"``, ``"stray atom"``, ``"scale"``, ``"extent"``, ``"cell"``, ``"height"``,
        ``"B factor"``, ``"error bar"``, ``"existence"``, ``"composition"`` or ``"R factor"``.
    text
        The sentence for people.
    atoms
        Number of atoms concerned; 0 if it is the model.
    first
        The first of them; None if it is the model.
    value, limit
        The worst value, and the one that it passes, in ``unit``.
    unit
        ``"1"`` for a pure number.
    """

    kind: str
    text: str
    atoms: int = 0
    first: int | None = None
    value: float | None = None
    limit: float | None = None
    unit: str = "1"


def place_warnings(atoms: ase.Atoms) -> Iterator[ModelWarning]:
    """Size of the whole, and distances between neighbours."""
    extent = float(np.ptp(atoms.positions, axis=0).max())
    if extent > WIDEST:
        text = f"the model is {extent:.4g} A wide, more than {WIDEST:g} A: is the unit angstrom?"
        yield ModelWarning("extent", text, value=extent, limit=WIDEST, unit="angstrom")
    narrow = _narrow_cell(atoms)
    if narrow is not None:
        yield narrow
        return
    if len(atoms) < 2:
        return
    radii = covalent_radii[atoms.numbers]
    distance, other, twins = _nearest(atoms, 4.0 * FAR * float(radii.max()))
    ratio = distance / (radii[:, None] + radii[other])
    yield from _clashes(distance, other, ratio, twins)
    usual = float(np.median(distance[:, 0]))
    scale = float(np.median(ratio[:, 0]))
    if not np.isfinite(usual):  # all atoms at one place
        return
    if len(atoms) >= FEWEST and not SCALE[0] <= scale <= SCALE[1]:
        text = (
            f"half of the atoms have a neighbour at {usual:.3g} A or less, {scale:.2g} times the "
            "sum of the covalent radii: is the unit angstrom?"
        )
        limit = SCALE[0] if scale < SCALE[0] else SCALE[1]
        yield ModelWarning("scale", text, value=scale, limit=limit)
        return
    stray, reach = is_stray(distance, atoms.numbers)
    if stray.any():
        worst = int(np.argmax(np.where(stray, distance[:, -1], 0)))
        text = (
            f"{atoms_in_words(stray)} with fewer than three others within {reach[worst]:.3g} "
            f"A, {FAR:g} times the usual distance of neighbours"
        )
        yield warning_of_atoms(
            "stray atom", text, stray, distance[worst, 0], reach[worst], "angstrom"
        )


def _narrow_cell(atoms: ase.Atoms) -> ModelWarning | None:
    """A periodic cell in which there is no room for atoms."""
    if not atoms.pbc.any():
        return None
    cell = np.asarray(atoms.cell.complete())
    singular = not np.asarray(atoms.cell)[atoms.pbc].any(axis=1).all()
    if singular or abs(np.linalg.det(cell)) < 1e-12:
        return ModelWarning("cell", "a periodic direction without a cell vector of its own")
    least = float(heights(atoms).min())
    if least < LEAST_HEIGHT:
        text = f"the periodic cell is only {least:.3g} A high"
        return ModelWarning("cell", text, value=least, limit=LEAST_HEIGHT, unit="angstrom")
    density = len(atoms) / abs(float(np.linalg.det(cell)))
    if atoms.pbc.all() and density > DENSEST:
        text = f"{density:.3g} atoms per cubic angstrom of the periodic cell"
        return ModelWarning("cell", text, value=density, limit=DENSEST, unit="1/angstrom^3")
    return None


def _nearest(
    atoms: ase.Atoms, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Distances to the three nearest other places and an atom there, and pairs at one place.

    Shapes (n, 3), infinite where there is none; (n, 3); (m, 2).
    """
    dense = _nearest_of_dense(atoms)
    if dense is not None:
        return dense
    images = periodic_images(atoms, reach)
    # A tree is slow where many atoms lie at one place; each place is taken once.
    key = np.round(images.positions / _SAME_PLACE)
    order = np.lexsort(key.T)
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (key[order[1:]] != key[order[:-1]]).any(axis=1)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(begins) - 1
    there = order[begins]  # an atom or image at each place
    n, k = len(atoms), min(4, len(there))
    points = images.positions[there]
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)  # quicker to make
    asked = np.bincount(place[:n], minlength=len(there)) > 0
    found, index = tree.query(points[asked], k=list(range(1, k + 1)))
    row = (np.cumsum(asked) - 1)[place[:n]]
    distance, other = np.full((n, 3), np.inf), np.zeros((n, 3), dtype=np.int64)
    distance[:, : k - 1], other[:, : k - 1] = found[row, 1:], images.atom[there[index[row, 1:]]]
    home = order[order < n]
    twins = place[home[1:]] == place[home[:-1]]
    return distance, other, np.column_stack([home[:-1][twins], home[1:][twins]])


def _nearest_of_dense(
    atoms: ase.Atoms,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]] | None:
    """The same where all atoms have three others about as near as in solids, and a place each.

    None else; a search among the nearest costs a fifth of one that may go far.
    """
    largest = float(covalent_radii[atoms.numbers].max())
    for reach in NEAR:
        images = periodic_images(atoms, reach * largest)
        rows, count = near_rows(
            images.positions,
            images.atom,
            len(atoms),
            reach * largest,
            once=False,
            most=MOST_NEAR,
            beside=True,
        )
        if count.max() > MOST_NEAR:
            return None
        if count.min() >= 4:  # each atom is among its own
            break
    else:
        return None
    distance, row = np.empty((len(atoms), 3)), np.empty((len(atoms), 3), dtype=np.int64)
    _three_nearest(images.positions, rows, count, distance, row)
    if distance[:, 0].min() < 10 * _SAME_PLACE:
        return None
    return distance, images.atom[row], np.empty((0, 2), dtype=np.int64)


@njit(cache=True, nogil=True)
def _three_nearest(positions, rows, count, distance, row):  # type: ignore[no-untyped-def]
    """Sort the three nearest points of each atom out of its rows, itself left out."""
    for i in range(len(count)):
        distance[i] = np.inf
        for k in range(count[i]):
            j = rows[i, k]
            if j == i:
                continue
            square = 0.0
            for x in range(3):
                square += (positions[j, x] - positions[i, x]) ** 2
            place = 3
            while place > 0 and square < distance[i, place - 1]:
                place -= 1
            for later in range(2, place, -1):
                distance[i, later], row[i, later] = distance[i, later - 1], row[i, later - 1]
            if place < 3:
                distance[i, place], row[i, place] = square, j
        distance[i] = np.sqrt(distance[i])


def _clashes(
    distance: NDArray[np.float64],
    other: NDArray[np.int64],
    ratio: NDArray[np.float64],
    twins: NDArray[np.int64],
) -> Iterator[ModelWarning]:
    one, column = np.nonzero(ratio < CLASH)
    pairs = np.sort(np.concatenate([np.column_stack([one, other[one, column]]), twins]), axis=1)
    if not len(pairs):
        return
    zeros = np.zeros(len(twins))
    lengths = np.concatenate([distance[one, column], zeros])
    ratios = np.concatenate([ratio[one, column], zeros])
    pairs, index = np.unique(pairs, axis=0, return_index=True)
    lengths, ratios = lengths[index], ratios[index]
    worst = int(np.argmin(ratios))
    (a, b), length = pairs[worst].tolist(), float(lengths[worst])
    near = np.zeros(len(distance), dtype=bool)
    near[pairs.ravel()] = True
    text = (
        f"{atoms_in_words(near)} closer to another one than {CLASH:g} times the sum of the "
        f"covalent radii; atoms {a} and {b}: {length:.2f} A"
    )
    limit = CLASH * length / float(ratios[worst]) if length > 0 else None
    yield warning_of_atoms("clash", text, near, length, limit, "angstrom")


def atoms_in_words(which: NDArray[np.bool_]) -> str:
    """Number of atoms, and the first of them, in words."""
    count, first = int(which.sum()), int(np.argmax(which))
    return f"atom {first}" if count == 1 else f"{count} atoms (the first: {first})"


def warning_of_atoms(
    kind: str, text: str, which: NDArray[np.bool_], value: float, limit: float | None, unit: str
) -> ModelWarning:
    """A warning about some of the atoms."""
    worst = float(value) if np.isfinite(value) else None
    return ModelWarning(
        kind,
        text,
        int(which.sum()),
        int(np.argmax(which)),
        worst,
        None if limit is None else float(limit),
        unit,
    )
