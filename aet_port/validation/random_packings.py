"""Random packings with the outline of a model: how well one scores that knows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.validation.frame_search import find_frame
from aet_port.validation.matching import match_models
from aet_port.validation.settings import FEWEST_PACKINGS

SHORT = 0.02  # quantile of the nearest distances that counts as the smallest: not one freak pair
DENSEST = 0.55  # packing fraction up to which random spheres are pushed apart
BOX_ATOMS = 3000  # atoms in the periodic box of which the packings are cut
PUSHES = 300
TOUCHING = 0.98  # of the smallest distance: apart
CLOSING = 1.6  # neighbour distances: gaps narrower than twice that are inside
PER_DISTANCE = 4  # voxels of the outline along a distance of neighbours
MOST_VOXELS = 4_000_000
SEARCHED = 500  # atoms up to which packings are searched over frames; of more, it adds little
CLEAR = 3.0  # standard deviations above the packings


@dataclass(frozen=True, repr=False)
class NullComparison(Shown):
    """A model beside random packings of the same outline, number of atoms and smallest distance.

    Attributes
    ----------
    recall
        Recall of the model.
    packings
        Shape (k,): recall of the packings.
    distance
        Smallest distance in the packings, angstrom.
    frames_searched
        Whether the frames of the packings were searched like that of the model.
    """

    recall: float
    packings: NDArray[np.float64]
    distance: float
    frames_searched: bool

    def _facts(self) -> dict[str, object]:
        return {
            "recall": f"{100 * self.recall:.4g} %",
            "of random packings": f"{100 * self.packings.mean():.4g} %",
            "as good": f"{self.as_good} of {len(self.packings)}",
        }

    @property
    def as_good(self) -> int:
        """Number of packings with the recall of the model or more."""
        return int(np.sum(self.packings >= self.recall))

    @property
    def probability(self) -> float:
        """``(1 + as good) / (1 + k)``: p-value of the rank of the model among the packings."""
        return (1 + self.as_good) / (1 + len(self.packings))

    @property
    def deviations(self) -> float:
        """Standard deviations of the packings by which the model is above their mean."""
        spread = max(float(np.std(self.packings, ddof=1)), 1e-9)
        return float(self.recall - self.packings.mean()) / spread

    @property
    def random(self) -> bool:
        """Whether the model is not clearly better than the packings."""
        return self.as_good > 0 or self.deviations < CLEAR

    def plain(self) -> dict[str, Any]:
        """Results for JSON."""
        return {
            "recall": self.recall,
            "packings": len(self.packings),
            "mean_recall": float(self.packings.mean()),
            "largest_recall": float(self.packings.max()),
            "as_good": self.as_good,
            "probability": self.probability,
            "deviations": self.deviations,
            "distance": self.distance,
            "frames_searched": self.frames_searched,
            "random": self.random,
        }


def compare_with_packings(
    found: ArrayLike,
    truth: ArrayLike,
    recall: float,
    radius: float,
    draws: int = FEWEST_PACKINGS,
    seed: int = 0,
    any_frame: bool = False,
) -> NullComparison:
    """Recall of random packings that replace the model.

    Parameters
    ----------
    found, truth
        Positions, shape (n, 3), angstrom, in one frame.
    recall
        Recall of the model.
    radius
        Largest distance of a pair, angstrom.
    draws
        Number of packings, at least 20.
    seed
        Seed of the packings.
    any_frame
        Whether the frame of the model was searched. Then those of packings of up to 500 atoms
        are, too, 20 of them: of more atoms even the best frame is hardly better than any.

    Returns
    -------
    The recalls.

    Raises
    ------
    InputError
        For fewer packings or fewer than 4 atoms.

    Notes
    -----
    MATLAB: none
    """
    there = np.asarray(truth, dtype=np.float64)
    if draws < FEWEST_PACKINGS:
        raise InputError("packings", repr(draws), f"{FEWEST_PACKINGS} or more")
    packings = RandomPackings(found, seed)
    searched = any_frame and min(len(packings.positions), len(there)) <= SEARCHED
    recalls = []
    for points in packings.draw(FEWEST_PACKINGS if searched else draws):
        moved = find_frame(points, there, radius).move(there) if searched else there
        # The common shift of so many random pairs is nothing.
        near = cKDTree(moved).query(points, distance_upper_bound=radius)[0]
        if not np.isfinite(near).any():
            recalls.append(0.0)
            continue
        matching = match_models(points, moved, radius, align=False)
        recalls.append(matching.matched / matching.n_truth)
    return NullComparison(recall, np.array(recalls), packings.distance, searched)


class RandomPackings:
    """Random hard-core packings with outline, number of atoms and smallest distance of a model.

    Points in a periodic box with the density inside the model are pushed apart until none are
    closer than ``distance``; each packing is a piece of it, turned and displaced at random, cut
    along the outline. The outline contains all points from which a sphere of 1.6 neighbour
    distances can't be reached without touching an atom (the closing of the atoms by that sphere).

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.
    seed
        Seed of all random numbers.

    Attributes
    ----------
    distance
        Smallest distance, angstrom: that of the model (its 2 % quantile), or less where spheres of
        that size would fill more than 55 %.
    density
        Atoms per cubic angstrom.

    Raises
    ------
    InputError
        For fewer than 4 atoms or atoms that all coincide.

    Examples
    --------
    >>> import numpy as np
    >>> places = 3.0 * np.stack(np.meshgrid(*3 * [np.arange(6)]), axis=-1).reshape(-1, 3)
    >>> packings = RandomPackings(places, seed=1)
    >>> [len(points) for points in packings.draw(2)]
    [216, 216]

    Notes
    -----
    MATLAB: none
    """

    def __init__(self, positions: ArrayLike, seed: int = 0) -> None:
        self.positions = np.asarray(positions, dtype=np.float64)
        if self.positions.ndim != 2 or self.positions.shape[1] != 3 or len(self.positions) < 4:
            raise InputError(
                "positions", f"shape {self.positions.shape}", "(n, 3), 4 atoms or more"
            )
        nearest = cKDTree(self.positions).query(self.positions, k=2)[0][:, 1]
        typical = float(np.median(nearest))
        if typical == 0:
            raise InputError("positions", "atoms at the same place", "a distance between them")
        self._rng = np.random.default_rng(seed)
        self._outline(typical)
        wanted = float(np.quantile(nearest, SHORT))
        self.distance = min(wanted, (DENSEST * 6 / (np.pi * self.density)) ** (1 / 3))
        self._side = (BOX_ATOMS / self.density) ** (1 / 3)
        self._box = _push_apart(self._side, self.distance, self._rng)

    def draw(self, count: int) -> Iterator[NDArray[np.float64]]:
        """Yield packings, each of shape (n, 3), angstrom."""
        low = self._origin
        middle = low + self._voxel * (np.array(self._depth.shape) - 1) / 2
        reach = self._voxel * float(np.linalg.norm(self._depth.shape)) / 2
        copies = int(np.ceil(reach / self._side)) + 1
        steps = np.arange(-copies, copies + 1) * self._side
        cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        # A box has its corner at the cell and is displaced by up to a side.
        cells = cells[np.linalg.norm(cells + self._side, axis=1) <= reach + 1.8 * self._side]
        for _ in range(count):
            moved = self._box + self._rng.uniform(0, self._side, 3)
            turn, _ = np.linalg.qr(self._rng.normal(size=(3, 3)))
            parts = [(moved + cell) @ turn.T for cell in cells]
            points = np.concatenate(parts) + middle
            index = np.round((points - low) / self._voxel).astype(np.int64)
            inside = np.all((index >= 0) & (index < self._depth.shape), axis=1)
            points, index = points[inside], index[inside]
            depth = self._depth[tuple(index.T)]
            # The outline is taken a little wider or narrower, so that the number is right.
            yield points[np.argsort(-depth, kind="stable")[: len(self.positions)]]

    def _outline(self, typical: float) -> None:
        """Depth below the outline on a grid, negative outside, and the density inside."""
        margin = (CLOSING + 1) * typical
        low, high = self.positions.min(axis=0) - margin, self.positions.max(axis=0) + margin
        self._voxel = max(
            typical / PER_DISTANCE, float(np.prod(high - low) / MOST_VOXELS) ** (1 / 3)
        )
        shape = np.ceil((high - low) / self._voxel).astype(int) + 1
        self._origin = low
        empty = np.ones(shape, dtype=bool)
        index = np.round((self.positions - low) / self._voxel).astype(int)
        empty[tuple(index.T)] = False
        ball = CLOSING * typical
        near = ndimage.distance_transform_edt(empty, sampling=self._voxel) <= ball
        inside = ndimage.distance_transform_edt(near, sampling=self._voxel) >= ball
        inside[tuple(index.T)] = True
        edt = ndimage.distance_transform_edt
        half = self._voxel / 2
        outside = edt(~inside, sampling=self._voxel) - half
        self._depth = np.where(inside, edt(inside, sampling=self._voxel) - half, -outside)
        # Deep inside; of few atoms all, with half of a neighbour distance around the outermost.
        deep = self._depth > typical
        atoms = int(deep[tuple(index.T)].sum())
        few = atoms < 100
        volume = self._voxel**3 * float(np.sum(self._depth > -typical / 2) if few else deep.sum())
        self.density = (len(self.positions) if few else atoms) / volume


def _push_apart(side: float, distance: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random points in a periodic box, pushed apart until they are a distance from each other."""
    points = rng.uniform(0, side, (BOX_ATOMS, 3))
    for _ in range(PUSHES):
        pairs = cKDTree(points, boxsize=side).query_pairs(distance, output_type="ndarray")
        if not len(pairs):
            break
        apart = points[pairs[:, 0]] - points[pairs[:, 1]]
        apart -= side * np.round(apart / side)
        length = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        if length.min() > TOUCHING * distance:
            break
        # A little more than touching, so that it ends.
        push = apart * (0.5 * (1.01 * distance / length - 1))[:, None]
        for axis in range(3):
            points[:, axis] += np.bincount(pairs[:, 0], push[:, axis], len(points))
            points[:, axis] -= np.bincount(pairs[:, 1], push[:, axis], len(points))
        points %= side
    return points
