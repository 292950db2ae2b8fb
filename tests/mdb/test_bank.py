from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pytest

import mdb.schema
from mdb import Bank, BankError, deposit
from mdb.database import create, opened
from mdb.hashing import model_hash
from mdb.schema import Migration, migrations
from tests.mdb.samples import alloy


@pytest.fixture
def bank_path(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small, tmp_path / "some.bank"))


def test_migrations_are_numbered_in_order() -> None:
    versions = [step.version for step in migrations()]
    assert versions == list(range(1, len(versions) + 1))


def test_a_new_bank_has_the_newest_schema_and_nothing_else_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "new.bank"
    with Bank(path) as bank:
        assert bank.version == migrations()[-1].version
        assert bank.sql("SELECT * FROM model").num_rows == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["new.bank"]


def test_every_table_and_column_is_explained(bank_path: Path) -> None:
    with Bank(bank_path, read_only=True) as bank:
        tables = bank.sql("SELECT table_name, comment FROM duckdb_tables()").to_pylist()
        columns = bank.sql(
            "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() "
            "SEMI JOIN duckdb_tables() USING (table_oid) WHERE NOT internal"
        ).to_pylist()
    assert {t["table_name"] for t in tables} >= {
        *("sample", "tilt_series", "reconstruction", "model", "atom", "analysis", "tetrahedron"),
        *("motif", "motif_tetrahedron", "network", "network_member", "pdf", "provenance"),
        *("atom_order", "voronoi", "partial_pdf", "coordination", "bond_angle", "measure"),
        *("bipyramid", "motif_contact", "partial_icosahedron", "packing"),
        *("mro", "mro_member", "shared_atom", "projection", "species_fit", "atom_array"),
        *("atom_value", "atom_edit", "md_run", "md_thermo", "md_snapshot", "validation"),
        *("validation_row", "checksum", "schema_version"),
    }
    assert not [t for t in tables if not t["comment"]]
    assert not [c for c in columns if not c["comment"]]
    # Real numbers have a unit, or are said to have none.
    units = (
        *("angstrom", "degree", "dimensionless", "gram per cubic", "in the unit beside it"),
        *("kelvin", "picosecond", "femtosecond", "bar", "electronvolt"),
    )
    bare = [
        c
        for c in columns
        if c["data_type"] == "DOUBLE" and not any(u in c["comment"] for u in units)
    ]
    assert not bare


def test_a_query_is_an_arrow_table(bank_path: Path) -> None:
    with Bank(bank_path, read_only=True) as bank:
        found = bank.sql("SELECT model_id, n_atoms FROM model")
        assert found.column_names == ["model_id", "n_atoms"]
        assert found["model_id"].to_pylist() == ["TaXX00001"]
        # Two queries one after the other, an unread one in between.
        bank.sql("FROM atom")
        assert bank.sql("DESCRIBE model").num_rows > 5
        assert bank.sql("EXPLAIN SELECT 1").num_rows == 1
    with Bank(bank_path) as bank, pytest.raises(BankError, match="only one SELECT"):
        bank.sql("EXPLAIN SELECT 1")


@pytest.fixture(scope="module", params=[True, False], ids=["for reading", "for writing"])
def opened_bank(
    request: pytest.FixtureRequest, small: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bank]:
    path = Path(shutil.copy(small, tmp_path_factory.mktemp("opened") / "some.bank"))
    with Bank(path, read_only=request.param) as bank:
        yield bank


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO sample VALUES (9, 'x')",
        "INSERT INTO sample VALUES (9, 'x') RETURNING name",
        "UPDATE model SET name = 'x'",
        "DELETE FROM atom",
        "DROP TABLE atom",
        "CREATE TABLE t (a INT)",
        "CREATE TEMP TABLE t (a INT)",
        "COPY model TO '{out}'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH some",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CHECKPOINT",
        "BEGIN",
        "SELECT 1; DROP TABLE atom",
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_blob('{secret}')",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{secret}')",
        "SELECT * FROM secret_table",
        "SELECT * FROM query('DROP TABLE atom')",
        "EXPLAIN ANALYZE COPY model TO '{out}'",
        "EXPLAIN ANALYZE DELETE FROM atom",
        "EXPLAIN ANALYZE INSERT INTO sample VALUES (9, 'x')",
        "",
        "SELEC 1",
        "SELECT nothing FROM model",
        "SELECT error('line one\n\nline two')",
    ],
)
def test_a_query_can_neither_write_nor_reach_files(
    opened_bank: Bank, tmp_path: Path, sql: str
) -> None:
    import pyarrow as pa

    secret_table = pa.table({"a": [1]})  # a Python variable, which DuckDB may not see
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("a,b\n1,2\n")
    before = opened_bank.sql("SELECT (SELECT count(*) FROM atom), (SELECT count(*) FROM sample)")
    with pytest.raises(BankError) as caught:
        opened_bank.sql(sql.format(secret=secret, out=out, folder=tmp_path))
    assert str(opened_bank.path) in str(caught.value)
    assert "\n" not in str(caught.value)
    after = opened_bank.sql("SELECT (SELECT count(*) FROM atom), (SELECT count(*) FROM sample)")
    assert after.equals(before)
    assert secret_table.num_rows == 1
    assert not out.exists()


