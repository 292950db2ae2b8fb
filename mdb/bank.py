"""The bank: one DuckDB file, its schema built by numbered migrations, and safe queries."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from types import TracebackType

import duckdb
import pyarrow as pa

from mdb.errors import BankError

# No SQL, whoever wrote it, may reach files, networks or extensions through a bank.
_SEALED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
_RETRY = 0.05  # seconds between attempts at a locked bank


@dataclass(frozen=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """The packaged migrations, ``migrations/0001_name.sql`` and on, in order."""
    found = []
    for entry in resources.files("mdb").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda step: step.version)


class Bank:
    """A bank of atomic models and their structure.

    Use as a context manager; the file is open, and locked against writers (or, when writing,
    against everyone else), only inside.

    Parameters
    ----------
    path
        File of the bank. Unless ``read_only``, a missing one is made and an older one brought up
        to date, each in one step that is done whole or not at all.
    read_only
        Open for queries only.
    wait
        Seconds to wait for another process that has the bank open.

    Raises
    ------
    BankError
        If the file is missing (``read_only``), is no bank, was made by a newer version, or is in
        use by another process.
    """

    def __init__(self, path: str | Path, read_only: bool = False, wait: float = 0.0) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self.wait = wait
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Bank:
        if not self.path.exists():
            if self.read_only:
                raise BankError(self.path, "no such file", "deposit a model to make a bank")
            _create(self.path)
        self._connection = _connect(self.path, self.read_only, self.wait)
        try:
            self._bring_up_to_date()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open DuckDB connection.

        Raises
        ------
        BankError
            Outside the ``with`` block.
        """
        if self._connection is None:
            raise BankError(self.path, "not open", "use it as: with Bank(path) as bank")
        return self._connection

    @property
    def version(self) -> int:
        """Version of the schema: the number of its last migration."""
        # All rows are fetched, because a result left unfinished blocks the connection.
        return int(
            self.connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0]
        )

    def query(self, sql: str) -> pa.Table:
        """Result of one SELECT (or DESCRIBE, SHOW; read-only also EXPLAIN) as an Arrow table.

        The statement can neither write nor attach nor read files: the connection is sealed against
        files and changes of settings, and any other kind of statement is refused.

        Raises
        ------
        BankError
            For SQL that is wrong, not a single reading statement, or fails when run.
        """
        try:
            statements = self.connection.extract_statements(sql)
            allowed = [duckdb.StatementType.SELECT]
            if self.read_only:  # EXPLAIN ANALYZE runs what it explains, a DELETE too
                allowed.append(duckdb.StatementType.EXPLAIN)
            if len(statements) != 1 or statements[0].type not in allowed:
                kinds = ", ".join(s.type.name for s in statements) or "nothing"
                raise BankError(self.path, f"a query that is {kinds}", "only one SELECT is run")
            return self.connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise BankError(self.path, _line(error), "correct the query") from error

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Context whose changes are kept together at its end, or, on any error, not at all.

        Raises
        ------
        BankError
            If the bank is open for reading only, or DuckDB refuses a change.
        """
        if self.read_only:
            raise BankError(self.path, "open for reading only", "open it for writing")
        connection = self.connection
        try:
            connection.begin()
            try:
                yield connection
                connection.commit()
            except BaseException:
                # A failed commit has already ended the transaction.
                with _ended():
                    connection.rollback()
                raise
        except duckdb.Error as error:
            raise BankError(self.path, _line(error), "nothing was stored") from error

    def _bring_up_to_date(self) -> None:
        known = migrations()
        try:
            version = self.version
        except duckdb.CatalogException as error:
            raise BankError(
                self.path, "a DuckDB file without the tables of a bank", "give another path"
            ) from error
        newest = known[-1].version
        if version > newest:
            raise BankError(
                self.path,
                f"made by a newer version (schema {version}, this one knows {newest})",
                "update aet-port",
            )
        if version < newest:
            if self.read_only:
                raise BankError(
                    self.path,
                    f"schema {version}, this version reads {newest}",
                    "open it once for writing to bring it up to date",
                )
            with self.transaction() as connection:
                _migrate(connection, version)


def utc_now() -> datetime:
    """The time in UTC without a time zone attached, as the bank stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def _ended() -> Iterator[None]:
    """Context in which it is no error that no transaction is left to roll back."""
    try:
        yield
    except duckdb.TransactionException as error:
        if "no transaction is active" not in str(error):
            raise


def _migrate(connection: duckdb.DuckDBPyConnection, version: int) -> None:
    """Run every migration after ``version``, inside the caller's transaction."""
    for step in migrations():
        if step.version > version:
            connection.execute(step.sql)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)", [step.version, step.name, utc_now()]
            )


def _create(path: Path) -> None:
    """Make an empty bank beside ``path`` and move it there, unless one appeared meanwhile."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BankError(path, f"can't be made ({error})", "choose another place") from error
    try:
        partial.unlink(missing_ok=True)
        with duckdb.connect(str(partial), config=_SEALED) as connection:
            connection.execute(
                "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, "
                "name VARCHAR NOT NULL, applied TIMESTAMP NOT NULL);"
                "COMMENT ON TABLE schema_version IS 'Migrations of the schema that were applied';"
                "COMMENT ON COLUMN schema_version.version IS 'Number of the migration';"
                "COMMENT ON COLUMN schema_version.name IS 'Name of the migration';"
                "COMMENT ON COLUMN schema_version.applied IS 'When it was applied, UTC'"
            )
            _migrate(connection, 0)
        try:
            os.link(partial, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(partial, path)
    except (OSError, duckdb.Error) as error:
        raise BankError(path, f"can't be made ({_line(error)})", "choose another place") from error
    finally:
        partial.unlink(missing_ok=True)
        partial.with_name(f"{partial.name}.wal").unlink(missing_ok=True)


def _connect(path: Path, read_only: bool, wait: float) -> duckdb.DuckDBPyConnection:
    """Open a bank, waiting for others to close it; say in one line why it can't be opened."""
    deadline = time.monotonic() + wait
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only, config=_SEALED)
        except duckdb.Error as error:
            text = _line(error)
            if "lock" in text.lower() and isinstance(error, duckdb.IOException):
                if time.monotonic() < deadline:
                    time.sleep(_RETRY)
                    continue
                holder = re.search(r"PID (\d+)", text)
                who = f"process {holder[1]}" if holder else "another process"
                raise BankError(path, f"in use by {who}", "wait until it is done") from error
            if "not a valid duckdb" in text.lower() or path.is_dir():
                raise BankError(path, "not a DuckDB file", "give the path of a bank") from error
            raise BankError(path, text, "give the path of a readable bank") from error


def _line(error: Exception) -> str:
    """First paragraph of an error's message on one line."""
    return " ".join(str(error).split("\n\n")[0].split())
