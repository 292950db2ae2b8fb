"""The schema of a bank: numbered migrations, each run once and in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import duckdb

FIRST = """
CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied TIMESTAMP NOT NULL);
COMMENT ON TABLE schema_version IS 'Migrations of the schema that were applied';
COMMENT ON COLUMN schema_version.version IS 'Number of the migration';
COMMENT ON COLUMN schema_version.name IS 'Name of the migration';
COMMENT ON COLUMN schema_version.applied IS 'When it was applied, UTC';
"""


@dataclass(frozen=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """The packaged migrations, ``migrations/0001_name.sql`` and on, in order."""
    found = []
    for entry in resources.files("mdb").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda step: step.version))


def newest_version() -> int:
    """Version of the schema that this version of the package makes."""
    return migrations()[-1].version


def schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Version of the schema of a bank: the number of its last migration."""
    # All rows are fetched, because a result left unfinished blocks the connection.
    return int(connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0])


def migrate(connection: duckdb.DuckDBPyConnection, version: int, upto: int | None = None) -> None:
    """Run every migration after ``version`` (0: make all), inside the caller's transaction."""
    if version == 0:
        connection.execute(FIRST)
    for step in migrations():
        if step.version > version and (upto is None or step.version <= upto):
            connection.execute(step.sql)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)", [step.version, step.name, utc_now()]
            )


def utc_now() -> datetime:
    """The time in UTC without a time zone attached, as the bank stores it."""
    return datetime.now(UTC).replace(tzinfo=None)
