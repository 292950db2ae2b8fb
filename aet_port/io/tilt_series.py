"""Tilt series: projections and their angles in files of all formats.

Images are (n, nx, ny), y the tilt axis of a single-axis series. A .npy array has this order, a .mat
array is (nx, ny, n). In the other formats a section, page or frame is an image with rows y and
columns x; where a file states that the tilt axis lies elsewhere, the images are turned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.image_rotation import turn_images
from aet_port.io import matlab
from aet_port.io.angle_files import ANGLES_FILE, WRITABLE_ANGLES, read_angles, write_angles
from aet_port.io.arrays import (
    MRC_SUFFIXES,
    TIFF_SUFFIXES,
    image_suffix,
    single_precision,
    write_mrc,
    write_npy,
    write_tiff,
)
from aet_port.io.hyperspy_files import HYPERSPY_SUFFIXES, write_hyperspy
from aet_port.io.image_files import read_raw_images
from aet_port.io.ome_zarr import ZARR_SUFFIXES, read_ome_zarr_series, write_ome_zarr
from aet_port.io.other_formats import read_foreign_series
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import (
    GIVEN_ANGLES,
    Stated,
    fitting_angles,
    settled_angles,
    settled_axis,
    settled_size,
)

WRITABLE_FILE = (
    "projections as .mat, .npy, .mrc, .mrcs, .st, .ali, .tif, .tiff, .hspy, .zspy or .ome.zarr"
)


@checked
def read_images(path: str | Path, read: ReadSettings = READ) -> NDArray:
    """Read projections (n, nx, ny) from a file, in the precision stored.

    Parameters
    ----------
    path
        File of any format that :func:`~aet_port.io.image_files.read_raw_images` reads.
    read
        What to read from a file that holds several things.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, truncated, empty, or holds something else.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles
    """
    return read_raw_images(path, read).images


@checked
def read_tilt_series(
    projections: str | Path,
    angles: str | Path | None = None,
    pixel_size: float | None = None,
    read: ReadSettings = READ,
) -> TiltSeries:
    """Read projections and their angles, from two files or from one .mat file.

    Parameters
    ----------
    projections, angles
        Files for :func:`read_images` and :func:`~aet_port.io.angle_files.read_angles`; without a
        file of angles those in the file of the projections or beside it are used.
    pixel_size
        Angstrom; unless given, that of the file is used (header, files beside it, variable
        ``pixel_size`` of a .mat file).
    read
        What to read from files that hold several things, and the direction of the tilt axis.

    Returns
    -------
    The series, named after the file of the projections, its images turned so that the tilt axis is
    along y if a file beside them (or ``read``) states another direction.

    Raises
    ------
    DataFileError
        If a file cannot be read, or the numbers of angles and images differ.
    InputError
        If no pixel size or angles are known, angles look like radians, or an image is empty or not
        finite.

    Warns
    -----
    UserWarning
        If a file states another pixel size, tilt axis or other angles than those given.

    Notes
    -----
    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles, which has no pixel size

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> np.save("projections.npy", np.ones((3, 32, 24), np.float32))
    >>> np.savetxt("angles.tlt", [-30, 0, 30])
    >>> series = aet.read_tilt_series("projections.npy", "angles.tlt", pixel_size=0.35)
    >>> len(series), series.detector, series.angles[:, 1]
    (3, (32, 24), array([-30.,   0.,  30.]))
    """
    if angles is None and read.tilt_axis is None:
        foreign = _foreign(projections, pixel_size, read)
        if foreign is not None:
            return foreign
    if angles is None:
        raw = read_raw_images(projections, read)
        table = _own_angles(projections, raw)
    else:
        table = read_angles(angles, read.angles_variable, read.angle_unit)
        raw = read_raw_images(projections, read, len(table))
        if not table[:, [0, 2]].any():
            settled_angles(projections, raw.angles, np.asarray(table[:, 1], dtype=np.float64))
    if len(table) != len(raw.images):
        expected = f"{len(raw.images)} rows, one per image of {projections}"
        if len(raw.images) % len(table) == 0:
            expected += "; frames of one tilt are averaged by `aet preprocess`"
        raise DataFileError(angles or projections, f"{len(table)} rows of angles", expected)
    size = settled_size(projections, raw.pixel_sizes, pixel_size)
    axis = settled_axis(projections, raw.tilt_axes, read.tilt_axis)
    images, metadata = raw.images, {}
    if axis:
        kind = images.dtype if images.dtype.kind == "f" else np.float64
        turned = turn_images(images, axis)
        images = turned.astype(kind, copy=False) if turned.dtype != images.dtype else turned
        metadata["tilt_axis_degrees"] = axis
    return TiltSeries(images, table, size, name=str(projections), metadata=metadata)


def _foreign(
    projections: str | Path, pixel_size: float | None, read: ReadSettings
) -> TiltSeries | None:
    """A series with all its Euler angles from one file of HyperSpy, ETSpy or OME-Zarr, if it is."""
    suffix = image_suffix(projections)
    if suffix in ZARR_SUFFIXES:
        found = read_ome_zarr_series(projections, pixel_size is None)
    elif suffix in HYPERSPY_SUFFIXES:
        found = read_foreign_series(projections, read.image, pixel_size is None)
    else:
        return None
    if found.angles is None:
        raise InputError(f"{projections}: angles", "none in the file", GIVEN_ANGLES)
    own = [] if found.pixel_size is None else [Stated("axes", found.pixel_size)]
    size = settled_size(projections, own, pixel_size)
    return TiltSeries(found.images, found.angles, size, found.name, found.metadata)


def _own_angles(projections: str | Path, raw: RawImages) -> NDArray[np.float64]:
    """Euler angles (n, 3) from the file of the projections or beside it."""
    fitting = fitting_angles(projections, raw.angles, len(raw.images), 1)
    theta = settled_angles(projections, fitting, None)
    if theta is None:
        found = "none in the file or beside it"
        raise InputError(f"{projections}: angles", found, GIVEN_ANGLES)
    return np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)


@checked
def write_tilt_series(
    projections_path: str | Path, angles_path: str | Path, series: TiltSeries
) -> tuple[Path, Path]:
    """Write a tilt series for :func:`read_tilt_series`.

    Parameters
    ----------
    projections_path
        .mat (variables ``projections`` and ``pixel_size``), .mrc and variants (single precision,
        pixel size in the header), .tif (pixel size in the description), .npy (only images), .hspy,
        .zspy or .ome.zarr (everything).
    angles_path
        .mat (variable ``angles``), .npy or text; or the file of the projections itself if that is
        .mat, .hspy, .zspy or .ome.zarr.
    series
        The tilt series.

    Raises
    ------
    InputError
        For another suffix, or values beyond single precision in MRC.
    OutputError
        If a file cannot be written.
    """
    images, angles = Path(projections_path), Path(angles_path)
    suffix = images.suffix.lower()
    whole = suffix in (*HYPERSPY_SUFFIXES, *ZARR_SUFFIXES)
    if images == angles and whole:
        pass
    elif angles.suffix.lower() not in WRITABLE_ANGLES:
        raise InputError(str(angles), f"a file of type {angles.suffix or 'unknown'}", ANGLES_FILE)
    if images == angles and suffix != ".mat" and not whole:
        raise InputError(str(angles), "the file of the projections", "another file, or one .mat")
    if suffix == ".mat":
        others: dict[str, Any] = {"angles": series.angles} if images == angles else {}
        matlab.write_images(images, series.images, pixel_size=series.pixel_size, **others)
    elif suffix == ".npy":
        write_npy(images, series.images)
    elif suffix in MRC_SUFFIXES:
        sections = single_precision(series.name, series.images).transpose(0, 2, 1)
        write_mrc(images, sections, series.pixel_size, None, stack=True)
    elif suffix in TIFF_SUFFIXES:
        write_tiff(images, series.images.transpose(0, 2, 1), series.pixel_size, None)
    elif suffix in HYPERSPY_SUFFIXES:
        write_hyperspy(images, series)
    elif suffix in ZARR_SUFFIXES:
        write_ome_zarr(images, series)
    else:
        raise InputError(str(images), f"a file of type {suffix or 'unknown'}", WRITABLE_FILE)
    if images != angles:
        write_angles(angles, series.angles)
    return images, angles
