"""The commands ``aet md analyze`` and ``aet md error-study``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.options import Json, Scheduler, settings_options
from aet_port.core.console import print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import write_whole
from aet_port.structure.neighbours import heights
from aet_port.structure.settings import AnalyzeSettings
from md_sim.alloy import AlloyProtocol, quench_alloy
from md_sim.crystals import refuse_crystal
from md_sim.position_errors import RMS, ErrorHistogram, ErrorStudy, crop_sphere, error_study
from md_sim.quenches import read_quench
from md_sim.snapshot_study import Study, StudyRow, study

RESULT = "error_study.json"
_PM = 100.0  # in an angstrom


@settings_options()
def analyze(
    folder: Annotated[Path, typer.Argument(help="Folder of a quench, finished or not.")],
    settings: AnalyzeSettings,
    bank: Annotated[
        Path | None,
        typer.Option(help="DuckDB file of the bank; md.bank in the folder unless given."),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Number of processes; each takes 0.6 GB for 31,250 atoms.")
    ] = 1,
    scheduler: Scheduler = None,
    sample: Annotated[
        str | None, typer.Option(help="Name of the sample; 'MD' and the element unless given.")
    ] = None,
    require_glass: Annotated[
        bool, typer.Option("--require-glass", help="Fail if the last snapshot is crystalline.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Analyse the structure of every snapshot of a quench and store it in a bank.

    An interrupted analysis continues where it stopped.
    """
    found = study(
        read_quench(folder, finished=False),
        folder / "md.bank" if bank is None else bank,
        delta=settings.delta,
        cutoff=settings.cutoff,
        workers=workers,
        scheduler=scheduler,
        sample=sample,
        show_progress=not as_json,
    )
    if as_json:
        print_json(found.summary())
    else:
        _print_study(found)
    last = found.rows[-1]
    if require_glass and last.found is not None:
        refuse_crystal(last.found.crystal, f"{found.sample} at {last.temperature:.0f} K")
    if found.failed:
        raise typer.Exit(1)


_COLUMNS = (
    *("T, K", "model", "cut-off", "triplets", "4-fold", "5-fold", "6-fold", "theta"),
    *("largest networks", "share", "spans", "icosahedra", "crystal"),
)


def _print_study(found: Study) -> None:
    rows = [_cells(row) for row in found.rows]
    print_rows(_COLUMNS, rows, f"aet md analyze: {found.sample}, run {found.run} of {found.bank}")
    print("Motifs per atom; theta in degrees; share of the pentagonal bipyramids in the largest")
    print("network; icosahedra: atoms that cap twelve; crystal: fraction of crystalline atoms.")
    if found.transition is not None:
        glass = found.transition
        print(
            f"Glass transition {glass.temperature:.0f} +- {glass.uncertainty:.0f} K, lines fitted "
            f"at {_window(glass.glass_window)} and {_window(glass.liquid_window)} K"
        )
    for remark in found.remarks:
        print(f"Note: {remark}")


def _window(window: tuple[float, float]) -> str:
    return f"{window[0]:.0f}-{window[1]:.0f}"


def _cells(row: StudyRow) -> list[Any]:
    start = [f"{row.temperature:.0f}", row.model or "-"]
    if row.found is None:
        return [*start, "failed", *[""] * (len(_COLUMNS) - 3)]
    found = row.found
    return [
        *start,
        f"{found.cutoff:.2f}",
        *(f"{found.motifs[fold]:.3f}" for fold in (3, 4, 5, 6)),
        "-" if found.theta is None else f"{found.theta:.2f}",
        ", ".join(map(str, found.largest)),
        "-" if found.share is None else f"{found.share:.4f}",
        "yes" if found.spanning else "no",
        found.sites[-1],
        f"{found.crystal.fraction:.4f}" + ("" if found.crystal.templates else " (bond order)"),
    ]


def error_study_command(
    out: Annotated[Path, typer.Option(help="Folder for the glass and the result.")],
    atoms: Annotated[
        int, typer.Option(help="Number of atoms of the glass, rounded to the nearest 4 n^3.")
    ] = 4000,
    radius: Annotated[
        float | None,
        typer.Option(
            help="Radius of the particle cut from the glass (angstrom); the largest that fits in "
            "the box unless given."
        ),
    ] = None,
    rms: Annotated[
        float | None,
        typer.Option(help="Rms error of the positions (pm).", show_default=f"{_PM * RMS:g}"),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(
            help="File of measured deviations (angstrom), instead of --rms: distances, or bin "
            "centres and counts."
        ),
    ] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Longest bond (angstrom); no limit unless given.")
    ] = None,
    cooling_rate: Annotated[
        float,
        typer.Option(help="Cooling rate (K/s).", show_default=f"{AlloyProtocol.cooling_rate:g}"),
    ] = AlloyProtocol.cooling_rate,
    potential: Annotated[
        Path | None,
        typer.Option(
            help="Potential file for Cu and Zr; the one that comes with LAMMPS unless given."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the glass and of the errors.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure how position errors change the Voronoi indices of a Cu65Zr35 glass."""
    if rms is not None and errors is not None:
        raise InputError("--rms", f"{rms:g} as well as --errors {errors}", "one of the two")
    if atoms < 1:
        raise InputError("--atoms", str(atoms), "a whole number of at least 1")
    deviations = (
        ErrorHistogram.gaussian(RMS if rms is None else rms / _PM)
        if errors is None
        else ErrorHistogram.read(errors)
    )
    cells = max(2, round((atoms / 4) ** (1 / 3)))
    protocol = AlloyProtocol(cells=cells, cooling_rate=cooling_rate, seed=seed)
    glass = quench_alloy(protocol, out, potential=potential, show_progress=not as_json)
    cut = float(heights(glass).min() / 2) if radius is None else radius
    found = error_study(crop_sphere(glass, cut), deviations, seed, cutoff=cutoff)
    facts = {"glass_atoms": len(glass), "radius": round(cut, 3)} | found.summary()
    text = json.dumps(facts, indent=1) + "\n"
    write_whole(out / RESULT, lambda partial: partial.write_text(text, encoding="utf-8"))
    if as_json:
        print_json(facts)
    else:
        _print_errors(found, len(glass), cut)


def _print_errors(found: ErrorStudy, glass: int, radius: float) -> None:
    rows = [
        (
            f"<{','.join(map(str, row.index))}>",
            f"{100 * row.fraction_before:.2f} %",
            f"{100 * row.fraction_after:.2f} %",
            row.place_after or "-",
            f"{100 * row.kept / row.before:.0f} %",
        )
        for row in found.top
    ]
    title = f"aet md error-study: {found.n_atoms} of {glass} atoms within {radius:.1f} angstrom"
    print_rows(("index", "before", "after", "place after", "keep it"), rows, title)
    print(
        f"{_PM * found.rms:.1f} pm rms; {100 * found.kept:.1f} % of {found.counted} atoms below "
        "the surface keep their index"
    )
    for name, unit, (before, after) in (
        ("Mean coordination number", "", found.coordination),
        ("Five-edged faces", " %", found.five_edged),
        ("Distorted icosahedra", " %", found.distorted_icosahedra),
    ):
        scale = 100 if unit else 1
        print(f"{name}: {scale * before:.2f}{unit} before, {scale * after:.2f}{unit} after")
