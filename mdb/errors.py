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
