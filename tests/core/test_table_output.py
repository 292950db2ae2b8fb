"""Rows of queries as JSON, CSV and Parquet: every value what it was, whatever its type."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core import table_output
from aet_port.core.arrow_text import csv_texts, json_texts, shown_texts
from aet_port.core.table_output import (
    print_csv,
    print_json_rows,
    print_table,
    rows_of,
    unique_names,
    write_parquet,
)

STRUCT = '{"a": 1, "b": [{"c": "d"}]}'
# SQL, what JSON has, what a table for people shows.
VALUES = {
    "hugeint": ("sum(7)", 7, "7"),
    "largest": ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1, str(2**127 - 1)),
    "unsigned": ("18446744073709551615::UBIGINT", 2**64 - 1, str(2**64 - 1)),
    "decimal": ("1234.50::DECIMAL(9, 2)", 1234.5, "1234"),
    "negative": ("-0.125::DECIMAL(4, 3)", -0.125, "-0.125"),
    "double": ("11.5813953488", 11.5813953488, "11.58"),
    "single": ("0.1::FLOAT", 0.1, "0.1"),
    "nan": ("'nan'::DOUBLE", None, "nan"),
    "infinite": ("'-inf'::DOUBLE", None, "-inf"),
    "null": ("NULL", None, ""),
    "boolean": ("true", True, "true"),
    "text": ("'a\"b'", 'a"b', 'a"b'),
    "blob": ("'\\xAAx'::BLOB", "aa78", "aa78"),
    "date": ("'2020-01-02'::DATE", "2020-01-02", "2020-01-02"),
    "endless": ("'infinity'::DATE", "infinity", "infinity"),
    "ancient": ("'0044-03-15 (BC)'::DATE", "-0043-03-15", "-0043-03-15"),
    "time": ("'03:04:05.5'::TIME", "03:04:05.5", "03:04:05.5"),
    "moment": ("'2020-01-02 03:04:00'::TIMESTAMP",) + ("2020-01-02T03:04:00",) * 2,
    "never": ("'-infinity'::TIMESTAMP", "-infinity", "-infinity"),
    "fine": ("'2020-01-02 03:04:05.000000001'::TIMESTAMP_NS",)
    + ("2020-01-02T03:04:05.000000001",) * 2,
    "zoned": ("'2020-01-02 03:04:05+02'::TIMESTAMPTZ",) + ("2020-01-02T01:04:05Z",) * 2,
    "interval": ("INTERVAL '14 months 3 days 4.5 seconds'", "P14M3DT4.5S", "P14M3DT4.5S"),
    "no time": ("INTERVAL '0 days'", "PT0S", "PT0S"),
    "list": ("[1.23456, NULL]", [1.23456, None], "[1.235, null]"),
    "array": ("[1, 2]::INT[2]", [1, 2], "[1, 2]"),
    "struct": ("{'a': 1, 'b': [{'c': 'd'}]}", {"a": 1, "b": [{"c": "d"}]}, STRUCT),
    "map": ("map {'Ta': 3, 'Pd': NULL}", {"Ta": 3, "Pd": None}, '{"Ta": 3, "Pd": null}'),
    "numbered": ("map {12: 'icosahedron'}", {"12": "icosahedron"}, '{"12": "icosahedron"}'),
    "enum": ("'b'::ENUM('a', 'b')", "b", "b"),
    "union": ("union_value(n := 2)", 2, "2"),
}  # fmt: skip
TYPES = "SELECT " + ", ".join(f'{sql} AS "{name}"' for name, (sql, _, _) in VALUES.items())


@pytest.fixture(scope="module")
def everything() -> pa.Table:
    """One value of every type, behind a row of another query: offsets of slices count."""
    with duckdb.connect() as connection:
        connection.sql("SET TimeZone = 'UTC'")
        return connection.sql(TYPES).to_arrow_table()


def test_every_type(everything: pa.Table, capsys: pytest.CaptureFixture[str]) -> None:
    print_json_rows(everything.to_reader())
    (row,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert row == {name: expected for name, (_, expected, _) in VALUES.items()}
    assert {name: type(row[name]) for name in ("hugeint", "decimal", "text")} == {
        "hugeint": int,
        "decimal": float,
        "text": str,
    }
    shown = {name: shown_texts(everything[name].chunk(0)) for name in VALUES}
    assert shown == {name: [text] for name, (_, _, text) in VALUES.items()}


def test_every_type_as_csv_and_parquet(
    everything: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_csv(everything.to_reader())
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    for name, (_, expected, text) in VALUES.items():
        if isinstance(expected, int | float) and not isinstance(expected, bool):
            assert type(expected)(row[name]) == expected
        elif isinstance(expected, list | dict):
            assert json.loads(row[name]) == expected
        else:
            assert row[name] == text
    assert write_parquet(everything.to_reader(), tmp_path / "t.parquet") == 1
    with duckdb.connect() as connection:
        connection.sql("SET TimeZone = 'UTC'")
        stored = connection.sql(f"FROM '{tmp_path / 't.parquet'}'").to_arrow_table()
    for name in VALUES:
        assert json_texts(stored[name].chunk(0))[0] in (
            json_texts(everything[name].chunk(0))[0],
            json.dumps(row[name]),  # a type that Parquet lacks, as text
        )


NESTED = """
SELECT i, [i, NULL, i * 0.5] AS list, CASE WHEN i % 3 > 0 THEN {'a': i, 'b': [repeat('x', i)]} END
AS struct, CASE WHEN i % 4 > 0 THEN map {i: 'v' || i} END AS map,
CASE WHEN i % 2 = 0 THEN range(i) END AS part, [[i], []]::INT[][] AS lists FROM range(40) AS r(i)
"""


def test_nested_values_are_those_of_duckdb() -> None:
    """DuckDB's own JSON as the independent way; slices, since these begin within the arrays."""
    with duckdb.connect() as connection:
        found = connection.sql(NESTED).to_arrow_table()
        own = connection.sql(f"SELECT to_json(r) AS j FROM ({NESTED}) AS r").fetchall()
    for name in found.column_names:
        array = found[name].combine_chunks()
        for start, n in ((0, 40), (7, 21)):
            texts = json_texts(array.slice(start, n))
            expected = [json.loads(line)[name] for (line,) in own[start : start + n]]
            assert [json.loads(text) for text in texts] == expected


