"""Atoms of a film from those of its overlapping sub-areas, and how well these agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.sub_areas import SubAreas
from aet_port.core.uncertainty import POSTERIOR_SPECIES, SIGMAS
from aet_port.detection.pairs import mutual_pairs

SAME = 1.2  # angstrom, below which atoms of two areas are one
SEAM = 1.5  # angstrom of depth by which an area must surpass another to decide alone
INSIDE = 2.0  # angstrom from the border of an area, where all of its atoms should be found
ENOUGH = 10  # common atoms for a displacement
TURNS = 5  # of matching and moving

Depth = Callable[[int, NDArray], NDArray[np.float64]]  # angstrom inside the border of an area


@dataclass(frozen=True)
class Overlap:
    """What two sub-areas say of the atoms in their overlap.

    Attributes
    ----------
    areas
        Their 0-based indices.
    common
        Number of atoms found in both.
    alone
        Number of atoms more than 2 angstrom inside both that only one of them has.
    rms
        Root mean square distance of the common atoms after alignment, angstrom; NaN without any.
    displacement
        Shape (3,): by how much the second lies displaced from the first, angstrom; NaN if fewer
        than ten atoms are common.
    z_scores
        Shape (3,): along x, y, z, root mean square of the differences of the common atoms over the
        errors that both models state, ``(r_b - r_a) / sqrt(sigma_a^2 + sigma_b^2)``; NaN without
        any. One for independent images and honest errors; sub-areas cut from the same images share
        their noise, and have less.
    """

    areas: tuple[int, int]
    common: int
    alone: int
    rms: float
    displacement: NDArray[np.float64]
    z_scores: NDArray[np.float64]

    def summary(self) -> dict[str, Any]:
        """The attributes as plain numbers, areas counted from 1; None for NaN."""
        found = np.isfinite(self.displacement).all()
        return {
            "areas": [index + 1 for index in self.areas],
            "common": self.common,
            "alone": self.alone,
            "rms_pm": 100 * self.rms if self.common else None,
            "displacement": self.displacement.tolist() if found else None,
            "rms_z_scores": self.z_scores.tolist() if self.common else None,
        }


@dataclass(frozen=True)
class Patched:
    """A model patched together from sub-areas.

    Attributes
    ----------
    model
        The atoms, origin on the middle of the whole volume; ``area`` of each counts from 1.
    overlaps
        Each pair of areas that overlap.
    """

    model: AtomicModel
    overlaps: tuple[Overlap, ...]


def patch_models(
    areas: SubAreas,
    models: Mapping[int, AtomicModel],
    pixel_size: float,
    shape: tuple[int, int, int],
    name: str = "",
) -> Patched:
    """Put the models of overlapping sub-areas together.

    Sub-areas are first aligned to each other by their common atoms, because the origin of each is
    free where shifts of its images were fitted; their mean displacement stays zero. Each place then
    belongs to the area in which it lies deepest; where two areas are about as deep, the atoms of
    both are taken, and of two nearer than 1.2 angstrom the one with the smaller error.

    Parameters
    ----------
    areas
        Positions of all areas in the volume.
    models
        Models by 0-based index of the area, in angstrom about its centre, with arrays
        ``sigma_x``, ``sigma_y``, ``sigma_z``.
    pixel_size
        Angstrom.
    shape
        Voxels of the whole volume.
    name
        Name of the patched model.

    Returns
    -------
    The model and the agreement in the overlaps.

    Raises
    ------
    InputError
        If an index belongs to no area, or there is no model.

    Notes
    -----
    MATLAB: none; 4_Atom_tracing/Main_atom_tracing_Ta_film.m (film paper) patches traced peaks in
    fixed windows, see :func:`aet_port.tracing.patching.patch_peaks`

    Examples
    --------
    Two areas that share the atom at x = 0:

    >>> import numpy as np
    >>> from aet_port import AtomicModel
    >>> from aet_port.core.sub_areas import SubAreas
    >>> from aet_port.core.uncertainty import uncertainty_arrays
    >>> areas = SubAreas([[10, 10, 10], [20, 10, 10]], [[10, 10, 10]] * 2)
    >>> def model(x):
    ...     places = [[one, 0.0, 0.0] for one in x]
    ...     errors = uncertainty_arrays(np.full((len(x), 1, 1), 0.01) * np.eye(3))
    ...     return AtomicModel.from_positions(places, "Ta", **errors)
    >>> models = {0: model([-4.0, 2.5]), 1: model([-2.6, 3.0])}
    >>> found = patch_models(areas, models, 0.5, (31, 21, 21))
    >>> len(found.model), found.overlaps[0].common
    (3, 1)
    """
    unknown = set(models) - set(range(len(areas)))
    if unknown or not models:
        found = f"an area {min(unknown)}" if unknown else "no area"
        raise InputError("models", found, f"indices 0 to {len(areas) - 1}")
    order = sorted(models)
    middle = np.array([n // 2 for n in shape])
    offsets = {k: (areas.centres[k] - middle) * pixel_size for k in order}
    half = {k: (areas.half_sizes[k, :2] + 0.5) * pixel_size for k in order}
    places = {k: models[k].positions + offsets[k] for k in order}

    def depth(k: int, points: NDArray) -> NDArray[np.float64]:
        return np.asarray((half[k] - np.abs(points - offsets[k])[:, :2]).min(axis=1))

    pairs = [
        (a, b)
        for a, b in combinations(order, 2)
        if (np.abs(offsets[a] - offsets[b])[:2] < half[a] + half[b]).all()
    ]
    steps = {pair: _displacement(places[pair[0]], places[pair[1]]) for pair in pairs}
    moves = _moves(order, steps)
    places = {k: places[k] - moves[k] for k in order}
    overlaps = []
    for a, b in pairs:
        first, second = _pairs(places[a], places[b])
        rest = places[b][second] - places[a][first]
        alone = 0
        for own, other, taken in ((a, b, first), (b, a, second)):
            lonely = np.ones(len(places[own]), bool)
            lonely[taken] = False
            both = np.minimum(depth(own, places[own]), depth(other, places[own])) > INSIDE
            alone += int(np.sum(lonely & both))
        rms, scores = float("nan"), np.full(3, np.nan)
        if len(first):
            rms = float(np.sqrt((rest**2).sum(axis=1).mean()))
            variance = _variances(models[a])[first] + _variances(models[b])[second]
            scores = np.sqrt((rest**2 / variance).mean(axis=0))
        overlaps.append(Overlap((a, b), len(first), alone, rms, steps[a, b], scores))
    kept = {k: _owned(k, places[k], order, depth) for k in order}
    for a, b in pairs:
        first, second = _pairs(places[a], places[b])
        for i, j in zip(first, second, strict=True):
            if kept[a][i] and kept[b][j]:
                worse = _error(models[a], i) > _error(models[b], j)
                kept[a if worse else b][i if worse else j] = False
    atoms = Atoms()
    for k in order:
        own = models[k].atoms.copy()
        own.positions = places[k]
        own.arrays["area"] = np.full(len(own), k + 1)
        atoms += own[kept[k]]
    named = {own.atoms.info.get(POSTERIOR_SPECIES) for own in models.values()}
    if len(named) == 1 and None not in named:
        atoms.info[POSTERIOR_SPECIES] = named.pop()
    return Patched(AtomicModel(atoms, name=name), tuple(overlaps))


def _pairs(one: NDArray, other: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mutual nearest neighbours that are one atom: their numbers in both lists."""
    paired, partner = mutual_pairs(one, other, SAME)
    first = np.flatnonzero(paired)
    return first, partner[first]


