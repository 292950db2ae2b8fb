"""Independent tasks on threads, processes or a cluster; results don't depend on their number."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver, get_context, parent_process, resource_tracker
from multiprocessing.context import BaseContext
from typing import TypeVar

import numba

from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.interruption import held_back

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
        # Not for whatever else this process computes with Dask.
        client = Client(scheduler, timeout=ANSWER_WITHIN, set_as_default=False)
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
        with ProcessPoolExecutor(number, _forkserver(), _begin_worker, (threads,)) as pool:
            try:
                with held_back():  # else a worker could be started of which nobody knows
                    results = pool.map(function, items)
                yield from results
            except (KeyboardInterrupt, GeneratorExit):
                # Nobody wants what they are still computing, which the pool would wait for.
                for process in list(pool._processes.values()):
                    process.kill()
                raise
    except BrokenProcessPool as error:
        found = f"{number}, one of which was killed"
        raise InputError("workers", found, "fewer of them if memory ran out") from error


def _forkserver() -> BaseContext:
    """What worker processes are forked from: a process that Ctrl-C doesn't reach.

    Terminals send it to all of them, but this process alone decides what becomes of the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # no forkserver either
        return get_context("spawn")
    # It removes what workers that are killed leave, and is not to warn of that. It is started first
    # because it unblocks signals when it starts.
    sys.warnoptions.append("ignore:resource_tracker")
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove("ignore:resource_tracker")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return get_context("forkserver")


def _begin_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numba.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when that which started it is gone, instead of waiting for work."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
