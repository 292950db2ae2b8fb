"""Every number that a user can give has bounds, and is refused out of them before work starts."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Iterator
from typing import Any, get_args

import pytest

import aet_port
import md_sim
import mdb
from aet_port.core.settings import Settings, facts_of
from tests.cli.conftest import Refused
from tests.cli.test_options import ALL, Command

HUGE = ("1e300", "-1e300", "inf", "nan", "1" + 30 * "0", "9" * 5000)


def _classes() -> Iterator[type[Settings]]:
    for package in (aet_port, mdb, md_sim):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.rpartition(".")[2] in ("ovito_modifier", "lammps_loop", "__main__"):
                continue
            # Settings stand in modules of this name, which import nothing heavy.
            if "settings" in found.name or found.name.endswith("sections"):
                module = importlib.import_module(found.name)
                for one in vars(module).values():
                    if inspect.isclass(one) and issubclass(one, Settings):
                        yield one


CLASSES = sorted(set(_classes()) - {Settings}, key=lambda one: one.__qualname__)


def _kinds(hint: Any) -> set[Any]:
    inner = [kind for part in get_args(hint) for kind in _kinds(part)]
    return {hint} | set(inner)


NUMBERS = [
    pytest.param(kind, name, field, id=f"{kind.__name__}.{name}")
    for kind in CLASSES
    for name, field in kind.model_fields.items()
    if _kinds(field.annotation) & {int, float}
]


def test_all_settings_are_looked_at() -> None:
    assert len(CLASSES) >= 25
    assert len(NUMBERS) >= 110


@pytest.mark.parametrize(("kind", "name", "field"), NUMBERS)
def test_a_setting_has_two_finite_bounds(kind: type[Settings], name: str, field: Any) -> None:
    bounds = facts_of(field)["bounds"]
    assert "le" in bounds
    assert "ge" in bounds or "gt" in bounds
    assert all(abs(bound) < 1e31 for bound in bounds.values())


def _numeric(command: Command) -> Iterator[tuple[str, Any]]:
    hints = inspect.get_annotations(command.function)
    for name, option in command.options.items():
        written = re.search("NUMBER|INTEGER|X,Y|A,B", option.metavar or "")
        if written or _kinds(hints[option.name]) & {int, float}:
            yield name, option


OPTIONS = [
    pytest.param(command, name, option, id=f"{command.name} {name}")
    for command in ALL
    for name, option in _numeric(command)
    if name not in ("--image", "--species")  # names, and 1e300 is a name
]


def test_many_options_are_numbers() -> None:
    assert len(OPTIONS) > 200


@pytest.mark.parametrize(("command", "name", "option"), OPTIONS)
def test_a_number_out_of_bounds_ends_the_command(
    refused: Refused, command: Command, name: str, option: Any
) -> None:
    """One line that names the option, in no time: none of the files named here exist."""
    start = time.process_time()
    for value in HUGE:
        line = refused(*command.words(), name, *[value] * max(1, option.nargs), parts=())
        assert any(flag in line for flag in option.opts), line
        assert len(line) < 1000
    assert time.process_time() - start < 2.0
