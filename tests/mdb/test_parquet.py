"""Banks out to hive-partitioned Parquet and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aet_port.core.errors import DataFileError, OutputError
from aet_port.core.files import sha256
from mdb import Bank, BankError, Details, deposit
from mdb.parquet_export import MANIFEST, bank_hash, export_bank
from mdb.parquet_import import import_bank
from tests.mdb.samples import alloy, assert_whole, particle


@pytest.fixture(scope="module")
def template(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank with something in every table, and its export beside it."""
    folder = tmp_path_factory.mktemp("template")
    with Bank(shutil.copy(everything, folder / "some.bank"), read_only=True) as bank:
        export_bank(bank, folder / "export")
    return folder


@pytest.fixture
def export(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template / "export", tmp_path / "export"))


def content(path: Path) -> dict[str, pa.Table]:
    with Bank(path, read_only=True) as bank, bank.held():
        names = bank.sql("SELECT table_name AS t FROM duckdb_tables()")["t"].to_pylist()
        # What was applied when is the new bank's own.
        return {name: bank.sql(f"FROM {name}") for name in names if name != "schema_version"}


def by_entry(table: pa.Table) -> list[dict[str, object]]:
    """Rows without the numbers that a bank gives as they come, in the order of their entries."""
    own = [name for name in table.column_names if name in ("entry", "id", "model_id")]
    local = {"sample_id", "tilt_series_id", "reconstruction_id"} & set(table.column_names)
    rows = table.drop_columns(sorted(local)).to_pylist()
    # Sorting is stable: within an entry the order counts.
    return sorted(rows, key=lambda row: [row[name] for name in own or list(row)[:1]])


def test_a_bank_comes_back_the_same(template: Path, export: Path, tmp_path: Path) -> None:
    done = import_bank(tmp_path / "new" / "back.bank", export)
    assert (done.known, done.differing) == (0, ())
    assert done.models == {name: name for name in done.models}
    before, after = content(template / "some.bank"), content(tmp_path / "new" / "back.bank")
    assert before.keys() == after.keys()
    for name, table in before.items():
        rows, back = by_entry(table), by_entry(after[name])
        assert rows == back, name
        assert rows, f"nothing in {name} to compare"
    with Bank(template / "some.bank", True) as one, Bank(tmp_path / "new" / "back.bank") as two:
        assert (
            bank_hash(one)
            == bank_hash(two)
            == json.loads((export / MANIFEST).read_text())["bank_hash"]
        )
        assert_whole(two)
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["back.bank"]


def test_others_read_the_partitions(export: Path) -> None:
    found = duckdb.sql(
        f"SELECT model_id, count(*), count(DISTINCT atom) FROM read_parquet("
        f"'{export}/atom/*/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY 1"
    ).fetchall()
    assert [row[0] for row in found] == ["CuTa00001", "CuTa00001v2", "FeXX00001", "TaXX00001"]
    assert found[2] == ("FeXX00001", 5, 5)
    dataset = pq.ParquetDataset(export / "motif")
    assert "analysis_id" in dataset.schema.names
    manifest = json.loads((export / MANIFEST).read_text())
    assert manifest["tables"]["atom"]["columns"]["x"] == "Position along x, angstrom"
    assert sorted(entry.name for entry in (export / "atom_fit").iterdir()) == [
        *("model_id=CuTa00001", "model_id=CuTa00001v2")
    ]
    for entry in manifest["files"]:
        assert sha256(export / entry["file"]) == entry["sha256"]


@pytest.mark.slow
def test_importing_twice_stores_nothing_twice(export: Path, tmp_path: Path) -> None:
    first = import_bank(tmp_path / "back.bank", export)
    before = content(tmp_path / "back.bank")
    again = import_bank(tmp_path / "back.bank", export)
    assert (again.new, again.known, again.models) == (0, first.new, first.models)
    assert content(tmp_path / "back.bank") == before


def test_what_is_there_stays_and_ids_give_way(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.bank"
    model, found = particle(5)
    with Bank(path) as bank:
        deposit(bank, model, analysis=found)
        deposit(bank, alloy("Fe5"), details=Details(doi="10.1/mine"))
    done = import_bank(path, export)
    assert done.models == {
        "TaXX00001": "TaXX00002",
        "CuTa00001": "CuTa00001",
        "CuTa00001v2": "CuTa00001v2",
        "FeXX00001": "FeXX00001",
    }
    assert (done.known, done.differing) == (1, ("FeXX00001",))
    with Bank(path, read_only=True) as bank:
        assert_whole(bank)
        (row,) = bank.sql("SELECT doi FROM model WHERE model_id = 'FeXX00001'").to_pylist()
        assert row["doi"] == "10.1/mine"
        links = bank.sql("SELECT analysis_id, model_id FROM analysis ORDER BY 1").to_pylist()
        assert [link["model_id"] for link in links] == [
            *("TaXX00001", "TaXX00002", "CuTa00001", "CuTa00001")
        ]
        (row,) = bank.sql("SELECT model_id, md_run_id FROM md_snapshot").to_pylist()
        assert row == {"model_id": "TaXX00002", "md_run_id": 1}


def test_an_export_is_made_anew_or_not_at_all(template: Path, export: Path, tmp_path: Path) -> None:
    with Bank(template / "some.bank", read_only=True) as bank:
        with pytest.raises(OutputError, match="it exists"):
            export_bank(bank, export)
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="choose another place"):
            export_bank(bank, tmp_path / "file" / "export")


