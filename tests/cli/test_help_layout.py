"""Help shows options in groups, and one example of each command that the command takes."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer

from aet_port.cli.app import COMMANDS, app
from aet_port.cli.help_layout import EXAMPLES, GROUPS
from tests.cli.samples import Aet
from tests.docs.test_commands_in_pages import parse

NAMES = [
    f"{name} {inner}" if isinstance(entry, dict) else name
    for name, entry in COMMANDS.items()
    for inner in (entry if isinstance(entry, dict) else [""])
]


def loaded(name: str) -> Any:
    command: Any = typer.main.get_command(app)
    for word in name.split():
        command = command.get_command(None, word)
    return command


def test_each_option_is_in_one_group_and_each_group_has_only_options() -> None:
    options = {
        one.name for name in NAMES for one in loaded(name).params if one.param_type_name == "option"
    }
    listed = [one for names in GROUPS.values() for one in names.split()]
    assert sorted(listed) == sorted(set(listed))
    assert options | {"help"} == set(listed)


@pytest.mark.parametrize("name", NAMES)
def test_example_is_taken_by_the_command(name: str) -> None:
    words = shlex.split(EXAMPLES[name])
    assert words[: len(name.split()) + 1] == ["aet", *name.split()]
    assert parse(words[1:]).command.name == words[len(name.split())]


def test_no_example_of_a_command_that_is_gone() -> None:
    assert set(EXAMPLES) == set(NAMES)


def test_help_shows_groups_in_their_order_and_the_example(aet: Aet) -> None:
    text = aet("reconstruct", "--help").out
    places = [text.index(f"─ {group} ─") for group in GROUPS]
    assert places == sorted(places)
    assert text.index("Arguments") < places[0]
    assert " ".join(text.split()).endswith(f"Example: {EXAMPLES['reconstruct']}")
    assert "─ Options ─" not in text
    assert text.index("--oversampling") > text.index("─ Numerics ─")
    assert text.index("--help") > text.index("─ Run ─")


def test_a_bank_that_is_read_is_input() -> None:
    panels = {
        name: next(one.rich_help_panel for one in loaded(name).params if one.name == "bank")
        for name in ("mdb query", "mdb deposit", "analyze")
    }
    assert panels == {"mdb query": "Input", "mdb deposit": "Output", "analyze": "Output"}


@pytest.mark.parametrize("name", NAMES)
def test_lines_of_the_text_flow(name: str) -> None:
    """Typer keeps the line breaks of a docstring, which stand anywhere in a narrow terminal."""
    paragraphs = loaded(name).help.split("\n\n")
    assert all(one and "\n" not in one and one[0].isupper() for one in paragraphs)
    assert paragraphs[0].endswith(".")
