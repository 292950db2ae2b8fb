"""Records on disk, JSON and arrays: written atomically, with errors that name the file."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError, reason, shown_path
from aet_port.core.files import write_whole

OWN = "the file this program wrote; delete the folder and start again, or use another --out"

BEST_RATIO = 1032  # of deflate; no stream expands further


def plain(value: float) -> float | None:
    """A number for JSON, rounded to six digits; None if it is not finite."""
    return round(value, 6) if math.isfinite(value) else None


def without_nan(content: Any) -> Any:
    """``content`` with NaN and infinities, which JSON lacks, replaced by None."""
    if isinstance(content, dict):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


@contextmanager
def parsing(
    path: str | Path, what: str, expected: str, kind: type[DataFileError] = DataFileError
) -> Iterator[None]:
    """Context in which whatever goes wrong with stored data becomes one error that names the file.

    Damaged records fail in every way that Python knows: a number where a list should be, brackets
    nested too deep for the parser, an encrypted member of an archive, a length of 2**60.

    Parameters
    ----------
    path
        The file.
    what
        What it should hold, for "no readable ...".
    expected
        What would have been accepted, or what to do.
    kind
        Of the error.

    Raises
    ------
    DataFileError
        For any exception, those that say what is wrong with a value included; errors of this
        package that name a file pass.
    """
    try:
        yield
    except InputError as error:  # of a value in the file, which it doesn't name
        if isinstance(error, DataFileError):
            raise
        found = f"{error.subject}: {error.found}"
        raise kind(shown_path(path), found, expected) from error
    except AetError:
        raise
    except Exception as error:
        raise kind(shown_path(path), f"no readable {what} ({reason(error)})", expected) from error


def read_text(
    path: str | Path,
    what: str = "text",
    expected: str = OWN,
    kind: type[DataFileError] = DataFileError,
) -> str:
    """Read a file as UTF-8, with or without a mark at its beginning.

    Raises
    ------
    DataFileError
        If it is missing or no text.
    """
    with parsing(path, what, expected, kind):
        return Path(path).read_text(encoding="utf-8-sig")


def read_json(path: str | Path, expected: str = OWN) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataFileError
        If it can't be read.
    """
    with parsing(path, "record", expected):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def parse_record(text: str) -> dict[str, Any]:
    """The object that a JSON text holds, for use within :func:`parsing` or its like.

    Raises
    ------
    ValueError, TypeError, RecursionError
        If it holds something else.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} instead of an object")
    return found


def read_record(path: str | Path, *keys: str, expected: str = OWN) -> dict[str, Any]:
    """Read a JSON file that holds an object with certain keys.

    Raises
    ------
    DataFileError
        If it can't be read, holds something else, or lacks a key.
    """
    found = read_json(path, expected)
    if not isinstance(found, dict):
        raise DataFileError(path, f"a {type(found).__name__} instead of an object", expected)
    missing = [key for key in keys if key not in found]
    if missing:
        raise DataFileError(path, f"a record without {', '.join(missing)}", expected)
    return found


def write_json(path: str | Path, content: object, *, sort_keys: bool = True) -> None:
    """Write a record as JSON, never a partial file; NaN becomes null."""
    text = json.dumps(without_nan(content), indent=1, sort_keys=sort_keys, allow_nan=False) + "\n"
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def read_npz(
    path: str | Path,
    *names: str,
    expected: str = OWN,
    kind: type[DataFileError] = DataFileError,
) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file: those named, which must exist, or all of them.

    No more is allocated than the file can hold, checksums are compared, and objects, which could
    run any program, are refused.

    Raises
    ------
    DataFileError
        If the file can't be read or lacks an array.
    """
    with parsing(path, "arrays", expected, kind), zipfile.ZipFile(path) as archive:
        members = {
            one.filename.removesuffix(".npy"): one
            for one in archive.infolist()
            if one.filename.endswith(".npy")
        }
        missing = [name for name in names if name not in members]
        if missing:
            raise kind(path, f"no readable arrays ({', '.join(missing)} missing)", expected)
        return {name: read_member(archive, members[name]) for name in names or members}


def read_member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    read: Callable[[IO[bytes], int], NDArray[Any]] | None = None,
) -> NDArray[Any]:
    """Read an array of an archive to its end, where its checksum is compared.

    Parameters
    ----------
    archive, member
        Open archive, and which of its members.
    read
        Reads an array from a stream of a number of bytes; any array unless given.

    Raises
    ------
    ValueError
        For what is no array, or promises more than it holds; and what else the libraries raise.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("compressed in another way")
    size = min(member.file_size, BEST_RATIO * member.compress_size)
    with archive.open(member) as handle:
        array = (_read_array if read is None else read)(handle, size)
        while handle.read(2**20):
            pass
    return array


def _read_array(handle: IO[bytes], size: int) -> NDArray[Any]:
    version = np.lib.format.read_magic(handle)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} of NumPy's format")
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = header(handle)
    if dtype.hasobject:
        raise ValueError("objects instead of numbers")
    if min(shape, default=0) < 0 or math.prod(map(int, shape)) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {shape} in {size} bytes")
    handle.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(handle, allow_pickle=False)
    return array
