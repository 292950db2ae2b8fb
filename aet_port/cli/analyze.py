"""``aet analyze``: the structure of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aet_port.cli.frame_table import print_frames
from aet_port.cli.interval_table import print_intervals
from aet_port.cli.numbers import number
from aet_port.cli.options import (
    FigureFormat,
    Model,
    Scheduler,
    Workers,
    help_text,
    settings_options,
)
from aet_port.cli.ring_table import print_rings, print_voids
from aet_port.cli.surroundings_table import print_surroundings
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.settings import facts_of
from aet_port.core.terminal import print_note
from aet_port.io.settings import ModelReadSettings
from aet_port.structure.settings import (
    DEFAULTS,
    OF_DRAWS,
    AnalyzeSettings,
    ChemicalMapSettings,
    DensityMapSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from aet_port.core.atomic_model import AtomicModel
    from aet_port.structure import StructureResult


@settings_options(leave_out={"settings": ("delta",)})
@table_options
def analyze_command(
    model: Model,
    settings: AnalyzeSettings,
    model_reading: ModelReadSettings,
    grid: ChemicalMapSettings,
    density_grid: DensityMapSettings,
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
    bank: Annotated[
        Path | None, typer.Option(help="Bank in which to deposit the model and its analyses.")
    ] = None,
    kind: Annotated[
        Literal["experiment", "md_snapshot", "synthetic"],
        typer.Option(help="Origin of the model, stored in the bank."),
    ] = "experiment",
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
    chemical_map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for a map of the local Warren-Cowley parameters: .npz, or .mrc with the pair"
            " of species added to its name for each volume.",
        ),
    ] = None,
    density_map: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for a map of the mass density, as in the film paper: .npz, or .mrc; a figure"
            " of a slice with the motifs in it is written beside it.",
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

    With --rings and --voids, rings of bonds and the largest empty spheres too. With --resample,
    every result gets an interval from the uncertainties of the atoms; with --frame all, there is a
    row for each frame of the file.
    """
    from aet_port.io import read_model, read_models
    from aet_port.io.models.atom_files import ATOM_SUFFIXES, write_atoms
    from aet_port.structure import atom_quantities
    from aet_port.structure.bonds.chemical_maps import MAP_SUFFIXES
    from aet_port.structure.pairs.density_interpolation import SUFFIXES
    from aet_port.structure.populations import read_population

    if settings.sigma is not None and not settings.resample:
        expected = "it together with --resample N"
        raise InputError("--sigma", f"{settings.sigma:g} without --resample", expected)
    deltas = [settings.changed(delta=one).delta for one in delta or [settings.delta]]
    every = model_reading.frame == "all"
    single = (
        ("--output", output),
        ("--chemical-map", chemical_map),
        ("--density-map", density_map),
        ("--figures", figures),
    )
    for name, value in single:
        if every and value is not None:
            raise InputError(name, "--frame all as well", "one frame for it: --frame N")
    if output is not None:
        check_target(output, ATOM_SUFFIXES)
        if len(deltas) > 1:
            raise InputError("--output", f"{len(deltas)} values of --delta", "one of them")
    if chemical_map is not None:
        check_target(chemical_map, MAP_SUFFIXES)
    if density_map is not None:
        check_target(density_map, SUFFIXES)
    if figures is not None:
        check_target(figures / f"pdf.{figure_format}", (".png", ".svg"))
    read: Iterable[AtomicModel]
    if every:
        read = read_models(model, **dict(model_reading))
    else:
        read = [read_model(model, **dict(model_reading))]
    frames: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for one in read:
        chosen = None if atoms is None else read_population(atoms, len(one))
        analyses, times = _analyses(
            one, settings, deltas, solute, chosen, workers, scheduler, form.for_people
        )
        for remark in analyses[0].remarks:
            print_note(f"aet: warning: {one.name}: {remark}")
        facts: dict[str, Any] = {"atoms": len(one)}
        if every:
            facts = {"frame": len(frames), **_step(one), **facts}
        if output is not None:
            facts["file"] = str(write_atoms(output, atom_quantities(one, analyses[0])))
        if chemical_map is not None:
            facts["chemical_map"] = _map(one, analyses[0], chemical_map, grid)
        if density_map is not None:
            facts["density_map"] = _density(
                one, analyses[0], density_map, density_grid, figure_format
            )
        if bank is not None:
            facts |= {"bank": str(bank), "model": _deposit(bank, model, one, kind, analyses, times)}
        if figures is not None:
            written = _draw(analyses[0], figures, figure_format)
            facts["figures"] = [str(path) for path in written]
        frames.append((facts, [found.summary() for found in analyses]))
    rows = [facts | summary for facts, summaries in frames for summary in summaries]
    contents = [facts | {"analyses": summaries} for facts, summaries in frames]
    if form.taken(rows, {"frames": contents} if every else contents[0]):
        return
    if every:
        print_frames(f"aet analyze {model}", rows)
        return
    _print(f"aet analyze {model}", *frames[0], analyses)


