"""The reference of the bank's schema, made from DuckDB's own catalogue of an empty bank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from docs.schema_diagram import draw_diagram
from mdb.invariants import KEYS, KINDS, PARENTS
from mdb.queries import named_queries
from mdb.schema import migrate, migrations

HEAD = """\
# Schema of the bank

A bank is one DuckDB file. This page is made from the catalogue of an empty bank by `make docs`;
do not edit it. Lengths are in angstrom, angles in degrees, temperatures in kelvin, times in UTC.
Every comment below is in the bank itself:

```sql
SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = 'atom'
```

An **entry** is a model, an analysis of a model, a run of molecular dynamics, or a comparison with
published figures. Its rows lie in the tables of its section, tied together by the key of the entry
(`model_id`, `analysis_id`, `md_run_id`, `validation_id`). Rows are only added: a correction of a
model is a further version of it, and the view `current_model` shows the newest of each.
"""
SECTIONS = {
    "Samples and models": (
        *("sample", "tilt_series", "projection", "reconstruction", "model"),
        *KINDS["model"],
    ),
    "Analyses": ("analysis", *KINDS["analysis"]),
    "Simulations": ("md_run", *KINDS["md_run"], "md_snapshot"),
    "Published figures": ("validation", *KINDS["validation"]),
    "Bookkeeping": ("checksum", "schema_version"),
}
QUERIES = """\
## Named queries

`aet mdb query NAME --set parameter=value --bank BANK`, or in Python
`Bank.query(NAME, parameter=value)`. Each is one `SELECT` in
[mdb/queries](../mdb/queries), a good start for one of your own.
"""


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it."""

    name: str
    type: str
    nullable: bool
    comment: str


def schema_page() -> str:
    """The whole page, ``docs/schema.md``."""
    with duckdb.connect() as bank:
        migrate(bank, 0)
        tables = dict(bank.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        views = bank.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        columns = {name: _columns(bank, name) for name in tables}
    placed = [table for names in SECTIONS.values() for table in names]
    if sorted(placed) != sorted(tables):
        raise ValueError(f"tables in no section, or gone: {set(placed) ^ set(tables)}")
    parts = [HEAD, _contents(tables)]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        if any(_parents(name) for name in names):
            parts.append(f"![Tables and their keys](schema_diagrams/{_file(title)})\n")
        parts += [_table(name, tables[name], columns[name]) for name in names]
    parts.append("## Views\n")
    parts += [
        f"### {name}\n\n{comment}. Columns as in [model](#model).\n" for name, comment in views
    ]
    parts.append(_queries())
    parts.append(_versions())
    return "\n".join(parts)


def _columns(bank: duckdb.DuckDBPyConnection, table: str) -> list[Column]:
    rows = bank.execute(
        "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() "
        "WHERE table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    return [Column(*row) for row in rows]


def _contents(tables: dict[str, str]) -> str:
    rows = [
        (title, ", ".join(f"[{name}](#{name})" for name in names))
        for title, names in SECTIONS.items()
    ]
    return _rows(("section", f"tables ({len(tables)})"), rows)


def _parents(table: str) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Columns of a table that point somewhere: columns, table, its columns."""
    return [(own, parent, there or own) for child, own, parent, there in PARENTS if child == table]


def schema_diagrams() -> dict[str, str]:
    """The diagrams of the sections that have relations: SVG by the name of the file."""
    with duckdb.connect() as bank:
        migrate(bank, 0)
        columns = {
            name: _columns(bank, name)
            for (name,) in bank.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        }
    return {
        _file(title): draw_diagram(*_entities(names, columns))
        for title, names in SECTIONS.items()
        if any(_parents(name) for name in names)
    }


def _file(title: str) -> str:
    return f"{title.lower().replace(' ', '_')}.svg"


def _entities(
    names: Sequence[str], columns: dict[str, list[Column]]
) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Tables of a section with their keys and what they point to; pairs of child and parent."""
    drawn = {name for name in names if _parents(name)}
    drawn |= {parent for name in names for _, parent, _ in _parents(name)}
    keys = {}
    for name in sorted(drawn):
        pointing = {column for own, _, _ in _parents(name) for column in own}
        keys[name] = [
            column.name + (" \N{RIGHTWARDS ARROW}" if column.name in pointing else "")
            for column in columns[name]
            if column.name in KEYS[name] or column.name in pointing
        ]
    return keys, [(name, parent) for name in names for _, parent, _ in _parents(name)]


def _table(name: str, comment: str, columns: list[Column]) -> str:
    key = KEYS.get(name, ("version",))
    points: dict[str, list[str]] = {}
    for own, parent, there in _parents(name):
        target = ", ".join(there)
        points.setdefault(own[-1], []).append(f"[{parent}](#{parent}) ({target})")
    rows = [
        (
            f"`{column.name}`",
            f"`{column.type}`",
            "key" if column.name in key else "" if column.nullable else "always",
            ", ".join(points.get(column.name, [])),
            column.comment,
        )
        for column in columns
    ]
    table = _rows(("column", "type", "set", "points to", "what it is"), rows)
    return f"### {name}\n\n{comment}.\n\n{table}"


def _queries() -> str:
    parts = [QUERIES]
    for query in named_queries().values():
        parts.append(f"### {query.name}\n\n{_words(query.description)}\n")
        usage = [
            (
                f"`{one.name}`",
                one.expected,
                "required" if one.required else "" if one.default is None else f"`{one.default}`",
                one.description,
            )
            for one in query.parameters
        ]
        if usage:
            parts.append(_rows(("parameter", "value", "default", "what it is"), usage))
        if query.notes:
            parts.append(f"{_words(query.notes)}\n")
    return "\n".join(parts)


def _words(text: str) -> str:
    return text.replace("<", "&lt;")  # no HTML


def _versions() -> str:
    rows = [(step.version, step.name.replace("_", " ")) for step in migrations()]
    text = "A bank made by an older version is brought up to date when it is next opened to write."
    return f"## Versions of the schema\n\n{text}\n\n{_rows(('version', 'what came'), rows)}"


def _rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
