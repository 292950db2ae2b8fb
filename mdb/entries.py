"""Entries as tables: all that belongs to a model, an analysis, a run or a comparison.

Read without the numbers that a bank gives its rows, an entry is the same in every bank, and so is
its checksum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import duckdb
import pyarrow as pa

from mdb.hashing import entry_digest
from mdb.invariants import KINDS
from mdb.validity import refuse_senseless

# Rows that a model shares its numbers with, read with it: $id is the model.
_AROUND_MODEL = {
    "model": "SELECT * EXCLUDE (model_id, entry_id, sample_id, reconstruction_id) FROM model "
    "WHERE model_id = $id",
    "sample": "SELECT name FROM sample SEMI JOIN (FROM model WHERE model_id = $id) "
    "USING (sample_id)",
    "reconstruction": "SELECT * EXCLUDE (reconstruction_id, tilt_series_id) FROM reconstruction "
    "SEMI JOIN (FROM model WHERE model_id = $id) USING (reconstruction_id)",
    "tilt_series": "SELECT t.* EXCLUDE (tilt_series_id, sample_id) FROM tilt_series AS t "
    "JOIN reconstruction USING (tilt_series_id) JOIN model USING (reconstruction_id) "
    "WHERE model_id = $id",
    "projection": "SELECT p.* EXCLUDE (tilt_series_id) FROM projection AS p "
    "JOIN reconstruction USING (tilt_series_id) JOIN model USING (reconstruction_id) "
    "WHERE model_id = $id ORDER BY projection",
    "md_snapshot": "SELECT s.* EXCLUDE (model_id, md_run_id), md_run.content_hash AS run "
    "FROM md_snapshot AS s JOIN md_run USING (md_run_id) WHERE model_id = $id",
}
_AROUND_RUN = {
    "md_run": "SELECT * EXCLUDE (md_run_id, sample_id) FROM md_run WHERE md_run_id = $id",
    "sample": "SELECT name FROM sample SEMI JOIN (FROM md_run WHERE md_run_id = $id) "
    "USING (sample_id)",
}
_HEADS = {
    "model": _AROUND_MODEL,
    "md_run": _AROUND_RUN,
    "analysis": {
        "analysis": "SELECT * EXCLUDE (analysis_id, model_id) FROM analysis WHERE analysis_id = $id"
    },
    "validation": {
        "validation": "SELECT * EXCLUDE (validation_id) FROM validation WHERE validation_id = $id"
    },
}


def read_entry(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    key: str | int,
    only: Collection[str] | None = None,
) -> dict[str, pa.Table]:
    """All rows of one entry, in the order they were stored, without the numbers of this bank.

    Parameters
    ----------
    kind
        ``"model"``, ``"analysis"``, ``"md_run"`` or ``"validation"``.
    key
        Its id in this bank.
    only
        Tables to read; all unless given.
    """
    # Without an order the rows come as they were inserted (preserve_insertion_order).
    parts = {
        table: f"SELECT * EXCLUDE ({kind}_id) FROM {table} WHERE {kind}_id = $id"
        for table in KINDS[kind]
    }
    return {
        table: connection.sql(text, params={"id": key}).to_arrow_table()
        for table, text in {**_HEADS[kind], **parts}.items()
        if only is None or table in only
    }


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    keys: Mapping[str, Any],
    rows: pa.Table,
) -> None:
    """Append Arrow rows to a table, the same keys before each.

    Several rows stay registered as ``incoming`` until others do, or until it is unregistered.
    """
    if not rows.num_rows:
        return
    columns = ", ".join([*keys, *(f'"{name}"' for name in rows.column_names)])
    given = list(keys.values())
    if rows.num_rows == 1:  # a single row costs half as much without Arrow
        given += [column[0].as_py() for column in rows.columns]
        source = f"VALUES ({', '.join('?' for _ in given)})"
    else:
        # After an error the transaction is over, and what was registered in it is gone.
        connection.register("incoming", rows)
        values = [*("?" for _ in keys), *(f'"{name}"' for name in rows.column_names)]
        source = f"SELECT {', '.join(values)} FROM incoming"
    connection.execute(f"INSERT INTO {table} ({columns}) {source}", given)


def write_entry(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    key: str | int,
    tables: Mapping[str, pa.Table],
    heads: Mapping[str, Mapping[str, Any]],
    beside: Executor | None = None,
) -> None:
    """Append an entry with all its rows and its checksum.

    Parameters
    ----------
    key
        Its id in this bank.
    tables
        As :func:`read_entry` gives them.
    heads
        For each table that is no part of the entry's own, the keys of its rows; those left out are
        not written.
    beside
        Where the checksum is computed; a thread of its own unless given.

    Raises
    ------
    InputError
        For a value out of its range.
    """
    # Hashing and DuckDB both run without the interpreter's lock: at the same time.
    with ThreadPoolExecutor(1) as own:
        checksum = (beside or own).submit(entry_digest, tables)
        write_entry_rows(connection, kind, key, tables, heads)
        write_checksum(connection, kind, key, checksum.result())


def write_checksum(
    connection: duckdb.DuckDBPyConnection, kind: str, key: str | int, checksum: str
) -> None:
    """Append the checksum of an entry: :func:`mdb.hashing.entry_digest` of all its tables."""
    connection.execute("INSERT INTO checksum VALUES (?, ?, ?)", [kind, str(key), checksum])


def write_entry_rows(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    key: str | int,
    tables: Mapping[str, pa.Table],
    heads: Mapping[str, Mapping[str, Any]],
) -> None:
    """Append all rows of an entry, checked unless they were computed here, but not its checksum.

    Parameters and errors as of :func:`write_entry`.
    """
    for table, keys in heads.items():
        rows = tables[table]
        if table == "md_snapshot":  # names its run by hash, the row by number
            rows = rows.drop_columns("run")
        write_rows(connection, table, keys, rows)
    for table in KINDS[kind]:
        if table in tables:
            write_rows(connection, table, {f"{kind}_id": key}, tables[table])
    connection.unregister("incoming")
    if kind != "analysis":  # what others say is looked at, what was computed here is not
        own = {table: (f"{kind}_id", key) for table in (kind, *KINDS[kind]) if table in tables}
        around = {table: next(iter(keys.items())) for table, keys in heads.items()}
        refuse_senseless(connection, around | own, tables)


def write_model(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    entry: str,
    tables: Mapping[str, pa.Table],
    run: int | None,
) -> None:
    """Write the tables of a model, as :func:`read_entry` gives them, under an id.

    Parameters
    ----------
    entry
        Entry that it is a version of.
    run
        Number of the run it is a snapshot of, if any.
    """
    heads = model_heads(connection, model_id, entry, tables, run)
    write_entry(connection, "model", model_id, tables, heads)


def model_heads(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    entry: str,
    tables: Mapping[str, pa.Table],
    run: int | None,
) -> dict[str, dict[str, Any]]:
    """Keys of the rows around a model, as :func:`write_entry` takes them; the sample is made.

    Parameters as of :func:`write_model`.
    """
    sample_id = sample_number(connection, tables["sample"]["name"][0].as_py())
    heads: dict[str, dict[str, Any]] = {}
    series_id = reconstruction_id = None
    if "tilt_series" in tables and tables["tilt_series"].num_rows:
        series_id = next_number(connection, "tilt_series")
        heads["tilt_series"] = {"tilt_series_id": series_id, "sample_id": sample_id}
        if "projection" in tables:
            heads["projection"] = {"tilt_series_id": series_id}
    if "reconstruction" in tables and tables["reconstruction"].num_rows:
        reconstruction_id = next_number(connection, "reconstruction")
        heads["reconstruction"] = {
            "reconstruction_id": reconstruction_id,
            "tilt_series_id": series_id,
        }
    heads["model"] = {
        "model_id": model_id,
        "entry_id": entry,
        "sample_id": sample_id,
        "reconstruction_id": reconstruction_id,
    }
    if run is not None:
        heads["md_snapshot"] = {"model_id": model_id, "md_run_id": run}
    return heads


def one(connection: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> Any:
    """First column of the first row, or None."""
    # All rows are fetched, because a result left unfinished blocks the connection.
    rows = connection.execute(sql, list(values)).fetchall()
    return rows[0][0] if rows else None


def next_number(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Number after the highest in the key of ``table``."""
    return int(one(connection, f"SELECT coalesce(max({table}_id), 0) + 1 FROM {table}"))


def sample_number(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    """Number of the sample of that name, which is added if it is new."""
    known = one(connection, "SELECT sample_id FROM sample WHERE name = ?", name)
    if known is not None:
        return int(known)
    number = next_number(connection, "sample")
    connection.execute("INSERT INTO sample VALUES (?, ?)", [number, name])
    return number
