"""Reading of image files of all formats; the one door for raw frames and tilt series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.io import matlab
from aet_port.io.arrays import MRC_SUFFIXES, TIFF_SUFFIXES, image_suffix, real_array
from aet_port.io.dm import DM_SUFFIXES, read_dm
from aet_port.io.emd import EMD_SUFFIXES, read_emd
from aet_port.io.imod_transforms import transformed
from aet_port.io.mrc_stacks import read_mrc_frames
from aet_port.io.npy_images import NPZ_SUFFIX, read_npy_images
from aet_port.io.ome_zarr import ZARR_SUFFIXES, read_ome_zarr_images
from aet_port.io.other_formats import read_other
from aet_port.io.raw_images import RawImages
from aet_port.io.rosettasciio_files import OTHER_SUFFIXES
from aet_port.io.ser import EMI_SUFFIXES, SER_SUFFIXES, read_ser
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.tiff_stacks import read_tiff_frames

ARRAY_SUFFIXES = (".mat", ".npy", NPZ_SUFFIX)
IMAGE_SUFFIXES = (
    *DM_SUFFIXES,
    *SER_SUFFIXES,
    *EMI_SUFFIXES,
    *EMD_SUFFIXES,
    *MRC_SUFFIXES,
    *TIFF_SUFFIXES,
    *ARRAY_SUFFIXES,
    *OTHER_SUFFIXES,
    *ZARR_SUFFIXES,
)
_CHOICES = {
    "image": (*DM_SUFFIXES, *EMD_SUFFIXES, *TIFF_SUFFIXES, *EMI_SUFFIXES, *OTHER_SUFFIXES),
    "detector": (*DM_SUFFIXES, *EMD_SUFFIXES),
    "group": EMD_SUFFIXES,
    "variable": (".mat", NPZ_SUFFIX),
}
IMAGES_FILE = (
    "images as .mrc (.st, .ali, ...), .tif, .dm3, .dm4, .ser, .emi, .emd (.h5), .mat, .npy, .npz, "
    ".hspy, or another format of docs/formats.md"
)


@checked
def read_raw_images(
    path: str | Path, read: ReadSettings = READ, n_angles: int | None = None
) -> RawImages:
    """Read the images of one file and what it and the files beside it state about them.

    Parameters
    ----------
    path
        .mrc (.mrcs, .map, .rec, .st, .ali, .preali; also .mrc.gz, .mrc.bz2), .tif, .dm3, .dm4,
        .ser, .emi, .emd (.h5, .hdf5), .mat, .npy or .npz; with the extra ``formats`` also .hspy,
        .zspy, .ome.zarr and what else RosettaSciIO reads.
    read
        What to read from a file that holds several things.
    n_angles
        Number of tilt angles, if it is known: an array of NumPy whose images fit it only in the
        other order of the axes is refused.

    Returns
    -------
    RawImages; statements about pixel size, angles and tilt axis are not yet decided on. The images
    are transformed if ``read`` names transforms.

    Raises
    ------
    DataFileError
        If the file is missing, of another type, truncated, or holds no images, or several.
    InputError
        For a choice that files of this type do not offer.

    Notes
    -----
    MATLAB: none
    """
    file = Path(path)
    _check_choice(file, read)
    raw = _of_format(file, read, n_angles)
    axis = raw.metadata.get("tilt_axis_degrees")  # of frames that write_frames wrote
    if not raw.tilt_axes and isinstance(axis, int | float) and not isinstance(axis, bool):
        raw = replace(raw, tilt_axes=[Stated("metadata", float(axis))])
    return raw if read.transforms is None else transformed(file, raw, read.transforms)


def _of_format(file: Path, read: ReadSettings, n_angles: int | None) -> RawImages:
    """Images of a file of any format."""
    suffix = image_suffix(file)
    if suffix in DM_SUFFIXES:
        return read_dm(file, read)
    if suffix in (*SER_SUFFIXES, *EMI_SUFFIXES):
        return read_ser(file, read)
    if suffix in EMD_SUFFIXES:
        return read_emd(file, read)
    if suffix in MRC_SUFFIXES:
        return read_mrc_frames(file, read)
    if suffix in TIFF_SUFFIXES:
        return read_tiff_frames(file, read)
    if suffix in ARRAY_SUFFIXES:
        return _array_file(file, read, n_angles)
    if suffix in ZARR_SUFFIXES:
        return read_ome_zarr_images(file)
    if suffix in OTHER_SUFFIXES:
        return read_other(file, read.image)
    raise DataFileError(file, f"a file of type {suffix or 'unknown'}", IMAGES_FILE)


def _check_choice(file: Path, read: ReadSettings) -> None:
    """Refuse a choice that files of this type do not offer, instead of ignoring it."""
    for name, suffixes in _CHOICES.items():
        value = getattr(read, name)
        if value is not None and image_suffix(file) not in suffixes:
            expected = f"--{name} only for files of type {', '.join(suffixes)}"
            raise InputError(f"{file}: --{name}", repr(value), expected)


def _array_file(file: Path, read: ReadSettings, n_angles: int | None) -> RawImages:
    """Images of a .mat file, with its variable ``pixel_size``, or of a .npy or .npz file."""
    if file.suffix.lower() != ".mat":
        return RawImages(read_npy_images(file, read.axes, n_angles, read.variable))
    array = matlab.read_images(file, read.variable)

    def size() -> float | None:
        found = matlab.read_variables(file, ["pixel_size"]).get("pixel_size")
        expected = "pixel_size as one number in angstrom"
        if found is None:
            return None
        if not isinstance(found, np.ndarray) or found.size != 1:
            raise DataFileError(file, "pixel_size of another kind", expected)
        return float(real_array(file, found, expected).reshape(-1)[0])

    return RawImages(array, pixel_sizes=stated("variable pixel_size", size))