@settings(max_examples=30)
@given(st.lists(st.floats() | st.none(), max_size=6), st.lists(st.text(), max_size=6))
def test_numbers_and_texts_are_exact(numbers: list[float | None], texts: list[str]) -> None:
    found = csv_texts(pa.array(numbers, pa.float64()))
    for value, text in zip(numbers, found, strict=True):
        assert text == "" if value is None else repr(float(text)) == repr(value)
    safe = [one.encode("utf-8", "replace").decode() for one in texts]
    assert [json.loads(one) for one in json_texts(pa.array(safe, pa.string()))] == safe


def test_columns_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pa.table([[55], [147], [202], [1]], names=["n", "n", "n_1", "n"])
    for show in (print_table, print_csv, print_json_rows):
        show(table.to_reader())
    text = capsys.readouterr().out.splitlines()
    assert text[0].split() == ["n", "n", "n_1", "n"]
    assert text[2].split() == ["55", "147", "202", "1"]
    assert text[3:5] == ["n,n,n_1,n", "55,147,202,1"]
    names = ["n", "n_2", "n_1", "n_3"]
    assert json.loads("".join(text[5:])) == [dict(zip(names, (55, 147, 202, 1), strict=True))]
    write_parquet(table.to_reader(), tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").column_names == names


@given(st.lists(st.sampled_from(["a", "a_1", "a_2", "b", ""]), max_size=9))
def test_unique_names(names: list[str]) -> None:
    found = unique_names(names)
    assert len(set(found)) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))
    first = {name: names.index(name) for name in names}
    assert all(found[i] == name for name, i in first.items())


def test_no_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    empty = pa.table({"a": pa.array([], pa.int64())})
    print_json_rows(empty.to_reader())
    print_csv(empty.to_reader())
    print_table(empty.to_reader())
    assert capsys.readouterr().out == "[]\na\na\n-\n"
    assert write_parquet(empty.to_reader(), tmp_path / "t.parquet") == 0


def test_csv_on_a_terminal_has_no_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.table({"a\x1b": ["\x1b[31mred\n"]})
    print_csv(table.to_reader())
    assert capsys.readouterr().out == 'a\x1b\n"\x1b[31mred\n"\n'
    monkeypatch.setattr(table_output.sys.stdout, "isatty", lambda: True)
    print_csv(table.to_reader())
    assert capsys.readouterr().out == "a\\x1b\n\\x1b[31mred\\n\n"


def test_records_of_commands() -> None:
    rows = [
        {"stage": "traced", "recall": 0.5, "of": {"Ta": 1}, "place": 3},
        {"stage": "refined", "recall": None, "of": {"Ta": 2, "Pd": 1}, "place": "-"},
    ]
    assert rows_of(rows).read_all().to_pydict() == {
        "stage": ["traced", "refined"],
        "recall": [0.5, None],
        "of.Ta": [1, 2],
        "place": ["3", "-"],
        "of.Pd": [None, 1],
    }


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    class Failing:
        schema = pa.schema([("a", pa.int64())])

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield pa.record_batch({"a": [1]})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parquet(Failing(), tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())
