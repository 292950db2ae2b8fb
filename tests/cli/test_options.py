"""Options of all commands: what their help says, their defaults, and what is refused."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

import aet_port
from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.cli.app import COMMANDS, GROUPS, app
from aet_port.core.settings import Settings, facts_of
from aet_port.detection.plan_settings import PlanSettings
from aet_port.detection.settings import DetectSettings
from aet_port.diffraction.settings import DiffractionSettings
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import PreprocessSettings, SpectrumSettings
from aet_port.refinement.settings import RefineSettings, ResidualSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import Acquisition, Microscope, SimulateSettings
from aet_port.structure.settings import (
    OF_DRAWS,
    ON_REQUEST,
    AnalyzeSettings,
    ChemicalMapSettings,
    DensityMapSettings,
    StructureFactorSettings,
)
from aet_port.tracing.settings import ClassifySettings, DifferenceSettings, TraceSettings
from aet_port.validation.settings import (
    CompareSettings,
    HalfSetSettings,
    ScoreSettings,
    ShellSettings,
    StabilitySettings,
)
from aet_port.workflow.dose_settings import DoseSeriesSettings
from aet_port.workflow.sections import InputSettings, SyntheticSettings
from mdb.query_settings import QuerySettings
from tests.cli.samples import Aet, Refused

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "numba", "scipy", "matplotlib", "duckdb", "ase")
RESIRE_150 = ReconstructSettings(iterations=150)


def _fields(
    settings: Settings, *only: str, leave_out: Collection[str] = ()
) -> dict[str, tuple[Any, Any]]:
    """Field and default of each setting by its name, those of nested settings too."""
    found = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings) and not only:
            found |= _fields(value)
        elif name in only or (not only and name not in leave_out):
            found[name] = (field, value)
    return found


BACKGROUND = _fields(InputSettings(), "background")
FITTED = {
    f"fit_{name}": field
    for name, field in _fields(DetectSettings(), "angles", "background").items()
}

# What halves of a series are reconstructed without.
NOT_OF_HALVES = ("support", "mask", "initial", "method", "precision")
MODEL = _fields(ModelReadSettings())
PLACES = _fields(ModelReadSettings(), "model_variable", "frame", "scale")

# The settings that are options of each command, with the defaults that they have there.
TAKEN: dict[str, dict[str, tuple[Any, Any]]] = {
    "demo": _fields(SyntheticSettings()) | _fields(Acquisition(), "dose"),
    "calibrate-scan": BACKGROUND,
    "preprocess": _fields(PreprocessSettings(), leave_out=("background_after_angles",)),
    "reconstruct": _fields(ReconstructSettings()) | BACKGROUND,
    "refine-angles": _fields(RefineAnglesSettings())
    | BACKGROUND
    | MODEL
    | _fields(ReconstructSettings(), "oversampling", "step", "extended", "n_z", "support"),
    # The file of angles, and the background of the series, come first.
    "detect": _fields(DetectSettings(), leave_out=("angles", "background")) | BACKGROUND | FITTED,
    "check-model": _fields(DetectSettings(), leave_out=("angles", "background", "folds"))
    | BACKGROUND
    | MODEL
    | FITTED,
    "trace": _fields(TraceSettings()),
    "classify": _fields(ClassifySettings()) | PLACES,
    "refine": _fields(RefineSettings(), leave_out=("images", "take_over")) | BACKGROUND | MODEL,
    "analyze": _fields(AnalyzeSettings(), leave_out=("delta",))
    | _fields(ChemicalMapSettings())
    | _fields(DensityMapSettings())
    | MODEL,
    "structure-factor": _fields(StructureFactorSettings()) | MODEL,
    "diffraction": _fields(DiffractionSettings())
    | _fields(ReadSettings(), "image", "detector", "group", "variable", "axes"),
    "view": _fields(AnalyzeSettings(), leave_out=(*OF_DRAWS, *ON_REQUEST)) | MODEL,
    "compare-models": _fields(CompareSettings()) | MODEL,
    "score": _fields(ScoreSettings()) | MODEL,
    "challenge score": _fields(ScoreSettings(), leave_out=("radius", "field", "bins")) | MODEL,
    "review": MODEL,
    "mdb deposit": MODEL,
    "mdb import": MODEL,
    "plan": _fields(PlanSettings())
    | _fields(SimulateSettings(), "pixel_size", "b_factor", "probe")
    | _fields(SimulateSettings().two_gaussians)
    | _fields(Microscope(), "energy", "inner", "outer")
    | _fields(Acquisition(), "source_size", "read_noise", "background")
    | _fields(DetectSettings(), "fdr", "depth", "confidence")
    | MODEL,
    "simulate": _fields(SimulateSettings()) | MODEL,
    "fsc": _fields(ShellSettings())
    | _fields(ReconstructSettings(), leave_out=NOT_OF_HALVES)
    | _fields(ReadSettings())
    | BACKGROUND,
    "power-spectrum": _fields(SpectrumSettings())
    | _fields(ReadSettings(), leave_out=("angles_variable", "angle_unit")),
    "difference-map": _fields(DifferenceSettings())
    | _fields(ResidualSettings())
    | _fields(ReadSettings())
    | BACKGROUND
    | MODEL,
    "stability": _fields(StabilitySettings()) | _fields(ReadSettings()),
    "video": _fields(AnalyzeSettings(), leave_out=(*OF_DRAWS, *ON_REQUEST)) | MODEL,
    "precision": _fields(SimulateSettings())
    | MODEL
    | _fields(RESIRE_150, "iterations", "oversampling")
    | _fields(RefineSettings(), "method", "max_evaluations")
    | _fields(CompareSettings()),
    "scoreboard": _fields(DoseSeriesSettings(), "atoms", "species", "seed", "calibrated")
    | _fields(PreprocessSettings(), "denoise")
    | _fields(RESIRE_150, "iterations"),
    "validate-model": _fields(HalfSetSettings()) | _fields(CompareSettings()),
    "mdb query": _fields(QuerySettings()),
    "md analyze": _fields(AnalyzeSettings(), leave_out=(*OF_DRAWS, *ON_REQUEST)),
}


class Command(NamedTuple):
    """A command by its whole name, as typer has it, and its function."""

    name: str
    typer: Any
    function: Any

    @property
    def options(self) -> dict[str, Any]:
        """By their long names."""
        own = [one for one in self.typer.params if one.param_type_name == "option"]
        return {next(o for o in one.opts if o.startswith("--")): one for one in own}

    def words(self) -> list[str]:
        """The call with something for everything that must be given."""
        needed = []
        for one in self.typer.params:
            if one.required:
                needed += ["x"] if one.param_type_name == "argument" else [one.opts[-1], "x"]
        return [*self.name.split(), *needed]


def _walk(table: dict[str, Any], group: Any, before: str = "") -> Iterator[Command]:
    for name, entry in table.items():
        found = group.get_command(None, name)
        if isinstance(entry, dict):
            yield from _walk(entry, found, f"{name} ")
        else:
            module, function = entry.split(":")
            module = import_module(f"aet_port.cli.{module}")
            yield Command(before + name, found, getattr(module, function))


ALL = list(_walk(COMMANDS, typer.main.get_command(app)))
BY_NAME = {one.name: one for one in ALL}


TAKEN_FIELDS = [
    pytest.param(BY_NAME[command], name, field, value, id=f"{command} {name}")
    for command, fields in TAKEN.items()
    for name, (field, value) in fields.items()
]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def test_every_command_is_known() -> None:
    assert len(BY_NAME) == len(ALL) > 30
    assert set(TAKEN) <= set(BY_NAME)


@pytest.mark.parametrize("command", ALL, ids=BY_NAME)
def test_help_is_a_sentence(command: Command) -> None:
    for one in command.typer.params:
        assert re.search(r"[.)]$", one.help), one.help
        assert one.help[0].isupper() or one.help.startswith(".mat"), one.help
        # No fragments, no unit in place of the quantity.
        assert not re.match(r"(Of|Whether|Angstrom|Kelvin|Degrees|K/s|Picoseconds)\b", one.help)
        assert "[" not in one.help  # rich would take it for markup and print nothing


@pytest.mark.parametrize(("command", "name", "field", "value"), TAKEN_FIELDS)
def test_options_are_those_of_the_settings(
    command: Command, name: str, field: Any, value: Any
) -> None:
    option = command.options[_option(name)]
    assert option.help.startswith(field.description.rstrip(".").partition(";")[0])
    unit = facts_of(field)["unit"]
    assert not unit or f"({unit})" in option.help
    # What may be a number or something else is a text on the command line.
    text = isinstance(option.default, str)
    assert option.default == (_text(value) if text else value)
    assert option.show_default


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_a_default_that_may_be_repeated() -> None:
    assert BY_NAME["analyze"].options["--delta"].show_default == str(AnalyzeSettings().delta)


def _outside(field: Any) -> list[float]:
    """Numbers just beyond each bound of a setting."""
    bounds = facts_of(field)["bounds"]
    found = [bounds["ge"] - 1] if "ge" in bounds else []
    found += [bounds["gt"]] if "gt" in bounds else []
    # Beyond the rounding of the largest ones, and whole.
    return found + ([bounds["le"] + max(1, bounds["le"] // 10**6)] if "le" in bounds else [])


BOUNDED = [one for one in TAKEN_FIELDS if _outside(one.values[2])]


def test_many_settings_have_bounds() -> None:
    assert len(BOUNDED) > 70


@pytest.mark.parametrize(("command", "name", "field", "value"), BOUNDED)
def test_values_out_of_bounds(
    refused: Refused, command: Command, name: str, field: Any, value: Any
) -> None:
    bounds, unit = facts_of(field)["bounds"], facts_of(field)["unit"]
    parts = ["above zero" if "gt" in bounds else "between"]
    parts += [f" {bounds['le']:g}" if bounds["le"] < 1e6 else f" {bounds['le']:.0e}"[:2]]
    parts += [f"({unit})"] if unit else []
    for wrong in _outside(field):
        words = [f"{wrong}"] * max(1, command.options[_option(name)].nargs)
        line = refused(*command.words(), _option(name), *words, parts=tuple(parts))
        found = f"aet: error: {_option(name)}: found "
        assert line.startswith(found)
        given, mark, _ = line.removeprefix(found).partition("; expected a ")
        assert mark
        assert words[0] in given


@pytest.mark.parametrize("command", ALL, ids=BY_NAME)
def test_an_unknown_option_names_the_nearest(refused: Refused, command: Command) -> None:
    for right in command.options:
        wrong = right[:-1] + 2 * right[-1]
        parts = (f"{wrong}: found no such option; expected {right}", f"`aet {command.name} --help`")
        refused(*command.words(), wrong, "x", parts=parts)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("recontsruct",), ("command: found 'recontsruct'; expected reconstruct", "`aet --help`")),
        (("mdb", "qury"), ("command: found 'qury'; expected query", "`aet mdb --help`")),
        (("zzz",), ("command: found 'zzz'; expected one of demo, run,", "reference")),
        (("--verson",), ("--verson: found no such option; expected --version",)),
        (("mdb", "list"), ("Missing option '--bank'", "`aet mdb list --help`")),
        (("trace",), ("Missing argument 'volume'", "`aet trace --help`")),
        (("trace", "v", "-o"), ("requires an argument",)),
        (("trace", "v", "w", "-o", "p.npz"), ("unexpected extra argument", "w")),
        (("trace", "v", "-o", "p.npz", "--threads", "two"), ("--threads: found 'two'", "whole")),
    ],
)
def test_command_lines_that_are_none(
    refused: Refused, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused(*words, parts=parts)


def test_version(aet: Aet) -> None:
    outcome = aet("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"aet {aet_port.__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    calls = [["--help"], ["mdb", "--help"], ["--version"]]
    code = f"""
import sys
from aet_port.cli.app import main
for words in {calls}:
    sys.argv = ["aet", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
print("imported:", [name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "imported: []"


def _summaries(aet: Aet, *words: str) -> dict[str, str]:
    """Commands of a group and what its help says of each."""
    panel = aet(*words, "--help").out.partition("Commands")[2]
    rows = re.findall(r"^\W*([a-z][a-z-]*) {2,}(\S.*?)\W*$", panel, re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_summaries_are_those_of_the_commands(
    aet: Aet, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    shown = _summaries(aet, *group.split())
    names = COMMANDS[group] if group else COMMANDS
    assert list(shown) == list(names)
    for name, text in shown.items():
        whole = f"{group} {name}".strip()
        said = GROUPS[name] if not group and name in GROUPS else _first(BY_NAME[whole].function)
        assert said.endswith(".")
        assert text == said.rstrip(".")
        if whole in BY_NAME:
            assert said in " ".join(aet(*whole.split(), "--help").out.split())


def _first(function: Any) -> str:
    return " ".join(inspect.getdoc(function).split("\n\n")[0].split())
