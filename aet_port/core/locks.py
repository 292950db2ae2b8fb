"""Files that one process locks: the lock ends with the process, whatever ends it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aet_port.core.errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

LOCK = ".run.lock"
RUNNING, WAIT = "a run that is going on", "wait for it, or another --out"
_RETRY = 0.01  # seconds


def lock_file(path: Path, deadline: float, exclusive: bool = True) -> int | None:
    """Descriptor of a locked file; None if it was not to be had in time, or can't be locked.

    Parameters
    ----------
    path
        Made if it is to be locked exclusively.
    deadline
        Of :func:`time.monotonic`, until which to wait.
    exclusive
        Whether nobody else may have it; shared locks go together.
    """
    if fcntl is None:
        return None
    flags = os.O_CREAT | os.O_RDWR if exclusive else os.O_RDONLY
    while True:
        try:
            handle = os.open(path, flags, 0o666)
        except OSError:  # nobody has it, or a folder that can't be written to
            return None
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
        except OSError:  # a file system without such locks
            os.close(handle)
            return None
        else:
            if not exclusive or _still_there(handle, path):
                return handle
            os.close(handle)  # its last holder has removed it: take the next
            continue
        if time.monotonic() >= deadline:
            return None
        time.sleep(_RETRY)


def unlock_file(handle: int, path: Path) -> None:
    """Remove an exclusively locked file and give the lock back."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    os.close(handle)


@contextmanager
def one_at_a_time(
    folder: Path, lock: str = LOCK, work: str = RUNNING, advice: str = WAIT
) -> Iterator[None]:
    """Context in which no other process does the same work in a folder.

    Where files can't be locked, nothing is checked.

    Parameters
    ----------
    folder
        The folder.
    lock
        Name of the file in it that is locked, one for each kind of work.
    work, advice
        For the error: what goes on, and what to do.

    Raises
    ------
    InputError
        If another one does.
    """
    path = folder / lock
    handle = lock_file(path, time.monotonic())
    if handle is None and _held(path):
        who = _holder(path)
        raise InputError(f"run folder {folder}", f"{work}{who}", advice)
    if handle is None:
        yield
        return
    try:
        with suppress(OSError):
            os.truncate(handle, 0)
            os.write(handle, b"%d\n" % os.getpid())
        yield
    finally:
        unlock_file(handle, path)


def _held(path: Path) -> bool:
    """Whether a lock that was not to be had is held by somebody, and not just impossible."""
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _holder(path: Path) -> str:
    try:
        number = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return f" (process {number})" if number.isdigit() else ""


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
