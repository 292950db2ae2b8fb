"""Arrow columns as text: JSON that keeps numbers numbers, cells of CSV, cells for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from aet_port.core.text_table import number_text

# DuckDB's infinite dates and times are the largest integers of their types.
_ENDLESS = {32: 2**31 - 1, 64: 2**63 - 1}
_FRACTION = re.compile(r"\.(\d*?)0*(?=$|[+\-Z])")
_SECOND = 10**9  # nanoseconds

Number = Callable[[float], str]


def json_texts(array: pa.Array) -> list[str]:
    r"""Each value as JSON.

    Integers and decimals of any size are numbers with all their digits; NaN and infinities, which
    JSON lacks, are null. Bytes are hexadecimal text; dates, times and intervals are text as in
    ISO 8601; lists are arrays, structs and maps are objects.

    Examples
    --------
    >>> from decimal import Decimal
    >>> json_texts(pa.array([Decimal("27.5"), None]))
    ['27.5', 'null']
    >>> json_texts(pa.array([[1.5, float("nan")], []]))
    ['[1.5, null]', '[]']
    """
    return _json(array, _json_number)


def csv_texts(array: pa.Array) -> list[str]:
    """Each value as a cell of CSV: exact numbers, text as it is, nothing for null.

    Lists, structs and maps are JSON.

    Examples
    --------
    >>> csv_texts(pa.array([0.1, float("inf"), None]))
    ['0.1', 'inf', '']
    """
    return _cells(array, repr)


def shown_texts(array: pa.Array) -> list[str]:
    """Each value for people: numbers rounded (:func:`aet_port.core.text_table.number_text`).

    Examples
    --------
    >>> shown_texts(pa.array([11.5813953, None]))
    ['11.58', '']
    """
    return _cells(array, number_text)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type is aligned right."""
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _cells(array: pa.Array, number: Number) -> list[str]:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _cells(array.storage, number)
    if types.is_dictionary(kind):
        return _cells(array.dictionary_decode(), number)
    if _is_text(kind):
        return ["" if one is None else one for one in array.to_pylist()]
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return ["" if one is None else one.hex() for one in array.to_pylist()]
    if types.is_temporal(kind):
        return ["" if one is None else one for one in _moments(array)]
    found = _json(array, number)
    if array.null_count:
        for i, missing in enumerate(array.is_null().to_pylist()):
            if missing:
                found[i] = ""
    return found


def _json(array: pa.Array, number: Number) -> list[str]:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _json(array.storage, number)
    if types.is_dictionary(kind):
        return _json(array.dictionary_decode(), number)
    if types.is_boolean(kind):
        return [_WORDS[one] for one in array.to_pylist()]
    if types.is_integer(kind):
        return ["null" if one is None else str(one) for one in array.to_pylist()]
    if types.is_floating(kind):
        # The shortest text that stands for the same number in single precision.
        single = kind.bit_width < 64
        values = array.cast(pa.string()).to_pylist() if single else array.to_pylist()
        return ["null" if one is None else number(float(one)) for one in values]
    if types.is_decimal(kind):
        return ["null" if one is None else _decimal(one, number) for one in array.to_pylist()]
    if _is_text(kind) or types.is_temporal(kind) or "binary" in str(kind):
        cells = _moments(array) if types.is_temporal(kind) else array.to_pylist()
        return [
            "null" if one is None else quoted(one if isinstance(one, str) else one.hex())
            for one in cells
        ]
    if types.is_map(kind):
        return list(_maps(array, number))
    if types.is_struct(kind):
        return list(_structs(array, number))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return list(_lists(array, number))
    return [json.dumps(one, default=str) for one in array.to_pylist()]


_WORDS = {None: "null", True: "true", False: "false"}


def _json_number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _decimal(value: Decimal, number: Number) -> str:
    if number is number_text and value != value.to_integral_value():
        return number_text(float(value))
    return format(value, "f")


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _lists(array: pa.Array, number: Number) -> Iterator[str]:
    inner = iter(_json(array.flatten(), number))
    for length in pc.list_value_length(array).to_pylist():
        if length is None:
            yield "null"
        else:
            yield f"[{', '.join(next(inner) for _ in range(length))}]"


def _structs(array: pa.Array, number: Number) -> Iterator[str]:
    names = [quoted(field.name) for field in array.type]
    columns = [_json(one, number) for one in array.flatten()]
    for i, missing in enumerate(array.is_null().to_pylist()):
        pairs = (f"{name}: {column[i]}" for name, column in zip(names, columns, strict=True))
        yield "null" if missing else f"{{{', '.join(pairs)}}}"


def _maps(array: pa.Array, number: Number) -> Iterator[str]:
    keys = [quoted(one) for one in _cells(array.keys, repr)]
    items = _json(array.items, number)
    offsets = array.offsets.to_pylist()
    for i, missing in enumerate(array.is_null().to_pylist()):
        pairs = (f"{keys[j]}: {items[j]}" for j in range(offsets[i], offsets[i + 1]))
        yield "null" if missing else f"{{{', '.join(pairs)}}}"


def _moments(array: pa.Array) -> list[str | None]:
    """Dates, times and intervals as in ISO 8601; infinite ones as the word infinity."""
    kind = array.type
    if types.is_interval(kind):
        return [None if one is None else _interval(*one) for one in array.to_pylist()]
    if types.is_duration(kind):
        return [None if one is None else str(one) for one in array.to_pylist()]
    texts: list[str | None] = array.cast(pa.string()).to_pylist()
    if types.is_date32(kind) or types.is_timestamp(kind):
        wide = kind.bit_width
        ends = {_ENDLESS[wide]: "infinity", -_ENDLESS[wide]: "-infinity"}
        numbers = array.cast(pa.int32() if wide == 32 else pa.int64()).to_pylist()
        texts = [ends.get(value, text) for value, text in zip(numbers, texts, strict=True)]
    return [None if one is None else _moment(one) for one in texts]


def _moment(text: str) -> str:
    short = _FRACTION.sub(lambda found: f".{found[1]}" if found[1] else "", text)
    day, space, clock = short.partition(" ")
    if not space or not clock[:1].isdigit():
        return short
    zone = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", clock)
    return f"{day}T{zone}"


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """Months, days and nanoseconds as a duration of ISO 8601."""
    parts = [f"{count}{unit}" for count, unit in ((months, "M"), (days, "D")) if count]
    whole, rest = divmod(abs(nanoseconds), _SECOND)
    digits = f".{rest:09d}".rstrip("0") if rest else ""
    clock = f"T{'-' if nanoseconds < 0 else ''}{whole}{digits}S" if nanoseconds else ""
    return f"P{''.join(parts)}{clock}" if parts or clock else "PT0S"


def pylist(values: Any) -> pa.Array:
    """Python values of one column as Arrow; values of several kinds, and objects, as text."""
    plain = list(values)
    try:
        return pa.array(plain)
    except (pa.ArrowException, TypeError, OverflowError):
        return pa.array([None if one is None else str(one) for one in plain], pa.string())
