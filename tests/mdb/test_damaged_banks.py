"""Banks whose rows were changed by another program: one line, whatever is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import aet_port as aet
import mdb
from aet_port.core.errors import AetError
from aet_port.simulation import amorphous_particle
from mdb.query_settings import QuerySettings

MODEL = amorphous_particle(20, "Ta")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A bank with one model that has an array of its own, error bars and an info."""
    path = tmp_path_factory.mktemp("bank") / "bank.duckdb"
    atoms = MODEL.atoms.copy()
    atoms.set_array("height", np.arange(20.0))
    atoms.set_array("sigma_x", np.full(20, 0.1))
    atoms.info["note"] = "x"
    with mdb.Bank(path) as bank:
        mdb.deposit(bank, aet.AtomicModel(atoms, name="m"), kind="synthetic")
    return path.read_bytes()


@pytest.fixture
def bank(tmp_path: Path, good: bytes) -> Path:
    file = tmp_path / "bank.duckdb"
    file.write_bytes(good)
    return file


CHANGES = [
    "UPDATE model SET cell = NULL",
    "UPDATE model SET info = '3'",
    f"UPDATE model SET info = '{5000 * '['}{5000 * ']'}'",
    "UPDATE atom SET species = 'Q7'",
    "UPDATE atom SET x = NULL WHERE atom = 3",
    "DELETE FROM atom WHERE atom > 10",
    "DELETE FROM atom_fit WHERE atom = 3",
    "INSERT INTO atom_fit FROM atom_fit LIMIT 1",
    "UPDATE atom_fit SET sigma_x = 'inf'",
    "UPDATE atom_array SET dtype = '<q9'",
    "UPDATE atom_array SET shape = [-7]",
    "DELETE FROM atom_value WHERE atom = 0",
    "DROP TABLE atom_value",
    "DROP TABLE atom_fit",
    "ALTER TABLE atom_fit DROP COLUMN sigma_x",
    "ALTER TABLE atom DROP COLUMN z",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_a_changed_row(bank: Path, sql: str) -> None:
    with duckdb.connect(str(bank)) as other:
        try:
            other.execute(sql)
        except duckdb.Error:
            pytest.skip("DuckDB itself refuses it")
    with mdb.Bank(bank, read_only=True) as opened:
        asked: list[Callable[[], Any]] = [
            lambda: opened.atoms("TaXX00001"),
            lambda: opened.version,
            lambda: opened.query("largest-networks"),
            lambda: opened.sql("SELECT * FROM model").to_pylist(),
        ]
        for ask in asked:
            try:
                ask()
            except AetError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_atoms_of_a_damaged_bank_are_refused(bank: Path) -> None:
    with duckdb.connect(str(bank)) as other:
        other.execute("UPDATE atom_array SET dtype = '<q9'")
    with (
        mdb.Bank(bank, read_only=True) as opened,
        pytest.raises(mdb.BankError, match="damaged, or changed by another program"),
    ):
        opened.atoms("TaXX00001")


@pytest.mark.parametrize("seed", range(4))
def test_bytes_changed_at_random(tmp_path: Path, good: bytes, seed: int) -> None:
    rng = np.random.default_rng(seed)
    file = tmp_path / "bank.duckdb"
    for _ in range(10):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 30):
            data[place] = rng.integers(0, 256)
        file.write_bytes(data)
        try:
            with mdb.Bank(file, read_only=True) as opened:
                opened.atoms("TaXX00001")
                opened.sql("SELECT count(*) FROM atom")
        except AetError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_a_result_that_does_not_fit(bank: Path) -> None:
    """4e8 rows are 3.2 GB."""
    limits = QuerySettings(memory=0.05)
    with (
        mdb.Bank(bank, read_only=True, limits=limits) as opened,
        pytest.raises(mdb.BankError, match=r"a result of more than 50 MB; .*--memory"),
    ):
        opened.sql("SELECT * FROM range(400000000)")


def test_more_rows_than_asked_for(bank: Path) -> None:
    with mdb.Bank(bank, read_only=True, limits=QuerySettings(rows=100_000)) as opened:
        with opened.stream("SELECT * FROM range(100000)") as answer:
            assert sum(len(batch) for batch in answer) == 100_000
        with (
            opened.stream("SELECT * FROM range(100001)") as answer,
            pytest.raises(mdb.BankError, match=r"more than 100,000 rows; .*--rows"),
        ):
            list(answer)
