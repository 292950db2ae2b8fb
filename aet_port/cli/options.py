"""Options of commands: those of a settings class, and those that many commands share."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from aet_port.cli.numbers import number
from aet_port.core.errors import InputError, shown
from aet_port.core.limits import LARGEST_PIXEL, MOST_PROCESSES, SMALLEST_PIXEL
from aet_port.core.settings import Settings, facts_of
from aet_port.preprocessing.settings import SERIES_BACKGROUND_HELP, SeriesBackground

Json = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
Threads = Annotated[
    int | None, number("Number of threads; all cores unless given.", ge=1, le=MOST_PROCESSES)
]
Workers = Annotated[
    int | None, number("Number of processes; all cores unless given.", ge=1, le=MOST_PROCESSES)
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler, such as tcp://host:8786. Whoever can reach it can have "
        "any code run there and here: use only one that you trust, in a closed network or over TLS."
    ),
]
PixelSize = Annotated[
    float | None,
    number(
        "Pixel size (angstrom); needed unless the file states it.",
        ge=SMALLEST_PIXEL,
        le=LARGEST_PIXEL,
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        help="Model: .xyz, .extxyz, LAMMPS .dump or .data, .cif, POSCAR, .pdb, .csv, .mat or .db."
    ),
]
Projections = Annotated[
    Path,
    typer.Argument(help="Projections of the tilt series: .mat, .npy, .mrc, .tif, .dm4, .emd, ..."),
]
Angles = Annotated[
    Path, typer.Argument(help="Tilt angles (degrees): .mat, .npy, .txt, .tlt, .rawtlt or .mdoc.")
]
AnglesIfAny = Annotated[
    Path | None,
    typer.Argument(
        help="Tilt angles (degrees): .mat, .npy, .txt, .tlt, .rawtlt or .mdoc; those of the "
        "projections' file unless given."
    ),
]
VolumeFile = Annotated[Path, typer.Argument(help="Volume: .npy, .npz, .mrc, .mat or .tif.")]
VolumeVariable = Annotated[
    str | None,
    typer.Option(
        "--variable",
        help="Array of the volume, where a .mat or .npz file has several, such as obj.volume.",
    ),
]
Background = Annotated[SeriesBackground, typer.Option(help=SERIES_BACKGROUND_HELP)]
Checkpoint = Annotated[
    Path | None,
    typer.Option(help="Checkpoint file, from which an interrupted run continues."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
Figures = Annotated[Path | None, typer.Option(help="Folder for figures.")]
FigureFormat = Annotated[Literal["png", "svg"], typer.Option(help="File format of the figures.")]


def settings_options(
    leave_out: Mapping[str, Collection[str]] | None = None,
    defaults: Mapping[str, Settings] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make options of the parameters of a command that are settings.

    A parameter annotated with a :class:`~aet_port.core.settings.Settings` class becomes one option
    for each of its fields, with type, default, unit and help of the field; nested settings too. A
    field whose name is taken by an earlier one gets the name of its parameter in front. The other
    name of a field (``also``) is one of its option too, unless anything else has it.

    Parameters
    ----------
    leave_out
        By parameter, fields that are no options.
    defaults
        By parameter, settings whose values are the defaults, where not those of the class.

    Returns
    -------
    A decorator. The command is called with the settings made of the options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        parameters: list[inspect.Parameter] = []
        plans: dict[str, _Plan] = {}
        free = _free_names(signature, leave_out or {})
        for name, parameter in signature.parameters.items():
            kind = parameter.annotation
            if isinstance(kind, type) and issubclass(kind, Settings):
                base = (defaults or {}).get(name)
                base = kind.model_construct() if base is None else base
                taken = {one.name for one in parameters} | set(signature.parameters)
                skipped = set((leave_out or {}).get(name, ()))
                plans[name] = plan = _Plan(kind, base, skipped, taken, name, free)
                parameters += plan.parameters
            else:
                parameters.append(parameter)

        @wraps(command)
        def called(**values: Any) -> None:
            for name, plan in plans.items():
                values[name] = plan.settings(values)
            command(**values)

        required = [one for one in parameters if one.default is inspect.Parameter.empty]
        others = [one for one in parameters if one.default is not inspect.Parameter.empty]
        keyword = inspect.Parameter.KEYWORD_ONLY
        called.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[one.replace(kind=keyword) for one in (*required, *others)]
        )
        called.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
        del called.__wrapped__
        return called

    return decorate


class _Plan:
    """The options of one settings class, and how its value is made of them."""

    def __init__(
        self,
        kind: type[Settings],
        base: Settings,
        leave_out: Collection[str],
        taken: set[str],
        prefix: str,
        free: Collection[str],
    ) -> None:
        self.kind, self.base = kind, base
        self.parameters: list[inspect.Parameter] = []
        self.names: dict[str, str] = {}
        self.inner: dict[str, _Plan] = {}
        for key, field in kind.model_fields.items():
            if key in leave_out:
                continue
            value = getattr(base, key)
            if isinstance(value, Settings):
                plan = _Plan(type(value), value, leave_out, taken, key, free)
                self.inner[key] = plan
                self.parameters += plan.parameters
                continue
            name = f"{prefix}_{key}" if key in taken else key
            taken.add(name)
            self.names[key] = name
            also = facts_of(field)["also"]
            self.parameters.append(_parameter(name, field, value, also if also in free else ""))

    def settings(self, values: dict[str, Any]) -> Settings:
        """Take the options out of ``values`` and make the settings."""
        found: dict[str, Any] = dict(self.base)
        for key, plan in self.inner.items():
            found[key] = plan.settings(values)
        given = {key: values.pop(name) for key, name in self.names.items()}
        for key, value in given.items():
            found[key] = _typed(self.kind.model_fields[key].annotation, value)
        try:
            return self.kind(**found)
        except InputError as error:
            key = error.subject
            if key not in given:
                raise
            # A list of numbers as it was written, not as it was read.
            as_written = isinstance(given[key], str) and error.found == shown(found[key])
            was = shown(given[key]) if as_written else error.found
            raise InputError(_option(self.names[key]), was, error.expected) from None


def help_text(field: FieldInfo) -> str:
    """Help of a field's option, the unit behind the first clause."""
    text, unit = str(field.description), facts_of(field)["unit"]
    if not unit:
        return text
    clause, mark, rest = text.rstrip(".").partition(";")
    return f"{clause} ({unit}){mark}{rest}."


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _free_names(signature: inspect.Signature, leave_out: Mapping[str, Collection[str]]) -> set[str]:
    """Other names of settings that are the name of nothing else."""
    names, others = set(signature.parameters), set()
    for name, parameter in signature.parameters.items():
        kind = parameter.annotation
        if isinstance(kind, type) and issubclass(kind, Settings):
            skipped = leave_out.get(name, ())
            for key, field in _all_fields(kind):
                if key not in skipped:
                    names.add(key)
                    others.add(facts_of(field)["also"])
    return others - names


