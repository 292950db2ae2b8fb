"""One line and a table for any object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.display import Shown, angstrom, average, shorten


@dataclass(frozen=True, repr=False)
class Thing(Shown):
    """With a field of every kind."""

    array: Any = field(default_factory=lambda: np.zeros((2, 3)))
    whole: Any = 3
    real: Any = 1 / 3
    scalar: Any = field(default_factory=lambda: np.float32(0.5))
    flag: Any = True
    numpy_flag: Any = field(default_factory=lambda: np.bool_(False))
    few: Any = (1, 2.5, "x")
    many: Any = field(default_factory=lambda: list(range(9)))
    table: Any = field(default_factory=lambda: {"a": 1})
    path: Any = field(default_factory=lambda: Path("a/b"))
    nothing: Any = None


@dataclass(frozen=True, repr=False)
class Named(Shown):
    """With a name, and a thing inside."""

    name: str
    inner: Thing


class Plain(Shown):
    """Without fields."""


def test_fields_of_a_dataclass_by_their_kind() -> None:
    assert repr(Thing()) == (
        "<Thing: array 2 x 3, whole 3, real 0.333333, scalar 0.5, flag yes, numpy_flag no, "
        "few (1, 2.5, x), many 9 entries, table 1 entry, path a/b>"
    )


def test_name_comes_first_and_objects_inside_by_their_type() -> None:
    assert repr(Named("it", Thing())) == "<Named 'it': inner Thing>"
    assert repr(Plain()) == "<Plain>"


def test_table_has_a_row_for_each_fact() -> None:
    page = Named("a & b", Thing())._repr_html_()
    assert page.count("<tr>") == 2
    assert "a &amp; b" in page
    assert Plain()._repr_html_() == "<table><caption>Plain</caption></table>"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\there", "two lines here"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("line\u2028separator", "line separator"),
        ("\N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER ALPHA}"),
        ("x" * 70, "x" * 57 + "..."),
    ],
)
def test_text_is_one_printable_line(text: str, line: str) -> None:
    assert shorten(text) == line


def test_end_of_a_long_name_is_kept() -> None:
    assert shorten("a" * 70 + "b", keep_end=True) == "..." + "a" * 56 + "b"
    assert repr(Named("/folder" * 20 + "/file.mrc", Thing())).count("/file.mrc'") == 1


def test_undefined_numbers_are_said() -> None:
    assert angstrom(np.nan) == "undefined"
    assert angstrom(2.86) == "2.86 angstrom"
    assert average([]) == average([np.nan]) == "undefined"
    assert average([1, np.nan, 3], "degrees") == "2 degrees"