def _step(model: AtomicModel) -> dict[str, Any]:
    """Time step of a frame of a simulation."""
    step = model.metadata.get("timestep")
    return {} if step is None else {"timestep": step}


def _analyses(
    model: AtomicModel,
    settings: AnalyzeSettings,
    deltas: list[float],
    solute: str | None,
    population: Any,
    workers: int | None,
    scheduler: str | None,
    progress: bool,
) -> tuple[list[StructureResult], list[datetime]]:
    """The analyses of a model for each delta, and the times before, between and after them."""
    from aet_port.structure import analyze
    from aet_port.structure.draws import model_errors
    from mdb.schema import utc_now

    if settings.resample:
        model_errors(model.atoms, settings.sigma)  # says at once what is missing
    analyses: list[StructureResult] = []
    asked = settings.model_dump(exclude=set(OF_DRAWS))
    times = [utc_now()]
    for one in deltas:
        # What delta does not change is computed once.
        first = analyses[0] if analyses else None
        used = settings.cutoff if first is None else first.cutoff
        found = analyze(
            model.atoms,
            solute=solute,
            population=population,
            earlier=first,
            **asked | {"cutoff": used, "delta": one},
        )
        analyses.append(_resampled(model, found, settings, workers, scheduler, progress))
        times.append(utc_now())
    return analyses, times


def _print(
    title: str,
    facts: dict[str, Any],
    summaries: list[dict[str, Any]],
    analyses: list[StructureResult],
) -> None:
    """Print the analyses of one model for people."""
    print_facts(False, title, facts)
    for summary in summaries:
        summary.pop("intervals", None)
        summary.pop("remarks", None)
        summary.pop("templates_reason", None)
        summary.pop("solute_reason", None)
        summary.pop("ring_statistics", None)
        summary.pop("void_statistics", None)
    order = [summary.pop("short_range_order") for summary in summaries][-1]
    statistics, reasons = order.pop("statistics"), order.pop("reasons")
    solutes = [summary.pop("medium_range_order", None) for summary in summaries][-1]
    structures = [summary.pop("structure_types", None) for summary in summaries][-1]
    local = [summary.pop("local_chemical_order", {}) for summary in summaries][-1]
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
    print_surroundings(structures, local, analyses[-1])
    if reasons:
        print_facts(False, "not stated, or with a remark", reasons)
    if solutes is not None:
        print_facts(False, "medium-range order", solutes)
    elif analyses[-1].solutes_reason is not None:
        print_facts(False, "medium-range order", {"not found": analyses[-1].solutes_reason})
    if analyses[0].rings is not None:
        print_rings(analyses[0].rings)
    if analyses[0].voids is not None:
        print_voids(analyses[0].voids)
    for found in analyses:
        if found.intervals is not None:
            print_intervals(found.intervals, f", delta {found.delta:g}")


def _map(
    atoms: AtomicModel, found: StructureResult, file: Path, grid: ChemicalMapSettings
) -> list[str]:
    """Write the map of the chemical order; names of its files."""
    from aet_port.structure import chemical_map, write_chemical_map

    if found.local_chemistry is None:
        raise AssertionError("analyze() computes the order unless told otherwise")
    order = chemical_map(
        atoms, found.local_chemistry, sigma=grid.map_sigma, voxel_size=grid.map_voxel
    )
    return [str(path) for path in write_chemical_map(file, order)]


def _density(
    model: AtomicModel, found: StructureResult, file: Path, grid: DensityMapSettings, form: str
) -> list[str]:
    """Write the map of the density and the figure of a slice; names of the files."""
    from aet_port.figures.density import write_density_slice
    from aet_port.structure import interpolated_density, write_density_map

    if found.order is None:
        raise AssertionError("analyze() computes the order unless told otherwise")
    density = interpolated_density(
        model,
        found.order.inner_volumes,
        found.cutoff if grid.density_sigma is None else grid.density_sigma,
        voxel_size=grid.density_voxel,
        interpolation=grid.density_interpolation,
    )
    written = write_density_map(file, density)
    picture = file.with_name(f"{file.stem}_slice.{form}")
    return [str(written), str(write_density_slice(picture, density, found))]


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
    from aet_port.figures.medium_range import write_medium_range_figures
    from aet_port.figures.order import write_order_figures
    from aet_port.figures.packing import write_packing_figures
    from aet_port.figures.rings_and_voids import write_ring_figures

    if found.order is None:
        raise AssertionError("analyze() computes the order unless told otherwise")
    packing = [] if found.packing is None else write_packing_figures(found, folder, form)
    more = write_ring_figures(found, folder, form)
    more += write_medium_range_figures(found, folder, form)
    return [*write_order_figures(found.order, folder, form), *packing, *more]


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
