"""``aet analyze``: the structure of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aet_port.cli.interval_table import print_intervals
from aet_port.cli.numbers import number
from aet_port.cli.options import (
    FigureFormat,
    Model,
    Scale,
    Scheduler,
    Species,
    Types,
    Workers,
    help_text,
    settings_options,
)
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.settings import facts_of
from aet_port.core.terminal import print_note
from aet_port.structure.settings import DEFAULTS, AnalyzeSettings

if TYPE_CHECKING:
    from datetime import datetime

    from aet_port.core.data import AtomicModel
    from aet_port.structure import StructureResult


@settings_options(leave_out={"settings": ("delta",)})
@table_options
def analyze_command(
    model: Model,
    settings: AnalyzeSettings,
    species: Species = None,
    delta: Annotated[
        list[float] | None,
        number(
            f"{help_text(AnalyzeSettings.model_fields['delta'])} May be repeated.",
            **facts_of(AnalyzeSettings.model_fields["delta"])["bounds"],
            show_default=str(DEFAULTS.delta),
        ),
    ] = None,
    atoms: Annotated[
        str | None,
        typer.Option(
            metavar="all|disordered|inner|FILE",
            help="Atoms that the statistics are made of: all, disordered (not crystalline), inner "
            "(below the surface), or a .txt or .npy file with their numbers from 0. Disordered "
            "unless given, or all if hardly any are.",
        ),
    ] = None,
    scale: Scale = None,
    bank: Annotated[
        Path | None, typer.Option(help="Bank in which to deposit the model and its analyses.")
    ] = None,
    kind: Annotated[
        Literal["experiment", "md_snapshot", "synthetic"],
        typer.Option(help="Origin of the model, stored in the bank."),
    ] = "experiment",
    types: Types = None,
    solute: Annotated[
        str | None,
        typer.Option(help="Solute species whose medium-range order is analysed (takes minutes)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File for every quantity of each atom: .extxyz, .csv, .parquet or LAMMPS .dump.",
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for figures like those of the papers.")
    ] = None,
    figure_format: FigureFormat = "png",
    workers: Workers = None,
    scheduler: Scheduler = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Analyse the structure of a model: short-range order, bipyramids and their networks.

    With --resample, every result gets an interval from the uncertainties of the atoms.
    """
    from aet_port.io import read_model
    from aet_port.io.atom_files import ATOM_SUFFIXES, write_atoms
    from aet_port.structure import analyze, atom_quantities
    from aet_port.structure.draws import model_errors
    from aet_port.structure.length_units import scaled_model
    from mdb.schema import utc_now

    if settings.sigma is not None and not settings.resample:
        expected = "it together with --resample N"
        raise InputError("--sigma", f"{settings.sigma:g} without --resample", expected)
    deltas = [settings.changed(delta=one).delta for one in delta or [settings.delta]]
    if output is not None:
        check_target(output, ATOM_SUFFIXES)
        if len(deltas) > 1:
            raise InputError("--output", f"{len(deltas)} values of --delta", "one of them")
    if figures is not None:
        check_target(figures / f"pdf.{figure_format}", (".png", ".svg"))
    symbols = species.split(",") if types is not None and species is not None else species
    read = scaled_model(read_model(model, symbols, types=types), scale)
    population = None if atoms is None else _population(atoms, len(read))
    if settings.resample and population is not None and not isinstance(population, str):
        expected = "all, disordered or inner with --resample: drawn models have other atoms"
        raise InputError("--atoms", repr(atoms), expected)
    if settings.resample:
        model_errors(read.atoms, settings.sigma)  # says at once what is missing
    analyses: list[StructureResult] = []
    times = [utc_now()]
    for one in deltas:
        # What delta does not change is computed once.
        first = analyses[0] if analyses else None
        used = settings.cutoff if first is None else first.cutoff
        found = analyze(
            read.atoms,
            cutoff=used,
            delta=one,
            solute=solute,
            population=population,
            earlier=first,
        )
        analyses.append(_resampled(read, found, settings, workers, scheduler, form.for_people))
        times.append(utc_now())
    for remark in analyses[0].remarks:
        print_note(f"aet: warning: {model}: {remark}")
    facts: dict[str, Any] = {"atoms": len(read)}
    if output is not None:
        facts["file"] = str(write_atoms(output, atom_quantities(read, analyses[0])))
    if bank is not None:
        facts |= {"bank": str(bank), "model": _deposit(bank, model, read, kind, analyses, times)}
    if figures is not None:
        written = _draw(analyses[0], figures, figure_format)
        facts["figures"] = [str(path) for path in written]
    summaries = [found.summary() for found in analyses]
    if form.taken([facts | summary for summary in summaries], facts | {"analyses": summaries}):
        return
    print_facts(False, f"aet analyze {model}", facts)
    for summary in summaries:
        summary.pop("intervals", None)
        summary.pop("remarks", None)
    order = [summary.pop("short_range_order") for summary in summaries][-1]
    statistics, reasons = order.pop("statistics"), order.pop("reasons")
    solutes = [summary.pop("medium_range_order", None) for summary in summaries][-1]
    flat = [summary | summary.pop("packing", {}) for summary in summaries]
    keys = dict.fromkeys(key for summary in flat for key in summary)
    rows = [(key, *(summary.get(key) for summary in flat)) for key in keys]
    print_rows(("", *(f"delta {found.delta:g}" for found in analyses)), rows)
    print_facts(False, "short-range order", order)
    print_rows(
        ("mean of", "atoms", "standard error"),
        [(name, one["atoms"], one["standard_error"]) for name, one in statistics.items()],
        "numbers of atoms and standard errors",
    )
    if reasons:
        print_facts(False, "not stated, or with a remark", reasons)
    if solutes is not None:
        print_facts(False, "medium-range order", solutes)
    for found in analyses:
        if found.intervals is not None:
            print_intervals(found.intervals, f", delta {found.delta:g}")


