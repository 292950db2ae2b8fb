"""Beside every table of measured figures stands the command that prints them."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import pytest

from aet_port.cli.app import COMMANDS
from matlab_reference.published import AGREEMENTS, read_published
from tests.docs.markdown import ROOT

README, PAGES = "README.md", ("docs/accuracy.md", "docs/figures.md")
NOT_AT_HAND = {"pd2.pixel_size"}  # read from a file that was missing when the table was made
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")
PROGRAM = re.compile(r"(?:^|`)(aet|make|python|pytest) ([^`\n]+)", re.MULTILINE)
LINK = re.compile(r"\]\((docs/(?:accuracy|figures)\.md)#([\w-]+)\)")


class Table(NamedTuple):
    """A table: where it begins, its rows, and the paragraphs before and after it."""

    place: str
    rows: list[str]
    beside: str

    @property
    def measured(self) -> bool:
        """Whether it holds figures, in more than half of the rows below its head."""
        below = self.rows[2:]
        return 2 * sum(bool(NUMBER.search(row)) for row in below) > len(below)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def tables(text: str, page: str = "") -> list[Table]:
    """The tables of a page that hold figures."""
    parts = re.split(r"\n{2,}", text)
    found = []
    for k, part in enumerate(parts):
        if part.startswith("| "):
            around = [*parts[:k][-1:], part, *parts[k + 1 : k + 2]]
            beside = [one for one in around if not one.startswith("#")]
            line = text[: text.index(part)].count("\n") + 1
            found.append(Table(f"{page}:{line}", part.splitlines(), "\n\n".join(beside)))
    return [one for one in found if one.measured]


def section(page: str, anchor: str) -> str:
    """The part of a page below a heading of second level."""
    for part in re.split(r"^## ", read(page), flags=re.MULTILINE)[1:]:
        head = re.sub(r"[^\w\- ]", "", part.splitlines()[0].lower()).replace(" ", "-")
        if head == anchor:
            return part
    raise AssertionError(f"{page} has no section #{anchor}")


def commands_in(text: str) -> list[str]:
    """The commands in a text that exist: of `aet`, `make`, `python` and `pytest`."""
    whole = re.sub(r"`[^`]+`", lambda code: code[0].replace("\n", " "), text.replace("```", "\n"))
    return [f"{name} {words}" for name, words in PROGRAM.findall(whole) if exists(name, words)]


def exists(program: str, words: str) -> bool:
    """Whether the program has such a command, or the repository such a file or module."""
    first, *others = words.split()
    if program == "aet":
        return first in COMMANDS
    if program == "make":
        return re.search(rf"^{first}:", read("Makefile"), re.MULTILINE) is not None
    if program == "pytest":
        return all((ROOT / one).exists() for one in words.split() if one.startswith("tests/"))
    if first == "-m":
        module = ROOT / others[0].replace(".", "/")
        return module.with_suffix(".py").exists() or (module / "__main__.py").exists()
    return (ROOT / first).exists()


def has_command(table: Table) -> bool:
    """Whether a command stands beside it, or in the section of the site to which it links."""
    linked = [section(*link) for link in LINK.findall(table.beside)]
    return any(commands_in(text) for text in (table.beside, *linked))


@pytest.mark.parametrize("document", [README, *PAGES])
def test_beside_every_table_stands_its_command(document: str) -> None:
    found = tables(read(document), document)
    assert len(found) >= 5
    assert [one.place for one in found if not has_command(one)] == []


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("Measured once:", False),
        ("`aet nonsense` prints", False),
        ("`python -m benchmarks.nothing`:", False),
        ("`python examples/nothing.py`:", False),
        ("`make nothing`:", False),
        ("`python -m benchmarks.certainty`:", True),
        ("`python -m\nbenchmarks rings`:", True),
        ("```sh\naet validate --exact\n```", True),
        ("[with its command](docs/figures.md#speed-and-memory):", True),
    ],
)
def test_a_table_without_a_command_is_seen(words: str, there: bool) -> None:
    (table,) = tables(f"`make bench`\n\n{words}\n\n| what | s |\n|---|---|\n| a | 1 |\n| b | 2 |")
    assert has_command(table) == there


def test_figures_of_the_readme_stand_in_the_pages() -> None:
    """But for those that `make demo` and `aet validate` print themselves."""
    known = {number for page in PAGES for number in NUMBER.findall(read(page))}
    rows = [row for one in tables(read(README)) for row in one.rows]
    own = tuple(f"| {name} |" for name in AGREEMENTS)
    first = rows.index(next(row for row in rows if row.startswith("| simulated series")))
    shown = [row for row in rows[first:] if not row.startswith(own)]
    assert len(shown) > 15
    assert [row for row in shown if not set(NUMBER.findall(row)) <= known] == []


def test_classes_of_the_readme_are_those_of_the_published_values() -> None:
    (classes,) = (one for one in tables(read(README)) if one.rows[0].startswith("| class |"))
    shown = [[cell.strip() for cell in row.split("|")] for row in classes.rows[2:]]
    published = list(read_published().values())
    counts = Counter(
        ("not attempted" if one.id in NOT_AT_HAND else one.agreement, one.stated)
        for one in published
    )
    assert {row[1]: (int(row[3]), int(row[4])) for row in shown} == {
        name: (counts[name, True], counts[name, False]) for name in AGREEMENTS
    }
    text = read(README)
    assert f"prints {len(published)} published" in text
    assert f"the {sum(one.stated for one in published)} values stated" in text
