"""The ``aet precision`` command: how precisely the whole chain finds the atoms of a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.simulate import (
    AngleError,
    Angles,
    BFactor,
    Defocus,
    Displacement,
    Distribution,
    Dose,
    Energy,
    Engine,
    Inner,
    Outer,
    Phonons,
    Pixel,
    ReadNoise,
    Scheduler,
    Seed,
    Semiangle,
    Series,
    Shape,
    ShiftError,
    SliceThickness,
    SourceSize,
    Spherical,
    Window,
    simulation_of,
)
from aet_port.cli.stages import Model, Species, Threads
from aet_port.core.console import Json, print_json, print_rows, print_stages
from aet_port.core.parallel import check_threads
from aet_port.io import read_angles, read_model
from aet_port.simulation.acquisition import Acquisition
from aet_port.simulation.linear import B_FACTOR, TA_FILM_DOSE, tilt_angles
from aet_port.simulation.microscope import Microscope, Numerics
from aet_port.simulation.tilt_series import Simulation
from aet_port.workflow.round_trip import TripSettings, round_trip
from aet_port.workflow.sections import Reconstruct, Refine, RefineAngles


def precision_command(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the round trip.")] = Path("precision"),
    engine: Engine = "linear",
    angles: Angles = None,
    series: Series = "ta-film",
    pixel_size: Pixel = Simulation.pixel_size,
    shape: Shape = None,
    dose: Dose = TA_FILM_DOSE,
    read_noise: ReadNoise = Acquisition.read_noise,
    seed: Seed = 0,
    angle_error: AngleError = 0.0,
    shift_error: ShiftError = 0.0,
    distribution: Distribution = "uniform",
    source_size: SourceSize = 0.0,
    b_factor: BFactor = B_FACTOR,
    energy: Energy = Microscope.energy,
    semiangle: Semiangle = Microscope.semiangle,
    inner: Inner = Microscope.inner,
    outer: Outer = Microscope.outer,
    defocus: Defocus = 0.0,
    spherical: Spherical = 0.0,
    slice_thickness: SliceThickness = Numerics.slice_thickness,
    window: Window = 10.0,
    phonons: Phonons = Numerics.phonons,
    displacement: Displacement = Numerics.displacement,
    species: Species = None,
    iterations: Annotated[int, typer.Option(help="Of the reconstruction.")] = 150,
    oversampling: Annotated[float, typer.Option(help="Of the reconstruction.")] = 3.0,
    method: Annotated[str, typer.Option(help="Of the refinement: lbfgs or published.")] = "lbfgs",
    evaluations: Annotated[int, typer.Option(help="Of the refinement's gradient.")] = 50,
    refine_angles: Annotated[
        bool, typer.Option("--refine-angles", help="Angles and shifts, before the reconstruction.")
    ] = False,
    radius: Annotated[float, typer.Option(help="Largest distance of a pair, angstrom.")] = 1.5,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take up a trip that was stopped.")
    ] = False,
    scheduler: Scheduler = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Simulate a tilt series of a model, find its atoms again, and compare."""
    settings = TripSettings(
        simulation=simulation_of(
            engine=engine,
            pixel_size=pixel_size,
            shape=shape,
            dose=dose,
            read_noise=read_noise,
            seed=seed,
            angle_error=angle_error,
            shift_error=shift_error,
            distribution=distribution,
            source_size=source_size,
            b_factor=b_factor,
            microscope=Microscope(energy, semiangle, inner, outer, defocus, spherical),
            slice_thickness=slice_thickness,
            window=window,
            phonons=phonons,
            displacement=displacement,
        ),
        reconstruct=Reconstruct(iterations=iterations, oversampling=oversampling),
        refine=Refine(
            method=method,  # type: ignore[arg-type]  # checked there
            shifts=shift_error > 0,
            evaluations=evaluations,
        ),
        refine_angles=RefineAngles() if refine_angles else None,
        radius=radius,
    )
    check_threads(threads)
    truth = read_model(model, species)
    nominal = tilt_angles(series) if angles is None else read_angles(angles)
    try:
        trip = round_trip(
            truth,
            nominal,
            out,
            settings,
            resume=resume,
            threads=threads,
            scheduler=scheduler,
            progress=not as_json,
        )
    except KeyboardInterrupt:
        print("aet: stopped; --resume takes it up", file=sys.stderr)
        raise
    if as_json:
        print_json(trip.summary())
        return
    found = trip.precision.values()
    places, typed = (
        [p.matching for p in found],
        [p for s, p in trip.precision.items() if s != "traced"],
    )
    rows = [
        ("atoms", *(m.n_found for m in places)),
        ("  matched", *(m.matched for m in places)),
        ("  missed, spurious", *(f"{len(m.missed)}, {len(m.spurious)}" for m in places)),
        ("recall", *(f"{100 * p.recall:.2f} %" for p in found)),
        ("precision", *(f"{100 * p.precision:.2f} %" for p in found)),
        ("RMSD", *(f"{p.rmsd_pm:.1f} pm" for p in found)),
        ("species right", "", *(f"{100 * p.species_fraction:.2f} %" for p in typed)),
    ]
    print_rows(("", *trip.precision), rows, f"aet precision: {len(truth)} atoms, {engine} engine")
    print(f"R1 of the reconstruction: {100 * trip.r_factor:.2f} %")
    print_stages(trip.timings)