def test_a_missing_bank_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="no such file"), Bank(tmp_path / "none", read_only=True):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_another_kind_of_file_is_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "note.txt"
    path.write_text("not a bank" * 1000)
    with pytest.raises(BankError, match="not a DuckDB file"), Bank(path, read_only=read_only):
        pass
    assert path.read_text() == "not a bank" * 1000


def test_a_truncated_bank_is_said(bank_path: Path) -> None:
    bank_path.write_bytes(bank_path.read_bytes()[:6000])
    with pytest.raises(BankError, match=r"some\.bank: "), Bank(bank_path, read_only=True):
        pass


def test_another_duckdb_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine (a INT)")
    with pytest.raises(BankError, match="without the tables of a bank"), Bank(path):
        pass
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SHOW TABLES").fetchall() == [("mine",)]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_bank_is_refused(bank_path: Path, read_only: bool) -> None:
    with duckdb.connect(str(bank_path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 'future', now()::TIMESTAMP)")
    with pytest.raises(BankError, match=r"schema 99.*update aet-port"), Bank(bank_path, read_only):
        pass


def test_an_older_bank_is_brought_up_to_date(
    bank_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = migrations()[-1].version + 1
    newer = [*migrations(), Migration(after, "more", "CREATE TABLE more (a INT)")]
    monkeypatch.setattr(mdb.schema, "migrations", lambda: newer)
    with pytest.raises(BankError, match="open it once for writing"), Bank(bank_path, True):
        pass
    with Bank(bank_path) as bank:
        assert bank.version == newer[-1].version
        assert bank.sql("FROM more").num_rows == 0
        assert bank.sql("FROM model").num_rows == 1


def test_a_bank_of_the_fourth_schema_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "old.bank"
    model = alloy("Fe5")
    create(path, upto=4)
    content = model_hash(model, "experiment", {})
    values = ["FeXX00001", 1, "experiment", "Fe5", content, 5, [0.0] * 9, [False] * 3]
    with opened(path) as connection:
        connection.execute("INSERT INTO sample VALUES (1, 'iron')")
        connection.execute(
            "INSERT INTO model VALUES (?, ?, NULL, ?, ?, ?, ?, ?, ?, 0.1, '0.1', '2026-01-01')",
            values,
        )
        for k, (x, y, z) in enumerate(model.positions.tolist()):
            row = ["FeXX00001", k, "Fe", x, y, z]
            connection.execute("INSERT INTO atom VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
        connection.execute(
            "INSERT INTO analysis VALUES "
            "(1, 'FeXX00001', 'h', '{}', 4.0, 0.255, '0.1', 'passed', 0, 0, 0, '2026-01-01');"
            "INSERT INTO provenance VALUES ('FeXX00001', 'model', 'fe.xyz', 'abc');"
            "INSERT INTO shared_edge VALUES (1, 3, 4, 120.0)"
        )
    with Bank(path) as bank:
        assert bank.version == migrations()[-1].version
        (head,) = bank.sql("SELECT entry_id, version, r1_mean FROM current_model").to_pylist()
        assert head == {"entry_id": "FeXX00001", "version": 1, "r1_mean": 0.1}
        (contact,) = bank.sql("FROM motif_contact").to_pylist()
        assert (contact["contact"], contact["dihedral"]) == ("edge", 120.0)
        assert bank.sql("FROM provenance").to_pylist()[0]["file_name"] == "fe.xyz"
        assert bank.sql("SELECT cutoff, status FROM analysis").to_pylist() == [
            {"cutoff": 4.0, "status": "passed"}
        ]
        assert not deposit(bank, model).new
        np.testing.assert_array_equal(bank.atoms("FeXX00001").positions, model.positions)


def test_a_failing_migration_leaves_the_bank_as_it_was(
    bank_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = migrations()[-1].version + 1
    broken = Migration(after, "more", "CREATE TABLE more (a INT); SELECT nonsense")
    with monkeypatch.context() as patch:
        patch.setattr(mdb.schema, "migrations", lambda: [*migrations(), broken])
        with pytest.raises(BankError, match="nonsense"), Bank(bank_path):
            pass
    with Bank(bank_path) as bank:
        assert bank.version == migrations()[-1].version
        with pytest.raises(BankError, match="more does not exist"):
            bank.sql("FROM more")


def test_an_error_in_a_transaction_undoes_it(bank_path: Path) -> None:
    def add(bank: Bank, times: int, error: type[Exception] | None = None) -> None:
        with bank.transaction() as connection:
            for _ in range(times):
                connection.execute("INSERT INTO sample VALUES (50, 'fifty')")
            if error:
                raise error

    with Bank(bank_path) as bank:
        with pytest.raises(ZeroDivisionError):
            add(bank, 1, ZeroDivisionError)
        assert bank.sql("FROM sample WHERE sample_id = 50").num_rows == 0
        with pytest.raises(BankError, match="nothing was stored"):
            add(bank, 2)
        assert bank.sql("FROM sample WHERE sample_id = 50").num_rows == 0
        add(bank, 1)
        assert bank.sql("FROM sample WHERE sample_id = 50").num_rows == 1


def test_a_bank_open_for_reading_takes_no_deposit(bank_path: Path) -> None:
    with (
        Bank(bank_path, read_only=True) as bank,
        pytest.raises(BankError, match="open for reading only"),
    ):
        deposit(bank, alloy("Fe5"))


def test_a_closed_bank_says_so(bank_path: Path) -> None:
    with pytest.raises(BankError, match="with Bank"):
        Bank(bank_path).sql("SELECT 1")


def test_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match="can't be made"), Bank(tmp_path / "file" / "new.bank"):
        pass


@contextmanager
def held_open(path: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the bank open for writing."""
    code = (
        "import sys, time, duckdb\n"
        "with duckdb.connect(sys.argv[1]):\n"
        "    print('open', flush=True)\n"
        "    time.sleep(float(sys.argv[2]))\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        yield holder
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.communicate()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_bank_in_use_says_by_whom(bank_path: Path, read_only: bool) -> None:
    with (
        held_open(bank_path, 60) as holder,
        pytest.raises(BankError, match=f"in use by process {holder.pid}"),
        Bank(bank_path, read_only, wait=0),
    ):
        pass


def test_waiting_for_a_bank_in_use(bank_path: Path) -> None:
    with held_open(bank_path, 0.5), Bank(bank_path, wait=30) as bank:
        assert bank.sql("FROM model").num_rows == 1


def test_a_file_of_a_newer_duckdb(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        """As DuckDB 1.5.6 refuses a file of 2.0; a changed file would fail by its checksum."""
        raise duckdb.IOException(
            "IO Error: Trying to read a database file with version number 69, but we can only read "
            "versions between 64 and 68.\nThe database file was created with a newer version of "
            "DuckDB.\n\nNewer DuckDB version might introduce backward incompatible changes"
        )

    monkeypatch.setattr(duckdb, "connect", refuse)
    monkeypatch.setattr(duckdb, "__version__", "1.5.6")
    with (
        pytest.raises(
            BankError, match=r"of DuckDB v\d+\.\d+\.\d+, which 1\.5\.6 can't read; install"
        ),
        Bank(empty, read_only=True),
    ):
        pass
