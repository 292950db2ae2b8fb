"""Arrow rows as CSV, JSON, Parquet or a table for people, written as they come."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from aet_port.core.arrow_text import csv_texts, is_number, json_texts, pylist, shown_texts
from aet_port.core.files import write_whole
from aet_port.core.terminal import line_width, print_line, printable, write
from aet_port.core.text_table import TextTable

ROWS = 1000  # of a table for people that are laid out at once


class Rows(Protocol):
    """Arrow rows that come in batches, such as a ``pyarrow.RecordBatchReader``."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...


def rows_of(records: Iterable[Mapping[str, Any]]) -> pa.RecordBatchReader:
    """Rows of mappings, with the columns in the order in which their names first come.

    The values of a mapping within a row become columns of their own, ``species.Ta``.

    Examples
    --------
    >>> rows_of([{"species": "Ta", "atoms": 200}, {"species": "Pd"}]).read_all().to_pydict()
    {'species': ['Ta', 'Pd'], 'atoms': [200, None]}
    """
    every = [dict(_flat(one)) for one in records]
    names = list(dict.fromkeys(name for one in every for name in one))
    columns = [pylist(one.get(name) for one in every) for name in names]
    return pa.table(columns, names=names).to_reader()


def _flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def unique_names(names: Sequence[str]) -> list[str]:
    """Names of columns, those that come again with a number, as DuckDB does.

    Examples
    --------
    >>> unique_names(["n_atoms", "n_atoms", "total"])
    ['n_atoms', 'n_atoms_1', 'total']
    """
    taken = set(names)
    found: list[str] = []
    for name in names:
        new, number = name, 0
        while new in found or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        found.append(new)
    return found


def print_table(rows: Rows, title: str = "") -> None:
    """Print rows for people: rounded, as wide as the terminal, or as needed in a file or a pipe."""
    if title:
        print_line(title)
    schema = rows.schema
    table = TextTable(schema.names, [is_number(one.type) for one in schema], line_width())
    chunks = (
        [shown_texts(column) for column in batch.slice(start, ROWS).columns]
        for batch in rows
        for start in range(0, batch.num_rows, ROWS)
    )
    for line in table.lines(chunks):
        write(line + "\n")


def print_csv(rows: Rows) -> None:
    """Print rows as CSV (RFC 4180) with a heading; control characters as escapes on a terminal."""
    shown = sys.stdout.isatty()
    write(_csv_lines([rows.schema.names], shown))
    for batch in rows:
        write(_csv_lines(zip(*map(csv_texts, batch.columns), strict=True), shown))


def print_json_rows(rows: Rows) -> None:
    """Print rows as a JSON array with one object a line."""
    names = [quoted(name) for name in unique_names(rows.schema.names)]
    mark = "[\n "
    for batch in rows:
        columns = [
            [f"{name}: {text}" for text in json_texts(column)]
            for name, column in zip(names, batch.columns, strict=True)
        ]
        lines = [f"{{{', '.join(row)}}}" for row in zip(*columns, strict=True)]
        if lines:
            write(mark + ",\n ".join(lines))
            mark = ",\n "
    write("[]\n" if mark.startswith("[") else "\n]\n")


def write_parquet(rows: Rows, path: str | Path) -> int:
    """Write rows as a Parquet file, whole or not at all; their number.

    What Parquet has no type for becomes text, as in JSON.
    """
    names = unique_names(rows.schema.names)
    schema = pa.schema(zip(names, (_stored(one.type) for one in rows.schema), strict=True))
    written = 0

    def fill(partial: Path) -> None:
        nonlocal written
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for batch in rows:
                columns = [
                    column if column.type == field.type else _as_text(column)
                    for column, field in zip(batch.columns, schema, strict=True)
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
                written += batch.num_rows

    write_whole(path, fill)
    return written


def _csv_lines(rows: Iterable[Sequence[str]], shown: bool) -> str:
    text = io.StringIO()
    cells = ([printable(one) for one in row] for row in rows) if shown else rows
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def _stored(kind: pa.DataType) -> pa.DataType:
    return kind if _storable(kind) else pa.string()


def _storable(kind: pa.DataType) -> bool:
    if types.is_interval(kind) or types.is_union(kind):
        return False
    inner = [kind.field(i).type for i in range(kind.num_fields)]
    return all(map(_storable, inner)) and not (types.is_struct(kind) and not inner)


def _as_text(column: pa.Array) -> pa.Array:
    texts = zip(column.is_null().to_pylist(), csv_texts(column), strict=True)
    return pa.array([None if missing else one for missing, one in texts], pa.string())
