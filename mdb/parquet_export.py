"""Banks written as hive-partitioned Parquet, for DuckDB, Spark or Polars to read without us."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from aet_port.core.code import code_version
from aet_port.core.errors import OutputError
from aet_port.core.files import partial_folder, sha256, sync_folder, sync_tree
from aet_port.core.progress import progress_bar
from mdb.bank import Bank
from mdb.hashing import digest
from mdb.invariants import KINDS
from mdb.schema import utc_now

MANIFEST = "bank.json"
FORMAT = "aet-port bank 1"
# Tables of few rows, a file each, those that others refer to first. All others are split by entry.
HEADS = (
    *("sample", "tilt_series", "projection", "reconstruction", "md_run", "model", "md_snapshot"),
    *("analysis", "validation", "provenance", "species_fit", "atom_edit", "atom_array", "checksum"),
    *("model_warning", "measure_reason"),
)


def bank_hash(bank: Bank) -> str:
    """SHA-256 of the checksums of all entries, in whatever order they were deposited."""
    rows = bank.sql("SELECT entry || ' ' || sha256 AS line FROM checksum ORDER BY line")
    return digest(line.encode() for line in rows["line"].to_pylist())


def export_bank(bank: Bank, folder: str | Path, show_progress: bool = False) -> Path:
    """Write every table as Parquet, whole or not at all.

    Tables of few rows are ``model/part-0.parquet`` and so on; tables of many rows are split by the
    entry they belong to: ``atom/model_id=TaXX00001/part-0.parquet``. ``bank.json`` lists each file
    with its SHA-256, and says what every table and column means.

    Parameters
    ----------
    folder
        That does not exist yet.

    Raises
    ------
    OutputError
        If it exists or can't be written.
    """
    target = Path(folder)
    if target.exists():
        raise OutputError(target, "it exists", "give the name of a new folder")
    try:
        with partial_folder(target) as partial:
            with bank.held():
                _write(bank, partial, show_progress)
            sync_tree(partial)
            os.rename(partial, target)
            sync_folder(target.parent)
    except OSError as error:
        raise OutputError(target, str(error), "free some space or choose another place") from error
    return target


def _write(bank: Bank, folder: Path, show_progress: bool) -> None:
    jobs: list[tuple[str, str | None, str | int | None]] = [(name, None, None) for name in HEADS]
    for kind, parts in KINDS.items():
        keys = bank.sql(f"SELECT {kind}_id AS id FROM {kind} ORDER BY id")["id"].to_pylist()
        jobs += [(part, f"{kind}_id", key) for part in parts if part not in HEADS for key in keys]
    files = []
    with progress_bar("export", len(jobs), show_progress) as reporter:
        for table, column, key in jobs:
            if column is None:
                rows, place = bank.sql(f"FROM {table}"), Path(table)
            else:
                select = f"SELECT * EXCLUDE ({column}) FROM {table} WHERE {column} = $key"
                rows, place = bank.sql(select, {"key": key}), Path(table) / f"{column}={key}"
            reporter.advance(note=table)
            if not rows.num_rows and column is not None:
                continue
            path = folder / place / "part-0.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Lists then come back without their fixed length: before version 26, PyArrow can't read
            # a column of such lists that has nulls.
            pq.write_table(rows, path, compression="zstd", store_schema=False)
            files.append(
                {
                    "table": table,
                    "key": {} if column is None else {column: key},
                    "file": path.relative_to(folder).as_posix(),
                    "rows": rows.num_rows,
                    "sha256": sha256(path),
                }
            )
    manifest = {
        "format": FORMAT,
        "schema": bank.version,
        "bank_hash": bank_hash(bank),
        "code_version": code_version(),
        "exported": utc_now().isoformat(timespec="seconds"),
        "tables": _meaning(bank),
        "files": files,
    }
    text = json.dumps(manifest, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _meaning(bank: Bank) -> dict[str, dict[str, Any]]:
    """Comment of every table, and of every column."""
    tables = bank.sql("SELECT table_name, comment FROM duckdb_tables() ORDER BY 1").to_pylist()
    columns = bank.sql(
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "SEMI JOIN duckdb_tables() USING (table_oid) ORDER BY table_name, column_index"
    ).to_pylist()
    found = {table["table_name"]: {"is": table["comment"], "columns": {}} for table in tables}
    for column in columns:
        found[column["table_name"]]["columns"][column["column_name"]] = column["comment"]
    return found
