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

from aet_port.core.locks import lock_file, unlock_file

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
    handle = lock_file(path, deadline)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            unlock_file(handle, path)
            _left[path] = time.monotonic()


def readers_turn(bank: Path, deadline: float) -> None:
    """Return when no writer waits or writes any more, or after the deadline."""
    handle = lock_file(turn_path(bank), deadline, exclusive=False)
    if handle is not None:
        os.close(handle)
