"""What commands that compare two models share: how these are read, and tables of the result."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import help_text
from aet_port.core.console import print_rows
from aet_port.core.errors import InputError
from aet_port.core.settings import facts_of
from aet_port.io.settings import ModelReadSettings

if TYPE_CHECKING:
    from aet_port.core.atomic_model import AtomicModel
    from aet_port.validation.precision import Precision

ONLY_MAT = ("types", "types_variable", "model_variable")
TWICE = " Give it twice for two models."


@dataclass(frozen=True)
class PairReading:
    """How to read two models: by option, one value for both or one for each.

    Values that only .mat files have belong to the .mat models in their order, and species to files
    that name none.
    """

    values: dict[str, list[Any]] = field(default_factory=dict)

    def read(self, first: Path, second: Path) -> tuple[AtomicModel, AtomicModel]:
        """Read two models."""
        mat = [file for file in (first, second) if is_mat(file)]
        for name, given in self.values.items():
            places = len(mat) if name in ONLY_MAT else 2
            if len(given) > places:
                models = "each .mat model" if name in ONLY_MAT else "each model"
                found = f"{given[places]} too many"
                raise InputError(_option(name), found, f"at most one for {models}")
        return self._read(first, 0, mat), self._read(second, 1, mat)

    def _read(self, file: Path, place: int, mat: list[Path]) -> AtomicModel:
        own: dict[str, Any] = {}
        for name, given in self.values.items():
            if name in ONLY_MAT and not is_mat(file):
                continue
            # Both models may be the same file.
            k = min(place, len(mat) - 1) if name in ONLY_MAT else place
            if name == "types" and k >= len(given):
                continue
            own[name] = given[min(k, len(given) - 1)]
        try:
            reading = ModelReadSettings(**own)
        except InputError as error:
            raise InputError(_option(error.subject), error.found, error.expected) from None
        return read_one(file, reading)


AS_THEY_ARE = PairReading()


def pair_options(command: Callable[..., None]) -> Callable[..., None]:
    """Make options of the parameter of a command that is a :class:`PairReading`."""
    signature = inspect.signature(command, eval_str=True)
    name = next(k for k, one in signature.parameters.items() if one.annotation is PairReading)
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(kind=keyword) for k, one in signature.parameters.items() if k != name]
    own += [_repeated(key) for key in ModelReadSettings.model_fields]

    @wraps(command)
    def called(**values: Any) -> None:
        given = {key: values.pop(key, None) for key in ModelReadSettings.model_fields}
        lists = {key: [_typed(key, one) for one in some] for key, some in given.items() if some}
        values[name] = PairReading(lists)
        command(**values)

    called.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in own} | {"return": None}
    del called.__wrapped__
    return called


def _repeated(name: str) -> inspect.Parameter:
    about = ModelReadSettings.model_fields[name]
    names = [_option(one) for one in (name, facts_of(about)["also"]) if one]
    option = typer.Option(*names, help=help_text(about) + TWICE)
    kind: Any = list[float] | None if name == "scale" else list[str] | None
    hint = Annotated[kind, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)


def _typed(name: str, value: Any) -> Any:
    """A word of the command line as the setting has it."""
    if name == "species":
        symbols = tuple(value.replace(",", " ").split())
        return symbols[0] if len(symbols) == 1 else symbols
    whole = name == "frame" and value.removeprefix("-").isdecimal()
    return int(value) if whole else value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def is_mat(file: Path) -> bool:
    """Whether a name is that of a MATLAB file, compressed or not."""
    return ".mat" in (suffix.lower() for suffix in file.suffixes[-2:])


def read_one(file: Path, reading: ModelReadSettings) -> AtomicModel:
    """Read a model; where neither file nor caller name a species, that of no element."""
    from aet_port.io import read_model
    from aet_port.io.models.species_choice import PER_TYPE, UNKNOWN

    given = dict(reading)
    species = given.pop("species")
    model = read_model(file, default_species=species or UNKNOWN, **given)
    if species is None and "type" in model.atoms.arrays and set(model.species) == {UNKNOWN}:
        raise InputError(f"species of {file}", "atom types only", PER_TYPE)
    return noted(model)


def print_species(found: Precision, by_species: dict[str, Any], confusion: dict[str, Any]) -> None:
    """Print recall and precision by species, and the table of true and found species."""
    heads = ("species", "true", "found", "right", "recall", "precision", "RMSD (pm)")
    print_rows(heads, found.rows(), "by species")
    table = [(true, *row.values()) for true, row in confusion.items()]
    print_rows(("true \\ found", *found.species), table, "pairs")
