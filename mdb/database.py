"""Files of banks: made, opened and locked, and sealed against everything else."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from aet_port.core import files
from aet_port.core.errors import AetError
from aet_port.core.leftovers import partial_path
from aet_port.core.records import parse_record
from mdb.errors import BankError
from mdb.schema import migrate

# No SQL, whoever wrote it, may reach files, networks or extensions through a bank.
_SEALED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "preserve_insertion_order": "true",
    "lock_configuration": "true",
}
# A deposit is one stream of Arrow rows, which several threads only slow down; and its log is merged
# into the file when the bank is closed or the log is long, not at every commit.
_WRITING: dict[str, str | bool | int | float | list[str]] = {
    "threads": "1",
    "checkpoint_threshold": "256MB",
}
_MEMORY = "50%"  # of what the process may have
# Bytes of the header of a DuckDB file: checksum, "DUCK", number of the format, flags, version.
_VERSION = slice(52, 84)
_RETRY = 0.02  # seconds between attempts at a locked bank


def make_folder(path: Path) -> None:
    """Make the folder of a bank.

    Raises
    ------
    BankError
        If it can't be made.
    """
    try:
        files.make_folder(path.parent)
    except OSError as error:
        raise BankError(path, f"can't be made ({error})", "choose another place") from error


def create(path: Path, upto: int | None = None) -> None:
    """Make an empty bank beside ``path`` and move it there, unless one appeared meanwhile.

    Parameters
    ----------
    upto
        Version of the schema, the newest unless given.

    Raises
    ------
    BankError
        If it can't be made.
    """
    partial = partial_path(path, suffix="")
    try:
        with duckdb.connect(str(partial), config=_SEALED) as connection:
            connection.begin()  # one write to the disk instead of one per statement
            migrate(connection, 0, upto)
            connection.commit()
        files.sync_file(partial)
        try:
            os.link(partial, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(partial, path)
        files.sync_folder(path.parent)
    except (OSError, duckdb.Error) as error:
        raise BankError(
            path, f"can't be made ({one_line(error)})", "choose another place"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
        partial.with_name(f"{partial.name}.wal").unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A bank's file as it is, sealed, for whoever knows its schema to write; rolled back on error.

    Raises
    ------
    BankError
        If it can't be opened, or DuckDB refuses a change.
    """
    connection = connect(path, False, time.monotonic())
    try:
        with interrupted():
            connection.begin()
            yield connection
            connection.commit()
    except duckdb.Error as error:
        raise BankError(path, one_line(error), "nothing was stored") from error
    finally:
        connection.close()


def connect(
    path: Path, read_only: bool, deadline: float, memory: float | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a bank, waiting for others to close it until ``deadline`` (of ``time.monotonic``).

    Parameters
    ----------
    memory
        That queries may take (GB); half of the machine's unless given.

    Raises
    ------
    BankError
        That says in one line why it can't be opened.
    """
    while True:
        try:
            limit = _MEMORY if memory is None else f"{memory:g}GB"
            config = (_SEALED if read_only else _WRITING | _SEALED) | {"memory_limit": limit}
            return duckdb.connect(str(path), read_only=read_only, config=config)
        except duckdb.Error as error:
            text = one_line(error)
            # Two connections of one process must agree on how they open a file.
            here = "different configuration" in text
            if here or ("lock" in text.lower() and isinstance(error, duckdb.IOException)):
                if time.monotonic() < deadline:
                    time.sleep(_RETRY)
                    continue
                holder = re.search(r"PID (\d+)", text)
                who = f"process {holder[1]}" if holder else "another process"
                who = "this process" if here else who
                raise BankError(path, f"in use by {who}", "wait until it is done") from error
            if "not a valid duckdb" in text.lower() or path.is_dir():
                raise BankError(path, "not a DuckDB file", "give the path of a bank") from error
            if "version number" in text:
                found = (
                    f"a file of DuckDB {_written_by(path)}, which {duckdb.__version__} can't read"
                )
                advice = "install a newer one: pip install --upgrade duckdb"
                raise BankError(path, found, advice) from error
            raise BankError(path, text, "give the path of a readable bank") from error


def _written_by(path: Path) -> str:
    """Version of DuckDB that the header of a file states, such as ``v2.0.1``."""
    with path.open("rb") as stream:
        header = stream.read(_VERSION.stop)
    text = header[_VERSION].rstrip(b"\0")
    return text.decode("ascii") if re.fullmatch(rb"v[\w.+-]+", text) else "of another version"


@contextmanager
def damage(path: Path, *expected: type[Exception]) -> Iterator[None]:
    """Context in which rows are read and put together, whatever they turn out to be.

    Parameters
    ----------
    path
        Of the bank.
    expected
        Exceptions that pass.

    Raises
    ------
    BankError
        For any exception but those of this package.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (AetError, *expected)):
            raise
        text = f"damaged, or changed by another program ({one_line(error) or type(error).__name__})"
        advice = "`aet mdb check` says what is wrong; restore it from a copy"
        raise BankError(path, text, advice) from error


def stored_record(path: Path, text: Any) -> dict[str, Any]:
    """A record that a bank holds as JSON: of parameters, of a protocol, of remarks.

    Raises
    ------
    BankError
        If it is no JSON object.
    """
    with damage(path):
        found = parse_record(text)
    return found


@contextmanager
def interrupted() -> Iterator[None]:
    """Context in which Ctrl-C raises ``KeyboardInterrupt``, not DuckDB's ``RuntimeError``."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from None


def one_line(error: Exception) -> str:
    """First paragraph of an error's message on one line."""
    return " ".join(str(error).split("\n\n")[0].split())
