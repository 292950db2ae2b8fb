"""Lines of untrusted text files: files that are not text are rejected before parsing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from aet_port.core.errors import DataFileError, short
from aet_port.io.arrays import existing_file, reading

LONGEST_LINE = 65_536  # bytes; parsers of comments are slow for longer ones
_BLOCK = 2**20


class Lines:
    """Lines of an open file one after the other, with their number and look-ahead.

    Attributes
    ----------
    number
        Number of the line read last, from 1.
    ended
        Whether that line ended in a line break; the last line of a truncated file rarely does.
    """

    def __init__(self, handle: TextIO) -> None:
        self._handle = handle
        self._ahead: str | None = None
        self.number = 0
        self.ended = True

    def next(self) -> str | None:
        """The next line without its end; None after the last."""
        line = self._ahead if self._ahead is not None else self._handle.readline()
        self._ahead = None
        if not line:
            return None
        return self._taken(line)

    def _taken(self, line: str) -> str:
        self.number += 1
        self.ended = line.endswith("\n")
        return line.rstrip("\n")

    def peek(self) -> str:
        """The next line, without consuming it; empty after the last."""
        return "" if self.at_end() or self._ahead is None else self._ahead.rstrip("\n")

    def block(self, n: int) -> list[str]:
        """Up to ``n`` further lines, fewer at the end of the file."""
        first = [] if n == 0 else [self.next()]
        found = [line for line in first if line is not None]
        if found:
            # No file has 2**62 lines, and islice accepts no larger number.
            found += map(self._taken, islice(self._handle, min(n - 1, 2**62)))
        return found

    def at_end(self) -> bool:
        """Whether only blank lines are left; those before further text are skipped."""
        while self._ahead is None or not self._ahead.strip():
            if self._ahead is not None:
                self.number += 1
            self._ahead = self._handle.readline()
            if not self._ahead:
                self._ahead = None
                return True
        return False


@contextmanager
def text_lines(path: str | Path, expected: str) -> Iterator[Lines]:
    """Context with the lines of a text file.

    Raises
    ------
    DataFileError
        If the file is missing, empty, not text, or has a line longer than ``LONGEST_LINE``.
    """
    check_text(path, expected)
    with open(path, encoding="utf-8") as handle:
        yield Lines(handle)


def check_text(path: str | Path, expected: str) -> int:
    """Check that a file may be text (not empty, no zero byte, no line too long); size in bytes.

    Raises
    ------
    DataFileError
        If it is missing or not text.
    """
    file = existing_file(path, expected)
    with reading(file, expected), open(file, "rb") as handle:
        size, number, length = 0, 1, 0
        while block := handle.read(_BLOCK):
            size += len(block)
            if b"\0" in block:
                number += block[: block.index(b"\0")].count(b"\n")
                raise DataFileError(file, f"a zero byte in line {number}: not text", expected)
            for k, part in enumerate(block.split(b"\n")):
                length = len(part) if k else length + len(part)
                number += 1 if k else 0
                if length > LONGEST_LINE:
                    found = f"more than {LONGEST_LINE:,} bytes in line {number}"
                    raise DataFileError(file, found, "shorter lines")
    if size == 0:
        raise DataFileError(file, "nothing: an empty file", expected)
    return size


def quoted(line: str) -> str:
    """A line of a file as shown in errors."""
    return repr(short(line))
