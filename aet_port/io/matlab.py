"""Images, angles, volumes and positions of .mat files, converted from MATLAB's orientation.

MATLAB stores images as (nx, ny, n), positions as 3 x N and counts pixels from 1; the package
works with (n, nx, ny) and (N, 3). Versions 4, 5, 6, 7 and 7.3 and objects of classes are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.arrays import real_array
from aet_port.io.mat_files import read_contents, read_variables, write_mat
from aet_port.io.mat_selection import listing, numeric_arrays, select_array

__all__ = [
    "SubAreaTable",
    "euler_table",
    "read_angles",
    "read_array",
    "read_contents",
    "read_images",
    "read_per_atom",
    "read_positions",
    "read_sub_area_table",
    "read_variables",
    "read_volume_array",
    "write_images",
    "write_mat",
    "write_positions",
    "write_volume",
]
# How a variable is named on the command line and in the file of a run.
IMAGES_VARIABLE = "--variable NAME, or variable in [input] of a run"
ANGLES_VARIABLE = "--angles-variable NAME, or angles_variable in [input] of a run"
VOLUME_VARIABLE = "--variable NAME, or save it alone, in MATLAB: save('new.mat', 'NAME')"
MODEL_VARIABLE = "--model-variable NAME (in Python model_variable='NAME')"
TYPES_VARIABLE = "--types-variable NAME (in Python types_variable='NAME')"
IN_PYTHON = "name=..., or save it alone, in MATLAB: save('new.mat', 'NAME')"


class SubAreaTable(NamedTuple):
    """Sub-areas of a scanned film in MATLAB pixel coordinates (1-based), one row (x, y, z) each."""

    centres: NDArray[np.float64]
    half_widths: NDArray[np.float64]


def _refuse(path: str | Path, array: NDArray, wanted: str) -> DataFileError:
    return DataFileError(path, f"an array of shape {array.shape}", wanted)


def read_array(path: str | Path, name: str | None = None) -> NDArray:
    """Read one numeric array in MATLAB's orientation.

    Parameters
    ----------
    path
        The .mat file.
    name
        Variable, ``outer.inner`` inside a structure or object, ``name{k}`` in a cell array; unless
        given, the file must hold a single array (not counting scalars).

    Raises
    ------
    DataFileError
        If the variable is missing or not unique; the error lists the variables found.

    Notes
    -----
    MATLAB: importdata
    """
    return select_array(path, name, lambda array: True, "a numeric array", IN_PYTHON)


def read_images(path: str | Path, name: str | None = None) -> NDArray:
    """Read projections (n, nx, ny) from MATLAB's (nx, ny, n), in the precision stored.

    A cell array of images of the same size is a stack too. A single image, which MATLAB stores as
    (nx, ny), is accepted if its variable is named. Of several arrays ``projections`` is taken.

    Raises
    ------
    DataFileError
        If there is no such array, or there are several and none is named.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles (importdata)
    """
    wanted = "projections as one array (nx, ny, n)"
    array = select_array(
        path, name, lambda a: a.ndim == 3, wanted, IMAGES_VARIABLE, "projections", stack=True
    )
    if array.ndim == 2 and name is not None:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.size == 0:
        raise _refuse(path, array, wanted)
    return np.ascontiguousarray(np.moveaxis(array, 2, 0))


def read_volume_array(path: str | Path, name: str | None = None) -> NDArray:
    """Read a volume (nx, ny, nz) in the precision stored; logical volumes remain logical.

    In a saved RESIRE object, a structure or a file with several arrays it is ``reconstruction``.

    Raises
    ------
    DataFileError
        If there is no such array, or there are several and none is named.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::SaveResults (importdata)
    """
    wanted = "a volume as one array (nx, ny, nz)"
    array = select_array(
        path, name, lambda a: a.ndim == 3, wanted, VOLUME_VARIABLE, "reconstruction"
    )
    if array.ndim == 2 and name is not None:
        array = array[:, :, np.newaxis]
    if array.ndim != 3 or array.size == 0:
        raise _refuse(path, array, wanted)
    return np.ascontiguousarray(array)


def euler_table(path: str | Path, array: NDArray) -> NDArray:
    """Convert a table to Euler angles (n, 3) in degrees, in single or double precision as given.

    (n, 3) is phi, theta, psi; a row or column of n other than 3 is theta. A single row of three
    numbers is one triple, a single column of three numbers is three tilts.

    Raises
    ------
    DataFileError
        For other shapes (with a hint to transpose a 3 x n table) and NaN.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::CheckPrepareData, which fails for a list
    of tilts (it stacks zeros below instead of beside); here it becomes (0, theta, 0).
    """
    wanted = "one row (phi, theta, psi) per image, or a list of tilts, in degrees"
    table = (
        array if array.dtype == np.float32 else real_array(path, array, wanted).astype(np.float64)
    )
    if table.ndim == 1 or (
        table.ndim == 2 and (table.shape[1] == 1 or (table.shape[0] == 1 and table.shape[1] != 3))
    ):
        theta = table.reshape(-1)
        table = np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)
    if table.ndim != 2 or table.shape[1] != 3 or len(table) == 0:
        hint = "; transpose it" if table.ndim == 2 and table.shape[0] == 3 else ""
        raise DataFileError(path, f"angles of shape {array.shape}", wanted + hint)
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        raise DataFileError(path, f"NaN or infinity in row {int(bad[0, 0])} of the angles", wanted)
    return np.ascontiguousarray(table)


def read_angles(path: str | Path, name: str | None = None) -> NDArray:
    """Read Euler angles phi, theta, psi (n, 3) in degrees; see :func:`euler_table`.

    Single precision is kept, because it determines the rounding of rotations in the reference.

    Raises
    ------
    DataFileError
        For a missing or ambiguous variable, a transposed table, or NaN.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles (importdata)
    """

    def fits(array: NDArray) -> bool:
        return array.ndim == 2 and (3 in array.shape or 1 in array.shape)

    wanted = "angles as one array (n, 3)"
    table = select_array(path, name, fits, wanted, ANGLES_VARIABLE, "angles", stack=True)
    return euler_table(path, table)


def read_positions(path: str | Path, name: str | None = None) -> NDArray:
    """Read positions (N, 3) as stored (angstrom or 1-based pixels), single or double precision.

    Nothing is shifted or scaled. A table N x 3 is not transposed; 3 x 3 is taken as 3 x N. Of
    several arrays ``model`` is taken.

    Raises
    ------
    DataFileError
        For a missing or ambiguous variable, or an array without a dimension of three.

    Notes
    -----
    MATLAB: importdata of the models of both papers, 3 x N
    """
    wanted = "positions as one array 3 x N"
    array = select_array(
        path, name, lambda a: a.ndim == 2 and 3 in a.shape, wanted, MODEL_VARIABLE, "model"
    )
    if array.ndim != 2 or 3 not in array.shape:
        raise _refuse(path, array, wanted)
    table = array if array.dtype == np.float32 else array.astype(np.float64)
    return np.ascontiguousarray(table.T if table.shape[0] == 3 else table)


def read_per_atom(path: str | Path, name: str | None = None, advice: str = IN_PYTHON) -> NDArray:
    """Read one number per atom (N,), such as the type or the bond order, from 1 x N or N x 1.

    Raises
    ------
    DataFileError
        For a missing or ambiguous variable, or an array of another shape.

    Notes
    -----
    MATLAB: importdata
    """
    wanted = "one number per atom, 1 x N"
    array = select_array(path, name, lambda a: a.ndim == 2 and 1 in a.shape, wanted, advice)
    if array.ndim != 2 or 1 not in array.shape:
        raise _refuse(path, array, wanted)
    return np.ascontiguousarray(array.reshape(-1))


def read_sub_area_table(path: str | Path) -> SubAreaTable:
    """Read centres and half widths of the sub-areas, MATLAB pixel coordinates, (n, 3) each.

    Raises
    ------
    DataFileError
        If ``CropCen`` and ``CropHalf`` are missing or don't both have the shape (n, 3).

    Notes
    -----
    MATLAB: 2_RESIRE_package/Main_RESIRE_Ta_film_sAET.m (importdata of alignPara.mat)
    """
    wanted = "sub-areas CropCen and CropHalf, n x 3 each"
    found = numeric_arrays(read_contents(path).values)
    arrays = {key.split(".")[-1]: array for key, array in found.items()}
    if not {"CropCen", "CropHalf"} <= set(arrays):
        raise DataFileError(path, listing(arrays), wanted)
    centres, half = (
        real_array(path, arrays[key], wanted).astype(np.float64) for key in ("CropCen", "CropHalf")
    )
    if (
        centres.ndim != 2
        or centres.shape[1] != 3
        or centres.shape != half.shape
        or len(centres) == 0
    ):
        raise DataFileError(path, f"CropCen {centres.shape} and CropHalf {half.shape}", wanted)
    return SubAreaTable(np.ascontiguousarray(centres), np.ascontiguousarray(half))


def write_images(
    path: str | Path, images: ArrayLike, name: str = "projections", **others: Any
) -> Path:
    """Write images (n, nx, ny) as MATLAB's (nx, ny, n); ``others`` are passed to write_mat."""
    stack = np.asarray(images)
    if stack.ndim != 3:
        raise InputError("images", f"shape {stack.shape}", "shape (n, nx, ny)")
    return write_mat(path, {name: np.moveaxis(stack, 0, 2), **others})


def write_volume(
    path: str | Path, volume: ArrayLike, name: str = "reconstruction", **others: Any
) -> Path:
    """Write a volume (nx, ny, nz), as in MATLAB; ``others`` are passed to write_mat."""
    array = np.asarray(volume)
    if array.ndim != 3:
        raise InputError("volume", f"shape {array.shape}", "shape (nx, ny, nz)")
    return write_mat(path, {name: array, **others})


def write_positions(
    path: str | Path, positions: ArrayLike, name: str = "model", **others: Any
) -> Path:
    """Write positions (N, 3) as MATLAB's 3 x N; ``others`` are passed to write_mat."""
    table = np.asarray(positions)
    if table.ndim != 2 or table.shape[1] != 3:
        raise InputError("positions", f"shape {table.shape}", "shape (N, 3)")
    return write_mat(path, {name: table.T, **others})
