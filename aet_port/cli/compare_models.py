"""``aet compare-models``: one model compared with another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.options import Figures, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.cli.two_models import AS_THEY_ARE, PairReading, pair_options, print_species
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.validation.settings import CompareSettings


@settings_options()
@pair_options
@table_options
def compare_models_command(
    first: Annotated[Path, typer.Argument(help="Model to evaluate.")],
    second: Annotated[Path, typer.Argument(help="Model to compare it with, such as the true one.")],
    settings: CompareSettings,
    readings: PairReading = AS_THEY_ARE,
    reference_quirks: Annotated[
        bool,
        typer.Option(
            "--reference-quirks", help="Pair the atoms as the code of the glass paper does."
        ),
    ] = False,
    figures: Figures = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Compare two models atom by atom: recall, precision, species, RMSD, missed and spurious."""
    from aet_port.io.models.species_choice import UNKNOWN
    from aet_port.validation.precision import score

    if figures is not None:
        check_target(figures / "deviations.png", (".png",))
    one, other = readings.read(first, second)
    found = score(one, other, settings.radius, reference_quirks=reference_quirks)
    facts: dict[str, Any] = found.summary()
    if UNKNOWN in found.species:
        # A file without species: places alone are compared.
        for key in ("right_species", "species_fraction", "identified", "species", "confusion"):
            facts.pop(key)
    if figures is not None:
        from aet_port.figures.precision import write_precision_figures

        facts["figures"] = [str(path) for path in write_precision_figures(figures, found)]
    species_rows = [{"species": name} | row for name, row in facts.get("species", {}).items()]
    if form.taken(species_rows or [facts], facts):
        return
    by_species, confusion = facts.pop("species", None), facts.pop("confusion", None)
    print_facts(False, "aet compare-models", facts)
    if by_species is not None and confusion is not None:
        print_species(found, by_species, confusion)
