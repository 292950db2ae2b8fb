"""Threads, chunks and tasks: the same results for any number, here and on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aet_port.core import parallel
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.parallel import (
    available_threads,
    check_threads,
    chunks,
    map_processes,
    map_tasks,
    map_threads,
)
from tests.dask_clusters import local_cluster

active = 0


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    raise InputError(f"piece {number}", "nothing", "something")


def busy(number: int) -> int:
    """How many of these run at once in this process."""
    global active
    active += 1
    together = active
    time.sleep(0.05)
    active -= 1
    return together


@given(st.integers(0, 200), st.integers(1, 50))
def test_chunks_cover_everything_once(n: int, size: int) -> None:
    ranges = chunks(n, size)
    assert [i for start, stop in ranges for i in range(start, stop)] == list(range(n))
    assert all(0 < stop - start <= size for start, stop in ranges)


def test_number_of_threads() -> None:
    assert available_threads() >= 1
    assert check_threads(None) == available_threads()
    assert check_threads(3) == 3
    with pytest.raises(InputError, match=r"threads: found 0; expected a whole number"):
        check_threads(0)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_keep_the_order(threads: int) -> None:
    assert map_threads(square, range(20), threads) == [n * n for n in range(20)]
    assert map_threads(square, [], threads) == []


def test_tasks_here_are_one_after_the_other() -> None:
    here = threading.get_ident()
    assert map_tasks(lambda n: (n, threading.get_ident()), [1, 2]) == [(1, here), (2, here)]
    assert map_tasks(busy, range(3)) == [1, 1, 1]
    with pytest.raises(InputError, match="piece 1"):
        map_tasks(refuse, [1, 2])


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'aet-port\[cluster\]'"):
        map_tasks(square, [1, 2], "tcp://127.0.0.1:8786")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "warp://host:1"])
def test_no_scheduler(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    import dask

    monkeypatch.setattr(parallel, "ANSWER_WITHIN", 0.5)
    with pytest.raises(InputError, match=rf"scheduler: found no answer at {address}; .*running"):
        map_tasks(square, [1, 2], address)
    # What else this process computes with Dask goes on where it was.
    assert dask.config.get("scheduler", None) is None


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a Dask scheduler whose two workers are threads of this process."""
    with local_cluster(3) as address:
        yield address


def test_a_cluster_gives_the_same_results_in_order(scheduler: str) -> None:
    assert map_tasks(square, range(20), scheduler) == map_tasks(square, range(20))
    assert map_tasks(square, [], scheduler) == []


def test_a_worker_does_one_piece_at_a_time(scheduler: str) -> None:
    assert map_tasks(busy, range(6), scheduler) == [1] * 6


def test_equal_pieces_are_done_anew(scheduler: str) -> None:
    """A piece reads files, which may have changed although its argument is the same."""
    marks = map_tasks(stamp, [0, 0], scheduler)
    assert len(set(marks)) == 2


def stamp(_: int) -> int:
    return time.monotonic_ns()


def test_errors_of_workers_arrive(scheduler: str) -> None:
    with pytest.raises(InputError, match=r"piece 7: found nothing; expected something") as caught:
        map_tasks(refuse, [7], scheduler)
    assert caught.value.expected == "something"


def test_processes_keep_the_order_and_pass_errors_on() -> None:
    assert list(map_processes(square, range(5), 2)) == [0, 1, 4, 9, 16]
    assert list(map_processes(square, [], 2)) == []
    here = threading.get_ident()
    assert list(map_processes(lambda n: threading.get_ident(), [1, 2], 1)) == [here] * 2
    with pytest.raises(InputError, match="piece 7: found nothing"):
        list(map_processes(refuse, [7, 8], 2))
    with pytest.raises(InputError, match="workers: found 0"):
        list(map_processes(square, [1], 0))


POOL = """
import signal, sys, time
from aet_port.core import interruption
from aet_port.core.parallel import map_processes
if __name__ == "__main__":
    interruption.watch([signal.SIGINT, signal.SIGTERM])
    print("here", flush=True)
    list(map_processes(time.sleep, [0.1, 0.1, 60, 60], 2))
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, number: int, after: float
) -> None:
    """Ctrl-C goes to all processes of a terminal; no worker says anything or goes on."""
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        time.sleep(after)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, err = process.communicate(timeout=30)  # until the last worker has closed it
    assert [line for line in err.splitlines() if line and not line.startswith(" ")] in (
        [[]]
        if number == signal.SIGKILL
        else [["Traceback (most recent call last):", "KeyboardInterrupt"]]
    )
