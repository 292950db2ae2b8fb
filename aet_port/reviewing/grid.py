"""A volume of which slices are shown, read from its file as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.io import read_volume
from aet_port.io.arrays import reading

PLANES = {"xy": 2, "xz": 1, "yz": 0}  # by the axis that is perpendicular to it
SAMPLES = 200_000  # voxels from which the limits of the grey scale are taken
FAR = 1.5  # angstrom that a click may be from the maximum that it means
SMOOTHED = 0.35  # angstrom, standard deviation of the Gaussian before a maximum is sought
WHITE = 99.95  # percentile of the voxels that is shown white


@dataclass(frozen=True)
class Grid:
    """A volume, in memory or mapped from a file.

    Attributes
    ----------
    volume
        The voxels with their size and origin.
    signed
        Whether negative values count as much as positive ones, as in a difference.
    """

    volume: Volume
    signed: bool = False

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Values that are shown as 0 and as 255."""
        flat = self.volume.array.reshape(-1)
        some = np.asarray(flat[:: max(1, flat.size // SAMPLES)], dtype=np.float64)
        high = float(np.percentile(np.abs(some) if self.signed else some, WHITE))
        low = -high if self.signed else float(np.percentile(some, 1.0))
        return (low, high) if high > low else (low, low + 1.0)

    def slice(self, plane: str, index: int) -> NDArray[np.uint8]:
        """A plane as grey values, its first axis to the right and its second one upward.

        Raises
        ------
        InputError
            For another plane, or an index outside of the volume.
        """
        if plane not in PLANES:
            raise InputError("plane", repr(plane), f"one of {', '.join(PLANES)}")
        axis = PLANES[plane]
        if not 0 <= index < self.volume.shape[axis]:
            raise InputError("index", str(index), f"0 to {self.volume.shape[axis] - 1}")
        values = np.asarray(np.take(self.volume.array, index, axis=axis), dtype=np.float32)
        low, high = self.limits
        grey = np.clip((values - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(grey.T[::-1])

    def snapped(self, position: ArrayLike) -> tuple[float, float, float] | None:
        """The local maximum within 1.5 angstrom of a place, uphill from it; None without one."""
        size = self.volume.voxel_size
        start = self.volume.to_voxels(np.reshape(np.asarray(position, np.float64), (1, 3)))[0]
        half = int(np.ceil(FAR / size)) + 2
        shape = np.array(self.volume.shape)
        middle = np.round(start).astype(int)
        low, high = np.maximum(middle - half, 0), np.minimum(middle + half + 1, shape)
        if np.any(high - low < 3) or np.any(middle < 0) or np.any(middle >= shape):
            return None
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        part = np.array(self.volume.array[box], dtype=np.float64)
        part = gaussian_filter(part, SMOOTHED / size, mode="nearest")
        at = middle - low
        for _ in range(4 * half):
            first = np.maximum(at - 1, 0)
            around = part[tuple(slice(int(a), int(b) + 2) for a, b in zip(first, at, strict=True))]
            best = first + np.array(np.unravel_index(int(around.argmax()), around.shape))
            if np.array_equal(best, at):
                break
            at = best
        if np.any(at == 0) or np.any(at == np.array(part.shape) - 1):
            return None
        found = at.astype(np.float64)
        for axis in range(3):
            step = np.eye(3, dtype=int)[axis]
            below, here, above = (float(part[tuple(at + k * step)]) for k in (-1, 0, 1))
            bend = below - 2 * here + above
            if bend < 0:
                found[axis] += 0.5 * (below - above) / bend
        place = self.volume.to_positions((found + low).reshape(1, 3))[0]
        if np.linalg.norm(place - np.asarray(position)) > FAR:
            return None
        return (float(place[0]), float(place[1]), float(place[2]))

    def values(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest voxel at each position; NaN outside."""
        voxels = np.round(self.volume.to_voxels(positions)).astype(np.int64)
        inside = np.all((voxels >= 0) & (voxels < np.array(self.volume.shape)), axis=1)
        found = np.full(len(positions), np.nan)
        found[inside] = self.volume.array[tuple(voxels[inside].T)]
        return found


def open_volume(
    path: str | Path, voxel_size: float | None = None, variable: str | None = None
) -> Grid:
    """A volume whose voxels stay in its file where they can (.npy), or are read.

    Raises
    ------
    DataFileError
        As :func:`aet_port.io.read_volume`.
    """
    file = Path(path)
    if file.suffix.lower() != ".npy" or voxel_size is None:
        return Grid(read_volume(file, voxel_size, variable))
    with reading(file, "a volume"):
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    return Grid(Volume(array, voxel_size, name=file.name))
