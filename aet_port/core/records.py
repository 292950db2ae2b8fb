"""Records on disk, JSON and arrays: written atomically, with errors that name the file."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole

OWN = "the file this program wrote; delete the folder and start again, or use another --out"


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


def read_json(path: str | Path, expected: str = OWN) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataFileError
        If it can't be read.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(path, f"no readable record ({error})", expected) from error


def write_json(path: str | Path, content: object, *, sort_keys: bool = True) -> None:
    """Write a record as JSON, never a partial file; NaN becomes null."""
    text = json.dumps(without_nan(content), indent=1, sort_keys=sort_keys, allow_nan=False) + "\n"
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def read_npz(path: str | Path, *names: str, expected: str = OWN) -> dict[str, NDArray[Any]]:
    """Read arrays of an ``.npz`` file: those named, which must exist, or all of them.

    Raises
    ------
    DataFileError
        If the file can't be read or lacks an array.
    """
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
            return {name: stored[name] for name in names or stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataFileError(path, f"no readable arrays ({error})", expected) from error
