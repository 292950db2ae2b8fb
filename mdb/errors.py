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
    """

    def __init__(self, path: str | Path, found: str, expected: str) -> None:
        self.path = Path(path)
        super().__init__(f"bank {path}: {found}; {expected}")
