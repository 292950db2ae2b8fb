"""The configuration of a run: one TOML file, every key checked before any work starts."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ase.data import atomic_numbers

from aet_port.core.errors import DataFileError, InputError
from aet_port.workflow.sections import (
    Analyze,
    Classify,
    Input,
    Preprocess,
    Reconstruct,
    Refine,
    RefineAngles,
    Sample,
    Select,
    Trace,
)

Resolve = Callable[[str], Path]
REFERENCE = "reference:"
BESIDE = (".mdoc", ".rawtlt", ".tlt", ".emi", ".json", ".csv")  # of raw frames


@dataclass(frozen=True)
class RunConfig:
    """All of a run; made by :func:`load_config`."""

    path: Path
    text: str
    sample: Sample
    input: Input
    reconstruct: Reconstruct = field(default_factory=Reconstruct)
    trace: Trace = field(default_factory=Trace)
    select: Select = field(default_factory=Select)
    classify: Classify = field(default_factory=Classify)
    analyze: Analyze = field(default_factory=Analyze)
    preprocess: Preprocess | None = None
    refine_angles: RefineAngles | None = None
    refine: Refine | None = None
    resolve: Resolve = Path

    def file(self, name: str, **parts: object) -> Path:
        """Path of a file the configuration names: relative to it, or ``reference:...``."""
        for key, value in parts.items():
            name = name.replace("{" + key + "}", str(value))
        if name.startswith(REFERENCE):
            return self.resolve(name[len(REFERENCE) :])
        return (self.path.parent / Path(name).expanduser()).resolve()

    def projections(self, area: int = 0) -> Path:
        """File of the projections, or of those of a sub-area."""
        return self.file(str(self.input.projections), area=area)

    def frames(self) -> list[Path]:
        """Files of raw frames, or the one folder of them, where the run is to preprocess."""
        given = self.input.projections
        return [self.file(name) for name in ((given,) if isinstance(given, str) else given)]

    def _frame_files(self) -> dict[str, Path]:
        """The frames and the files beside them that tell their angles, by role."""
        named = self.frames()
        if len(named) == 1 and named[0].is_dir():
            named = sorted(path for path in named[0].iterdir() if path.is_file())
        found = {f"frames {number}": path for number, path in enumerate(named)}
        for number, path in enumerate(named):
            for suffix in BESIDE:
                for beside in {path.with_suffix(suffix), Path(f"{path}{suffix}")} - set(named):
                    if beside.is_file():
                        found[f"frames {number} {suffix}"] = beside
        return found

    @property
    def species(self) -> tuple[str, ...]:
        """Symbols of the sample, lightest first."""
        given = self.sample.species
        return (given,) if isinstance(given, str) else given

    def inputs(self) -> dict[str, Path]:
        """Every file the run reads, by role."""
        given: dict[str, Path] = {}
        if self.input.angles is not None:
            given["angles"] = self.file(self.input.angles)
        if self.preprocess is not None:
            given |= self._frame_files()
        elif self.input.areas:
            for area in self.input.areas:
                given[f"projections {area}"] = self.projections(area)
            given["placement"] = self.file(str(self.input.placement))
        else:
            given["projections"] = self.projections()
        for role in ("support", "mask", "initial"):
            name = getattr(self.reconstruct, role)
            if name is not None:
                given[role] = self.file(name)
        if self.select.support not in (None, "tight"):
            given["atom support"] = self.file(str(self.select.support))
        if self.select.edits is not None:
            given["edits"] = self.file(self.select.edits)
        for role, path in given.items():
            if not path.is_file():
                raise DataFileError(path, "no such file", f"the {role} named in {self.path}")
        return given


_LEAST = {
    "areas": 1,
    "volume_shape": 1,
    "iterations": 1,
    "oversampling": 1,
    "thickness": 1,
    "max_peaks": 1,
    "threshold": 0,
    "minimum_distance": 0,
    "merge_distance": 0,
    "class_thirds": 1,
    "histogram_thirds": 1,
    "thirds": 1,
    "radius": 0,
    "unassigned": 0,
    "restraint": 0,
    "evaluations": 1,
    "rounds": 1,
    "folds": 2,
    "frames_per_tilt": 1,
}
_ABOVE_ZERO = ("pixel_size", "step", "cutoff", "delta", "limit")
_SECTIONS = {
    "sample": Sample,
    "input": Input,
    "preprocess": Preprocess,
    "refine_angles": RefineAngles,
    "reconstruct": Reconstruct,
    "trace": Trace,
    "select": Select,
    "classify": Classify,
    "refine": Refine,
    "analyze": Analyze,
}
_ON_REQUEST = (
    "preprocess",
    "refine_angles",
    "refine",
)  # without their section left out


def load_config(path: str | Path, resolve: Resolve = Path) -> RunConfig:
    """Read and check the TOML file of a run.

    Parameters
    ----------
    path
        The file.
    resolve
        Turns what stands behind ``reference:`` into a path.

    Raises
    ------
    DataFileError
        If the file is missing, is not TOML, lacks a key, has one too many, one of the wrong kind or
        out of range, or keys that do not go together.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise DataFileError(path, error.strerror or str(error), "a readable TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(
            path, f"no TOML ({error})", "a TOML file; see examples/ta_film.toml"
        ) from error
    unknown = sorted(set(table) - set(_SECTIONS))
    if unknown:
        raise DataFileError(
            path, f"a section or key {unknown[0]!r}", f"sections {', '.join(_SECTIONS)}"
        )
    sections = {
        name: _section(path, name, kind, table.get(name, {}))
        for name, kind in _SECTIONS.items()
        if name in table or name not in _ON_REQUEST
    }
    config = RunConfig(path.resolve(), text, resolve=resolve, **sections)
    for found, expected in _contradictions(config):
        raise DataFileError(path, found, expected)
    return config


