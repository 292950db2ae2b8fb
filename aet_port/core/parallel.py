"""Independent tasks on threads, processes or a cluster; results don't depend on their number."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import numba

from aet_port.core.errors import InputError, MissingDependencyError

Item = TypeVar("Item")
Result = TypeVar("Result")
ANSWER_WITHIN = 10  # seconds
_ONE_TASK = threading.Lock()


def available_threads() -> int:
    """Number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: int | None) -> int:
    """Check the number of threads; all available cores if None.

    Raises
    ------
    InputError
        If it is below one.
    """
    if threads is None:
        return available_threads()
    if threads < 1:
        raise InputError("threads", str(threads), "a whole number of at least 1")
    return int(threads)


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> list[Result]:
    """``[function(item) for item in items]`` on ``threads`` threads, results in order."""
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def chunks(n: int, size: int) -> list[tuple[int, int]]:
    """Half-open ranges of at most ``size`` elements that cover ``0 .. n - 1``."""
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def map_tasks(
    function: Callable[[Item], Result], items: Sequence[Item], scheduler: str | None = None
) -> list[Result]:
    """Run independent tasks, one by one in this process or on the workers of a Dask cluster.

    A worker does one task at a time, because a task may need all its cores and memory; start
    workers with ``--nthreads 1``, so that none reserves tasks that another could do.

    Parameters
    ----------
    function
        A module-level function, so that workers can import it; it may use threads itself.
    items
        One argument for each task; files they name must be accessible to every worker.
    scheduler
        Address of a Dask scheduler, such as ``tcp://host:8786``; None for this process. Tasks and
        results are pickled: a scheduler can have any code run, here and on its workers, so connect
        only to one that you trust.

    Raises
    ------
    MissingDependencyError
        If a scheduler is named and ``distributed`` is not installed.
    InputError
        If no scheduler answers at the address.
    AetError
        If a task fails with one.
    """
    if scheduler is None:
        return [function(item) for item in items]
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError("a Dask scheduler", "cluster") from error
    collecting = gc.isenabled()
    # A client that got no answer closes itself when it is collected; inside the next one's start,
    # that waits for a lock which this start holds.
    gc.disable()
    try:
        client = Client(scheduler, timeout=ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise InputError(
            "scheduler", f"no answer at {scheduler}", "the address of a running dask scheduler"
        ) from error
    finally:
        if collecting:
            gc.enable()
    with client:
        pieces = client.map(partial(_alone, function), list(items), pure=False)
        return list(client.gather(pieces))


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Yield results of ``function`` in the order of the items from several local processes.

    The processes share the cores among their threads. They are not forked from this process, where
    Numba and others may have threads; a script that calls this must guard its main part with
    ``if __name__ == "__main__"``.

    Parameters
    ----------
    function
        A module-level function, so that workers can import it.
    items
        One argument for each task.
    workers
        Number of processes; with one, or for one task, the work is done in this process.

    Raises
    ------
    InputError
        For fewer than one worker, or if one was killed.
    AetError
        If a task fails with one.
    """
    if workers < 1:
        raise InputError("workers", str(workers), "1 or more")
    number = min(workers, len(items))
    if number < 2:
        yield from map(function, items)
        return
    threads = min(max(1, available_threads() // number), numba.get_num_threads())
    try:
        with ProcessPoolExecutor(
            number, get_context("forkserver"), numba.set_num_threads, (threads,)
        ) as pool:
            yield from pool.map(function, items)
    except BrokenProcessPool as error:
        found = f"{number}, one of which was killed"
        raise InputError("workers", found, "fewer of them if memory ran out") from error


def _alone(function: Callable[[Item], Result], item: Item) -> Result:
    with _ONE_TASK:
        return function(item)


@contextmanager
def kernel_threads(threads: int | None) -> Iterator[None]:
    """Context in which parallel Numba kernels use ``threads`` threads, if available."""
    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # made at run time
    numba.set_num_threads(min(check_threads(threads), most))
    try:
        yield
    finally:
        numba.set_num_threads(before)