def test_a_failing_export_leaves_nothing(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with (
        Bank(template / "some.bank", read_only=True) as bank,
        pytest.raises(OutputError, match="No space left"),
    ):
        export_bank(bank, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def edit_manifest(change: Callable[[dict], object]) -> Callable[[Path], object]:  # type: ignore[type-arg]
    def apply(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text())
        change(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return apply


def entry_of(manifest: dict, table: str) -> dict:  # type: ignore[type-arg]
    return next(entry for entry in manifest["files"] if entry["table"] == table)


def rewrite(table: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], object]:
    """Change the rows of a file and its hash in the manifest: only the checksums can tell."""

    def apply(folder: Path) -> None:
        manifest = json.loads((folder / MANIFEST).read_text())
        entry = entry_of(manifest, table)
        path = folder / entry["file"]
        pq.write_table(change(pq.read_table(path, partitioning=None)), path)
        entry["sha256"] = sha256(path)
        (folder / MANIFEST).write_text(json.dumps(manifest))

    return apply


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def mine(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank to import into."""
    path = tmp_path_factory.mktemp("mine") / "mine.bank"
    with Bank(shutil.copy(empty, path)) as bank:
        deposit(bank, alloy("Pt5"))
    return path


ATOMS = "atom/model_id=FeXX00001/part-0.parquet"


@pytest.mark.parametrize(
    ("damage", "error", "match"),
    [
        (lambda f: (f / MANIFEST).unlink(), DataFileError, "no bank.json"),
        (lambda f: (f / MANIFEST).write_text("{"), DataFileError, "bank.json"),
        (lambda f: (f / MANIFEST).write_text("[]"), DataFileError, r"format \[\]"),
        (lambda f: (f / ATOMS).unlink(), DataFileError, "FeXX00001.*no such file"),
        (lambda f: flip(f / ATOMS), DataFileError, "FeXX00001.*other bytes than were exported"),
        (
            lambda f: (f / ATOMS).write_bytes((f / ATOMS).read_bytes()[:100]),
            DataFileError,
            "other bytes",
        ),
        (edit_manifest(lambda m: m.update(format="x")), DataFileError, "format 'x'"),
        (edit_manifest(lambda m: m.update(schema=99)), BankError, "newer version"),
        (edit_manifest(lambda m: m.update(schema="5")), DataFileError, "schema '5'"),
        (edit_manifest(lambda m: m.update(bank_hash="0")), DataFileError, "bank_hash"),
        (edit_manifest(lambda m: m.update(files=7)), DataFileError, "no list of files"),
        (edit_manifest(lambda m: m["files"].append(7)), DataFileError, "entry 7"),
        (
            edit_manifest(lambda m: entry_of(m, "atom").update(table="atom; DROP TABLE model")),
            DataFileError,
            "table 'atom; DROP",
        ),
        (
            edit_manifest(lambda m: entry_of(m, "atom").update(file="../../secret.parquet")),
            DataFileError,
            "files in the folder",
        ),
        (
            edit_manifest(lambda m: entry_of(m, "atom").update(key={'a") --': 1})),
            DataFileError,
            "columns of atom",
        ),
        (
            edit_manifest(lambda m: m["files"].remove(entry_of(m, "motif"))),
            DataFileError,
            "analysis 1 with other rows",
        ),
        (
            rewrite("atom", lambda t: t.set_column(2, "x", pa.array([9.0] * len(t)))),
            DataFileError,
            "with other rows",
        ),
        (
            rewrite("model", lambda t: t.append_column('y", "z', t["name"])),
            DataFileError,
            "column 'y",
        ),
        (rewrite("checksum", lambda t: t[:0]), DataFileError, "bank_hash"),
        (rewrite("sample", lambda t: t[:0]), BankError, "foreign key"),
    ],
)
def test_damaged_exports_change_nothing(
    mine: Path,
    export: Path,
    tmp_path: Path,
    damage: Callable[[Path], object],
    error: type[Exception],
    match: str,
) -> None:
    path = Path(shutil.copy(mine, tmp_path / "mine.bank"))
    damage(export)
    with pytest.raises(error, match=match):
        import_bank(path, export)
    with Bank(path, read_only=True) as bank:
        assert bank.sql("SELECT model_id FROM model")["model_id"].to_pylist() == ["PtXX00001"]
    assert {entry.name for entry in tmp_path.iterdir()} == {"export", "mine.bank"}