def _section(path: Path, name: str, kind: type, table: Any) -> Any:
    if not isinstance(table, dict):
        raise DataFileError(path, f"{name} = {table!r}", f"a section [{name}]")
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise DataFileError(path, f"{unknown[0]!r} in [{name}]", f"keys {', '.join(known)}")
    missing = [
        n
        for n, f in known.items()
        if f.default is MISSING and f.default_factory is MISSING and n not in table
    ]
    if missing:
        raise DataFileError(path, f"no {missing[0]!r} in [{name}]", f"{missing[0]} = ...")
    hints = get_type_hints(kind)
    for key, value in table.items():
        expected = _expected(key, value, hints[key])
        if expected:
            raise DataFileError(path, f"{key} = {value!r} in [{name}]", expected)
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})


def _expected(key: str, value: Any, hint: Any) -> str:
    """What should stand there instead of ``value``; nothing if it is right."""
    if not _fits(value, hint):
        return _words(hint)
    least = _LEAST.get(key)
    if least is not None and any(v < least for v in (value if _is_list(value) else [value])):
        return f"at least {least}"
    if key in _ABOVE_ZERO and not value > 0:
        return "a number above zero"
    if key == "oversampling" and _is_list(value) and len(value) != 3:
        return "one ratio, or three for x, y, z"
    if key == "volume_shape" and len(value) != 3:
        return "three numbers of voxels"
    if key == "areas" and len(set(value)) < len(value):
        return "each area once"
    if key == "name" and (not value.strip() or not value.isprintable()):
        return "words on one line"
    if key == "species":
        symbols = value if _is_list(value) else [value]
        if not symbols or any(atomic_numbers.get(symbol, 0) == 0 for symbol in symbols):
            return "a chemical symbol such as 'Ta', or a list of them"
        if len(set(symbols)) < len(symbols):
            return "each species once"
    return ""


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value is of the annotated kind; whole numbers may stand for reals."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return _is_list(value) and all(_fits(v, inner[0]) for v in value)
    if inner:
        return any(_fits(value, one) for one in inner)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is hint  # a bool is no int here


def _words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(repr(one) for one in inner)
    if origin is tuple:
        return f"a list, each {_words(inner[0])}"
    if inner:
        return " or ".join(_words(one) for one in inner if one is not type(None))
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[hint]


def _contradictions(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Keys that do not go together: what was found, what was expected."""
    given, frames = config.input, config.preprocess
    if frames is not None:
        try:
            frames.settings()
        except InputError as error:
            yield f"{error.found} for {error.subject} in [preprocess]", error.expected
        if frames.background_after_angles and config.refine_angles is None:
            yield "background_after_angles without [refine_angles]", "the two of them"
        if frames.background_after_angles and frames.background is False:
            yield "background_after_angles, but background = false", "one of them"
    else:
        if not isinstance(given.projections, str):
            yield "a list of projections in [input]", "one file, or raw frames and [preprocess]"
        if given.angles is None:
            yield "no 'angles' in [input]", "angles = ..."
    if given.areas:
        if "{area}" not in given.projections or given.placement is None or not given.volume_shape:
            yield (
                "areas without all of {area} in projections, placement and volume_shape",
                "the three of them, or no areas",
            )
    elif "{area}" in given.projections or given.placement or given.volume_shape:
        yield (
            "{area} in projections, placement or volume_shape, but no areas",
            "areas = [numbers], or none of the three",
        )
    refine = config.refine
    for name in _ON_REQUEST:
        if given.areas and getattr(config, name) is not None:
            yield f"[{name}] with areas", f"projections of the whole sample, or no [{name}]"
    if refine is not None and refine.method == "published" and refine.folds is not None:
        yield "folds with method = 'published' in [refine]", "folds with method = 'lbfgs'"
    if config.classify != Classify() and len(config.species) == 1:
        yield "[classify] for one species", "several, such as species = ['Co', 'Pd', 'Pt']"
    if len(config.species) > 1 and config.select.support is None:
        yield "several species without a support", "support = 'tight' or a file in [select]"
    if config.select.rule not in (None, "labels") and config.select.support is None:
        yield f"rule = {config.select.rule!r} in [select] without a support", "support = ..."
