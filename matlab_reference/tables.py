"""Tables of this package: CSV with a line of column names."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from aet_port.core.errors import DataFileError


def read_table(file: Path, columns: Sequence[str]) -> list[list[str]]:
    """Read the rows below the line of column names, with cells as text.

    Parameters
    ----------
    file
        CSV file in UTF-8.
    columns
        Column names, in order.

    Raises
    ------
    DataFileError
        If the file cannot be read, or has other columns.

    Notes
    -----
    MATLAB: none
    """
    try:
        with file.open(newline="", encoding="utf-8") as handle:
            table = list(csv.reader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataFileError(file, f"unreadable: {error}", "a table in CSV, UTF-8") from error
    if not table or table[0] != list(columns):
        found = ",".join(table[0]) if table else "an empty file"
        raise DataFileError(file, found, "the columns " + ",".join(columns))
    return table[1:]
