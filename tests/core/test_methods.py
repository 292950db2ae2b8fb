"""Methods that run functions of higher layers: named once, typed by the stub, found when used."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from aet_port.core import methods
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.late_methods import LateMethod

TABLE = {name: one for name, one in vars(methods).items() if isinstance(one, LateMethod)}
OWNERS = {
    "reconstruct": (TiltSeries, "reconstruct"),
    "trace": (Volume, "trace"),
    "analyze": (AtomicModel, "analyze"),
    "plot_tilt_series": (TiltSeries, "plot"),
    "plot_volume": (Volume, "plot"),
    "plot_model": (AtomicModel, "plot"),
}


def test_stub_says_what_the_table_does() -> None:
    stub = ast.parse(Path(methods.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    stated = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert stated == {name: (one.module, one.name) for name, one in TABLE.items()}
    assert len(stated) == len(stub.body) > 20


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_method_finds_its_function(name: str) -> None:
    function = TABLE[name].function
    assert function is getattr(import_module(TABLE[name].module), name)
    assert TABLE[name].__get__(None) is function


@pytest.mark.parametrize("name", sorted(OWNERS))
def test_signature_and_text_are_those_of_the_function(name: str) -> None:
    owner, attribute = OWNERS[name]
    bound = TABLE[name].__get__(object.__new__(owner), owner)
    function = TABLE[name].function
    assert bound.__doc__ == function.__doc__
    wanted = list(inspect.signature(function).parameters)[1:]
    assert list(inspect.signature(bound).parameters) == wanted
    assert "options" not in wanted
    assert inspect.signature(getattr(owner, attribute)) == inspect.signature(function)


def test_name_that_is_no_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"aet_port.core.data.__name__ is not a function"):
        _ = LateMethod("aet_port.core.data", "__name__").function


def test_nouns_import_nothing_above_them_until_a_method_is_used() -> None:
    code = (
        "import sys, aet_port.core.data, aet_port.core.atomic_model as models\n"
        "above = ('resire', 'tracing', 'structure', 'figures')\n"
        "above = tuple(f'aet_port.{layer}' for layer in above)\n"
        "print([name for name in sys.modules if name.startswith(above)])\n"
        "models.AtomicModel.from_positions([[0, 0, 0]], 'Ta').analyze\n"
        "print('aet_port.structure.analysis' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True"]
