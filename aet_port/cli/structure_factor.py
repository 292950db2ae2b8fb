"""``aet structure-factor``: S(q) and the scattered intensity of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.options import Model, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io.settings import ModelReadSettings
from aet_port.structure.settings import StructureFactorSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aet_port.core.atomic_model import AtomicModel
    from aet_port.structure import StructureFactor

SHOWN = 8  # peaks


@settings_options()
@table_options
def structure_factor_command(
    model: Model,
    settings: StructureFactorSettings,
    model_reading: ModelReadSettings,
    average: Annotated[
        bool,
        typer.Option("--average", help="With --frame all: the mean over the frames of the file."),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw S(q), total and partial: .png or .svg.")
    ] = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Compute structure factors and scattered intensity of a model, total and partial.

    A periodic box is taken at its reciprocal-lattice vectors, a particle by Debye's sum. With
    --json, --csv or --parquet every value of q; with --frame all, those of each frame.
    """
    from aet_port.io import read_model, read_models
    from aet_port.structure import average_structure_factor, scattering_of
    from aet_port.structure.pairs.scattering_methods import chosen_method

    every = model_reading.frame == "all"
    if average and not every:
        raise InputError("--average", "one frame", "it together with --frame all")
    if figure is not None:
        check_target(figure, (".png", ".svg"))
        if every and not average:
            raise InputError("--figure", "--frame all as well", "one frame, or --average")
    read: Iterable[AtomicModel]
    if every:
        read = read_models(model, **dict(model_reading))
    else:
        read = [read_model(model, **dict(model_reading))]
    found, sizes, methods = [], [], []
    for one in read:
        noted(one)
        found.append(scattering_of(one, settings))
        sizes.append(len(one))
        methods.append(chosen_method(one, settings.method))
    number = len(found)
    if average:
        found = [average_structure_factor(found)]
    facts: dict[str, Any] = {
        "model": str(model),
        "atoms": sizes[-1] if len(set(sizes)) == 1 else sizes,
        "method": methods[-1] if len(set(methods)) == 1 else methods,
        "weights": settings.weights,
    }
    if every:
        facts["frames"] = number
    if figure is not None:
        from aet_port.figures.scattering import write_structure_factor

        facts["figure"] = str(write_structure_factor(figure, found[0]))
    mark = every and not average
    rows = [
        ({"frame": k} if mark else {}) | row for k, one in enumerate(found) for row in _rows(one)
    ]
    contents = [{"peaks": _peaks(one), **_columns(one)} for one in found]
    if form.taken(rows, facts | ({"structure_factors": contents} if mark else contents[0])):
        return
    facts["q"] = f"{found[0].q[0]:.4g} to {found[0].q[-1]:.4g} 1/angstrom"
    facts["points"] = len(found[0].q)
    print_facts(False, "aet structure-factor", facts)
    names = (*(("frame",) if mark else ()), "q (1/angstrom)", "S", "standard error")
    table = [
        (*((k,) if mark else ()), peak["q"], peak["s"], peak["error"])
        for k, one in enumerate(found)
        for peak in _peaks(one)
    ]
    print_rows(names, table, "highest peaks")


def _columns(found: StructureFactor) -> dict[str, Any]:
    """Every column by its name."""
    columns: dict[str, Any] = {"q": found.q, "s": found.s}
    if found.error is not None:
        columns["error"] = found.error
    if found.vectors is not None:
        columns["vectors"] = found.vectors
    columns["intensity"] = found.intensity
    return columns | {f"s_{a}_{b}": partial for (a, b), partial in found.partial.items()}


def _rows(found: StructureFactor) -> list[dict[str, Any]]:
    columns = {name: values.tolist() for name, values in _columns(found).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _peaks(found: StructureFactor) -> list[dict[str, Any]]:
    """The highest maxima above 1, by rising q."""
    from aet_port.structure.pairs.structure_factors import highest_peaks

    return [
        {
            "q": float(found.q[k]),
            "s": float(found.s[k]),
            "error": None if found.error is None else float(found.error[k]),
        }
        for k in highest_peaks(found, SHOWN)
    ]
