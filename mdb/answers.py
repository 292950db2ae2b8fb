"""Answers of queries, fetched by a thread of their own so that they can be stopped at any time."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import duckdb
import pyarrow as pa

from aet_port.core.errors import AetError
from aet_port.core.memory import available_memory, size_text
from mdb.database import one_line
from mdb.errors import BankError, QueryTimeoutError
from mdb.query_settings import QuerySettings

BATCH = 16_384  # rows
AHEAD = 32  # batches that are fetched before they are asked for
GRACE = 0.5  # seconds in which an interrupted query should end
_AGAIN = 0.02  # seconds between two interrupts
_LOOK = 0.1  # seconds between looks whether nobody waits for the answer any more


class Asked(Protocol):
    """What is asked: an open :class:`mdb.Bank`."""

    path: Path
    read_only: bool
    limits: QuerySettings

    def connected(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Context with a connection."""


def select(
    bank: Asked,
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any] | None,
) -> duckdb.DuckDBPyRelation:
    """One reading statement, not yet run.

    Raises
    ------
    BankError
        For any other statement, or several.
    """
    statements = connection.extract_statements(sql)
    allowed = [duckdb.StatementType.SELECT]
    if bank.read_only:  # EXPLAIN ANALYZE runs what it explains, a DELETE too
        allowed.append(duckdb.StatementType.EXPLAIN)
    if len(statements) != 1 or statements[0].type not in allowed:
        kinds = ", ".join(s.type.name for s in statements) or "no statement"
        raise BankError(bank.path, f"found {kinds}", "only one SELECT is allowed")
    return connection.sql(sql, params=dict(parameters or {}))


class Fetch:
    """Results of a query, in the order in which DuckDB gives them; leaving it ends the query.

    Ctrl-C and the time limit interrupt DuckDB from outside, since within one call it looks at
    neither. A function of one value can't be interrupted: its thread is left behind, and the
    interpreter waits for it when it ends.

    Parameters
    ----------
    bank
        An open bank.
    ask
        What is fetched from a connection to it.
    """

    def __init__(
        self, bank: Asked, ask: Callable[[duckdb.DuckDBPyConnection], Iterator[Any]]
    ) -> None:
        self._bank, self._ask = bank, ask
        self._left = bank.limits.timeout
        self._items: queue.Queue[tuple[str, Any]] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._connection: duckdb.DuckDBPyConnection | None = None
        # No daemon: one that came back from DuckDB to an interpreter that is half gone would be
        # aborted with a core dump. The interpreter asks it to stop, and waits for it.
        self._thread = threading.Thread(target=self._run, name="query", daemon=False)
        _open.add(self)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def next(self) -> Any:
        """What the query gives next; None at its end.

        Raises
        ------
        BankError
            If it is refused or fails; :class:`mdb.errors.QueryTimeoutError` if it takes too long.
            The time between two calls doesn't count.
        """
        began = time.monotonic()
        try:
            kind, item = self._items.get(timeout=self._left)
        except queue.Empty:
            self.stop()
            raise QueryTimeoutError(self._bank.path, self._bank.limits.timeout or 0) from None
        except BaseException:  # Ctrl-C
            self.stop()
            raise
        if self._left is not None:
            self._left = max(0.0, self._left - (time.monotonic() - began))
        if kind == "error":
            self._thread.join(GRACE)  # its connection is closed
            raise item
        return item

    def stop(self) -> None:
        """End the query, if it still runs."""
        self._stopped.set()
        deadline = time.monotonic() + GRACE
        while self._thread.is_alive() and time.monotonic() < deadline:
            # Again and again: an interrupt before the query has begun is forgotten.
            connection = self._connection
            if connection is not None:
                with contextlib.suppress(duckdb.Error):  # closed meanwhile
                    connection.interrupt()
            self._thread.join(_AGAIN)

    def _run(self) -> None:
        try:
            with self._bank.connected() as connection:
                self._connection = connection
                try:
                    if self._stopped.is_set():
                        return
                    for item in self._ask(connection):
                        if not self._put("item", item):
                            return
                finally:
                    self._connection = None
            self._put("item", None)
        except AetError as error:
            self._put("error", error)
        except Exception as error:  # of a damaged file DuckDB and Arrow raise every kind
            self._put("error", self._failure(error))
        except BaseException as error:
            self._put("error", error)

    def _put(self, kind: str, item: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put((kind, item), timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def _failure(self, error: Exception) -> BankError:
        """An error of DuckDB, which comes as one of Arrow while rows are fetched."""
        text = one_line(error)
        short = "out of memory" in text.lower() or isinstance(error, MemoryError)
        advice = "ask for less, or allow more (--memory)" if short else "correct the query"
        failure = BankError(self._bank.path, text, advice)
        failure.__cause__ = error
        return failure


_open: weakref.WeakSet[Fetch] = weakref.WeakSet()


def _stop_all() -> None:
    for fetch in list(_open):
        fetch.stop()


# Before the interpreter waits for threads, which is before what atexit knows is called.
threading._register_atexit(_stop_all)  # type: ignore[attr-defined]


class Answer(Fetch):
    """Rows of one SELECT, in batches as they come; :meth:`mdb.Bank.stream` makes it.

    Attributes
    ----------
    schema
        Names and types of the columns.
    """

    def __init__(self, bank: Asked, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        def ask(connection: duckdb.DuckDBPyConnection) -> Iterator[Any]:
            reader = _reader(select(bank, connection, sql, parameters))
            yield reader.schema
            yield from reader

        super().__init__(bank, ask)
        self.schema: pa.Schema = self.next()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        most, rows = self._bank.limits.rows, 0
        while (batch := self.next()) is not None:
            rows += len(batch)
            if rows > most:
                self.stop()
                advice = "ask for fewer (LIMIT), or allow more (--rows)"
                raise BankError(self._bank.path, f"more than {most:,} rows", advice)
            yield batch


def whole(bank: Asked, rows: duckdb.DuckDBPyRelation) -> pa.Table:
    """All rows of a query, as long as they fit into the memory that it may take.

    DuckDB's own limit does not count what it has handed over.

    Raises
    ------
    BankError
        If they do not fit.
    """
    allowed = bank.limits.memory
    most = available_memory() / 2 if allowed is None else 1e9 * allowed
    reader, found, held = _reader(rows), [], 0
    for batch in reader:
        held += batch.nbytes
        if held > most:
            advice = "ask for less (LIMIT), or allow more (--memory)"
            raise BankError(bank.path, f"a result of more than {size_text(most)}", advice)
        found.append(batch)
    return pa.Table.from_batches(found, reader.schema)


def _reader(rows: duckdb.DuckDBPyRelation) -> pa.RecordBatchReader:
    # Its name before DuckDB 1.5 was another.
    batches = getattr(rows, "to_arrow_reader", None) or rows.fetch_arrow_reader
    return batches(BATCH)
