"""What reaches the terminal: lines without control characters, and the end of a closed pipe."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from typing import TextIO


class OutputClosed(Exception):
    """Whoever reads the output, such as ``head``, has closed it."""


def printable(text: str) -> str:
    r"""Text of one line in which everything that is no visible character is written as an escape.

    File names, comments and texts of a bank may hold sequences that colour, move or rename what a
    terminal shows, and marks that turn the order of writing around.

    Examples
    --------
    >>> print(printable("a\x1b[31mred [b]\n"))
    a\x1b[31mred [b]\n
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def write(text: str, stream: TextIO | None = None) -> None:
    """Write text as it is, characters that the stream can't encode as escapes.

    Raises
    ------
    OutputClosed
        If nobody reads the stream any more.
    """
    target = sys.stdout if stream is None else stream
    try:
        try:
            target.write(text)
        except UnicodeEncodeError:
            encoding = target.encoding or "ascii"
            target.write(text.encode(encoding, "backslashreplace").decode(encoding))
    except BrokenPipeError:
        raise OutputClosed from None


def print_line(text: str) -> None:
    """Print one line, control characters as escapes."""
    write(printable(text) + "\n")


def print_note(text: str) -> None:
    """Print one line on standard error, control characters as escapes."""
    write(printable(text) + "\n", sys.stderr)
    sys.stderr.flush()


def line_width() -> int | None:
    """Characters in a line of the terminal; None if the output goes to a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def text_width(text: str) -> int:
    """Columns of a terminal that a printable text takes.

    Examples
    --------
    >>> text_width("atom"), text_width("原子")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)
