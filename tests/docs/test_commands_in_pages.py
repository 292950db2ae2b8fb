"""What README and the pages of the site name exists: commands, options, settings, links."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from aet_port.cli.app import COMMANDS, app
from aet_port.core.errors import InputError
from aet_port.core.settings import Settings
from aet_port.workflow.config import SECTIONS
from tests.docs.markdown import HOW_TO, PAGES, ROOT, THEORY, TUTORIALS, every_command

IN_PAGES = every_command()
UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # Typer may bring its own Click
LINKED = (
    *(*PAGES, *THEORY, "CHANGELOG.md", "CONTRIBUTING.md"),
    *("docs/index.md", "docs/tutorials.md", "docs/howto.md", "docs/theory.md", "docs/glossary.md"),
    *(
        "docs/accuracy.md",
        "docs/figures.md",
        "docs/formats.md",
        "docs/schema.md",
        "docs/settings.md",
    ),
)


def parse(words: list[str]) -> Any:
    """The context that the program makes of the words, without doing anything; or an error."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("aet", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "words"), IN_PAGES, ids=[f"{place} {' '.join(words)}" for place, words in IN_PAGES]
)
def test_command_is_as_the_program_takes_it(place: str, words: list[str]) -> None:
    context = parse(words)
    assert context.command.name in words, place


def test_pages_have_commands_of_each_kind() -> None:
    assert set(COMMANDS) - {words[0] for _, words in IN_PAGES} == set()


@pytest.mark.parametrize(
    "words",
    [
        ["analyze"],
        ["analyze", "model.xyz", "--cut-off", "4"],
        ["view", "model.xyz"],
        ["mdb", "querry", "x", "--bank", "b"],
        ["validate", "something"],
    ],
)
def test_what_the_program_does_not_take_is_seen(words: list[str]) -> None:
    with pytest.raises((UsageError, InputError)):
        parse(words)


def known_sections() -> dict[str, type[Settings]]:
    """Sections of a run file, and those below them."""
    found = dict(SECTIONS)
    for name, settings in SECTIONS.items():
        for key, field in settings.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Settings):
                found[f"{name}.{key}"] = kind
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/commands.md"])
def test_settings_in_the_text_exist(page: str) -> None:
    known, text = known_sections(), read(page)
    sections = re.findall(r"`\[([a-z_.]+)\]`", text)
    assert set(sections) <= set(known)
    in_their_section = re.findall(r"`([a-z_]+)(?: = [^`]+)?`\s+in\s+`\[([a-z_.]+)\]`", text)
    assert [
        (key, section)
        for key, section in in_their_section
        if key not in known[section].model_fields
    ] == []


def test_pages_name_settings() -> None:
    text = "".join(map(read, PAGES))
    assert len(re.findall(r"`[a-z_]+(?: = [^`]+)?`\s+in\s+`\[[a-z_.]+\]`", text)) > 20


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:^|`)make ([a-z]+)", read(page), re.MULTILINE)
    }
    assert named
    assert named <= targets


def anchors(page: str) -> set[str]:
    """The names by which links lead to the headings of a page."""
    return {
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", read(page), re.MULTILINE)
    }


@pytest.mark.parametrize("page", [*TUTORIALS, *HOW_TO, *THEORY])
def test_page_has_a_title_and_text(page: str) -> None:
    title, _, text = read(page).partition("\n")
    assert title.startswith("# ")
    assert len(text) > 500


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", read(page)):
        if "://" in target or target.startswith(("_made/", "../_made/")):  # made with the site
            continue
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(str(path.relative_to(ROOT))), f"{target}#{anchor}"
