"""``docs/schema.md`` is what the generator makes; the reference of functions can be made."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from pathlib import Path

import pytest

import mdb
from docs.__main__ import main
from docs.api_reference import PACKAGES
from docs.schema_reference import schema_page
from mdb.queries import named_queries
from tests.docs.markdown import ROOT, blocks


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


class Told(logging.Handler):
    """What the reader of the docstrings has to say of them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder as `make docs` leaves it, and what was told on the way."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "api").mkdir()
    (folder / "api" / "of_a_module_that_is_gone.md").touch()
    told = Told()
    logging.getLogger().addHandler(told)
    try:
        main(folder)
    finally:
        logging.getLogger().removeHandler(told)
    return folder, told.messages


@pytest.fixture
def pages(made: tuple[Path, list[str]]) -> dict[str, str]:
    folder = made[0] / "api"
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.md")}


def test_public_names_are_documented(pages: dict[str, str]) -> None:
    heads = "\n".join(pages.values())
    for package in ("aet_port", "mdb", "md_sim", "aet_port.structure", "aet_port.refinement"):
        for name in import_module(package).__all__:
            value = getattr(import_module(package), name)
            if callable(value):
                path = rf"({package}|{value.__module__}).{name}"
                assert re.search(rf"^##+ `{path}`$", heads, re.MULTILINE), name


def test_signature_parameters_and_origin_are_on_the_page(pages: dict[str, str]) -> None:
    page = pages["aet_port/tracing/support.md"].split("`aet_port.tracing.support.tight_support`")[1]
    assert page.lstrip("\n").startswith("```python\ntight_support(volume: NDArray, *, threshold")
    for words in (
        "*MATLAB:* 4_Tracing_and_classification/src/obtain_tight_support.m",
        "**Parameters:**",
        "- **volume** (`NDArray`) \N{EN DASH} Shape (nx, ny, nz).",
        "**Returns:**",
        "**Raises:**",
        "- `InputError` \N{EN DASH} ",
    ):
        assert words in page


def test_origin_in_the_notes_is_on_the_page_like_one_at_the_end(pages: dict[str, str]) -> None:
    page = pages["aet_port/structure/analysis.md"].split("`aet_port.structure.analysis.analyze`")[1]
    assert page.index("*MATLAB:* 7_Data_analysis/Main_3_poly") < page.index("**Parameters:**")
    assert "crystalline ones included.\n" in page
    assert page.count("MATLAB:") == 1
    assert "Notes" not in page  # nothing else stood there
    assert "Yuan et al." in page.split("References")[1]
    assert ">>> found = model.analyze()" in page.split("**Examples:**")[1]


def test_methods_of_higher_layers_are_on_the_page_of_their_class(pages: dict[str, str]) -> None:
    series, model = (pages[f"aet_port/core/{name}.md"] for name in ("data", "atomic_model"))
    assert "Reconstruct the volume of these projections: `aet_port.reconstruct`." in series
    assert "Analyse the structure of this model: `aet_port.analyze`." in model


def test_contents_lead_to_every_page(pages: dict[str, str]) -> None:
    contents = pages["README.md"]
    assert set(re.findall(r"\]\(([^)]+)\)", contents)) == set(pages) - {"README.md"}
    assert {name.split("/")[0] for name in pages if "/" in name} == set(PACKAGES)
    left = [name for name, page in pages.items() if re.search(r":\w+:`|</?code>|\]\(#", page)]
    assert left == []


def test_docstrings_name_the_parameters_there_are(made: tuple[Path, list[str]]) -> None:
    # Traits are attributes to Python and parameters to OVITO; the others are words for several.
    known = ("ovito_modifier.py", "['others']", "'others'")
    assert [text for text in made[1] if not any(part in text for part in known)] == []
    assert made[1]  # those that are known: the handler hears them
