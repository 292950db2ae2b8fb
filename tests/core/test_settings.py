"""Settings classes: what they take and refuse, and that a default stands nowhere else."""

from __future__ import annotations

import ast
import inspect
import math
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError

import aet_port
from aet_port.alignment.from_atoms import refine_angles_to_model
from aet_port.alignment.from_volume import refine_angles
from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.core.errors import InputError
from aet_port.core.settings import REQUIRED, Settings, expectation, facts_of, nearest, setting
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.refinement.joint import refine
from aet_port.refinement.r_factors import cross_validate
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.reconstruction import reconstruct
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import SimulateSettings
from aet_port.simulation.tilt_series import simulate
from aet_port.structure.analysis import analyze
from aet_port.structure.settings import AnalyzeSettings
from aet_port.tracing.non_atoms import remove_non_atoms
from aet_port.tracing.peak_search import trace
from aet_port.tracing.settings import ClassifySettings, SelectSettings, TraceSettings
from aet_port.tracing.species import classify
from aet_port.workflow.config import parse_config
from tests.docs.markdown import ROOT, blocks

PACKAGE = Path(aet_port.__file__).parent


class Probe(Settings):
    """Nested settings."""

    energy: float = setting(200.0, "Electron energy.", unit="keV", gt=0)


class Example(Settings):
    """One field of each kind."""

    name: str = setting(REQUIRED, "Name of the sample.", example="ball")
    steps: int = setting(10, "Number of steps.", ge=1)
    width: float = setting(2.0, "Width of a step.", unit="angstrom", gt=0, le=9)
    tilt: float | Literal["find"] | None = setting(None, "Tilt.", unit="degrees", ge=-90, le=90)
    shape: tuple[int, int] | None = setting(None, "Image size.", unit="pixels", ge=1)
    doses: tuple[float, ...] = setting((), "Doses.", gt=0)
    ratio: float | tuple[float, float, float] = setting(3.0, "Ratios.", ge=1)
    extended: bool = setting(False, "A film.")
    method: Literal["fast", "exact"] = setting("fast", "Method.")
    probe: Probe = setting(Probe(), "Probe.")


def test_values_and_defaults() -> None:
    one = Example(name="ball", steps=3, tilt="find", shape=(4, 5), doses=[1, 2.5], ratio=2)
    assert (one.name, one.steps, one.tilt, one.shape) == ("ball", 3, "find", (4, 5))
    assert (one.width, one.extended, one.method, one.probe.energy) == (2.0, False, "fast", 200.0)
    assert (one.doses, one.ratio) == ((1.0, 2.5), 2.0)
    assert Example(name="ball", shape=[4, 5]) == Example(
        name="ball", shape=(4, 5)
    )  # as TOML has it
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.plain()["shape"] == [4, 5]
    assert one.plain()["probe"] == {"energy": 200.0}


def test_scalars_of_numpy_are_taken() -> None:
    one = Example(
        name="ball",
        steps=np.int32(4),
        width=np.float32(0.5),
        shape=[np.int64(4), np.int64(5)],
        extended=np.True_,
    )
    assert one == Example(name="ball", steps=4, width=0.5, shape=(4, 5), extended=True)
    assert [type(v) for v in (one.steps, one.width, one.extended)] == [int, float, bool]
    with pytest.raises(InputError, match=r"^steps: found .*0.*; expected .* of at least 1$"):
        Example(name="ball", steps=np.int64(0))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"steps": 0}, "steps: found 0; expected a whole number of at least 1"),
        ({"steps": 1.5}, "steps: found 1.5; expected a whole number of at least 1"),
        ({"steps": True}, "steps: found True; expected a whole number of at least 1"),
        ({"steps": "3"}, "steps: found '3'; expected a whole number of at least 1"),
        ({"width": 0}, "width: found 0.0; expected a number above zero and at most 9 (angstrom)"),
        ({"width": 9.1}, "width: found 9.1; expected a number above zero and at most 9 (angstrom)"),
        (
            {"width": True},
            "width: found True; expected a number above zero and at most 9 (angstrom)",
        ),
        ({"width": math.nan}, "width: found nan; expected a number above zero"),
        ({"width": math.inf}, "width: found inf; expected a number above zero"),
        ({"width": np.float64("nan")}, "width: found nan; expected a number above zero"),
        (
            {"tilt": 91},
            "tilt: found 91.0; expected a number between -90 and 90 (degrees) or 'find'",
        ),
        (
            {"tilt": "up"},
            "tilt: found 'up'; expected a number between -90 and 90 (degrees) or 'fin",
        ),
        ({"tilt": math.nan}, "tilt: found nan; expected a number between -90 and 90 (degrees)"),
        ({"shape": (4, 0)}, "shape: found (4, 0); expected a list of 2, each a whole number of at"),
        ({"shape": [4]}, "shape: found [4]; expected a list of 2, each a whole number of at least"),
        ({"shape": 4}, "shape: found 4; expected a list of 2"),
        ({"doses": (1, -1)}, "doses: found (1.0, -1.0); expected a list, each a number above zero"),
        ({"doses": (1, math.nan)}, "doses: found (1, nan); expected a list, each a number above"),
        (
            {"ratio": (3, 3, 0)},
            "expected a number of at least 1 or a list of 3, each a number of at",
        ),
        ({"extended": 1}, "extended: found 1; expected true or false"),
        ({"method": "slow"}, "method: found 'slow'; expected 'fast' or 'exact'"),
        ({"probe": 3}, "probe: found 3; expected other settings"),
        ({"probe": {"energy": 0}}, "energy: found 0.0; expected a number above zero (keV)"),
        ({"probe": {"enrgy": 1}}, "'enrgy': found an unknown setting; expected 'energy'"),
        (
            {"step": 3},
            "'step': found an unknown setting; expected 'steps'; all: name, steps, width",
        ),
        ({"zzz": 3}, "'zzz': found an unknown setting; expected one of name, steps, width"),
    ],
)
def test_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Example(name="ball", **given)
    assert text in str(caught.value)
    assert not isinstance(caught.value, ValidationError)


