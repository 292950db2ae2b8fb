"""State of an unfinished iteration on disk, so that an interrupted run can be resumed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import CheckpointError
from aet_port.core.files import write_whole
from aet_port.core.records import parsing, read_npz

INTERVAL = 20.0  # seconds, shortest time between two saves
_CONTENT = "content"  # array of a file that holds the hash of the others


def fingerprint(*parts: object) -> str:
    """SHA-256 of arrays and of the text of other objects, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _digest(arrays: Mapping[str, Any]) -> str:
    """SHA-256 of the names and values of arrays, in the order of their names."""
    return fingerprint(*(part for name in sorted(arrays) for part in (name, arrays[name])))


def save_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays with the hash of their contents to an ``.npz`` file, never in part."""
    given: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    stated: dict[str, Any] = {_CONTENT: np.array(_digest(given))}
    write_whole(path, lambda partial: np.savez(partial, **given, **stated))


def check_content(path: Path, arrays: dict[str, Any]) -> None:
    """Take the hash of their contents out of the arrays of a file, and compare it with them.

    Files of earlier versions have none, and pass.

    Raises
    ------
    CheckpointError
        If they are not what :func:`save_npz` wrote.
    """
    stated = arrays.pop(_CONTENT, None)
    if stated is not None and str(stated) != _digest(arrays):
        found = "other contents than were saved, by their hash"
        advice = "the checkpoint of this run; delete it to start again"
        raise CheckpointError(path, found, advice)


class Checkpoint:
    """Arrays saved every few seconds with a fingerprint of the input they belong to.

    Parameters
    ----------
    path
        An ``.npz`` file; None saves nothing.
    key
        Fingerprint of data and parameters.
    interval
        Shortest time between two saves (seconds).
    """

    def __init__(self, path: str | Path | None, key: str, interval: float = INTERVAL) -> None:
        self.path = Path(path) if path is not None else None
        self.key, self.interval = key, interval
        self._last = time.monotonic()

    def load(self) -> dict[str, NDArray] | None:
        """The saved arrays, or None if there is no file.

        Raises
        ------
        CheckpointError
            If the file cannot be read, was changed, or belongs to other data or parameters.
        """
        if self.path is None or not self.path.exists():
            return None
        advice = "a checkpoint; delete it to start again"
        arrays = read_npz(self.path, expected=advice, kind=CheckpointError)
        check_content(self.path, arrays)
        if str(arrays.pop("key", "")) != self.key:
            raise CheckpointError(
                self.path,
                "a checkpoint of other data or parameters",
                "one of this run; delete it or use another output folder",
            )
        return arrays

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Context in which a state is made of the saved arrays, whatever they turn out to be.

        Raises
        ------
        CheckpointError
            If an array is missing or of another shape or type.
        """
        advice = "a checkpoint; delete it to start again"
        with parsing(self.path or "", "state", advice, CheckpointError):
            yield

    def due(self) -> bool:
        """Whether it is time to save again."""
        return self.path is not None and time.monotonic() - self._last >= self.interval

    def save(self, **arrays: Any) -> None:
        """Replace the file by these arrays; no partial file is left on failure."""
        if self.path is None:
            return
        save_npz(self.path, {"key": np.array(self.key), **arrays})
        self._last = time.monotonic()

    def discard(self) -> None:
        """Delete the file once the work is done."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
