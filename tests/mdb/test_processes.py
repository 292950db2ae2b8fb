"""Several processes and threads at one bank."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from mdb import Bank, BankError
from tests.mdb.samples import assert_whole, particle
from tests.mdb.workers import (
    LOOK,
    Sample,
    deposit_named,
    deposit_one_by_one,
    forks,
    hold,
    look_until_told,
    started,
)

PATIENCE = 60.0  # seconds after which something that must happen has not


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    return forks()


@pytest.fixture(scope="module")
def sample() -> Sample:
    return particle(0, radius=7)


@pytest.fixture
def bank_path(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty, tmp_path / "some.bank"))


def names(path: Path) -> set[str]:
    with Bank(path, read_only=True) as bank:
        return {*bank.sql("SELECT name FROM model")["name"].to_pylist()}


def test_two_depositing_at_once_lose_nothing(
    server: ForkServerContext, sample: Sample, tmp_path: Path
) -> None:
    path = tmp_path / "new.bank"  # which both try to make
    mine, yours = ([f"{who}.{k}" for k in range(1, 5)] for who in (1, 2))
    with (
        started(server, deposit_one_by_one, path, sample, mine) as (_, one),
        started(server, deposit_one_by_one, path, sample, yours) as (_, two),
    ):
        said = [[talk.recv() for _ in range(5)] for talk in (one, two)]
    assert said == [[*mine, None], [*yours, None]]
    assert names(path) == {*mine, *yours}
    with Bank(path, read_only=True) as bank:
        assert_whole(bank, hashes=True)
        ids = bank.sql("SELECT model_id FROM model ORDER BY 1")["model_id"].to_pylist()
    assert ids == [f"TaXX{k:05d}" for k in range(1, 9)]


def test_who_does_not_wait_is_told_by_whom_the_bank_is_used(
    server: ForkServerContext, sample: Sample, bank_path: Path
) -> None:
    with started(server, hold, bank_path, sample, "1") as (process, talk):
        assert [talk.recv(), talk.recv()] == ["start", "held"]
        for read_only in (False, True):
            with (
                pytest.raises(BankError, match=f"in use by process {process.pid}"),
                Bank(bank_path, read_only, wait=0),
            ):
                pass
        with pytest.raises(BankError, match="in use by process"), Bank(bank_path, wait=0.1):
            pass
        talk.send("go on")
        with Bank(bank_path, wait=PATIENCE) as bank:
            deposit_named(bank, sample, "2")
            assert_whole(bank)
        assert talk.recv() == "left"
    assert names(bank_path) == {"1", "2"}


def test_readers_see_whole_entries_and_all_get_on(
    server: ForkServerContext, sample: Sample, bank_path: Path
) -> None:
    """Three readers that never rest, and a writer, go on until each has seen the others do."""
    plan = [f"1.{k:03}" for k in range(1, 1000)]
    with (
        started(server, look_until_told, bank_path) as (_, a),
        started(server, look_until_told, bank_path) as (_, b),
        started(server, look_until_told, bank_path) as (_, c),
        started(server, deposit_one_by_one, bank_path, sample, plan) as (_, writer),
    ):
        seen: dict[Any, list[int]] = {a: [], b: [], c: []}
        stored: list[str] = []
        started_at = time.monotonic()
        while len(stored) < 5 or any(len({*counts}) < 3 for counts in seen.values()):
            assert time.monotonic() - started_at < PATIENCE, (stored, seen)
            for talk in wait([*seen, writer], timeout=1):
                if talk is writer:
                    stored.append(writer.recv())
                else:
                    look = talk.recv()
                    assert not look["broken"]
                    seen[talk].append(look["models"])
        for talk in (*seen, writer):
            talk.send("stop")
        for talk in seen:
            seen[talk] += [look["models"] for look in iter(talk.recv, None)]
        stored += iter(writer.recv, None)
    for counts in seen.values():
        assert counts == sorted(counts)
        assert counts[-1] <= len(stored)
    assert names(bank_path) == {*stored} == {*plan[: len(stored)]}
    with Bank(bank_path, read_only=True) as bank:
        assert_whole(bank)


def test_a_reader_that_holds_the_bank_sees_one_state(
    server: ForkServerContext, sample: Sample, bank_path: Path
) -> None:
    with Bank(bank_path, read_only=True) as bank:
        with bank.held(), ExitStack() as stack:
            first = bank.sql(LOOK).to_pylist()
            _, writer = stack.enter_context(started(server, hold, bank_path, sample, "1"))
            assert writer.recv() == "start"
            assert not writer.poll(0.3)  # it waits
            assert bank.sql(LOOK).to_pylist() == first
            later = stack.pop_all()
        with later:
            assert writer.recv() == "held"
            writer.send("go on")
            assert writer.recv() == "left"
            (last,) = bank.sql(LOOK).to_pylist()
    assert (first[0]["models"], last["models"]) == (0, 1)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_threads_read_beside_the_one_that_deposits(
    sample: Sample, bank_path: Path, stop: threading.Event
) -> None:
    seen: list[list[dict[str, Any]]] = [[], []]

    def look(bank: Bank, looks: list[dict[str, Any]]) -> None:
        while not stop.is_set():
            looks += bank.sql(LOOK).to_pylist()

    with Bank(bank_path) as bank:
        threads = [threading.Thread(target=look, args=(bank, looks)) for looks in seen]
        for thread in threads:
            thread.start()
        try:
            for k in range(1, 6):
                before = [len(looks) for looks in seen]
                with bank.transaction():
                    deposit_named(bank, sample, str(k))
                    # What is not committed is seen by nobody else.
                    begun = time.monotonic()
                    while [len(looks) - n > 1 for looks, n in zip(seen, before, strict=True)] != [
                        True,
                        True,
                    ]:
                        assert time.monotonic() - begun < PATIENCE
                        time.sleep(0.001)
                    assert [looks[-1]["models"] for looks in seen] == [k - 1] * 2
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert bank.sql(LOOK).to_pylist() == [{"models": 5, "broken": None}]
    for looks in seen:
        assert not any(one["broken"] for one in looks)
        counts = [one["models"] for one in looks]
        assert counts == sorted(counts)
