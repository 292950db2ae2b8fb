"""What the columns of a bank are, and whether rows that were just written make sense."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from functools import cache, lru_cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from aet_port.core.errors import InputError
from mdb.invariants import KEYS
from mdb.schema import Migration, migrations
from mdb.value_rules import finite, range_conditions, range_rule

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
    connection = _empty_bank(steps)
    found = [connection.sql(sql).to_arrow_table() for sql in (COLUMNS, CONSTRAINTS)]
    return found[0], found[1]


@cache
def _empty_bank(steps: tuple[Migration, ...]) -> duckdb.DuckDBPyConnection:
    """A bank without rows, in memory and open as long as the process runs."""
    connection = duckdb.connect(config={"threads": 1})
    for step in steps:
        connection.execute(step.sql)
    return connection


def real_columns(columns: pa.Table) -> dict[str, dict[str, bool]]:
    """Columns of real numbers by table, and whether they are lists; those of views left out."""
    found: dict[str, dict[str, bool]] = {}
    for row in columns.to_pylist():
        if row["data_type"].startswith("DOUBLE") and row["table_name"] in KEYS:
            kind = found.setdefault(row["table_name"], {})
            kind[row["column_name"]] = row["data_type"] != "DOUBLE"
    return found


def refuse_senseless(
    connection: duckdb.DuckDBPyConnection,
    written: Mapping[str, tuple[str, str | int]],
    tables: Mapping[str, pa.Table] | None = None,
) -> None:
    """Refuse rows that :func:`mdb.checks.check` would find out of range, before they are committed.

    Parameters
    ----------
    connection
        In the transaction that wrote them.
    written
        For each table, a column and its value that tell the new rows from the older ones, such as
        ``{"atom": ("model_id", "TaXX00001")}``.
    tables
        The rows, if they are at hand. Conditions are then left out on columns without any value, on
        columns of finite numbers that are only asked to be finite, and on columns of Arrow
        dictionaries of which every different value fulfils them.

    Raises
    ------
    InputError
        That names table and row, and what is expected of it.
    """
    parts, values = [], {}
    for table, (key, value) in written.items():
        rows = None if tables is None else tables.get(table)
        if rows is not None and not rows.num_rows:
            continue
        given = None if rows is None else _given(rows)
        conditions = tuple(
            condition
            for condition, columns, holds in _conditions(migrations(), table)
            if given is None
            or not holds
            or (columns & given and not _holds(condition, columns, rows))
        )
        if conditions:
            values[table] = value
            broken = range_rule(table, {}, conditions).broken
            parts.append(
                f"(SELECT '{table}' AS part, '{_words(table)}'.format({_keys(table)}) AS place, "
                f"expected FROM ({broken}) WHERE {key} = ${table} LIMIT 1)"
            )
    if not parts:
        return
    found = connection.execute(" UNION ALL ".join(parts), values).fetchall()
    if found:
        table, place, expected = found[0]
        raise InputError(f"{table} ({place})", "a value out of its range", expected)


def _holds(condition: str, columns: frozenset[str], rows: pa.Table | None) -> bool:
    """Whether a condition on one column of real numbers or Arrow dictionaries holds for sure."""
    if rows is None or len(columns) > 1:
        return False
    (name,) = columns
    kind = rows.schema.field(name).type
    if condition == finite(name) and pa.types.is_floating(kind):
        return pc.all(pc.is_finite(rows[name])).as_py() is not False
    if not pa.types.is_dictionary(kind) or not pa.types.is_string(kind.value_type):
        return False
    different = {text for chunk in rows[name].chunks for text in chunk.dictionary.to_pylist()}
    return _all_hold(migrations(), condition, name, tuple(sorted(different - {None})))


@lru_cache(maxsize=1000)
def _all_hold(
    steps: tuple[Migration, ...], condition: str, column: str, values: tuple[str, ...]
) -> bool:
    sql = f"SELECT bool_and({condition}) FROM (SELECT unnest(?::VARCHAR[]) AS {column})"
    with closing(_empty_bank(steps).cursor()) as connection:
        return connection.execute(sql, [list(values)]).fetchall()[0][0] is not False


def _given(rows: pa.Table) -> frozenset[str]:
    """Columns that hold a value in at least one row."""
    return frozenset(name for name in rows.column_names if rows[name].null_count < len(rows))


@cache
def _conditions(
    steps: tuple[Migration, ...], table: str
) -> tuple[tuple[str, frozenset[str], bool], ...]:
    """Conditions on a table, the columns each names, and whether it holds where these are NULL."""
    columns = expected_schema(steps)[0]
    names = {row["column_name"] for row in columns.to_pylist() if row["table_name"] == table}
    conditions = range_conditions(table, real_columns(columns).get(table, {}))
    if not conditions:
        return ()
    # Beside one row of nothing, an empty table is a row of NULL.
    broken = ", ".join(f"coalesce(NOT ({condition}), false)" for condition in conditions)
    sql = f"SELECT {broken} FROM (SELECT 1 AS beside) LEFT JOIN {table} ON false"
    found = _empty_bank(steps).execute(sql).fetchall()[0]
    return tuple(
        (condition, frozenset(re.findall(r"\w+", condition)) & names, not wrong)
        for condition, wrong in zip(conditions, found, strict=True)
    )


def _keys(table: str) -> str:
    return ", ".join(f"coalesce({key}::VARCHAR, 'none')" for key in KEYS[table])


def _words(table: str) -> str:
    return ", ".join(f"{key.removesuffix('_id')} {{}}" for key in KEYS[table])
