"""Deposits ended by SIGKILL at random moments: every entry is whole or absent, none is lost."""

from __future__ import annotations

import shutil
import signal
import time
from multiprocessing.context import ForkServerContext
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mdb import Bank
from mdb.checks import check
from mdb.database import create
from mdb.hashing import model_hash
from mdb.schema import newest_version, schema_version
from tests.mdb.samples import alloy, particle
from tests.mdb.workers import Sample, deposit_until_killed, forks, started

# After which word of the child, and how many seconds later at most, it is killed.
MOMENTS = (
    ("start", 0.25),  # opening, creating or migrating
    ("open", 0.08),
    ("done", 0.08),
    ("commit", 0.015),
    ("close", 0.04),
)


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    return forks()


@pytest.fixture(scope="module")
def sample() -> Sample:
    return particle(0, radius=8)


def killed_run(
    server: ForkServerContext,
    bank: Path,
    sample: Sample,
    names: list[str],
    after: str,
    delay: float,
) -> list[str]:
    """Kill one that deposits, some seconds after a word of it; what it had reported as done."""
    heard = []
    with started(server, deposit_until_killed, bank, sample, names) as (process, talk):
        while not heard or heard[-1][0] != after:
            assert talk.poll(60), "it has stopped"
            heard.append(talk.recv())
        time.sleep(delay)
        process.kill()
        process.join()
        try:
            while True:
                heard.append(talk.recv())
        except (EOFError, ConnectionResetError):
            pass
    assert process.exitcode == -signal.SIGKILL
    return [name for word, name in heard if word == "done"]


@pytest.fixture(scope="module")
def old_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of the schema before versions and checksums, with one model and one analysis."""
    path = tmp_path_factory.mktemp("old") / "old.bank"
    create(path, 4)
    model = alloy("Fe5")
    own, other = model_hash(model, "experiment", {}), "0" * 64
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO sample VALUES (1, 'old')")
        connection.execute(
            "INSERT INTO model SELECT 'FeXX00001', 1, NULL, 'experiment', 'old', ?, 5, "
            "[0, 0, 0, 0, 0, 0, 0, 0, 0], [false, false, false], NULL, '0', '2020-01-01'",
            [own],
        )
        connection.execute(
            "INSERT INTO atom SELECT 'FeXX00001', k, 'Fe', 3.0 * k, 0, 0, NULL FROM range(5) r (k)"
        )
        connection.execute(
            "INSERT INTO analysis VALUES (1, 'FeXX00001', ?, '{}', 4, 0.2, '0', 'passed', 0, 0, 0, "
            "'2020-01-01')",
            [other],
        )
        connection.execute("INSERT INTO pdf VALUES (1, 1.0, 0.0, 0)")
        connection.execute(
            "INSERT INTO provenance VALUES ('FeXX00001', 'model', 'a.xyz', ?)", [own]
        )
    return path


def entries(bank: Bank) -> set[str]:
    """Names of the models of a bank that a check found to be whole."""
    found = check(bank)
    old = {"hashes: checksums of model", "hashes: checksums of analysis"}
    wrong = [one for one in found if one.status != "passed"]
    assert {one.status for one in wrong} <= {"not attempted"}, wrong
    assert {one.name for one in wrong} in (set(), old)
    rows = bank.sql(
        "SELECT model.name, algorithm, count(analysis_id) AS analyses FROM model "
        "LEFT JOIN reconstruction USING (reconstruction_id) LEFT JOIN analysis USING (model_id) "
        "GROUP BY ALL"
    ).to_pylist()
    # What was deposited in one transaction is there together.
    assert all(row["analyses"] == 1 for row in rows)
    assert all(row["algorithm"] == row["name"] for row in rows if row["name"] != "old")
    return {row["name"] for row in rows}


def kill_often(
    server: ForkServerContext, sample: Sample, folder: Path, old_bank: Path, kills: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    path = folder / "some.bank"
    whole: set[str] = set()
    finished = 0
    for run in range(kills):
        after, longest = MOMENTS[run % len(MOMENTS)]
        if run % len(MOMENTS) == 0:  # a new bank is made, or an older one brought up to date
            for left in folder.iterdir():
                left.unlink()
            whole = set()
            if run // len(MOMENTS) % 2:
                shutil.copy(old_bank, path)
                whole = {"old"}
        names = [f"{run}.{place}" for place in (1, 2)]
        delay = float(rng.uniform(0, longest))
        done = killed_run(server, path, sample, names, after, delay)
        if not path.exists():
            assert not done
            continue
        # A reader may come first, or the next writer. Neither is kept waiting by what was left.
        if whole != {"old"} and rng.random() < 0.5:
            with Bank(path, read_only=True, wait=0) as bank:
                found = entries(bank)
        else:
            with Bank(path, wait=0) as bank:
                assert bank.version == newest_version()
                found = entries(bank)
        # One more than was reported may be in: killed between the commit and the report.
        assert found >= whole | {*done}
        assert found - whole in ({*names[:k]} for k in range(len(done), len(names) + 1))
        assert len(found - whole) <= len(done) + 1
        finished += len(done)
        whole = found
        left = {entry.name for entry in folder.iterdir()} - {path.name, f"{path.name}.wal"}
        assert all(name.startswith((".some.bank.partial-", ".some.bank.turn")) for name in left)
    assert finished > 0


@pytest.mark.slow
def test_five_kills(
    server: ForkServerContext, sample: Sample, tmp_path: Path, old_bank: Path
) -> None:
    kill_often(server, sample, tmp_path, old_bank, kills=5, seed=0)


@pytest.mark.slow
def test_two_hundred_kills(
    server: ForkServerContext, sample: Sample, tmp_path: Path, old_bank: Path
) -> None:
    kill_often(server, sample, tmp_path, old_bank, kills=200, seed=1)


def test_the_old_bank_is_one(old_bank: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(old_bank), read_only=True) as connection:
        assert schema_version(connection) == 4
    with Bank(shutil.copy(old_bank, tmp_path / "old.bank")) as bank:
        assert entries(bank) == {"old"}
