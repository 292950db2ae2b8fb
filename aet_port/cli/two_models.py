"""What commands that compare two models share: how these are read, and tables of the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.core.console import print_rows
from aet_port.core.errors import DataFileError, InputError

if TYPE_CHECKING:
    from aet_port.core.data import AtomicModel
    from aet_port.validation.precision import Precision

UNKNOWN = "X"  # ASE's symbol of no element
FileSpecies = Annotated[
    str | None,
    typer.Option(help="Chemical symbol, or one per type (Ni,Pd,Pt), of files that name none."),
]
FileTypes = Annotated[
    list[Path] | None,
    typer.Option(
        help=".mat file with the atom types of a .mat model; give it twice for two models."
    ),
]


def read_two(
    first: Path, second: Path, species: str | None, types: Sequence[Path] | None
) -> tuple[AtomicModel, AtomicModel]:
    """Read two models; files of types belong to .mat models in order."""
    left = list(types or [])
    one, other = (
        read_one(file, species, left.pop(0) if left and file.suffix.lower() == ".mat" else None)
        for file in (first, second)
    )
    if left:
        raise InputError("--types", f"{left[0]} too many", "at most one for each .mat model")
    return one, other


def read_one(file: Path, species: str | None = None, types: Path | None = None) -> AtomicModel:
    """Read a model; where neither file nor caller name a species, that of no element."""
    return noted(_read(file, species, types))


def _read(file: Path, species: str | None, types: Path | None) -> AtomicModel:
    from aet_port.io import read_model

    kinds = None if species is None else species.split(",")
    if file.suffix.lower() == ".csv":
        try:
            return read_model(file)
        except DataFileError:
            raise
        except InputError as error:
            # No species in the file, or numbers of types, which need a symbol each.
            if kinds is None and not error.found.startswith("no column"):
                raise
            return read_model(file, kinds or UNKNOWN)
    if file.suffix.lower() != ".mat":
        return read_model(file)
    if types is not None and kinds is not None:
        return read_model(file, kinds, types=types)
    return read_model(file, species or UNKNOWN, types=types)


def print_species(found: Precision, by_species: dict[str, Any], confusion: dict[str, Any]) -> None:
    """Print recall and precision by species, and the table of true and found species."""
    heads = ("species", "true", "found", "right", "recall", "precision", "RMSD (pm)")
    print_rows(heads, found.rows(), "by species")
    table = [(true, *row.values()) for true, row in confusion.items()]
    print_rows(("true \\ found", *found.species), table, "pairs")
