"""The bank: one DuckDB file, opened safely, asked safely, changed in whole transactions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import ase
import duckdb
import pyarrow as pa

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.leftovers import tidy_once
from mdb.answers import Answer, Fetch, select, whole
from mdb.database import connect, create, damage, interrupted, make_folder, one_line
from mdb.errors import BankError
from mdb.queries import run
from mdb.query_parameters import Value
from mdb.query_settings import QuerySettings
from mdb.schema import migrate, newest_version, schema_version
from mdb.write_queue import readers_turn, writers_turn

WAIT = 10.0  # seconds


class Bank(Shown):
    """A bank of atomic models and their structure: one DuckDB file.

    Use as a context manager. One process writes at a time, for as long as it is inside; any number
    read beside each other. A reader opens the file for each query only, so that writers get in
    between: every query sees all entries that were whole when it began, and no others.
    Within the process that writes, other threads may call :meth:`sql` on the same bank.

    Parameters
    ----------
    path
        File of the bank. Unless ``read_only``, a missing one is made and an older one brought up
        to date, each in one step that is done whole or not at all.
    read_only
        For queries only.
    wait
        Longest time in seconds to wait for another process that has the bank open; 10 unless given.
    limits
        Time and memory that each query may take; half of the machine's memory unless given.

    Raises
    ------
    BankError
        If the file is missing (``read_only``), is no bank, was made by a newer version, or is in
        use by another process for longer than ``wait``.

    Notes
    -----
    MATLAB: none; the papers' models are single files

    Examples
    --------
    >>> import aet_port as aet
    >>> import mdb
    >>> model = aet.AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], ["Ta", "Pd"], name="pair")
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     stored = mdb.deposit(bank, model, kind="synthetic")
    >>> with mdb.Bank("bank.duckdb", read_only=True) as bank:
    ...     bank.sql("SELECT model_id, name, n_atoms FROM model").to_pylist()
    [{'model_id': 'PdTa00001', 'name': 'pair', 'n_atoms': 2}]
    >>> bank
    <Bank 'bank.duckdb': access read only, open no>
    """

    @checked
    def __init__(
        self,
        path: str | Path,
        read_only: bool = False,
        wait: float | None = None,
        limits: QuerySettings | None = None,
    ) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self.wait = WAIT if wait is None else wait
        self.limits = QuerySettings() if limits is None else limits
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._inside = False
        self._depth = 0
        self._failed = False
        self._leave = ExitStack()

    def _facts(self) -> dict[str, object]:
        access = "read only" if self.read_only else "read and write"
        return {"name": str(self.path), "access": access, "open": self._inside}

    def __enter__(self) -> Bank:
        if self._inside:
            raise BankError(self.path, "already open", "leave it first, or make another Bank")
        self._inside = True
        try:
            if self.read_only:
                if not self.path.exists():
                    raise BankError(self.path, "no such file", "deposit a model to make a bank")
                with self.connected() as connection:
                    self._check_version(connection)
            else:
                self._open_for_writing()
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
        self._inside = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._leave.close()

    @contextmanager
    def held(self) -> Iterator[Bank]:
        """Context in which the file stays open, so that all queries see the same entries.

        Nobody can write meanwhile. For one thread: others have a :class:`Bank` of their own.
        """
        if self._connection is not None:
            yield self
            return
        with self.connected() as connection:
            self._connection = connection
            try:
                yield self
            finally:
                self._connection = None

    @contextmanager
    def connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Context with a connection of one's own, which sees no work of open transactions.

        Ctrl-C while DuckDB works raises ``KeyboardInterrupt``.

        Raises
        ------
        BankError
            Outside the ``with`` block, or if the bank can't be opened.
        """
        if not self._inside:
            raise BankError(self.path, "not open", "use it as: with Bank(path) as bank")
        if self._connection is not None:
            with closing(self._connection.cursor()) as cursor, interrupted():
                yield cursor
            return
        deadline = time.monotonic() + self.wait
        readers_turn(self.path, deadline)
        opened = connect(self.path, True, deadline, self.limits.memory)
        with closing(opened) as connection, interrupted():
            yield connection

    def _open_for_writing(self) -> None:
        deadline = time.monotonic() + self.wait
        # Before the turn, which is a file in the same folder.
        make_folder(self.path)
        self._leave.enter_context(writers_turn(self.path, deadline))
        if not self.path.exists():
            tidy_once(self.path.parent)
            create(self.path)
        self._connection = connect(self.path, False, deadline, self.limits.memory)
        version = self._check_version(self._connection)
        if version < newest_version():
            with self.transaction() as connection:
                migrate(connection, version)

    @property
    def version(self) -> int:
        """Version of the schema: the number of its last migration."""
        with self.connected() as connection, damage(self.path):
            return schema_version(connection)

    @checked
    def sql(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Result of one SELECT (or DESCRIBE, SHOW; read-only also EXPLAIN) as an Arrow table.

        The statement can neither write nor attach nor read files: the connection is sealed against
        files and changes of settings, and any other kind of statement is refused.

        Parameters
        ----------
        parameters
            Values for ``$name`` in the statement.

        Returns
        -------
        An Arrow table; its ``to_pandas()`` makes it a data frame where pandas is installed.

        Raises
        ------
        BankError
            For SQL that is wrong, not a single reading statement, or fails when run;
            :class:`mdb.errors.QueryTimeoutError` if it takes too long.
        """

        def ask(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
            yield whole(self, select(self, connection, sql, parameters))

        with Fetch(self, ask) as fetch:
            return fetch.next()

    @checked
    def stream(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        """Result of one SELECT as Arrow batches that come while the query runs.

        Rows are fetched a little ahead, by a thread; a short result is soon complete, and the file
        closed, whatever the time that whoever takes the rows needs.

        Parameters
        ----------
        sql, parameters
            As of :meth:`sql`.

        Returns
        -------
        A context that gives batches of rows; ``schema`` has the names and types of the columns.

        Raises
        ------
        BankError
            As of :meth:`sql`; also for what fails only after some rows.

        Examples
        --------
        >>> with Bank("bank.duckdb") as bank:
        ...     with bank.stream("SELECT range AS i FROM range(100000)") as answer:
        ...         print(answer.schema.names, sum(len(batch) for batch in answer))
        ['i'] 100000
        """
        return Answer(self, sql, parameters)

    @checked
    def query(self, name: str, /, **parameters: Value | None) -> pa.Table:
        """Answer of a named query, such as ``aet mdb queries`` lists.

        Parameters
        ----------
        name
            One of :func:`mdb.queries.named_queries`.
        parameters
            Its parameters by name; None counts as not given.

        Returns
        -------
        An Arrow table as of :meth:`sql`, in the units of the tables of the bank.

        Raises
        ------
        InputError
            For a query or parameter that does not exist, a required one that is missing, a value
            that is not of its type, or one that names nothing in the bank.
        BankError
            If the bank cannot be read.

        Examples
        --------
        >>> with Bank("bank.duckdb") as bank:
        ...     bank.query("largest-networks", n=3).num_rows
        0
        """
        return run(self, name, **parameters)

    @checked
    def atoms(
        self, model_id: str, analysis: int | Literal["newest"] | None = "newest"
    ) -> ase.Atoms:
        """A model, bit by bit as it was deposited, with what is known of each atom.

        Parameters
        ----------
        model_id
            Such as ``"TaXX00001"``.
        analysis
            Number of the analysis whose results the arrays hold (:func:`mdb.atoms.assemble`); the
            newest that passed unless given; None for the arrays that were deposited alone.

        Raises
        ------
        BankError
            If the bank has no such model, or the model no such analysis.
        """
        from mdb.atoms import assemble  # loads the structure analysis, which queries do without

        with self.connected() as connection, damage(self.path):
            return assemble(connection, self.path, model_id, analysis)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Context whose changes are kept together at its end, or, on any error, not at all.

        Contexts within it belong to it: an error in one of them undoes all.

        Raises
        ------
        BankError
            If the bank is open for reading only, or DuckDB refuses a change.
        """
        if self.read_only:
            raise BankError(self.path, "open for reading only", "open it for writing")
        connection = self._connection
        if connection is None:
            raise BankError(self.path, "not open", "use it as: with Bank(path) as bank")
        self._depth += 1
        try:
            with interrupted():
                if self._depth > 1:
                    yield connection
                else:
                    self._failed = False
                    yield from self._outermost(connection)
        except BaseException as error:
            self._failed = True
            if isinstance(error, duckdb.Error):
                raise BankError(self.path, one_line(error), "nothing was stored") from error
            raise
        finally:
            self._depth -= 1

    def _outermost(
        self, connection: duckdb.DuckDBPyConnection
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        connection.begin()
        try:
            yield connection
            if self._failed:
                raise BankError(
                    self.path, "a deposit of this transaction failed", "nothing was stored"
                )
            connection.commit()
        except BaseException:
            # A failed commit has already ended the transaction.
            with _ended():
                connection.rollback()
            raise

    def _check_version(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Version of the schema, if it is one that can be used."""
        try:
            with damage(self.path, duckdb.CatalogException):
                version = schema_version(connection)
        except duckdb.CatalogException as error:
            raise BankError(
                self.path, "a DuckDB file without the tables of a bank", "give another path"
            ) from error
        newest = newest_version()
        if version > newest:
            raise BankError(
                self.path,
                f"made by a newer version (schema {version}, this one knows {newest})",
                "update aet-port",
            )
        if version < newest and self.read_only:
            raise BankError(
                self.path,
                f"schema {version}, this version reads {newest}",
                "open it once for writing to bring it up to date",
            )
        return version


@contextmanager
def _ended() -> Iterator[None]:
    """Context in which it is no error that no transaction is left to roll back."""
    try:
        yield
    except duckdb.TransactionException as error:
        if "no transaction is active" not in str(error):
            raise
