"""Volumes in MATLAB, NumPy, MRC, TIFF, HyperSpy and OME-Zarr files.

An array in a .npy or .mat file is (nx, ny, nz). MRC sections and TIFF pages are z, their rows y,
their columns x; in HyperSpy and OME-Zarr files the axes are named.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import Volume
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.geometry import centre
from aet_port.io import matlab
from aet_port.io.arrays import (
    MRC_SUFFIXES,
    TIFF_SUFFIXES,
    image_suffix,
    read_npy,
    single_precision,
    write_mrc,
    write_npy,
    write_tiff,
)
from aet_port.io.hyperspy_files import HYPERSPY_SUFFIXES, write_hyperspy
from aet_port.io.mrc_sections import read_mrc
from aet_port.io.npy_images import NPZ_SUFFIX, read_npz
from aet_port.io.ome_zarr import ZARR_SUFFIXES, read_ome_zarr_volume, write_ome_zarr
from aet_port.io.other_formats import read_foreign_volume
from aet_port.io.rosettasciio_files import OTHER_SUFFIXES
from aet_port.io.tiff_pages import read_tiff

VOLUME_SUFFIXES = (
    ".npy",
    ".mat",
    *MRC_SUFFIXES,
    *TIFF_SUFFIXES,
    *HYPERSPY_SUFFIXES,
    *ZARR_SUFFIXES,
)
VOLUME_FILE = (
    "a volume as .mat, .npy, .npz, .mrc, .map, .rec, .tif, .tiff, .hspy, .zspy or .ome.zarr"
)
_ROUNDING = 1e-5  # relative; MRC keeps lengths in single precision


def _lengths(path: Path, given: float | None) -> tuple[float | None, NDArray[np.float64] | None]:
    """Voxel size and origin that :func:`write_volume` stored with the volume, if present.

    What other programs call so does not matter where the voxel size is given.
    """
    expected = "voxel_size and origin as numbers in angstrom, or --pixel-size"
    found: dict[str, NDArray[np.float64]] = {}
    stored = matlab.read_contents(path, ["voxel_size", "origin"], objects=False).values
    for key, value in stored.items():
        if isinstance(value, np.ndarray) and value.size == {"voxel_size": 1, "origin": 3}[key]:
            if value.dtype.kind in "biuf":
                found[key] = value.astype(np.float64).reshape(-1)
        elif given is None and "voxel_size" in stored:
            raise DataFileError(path, f"{key} of another kind", expected)
    return float(found["voxel_size"][0]) if "voxel_size" in found else None, found.get("origin")


@checked
def read_volume(
    path: str | Path, voxel_size: float | None = None, name: str | None = None
) -> Volume:
    """Read a volume.

    Parameters
    ----------
    path
        .mat (versions 4 to 7.3, saved RESIRE objects too), .npy, .npz, .mrc, .map, .rec (also
        .mrc.gz, .mrc.bz2), .tif, .tiff; with the extra ``formats`` also .hspy, .zspy, .ome.zarr and
        what else RosettaSciIO reads.
    voxel_size
        Angstrom; unless given, that of the file is used (MRC header, description of a TIFF file,
        variable ``voxel_size`` of a .mat file, axes of HyperSpy and OME-Zarr).
    name
        Variable of a .mat file, array of a .npz file, or name or number (from 0) of a signal of a
        HyperSpy file; needed only if several match.

    Returns
    -------
    Volume (nx, ny, nz) in the precision stored, named after the file (from HyperSpy and OME-Zarr
    files that :func:`write_volume` wrote, with its own name), with its origin; if the file has
    none, or its voxel size differs from the one given, the rotation centre (voxel n // 2) is at
    zero.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, truncated, or holds something else.
    InputError
        If no voxel size is known, or the values are not finite.
    MissingDependencyError
        If the file needs the extra ``formats`` and it is not installed.

    Notes
    -----
    MATLAB: importdata of a reconstruction, which has no voxel size

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> np.save("volume.npy", np.zeros((9, 9, 7), np.float32))
    >>> aet.read_volume("volume.npy", voxel_size=0.5).shape
    (9, 9, 7)
    """
    file = Path(path)
    suffix = image_suffix(file)
    own: float | None = None
    origin: NDArray[np.float64] | None = None
    own_name = str(file)
    if suffix in ZARR_SUFFIXES or suffix in OTHER_SUFFIXES:
        foreign = (
            read_ome_zarr_volume(file, voxel_size is None)
            if suffix in ZARR_SUFFIXES
            else read_foreign_volume(file, name, voxel_size is None)
        )
        array, own, origin = foreign.array, foreign.voxel_size, foreign.origin
        own_name = foreign.name
    elif suffix == ".mat":
        array = matlab.read_volume_array(file, name)
        own, origin = _lengths(file, voxel_size)
    elif suffix == ".npy":
        array = read_npy(file, VOLUME_FILE)
    elif suffix == NPZ_SUFFIX:
        array = read_npz(file, VOLUME_FILE, name)
    elif suffix in MRC_SUFFIXES or suffix in TIFF_SUFFIXES:
        sections = (read_mrc if suffix in MRC_SUFFIXES else read_tiff)(file, VOLUME_FILE)
        flat = sections.array.ndim == 2
        array = sections.array[np.newaxis] if flat else sections.array
        array = array.transpose()
        origin = sections.origin
        # If the size is given, unequal axes in the header do not matter.
        axes = 1 if voxel_size is not None else 2 if flat else 3
        own = sections.common_size(file, axes, "; or --pixel-size")
        if voxel_size is None and own is not None and not sections.size_is_known:
            raise InputError(
                f"{file}: voxel size",
                f"{own:g} angstrom in the header, which stands for an unknown one",
                "the voxel size in angstrom: voxel_size=..., --pixel-size on the command line",
            )
    else:
        raise DataFileError(file, f"a file of type {suffix or 'unknown'}", VOLUME_FILE)
    if array.ndim != 3:
        raise DataFileError(file, f"an array of shape {array.shape}", "a volume (nx, ny, nz)")
    size = own if voxel_size is None else voxel_size
    if size is None:
        raise InputError(
            f"{file}: voxel size",
            "none in the file",
            "the voxel size in angstrom: voxel_size=..., --pixel-size on the command line",
        )
    if own is None or not np.isclose(own, size, rtol=_ROUNDING, atol=0):
        origin = None  # it refers to another voxel size
    if origin is not None and suffix in MRC_SUFFIXES:
        usual = np.array([-centre(n) * size for n in array.shape])
        if np.allclose(origin, usual, rtol=_ROUNDING, atol=0):
            origin = None  # exactly the default, not its rounded value
    return Volume(np.ascontiguousarray(array), size, origin=origin, name=own_name)


@checked
def write_volume(path: str | Path, volume: Volume) -> Path:
    """Write a volume, never a partial file; equal volumes give identical files.

    Parameters
    ----------
    path
        .mrc, .map, .rec (single precision, with voxel size and origin), .mat (variables
        ``reconstruction``, ``voxel_size`` and ``origin``), .tif, .tiff (with both in the image
        description), .hspy, .zspy (HyperSpy), .ome.zarr (both with the extra ``formats``) or .npy
        (only the array: the voxel size must be given when it is read).
    volume
        The volume; double precision is kept in .mat, .npy and TIFF and rounded to single in MRC.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix, or values beyond single precision in MRC.
    MissingDependencyError
        If .zspy or .ome.zarr is asked for and zarr is not installed.
    OutputError
        If the file cannot be written.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::SaveResults

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> file = aet.write_volume("volume.mrc", aet.Volume(np.zeros((9, 9, 7)), voxel_size=0.5))
    >>> aet.read_volume(file).voxel_size
    0.5
    """
    file = Path(path)
    suffix = file.suffix.lower()
    origin = np.asarray(volume.origin, dtype=np.float64)
    if suffix == ".mat":
        return matlab.write_volume(file, volume.array, voxel_size=volume.voxel_size, origin=origin)
    if suffix == ".npy":
        return write_npy(file, volume.array)
    if suffix in MRC_SUFFIXES:
        sections = single_precision(volume.name, volume.array).transpose()
        return write_mrc(file, sections, volume.voxel_size, origin, stack=False)
    if suffix in HYPERSPY_SUFFIXES:
        return write_hyperspy(file, volume)
    if suffix in ZARR_SUFFIXES:
        return write_ome_zarr(file, volume)
    if suffix in TIFF_SUFFIXES:
        return write_tiff(file, volume.array.transpose(), volume.voxel_size, origin)
    raise InputError(str(file), f"a file of type {suffix or 'unknown'}", VOLUME_FILE)
