"""Peaks of the whole volume from those of its sub-areas, and merging of double peaks."""

from __future__ import annotations

from collections.abc import Mapping

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.sub_areas import TRIM_Y, SubAreas
from aet_port.tracing.intensities import positions_table


@checked
def patch_peaks(
    areas: SubAreas, peaks: Mapping[int, NDArray[np.float64]], trim_y: int = TRIM_Y
) -> NDArray[np.float64]:
    """Peaks inside the window of their area, in coordinates of the full volume.

    Where windows overlap, a peak is listed once for each of them, a fraction of a voxel apart;
    :func:`merge_close` merges them into one.

    Parameters
    ----------
    areas
        All areas, including those without peaks, because neighbours determine the windows.
    peaks
        Accepted peaks by 0-based area index, shape (m, 3), 0-based voxel coordinates of the area
        (of its central crop if the reconstruction is larger).
    trim_y
        See :meth:`aet_port.core.sub_areas.SubAreas.windows`.

    Returns
    -------
    Shape (n, 3): 0-based voxel coordinates of the full volume, area by area in the order of
    patching, each in the order given.

    Raises
    ------
    InputError
        If an index belongs to no area or a table has another shape.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_atom_tracing_Ta_film.m, step 2 (film paper). There the test along z
    uses a variable that was cleared; here it uses the height of the area, which includes all peaks.
    """
    unknown = set(peaks) - set(range(len(areas)))
    if unknown:
        raise InputError("peaks", f"an area {min(unknown)}", f"indices 0 to {len(areas) - 1}")
    windows = areas.windows(trim_y)
    kept = [np.zeros((0, 3))]
    for index in areas.order:
        if index not in peaks:
            continue
        table = np.asarray(peaks[index], dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 3:
            raise InputError(f"peaks of area {index}", f"shape {table.shape}", "shape (n, 3)")
        window = windows[index]
        # Along z the reference still keeps a peak that lies one voxel before the first.
        first = [window.area[0].start, window.area[1].start, -1]
        last = [s.stop - 1 for s in window.area]
        inside = ((table >= first) & (table <= last)).all(axis=1)
        kept.append(table[inside] + window.shift)
    return np.concatenate(kept)


@checked
def merge_close(
    positions: ArrayLike, distance: float = 3.0, reference_quirks: bool = False
) -> NDArray[np.float64]:
    """Replace peaks closer than ``distance`` by their mean.

    Starting with the first peak, the peak and all peaks closer than ``distance`` to it are removed
    and their mean is appended to the list, to be processed in turn.

    Parameters
    ----------
    positions
        Shape (n, 3), voxels.
    distance
        Distance below which peaks are merged, voxels.
    reference_quirks
        If True, removing r peaks earlier in the list makes the loop skip r peaks, as in the
        reference.

    Returns
    -------
    Shape (m, 3); peaks that were not merged keep their order.

    Notes
    -----
    MATLAB: 4_Atom_tracing/Main_remove_non_atom_peak_Ta_film.m (film paper)
    """
    table = positions_table("positions", positions)
    if not distance > 0:
        raise InputError("distance", f"{distance}", "a number of voxels above zero")
    if len(table) == 0:
        return table
    # Each merge removes at least two peaks and adds one, so the list never exceeds 2 n.
    n = len(table)
    points = np.concatenate([table, np.zeros_like(table)])
    alive = np.arange(2 * n) < n
    low = table.min(axis=0)
    cell = max(distance, float((table.max(axis=0) - low).max()) / 200)  # at most 200^3 cells
    last = ((table.max(axis=0) - low) / cell).astype(np.int64)
    head = np.full(last + 3, -1)  # an empty cell on each side: the neighbours of every cell exist
    behind, group = np.full(2 * n, -1), np.empty(n, np.int64)
    _merge(points, alive, n, low, cell, head, behind, group, distance, reference_quirks)
    return points[alive]


@numba.njit(cache=True)
def _insert(points, n, low, cell, head, behind):  # type: ignore[no-untyped-def]
    x = int((points[n, 0] - low[0]) / cell) + 1
    y = int((points[n, 1] - low[1]) / cell) + 1
    z = int((points[n, 2] - low[2]) / cell) + 1
    behind[n] = head[x, y, z]
    head[x, y, z] = n


@numba.njit(cache=True)
def _gather(points, alive, i, low, cell, head, behind, distance, group):  # type: ignore[no-untyped-def]
    """Fill ``group`` with the remaining points closer than distance to point i, by index."""
    x = int((points[i, 0] - low[0]) / cell) + 1
    y = int((points[i, 1] - low[1]) / cell) + 1
    z = int((points[i, 2] - low[2]) / cell) + 1
    size = 0
    for a in range(x - 1, x + 2):
        for b in range(y - 1, y + 2):
            for c in range(z - 1, z + 2):
                m = head[a, b, c]
                while m >= 0:
                    gap = 0.0
                    for e in range(3):
                        gap += (points[m, e] - points[i, e]) ** 2
                    if alive[m] and np.sqrt(gap) < distance:
                        place = size
                        while place > 0 and group[place - 1] > m:
                            group[place] = group[place - 1]
                            place -= 1
                        group[place] = m
                        size += 1
                    m = behind[m]
    return size


@numba.njit(cache=True)
def _merge(points, alive, end, low, cell, head, behind, group, distance, quirks):  # type: ignore[no-untyped-def]
    for i in range(end):
        _insert(points, i, low, cell, head, behind)
    i = 0
    while i < end:
        if not alive[i]:
            i += 1
            continue
        size = _gather(points, alive, i, low, cell, head, behind, distance, group)
        if size < 2:
            i += 1
            continue
        earlier = 0
        for g in range(size):
            m = group[g]
            alive[m] = False
            if m < i:
                earlier += 1
            for e in range(3):
                points[end, e] += points[m, e]
        for e in range(3):
            points[end, e] /= size
        alive[end] = True
        _insert(points, end, low, cell, head, behind)
        end += 1
        while quirks and i < end and (earlier > 0 or not alive[i]):
            if alive[i]:
                earlier -= 1
            i += 1
