"""The memory that a stage needs, compared before it starts with what the machine has left.

An allocation that fails ends in a traceback, and one that the system grants but can't keep ends the
whole process without a word. Stages therefore add up their large arrays first.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from aet_port.core.errors import InputError

ALWAYS = 50e6  # bytes that are not worth a look
_MEMINFO = Path("/proc/meminfo")
_GROUPS, _ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
# Limit, use, and the name of what could be freed at once, in versions 2 and 1 of control groups.
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def size_text(n_bytes: float) -> str:
    """A number of bytes for people, such as ``4.0 TB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


def check_memory(work: str, needed: float, advice: str) -> None:
    """Refuse work that needs more memory than is left.

    Parameters
    ----------
    work
        What is to be done, or the setting that asks for most.
    needed
        Bytes of its large arrays, at the moment when most of them exist.
    advice
        What to change, with the name of the option.

    Raises
    ------
    InputError
        With both figures.

    Examples
    --------
    >>> check_memory("reconstruct", 1e6, "a smaller --oversampling")
    >>> try:
    ...     check_memory("reconstruct", 1e18, "a smaller --oversampling")
    ... except InputError as error:
    ...     print(error.found.partition(",")[0])
    a need of about 1e+06 TB of memory
    """
    if needed <= ALWAYS:
        return
    free = available_memory()
    if needed > free:
        found = f"a need of about {size_text(needed)} of memory, with {size_text(free)} left"
        raise InputError(work, found, advice)


def available_memory() -> float:
    """Bytes that this process may still take: of the machine, its control groups and its limits."""
    return max(0.0, min(_of_machine(), *_of_groups(), *_of_process()))


def _of_machine() -> float:
    stated = _fields(_MEMINFO).get("MemAvailable:")
    if stated is not None:
        return 1024.0 * stated
    try:  # no Linux: all of it
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return float("inf")


def _of_groups() -> Iterator[float]:
    """What the control group of this process, and those around it, leave."""
    yield float("inf")
    for line in _text(_GROUPS).splitlines():
        _, controllers, inner = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            base = _ROOT
        elif "memory" in controllers.split(","):
            base = _ROOT / "memory"
        else:
            continue
        folder = base / inner.strip("/")
        # In a container the folder may be the top one, whatever it is called outside.
        for place in {folder, *folder.parents, base}:
            if place == base or base in place.parents:
                yield from _left_in(place)


def _left_in(folder: Path) -> Iterator[float]:
    for limit, use, cached in _FILES:
        most, used = _text(folder / limit).strip(), _text(folder / use).strip()
        if most.isdigit() and used.isdigit():
            yield int(most) - int(used) + _fields(folder / "memory.stat").get(cached, 0)


def _of_process() -> Iterator[float]:
    """What `ulimit` leaves."""
    pages = _text(Path("/proc/self/statm")).split()
    held = int(pages[0]) * resource.getpagesize() if pages else 0
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        soft = resource.getrlimit(getattr(resource, name))[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - held


def _fields(path: Path) -> dict[str, int]:
    """Numbers by the word before them."""
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
