"""Timing of the benchmarks: programs take turns, and the least time of each counts."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the printed table."""

    what: str
    figure: str
    against: str = ""
    ratio: str = ""


def user_time() -> float:
    """Seconds that this process has computed, its work in the system's kernel left out."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def least_seconds(
    rivals: Mapping[str, Callable[[], object]],
    rounds: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Least time of each rival over ``rounds`` turns, after one unmeasured turn.

    Taking turns spreads the load of other work on the machine over all of them.

    Parameters
    ----------
    clock
        :func:`user_time` for programs on one thread: other work on the machine then takes none of
        their time.
    """
    for work in rivals.values():
        work()
    best = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for name, work in rivals.items():
            start = clock()
            work()
            best[name] = min(best[name], clock() - start)
    return best
