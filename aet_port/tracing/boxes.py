"""Values of a volume in a small cube or sphere about each atom."""

from __future__ import annotations

from typing import Literal

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import NdBSpline, make_interp_spline

from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.tracing.intensities import positions_table
from aet_port.tracing.upsampling import FACTOR, FIRST, FineGrid, fine_box

SMALLER_BOXES = "smaller boxes (--thirds), or fewer atoms"


def box_points(size: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Voxels of a cube about its centre, and which of them lie in the inscribed ball.

    Parameters
    ----------
    size
        Voxels along an edge; for an even number the centre lies between voxels.

    Returns
    -------
    Coordinates of shape (3, size, size, size) in voxels from the centre, and a mask of the cube,
    true up to a distance of ``size / 2``.

    Raises
    ------
    InputError
        For a size below one.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/create_box.m::create_box
    """
    if size < 1:
        raise InputError("size", f"{size}", "one or more voxels")
    line = np.arange(size) - (size - 1) / 2
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"))
    return points, (points**2).sum(axis=0) <= (size / 2) ** 2


def box_offsets(steps: int, sphere: bool = True) -> NDArray[np.int64]:
    """Integer offsets in a cube of side ``2 steps + 1``, or in its ball of radius ``steps + 1/2``.

    Shape (m, 3), x fastest, as MATLAB numbers the points.
    """
    if steps < 0:
        raise InputError("steps", f"{steps}", "zero or more")
    side = np.arange(-steps, steps + 1)
    z, y, x = (a.ravel() for a in np.meshgrid(side, side, side, indexing="ij"))
    points = np.stack([x, y, z], axis=1)
    return points[(points**2).sum(axis=1) <= (steps + 0.5) ** 2] if sphere else points


def box_values(
    volume: NDArray,
    positions: ArrayLike,
    steps: int,
    oversampling: int = 1,
    sphere: bool = True,
    method: Literal["linear", "spline"] = "linear",
) -> NDArray[np.float64]:
    """Interpolated values at the points of :func:`box_offsets` about each position.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    positions
        Shape (n, 3), 0-based voxel coordinates.
    steps
        Points from the centre to a face; half the width of the cube is ``steps / oversampling``
        voxels.
    oversampling
        Points per voxel.
    sphere
        Whether to leave out the corners of the cube.
    method
        ``"linear"`` is trilinear, ``"spline"`` the tensor product of cubic splines with
        not-a-knot ends.

    Returns
    -------
    Shape (n, m), double precision; NaN outside the volume.

    Raises
    ------
    InputError
        For positions not of shape (n, 3), numbers out of range, or a volume that is too small.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/get_box_intensity.m::get_box_intensity. There half the
    width is given in voxels, ``halfSize = steps / oversampling``.
    """
    table = positions_table("positions", positions)
    if oversampling < 1:
        raise InputError("oversampling", f"{oversampling}", "one or more points per voxel")
    if method not in ("linear", "spline"):
        raise InputError("method", f"{method!r}", "'linear' or 'spline'")
    array = np.asarray(volume)
    least = 2 if method == "linear" else 4
    if array.ndim != 3 or min(array.shape) < least:
        expected = f"at least {least} voxels along each axis"
        raise InputError("volume", f"shape {array.shape}", expected)
    check_memory("box", 8.0 * len(table) * (2 * steps + 1) ** 3, SMALLER_BOXES)
    offsets = box_offsets(steps, sphere) / oversampling
    if method == "spline":
        return _spline_values(array, table, offsets)
    values = np.full((len(table), len(offsets)), np.nan)
    _linear_values(np.ascontiguousarray(array), table, offsets, values)
    return values


def fine_box_values(
    grid: FineGrid, positions: ArrayLike, thirds: int, sphere: bool = True
) -> NDArray[np.float64]:
    """Values at thirds of a voxel, interpolated linearly in an upsampled volume.

    Gives the values of a box with unit steps in the full upsampled volume, without computing that
    volume.

    Parameters
    ----------
    grid
        Grid from :func:`aet_port.tracing.upsampling.fine_grid`.
    positions
        Shape (n, 3), 0-based voxel coordinates of the volume that was upsampled.
    thirds
        Half the width of the cube in thirds of a voxel.
    sphere
        Whether to leave out the corners of the cube.

    Returns
    -------
    Shape (n, m), double precision; outside, the upsampled volume counts as zero.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/Main_classification.m (get_box_intensity of the volume
    upsampled by interp3)
    """
    table = positions_table("positions", positions)
    check_memory("box", 8.0 * len(table) * (2 * thirds + 1) ** 3, SMALLER_BOXES)
    offsets = box_offsets(thirds, sphere)
    values = np.empty((len(table), len(offsets)))
    _fine_values(*grid.tables, FACTOR * table - FIRST, offsets, thirds, values)  # type: ignore[call-arg]
    return values


def voxel_boxes(
    volume: NDArray,
    positions: ArrayLike,
    steps: int,
    sphere: bool = True,
    reference_quirks: bool = False,
) -> NDArray:
    """Voxel values around the voxel nearest to each position, without interpolation.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    positions
        Shape (n, 3), 0-based voxel coordinates.
    steps
        Voxels from the centre to a face.
    sphere
        Whether to leave out the corners of the cube.
    reference_quirks
        If True, a cube (``sphere`` false) has only its first ``2 steps + 1`` voxels, as coded.

    Returns
    -------
    Shape (n, m), of the volume's type.

    Raises
    ------
    InputError
        If a box extends beyond the volume; the error gives the indices of the positions.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/plot_class_hist.m::plot_class_hist (the boxes)
    """
    table = positions_table("positions", positions)
    middle = np.floor(table + 0.5).astype(np.int64)
    shape = np.array(volume.shape)
    outside = np.any((middle < steps) | (middle > shape - 1 - steps), axis=1)
    refuse_outside("positions", outside, f"boxes inside the volume of {volume.shape} voxels")
    offsets = box_offsets(steps, sphere)
    if reference_quirks and not sphere:
        offsets = offsets[: 2 * steps + 1]
    x, y, z = np.moveaxis(middle[:, None, :] + offsets, 2, 0)
    return np.asarray(volume)[x, y, z]


def refuse_outside(subject: str, outside: NDArray[np.bool_], expected: str) -> None:
    """Raise an error with the indices of the first few atoms for which ``outside`` is true.

    Raises
    ------
    InputError
        If there is any such atom.
    """
    numbers = np.flatnonzero(outside)
    if numbers.size:
        first = ", ".join(map(str, numbers[:5])) + (", ..." if numbers.size > 5 else "")
        found = f"{numbers.size} of {outside.size} atoms outside: {first}"
        raise InputError(subject, found, expected)


def _spline_values(
    array: NDArray, table: NDArray[np.float64], offsets: NDArray[np.float64]
) -> NDArray[np.float64]:
    coefficients, knots = np.asarray(array, dtype=np.float64), []
    for axis, n in enumerate(array.shape):
        spline = make_interp_spline(np.arange(float(n)), coefficients, k=3, axis=axis)
        coefficients = np.moveaxis(spline.c, 0, axis)
        knots.append(spline.t)
    points = table[:, None, :] + offsets
    inside = ((points >= 0) & (points <= np.array(array.shape) - 1)).all(axis=2)
    values = np.full(inside.shape, np.nan)
    values[inside] = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), 3)(points[inside])
    return values


@numba.njit(cache=True)
def _trilinear(volume, x, y, z):  # type: ignore[no-untyped-def]
    """Value at a point inside the closed grid."""
    i = min(int(x), volume.shape[0] - 2)
    j = min(int(y), volume.shape[1] - 2)
    k = min(int(z), volume.shape[2] - 2)
    u, v, w = x - i, y - j, z - k
    total = 0.0
    for a in range(2):
        across = u if a else 1.0 - u
        for b in range(2):
            weight = across * (v if b else 1.0 - v)
            low, high = volume[i + a, j + b, k], volume[i + a, j + b, k + 1]
            total += weight * ((1.0 - w) * np.float64(low) + w * np.float64(high))
    return total


@numba.njit(cache=True, parallel=True)
def _linear_values(volume, positions, offsets, values):  # type: ignore[no-untyped-def]
    nx, ny, nz = volume.shape
    for n in numba.prange(len(positions)):
        for m in range(len(offsets)):
            x = positions[n, 0] + offsets[m, 0]
            y = positions[n, 1] + offsets[m, 1]
            z = positions[n, 2] + offsets[m, 2]
            if 0 <= x <= nx - 1 and 0 <= y <= ny - 1 and 0 <= z <= nz - 1:
                values[n, m] = _trilinear(volume, x, y, z)


@numba.njit(cache=True, parallel=True)
def _fine_values(c, sx, wx, sy, wy, sz, wz, places, offsets, steps, values):  # type: ignore[no-untyped-def]
    side = 2 * steps + 2
    for n in numba.prange(len(places)):
        u = int(np.floor(places[n, 0]))
        v = int(np.floor(places[n, 1]))
        w = int(np.floor(places[n, 2]))
        box = np.empty((side, side, side))
        fine_box(c, sx, wx, sy, wy, sz, wz, u - steps, v - steps, w - steps, box)
        for m in range(len(offsets)):
            values[n, m] = _trilinear(
                box,
                places[n, 0] - u + steps + offsets[m, 0],
                places[n, 1] - v + steps + offsets[m, 1],
                places[n, 2] - w + steps + offsets[m, 2],
            )
