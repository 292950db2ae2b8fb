"""Tables of numbers in text files, as programs in any country and of any age write them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading
from aet_port.io.text_files import MARKS, quoted

LARGEST = 50_000_000  # bytes; larger files are no tables of angles
_COMMENT = re.compile(r"#|%|//")
_LINE = re.compile(r"\r\n|[\r\n\f\v]")
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|nan|inf(?:inity)?)\Z", re.IGNORECASE
)
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u00a0": " ", "\u00b0": " ", '"': " "})

_DIGITS_ONLY = re.compile(r"[^a-zA-Z]*\d[^a-zA-Z]*\Z")
_FORTRAN = re.compile(r"[dD]")
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")
_BETWEEN_DECIMAL = re.compile(r"\s*;\s*|\s+,\s*|,\s+|\s+")


def read_number_table(
    path: str | Path, expected: str, columns: Collection[int] | None = None
) -> NDArray[np.float64]:
    """Read the numbers of a text file, one row per line.

    Numbers are separated by blanks, tabs, commas or semicolons. A comma is the decimal mark where
    that alone gives a table, as in ``-60,0`` or ``1,5;2,5;3,0``. Lines of words above the numbers
    are titles; what follows ``#``, ``%`` or ``//`` is a comment. Exponents may be Fortran's
    (``1.0D+01``), the encoding UTF-8, UTF-16, UTF-32 or Latin-1, with line ends of any system.

    Parameters
    ----------
    path
        The file.
    expected
        What it should hold, in words.
    columns
        Numbers a line may have; any number unless given.

    Raises
    ------
    DataFileError
        If it is missing, not text, not a table, or has commas that may be either mark.
    """
    file = existing_file(path, expected)
    with reading(file, expected):
        if file.stat().st_size > LARGEST:
            found = f"{file.stat().st_size:,} bytes"
            raise DataFileError(file, found, f"{expected}, {LARGEST:,} bytes at most")
        text = _decoded(file.read_bytes())
    if "\0" in text:
        number = len(_LINE.split(text[: text.index("\0")]))
        raise DataFileError(file, f"a zero byte in line {number}: not text", expected)
    lines = [
        (number, _COMMENT.split(line.translate(_SIGNS))[0].strip(" \t\x1a"))
        for number, line in enumerate(_LINE.split(text), start=1)
    ]
    plain = _rows(file, lines, expected, _BETWEEN)
    if any(_DECIMAL_COMMA.search(line) for _, line in lines) and not _has_points(lines):
        decimal = _rows(file, lines, expected, _BETWEEN_DECIMAL)
        sure = _fits(plain, columns), _fits(decimal, columns)
        unsure = all(sure) or (sure[1] and _two_things(plain))
        if unsure or (not any(sure) and _doubled(plain, columns)):
            shown = next(line for _, line in lines if _DECIMAL_COMMA.search(line))
            found = f"commas that may be decimal marks or stand between numbers: {quoted(shown)}"
            raise DataFileError(file, found, f"{expected}; with points, or semicolons between")
        if sure[1]:
            plain = decimal
    if isinstance(plain, DataFileError):
        raise plain
    return np.array(plain)


def _rows(
    file: Path, lines: Sequence[tuple[int, str]], expected: str, between: re.Pattern[str]
) -> list[list[float]] | DataFileError:
    """The numbers of all lines, or what is wrong with them."""
    rows: list[list[float]] = []
    for number, line in lines:
        text = line.rstrip(" \t,;")
        words = between.split(text) if text else []
        if between is _BETWEEN_DECIMAL:
            words = [word.replace(",", ".", 1) for word in words]
        numbers = [bool(_NUMBER.match(word)) for word in words]
        if not rows and not any(numbers) and not _DIGITS_ONLY.match(text):
            continue  # titles of the columns
        if "" in words:
            return DataFileError(file, f"an empty field in line {number}", expected)
        if not all(numbers):
            return DataFileError(file, f"{quoted(line)} in line {number}", expected)
        row = [float(_FORTRAN.sub("e", word)) for word in words]
        if row and rows and len(row) != len(rows[0]):
            found = f"{len(row)} numbers in line {number} after {len(rows[0])} above"
            return DataFileError(file, found, expected)
        if row:
            rows.append(row)
    return rows or DataFileError(file, "no numbers", expected)


def _fits(rows: list[list[float]] | DataFileError, columns: Collection[int] | None) -> bool:
    return isinstance(rows, list) and (columns is None or len(rows[0]) in columns)


def _has_points(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether a number has a decimal point, so that no comma is one."""
    words = (word for _, line in lines for word in _BETWEEN.split(line))
    return any("." in word and _NUMBER.match(word) for word in words)


def _two_things(rows: list[list[float]] | DataFileError) -> bool:
    """Whether two columns may be a running number and something else, or a list of two."""
    if not isinstance(rows, list) or len(rows[0]) != 2:
        return False
    if len(rows) == 1:
        return True
    first, second = np.array(rows).T
    return first[0] in (0, 1) and bool((np.diff(first) == 1).all()) and len(set(second)) > 1


def _doubled(rows: list[list[float]] | DataFileError, columns: Collection[int] | None) -> bool:
    """Whether every second comma may be a decimal mark: twice as many numbers as expected."""
    if columns is None or not isinstance(rows, list) or len(rows) == 1:
        return False
    fractions = np.array(rows)[:, 1::2]
    whole = bool((fractions >= 0).all() and (fractions % 1 == 0).all())
    return whole and len(rows[0]) not in columns and len(rows[0]) in {2 * n for n in columns}


def _decoded(raw: bytes) -> str:
    for mark, codec in MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(codec)
    # UTF-16 without a mark: every other byte of digits is zero.
    for start, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = raw[start::2]
        if len(raw) % 2 == 0 and len(raw) >= 4 and half.count(0) > 0.8 * len(half):
            return raw.decode(codec)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
