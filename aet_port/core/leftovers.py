"""Unfinished files beside their targets: named after the process that writes them, or left by it.

A file is written under such a name and renamed when it is whole. A process that is killed leaves
it behind; whoever writes into the folder next removes it, unless its owner is still alive.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

FORGOTTEN = 7 * 24 * 3600.0  # seconds without a change: no process elsewhere still writes it
_PARTIAL, _OLD = "partial", "old"
_LONGEST = 120  # bytes of the target's name that are kept: file systems allow 255 in all
_NAME = re.compile(
    rf"\.(?P<stem>.*)\.(?P<kind>{_PARTIAL}|{_OLD})-"
    r"(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>[0-9a-f]{4}-\d+)-\d+(?P<suffix>\..*)?",
    re.DOTALL,
)
_EARLIER = re.compile(rf"(\..*)?\.{_PARTIAL}-.+", re.DOTALL)  # of versions that name no owner
_numbers = itertools.count()
_tidied: set[Path] = set()


def partial_path(target: Path, suffix: str | None = None) -> Path:
    """A hidden name beside ``target`` for what is written before it gets that name.

    It names this process, ends in the suffix of ``target`` unless another is given, and no two of
    them are equal.
    """
    return _named(target, _PARTIAL, suffix)


def replaced_path(target: Path) -> Path:
    """A hidden name beside ``target`` for what stood there and is being replaced."""
    return _named(target, _OLD, None)


def _named(target: Path, kind: str, suffix: str | None) -> Path:
    end = target.suffix if suffix is None else suffix
    stem = target.stem if suffix is None else target.name
    while len(os.fsencode(stem)) > _LONGEST:
        stem = stem[:-1]
    owner = f"{_host()}-{os.getpid()}-{_boot()}-{_start(os.getpid()) or 0}"
    return target.with_name(f".{stem}.{kind}-{owner}-{next(_numbers)}{end}")


def tidy(folder: Path, own: bool = False) -> None:
    """Remove what killed processes left in a folder, never what a living one may still write.

    Parameters
    ----------
    folder
        Where to look.
    own
        Whether only this program writes there: then the folders in it are looked into, and names
        that earlier versions gave count as well.
    """
    for path in _leftovers(folder, own):
        named = _NAME.fullmatch(path.name)
        if _owned(path, named):
            continue
        if named is not None and named["kind"] == _OLD:
            target = path.with_name(named["stem"] + (named["suffix"] or ""))
            if not target.exists():  # killed between the two steps of a replacement
                with suppress(OSError):
                    os.rename(path, target)
                continue
        remove(path)


def tidy_once(folder: Path) -> None:
    """:func:`tidy`, at the first call for a folder in this process."""
    place = folder.absolute()
    if place not in _tidied:
        _tidied.add(place)
        tidy(place)


def remove(path: Path) -> None:
    """Delete a file or a folder, whichever it is; that it can't be deleted is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _leftovers(folder: Path, own: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        every = [*folders, *files]
        found = [name for name in every if _NAME.fullmatch(name)]
        found += [name for name in every if own and _EARLIER.fullmatch(name) and name not in found]
        yield from (Path(root) / name for name in found)
        folders[:] = [name for name in folders if name not in found] if own else []


def _owned(path: Path, named: re.Match[str] | None) -> bool:
    """Whether a process that is alive, or may be, writes a file."""
    if named is None or named["host"] != _host() or os.name == "nt":
        try:
            return time.time() - path.lstat().st_mtime < FORGOTTEN
        except OSError:  # gone
            return True
    boot, ticks = named["start"].split("-")
    if boot != _boot():
        return False
    return _alive(int(named["pid"])) and _start(int(named["pid"])) in (None, int(ticks))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _start(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine started; None if that isn't known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


@cache
def _host() -> str:
    """Digest of the machine, or of the container, in which numbers of processes have a meaning."""
    try:
        numbers = f"{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{socket.gethostname()} {numbers}".encode()).hexdigest()[:8]


@cache
def _boot() -> str:
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except (OSError, ValueError):
        text = ""
    return hashlib.sha256(text.encode()).hexdigest()[:4]
