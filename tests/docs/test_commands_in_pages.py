"""Every ``aet`` command and make target in README and tutorial exists as it is written there."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer

from aet_port.cli.app import app
from tests.docs.markdown import PAGES, ROOT, every_command

COMMANDS = every_command()
UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # Typer may bring its own Click


def parse(words: list[str]) -> Any:
    """The context that the program makes of the words, without doing anything; or an error."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("aet", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context


@pytest.mark.parametrize(
    ("place", "words"), COMMANDS, ids=[f"{place} {' '.join(words)}" for place, words in COMMANDS]
)
def test_command_is_as_the_program_takes_it(place: str, words: list[str]) -> None:
    context = parse(words)
    assert context.command.name in words, place


def test_pages_have_commands_of_each_kind() -> None:
    names = {words[0] for _, words in COMMANDS}
    every = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert every - names == set()


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
    with pytest.raises(UsageError):
        parse(words)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE)
    }
    assert named
    assert named <= targets


@pytest.mark.parametrize("page", [*PAGES, "docs/schema.md", "docs/figures.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    gone = [
        one for one in targets if "://" not in one and not ((ROOT / page).parent / one).exists()
    ]
    assert gone == []
    anchors = set(re.findall(r"\]\(#([^)]+)\)", text))
    heads = {
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert anchors <= heads
