"""Reading raw frames of all formats as :class:`FrameSeries`, and writing EMD, MRC and TIFF.

Axis order: x is an image's horizontal direction, y its vertical one, in all formats except the
Materials Data Bank's EMD, which stores x first. A series with a horizontal tilt axis must be
rotated afterwards. MRC and TIFF: section or page = image, rows y, columns x, in the order of the
file.

Handedness: in MRC files y runs up the screen, in DigitalMicrograph, SER (turned when read), Velox
and TIFF files down. An axis that is at some angle clockwise from the vertical on the screen is at
that angle from y towards x in the first, at minus that angle in the others. The same images with y
down give the mirror image of what they give with y up, unless the signs of the tilt angles are
reversed; which of the two is the object depends on how the stage turns, which files do not say.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.frame_series import FrameSeries
from aet_port.io.angle_files import one_axis_angles
from aet_port.io.arrays import MRC_SUFFIXES, TIFF_SUFFIXES
from aet_port.io.emd import EMD_SUFFIXES, write_emd
from aet_port.io.frame_files import read_frame_files
from aet_port.io.image_files import read_raw_images
from aet_port.io.image_folders import files_of_series
from aet_port.io.mrc_stacks import write_mrc_frames
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import (
    fitting_angles,
    settled_angles,
    settled_axis,
    settled_size,
)
from aet_port.io.tiff_stacks import write_tiff_frames
from aet_port.io.units import degrees

WRITABLE_SUFFIXES = (*EMD_SUFFIXES, *MRC_SUFFIXES, *TIFF_SUFFIXES)


@checked
def read_frames(
    path: str | Path | Sequence[str | Path],
    angles: ArrayLike | str | Path | None = None,
    pixel_size: float | None = None,
    frames_per_tilt: int | Sequence[int] | None = None,
    read: ReadSettings = READ,
) -> FrameSeries:
    """Read the raw frames of a tilt series.

    Parameters
    ----------
    path
        One file of a whole series; or a list of files, or a folder of files of one kind (in the
        order of the numbers in their names), one per tilt with one or more frames each; for the
        order of lists see :mod:`aet_port.io.image_folders`. Angles and metadata come from the file,
        a ``.mdoc``, ``.rawtlt`` or ``.tlt`` beside an MRC file or its extended header, a ``.emi``
        beside a SER file, and a ``.json`` or ``.csv`` sidecar beside MRC and TIFF files; for many
        files without any, from their names, if they hold angles without doubt.
    angles
        Angles in degrees, one per tilt or per image, or a file of them; replace those found.
    pixel_size
        Angstrom; replaces the one found.
    frames_per_tilt
        One number or one per tilt; replaces that of the files. Unless given, consecutive images of
        equal angle, in one file or in many, are frames of one tilt (see
        :meth:`FrameSeries.from_stack`), and each of many files without angles is a tilt.
    read
        What to read from files that hold several things, and the direction of the tilt axis.

    Returns
    -------
    FrameSeries; its angles are None if no file gives them.

    Raises
    ------
    DataFileError
        If a file is missing, truncated, of another kind, or files contradict each other.
    InputError
        For frames of different size within a tilt, angles that look like radians, numbers of
        angles and images that do not match, or no pixel size.

    Warns
    -----
    UserWarning
        If a file states another pixel size, tilt axis or other angles than those given, or angles
        are taken from the names of files, or files are not read in the order listed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.io import write_frames
    >>> counts = np.random.default_rng(0).poisson(9.0, (3, 2, 16, 16)).astype(np.uint16)
    >>> raw = aet.FrameSeries(tuple(counts), np.array([-60.0, 0.0, 60.0]), 0.35)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_frames(Path(folder) / "frames.emd", raw)
    ...     read = aet.read_frames(Path(folder) / "frames.emd")
    >>> len(read), read.frames[0].shape, read.pixel_size
    (3, (2, 16, 16), 0.35)
    """
    listed = angles is not None and not isinstance(angles, str | Path)
    name, files = files_of_series(path, keep_order=listed)
    given = None if angles is None else _given_angles(angles, read)
    if len(files) == 1:
        return _from_stack(files[0], given, pixel_size, frames_per_tilt, read)
    return read_frame_files(name, files, given, pixel_size, frames_per_tilt, read)


def _from_stack(
    file: Path,
    given: NDArray[np.float64] | None,
    pixel_size: float | None,
    frames_per_tilt: int | Sequence[int] | None,
    read: ReadSettings,
) -> FrameSeries:
    """A series of one file."""
    raw = read_raw_images(file, read)
    n_images = len(raw.images)
    own = _own_counts(file, raw)
    counts = frames_per_tilt if frames_per_tilt is not None else own
    if given is not None and frames_per_tilt is None:
        counts = _fitting(own, len(given), n_images)
    table = settled_angles(file, fitting_angles(file, raw.angles, n_images, counts), given)
    size = settled_size(file, raw.pixel_sizes, pixel_size)
    metadata = _with_axis(file, raw, read)
    return FrameSeries.from_stack(raw.images, table, size, counts, metadata, str(file))


def _own_counts(file: Path, raw: RawImages) -> list[int] | None:
    """Frames per tilt that the file states, if they add up to its images."""
    counts, n = raw.frames_per_tilt, len(raw.images)
    if counts is not None and sum(counts) != n:
        text = (
            f"{file}: frames per tilt that add up to {sum(counts)} are not used for {n} images; "
            "give --frames-per-tilt"
        )
        warnings.warn(text, UserWarning, stacklevel=4)
        return None
    return counts


def _fitting(counts: list[int] | None, n_angles: int, n_images: int) -> list[int] | None:
    """The file's frames per tilt, unless the given angles have another number."""
    return counts if counts is not None and n_angles in (len(counts), n_images) else None


