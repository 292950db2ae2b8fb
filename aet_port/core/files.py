"""Writing a file whole or not at all, and hashing one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from aet_port.core.errors import InputError, OutputError


def check_target(path: str | Path, suffixes: Sequence[str]) -> None:
    """Refuse a result file that cannot be written, before the work that makes the result.

    Raises
    ------
    InputError
        If its suffix is none of ``suffixes``.
    OutputError
        If it is a folder, or its folder is there but no folder, or may not be written to.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError("output", f"{target}", f"a name ending in {', '.join(suffixes)}")
    if target.is_dir():
        raise OutputError(target, "it is a folder", "give the name of a file")
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir():
        raise OutputError(target, f"{above} is no folder", "choose another place")
    if not os.access(above, os.W_OK):
        raise OutputError(target, f"{above} may not be written to", "choose another place")


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
        # NumPy only counts the bytes that a full disk still took.
        reason = error.strerror or f"a part of it only: {error}"
        raise OutputError(target, reason, "free some space or choose another place") from error
    finally:
        if target.parent.is_dir():
            partial.unlink(missing_ok=True)
    return target


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
