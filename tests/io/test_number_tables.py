"""Tables of numbers in text: encodings, decimal commas, comments, line ends, exponents."""

from __future__ import annotations

import codecs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError
from aet_port.io import read_angles
from aet_port.io.number_tables import read_number_table

TILTS = "lines of tilts"
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32": b"",
}


def table(path, text, columns=(1, 3), encoding="utf-8"):
    """The numbers of a file with this text."""
    path.write_bytes(text.encode(encoding))
    return read_number_table(path, TILTS, columns).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("-60,0\n-57,0\n0,0\n", [[-60], [-57], [0]]),
        ("-60,25\n-57\n0,5\n", [[-60.25], [-57], [0.5]]),
        ("1,5;2,5;3,0\n4;5;6\n", [[1.5, 2.5, 3], [4, 5, 6]]),
        ("1,5\t2,5\t3,0\n", [[1.5, 2.5, 3]]),
        ("1,5, 2,5, 3,0\n", [[1.5, 2.5, 3]]),
        ("phi;theta;psi\n0;-60,5;0\n0;0;0\n", [[0, -60.5, 0], [0, 0, 0]]),
        ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
        ("0,-10,0\n0,10,0\n", [[0, -10, 0], [0, 10, 0]]),
        ("0,-10.5,0\n", [[0, -10.5, 0]]),
        ("1, 2, 3,\n4 ,5 ,6;\n", [[1, 2, 3], [4, 5, 6]]),
        ("-60,-30,0,30,60,90", [[-60, -30, 0, 30, 60, 90]]),
        ("0,10,20,30,40,50", [[0, 10, 20, 30, 40, 50]]),
        ("1.0D+01\n-2d0\n3E-1\n.5\n", [[10], [-2], [0.3], [0.5]]),
        ("1 # a\n2 % b, 7\n3 // c\n#4\n\n", [[1], [2], [3]]),
        ("1\f2\n\f3\v4\x1a", [[1], [2], [3], [4]]),
        ("1\r2\r3\r", [[1], [2], [3]]),
        ("1\r\n2\r\n", [[1], [2]]),
        ("\u221260\u00b0\n\u00a03\u00b0\n", [[-60], [3]]),
        ('"-60.0"\n"3.0"\n', [[-60], [3]]),
    ],
)
def test_tables(tmp_path, text, rows):
    assert table(tmp_path / "a.tlt", text) == rows


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(tmp_path, encoding):
    path = tmp_path / "a.csv"
    text = "Winkel;\u00b0\r\n-60,5\r\n0,0 # \u00fcber\r\n60,5\r\n"
    path.write_bytes(ENCODINGS[encoding] + text.encode(encoding))
    assert read_angles(path)[:, 1].tolist() == [-60.5, 0, 60.5]
    if encoding.startswith("utf-16"):
        path.write_bytes(text.encode(encoding))  # without mark
        assert read_angles(path)[:, 1].tolist() == [-60.5, 0, 60.5]


def test_latin_1_in_comments(tmp_path):
    path = tmp_path / "a.tlt"
    # 0x85 is the ellipsis of Windows, but a line end of Unicode.
    path.write_bytes(b"# Winkel (\xb0), f\xfcr Spitze\n-60 # \x85 5\n0\n60\n")
    assert read_angles(path)[:, 1].tolist() == [-60, 0, 60]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5,2,5,3,0\n1,5,2,5,3,0\n", r"commas that may be .*'1,5,2,5,3,0'.*semicolons"),
        ("1,0\n2,3\n3,6\n", "commas that may be"),  # number and angle, or angles
        ("0,0\n1,3\n2,6\n", "commas that may be"),
        ("-60,0\n", "commas that may be"),  # one image or two
        ("1,,3\n", "an empty field in line 1"),
        ("1\n2;;3\n", "an empty field in line 2"),
        ("1\n2 3 4\n", "3 numbers in line 2 after 1"),
        ("1\n1_0\n", "'1_0' in line 2"),
        ("1\ntwo\n", "'two' in line 2"),
        ("angle\n", "no numbers"),
        ("1\n2\0\n", "a zero byte in line 2: not text"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, message):
    with pytest.raises(DataFileError, match=message) as caught:
        table(tmp_path / "a.tlt", text)
    assert "\n" not in str(caught.value)


def test_any_number_of_columns(tmp_path):
    path = tmp_path / "a.txt"
    assert table(path, "1 2\n3 4\n", None) == [[1, 2], [3, 4]]
    assert table(path, "1;2,5\n3;4\n", None) == [[1, 2.5], [3, 4]]
    with pytest.raises(DataFileError, match="commas that may be"):
        table(path, "1,5\n2,5\n", None)


def test_large_files_are_no_tables(tmp_path, monkeypatch):
    monkeypatch.setattr("aet_port.io.number_tables.LARGEST", 10)
    with pytest.raises(DataFileError, match="12 bytes; expected lines of tilts, 10 bytes at most"):
        table(tmp_path / "a.txt", "-60.0\n-57.0\n")


numbers = st.floats(-180, 180).map(lambda value: round(value, 3))


@settings(max_examples=60)
@given(
    rows=st.sampled_from([1, 3]).flatmap(
        lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=2, max_size=6)
    ),
    comma=st.booleans(),
    between=st.sampled_from(["; ", ";", "\t", "  "]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_is_written_is_read(tmp_path_factory, rows, comma, between, end, encoding):
    """Whatever the country and the program: three digits behind the mark, never whole numbers."""
    lines = [between.join(f"{value:.3f}" for value in row) for row in rows]
    text = end.join(lines) + end
    path = tmp_path_factory.mktemp("table") / "a.txt"
    found = table(path, text.replace(".", ",") if comma else text, encoding=encoding)
    np.testing.assert_array_equal(found, rows)
