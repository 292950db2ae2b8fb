"""Tables for people: aligned columns, laid out and printed as the rows come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from aet_port.core.terminal import printable, text_width

GAP = "  "
NARROWEST = 12  # characters to which a column of text may be folded on a terminal
EXACT_FROM, EXACT_TO = 1e3, 1e7  # between these, numbers are rounded to whole ones


def number_text(value: float) -> str:
    """A number rounded to four significant digits, whole digits kept up to ten million.

    Examples
    --------
    >>> number_text(11.5813953), number_text(76296.4), number_text(1 / 3e9), number_text(0.5)
    ('11.58', '76296', '3.333e-10', '0.5')
    """
    return f"{value:.0f}" if EXACT_FROM <= abs(value) < EXACT_TO else f"{value:.4g}"


class TextTable:
    """Lines of a table, made as its rows come.

    The first rows set the widths of the columns; a longer cell further down makes its column wider
    from there on. On a terminal, columns of text are folded to fit; where that isn't enough, each
    row is shown as a list of names and values.

    Parameters
    ----------
    headings
        Of the columns, in order; several may be the same. All empty: no heading is printed.
    right
        Columns to align right, those of numbers.
    width
        Characters in a line; None for as many as the table needs.

    Examples
    --------
    >>> table = TextTable(("species", "atoms"), (False, True), None)
    >>> print("\\n".join(table.lines([[("Ta", "Pd"), ("200", "8")]])))
    species  atoms
    -------  -----
    Ta         200
    Pd           8
    """

    def __init__(self, headings: Sequence[str], right: Sequence[bool], width: int | None) -> None:
        self.headings = [printable(one) for one in headings]
        self.right = list(right)
        self.width = width
        self._widths = [text_width(one) for one in self.headings]

    def lines(self, chunks: Iterable[Sequence[Sequence[str]]]) -> Iterator[str]:
        """Lines of the table.

        Parameters
        ----------
        chunks
            Some rows each: for every column, the texts of its cells.
        """
        rest = iter(chunks)
        first = _clean(next(rest, [() for _ in self.headings]))
        self._widen(first)
        caps = self._caps()
        if self.width is not None and caps is None:
            yield from self._records(first, rest)
            return
        limits = caps or [None] * len(self.headings)
        self._widths = [
            wide if cap is None else min(wide, cap)
            for wide, cap in zip(self._widths, limits, strict=True)
        ]
        if any(self.headings):
            yield from self._aligned([[one] for one in self.headings], limits)
            yield GAP.join("-" * wide for wide in self._widths)
        for chunk in chain([first], map(_clean, rest)):
            self._widen(chunk, limits)
            yield from self._aligned(chunk, limits)

    def _widen(
        self, chunk: Sequence[Sequence[str]], limits: Sequence[int | None] | None = None
    ) -> None:
        for i, column in enumerate(chunk):
            if limits is None or limits[i] is None:
                self._widths[i] = max(self._widths[i], *map(text_width, column), 0)

    def _caps(self) -> list[int | None] | None:
        """Widths to which columns are folded; None if they can't be made to fit."""
        if self.width is None:
            return None
        caps: list[int | None] = [None] * len(self._widths)
        left = self.width - len(GAP) * (len(caps) - 1) - sum(self._widths)
        # The widest columns of text give way first.
        while left < 0:
            both = zip(self._widths, caps, strict=True)
            shown = [wide if cap is None else cap for wide, cap in both]
            soft = [i for i, wide in enumerate(shown) if not self.right[i] and wide > NARROWEST]
            if not soft:
                return None
            widest = max(soft, key=shown.__getitem__)
            narrower = max(NARROWEST, shown[widest] - max(1, -left // len(soft)))
            caps[widest] = narrower
            left += shown[widest] - narrower
        return caps

    def _aligned(
        self, chunk: Sequence[Sequence[str]], limits: Sequence[int | None]
    ) -> Iterator[str]:
        columns = []
        for i, column in enumerate(chunk):
            wide, right, limit = self._widths[i], self.right[i], limits[i]
            if limit is not None and any(text_width(one) > limit for one in column):
                for row in zip(*chunk, strict=True):
                    yield from self._folded(row, limits)
                return
            columns.append([_padded(one, wide, right) for one in column])
        for row in zip(*columns, strict=True):
            yield GAP.join(row).rstrip()

    def _folded(self, row: Sequence[str], limits: Sequence[int | None]) -> Iterator[str]:
        cells = [
            [text] if limit is None else _pieces(text, limit)
            for text, limit in zip(row, limits, strict=True)
        ]
        for line in range(max(map(len, cells))):
            parts = [cell[line] if line < len(cell) else "" for cell in cells]
            yield GAP.join(map(_padded, parts, self._widths, self.right)).rstrip()

    def _records(
        self, first: Sequence[Sequence[str]], rest: Iterable[Sequence[Sequence[str]]]
    ) -> Iterator[str]:
        wide = max(map(text_width, self.headings), default=0)
        number = 0
        for chunk in chain([first], map(_clean, rest)):
            for row in zip(*chunk, strict=True):
                number += 1
                yield f"-- row {number} --"
                for heading, text in zip(self.headings, row, strict=True):
                    yield f"{_padded(heading, wide, False)}{GAP}{text}".rstrip()


def _clean(chunk: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[printable(one) for one in column] for column in chunk]


def _padded(text: str, wide: int, right: bool) -> str:
    space = " " * (wide - text_width(text))
    return space + text if right else text + space


def _pieces(text: str, limit: int) -> list[str]:
    """Text in pieces that fit into ``limit`` columns, broken between words where there are some."""
    pieces = []
    while text_width(text) > limit:
        end = limit if text.isascii() else _fitting(text, limit)
        space = text.rfind(" ", 1, end + 1)
        cut = end if space < 0 else space
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip() if space > 0 else text[cut:]
    return [*pieces, text]


def _fitting(text: str, limit: int) -> int:
    end = 1
    while end < len(text) and text_width(text[: end + 1]) <= limit:
        end += 1
    return end
