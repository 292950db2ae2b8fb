"""Seconds and peak memory of the stages of a run."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aet_port.core.errors import DataFileError
from aet_port.core.records import read_json, write_json

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory() -> float:
    """Largest resident memory of this process since the last :func:`reset_peak`, in GB."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def reset_peak() -> None:
    """Reset the peak memory if the system allows it; otherwise it remains that of the process."""
    try:
        _RESET.write_text("5")
    except OSError:
        return  # not Linux, or not allowed: the peak is then that of the whole process


@dataclass
class Timings:
    """Time and memory of each stage of a run, stored beside its results.

    Parameters
    ----------
    path
        JSON file in which the values are stored; None keeps them in memory only.
    stages
        ``stage``, ``seconds``, ``peak_gb`` and values added by the stage, in the order of the work.
    """

    path: Path | None = None
    stages: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def resumed(cls, path: Path) -> Timings:
        """Continue the timings stored at ``path``, if there are any.

        Raises
        ------
        DataFileError
            If the file exists but holds something else.
        """
        if not path.exists():
            return cls(path)
        expected = "timings written by this program; delete it to continue without them"
        stages = read_json(path, expected)
        if not isinstance(stages, list) or any(
            not isinstance(entry, dict) or not {"stage", "seconds", "peak_gb"} <= set(entry)
            for entry in stages
        ):
            raise DataFileError(path, "other contents", expected)
        return cls(path, stages)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Measure a block; values that it puts into the dictionary are stored with the timings."""
        reset_peak()
        start = time.perf_counter()
        entry: dict[str, Any] = {"stage": name}
        yield entry
        entry["seconds"] = round(time.perf_counter() - start, 3)
        entry["peak_gb"] = round(peak_memory(), 3)
        self.stages.append(entry)
        if self.path is not None:
            write_json(self.path, self.stages, sort_keys=False)
