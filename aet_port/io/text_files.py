"""Lines of untrusted text files: files that are not text are rejected before parsing."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, TextIO

from aet_port.core.errors import DataFileError, short
from aet_port.io.arrays import existing_file, reading

LONGEST_LINE = 65_536  # bytes; parsers of comments are slow for longer ones
OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
# The longer marks first: that of UTF-16 begins that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
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


def open_bytes(path: str | Path) -> IO[bytes]:
    """Open a file for reading, decompressed if its name ends in .gz, .bz2 or .xz."""
    opened = OPENERS.get(Path(path).suffix.lower(), open)
    handle: IO[bytes] = opened(path, "rb")
    return handle


@contextmanager
def text_lines(path: str | Path, expected: str) -> Iterator[Lines]:
    """Context with the lines of a text file, which may be compressed.

    Raises
    ------
    DataFileError
        If the file is missing, empty, not text, or has a line longer than ``LONGEST_LINE``.
    """
    mark, codec = check_text(path, expected)
    with open_bytes(path) as raw:
        raw.read(len(mark))
        with io.TextIOWrapper(raw, encoding=codec) as handle:
            yield Lines(handle)


def whole_text(path: str | Path, expected: str) -> str:
    """All text of a file, which may be compressed, with line ends of any system as newlines.

    Raises
    ------
    DataFileError
        See :func:`text_lines`.
    """
    mark, codec = check_text(path, expected)
    with reading(path, expected), open_bytes(path) as raw:
        raw.read(len(mark))
        with io.TextIOWrapper(raw, encoding=codec) as handle:
            return handle.read()


def check_text(path: str | Path, expected: str) -> tuple[bytes, str]:
    """Check that a file may be text (not empty, no zero byte, no line too long).

    Returns
    -------
    The mark of its encoding that it begins with (empty for most), and the encoding: UTF-8, -16 or
    -32, or Latin-1 if it is no UTF-8.

    Raises
    ------
    DataFileError
        If it is missing or not text.
    """
    file = existing_file(path, expected)
    with reading(file, expected), open_bytes(file) as handle:
        block = handle.read(_BLOCK)
        mark, codec = next(((m, c) for m, c in MARKS if block.startswith(m)), (b"", "utf-8"))
        block = block[len(mark) :]
        decoder = codecs.getincrementaldecoder(codec)()
        if not block:
            raise DataFileError(file, "nothing: an empty file", expected)
        number, length = 1, 0
        while block:
            following = handle.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not following)
            except UnicodeDecodeError:
                if codec != "utf-8":
                    raise
                codec = "latin-1"
                decoder = codecs.getincrementaldecoder(codec)()
                text = decoder.decode(block)
            plain = block if codec in ("utf-8", "latin-1") else text.encode("utf-8", "replace")
            if b"\0" in plain:
                number += plain[: plain.index(b"\0")].count(b"\n")
                raise DataFileError(file, f"a zero byte in line {number}: not text", expected)
            for k, part in enumerate(plain.split(b"\n")):
                length = len(part) if k else length + len(part)
                number += 1 if k else 0
                if length > LONGEST_LINE:
                    found = f"more than {LONGEST_LINE:,} bytes in line {number}"
                    raise DataFileError(file, found, "shorter lines")
            block = following
    return mark, codec


def quoted(line: str) -> str:
    """A line of a file as shown in errors."""
    return repr(short(line))
