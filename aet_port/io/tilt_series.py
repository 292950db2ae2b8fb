"""Tilt series: projections and their angles in MATLAB, NumPy, MRC, TIFF and text files.

Images are (n, nx, ny), y the tilt axis of a single-axis series. A .npy array has this order, a .mat
array is (nx, ny, n). In MRC and TIFF a section or page is an image with rows y and columns x; a
stack with a horizontal tilt axis must be rotated first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.io import matlab
from aet_port.io.arrays import (
    MRC_SUFFIXES,
    TIFF_SUFFIXES,
    read_mrc,
    read_npy,
    read_tiff,
    real_array,
    single_precision,
    write_mrc,
    write_npy,
    write_tiff,
)
from aet_port.io.number_tables import read_number_table

IMAGES_FILE = "projections as .mat, .npy, .mrc, .mrcs, .st, .ali, .tif or .tiff"
ANGLES_FILE = "angles as .mat, .npy, .txt, .csv, .tlt or .rawtlt"
TEXT_SUFFIXES = (".txt", ".csv", ".tlt", ".rawtlt")


def _images_and_size(
    path: str | Path, name: str | None, need_size: bool
) -> tuple[NDArray, float | None]:
    """Images (n, nx, ny) and, if needed, the pixel size if the file stores one."""
    file = Path(path)
    suffix = file.suffix.lower()
    size: float | None = None
    if suffix == ".mat":
        array = matlab.read_images(file, name)
        stored = matlab.read_variables(file, ["pixel_size"]).get("pixel_size")
        if need_size and stored is not None:
            expected = "pixel_size as one number in angstrom"
            if not isinstance(stored, np.ndarray) or stored.size != 1:
                raise DataFileError(file, "pixel_size of another kind", expected)
            size = float(real_array(file, stored, expected).reshape(-1)[0])
    elif suffix == ".npy":
        array = read_npy(file, IMAGES_FILE)
    elif suffix in MRC_SUFFIXES or suffix in TIFF_SUFFIXES:
        sections = (read_mrc if suffix in MRC_SUFFIXES else read_tiff)(file, IMAGES_FILE)
        array = sections.array[np.newaxis] if sections.array.ndim == 2 else sections.array
        if array.ndim == 3:
            array = array.transpose(0, 2, 1)
        size = sections.common_size(file, 2) if need_size else None
    else:
        raise DataFileError(file, f"a file of type {suffix or 'unknown'}", IMAGES_FILE)
    if array.ndim != 3 or array.size == 0:
        raise DataFileError(file, f"an array of shape {array.shape}", "images (n, nx, ny)")
    return np.ascontiguousarray(array), size


def read_images(path: str | Path, name: str | None = None) -> NDArray:
    """Read projections (n, nx, ny) from a file, in the precision stored.

    Parameters
    ----------
    path
        .mat, .npy, .mrc, .mrcs, .st, .ali, .tif or .tiff, with axes as described in the module.
    name
        Variable of a .mat file; needed only if several fit.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, truncated, empty, or holds something else.

    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles
    """
    return _images_and_size(path, name, need_size=False)[0]


def read_angles(path: str | Path, name: str | None = None) -> NDArray:
    """Read Euler angles phi, theta, psi (n, 3) in degrees; a list of single numbers is theta.

    Parameters
    ----------
    path
        .mat, .npy (single precision is kept), .txt, .csv, .tlt or .rawtlt.
    name
        Variable of a .mat file; needed only if several fit.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, truncated, not finite, or the table is transposed.

    MATLAB: @RESIRE_reconstructor/RESIRE_reconstructor.m::readFiles
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".mat":
        return matlab.read_angles(file, name)
    if suffix == ".npy":
        return matlab.euler_table(file, read_npy(file, ANGLES_FILE))
    if suffix in TEXT_SUFFIXES:
        expected = "lines of one number (theta) or three (phi, theta, psi), in degrees"
        return matlab.euler_table(file, read_number_table(file, expected, columns=(1, 3)))
    raise DataFileError(file, f"a file of type {suffix or 'unknown'}", ANGLES_FILE)


def read_tilt_series(
    projections: str | Path,
    angles: str | Path,
    pixel_size: float | None = None,
    projections_variable: str | None = None,
    angles_variable: str | None = None,
) -> TiltSeries:
    """Read projections and their angles, from two files or from one .mat file.

    Parameters
    ----------
    projections, angles
        Files for :func:`read_images` and :func:`read_angles`.
    pixel_size
        Angstrom; unless given, that of the file is used (MRC header, description of a TIFF file,
        variable ``pixel_size`` of a .mat file).
    projections_variable, angles_variable
        Variables of .mat files; needed only if several match.

    Returns
    -------
    The series, named after the file of the projections.

    Raises
    ------
    DataFileError
        If a file cannot be read, or the numbers of angles and images differ.
    InputError
        If no pixel size is known, or an image is empty or not finite.

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
    images, own = _images_and_size(projections, projections_variable, pixel_size is None)
    table = read_angles(angles, angles_variable)
    if len(table) != len(images):
        expected = f"{len(images)} rows, one per image of {projections}"
        raise DataFileError(angles, f"{len(table)} rows of angles", expected)
    size = own if pixel_size is None else pixel_size
    if size is None:
        raise InputError(
            f"{projections}: pixel size",
            "none in the file",
            "the pixel size in angstrom: pixel_size=..., --pixel-size on the command line",
        )
    return TiltSeries(images, table, size, name=str(projections))


def write_angles(path: str | Path, angles: NDArray) -> Path:
    """Write Euler angles (n, 3): .mat and .npy in their precision, text with all digits.

    Raises
    ------
    InputError
        For another suffix or shape.
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    table = np.asarray(angles)
    if table.ndim != 2 or table.shape[1] != 3:
        raise InputError("angles", f"shape {table.shape}", "shape (n, 3)")
    if suffix == ".mat":
        return matlab.write_mat(file, {"angles": table})
    if suffix == ".npy":
        return write_npy(file, table)
    if suffix in TEXT_SUFFIXES:
        mark = "," if suffix == ".csv" else " "
        text = "".join(mark.join(repr(float(value)) for value in row) + "\n" for row in table)
        return write_whole(file, lambda partial: _write_text(partial, text))
    raise InputError(str(file), f"a file of type {suffix or 'unknown'}", ANGLES_FILE)


def _write_text(partial: Path, text: str) -> None:
    partial.write_text(text, encoding="utf-8", newline="\n")


def write_tilt_series(
    projections_path: str | Path, angles_path: str | Path, series: TiltSeries
) -> tuple[Path, Path]:
    """Write a tilt series for :func:`read_tilt_series`.

    Parameters
    ----------
    projections_path
        .mat (variables ``projections`` and ``pixel_size``), .mrc and variants (single precision,
        pixel size in the header), .tif (pixel size in the description) or .npy (only images).
    angles_path
        .mat (variable ``angles``), .npy or text; may be the .mat file of the projections.
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
    if angles.suffix.lower() not in (".mat", ".npy", *TEXT_SUFFIXES):
        raise InputError(str(angles), f"a file of type {angles.suffix or 'unknown'}", ANGLES_FILE)
    if images == angles and suffix != ".mat":
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
    else:
        raise InputError(str(images), f"a file of type {suffix or 'unknown'}", IMAGES_FILE)
    if images != angles:
        write_angles(angles, series.angles)
    return images, angles
