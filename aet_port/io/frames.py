"""Reading raw frames of all formats as :class:`FrameSeries`, and writing EMD, MRC and TIFF.

Axis order: x is an image's horizontal direction, y its vertical one, in all formats except the
Materials Data Bank's EMD, which stores x first. A series with a horizontal tilt axis must be
rotated afterwards. MRC and TIFF: section or page = image, rows y, columns x, in the order of the
file. DigitalMicrograph and SER: see :mod:`aet_port.io.dm`, :mod:`aet_port.io.ser`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target
from aet_port.core.frame_series import FrameSeries
from aet_port.io.arrays import MRC_SUFFIXES, TIFF_SUFFIXES
from aet_port.io.dm import DM_SUFFIXES, read_dm
from aet_port.io.emd import EMD_SUFFIXES, read_emd, write_emd
from aet_port.io.frame_stacks import (
    SAME_SIZE,
    one_axis_angles,
    read_mrc_frames,
    read_tiff_frames,
    write_mrc_frames,
    write_tiff_frames,
)
from aet_port.io.raw_images import RawImages
from aet_port.io.ser import SER_SUFFIXES, read_ser
from aet_port.io.units import degrees

FRAME_SUFFIXES = (*DM_SUFFIXES, *SER_SUFFIXES, *EMD_SUFFIXES, *MRC_SUFFIXES, *TIFF_SUFFIXES)
WRITABLE_SUFFIXES = (*EMD_SUFFIXES, *MRC_SUFFIXES, *TIFF_SUFFIXES)
FRAMES_FILE = "raw frames as .dm3, .dm4, .ser, .emd, .mrc (or variants) or .tif"
_COMMON = ("voltage_kv", "dwell_time_us")


def read_frames(
    path: str | Path | Sequence[str | Path],
    angles: ArrayLike | str | Path | None = None,
    pixel_size: float | None = None,
    frames_per_tilt: int | Sequence[int] | None = None,
) -> FrameSeries:
    """Read the raw frames of a tilt series.

    Parameters
    ----------
    path
        One file of a whole series; or a list of files, or a folder of files of one kind (in the
        order of their names), one per tilt with one or more frames each. Angles and metadata
        come from the file, a ``.mdoc``, ``.rawtlt`` or ``.tlt`` beside an MRC file, a ``.emi``
        beside a SER file, and a ``.json`` or ``.csv`` sidecar beside MRC and TIFF files.
    angles
        Angles in degrees, one per tilt or per image, or a file of them; replace those found.
    pixel_size
        Angstrom; replaces the one found.
    frames_per_tilt
        One number or one per tilt; replaces that of the files. Unless given, consecutive images of
        equal angle are frames of one tilt (see :meth:`FrameSeries.from_stack`).

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
    given = None if angles is None else _given_angles(angles)
    if isinstance(path, str | Path) and not Path(path).is_dir():
        file = Path(path)
        raw = _read_one(file)
        table = raw.tilt_angles() if given is None else given
        counts = frames_per_tilt if frames_per_tilt is not None else raw.frames_per_tilt
        if given is not None and frames_per_tilt is None:
            counts = _fitting(raw.frames_per_tilt, len(given), len(raw.images))
        size = _needed_size(file, raw.pixel_size if pixel_size is None else pixel_size)
        return FrameSeries.from_stack(raw.images, table, size, counts, raw.metadata, str(file))
    if isinstance(path, str | Path):
        name, files = str(path), _files_of(Path(path))
    else:
        files = [Path(item) for item in path]
        name = f"{files[0]} and {len(files) - 1} more" if files else "no files"
    if not files:
        raise InputError("path", "an empty list", FRAMES_FILE)
    if frames_per_tilt is not None:
        raise InputError("frames_per_tilt", repr(frames_per_tilt), "None: each file is a tilt")
    return _from_files(name, files, given, pixel_size)


def _fitting(counts: list[int] | None, n_angles: int, n_images: int) -> list[int] | None:
    """The file's frames per tilt, unless the given angles have another number."""
    return counts if counts is not None and n_angles in (len(counts), n_images) else None


def _given_angles(angles: ArrayLike | str | Path) -> NDArray[np.float64]:
    if isinstance(angles, str | Path):
        return degrees(angles, one_axis_angles(angles), None)
    table = np.asarray(angles, dtype=np.float64)
    if table.ndim != 1 or table.size == 0:
        raise InputError("angles", f"shape {table.shape}", "a list of tilt angles in degrees")
    return degrees("angles given", table, None)


def _needed_size(file: str | Path, size: float | None) -> float:
    if size is None:
        raise InputError(
            f"{file}: pixel size",
            "none in the file",
            "the pixel size in angstrom: pixel_size=..., --pixel-size on the command line",
        )
    return size


def _files_of(folder: Path) -> list[Path]:
    """Image files of a folder, all of one kind."""
    files = sorted(item for item in folder.iterdir() if item.suffix.lower() in FRAME_SUFFIXES)
    if not files:
        raise DataFileError(folder, "a folder without image files", FRAMES_FILE)
    kinds = sorted({item.suffix.lower() for item in files})
    if len(kinds) > 1:
        raise DataFileError(folder, f"files of types {', '.join(kinds)}", "files of one type")
    return files


def _from_files(
    name: str, files: list[Path], given: NDArray[np.float64] | None, pixel_size: float | None
) -> FrameSeries:
    """A series with one file per tilt."""
    frames, tilts, notes = [], [], []
    size, first = pixel_size, files[0]
    for file in files:
        raw = _read_one(file)
        frames.append(raw.images)
        own = raw.tilt_angles() if given is None else None
        if own is not None and len(np.unique(own)) > 1:
            raise DataFileError(file, f"{len(np.unique(own))} tilt angles", "one tilt per file")
        tilts.append(None if own is None else float(own[0]))
        if pixel_size is None and raw.pixel_size is not None:
            if size is not None and not np.isclose(size, raw.pixel_size, rtol=SAME_SIZE, atol=0):
                found = f"pixels of {raw.pixel_size:.6g} angstrom"
                raise DataFileError(file, found, f"{size:.6g} angstrom, as {first}")
            size = size or raw.pixel_size
        notes.append({"file": file.name} | raw.metadata)
    angles = given
    if given is None and any(tilt is not None for tilt in tilts):
        if None in tilts:
            missing = files[tilts.index(None)]
            raise DataFileError(missing, "no tilt angle", "one, as in the other files")
        angles = np.array(tilts, dtype=np.float64)
    metadata: dict[str, Any] = {"files": notes}
    for key in _COMMON:
        values = {str(note.get(key)) for note in notes}
        if len(values) == 1 and key in notes[0]:
            metadata[key] = notes[0][key]
    return FrameSeries(tuple(frames), angles, _needed_size(name, size), metadata, name)


def _read_one(file: Path) -> RawImages:
    suffix = file.suffix.lower()
    if suffix in DM_SUFFIXES:
        return read_dm(file)
    if suffix in SER_SUFFIXES:
        return read_ser(file)
    if suffix in EMD_SUFFIXES:
        return read_emd(file)
    if suffix in MRC_SUFFIXES:
        return read_mrc_frames(file)
    if suffix in TIFF_SUFFIXES:
        return read_tiff_frames(file)
    raise DataFileError(file, f"a file of type {suffix or 'unknown'}", FRAMES_FILE)


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
