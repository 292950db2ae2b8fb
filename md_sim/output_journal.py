"""Hashes of what a quench writes, in ``outputs.sha256`` of its folder.

A line has the SHA-256, the number of bytes it covers, and the name of the file. It is written
before the file is put in its place, so that a run that is killed in between has both hashes: a file
is that of the run if it agrees with one of the last two lines of its name. The thermodynamic table
grows between two lines; its first bytes are compared with the last line, or, if it is shorter, as
it may be after a kill, with the one before.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from aet_port.core.errors import DataFileError, OutputError

JOURNAL = "outputs.sha256"
_LAST = 2


def note(folder: Path, name: str, content: bytes) -> None:
    """Add the hash of a file that is about to be put in its place.

    Raises
    ------
    OutputError
        If the folder can't be written to.
    """
    line = f"{hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
    path = folder / JOURNAL
    try:
        with open(path, "ab") as handle:
            if handle.tell() and not path.read_bytes().endswith(b"\n"):
                handle.write(b"\n")  # after a line that a kill cut short
            handle.write(line.encode())
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise OutputError(path, str(error), "free some space or choose another folder") from error


def read_journal(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Hashes and numbers of bytes of each file, oldest first; empty for earlier versions.

    Raises
    ------
    DataFileError
        If it can't be read.
    """
    path = folder / JOURNAL
    if not path.exists():
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataFileError(path, str(error), "the hashes of a quench") from error
    found: dict[str, list[tuple[str, int]]] = {}
    for line in lines:
        digest, _, rest = line.partition(" ")
        size, _, name = rest.partition(" ")
        if len(digest) == 64 and size.isdecimal() and name:
            found.setdefault(name, []).append((digest, int(size)))
    return found


def is_recorded(folder: Path, name: str) -> bool:
    """Whether the hash of a file was recorded when it was written, and is still that.

    False if there is no record of it: runs of earlier versions.

    Raises
    ------
    DataFileError
        If the file is not what the run wrote.
    """
    known = read_journal(folder).get(name)
    if known is None:
        return False
    path = folder / name
    if not path.exists():
        return False
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFileError(path, str(error), "a file of the quench") from error
    last = known[-_LAST:]
    if name.endswith(".csv") and len(content) >= last[-1][1]:
        last, content = last[-1:], content[: last[-1][1]]
    elif name.endswith(".csv"):
        content = content[: last[0][1]]
    if any(
        len(content) == size and hashlib.sha256(content).hexdigest() == digest
        for digest, size in last
    ):
        return True
    raise DataFileError(
        path,
        "other contents than the quench wrote, by their hash",
        "the file of the run: put it back, or run the quench again with another --out",
    )
