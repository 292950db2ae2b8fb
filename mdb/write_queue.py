"""Whose turn it is: a writer that waits for a bank is not overtaken by new readers for ever.

DuckDB's own lock on the file is what keeps processes apart; the turn only makes them fair. A writer
holds a small file beside the bank while it waits and writes; a reader that finds it held waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where readers and writers are only less fair
    fcntl = None  # type: ignore[assignment]

_RETRY = 0.01  # seconds
_left: dict[Path, float] = {}  # when this process gave a turn back


def turn_path(bank: Path) -> Path:
    """The file whose lock says that somebody writes to a bank."""
    return bank.with_name(f".{bank.name}.turn")


@contextmanager
def writers_turn(bank: Path, deadline: float) -> Iterator[bool]:
    """Context in which no other writer has its turn, and new readers wait.

    After ``deadline`` (of :func:`time.monotonic`) it is entered without the turn, and says so.
    """
    path = turn_path(bank)
    # Readers that waited while this process wrote come before it writes again.
    pause = min(deadline, _left.get(path, 0.0) + 2 * _RETRY) - time.monotonic()
    time.sleep(max(0.0, pause))
    handle = _take(path, os.O_CREAT | os.O_RDWR, exclusive=True, deadline=deadline)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            path.unlink(missing_ok=True)
            os.close(handle)
            _left[path] = time.monotonic()


def readers_turn(bank: Path, deadline: float) -> None:
    """Return when no writer waits or writes any more, or after the deadline."""
    handle = _take(turn_path(bank), os.O_RDONLY, exclusive=False, deadline=deadline)
    if handle is not None:
        os.close(handle)


def _take(path: Path, flags: int, exclusive: bool, deadline: float) -> int | None:
    """Descriptor of the locked file; None if there is none or it was not to be had in time."""
    if fcntl is None:
        return None
    while True:
        try:
            handle = os.open(path, flags, 0o666)
        except OSError:  # no writer, or a folder that can't be written to: DuckDB tells that
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


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