def _population(asked: str, n_atoms: int) -> Any:
    """Name of a population, or the numbers of atoms in a file."""
    from aet_port.structure.populations import read_population

    return read_population(asked, n_atoms)


def _resampled(
    atoms: AtomicModel,
    found: StructureResult,
    settings: AnalyzeSettings,
    workers: int | None,
    scheduler: str | None,
    progress: bool,
) -> StructureResult:
    """The analysis with intervals if they are asked for."""
    from aet_port.core.parallel import check_threads
    from aet_port.structure import resample

    if not settings.resample:
        return found
    # Asked for medium-range order, the analysis itself has it; the drawn models don't.
    return resample(
        atoms,
        found,
        settings.resample,
        sigma=settings.sigma,
        seed=settings.seed,
        workers=check_threads(workers),
        scheduler=scheduler,
        progress=progress,
    )


def _draw(found: StructureResult, folder: Path, form: str) -> list[Path]:
    from aet_port.figures.order import write_order_figures
    from aet_port.figures.packing import write_packing_figures

    if found.order is None:
        raise AssertionError("analyze() computes the order unless told otherwise")
    packing = [] if found.packing is None else write_packing_figures(found, folder, form)
    return [*write_order_figures(found.order, folder, form), *packing]


def _deposit(
    bank: Path,
    file: Path,
    atoms: AtomicModel,
    kind: str,
    analyses: list[StructureResult],
    times: list[datetime],
) -> str:
    """Store a model from a file with its analyses, all or nothing; its id in the bank."""
    import mdb

    source = [mdb.Provenance.of("model", file)]
    with mdb.Bank(bank) as opened, opened.transaction():
        for found, started, finished in zip(analyses, times[:-1], times[1:], strict=True):
            stored = mdb.deposit(
                opened,
                atoms,
                kind=kind,
                analysis=found,
                started=started,
                finished=finished,
                provenance=source,
            )
    return stored.id