def _with_axis(file: Path, raw: RawImages, read: ReadSettings) -> dict[str, Any]:
    """The metadata, with the direction of the tilt axis if it is known."""
    axis = settled_axis(file, raw.tilt_axes, read.tilt_axis)
    return raw.metadata | ({} if axis is None else {"tilt_axis_degrees": axis})


def _given_angles(angles: ArrayLike | str | Path, read: ReadSettings) -> NDArray[np.float64]:
    if isinstance(angles, str | Path):
        return one_axis_angles(angles, read.angles_variable, read.angle_unit)
    table = np.asarray(angles, dtype=np.float64)
    if table.ndim != 1 or table.size == 0:
        raise InputError("angles", f"shape {table.shape}", "a list of tilt angles in degrees")
    return degrees("angles given", table, read.angle_unit)


@checked
def write_frames(
    path: str | Path, series: FrameSeries, dialect: Literal["berkeley", "mdb"] = "berkeley"
) -> list[Path]:
    """Write raw frames with all metadata, for :func:`read_frames`.

    Parameters
    ----------
    path
        ``.emd`` (.h5, .hdf5): everything in one file, any type of pixel. ``.mrc`` and variants:
        with ``.mdoc`` (angles, pixel size, voltage) and ``.json`` (everything) beside it; pixel
        types that MRC lacks become single precision. ``.tif``: with ``.json`` beside it.
    series
        Frames of one size.
    dialect
        Dialect of an EMD file, see :func:`aet_port.io.emd.write_emd`.

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        For another suffix, tilts that differ in size, or values that MRC cannot hold precisely.
    OutputError
        If a file cannot be written; no partial file is left.
    """
    file = Path(path)
    check_target(file, WRITABLE_SUFFIXES)
    suffix = file.suffix.lower()
    if suffix in EMD_SUFFIXES:
        return [write_emd(file, series, dialect)]
    write = write_tiff_frames if suffix in TIFF_SUFFIXES else write_mrc_frames
    return write(file, series)
