"""What the columns of a bank are, and whether rows that were just written make sense."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import duckdb
import pyarrow as pa

from aet_port.core.errors import InputError
from mdb.invariants import KEYS, RANGES
from mdb.schema import Migration, migrations
from mdb.value_rules import range_rule

# Without the table of versions, which is read whenever a bank is opened.
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()
WHERE NOT internal AND table_name <> 'schema_version'
"""
CONSTRAINTS = """
SELECT table_name, constraint_text FROM duckdb_constraints() WHERE table_name <> 'schema_version'
"""


@cache
def expected_schema(steps: tuple[Migration, ...]) -> tuple[pa.Table, pa.Table]:
    """Columns and constraints of a bank that was just made."""
    with duckdb.connect() as connection:
        for step in steps:
            connection.execute(step.sql)
        found = [connection.sql(sql).to_arrow_table() for sql in (COLUMNS, CONSTRAINTS)]
    return found[0], found[1]


def real_columns(columns: pa.Table) -> dict[str, dict[str, bool]]:
    """Columns of real numbers by table, and whether they are lists; those of views left out."""
    found: dict[str, dict[str, bool]] = {}
    for row in columns.to_pylist():
        if row["data_type"].startswith("DOUBLE") and row["table_name"] in KEYS:
            kind = found.setdefault(row["table_name"], {})
            kind[row["column_name"]] = row["data_type"] != "DOUBLE"
    return found


def refuse_senseless(
    connection: duckdb.DuckDBPyConnection, written: Mapping[str, tuple[str, str | int]]
) -> None:
    """Refuse rows that :func:`mdb.checks.check` would find out of range, before they are committed.

    Parameters
    ----------
    connection
        In the transaction that wrote them.
    written
        For each table, a column and its value that tell the new rows from the older ones, such as
        ``{"atom": ("model_id", "TaXX00001")}``.

    Raises
    ------
    InputError
        That names table and row, and what is expected of it.
    """
    rules = _range_rules(migrations())
    tables = [table for table in written if table in rules]
    parts = [
        f"(SELECT '{table}' AS part, '{_words(table)}'.format({_keys(table)}) AS place, expected "
        f"FROM ({rules[table]}) WHERE {written[table][0]} = ${table} LIMIT 1)"
        for table in tables
    ]
    if not parts:
        return
    found = connection.execute(
        " UNION ALL ".join(parts), {table: written[table][1] for table in tables}
    ).fetchall()
    if found:
        table, place, expected = found[0]
        raise InputError(f"{table} ({place})", "a value out of its range", expected)


@cache
def _range_rules(steps: tuple[Migration, ...]) -> dict[str, str]:
    reals = real_columns(expected_schema(steps)[0])
    return {table: range_rule(table, reals.get(table, {})).broken for table in {*RANGES, *reals}}


def _keys(table: str) -> str:
    return ", ".join(f"coalesce({key}::VARCHAR, 'none')" for key in KEYS[table])


def _words(table: str) -> str:
    return ", ".join(f"{key.removesuffix('_id')} {{}}" for key in KEYS[table])
