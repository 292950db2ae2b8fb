"""Tables for people: rounded numbers, nothing lost, printed as the rows come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.terminal import text_width
from aet_port.core.text_table import TextTable, number_text


@given(st.floats(-1e307, 1e307))
def test_four_significant_digits(value: float) -> None:
    shown = float(number_text(value))
    # Half a unit of the fourth digit of a number that begins with 1.
    assert abs(shown - value) <= 5.0001e-4 * abs(value)
    assert len(number_text(value)) <= 11  # -1.234e-100


def test_whole_digits_are_kept() -> None:
    assert number_text(76296.0) == "76296"
    assert number_text(-1234.5678) == "-1235"
    assert number_text(1e7) == "1e+07"
    assert [number_text(float(one)) for one in ("nan", "inf", "-inf")] == ["nan", "inf", "-inf"]


def lines(width: int | None, *rows: tuple[str, ...], right: int = 0) -> list[str]:
    n = len(rows[0])
    flags = [i < right for i in range(n)]
    table = TextTable(rows[0], flags, width)
    return list(table.lines([list(zip(*rows[1:], strict=True))]))


def test_a_file_gets_whole_cells() -> None:
    long = "x" * 500
    assert lines(None, ("name", "n"), (long, "1"))[-1] == f"{long}  1"


WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    st.lists(st.tuples(WORD, WORD, st.integers(0, 10**6)), min_size=1, max_size=5),
    st.integers(40, 90),
)
@settings(max_examples=50)
def test_a_terminal_gets_lines_that_fit_and_every_character(
    rows: list[tuple[str, str, int]], width: int
) -> None:
    cells = [(str(n), a, b) for a, b, n in rows]
    found = lines(width, ("number", "first", "second"), *cells, right=1)
    assert all(text_width(line) <= width for line in found)
    whole = "".join(line.replace(" ", "") for line in found[2:])
    assert sorted(whole) == sorted("".join("".join(row) for row in cells))
    # Numbers are never cut.
    assert [line.split()[0] for line in found[2:] if line[:6].strip()] == [row[0] for row in cells]


def test_too_many_columns_for_a_terminal() -> None:
    heads = tuple(f"column_{i}" for i in range(20))
    found = lines(80, heads, tuple("1234567" for _ in heads), right=20)
    assert found[0] == "-- row 1 --"
    assert found[1:] == [f"{head:<9}  1234567" for head in heads]


def test_words_are_kept_together_where_they_can_be() -> None:
    found = lines(30, ("id", "what"), ("1", "a distance that no element of it can have"))
    assert found[2:] == ["1   a distance that no element", "    of it can have"]


def test_rows_come_as_they_are_given() -> None:
    asked = []

    def chunks() -> Iterator[list[list[str]]]:
        for i in range(1000):
            asked.append(i)
            yield [[str(i)], ["y" * i]]

    made = TextTable(("i", "y"), (True, False), None).lines(chunks())
    assert [next(made) for _ in range(5)] == ["i  y", "-  -", "0", "1  y", "2  yy"]
    assert len(asked) == 3


def test_nothing() -> None:
    assert list(TextTable(("a", "b"), (False, True), 80).lines([])) == ["a  b", "-  -"]
    assert list(TextTable(("", ""), (False, True), None).lines([])) == []


@pytest.mark.parametrize("width", [None, 40])
def test_wide_characters_are_aligned(width: int | None) -> None:
    found = lines(width, ("a", "b"), ("原子", "1"), ("xx", "2"))
    assert found[2:] == ["原子  1", "xx    2"]
