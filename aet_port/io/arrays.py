"""Arrays in .npy, MRC and TIFF files as stored; the basis for volumes and tilt series.

MRC and TIFF files hold sections (or pages) of rows y and columns x, so a file's array has the axes
(section, y, x). Axes are reordered by the callers, not here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError, reason, short, shown_path
from aet_port.core.files import write_whole

MRC_SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali")
COMPRESSED = (".gz", ".bz2")
TIFF_SUFFIXES = (".tif", ".tiff")
LABEL = "aet-port: sections z, rows y, columns x; origin is voxel (0, 0, 0)"
_ROUNDING = 100  # units in the last place; what inverse Fourier transforms leave
_SAME_LENGTH = 1e-4  # relative; MRC keeps cell lengths in single precision, IMOD rounds further


def existing_file(path: str | Path, expected: str) -> Path:
    """``path`` if it is a file.

    Raises
    ------
    DataFileError
        If it does not exist or is not a file.
    """
    try:
        found = Path(path)
        folder, file = found.is_dir(), found.is_file()
    except (OSError, ValueError, TypeError) as error:  # a name too long, or no name
        raise DataFileError(
            shown_path(path), f"no path of a file ({reason(error)})", expected
        ) from error
    if folder:
        raise DataFileError(found, "a folder", expected)
    if not file:
        raise DataFileError(found, "no such file", expected)
    return found


def plain_path(path: str | Path) -> Path:
    """The path without .gz or .bz2: what the names of files beside it are made of."""
    found = Path(path)
    return found.with_suffix("") if found.suffix.lower() in COMPRESSED else found


def image_suffix(path: str | Path) -> str:
    """The suffix that tells the format, in lower case: ``.mrc`` for ``s.mrc.gz``.

    Only MRC files are read compressed; for all others it is the last suffix.
    """
    inner = plain_path(path).suffix.lower()
    return inner if inner in MRC_SUFFIXES else Path(path).suffix.lower()


@contextmanager
def reading(path: str | Path, expected: str) -> Iterator[None]:
    """Turn all errors and warnings of a reading library into one :class:`DataFileError`.

    A warning of a reader means that something in the file was skipped or guessed, so it is an
    error here; warnings about the library's own code (deprecations) are ignored.
    """
    about_code = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for category in about_code:
                warnings.simplefilter("ignore", category)
            # The display format of a date is irrelevant.
            warnings.filterwarnings("ignore", message="mat_to_datetime: Ignoring 'fmt'")
            yield
    except AetError:
        raise
    except PermissionError as error:
        raise DataFileError(path, "no permission to read", expected) from error
    except Exception as error:  # libraries raise every kind; the cause stays attached
        raise DataFileError(path, f"unreadable contents ({reason(error)})", expected) from error


def real_array(path: str | Path, array: NDArray, expected: str) -> NDArray:
    """``array`` in native byte order if it holds real numbers (or booleans).

    Of complex numbers whose imaginary part is zero within rounding the real part is taken, with a
    warning.

    Raises
    ------
    DataFileError
        For other complex numbers, text or other types.
    """
    if array.dtype.kind == "c":
        array = _real_part(path, array, expected)
    if array.dtype.kind not in "biuf":
        raise DataFileError(path, f"an array of type {array.dtype}", expected)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _real_part(path: str | Path, array: NDArray, expected: str) -> NDArray:
    real = np.ascontiguousarray(array.real)
    if array.size:
        largest = float(np.abs(array.imag).max())
        limit = _ROUNDING * np.finfo(real.dtype).eps * float(np.abs(real).max())
        if not largest <= limit:
            found = f"complex numbers ({array.dtype}), imaginary parts up to {largest:.3g}"
            raise DataFileError(
                path, found, f"{expected}; save the real part or the absolute value"
            )
    warnings.warn(f"{path}: complex numbers without imaginary part, taken as real", stacklevel=3)
    return real


@dataclass(frozen=True)
class Sections:
    """Contents of an MRC or TIFF file.

    Parameters
    ----------
    array
        As stored: (section, y, x), or (y, x) for a single section.
    size
        Length of one pixel along x, y, z in angstrom; 0 if the file does not state it.
    origin
        Position of voxel (0, 0, 0) in angstrom; None if the file does not state it.
    ours
        Whether this package wrote the file.
    size_is_known
        Whether the size is believed; many programs that don't know it write 1 angstrom.
    """

    array: NDArray
    size: tuple[float, float, float]
    origin: NDArray[np.float64] | None
    ours: bool = False
    size_is_known: bool = True

    def common_size(self, path: str | Path, axes: int, advice: str = "") -> float | None:
        """The pixel size in angstrom, equal along the first ``axes`` axes; None if not stored.

        Raises
        ------
        DataFileError
            If the axes differ.
        """
        sizes = self.size[:axes]
        if not all(np.isfinite(s) and s > 0 for s in sizes):
            return None
        if max(sizes) - min(sizes) > _SAME_LENGTH * max(sizes):
            found = " x ".join(f"{s:.6g}" for s in sizes)
            raise DataFileError(
                path, f"pixels of {found} angstrom", f"the same length along every axis{advice}"
            )
        return sizes[0]


def read_npy(path: str | Path, expected: str) -> NDArray:
    """Read the array of a .npy file.

    Raises
    ------
    DataFileError
        If it is missing, truncated, or not a plain array of real numbers.
    """
    found = existing_file(path, expected)
    with reading(found, expected), open(found, "rb") as handle:
        if handle.read(4) == b"PK\x03\x04":
            raise DataFileError(found, "an archive of several arrays", "a .npy file with one array")
        handle.seek(0)
        array = read_npy_stream(handle, found.stat().st_size, found, expected)
    return real_array(found, array, expected)


def read_npy_stream(handle: IO[bytes], size: int, path: str | Path, expected: str) -> NDArray:
    """Read an array in NumPy's format from ``size`` bytes, which its header must agree with.

    Raises
    ------
    DataFileError
        If there are fewer bytes than the header states, or others than plain numbers.
    """
    start = handle.tell()
    version = np.lib.format.read_magic(handle)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(handle)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(handle)
    else:
        found = f"version {version[0]}.{version[1]} of NumPy's format"
        raise DataFileError(path, found, f"{expected}, of plain numbers (version 1 or 2)")
    shape, _, kind = header
    if kind.names is not None:
        found = f"a table with the columns {short(', '.join(kind.names))}"
        raise DataFileError(path, found, f"{expected}, as an array of plain numbers")
    if kind.hasobject or kind.kind not in "biufc":
        found = f"an array of type {kind}"
        raise DataFileError(path, found, f"{expected}, as an array of plain numbers")
    stated, left = prod(map(int, shape)) * kind.itemsize, size - (handle.tell() - start)
    if min(shape, default=0) < 0 or stated > left:
        lengths = " x ".join(map(str, shape))
        found = f"unreadable contents ({left:,} of {stated:,} bytes of an array of {lengths})"
        raise DataFileError(path, found, f"{expected}, the whole file")
    handle.seek(start)
    array: NDArray = np.lib.format.read_array(handle, allow_pickle=False)
    return array


def single_precision(name: str, array: NDArray) -> NDArray[np.float32]:
    """``array`` rounded to single precision, the largest that an MRC file can hold.

    Raises
    ------
    InputError
        If a value is beyond the range of single precision.
    """
    with np.errstate(over="ignore"):
        rounded = np.asarray(array, dtype=np.float32)
    if not np.isfinite(rounded).all():
        raise InputError(
            name, "values beyond single precision", "numbers below 3.4e38; scale them first"
        )
    return rounded


def write_npy(path: str | Path, array: NDArray) -> Path:
    """Write one array; raises OutputError if it cannot be written."""
    return write_whole(path, lambda partial: np.save(partial, array, allow_pickle=False))


def write_mrc(
    path: str | Path,
    sections: NDArray[np.float32],
    pixel_size: float,
    origin: NDArray | None,
    stack: bool,
) -> Path:
    """Write (section, y, x) in single precision; ``stack`` marks sections as separate images.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import mrcfile

    def write(partial: Path) -> None:
        # For values near the limit of single precision only the statistics may overflow.
        with np.errstate(over="ignore"), mrcfile.new(partial, overwrite=True) as mrc:
            mrc.set_data(np.ascontiguousarray(sections))
            if stack:
                mrc.set_image_stack()
            mrc.voxel_size = pixel_size
            if origin is not None:
                mrc.header.origin = tuple(float(value) for value in origin)
            # The library's label contains the time; equal data must give identical files.
            mrc.header.label[:] = b""
            mrc.header.label[0] = LABEL.ljust(79)
            mrc.header.nlabl = 1

    return write_whole(path, write)


def write_tiff(
    path: str | Path, sections: NDArray, pixel_size: float, origin: NDArray | None
) -> Path:
    """Write (page, y, x), with pixel size and origin as JSON in the image description.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import tifffile

    notes: dict[str, Any] = {
        "axes": "page z or image, row y, column x",
        "voxel_size_angstrom": float(pixel_size),
    }
    if origin is not None:
        notes["origin_angstrom"] = [float(value) for value in origin]

    def write(partial: Path) -> None:
        tifffile.imwrite(
            partial,
            np.ascontiguousarray(sections),
            photometric="minisblack",
            description=json.dumps(notes),
            metadata=None,
        )

    return write_whole(path, write)
