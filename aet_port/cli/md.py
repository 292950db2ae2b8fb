"""The ``aet md`` commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import Json, Resume
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.limits import MOST_PROCESSES
from aet_port.core.terminal import print_line
from md_sim.potentials import DEFAULTS, POTENTIALS, Potential, shipped_potentials
from md_sim.protocol import BOUNDS, PRESETS, Protocol, preset

if TYPE_CHECKING:
    from md_sim.quenches import Quench


def quench_command(
    out: Annotated[Path, typer.Option(help="Run folder.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--preset", help=f"Preset whose settings hold unless given here: {', '.join(PRESETS)}."
        ),
    ] = None,
    potential: Annotated[
        str | None,
        typer.Option(
            help=f"Potential file, one of {', '.join(POTENTIALS)}, or the name of an EAM file that "
            "comes with LAMMPS, such as CuTa.eam.alloy; the default of the element unless given."
        ),
    ] = None,
    cells: Annotated[
        int | None, number("Unit cells along each edge of the box.", **BOUNDS["cells"])
    ] = None,
    cooling_rate: Annotated[
        float | None, number("Cooling rate (K/s).", **BOUNDS["cooling_rate"])
    ] = None,
    melt_temperature: Annotated[
        float | None, number("Temperature of the melt (K).", **BOUNDS["melt_temperature"])
    ] = None,
    melt_time: Annotated[
        float | None, number("Time at the temperature of the melt (ps).", **BOUNDS["melt_time"])
    ] = None,
    time_step: Annotated[float | None, number("Time step (ps).", **BOUNDS["time_step"])] = None,
    snapshots: Annotated[
        int | None,
        number("Number of snapshots, evenly spaced in temperature.", **BOUNDS["snapshots"]),
    ] = None,
    seed: Annotated[int | None, number("Seed of the initial velocities.", **BOUNDS["seed"])] = None,
    snapshot_format: Annotated[
        Literal["extxyz", "dump"] | None,
        typer.Option(
            help="Write the snapshots also as extended xyz or LAMMPS dump, into the folder "
            "snapshots of the run; with --resume those of a finished run.",
        ),
    ] = None,
    ranks: Annotated[int, number("Number of MPI processes.", ge=1, le=MOST_PROCESSES)] = 1,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Melt a crystal and cool it at a constant rate, by molecular dynamics."""
    from md_sim.quenches import read_settings, run_quench
    from md_sim.snapshot_files import write_snapshots

    given = {
        "cells": cells,
        "cooling_rate": cooling_rate,
        "melt_temperature": melt_temperature,
        "melt_time": melt_time,
        "time_step": time_step,
        "snapshots": snapshots,
        "seed": seed,
    }
    changes: Any = {key: value for key, value in given.items() if value is not None}
    if resume:
        if name is not None or changes or potential is not None:
            raise InputError("--resume", "other settings", "none: the run keeps its own")
        protocol = Protocol.from_plain(read_settings(out)["protocol"])
    elif name is None:
        raise InputError("--preset", "none", f"one of {', '.join(PRESETS)}")
    else:
        protocol = preset(name, **changes)
    done = run_quench(
        protocol,
        out,
        potential=potential,
        ranks=ranks,
        resume=resume,
        show_progress=not as_json,
    )
    facts = _facts(done)
    if snapshot_format is not None:
        facts["snapshot_files"] = [str(file) for file in write_snapshots(done, snapshot_format)]
    print_facts(as_json, f"aet md quench {out}", facts)


def _facts(done: Quench) -> dict[str, Any]:
    protocol, potential = done.protocol, done.settings["potential"]
    facts: dict[str, Any] = {
        "potential": potential["name"],
        "atoms": protocol.n_atoms(potential["lattice"]),
        "steps": protocol.steps,
        "cooling_rate": protocol.cooling_rate,
        "snapshots": len(protocol.snapshot_steps()),
        "final_temperature": round(float(done.thermo["temperature"][-1]), 1),
        "final_volume": round(float(done.thermo["volume"][-1]), 4),
    }
    known = POTENTIALS.get(potential["name"])
    slowest = None if known is None else known.slowest_glass
    if slowest is not None and protocol.cooling_rate < slowest:
        facts["warning"] = f"this potential is known to form a glass at {slowest:g} K/s or faster"
    try:
        found = done.glass_transition()
    except InputError as error:
        facts["glass_transition"] = str(error)
    else:
        windows = [
            f"{low:.0f} to {high:.0f}" for low, high in (found.glass_window, found.liquid_window)
        ]
        facts["glass_transition"] = round(found.temperature)
        facts["glass_transition_error"] = round(found.uncertainty)
        facts["fitted_between"] = windows
    return facts


@table_options
def potentials(form: TableForm = AS_TEXT) -> None:
    """List the built-in potentials and the properties they give the perfect crystal."""
    rows = [_of_crystal(potential) for potential in POTENTIALS.values()]
    if form.taken(rows):
        return
    headings = {
        "name": "potential",
        "crystal": "crystal",
        "lattice_constant": "a, A",
        "cohesive_energy": "Ec, eV",
        "elastic_constants": "C11 C12 C44, GPa",
        "slowest_glass": "glass, K/s",
    }
    print_rows(list(headings.values()), [[_cell(row[key]) for key in headings] for row in rows])
    if shipped := shipped_potentials():
        print_line(f"files that come with LAMMPS, also by name: {', '.join(shipped)}")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{number:.0f}" for number in value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else value


def _of_crystal(potential: Potential) -> dict[str, Any]:
    from md_sim.crystal_properties import elastic_constants
    from md_sim.eam_forms import crystal_energy

    form = potential.make()
    elastic = elastic_constants(form)
    return {
        "name": potential.name,
        "element": potential.element,
        "default": DEFAULTS[potential.element] == potential.name,
        "crystal": form.lattice,
        "lattice_constant": round(form.lattice_constant, 4),
        "cohesive_energy": round(-float(crystal_energy(form, form.lattice_constant)[0]), 4),
        "elastic_constants": [round(c, 2) for c in (elastic.c11, elastic.c12, elastic.c44)],
        "slowest_glass": potential.slowest_glass,
        "cutoff": form.cutoff,
        "doi": potential.doi,
        "source": potential.source,
        "licence": potential.licence,
    }
