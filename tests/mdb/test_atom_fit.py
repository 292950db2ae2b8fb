"""How each atom was fitted: a table of its own, and banks from before it was."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import mdb.deposits
from aet_port.core.files import sha256
from mdb import Bank, deposit
from mdb.checks import check
from mdb.database import create
from mdb.hashing import entry_digest, table_digest
from mdb.invariants import KINDS
from mdb.parquet_export import HEADS, MANIFEST, export_bank
from mdb.parquet_import import import_bank
from mdb.schema import migrate
from tests.mdb.samples import alloy, assert_whole, failed
from tests.mdb.test_uncertainties import earlier_arrays, earlier_model, with_errors

TOGETHER = 10  # the last schema in which these columns stood in table atom
CHECKSUMS, CONTENTS = "hashes: checksums of model", "hashes: atoms of models"


def fitted() -> dict[str, NDArray[Any]]:
    """Something in every column."""
    return earlier_arrays() | {
        "type": np.array([1, 1, 1, 1, 2]),
        "confidence": np.linspace(0.6, 1, 5),
        "b_factor": 4.0 + np.arange(5),
        "flag": np.array(["", "by hand", "", "", ""]),
    }


def partly_fitted() -> dict[str, NDArray[Any]]:
    """Something in two of the columns, for some of the atoms."""
    every = fitted()
    error = np.where(np.arange(5) % 2, np.nan, 0.1)
    return {"type": every["type"], "flag": every["flag"], "sigma_x": error}


@pytest.mark.parametrize(
    ("arrays", "content", "checksum"),
    # Both hashes as the version before the table stored them.
    [
        (
            fitted(),
            "8f6f690b1a71bcc1b6611c0695b5c4a18e286a16b57d86b3d7ebdff0f0442c29",
            "8f5041ecc0d6ea61e817c8b71cfb76c35dd8c43c58d37f01e31507a5e03560ff",
        ),
        (
            partly_fitted(),
            "e70caaa0ed028705c7fe6f2ec356cc941d3189855e73e3dd38aa25430c45d74f",
            "e7a53a9ba5e25cf5be0b6d6e730d9519cca453b1a8a5f0c37db388bbc752b458",
        ),
        (
            {},
            "135b3e7297bad1f59be694b13eaf9811e229c3db186acb80b2097770aeee1d2d",
            "ce942b73e99e373362c94c8dff118562b30595d01cdc80636b0df2645ec40312",
        ),
    ],
    ids=["all", "some", "none"],
)
def test_a_deposit_has_the_hashes_that_it_had(
    bank: Bank,
    monkeypatch: pytest.MonkeyPatch,
    arrays: dict[str, NDArray[Any]],
    content: str,
    checksum: str,
) -> None:
    monkeypatch.setattr(mdb.deposits, "utc_now", lambda: datetime(2026, 1, 1))
    monkeypatch.setattr(mdb.deposits, "code_version", lambda: "0.1")
    stored = deposit(bank, earlier_model(arrays))
    (own,) = bank.sql("SELECT content_hash, sha256 FROM model, checksum").to_pylist()
    assert (own["content_hash"], own["sha256"]) == (content, checksum)
    rows = bank.sql("FROM atom_fit")["atom"].to_pylist()
    assert rows == ([*range(5)] if arrays else [])
    found = bank.atoms(stored.id).arrays
    assert {*found} == {"numbers", "positions", *arrays}
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
    assert_whole(bank, hashes=True)


def test_a_model_of_which_nothing_is_known_has_no_rows(bank: Bank) -> None:
    nothing = {"confidence": np.full(5, np.nan), "flag": np.full(5, "")}
    deposit(bank, earlier_model(nothing))
    deposit(bank, earlier_model({"type": fitted()["type"]}))
    assert bank.sql("FROM atom_fit").num_rows == 0


def wide(rows: pa.Table, fits: pa.Table) -> pa.Table:
    """Rows of atom as they were when they held the columns of atom_fit."""
    for name in fits.column_names:
        if name not in rows.column_names:
            rows = rows.append_column(name, fits[name])
    return rows


def test_the_checksum_is_of_atoms_with_their_fits() -> None:
    atoms = pa.table({"atom": [0, 1, 2], "x": [0.0, 1.0, 2.0]})
    fits = pa.table({"atom": [0, 1, 2], "flag": ["a", None, "c"], "sigma_x": [None, 0.1, 0.2]})
    own = table_digest({"atom": wide(atoms, fits)})
    assert entry_digest({"atom": atoms, "atom_fit": fits}) == own
    assert entry_digest({"atom": atoms, "atom_fit": fits[:0]}) == table_digest({"atom": atoms})
    for other in (fits[:2], fits[1:], fits.take([1, 0, 2]), fits.take([0, 0, 1, 2])):
        assert entry_digest({"atom": atoms, "atom_fit": other}) != own


def of_schema_10(path: Path, bank: Path) -> None:
    """The rows of a bank as a version with schema 10 stored them."""
    create(path, upto=TOGETHER)
    parts = [part for every in KINDS.values() for part in every if part not in HEADS]
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"ATTACH '{bank}' AS new (READ_ONLY)")
        for table in (*HEADS, *parts):
            rows = f"new.{table}"
            if table == "atom":
                rows = f"(FROM {rows} LEFT JOIN new.atom_fit USING (model_id, atom) ORDER BY ALL)"
            if table != "atom_fit":
                connection.execute(f"INSERT INTO {table} BY NAME FROM {rows}")


def test_a_bank_of_the_tenth_schema_keeps_all_it_holds(everything: Path, tmp_path: Path) -> None:
    of_schema_10(tmp_path / "old.bank", everything)
    with duckdb.connect(str(tmp_path / "old.bank")) as connection:  # models one after the other
        connection.execute("CREATE TEMP TABLE a AS FROM atom; DELETE FROM atom")
        connection.execute("INSERT INTO atom FROM a ORDER BY atom, model_id")
    with Bank(tmp_path / "old.bank") as old, Bank(everything, read_only=True) as new:
        assert old.version > TOGETHER
        assert {one.status for one in check(old)} == {"passed"}
        for table in ("atom", "atom_fit", "checksum"):
            order = f"FROM {table} ORDER BY ALL"
            assert old.sql(order).to_pylist() == new.sql(order).to_pylist()
        models = new.sql("SELECT model_id FROM model")["model_id"].to_pylist()
        for model_id in models:
            before, after = new.atoms(model_id).arrays, old.atoms(model_id).arrays
            assert [*before] == [*after]
            for name, values in before.items():
                np.testing.assert_array_equal(after[name], values)
        assert not deposit(old, new.atoms("CuTa00001", None)).new
        assert deposit(old, alloy("Ni3")).new


def as_exported_with(schema: int, folder: Path) -> None:
    """Make an export what a version with an older schema wrote of the same models."""
    with duckdb.connect() as connection:
        migrate(connection, 0, schema)
        columns = connection.execute("SELECT table_name, column_name FROM duckdb_columns()")
        known: dict[str, set[str]] = {}
        for table, name in columns.fetchall():
            known.setdefault(table, set()).add(name)
    manifest = json.loads((folder / MANIFEST).read_text())
    fits = {one["key"]["model_id"]: one for one in manifest["files"] if one["table"] == "atom_fit"}
    manifest["schema"] = schema
    manifest["files"] = [one for one in manifest["files"] if one["table"] in known]
    for entry in manifest["files"]:
        file = folder / entry["file"]
        rows = pq.read_table(file, partitioning=None)
        if entry["table"] == "atom" and entry["key"]["model_id"] in fits:
            fit = folder / fits[entry["key"]["model_id"]]["file"]
            rows = wide(rows, pq.read_table(fit, partitioning=None))
        kept = [name for name in rows.column_names if name in known[entry["table"]]]
        pq.write_table(rows.select(kept), file)
        entry["sha256"] = sha256(file)
    shutil.rmtree(folder / "atom_fit")
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("schema", range(5, TOGETHER + 1))
def test_exports_of_older_schemas_are_read(bank: Bank, tmp_path: Path, schema: int) -> None:
    arrays = fitted()
    if schema == 5:  # which had no columns for error bars
        arrays = {name: arrays[name] for name in ("type", "confidence", "b_factor", "flag")}
    deposit(bank, earlier_model(arrays))
    deposit(bank, alloy("Fe5"))
    folder = export_bank(bank, tmp_path / "export")
    as_exported_with(schema, folder)
    assert import_bank(tmp_path / "new.bank", folder).new == 2
    with Bank(tmp_path / "new.bank", read_only=True) as back:
        assert {one.status for one in check(back)} == {"passed"}
        for table in ("atom", "atom_fit", "checksum"):
            assert back.sql(f"FROM {table}").equals(bank.sql(f"FROM {table}"))
        for name, values in arrays.items():
            np.testing.assert_array_equal(back.atoms("FePt00001").arrays[name], values)
    assert import_bank(bank.path.with_name("new.bank"), folder).differing == ()


ROW = "INSERT INTO atom_fit (model_id, atom, sigma_x) VALUES"
COUNT, NUMBERING = "counts: atoms in atom_fit", "numbering: atom_fit"
ORPHAN = "orphans: atom_fit.atom without atom"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DELETE FROM atom_fit WHERE atom = 2", {COUNT, NUMBERING, CHECKSUMS, CONTENTS}),
        ("DELETE FROM atom_fit WHERE atom = 4", {COUNT, CHECKSUMS, CONTENTS}),
        ("DELETE FROM atom_fit", {CHECKSUMS, CONTENTS}),
        (f"{ROW} ('FePt00001', 5, 0.1)", {COUNT, ORPHAN, CHECKSUMS, CONTENTS}),
        (f"{ROW} ('FePt00001', 3, 0.1)", {COUNT, NUMBERING, CHECKSUMS, CONTENTS}),
        (f"{ROW} ('FeXX00001', 0, 0.1)", {COUNT, CHECKSUMS, CONTENTS}),
        ("INSERT INTO atom_fit (model_id, atom) VALUES ('FeXX00001', 0)", {COUNT, CHECKSUMS}),
        ("UPDATE atom_fit SET sigma_x = 2 * sigma_x WHERE atom = 2", {CHECKSUMS, CONTENTS}),
        ("UPDATE atom_fit SET atom = 3 - atom WHERE atom IN (1, 2)", {CHECKSUMS, CONTENTS}),
        ("UPDATE atom_fit SET atom = 7 WHERE atom = 4", {NUMBERING, ORPHAN, CHECKSUMS}),
    ],
)
def test_check_finds_rows_that_are_gone_too_many_or_changed(
    bank: Bank, sql: str, expected: set[str]
) -> None:
    deposit(bank, with_errors())
    deposit(bank, alloy("Fe5"))
    assert_whole(bank, hashes=True)
    with bank.transaction() as connection:
        connection.execute(sql)
    assert {one.name for one in failed(check(bank))} == expected
