"""Maxima and minima of a difference map, with the atoms nearest to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.tracing.settings import DIFFERENCE

MOST_PEAKS = 100_000


@dataclass(frozen=True, repr=False)
class MapPeaks(Shown):
    """Strongest peaks of a map, by absolute height.

    Attributes
    ----------
    positions
        Shape (n, 3), angstrom.
    heights
        Shape (n,): height of the Gaussian that fits best there, negative for minima, in units of
        the map.
    sigma
        Standard deviation of the map filtered in this way: heights over it are comparable between
        maps.
    distances
        Shape (n,), angstrom to the nearest atom; NaN without a model.
    atoms
        Shape (n,): index of that atom; -1 without a model.
    species
        Its species; empty texts without a model.
    """

    positions: NDArray[np.float64]
    heights: NDArray[np.float64]
    sigma: float
    distances: NDArray[np.float64]
    atoms: NDArray[np.int64]
    species: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.heights)

    def rows(self, scales: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
        """One row for each peak.

        Parameters
        ----------
        scales
            Height of an atom of each species in the map, for a column with the relative height.
        """
        rows: list[dict[str, Any]] = []
        for k, (place, height) in enumerate(zip(self.positions, self.heights, strict=True)):
            row: dict[str, Any] = {
                "sign": "+" if height > 0 else "-",
                **dict(zip("xyz", map(float, place), strict=True)),
                "height": float(height),
                "sigmas": float(height / self.sigma) if self.sigma > 0 else None,
            }
            if self.atoms[k] >= 0:
                row |= {
                    "distance": float(self.distances[k]),
                    "atom": int(self.atoms[k]),
                    "species": self.species[k],
                }
                if scales is not None:
                    row["of_atom"] = float(height / scales[self.species[k]])
            rows.append(row)
        return rows


@checked
def find_map_peaks(
    volume: Volume,
    model: AtomicModel | None = None,
    *,
    width: float | None = None,
    number: int = DIFFERENCE.peaks,
    minimum_distance: float = DIFFERENCE.apart,
) -> MapPeaks:
    """Find the strongest maxima and minima of a difference map.

    The map is filtered with a Gaussian of the width of an atom, so that each voxel holds the height
    ``sum d g / sum g^2`` of the Gaussian that fits best about it; extrema of that map are refined
    by parabolas along x, y and z.

    Parameters
    ----------
    volume
        The difference map.
    model
        Atoms in the frame of the volume, for the distance to the nearest one.
    width
        Standard deviation of an atom, angstrom; one voxel unless given.
    number
        Largest number of maxima, and of minima.
    minimum_distance
        Smallest distance between two maxima, or two minima, angstrom.

    Returns
    -------
    The peaks, strongest first.

    Raises
    ------
    InputError
        For a width or distance out of range.

    Notes
    -----
    MATLAB: none; in the papers such maps were inspected by eye

    Examples
    --------
    >>> array = np.zeros((24, 24, 24))
    >>> array[8, 12, 12], array[16, 12, 12] = 2.0, -1.0
    >>> found = find_map_peaks(Volume(array, 0.5), number=1)
    >>> found.positions.round(2).tolist()
    [[-2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    size = volume.voxel_size
    sigma = 1.0 if width is None else width / size
    if not 0.1 <= sigma <= max(volume.shape):
        expected = f"between {0.1 * size:g} and {max(volume.shape) * size:g} angstrom"
        raise InputError("width", f"{width!r}", expected)
    if not 0 <= minimum_distance < np.inf:
        raise InputError("minimum_distance", f"{minimum_distance!r}", "zero or more, in angstrom")
    if not 1 <= number <= MOST_PEAKS:
        raise InputError("number", f"{number!r}", f"1 to {MOST_PEAKS}")
    check_memory("peaks of the map", 40.0 * volume.array.size, "a smaller volume")
    heights = matched_heights(np.asarray(volume.array, dtype=np.float64), sigma)
    places, strengths = [], []
    for sign in (1.0, -1.0):
        found, strength = maxima(sign * heights, 0.0)
        kept = apart(found * size, minimum_distance, number)
        places.append(found[kept])
        strengths.append(sign * strength[kept])
    strength = np.concatenate(strengths)
    order = np.argsort(-np.abs(strength), kind="stable")
    positions = volume.to_positions(np.concatenate(places)[order])
    distances, atoms = np.full(len(order), np.nan), np.full(len(order), -1)
    if model is not None and len(order):
        distances, atoms = cKDTree(model.positions).query(positions)
    names = model.species if model is not None else ()
    species = tuple(names[k] if k >= 0 else "" for k in atoms)
    return MapPeaks(positions, strength[order], float(heights.std()), distances, atoms, species)


def matched_heights(array: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Height of the Gaussian that fits best about each voxel, ``sigma`` in voxels."""
    # The filter's Gaussian has the sum one; the sum of squares of ours is (pi sigma^2)^(3/2).
    return 2**1.5 * gaussian_filter(array, sigma, mode="constant", truncate=5.0)


def maxima(
    height: NDArray[np.float64], least: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maxima above ``least``, highest first: positions (n, 3) in voxels, and heights (n,)."""
    top = (height == maximum_filter(height, 3, mode="constant", cval=-np.inf)) & (height > least)
    places = np.argwhere(top)
    refined = places.astype(np.float64)
    for axis in range(3):
        step = np.zeros(3, np.int64)
        step[axis] = 1
        inner = (places[:, axis] > 0) & (places[:, axis] < height.shape[axis] - 1)
        at = places[inner]
        below, here, above = (height[tuple((at + s).T)] for s in (-step, 0 * step, step))
        bend = below - 2 * here + above
        shift = np.zeros(len(at))
        np.divide(0.5 * (below - above), bend, out=shift, where=bend < 0)
        refined[inner, axis] += shift
    strength = height[tuple(places.T)]
    order = np.argsort(-strength, kind="stable")
    return refined[order], strength[order]


def apart(places: ArrayLike, distance: float, number: int | None = None) -> NDArray[np.int64]:
    """Indices of the first ``number`` positions that are not close to one chosen earlier."""
    table = np.asarray(places, dtype=np.float64)
    tree = cKDTree(table) if len(table) else None
    free = np.ones(len(table), bool)
    chosen: list[int] = []
    for k in range(len(table)):
        if number is not None and len(chosen) == number:
            break
        if free[k] and tree is not None:
            chosen.append(k)
            free[tree.query_ball_point(table[k], distance)] = False
    return np.array(chosen, dtype=np.int64)