def test_a_value_that_must_be_given() -> None:
    with pytest.raises(InputError, match=r"name: found nothing; expected name = \.\.\.: Name of"):
        Example()
    with pytest.raises(InputError, match="name: found None; expected text"):
        Example(name=None)


def test_nested_settings_are_checked() -> None:
    with pytest.raises(InputError, match=r"energy: found -1\.0; expected .* above zero \(keV\)"):
        Example(name="ball", probe=Probe(energy=-1.0))
    with pytest.raises(InputError, match=r"'enrgy': found an unknown .* expected 'energy'"):
        Probe(enrgy=1.0)


def test_they_do_not_change() -> None:
    one = Example(name="ball")
    with pytest.raises(ValidationError, match="frozen"):
        one.steps = 4
    other = one.changed(steps=4, probe=one.probe.changed(energy=300.0))
    assert (one.steps, one.probe.energy) == (10, 200.0)
    assert (other.steps, other.probe.energy, other.name) == (4, 300.0, "ball")
    with pytest.raises(InputError, match="steps: found 0"):
        one.changed(steps=0)
    with pytest.raises(InputError, match="'stepz': found an unknown setting"):
        one.changed(stepz=1)


def test_facts_of_a_field() -> None:
    fields = Example.model_fields
    facts = {"unit": "angstrom", "bounds": {"gt": 0, "le": 9}, "example": None, "also": ""}
    assert facts_of(fields["width"]) == facts
    assert facts_of(fields["name"]) == {**{"unit": "", "bounds": {}, "example": "ball", "also": ""}}
    assert expectation(fields["extended"]) == "true or false"


def test_the_nearest_name() -> None:
    assert nearest("tresholds", {"threshold": 0, "step": 0}) == "'threshold'; all: threshold, step"
    assert nearest("x", {"threshold": 0, "step": 0}) == "one of threshold, step"


# Functions that state settings of their classes in their signatures.
STAGES: dict[Callable[..., Any], tuple[type[Settings], ...]] = {
    reconstruct: (ReconstructSettings,),
    trace: (TraceSettings,),
    remove_non_atoms: (SelectSettings,),
    classify: (ClassifySettings,),
    refine: (RefineSettings,),
    cross_validate: (RefineSettings,),
    refine_angles: (RefineAnglesSettings, ReconstructSettings),
    refine_angles_to_model: (RefineAnglesSettings,),
    analyze: (AnalyzeSettings,),
}
# Those that take the settings as one value.
WHOLE = {preprocess: PreprocessSettings, simulate: SimulateSettings}
# Arrays here, where the setting is the name of a file.
ARRAYS = ("support", "mask", "initial")
OTHERS = ("TRACE", "SELECT", "CLASSIFY", "RESIRE")  # names of defaults of several settings


def _definitions() -> Iterator[ast.FunctionDef]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node


def _defaults(node: ast.FunctionDef) -> dict[str, ast.expr]:
    """The defaults in a signature, by the name of their parameter."""
    plain = [*node.args.posonlyargs, *node.args.args]
    given = zip(plain[len(plain) - len(node.args.defaults) :], node.args.defaults, strict=True)
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return {one.arg: value for one, value in (*given, *named) if value is not None}


def test_no_default_of_a_setting_stands_in_a_signature() -> None:
    wanted = {function.__name__: kinds for function, kinds in STAGES.items()}
    found: dict[str, set[str]] = {name: set() for name in wanted}
    for node in _definitions():
        known = {key for kind in wanted.get(node.name, ()) for key in kind.model_fields}
        for name, value in _defaults(node).items():
            if name in known and name not in ARRAYS:
                text = ast.unparse(value)
                stated = (f"DEFAULTS.{name}", f"{name.upper()}", *(f"{s}.{name}" for s in OTHERS))
                assert text in stated, f"{node.name}({name}={text})"
                found[node.name].add(name)
    assert all(found.values())


@pytest.mark.parametrize("function", STAGES, ids=lambda function: function.__name__)
def test_defaults_of_functions_are_those_of_the_settings(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters
    seen = set()
    for kind in STAGES[function]:
        for key, field in kind.model_fields.items():
            if key in parameters and key not in (*ARRAYS, *seen):
                seen.add(key)
                # Folds are a request of a run; the function has to have some.
                asked = (function, key) == (cross_validate, "folds")
                default = facts_of(field)["example"] if asked else field.get_default()
                assert parameters[key].default == default, key
    assert seen


@pytest.mark.parametrize("function", WHOLE, ids=lambda function: function.__name__)
def test_settings_as_one_value(function: Callable[..., Any]) -> None:
    assert inspect.signature(function).parameters["settings"].default == WHOLE[function]()


PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
PAGES += [f"docs/tutorials/{path.name}" for path in sorted((ROOT / "docs/tutorials").glob("*.md"))]
SNIPPETS = [
    pytest.param(block.text, id=f"{page}:{block.line}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "toml"
]


def test_the_documentation_has_run_files() -> None:
    assert len(SNIPPETS) >= 4


@pytest.mark.parametrize("text", SNIPPETS)
def test_run_files_of_the_documentation_are_taken(text: str, tmp_path: Path) -> None:
    parse_config(text, tmp_path / "run.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda p: p.name)
def test_examples_are_taken(path: Path) -> None:
    parse_config(path.read_text(encoding="utf-8"), path)
