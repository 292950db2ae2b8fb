"""``aet compare-models``: one model compared with another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.options import Figures, Json, settings_options
from aet_port.core.console import print_facts, print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.validation.settings import CompareSettings

if TYPE_CHECKING:
    from aet_port.core.data import AtomicModel

UNKNOWN = "X"  # ASE's symbol of no element


@settings_options()
def compare_models_command(
    first: Annotated[Path, typer.Argument(help="Model to evaluate.")],
    second: Annotated[Path, typer.Argument(help="Model to compare it with, such as the true one.")],
    settings: CompareSettings,
    species: Annotated[
        str | None,
        typer.Option(help="Chemical symbol, or one per type (Ni,Pd,Pt), of .mat files."),
    ] = None,
    types: Annotated[
        list[Path] | None,
        typer.Option(
            help=".mat file with the atom types of a .mat model; give it twice for two models."
        ),
    ] = None,
    reference_quirks: Annotated[
        bool,
        typer.Option(
            "--reference-quirks", help="Pair the atoms as the code of the glass paper does."
        ),
    ] = False,
    figures: Figures = None,
    as_json: Json = False,
) -> None:
    """Compare two models atom by atom: recall, precision, species, RMSD, missed and spurious."""
    from aet_port.validation.precision import score

    if figures is not None:
        check_target(figures / "deviations.png", (".png",))
    left = list(types or [])
    one, other = (
        _read(file, species, left.pop(0) if left and file.suffix.lower() == ".mat" else None)
        for file in (first, second)
    )
    if left:
        raise InputError("--types", f"{left[0]} too many", "at most one for each .mat model")
    found = score(one, other, settings.radius, reference_quirks=reference_quirks)
    facts: dict[str, Any] = found.summary()
    if UNKNOWN in found.species:
        # A file without species: places alone are compared.
        for key in ("right_species", "species_fraction", "identified", "species", "confusion"):
            facts.pop(key)
    if figures is not None:
        from aet_port.figures.precision import write_precision_figures

        facts["figures"] = [str(path) for path in write_precision_figures(figures, found)]
    if as_json:
        print_json(facts)
        return
    by_species, confusion = facts.pop("species", None), facts.pop("confusion", None)
    print_facts(False, "aet compare-models", facts)
    if by_species is not None and confusion is not None:
        heads = ("species", "true", "found", "right", "recall", "precision", "RMSD (pm)")
        print_rows(heads, found.rows(), "by species")
        table = [(true, *row.values()) for true, row in confusion.items()]
        print_rows(("true \\ found", *found.species), table, "pairs")


def _read(file: Path, species: str | None, types: Path | None) -> AtomicModel:
    from aet_port.io import read_model

    if file.suffix.lower() != ".mat":
        return read_model(file)
    if types is not None and species is not None:
        return read_model(file, species.split(","), types=types)
    return read_model(file, species or UNKNOWN, types=types)
