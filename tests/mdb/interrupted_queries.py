"""Ctrl-C in queries: ``python -m tests.mdb.interrupted_queries BANK CASE``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from mdb import Bank
from mdb.answers import GRACE, Fetch

# By itself DuckDB looks for Ctrl-C while it runs the first, and never while it runs the second.
ENDLESS = {
    "recursive": "WITH RECURSIVE t AS (SELECT 1 x UNION ALL SELECT x + 1 FROM t) "
    "SELECT max(x) FROM t",
    "cross product": "SELECT count(*) FROM range(10000000000000) a, range(100000) b",
    "no rows": "SELECT range FROM range(10000000000000) WHERE range < 0",
}


def streamed(bank: Bank, sql: str) -> None:
    with bank.stream(sql) as answer:
        for _ in answer:
            pass


WAYS = (Bank.sql, streamed)


def press(after: float = 0.05) -> None:
    """SIGINT for this process, as soon as a query runs."""

    def wait() -> None:
        while not any(one.name == "query" for one in threading.enumerate()):
            time.sleep(0.01)
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def of_a_query(path: Path) -> None:
    """Any way to run any query ends, and leaves neither a thread nor a lock behind."""
    for way in WAYS:
        for name, sql in ENDLESS.items():
            with Bank(path, read_only=True) as opened:
                press()
                try:
                    way(opened, sql)
                except KeyboardInterrupt:
                    pass
                else:
                    raise AssertionError(f"{name}: not interrupted")
                assert not any(one.name == "query" for one in threading.enumerate()), name
                assert opened.sql("SELECT 1 AS a").to_pylist() == [{"a": 1}]
            with Bank(path, wait=0.0):  # nobody has it open any more
                pass


def beyond_reach(path: Path) -> None:
    """A thread that no interrupt reaches is left behind."""
    begun, free = threading.Event(), threading.Event()

    def ask(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        begun.set()
        free.wait()
        yield connection.sql("SELECT 1").to_arrow_table()

    with Bank(path, read_only=True) as opened:
        fetch = Fetch(opened, ask)
        assert begun.wait(60)
        press()
        began = time.monotonic()
        try:
            fetch.next()
        except KeyboardInterrupt:
            assert time.monotonic() - began >= GRACE
        else:
            raise AssertionError("not interrupted")
        free.set()
        fetch._thread.join(60)


if __name__ == "__main__":
    run = of_a_query if sys.argv[2] == "of a query" else beyond_reach
    run(Path(sys.argv[1]))
    print("done")
