"""What a query to a bank may take."""

from __future__ import annotations

from aet_port.core.settings import Settings, setting


class QuerySettings(Settings):
    """Limits of one query.

    Examples
    --------
    >>> import mdb
    >>> limits = mdb.QuerySettings(timeout=60.0, memory=4.0)  # seconds, GB
    >>> with mdb.Bank("bank.duckdb", limits=limits) as bank:
    ...     bank.sql("SELECT count(*) AS models FROM model").to_pylist()
    [{'models': 0}]
    """

    timeout: float | None = setting(
        None, "Longest time of a query; any unless given.", unit="seconds", gt=0, le=1e7
    )
    memory: float | None = setting(
        None,
        "Most memory that a query, and then its result, may take; half of the machine's unless"
        " given.",
        unit="GB",
        ge=0.01,
        le=1e5,
    )
    rows: int = setting(
        10_000_000, "Largest number of rows that are written or printed.", ge=1, le=10**12
    )
