"""Sub-areas of scanning tomography: their positions in the full volume, and patching them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation

from aet_port.core.errors import InputError
from aet_port.core.geometry import crop_centred
from aet_port.core.memory import check_memory

TRIM_Y = 4  # voxels left out at a border between two rows of areas
SHARED_X = 2  # voxels that an area keeps beyond the middle line to its neighbour along x

Slices = tuple[slice, slice, slice]
AreaVolumes = Mapping[int, NDArray] | Callable[[int], NDArray | None]


class Window(NamedTuple):
    """The part of one area that is kept: the same voxels in the full volume and in the area."""

    full: Slices
    area: Slices

    @property
    def shift(self) -> NDArray[np.int64]:
        """Offset from a voxel coordinate of the area to that of the full volume."""
        return np.array([f.start - a.start for f, a in zip(self.full, self.area, strict=True)])


def _round(value: float) -> int:
    """Round to the nearest integer, halves away from zero, as MATLAB's ``round``."""
    return int(np.copysign(np.floor(abs(value) + 0.5), value))


@dataclass(frozen=True)
class SubAreas:
    """Overlapping boxes, in rows of equal y, that cover a volume.

    Parameters
    ----------
    centres
        Shape (n, 3): the central voxel of each box in the full volume, 0-based.
        :meth:`from_published` takes the papers' 1-based ones.
    half_sizes
        Shape (n, 3): box k holds ``2 * half_sizes[k] + 1`` voxels along each axis.

    Raises
    ------
    InputError
        For shapes that do not match, fractions, negative sizes, or two areas at one (x, y).
    """

    centres: NDArray
    half_sizes: NDArray

    def __post_init__(self) -> None:
        for name in ("centres", "half_sizes"):
            given = np.asarray(getattr(self, name))
            table = given.astype(np.int64) if given.dtype.kind in "iuf" else given
            if table.ndim != 2 or table.shape[1:] != (3,) or len(table) == 0:
                raise InputError(
                    f"sub-areas: {name}", f"shape {table.shape}", "shape (n, 3), n above zero"
                )
            if table.dtype.kind != "i" or not np.array_equal(table, given):
                raise InputError(
                    f"sub-areas: {name}", f"{given.dtype} values with fractions", "whole voxels"
                )
            object.__setattr__(self, name, table)
        if self.centres.shape != self.half_sizes.shape:
            raise InputError(
                "sub-areas: half_sizes",
                f"{len(self.half_sizes)} rows",
                f"{len(self.centres)}, one per centre",
            )
        if (self.half_sizes < 0).any():
            raise InputError(
                "sub-areas: half_sizes", "a negative size", "sizes of zero or more voxels"
            )
        places, count = np.unique(self.centres[:, :2], axis=0, return_counts=True)
        if (count > 1).any():
            x, y = places[np.argmax(count > 1)]
            raise InputError(
                "sub-areas: centres", f"two areas at x = {x}, y = {y}", "one area at each (x, y)"
            )

    @classmethod
    def from_published(cls, crop_centre: ArrayLike, crop_half: ArrayLike) -> SubAreas:
        """Make areas from ``CropCen`` (1-based voxels) and ``CropHalf`` of the film paper."""
        return cls(
            np.asarray(crop_centre, dtype=np.float64) - 1, np.asarray(crop_half, dtype=np.float64)
        )

    def __len__(self) -> int:
        return len(self.centres)

    def shape_of(self, index: int) -> tuple[int, int, int]:
        """Number of voxels of one area along x, y, z."""
        nx, ny, nz = (2 * self.half_sizes[index] + 1).tolist()
        return nx, ny, nz

    def rows(self) -> list[list[int]]:
        """Indices of the areas row by row, rows by increasing y, areas in a row by increasing x."""
        return [
            sorted(
                np.flatnonzero(self.centres[:, 1] == y).tolist(), key=lambda k: self.centres[k, 0]
            )
            for y in np.unique(self.centres[:, 1])
        ]

    @property
    def order(self) -> list[int]:
        """Order in which areas are patched; where windows overlap, the later one is kept."""
        return [index for row in self.rows() for index in row]

    def windows(self, trim_y: int = TRIM_Y) -> list[Window]:
        """Part of each area that is kept, in the order of ``centres``.

        Along z the whole area is kept. Along y ``trim_y`` voxels are cut at each side that faces
        another row. Along x ``round(half - spacing / 2) - 2`` voxels are cut at each side that
        faces a neighbour, where ``spacing`` is the distance between the first two areas of its row,
        so that two neighbours share about five voxels.

        Parameters
        ----------
        trim_y
            Number of voxels to cut at borders between rows.

        Raises
        ------
        InputError
            If neighbours in a row do not overlap enough, or nothing is left of an area.

        Notes
        -----
        MATLAB: 2_RESIRE_package/Main_RESIRE_Ta_film_sAET.m and
        4_Atom_tracing/Main_atom_tracing_Ta_film.m (film paper). As there, the spacing of a whole
        row is that of its first two areas. There the areas of a row must be in order of increasing
        x, with at least two rows of two; here any order and number is allowed, and outer sides are
        not cut.
        """
        kept: dict[int, Window] = {}
        rows = self.rows()
        for number, row in enumerate(rows):
            spacing = self.centres[row[1], 0] - self.centres[row[0], 0] if len(row) > 1 else 0
            for place, index in enumerate(row):
                half = self.half_sizes[index]
                trim_x = _round(half[0] - spacing / 2) - SHARED_X if len(row) > 1 else 0
                if trim_x < 0:
                    raise InputError(
                        f"sub-areas: area {index}",
                        f"a half width of {half[0]} voxels with neighbours {spacing} apart",
                        f"areas that extend {SHARED_X} voxels beyond the middle to a neighbour",
                    )
                trims = [
                    (trim_x * (place > 0), trim_x * (place < len(row) - 1)),
                    (trim_y * (number > 0), trim_y * (number < len(rows) - 1)),
                    (0, 0),
                ]
                size = self.shape_of(index)
                first = self.centres[index] - half
                if any(low + high >= n for (low, high), n in zip(trims, size, strict=True)):
                    raise InputError(
                        f"sub-areas: area {index}",
                        f"nothing left of {size} voxels",
                        f"less trimming than {trims}",
                    )
                area = [slice(low, n - high) for (low, high), n in zip(trims, size, strict=True)]
                full = [
                    slice(int(f) + s.start, int(f) + s.stop)
                    for f, s in zip(first, area, strict=True)
                ]
                kept[index] = Window((full[0], full[1], full[2]), (area[0], area[1], area[2]))
        return [kept[index] for index in range(len(self))]

    def border_distance(
        self, points: ArrayLike, indices: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """Distance of points from the border of the field of some areas, across the beam.

        The field is the union of their boxes seen along z. Atoms nearer to its border than their
        neighbours can be had neighbours that no image of these areas shows.

        Parameters
        ----------
        points
            Shape (n, 3) or (n, 2): voxel coordinates in the full volume, 0-based.
        indices
            0-based areas; all unless given.

        Returns
        -------
        Shape (n,), voxels; zero outside the field.

        Raises
        ------
        InputError
            For an index of no area, or none.

        Notes
        -----
        MATLAB: none

        Examples
        --------
        Two areas of 5 x 5 voxels that share a column:

        >>> areas = SubAreas([[2, 2, 2], [6, 2, 2]], [[2, 2, 2]] * 2)
        >>> areas.border_distance([[2, 2], [4, 2], [4, 4.25], [20, 2]]).tolist()
        [2.5, 2.5, 0.25, 0.0]
        >>> areas.border_distance([[4, 2]], [0]).tolist()
        [0.5]
        """
        chosen = range(len(self)) if indices is None else list(indices)
        if not len(chosen) or not set(chosen) <= set(range(len(self))):
            raise InputError("sub-areas", f"{list(chosen)}", f"indices 0 to {len(self) - 1}")
        places = np.asarray(points, dtype=np.float64)[:, :2]
        low = self.centres[:, :2] - self.half_sizes[:, :2]
        high = self.centres[:, :2] + self.half_sizes[:, :2] + 1
        origin = low[chosen].min(axis=0) - 1
        field = np.zeros(high[chosen].max(axis=0) + 1 - origin, dtype=bool)
        for k in chosen:
            (x0, y0), (x1, y1) = low[k] - origin, high[k] - origin
            field[x0:x1, y0:y1] = True
        # Voxels around it: those outside that touch one inside.
        around = np.argwhere(binary_dilation(field, np.ones((3, 3))) & ~field) + origin
        result = np.zeros(len(places))
        cell = np.rint(places).astype(np.int64) - origin
        within = ((cell >= 0) & (cell < field.shape)).all(axis=1)
        within[within] = field[tuple(cell[within].T)]
        for n in np.flatnonzero(within):
            gap = np.maximum(np.abs(around - places[n]) - 0.5, 0)
            result[n] = np.sqrt((gap**2).sum(axis=1).min())
        return result


def patch_volumes(
    areas: SubAreas, volumes: AreaVolumes, shape: tuple[int, int, int], trim_y: int = TRIM_Y
) -> NDArray[np.float32]:
    """Patch the full volume together from the reconstructions of its sub-areas.

    Parameters
    ----------
    areas
        All areas, including those without a volume, because neighbours determine the windows.
    volumes
        A mapping, or a function (for areas too large to hold at once; it may return None), from
        the 0-based index of an area to its volume. Missing areas are zero. A volume larger than its
        area (an extended reconstruction) is cropped about its centre.
    shape
        Number of voxels of the full volume.
    trim_y
        See :meth:`SubAreas.windows`.

    Returns
    -------
    Array of ``shape`` in single precision.

    Raises
    ------
    InputError
        If a window extends beyond ``shape``, a volume is smaller than its area, or an index belongs
        to no area.

    Notes
    -----
    MATLAB: 2_RESIRE_package/Main_RESIRE_Ta_film_sAET.m, second part (film paper)
    """
    if isinstance(volumes, Mapping):
        unknown = set(volumes) - set(range(len(areas)))
        if unknown:
            raise InputError("volumes", f"an area {min(unknown)}", f"indices 0 to {len(areas) - 1}")
        fetch: Callable[[int], NDArray | None] = volumes.get
    else:
        fetch = volumes
    check_memory("volume_shape", 4.0 * math.prod(shape), "a smaller volume_shape")
    patched = np.zeros(shape, dtype=np.float32)
    windows = areas.windows(trim_y)
    for index in areas.order:
        volume = fetch(index)
        if volume is None:
            continue
        window = windows[index]
        if any(s.start < 0 or s.stop > n for s, n in zip(window.full, shape, strict=True)):
            ends = [(s.start, s.stop) for s in window.full]
            raise InputError(
                "shape",
                f"{tuple(shape)} with area {index} at {ends}",
                "a volume that holds every area",
            )
        expected = areas.shape_of(index)
        if volume.ndim != 3 or any(n < m for n, m in zip(volume.shape, expected, strict=True)):
            raise InputError(
                f"volume of area {index}", f"shape {volume.shape}", f"{expected} or larger"
            )
        patched[window.full] = crop_centred(volume, expected)[window.area]
    return patched
