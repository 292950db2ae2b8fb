"""The error of the bank."""

from __future__ import annotations

from pathlib import Path

from aet_port.core.errors import AetError


class BankError(AetError):
    """A bank that cannot be opened, read or written, or a query that cannot be run.

    Parameters
    ----------
    path
        The bank.
    found
        What is wrong with it or with the query.
    expected
        What to do about it.

    Examples
    --------
    >>> import mdb
    >>> try:
    ...     with mdb.Bank("nowhere.duckdb", read_only=True) as bank:
    ...         bank.sql("SELECT 1")
    ... except mdb.BankError as error:
    ...     print(error)
    bank nowhere.duckdb: no such file; deposit a model to make a bank
    """

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path = Path(path)
        super().__init__(f"bank {path}: {found}; {expected}")


class QueryTimeoutError(BankError):
    """A query that took longer than it may.

    Parameters
    ----------
    path
        The bank.
    seconds
        How long it was given.

    Examples
    --------
    >>> import mdb
    >>> endless = "SELECT count(*) FROM range(10000000000000) a, range(100000) b"
    >>> try:
    ...     with mdb.Bank("bank.duckdb", limits=mdb.QuerySettings(timeout=0.01)) as bank:
    ...         bank.sql(endless)
    ... except mdb.QueryTimeoutError as error:
    ...     print(error)
    bank bank.duckdb: no answer within 0.01 s; ask for less, or give it more time (--timeout)
    """

    exit_code = 1

    def __init__(self, path: str | Path, seconds: float) -> None:
        advice = "ask for less, or give it more time (--timeout)"
        super().__init__(path, f"no answer within {seconds:g} s", advice)
