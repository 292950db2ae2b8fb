"""``docs/schema.md`` and its diagrams are what the generator makes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import mdb
from docs.schema_diagram import draw_diagram
from docs.schema_reference import schema_diagrams, schema_page
from mdb.queries import named_queries
from tests.docs.markdown import ROOT, blocks

SVG = "{http://www.w3.org/2000/svg}"


def test_schema_page_is_current() -> None:
    committed = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert committed == schema_page(), "make docs"


def test_schema_page_has_every_column_and_query(tmp_path: Path) -> None:
    page = schema_page()
    with mdb.Bank(tmp_path / "bank.duckdb") as bank:
        columns = bank.sql(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        )
    for row in columns.to_pylist():
        part = re.split(rf"^### {row['table_name']}$", page, flags=re.MULTILINE)[1].split("\n#")[0]
        assert f"| `{row['column_name']}` |" in part or "Columns as in" in part, row
    for name in named_queries():
        assert f"### {name}\n" in page
    assert not re.search(r"<(?!br)\w", page.replace("```", ""))  # would vanish as HTML


def test_example_of_the_schema_page_is_answered(tmp_path: Path) -> None:
    queries = [block.text for block in blocks("docs/schema.md") if block.language == "sql"]
    with mdb.Bank(tmp_path / "bank.duckdb") as bank:
        for query in queries:
            assert bank.sql(query).num_rows > 0
    assert len(queries) == 1


def test_diagrams_are_current_and_show_their_tables() -> None:
    folder = ROOT / "docs" / "schema_diagrams"
    diagrams = schema_diagrams()
    assert {path.name for path in folder.iterdir()} == set(diagrams)
    page = schema_page()
    for name, picture in diagrams.items():
        assert (folder / name).read_text(encoding="utf-8") == picture, "make docs"
        assert f"(schema_diagrams/{name})" in page
    texts = {one.text for one in ET.fromstring(diagrams["analyses.svg"]).iter(f"{SVG}text")}
    assert {"analysis", "network_member", "tetrahedron"} <= texts


def test_a_diagram_puts_children_right_of_their_parents_and_boxes_apart() -> None:
    keys = {"a": ["id"], "b": ["id", "a"], "c": ["a"], "d": ["b", "c", "x"]}
    root = ET.fromstring(draw_diagram(keys, [("b", "a"), ("c", "a"), ("d", "b"), ("d", "c")]))
    boxes = [one.attrib for one in root.iter(f"{SVG}rect") if one.get("class") == "box"]
    (a, b, c, d) = [tuple(int(box[k]) for k in ("x", "y", "width", "height")) for box in boxes]
    assert a[0] + a[2] < b[0] == c[0] < d[0]
    assert b[1] + b[3] < c[1]
    assert len(list(root.iter(f"{SVG}path"))) == 4


def test_a_circle_of_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="point to each other"):
        draw_diagram({"a": [], "b": []}, [("a", "b"), ("b", "a")])
