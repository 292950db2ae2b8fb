"""Projections in files of NumPy: .npy with either order of the axes, and .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.records import read_member
from aet_port.io.arrays import existing_file, read_npy, read_npy_stream, reading, real_array
from aet_port.io.settings import ArrayAxes

NPZ_SUFFIX = ".npz"
_IMAGES = "projections as one array (n, nx, ny)"


def read_npz(path: str | Path, expected: str, name: str | None = None) -> NDArray:
    """Read an array of a .npz file.

    Parameters
    ----------
    path
        The file.
    expected
        What the file should hold, in words.
    name
        The array; needed only if there are several.

    Raises
    ------
    DataFileError
        If the file is missing, damaged, or has no such array, or several and none is named.
    """
    found = existing_file(path, expected)
    with reading(found, expected), zipfile.ZipFile(found) as archive:
        entries = {
            one.filename.removesuffix(".npy"): one
            for one in archive.infolist()
            if one.filename.endswith(".npy")
        }
        listed = f"the arrays {', '.join(list(entries)[:12])}" if entries else "no array"
        if name is not None and name not in entries:
            raise DataFileError(found, f"no array {name!r} but {listed}", expected)
        if name is None and len(entries) != 1:
            how = f"{expected}; name the array to read: --variable NAME"
            raise DataFileError(found, listed, how)
        entry = entries[name] if name is not None else next(iter(entries.values()))
        array = read_member(
            archive, entry, lambda handle, size: read_npy_stream(handle, size, found, expected)
        )
    return real_array(found, array, expected)


def read_npy_images(
    path: str | Path,
    axes: ArrayAxes = "n,nx,ny",
    n_angles: int | None = None,
    name: str | None = None,
) -> NDArray:
    """Read projections (n, nx, ny) of a .npy or .npz file, in the precision stored.

    Parameters
    ----------
    path
        The file.
    axes
        Order in the file: ``"n,nx,ny"``, or MATLAB's ``"nx,ny,n"``.
    n_angles
        Number of tilt angles, if it is known. An array whose number of images fits only in the
        other order is refused.
    name
        Array of a .npz file with several.

    Raises
    ------
    DataFileError
        If the file is missing, damaged or not one array of three dimensions, or ``axes`` is
        contradicted by the number of angles.
    InputError
        For other ``axes``.
    """
    if axes not in ("n,nx,ny", "nx,ny,n"):
        raise InputError("axes", repr(axes), "'n,nx,ny' or 'nx,ny,n'; --axes nx,ny,n")
    if Path(path).suffix.lower() == NPZ_SUFFIX:
        array = read_npz(path, _IMAGES, name)
    else:
        array = read_npy(path, _IMAGES)
    if array.ndim == 2 and n_angles in (None, 1):
        array = array[np.newaxis] if axes == "n,nx,ny" else array[:, :, np.newaxis]
    if array.ndim != 3 or array.size == 0:
        raise DataFileError(path, f"an array of shape {array.shape}", _IMAGES)
    first, last = array.shape[0], array.shape[2]
    size = " x ".join(map(str, array.shape))
    if n_angles is not None and axes == "n,nx,ny" and first != n_angles == last:
        found = f"an array {size} for {n_angles} angles"
        hint = "(n, nx, ny), or --axes nx,ny,n for an array with the images last, as in MATLAB"
        raise DataFileError(path, found, hint)
    if n_angles is not None and axes == "nx,ny,n" and last != n_angles == first:
        found = f"an array {size} for {n_angles} angles"
        raise DataFileError(path, found, "(nx, ny, n), or no --axes: the images are first here")
    images = array if axes == "n,nx,ny" else np.moveaxis(array, 2, 0)
    return np.ascontiguousarray(images)
