from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from mdb.hashing import canonical_json, digest, table_digest

COLUMNS = {
    "whole": pa.array([1, None, 3], pa.int32()),
    "real": pa.array([0.5, None, float("nan")]),
    "text": pa.array(["a", None, "é"]),
    "flag": pa.array([True, None, False]),
    "list": pa.array([[1, 2], None, []], pa.list_(pa.int32())),
    "time": pa.array([datetime(2021, 3, 31), None, datetime(2022, 1, 1)], pa.timestamp("us")),
}


def test_a_table_keeps_its_hash_through_a_database() -> None:
    table = given_rows = pa.table(COLUMNS)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS FROM given_rows")
        back = connection.sql("SELECT list, text, whole, real, flag, time FROM t").to_arrow_table()
    assert table_digest({"t": back}) == table_digest({"t": table})
    assert given_rows.num_rows == 3


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=1, max_size=20),
    st.integers(0, 20),
)
def test_chunks_slices_and_dictionaries_are_no_content(
    values: list[str | None], split: int
) -> None:
    whole = pa.array(values, pa.string())
    k = min(split, len(values))
    forms = [
        pa.chunked_array([whole[:k], whole[k:]]),
        pa.chunked_array([whole.dictionary_encode()]),
        pa.chunked_array([pa.concat_arrays([pa.array(["before"]), whole])[1:]]),
        pa.chunked_array([whole.cast(pa.large_string())]),
    ]
    own = table_digest({"t": pa.table({"a": whole, "n": list(range(len(values)))})})
    for form in forms:
        table = pa.table({"n": np.arange(len(values), dtype=np.int16), "a": form})
        assert table_digest({"t": table}) == own


def test_a_column_of_nothing_is_as_good_as_none() -> None:
    table = pa.table(COLUMNS)
    more = table.append_column("later", pa.nulls(3, pa.float64()))
    assert table_digest({"t": more, "u": table[:0]}) == table_digest({"t": table})


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("place", [0, 1])
def test_any_other_value_is_another_hash(name: str, place: int) -> None:
    table = pa.table(COLUMNS)
    values = table[name].to_pylist()
    other = table.set_column(
        table.column_names.index(name),
        name,
        pa.array([values[2] if k == place else v for k, v in enumerate(values)], table[name].type),
    )
    assert table_digest({"t": other}) != table_digest({"t": table})
    assert table_digest({"u": table}) != table_digest({"t": table})
    assert table_digest({"t": table.take([1, 0, 2])}) != (table_digest({"t": table}))


def test_neighbouring_texts_are_kept_apart() -> None:
    one, two = pa.table({"a": ["ab", "c"]}), pa.table({"a": ["a", "bc"]})
    assert table_digest({"t": one}) != table_digest({"t": two})
    lists = [pa.table({"a": [[1], [2, 3]]}), pa.table({"a": [[1, 2], [3]]})]
    assert table_digest({"t": lists[0]}) != table_digest({"t": lists[1]})
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])


def test_arrays_are_hashed_by_value() -> None:
    numbers = np.arange(12.0).reshape(3, 4)
    assert digest([numbers.T]) == digest([np.ascontiguousarray(numbers.T)]) != digest([numbers])
    assert digest([numbers[:0]]) == digest([b""])


def test_json_is_the_same_for_the_same_content() -> None:
    assert canonical_json({"b": np.float64(1.5), "a": np.arange(2)}) == '{"a": [0, 1], "b": 1.5}'
    for wrong in (float("nan"), object()):
        with pytest.raises(InputError, match="info: found"):
            canonical_json({"a": wrong}, "info")
