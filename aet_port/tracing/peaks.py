"""Local maxima of an upsampled volume, and the list of traced peaks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.records import parsing, read_npz
from aet_port.tracing.upsampling import FineGrid, to_voxels

ACCEPTED = 0
NOT_A_MAXIMUM = -1
LEFT_THE_BOX = -2
TOO_CLOSE = -3
NOT_SETTLED = -4
SLAB_BYTES = 128 << 20


@dataclass(frozen=True, repr=False)
class Peaks(Shown):
    """Peaks of a volume, brightest first, with the result of each fit.

    Attributes
    ----------
    maxima
        Shape (n, 3), int32: the local maxima, 0-based indices into the fine grid.
    shifts
        Shape (n, 3): fitted position minus ``maxima``, in fine voxels.
    heights
        Shape (n,): upsampled value at the maximum.
    flags
        Shape (n,), int8: 0 accepted, -1 the polynomial has no maximum, -2 the position left the box
        around the voxel, -3 too close to a brighter accepted peak, -4 the fit did not converge.
    shape
        Number of voxels of the volume along x, y, z.
    voxel_size
        Voxel size of the volume, angstrom.
    coefficients
        Shape (n, 35): last polynomial of each peak, or None if they were not requested.
    n_maxima
        Number of local maxima above the threshold, of which the brightest n were fitted; None if
        not known (files written before it was kept).

    Notes
    -----
    MATLAB: none; the papers' code keeps positions and results of the fits in two variables

    Examples
    --------
    A Gaussian blob of 0.8 angstrom at a known position:

    >>> import numpy as np
    >>> import aet_port as aet
    >>> x, y, z = 0.4 * (np.indices((24, 24, 24)) - 12)  # angstrom
    >>> blob = np.exp(-((x - 0.3) ** 2 + (y - 0.1) ** 2 + (z + 0.5) ** 2) / 1.28)
    >>> volume = aet.Volume(blob, voxel_size=0.4)
    >>> peaks = aet.trace(volume, threshold=0.5)
    >>> peaks
    <Peaks: peaks 1, accepted 1, voxels 24 x 24 x 24, voxel size 0.4 angstrom>
    >>> volume.to_positions(peaks.accepted).round(1)
    array([[ 0.3,  0.1, -0.5]])
    """

    maxima: NDArray[np.int32]
    shifts: NDArray[np.float64]
    heights: NDArray[np.float64]
    flags: NDArray[np.int8]
    shape: tuple[int, int, int]
    voxel_size: float
    coefficients: NDArray[np.float64] | None = None
    n_maxima: int | None = None

    plot = methods.plot_peaks
    """Plot the peak heights: :func:`aet_port.figures.model_results.plot_peaks`."""

    def _facts(self) -> dict[str, object]:
        return {
            "peaks": len(self),
            "accepted": int(self.good.sum()),
            "voxels": times(self.shape),
            "voxel size": angstrom(self.voxel_size),
        }

    def __len__(self) -> int:
        return len(self.flags)

    @property
    def positions(self) -> NDArray[np.float64]:
        """Fitted positions, shape (n, 3), 0-based voxel coordinates, including rejected peaks.

        :meth:`aet_port.core.data.Volume.to_positions` converts them to angstrom.
        """
        return to_voxels(self.maxima + self.shifts)

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which peaks were accepted."""
        return self.flags == ACCEPTED

    @property
    def accepted(self) -> NDArray[np.float64]:
        """Positions of the accepted peaks, shape (m, 3), 0-based voxel coordinates."""
        return self.positions[self.good]

    def warning(self, name: str) -> str | None:
        """Say that there were more maxima than were fitted; None if all were.

        Parameters
        ----------
        name
            The volume, or its file.
        """
        if self.n_maxima is None or self.n_maxima <= len(self):
            return None
        return (
            f"{name}: {self.n_maxima} local maxima, of which only the brightest {len(self)} were"
            f" fitted, down to a height of {self.heights[-1]:.4g}; atoms of the weakest species may"
            " be among the others: raise max_peaks, or the threshold or the smoothing if these are"
            " noise"
        )

    def save(self, path: str | Path) -> Path:
        """Write an .npz file, never a partial one; the same peaks give an identical file."""
        content = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None
        }
        return write_whole(path, lambda partial: np.savez_compressed(partial, **content))

    @classmethod
    def load(cls, path: str | Path) -> Peaks:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataFileError
            If the file is missing, damaged or holds something else.
        """
        expected = "peaks written by Peaks.save (.npz)"
        with parsing(path, "arrays", expected):
            if not Path(path).is_file():
                raise DataFileError(path, "no such file", expected)
        stored = read_npz(path, expected=expected)
        table: dict[str, Any] = {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
        missing = {f.name for f in fields(cls)} - set(table) - {"coefficients", "n_maxima"}
        if missing:
            raise DataFileError(path, f"no {', '.join(sorted(missing))}", expected)
        with parsing(path, "peaks", expected):
            nx, ny, nz = table.pop("shape").tolist()
            if "n_maxima" in table:
                table["n_maxima"] = int(table["n_maxima"])
            return cls(shape=(nx, ny, nz), voxel_size=float(table.pop("voxel_size")), **table)


def local_maxima(
    grid: FineGrid, threshold: float = 0.0
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Fine voxels not below any of their six face neighbours, brightest first.

    Every voxel of a plateau counts. Equal values stay in the order of a column-major array (z
    slowest). The fine volume is made and searched in slabs of at most 128 MB (or three planes).

    Parameters
    ----------
    grid
        The upsampled volume.
    threshold
        Value that maxima must exceed; at least zero, because the volume is taken to be surrounded
        by zeros.

    Returns
    -------
    Indices into the fine grid (n, 3) and values (n,).

    Raises
    ------
    InputError
        If the threshold is below zero or not a number.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m (imdilate with strel3d(3), find, sort)
    """
    if not threshold >= 0:
        raise InputError("threshold", f"{threshold}", "zero or more")
    nx, ny, nz = grid.shape
    planes = int(min(nx, max(1, SLAB_BYTES // (8 * ny * nz) - 2)))
    slab = np.empty((planes + 2, ny, nz))
    grid.planes(-1, slab[:2])
    found, values = [np.zeros((0, 3), np.int32)], [np.zeros(0)]
    for first in range(0, nx, planes):
        grid.planes(first + 1, slab[2:])
        counts = _count(slab, threshold)
        ends = np.cumsum(counts)
        where, height = np.empty((ends[-1], 3), np.int32), np.empty(ends[-1])
        _collect(slab, threshold, ends - counts, first, where, height)
        inside = where[:, 0] < nx
        found.append(where[inside])
        values.append(height[inside])
        slab[:2] = slab[-2:].copy()
    indices, heights = np.concatenate(found), np.concatenate(values)
    order = np.lexsort((indices[:, 0], indices[:, 1], indices[:, 2], -heights))
    return indices[order], heights[order]


@numba.njit(cache=True)
def _is_maximum(slab, p, v, w, threshold):  # type: ignore[no-untyped-def]
    here = slab[p, v, w]
    # Outside the slab's sides are zeros, and here > threshold >= 0 exceeds them.
    return (
        here > threshold
        and slab[p - 1, v, w] <= here
        and slab[p + 1, v, w] <= here
        and (v == 0 or slab[p, v - 1, w] <= here)
        and (v == slab.shape[1] - 1 or slab[p, v + 1, w] <= here)
        and (w == 0 or slab[p, v, w - 1] <= here)
        and (w == slab.shape[2] - 1 or slab[p, v, w + 1] <= here)
    )


@numba.njit(cache=True, parallel=True)
def _count(slab, threshold):  # type: ignore[no-untyped-def]
    counts = np.zeros(slab.shape[0] - 2, np.int64)
    for p in numba.prange(len(counts)):
        number = 0
        for v in range(slab.shape[1]):
            for w in range(slab.shape[2]):
                number += _is_maximum(slab, p + 1, v, w, threshold)
        counts[p] = number
    return counts


@numba.njit(cache=True, parallel=True)
def _collect(slab, threshold, offsets, first, where, height):  # type: ignore[no-untyped-def]
    for p in numba.prange(len(offsets)):
        place = offsets[p]
        for v in range(slab.shape[1]):
            for w in range(slab.shape[2]):
                if _is_maximum(slab, p + 1, v, w, threshold):
                    where[place, 0] = first + p
                    where[place, 1] = v
                    where[place, 2] = w
                    height[place] = slab[p + 1, v, w]
                    place += 1