def _all_fields(kind: type[Settings]) -> Iterator[tuple[str, FieldInfo]]:
    for key, field in kind.model_fields.items():
        yield key, field
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _all_fields(field.annotation)


def _parameter(name: str, field: FieldInfo, value: Any, also: str) -> inspect.Parameter:
    kind, metavar = _option_type(field.annotation)
    # What is off unless given needs no option that turns it off.
    two = kind in (bool, bool | None) and value is not False
    flags = f"{_option(name)}/{_option(f'no_{name}')}" if two else _option(name)
    names = [flags, _option(also)] if also else [flags]
    shown = value
    if kind == str | None and value is not None:
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=shown,
        annotation=Annotated[kind, typer.Option(*names, help=help_text(field), metavar=metavar)],
    )


def _option_type(hint: Any) -> tuple[Any, str | None]:
    """What the command line is told of a type, and how its value is shown; else text."""
    parts = _alternatives(hint)
    single: Any = parts[0] if len(parts) == 1 else None
    optional = type(None) in get_args(hint)
    if single in (int, float, bool, str):
        return (single | None if optional else single), None
    if get_origin(single) is Literal:
        return (single | None if optional else single), None
    if get_origin(single) is tuple and Ellipsis not in get_args(single):
        return (single | None if optional else single), None
    words = [_metavar(part) for part in parts]
    return str | None, "|".join(words)


def _metavar(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        return "A,B,..." if Ellipsis in inner else ",".join("XYZ"[: len(inner)])
    if get_origin(hint) is dict:
        return "NAME=NUMBER,..."
    return {float: "NUMBER", int: "INTEGER"}.get(hint, "TEXT")


def _alternatives(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [part for part in get_args(hint) if part is not type(None)]
    return [hint]


def _typed(hint: Any, value: Any) -> Any:
    """A text of the command line as the first alternative of a type that it fits."""
    parts = _alternatives(hint)
    if not isinstance(value, str) or (len(parts) == 1 and parts[0] in (str, int, float)):
        return value
    words = value.replace(",", " ").split()
    for part in parts:
        if get_origin(part) is tuple and (len(words) > 1 or len(parts) == 1):
            return tuple(_number(word, get_args(part)[0]) for word in words)
        if get_origin(part) is dict:
            return _mapping(words, get_args(part)[1]) or value
        if part in (int, float) and isinstance(_number(value, part), part):
            return _number(value, part)
    return value


def _mapping(words: Collection[str], kind: Any) -> dict[str, Any]:
    """Numbers by name of words such as ``Co=0.3``; empty unless all are, each name once."""
    pairs = [word.partition("=") for word in words]
    found = {name: _number(number, kind) for name, _, number in pairs if name}
    fits = len(found) == len(pairs) and all(isinstance(one, kind) for one in found.values())
    return found if fits else {}


def _number(word: str, kind: Any) -> Any:
    if kind not in (int, float):
        return word
    try:
        return kind(word)
    except ValueError:
        return word
