"""``aet md error-study``: what errors of positions do to the Voronoi indices of a glass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.numbers import number
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import write_whole
from aet_port.core.limits import MOST_SYNTHETIC_ATOMS
from aet_port.core.terminal import print_line
from aet_port.structure.neighbours import heights
from md_sim.alloy import AlloyProtocol, quench_alloy
from md_sim.position_errors import RMS, ErrorHistogram, ErrorStudy, crop_sphere, error_study
from md_sim.protocol import BOUNDS

RESULT = "error_study.json"
_PM = 100.0  # in an angstrom


@table_options
def error_study_command(
    out: Annotated[Path, typer.Option(help="Folder for the glass and the result.")],
    atoms: Annotated[
        int,
        number(
            "Number of atoms of the glass, rounded to the nearest 4 n^3.",
            ge=1,
            le=MOST_SYNTHETIC_ATOMS,
        ),
    ] = 4000,
    radius: Annotated[
        float | None,
        number(
            "Radius of the particle cut from the glass (angstrom); the largest that fits in "
            "the box unless given.",
            gt=0,
            le=10_000,
        ),
    ] = None,
    rms: Annotated[
        float | None,
        number("Rms error of the positions (pm).", ge=0, le=10_000, show_default=f"{_PM * RMS:g}"),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(
            help="File of measured deviations (angstrom), instead of --rms: distances, or bin "
            "centres and counts."
        ),
    ] = None,
    cutoff: Annotated[
        float | None, number("Longest bond (angstrom); no limit unless given.", gt=0, le=100)
    ] = None,
    cooling_rate: Annotated[
        float,
        number(
            "Cooling rate (K/s).",
            **BOUNDS["cooling_rate"],
            show_default=f"{AlloyProtocol.cooling_rate:g}",
        ),
    ] = AlloyProtocol.cooling_rate,
    potential: Annotated[
        Path | None,
        typer.Option(
            help="Potential file for Cu and Zr; the one that comes with LAMMPS unless given."
        ),
    ] = None,
    seed: Annotated[int, number("Seed of the glass and of the errors.", **BOUNDS["seed"])] = 1,
    form: TableForm = AS_TEXT,
) -> None:
    """Measure how position errors change the Voronoi indices of a Cu65Zr35 glass."""
    if rms is not None and errors is not None:
        raise InputError("--rms", f"{rms:g} as well as --errors {errors}", "one of the two")
    deviations = (
        ErrorHistogram.gaussian(RMS if rms is None else rms / _PM)
        if errors is None
        else ErrorHistogram.read(errors)
    )
    cells = max(2, round((atoms / 4) ** (1 / 3)))
    protocol = AlloyProtocol(cells=cells, cooling_rate=cooling_rate, seed=seed)
    glass = quench_alloy(protocol, out, potential=potential, show_progress=form.for_people)
    cut = float(heights(glass).min() / 2) if radius is None else radius
    found = error_study(crop_sphere(glass, cut), deviations, seed, cutoff=cutoff)
    facts = {"glass_atoms": len(glass), "radius": round(cut, 3)} | found.summary()
    text = json.dumps(facts, indent=1) + "\n"
    write_whole(out / RESULT, lambda partial: partial.write_text(text, encoding="utf-8"))
    if not form.taken(facts["top"], facts):
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
    print_line(
        f"{_PM * found.rms:.1f} pm rms; {100 * found.kept:.1f} % of {found.counted} atoms below "
        "the surface keep their index"
    )
    for name, unit, (before, after) in (
        ("Mean coordination number", "", found.coordination),
        ("Five-edged faces", " %", found.five_edged),
        ("Distorted icosahedra", " %", found.distorted_icosahedra),
    ):
        scale = 100 if unit else 1
        print_line(f"{name}: {scale * before:.2f}{unit} before, {scale * after:.2f}{unit} after")