def _displacement(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Median displacement of the second list; NaN with too few common atoms."""
    step = np.zeros(3)
    for _ in range(TURNS):
        first, second = _pairs(one, other - step)
        if len(first) < ENOUGH:
            return np.full(3, np.nan)
        step = np.median(other[second] - one[first], axis=0)
    return step


def _moves(
    order: list[int], steps: Mapping[tuple[int, int], NDArray]
) -> dict[int, NDArray[np.float64]]:
    """Displacement of each area that best explains those of pairs, with the least mean square."""
    number = {k: n for n, k in enumerate(order)}
    rows, found = [], []
    for (a, b), step in steps.items():
        if np.isfinite(step).all():
            row = np.zeros(len(order))
            row[number[b]], row[number[a]] = 1, -1
            rows.append(row)
            found.append(step)
    if not rows:
        return {k: np.zeros(3) for k in order}
    solved = np.linalg.lstsq(np.array(rows), np.array(found), rcond=None)[0]
    return {k: solved[number[k]] for k in order}


def _owned(k: int, points: NDArray, order: list[int], depth: Depth) -> NDArray[np.bool_]:
    """Atoms of an area at places where no other area lies clearly deeper."""
    owned = np.ones(len(points), bool)
    for other in order:
        if other != k and len(points):
            owned &= depth(other, points) < depth(k, points) + SEAM
    return owned


def _variances(model: AtomicModel) -> NDArray[np.float64]:
    """Variance of each coordinate, shape (n, 3), square angstrom."""
    return np.stack([model.atoms.arrays[name] ** 2 for name in SIGMAS], axis=1)


def _error(model: AtomicModel, index: int) -> float:
    return float(_variances(model)[index].sum())
