"""What reaches the terminal: no control character, whatever the data hold."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.console import print_facts, print_rows
from aet_port.core.terminal import (
    OutputClosed,
    print_line,
    print_note,
    printable,
    text_width,
    write,
)


@settings(max_examples=50)
@given(st.text(st.characters(codec=None), max_size=30))
def test_one_visible_line_that_says_what_it_was(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    if "\\" not in text:
        assert shown.encode("ascii", "backslashreplace").decode("unicode-escape") == text


@pytest.mark.parametrize("sign", ["\x1b", "\x07", "\r", "\n", "\x9b", "\u202e", "\u200b", "\udcff"])
def test_signs_that_a_terminal_obeys(sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"a{sign}[31m[/x]"
    print_line(name)
    print_note(name)
    print_rows((name, "b"), [(name, 1)], name)
    print_facts(False, name, {name: name, "list": [name]})
    out, err = capsys.readouterr()
    for line in (out + err).split("\n"):
        assert line.isprintable()
    assert out.count("[31m[/x]") == 8  # nothing is taken for markup
    assert err.startswith(f"a{ascii(sign)[1:-1]}[31m[/x]")


def test_what_the_stream_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    print_line("5 Å")
    narrow.flush()
    assert raw.getvalue() == b"5 \\xc5\n"


def test_nobody_reads_any_more() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(OutputClosed):
        write("text", Closed())


def test_columns_of_a_terminal() -> None:
    assert [text_width(text) for text in ("abc", "原子", "e\u0301", "")] == [3, 4, 1, 0]
