"""Atomic writing and hashing of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from aet_port.core.errors import InputError, OutputError

FOLDER_SUFFIXES = (".zspy", ".zarr")  # formats that are folders


def check_target(path: str | Path, suffixes: Sequence[str]) -> None:
    """Check that a result file can be written, before the work that makes the result.

    Raises
    ------
    InputError
        If its suffix is not among ``suffixes``.
    OutputError
        If it is a folder, or its parent is not a folder or not writable.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError("output", f"{target}", f"a name ending in {', '.join(suffixes)}")
    if target.is_dir() and target.suffix.lower() not in FOLDER_SUFFIXES:
        raise OutputError(target, "it is a folder", "give the name of a file")
    above = next(folder for folder in target.absolute().parents if folder.exists())
    if not above.is_dir():
        raise OutputError(target, f"{above} is not a folder", "choose another place")
    if not os.access(above, os.W_OK):
        raise OutputError(target, f"{above} is not writable", "choose another place")


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then rename it.

    The temporary file has the suffix of ``path``, because several writers choose the format by it.
    On any failure the temporary file is removed and an existing file at ``path`` is kept.

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
        # On a full disk NumPy only reports the number of bytes written.
        reason = error.strerror or f"only a part of it: {error}"
        raise OutputError(target, reason, "free some space or choose another place") from error
    finally:
        with contextlib.suppress(OSError):  # no folder, or a name too long
            partial.unlink(missing_ok=True)
    return target


def is_data_file(path: Path) -> bool:
    """Whether a file exists, or a folder of a format that is a folder."""
    return path.is_file() or (path.is_dir() and path.suffix.lower() in FOLDER_SUFFIXES)


def write_whole_folder(path: str | Path, write: Callable[[Path], object], mark: str) -> Path:
    """Let ``write`` fill a temporary folder beside ``path``, then rename it.

    For formats that are folders (Zarr). An existing folder is replaced only if it has the file
    ``mark``, by which such a folder is recognised. On any failure it is kept.

    Raises
    ------
    OutputError
        If the folder cannot be written, the disk is full, or something else is at ``path``.
    """
    target = Path(path)
    if target.exists() and not (target / mark).is_file():
        raise OutputError(target, "something else has this name", "choose another name")
    partial = target.with_name(f".{target.stem}.partial-{os.getpid()}{target.suffix}")
    old = target.with_name(f".{target.stem}.old-{os.getpid()}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        if target.exists():
            os.replace(target, old)
        os.replace(partial, target)
    except OSError as error:
        if old.exists() and not target.exists():
            os.replace(old, target)
        reason = error.strerror or str(error)
        raise OutputError(target, reason, "free some space or choose another place") from error
    finally:
        for folder in (partial, old):
            shutil.rmtree(folder, ignore_errors=True)
    return target


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; of a folder, of all names and files in it."""
    folder = Path(path)
    if folder.is_dir():
        total = hashlib.sha256()
        for item in sorted(one for one in folder.rglob("*") if one.is_file()):
            total.update(f"{item.relative_to(folder).as_posix()}\0{sha256(item)}\n".encode())
        return total.hexdigest()
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
