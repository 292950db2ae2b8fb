"""Queries that are stopped: by Ctrl-C, by a time limit, by a memory limit; and long answers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from aet_port.core.errors import InputError
from mdb import Bank, BankError
from mdb.answers import BATCH
from mdb.errors import QueryTimeoutError
from mdb.query_settings import QuerySettings
from tests.mdb.interrupted_queries import ENDLESS, WAYS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("limits") / "bank.duckdb"
    with Bank(path):
        return path


@pytest.mark.parametrize("case", ["of a query", "where DuckDB cannot be interrupted"])
def test_ctrl_c(bank: Path, case: str) -> None:
    """In a process of its own: other libraries that tests load see signals, too."""
    command = [sys.executable, "-m", "tests.mdb.interrupted_queries", str(bank), case]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("way", WAYS)
def test_time_limit(bank: Path, name: str, way: Callable[[Bank, str], object]) -> None:
    with Bank(bank, read_only=True, limits=QuerySettings(timeout=0.1)) as opened:
        with pytest.raises(
            QueryTimeoutError, match=r"no answer within 0.1 s; .*--timeout"
        ) as error:
            way(opened, ENDLESS[name])
        assert error.value.exit_code == 1
    with Bank(bank, wait=0.0):  # nobody has it open any more
        pass


def test_time_of_the_reader_does_not_count(bank: Path) -> None:
    # All batches are fetched ahead: what is waited for is only the first look at each.
    with (
        Bank(bank, read_only=True, limits=QuerySettings(timeout=5.0)) as opened,
        opened.stream(f"FROM range({3 * BATCH})") as answer,
    ):
        answer._left = 0.5
        for batch in answer:
            time.sleep(0.25)
            assert batch.num_rows
        assert answer._left is not None


def test_memory_limit(bank: Path) -> None:
    with (
        Bank(bank, read_only=True, limits=QuerySettings(memory=0.05)) as opened,
        pytest.raises(BankError, match=r"Out of Memory.*--memory"),
    ):
        opened.sql("SELECT len(list(range)) FROM range(400000000)")


def test_memory_limit_of_the_machine(bank: Path) -> None:
    limit = "SELECT current_setting('memory_limit') AS m"
    with Bank(bank, read_only=True) as opened, Bank(bank.with_name("b.duckdb")) as writing:
        half = opened.sql(limit).to_pylist()
        assert half == writing.sql(limit).to_pylist()
    with duckdb.connect(config={"memory_limit": "100%"}) as connection:
        whole = connection.sql(limit).fetchall()[0][0]
    found, unit = half[0]["m"].split()
    assert unit == whole.split()[1]
    assert float(found) == pytest.approx(float(whole.split()[0]) / 2, abs=0.11)  # printed digits


@pytest.mark.parametrize("values", [{"timeout": 0.0}, {"memory": -1.0}, {"timeout": float("nan")}])
def test_limits_that_are_none(values: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"above zero|between 0\.01 and"):
        QuerySettings(**values)


QUERIES = ["FROM range(0)", "SELECT range AS a, range % 7 AS a FROM range(100000)", "SELECT 1 AS b"]


@pytest.mark.parametrize("sql", QUERIES)
def test_a_stream_has_the_rows_of_the_table(bank: Path, sql: str) -> None:
    with Bank(bank, read_only=True) as opened:
        with opened.stream(sql) as answer:
            batches = list(answer)
        table = opened.sql(sql)
    assert pa.Table.from_batches(batches, answer.schema).equals(table)
    assert all(batch.num_rows <= BATCH for batch in batches)


def test_a_short_answer_keeps_nobody_from_writing(bank: Path) -> None:
    with (
        Bank(bank, read_only=True) as opened,
        opened.stream("SELECT range FROM range(1000)") as answer,
        Bank(bank) as writing,
    ):
        assert not writing.read_only
        assert sum(map(len, answer)) == 1000


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELEC 1", "syntax error"),
        ("DELETE FROM model", "only one SELECT"),
        (
            "SELECT CASE WHEN range = 900000 THEN error('too late') END FROM range(1000000)",
            "too late",
        ),
        ("SELECT CAST('x' || range AS INT) FROM range(9)", "Could not convert"),
    ],
)
def test_what_fails(bank: Path, sql: str, text: str) -> None:
    for way in WAYS:
        with Bank(bank, read_only=True) as opened, pytest.raises(BankError, match=text) as error:
            way(opened, sql)
        assert "\n" not in str(error.value)


def test_an_answer_that_nobody_wants_any_more(bank: Path) -> None:
    with Bank(bank, read_only=True) as opened:
        with opened.stream("FROM range(10000000000000)") as answer:
            assert len(next(iter(answer))) == BATCH
        assert not any(one.name == "query" for one in threading.enumerate())


def test_ctrl_c_in_a_deposit_is_ctrl_c(tmp_path: Path) -> None:
    """DuckDB's own answer to Ctrl-C would be a RuntimeError."""

    def interrupted(opened: Bank) -> None:
        with opened.transaction() as connection:
            connection.execute("INSERT INTO sample (sample_id, name) VALUES (1, 'a')")
            raise RuntimeError("Query interrupted")

    with Bank(tmp_path / "bank.duckdb") as opened:
        with pytest.raises(KeyboardInterrupt):
            interrupted(opened)
        assert opened.sql("FROM sample").num_rows == 0
        with pytest.raises(RuntimeError, match="other"), opened.connected():
            raise RuntimeError("other")
