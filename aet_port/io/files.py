"""Writing a file whole or not at all, and hashing one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from aet_port.errors import OutputError


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary neighbour of ``path``, then rename it into place.

    The temporary file keeps the suffix of ``path``, because several writers choose the format by
    it. On any failure the temporary file is removed and what stood at ``path`` is untouched.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    target = Path(path)
    partial = target.with_name(f".{target.stem}.partial-{os.getpid()}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with open(partial, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(
            target, error.strerror or str(error), "free some space or choose another place"
        ) from error
    finally:
        if target.parent.is_dir():
            partial.unlink(missing_ok=True)
    return target


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
