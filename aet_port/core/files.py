"""Files that are written whole or not at all, and hashes of files."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from aet_port.core.errors import InputError, OutputError
from aet_port.core.leftovers import partial_path, remove, replaced_path, tidy_once

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
    On any failure the temporary file is removed and an existing file at ``path`` is kept; so it is
    if the machine goes down, since file and folder are written to the disk one after the other.

    Raises
    ------
    OutputError
        If the folder cannot be written or the disk is full.
    """
    target = Path(path)
    partial = partial_path(target)
    try:
        make_folder(target.parent)
        tidy_once(target.parent)
        write(partial)
        sync_file(partial)
        os.replace(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        # On a full disk NumPy only reports the number of bytes written.
        reason = error.strerror or f"only a part of it: {error}"
        raise OutputError(target, reason, "free some space or choose another place") from error
    finally:
        with contextlib.suppress(OSError):  # no folder, or a name too long
            partial.unlink(missing_ok=True)
    return target


@contextmanager
def partial_folder(path: str | Path) -> Iterator[Path]:
    """Context with a new folder beside ``path`` for what is to be moved there; removed in the end.

    Raises
    ------
    OSError
        If it can't be made.
    """
    target = Path(path)
    make_folder(target.parent)
    tidy_once(target.parent)
    room = partial_path(target, suffix="")
    room.mkdir()
    try:
        yield room
    finally:
        remove(room)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that they outlast a power cut."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def sync_file(path: Path) -> None:
    """Return when the content of a file is on the disk."""
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk, where the system can tell."""
    if os.name == "nt":  # folders can't be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Return when a folder is on the disk with all that is in it."""
    for root, _, files in os.walk(folder):
        for name in files:
            sync_file(Path(root) / name)
        sync_folder(Path(root))


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
    partial, old = partial_path(target), replaced_path(target)
    try:
        make_folder(target.parent)
        tidy_once(target.parent)
        write(partial)
        sync_tree(partial)
        # In one step if the system can; else a moment without the folder, which is put back.
        if not (target.exists() and _exchanged(partial, target)):
            if target.exists():
                os.replace(target, old)
            os.replace(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        if old.exists() and not target.exists():
            os.replace(old, target)
        reason = error.strerror or str(error)
        raise OutputError(target, reason, "free some space or choose another place") from error
    finally:
        remove(partial)
        if target.exists():
            remove(old)
    return target


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two names were swapped in one step, as Linux can."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)


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
