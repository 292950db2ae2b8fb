"""The ``aet simulate`` command: a measured tilt series of a model, with the truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.stages import Model, Species
from aet_port.core.console import Json, report
from aet_port.core.files import check_target, sha256
from aet_port.core.parallel import check_threads
from aet_port.io import read_angles, read_model
from aet_port.simulation.acquisition import Acquisition
from aet_port.simulation.linear import B_FACTOR, TA_FILM_DOSE, TILT_SERIES, tilt_angles
from aet_port.simulation.microscope import Microscope, Numerics
from aet_port.simulation.tilt_series import SERIES_SUFFIXES, Simulation, simulate, write_measured

Engine = Annotated[str, typer.Option(help="linear or multislice (extra multislice).")]
Angles = Annotated[Path | None, typer.Option(help="Euler angles: .mat, .npy, .txt or .tlt.")]
Series = Annotated[str, typer.Option(help=f"Tilts without --angles: {', '.join(TILT_SERIES)}.")]
Pixel = Annotated[float, typer.Option("--pixel-size", help="Angstrom.")]
Shape = Annotated[
    tuple[int, int] | None, typer.Option(help="Pixels NX NY; the whole model unless given.")
]
Dose = Annotated[
    float, typer.Option(help="Electrons per square angstrom, whole series; 0: no noise.")
]
ReadNoise = Annotated[float, typer.Option(help="Of the detector, electrons per pixel.")]
Seed = Annotated[int, typer.Option(help="Of errors, noise and thermal motion.")]
AngleError = Annotated[float, typer.Option(help="Degrees, of each Euler angle.")]
ShiftError = Annotated[float, typer.Option(help="Pixels, along x and y.")]
Distribution = Annotated[
    str, typer.Option(help="Of errors: uniform (at most) or normal (standard deviation).")
]
SourceSize = Annotated[float, typer.Option(help="FWHM of the electron source, angstrom.")]
BFactor = Annotated[float, typer.Option(help="linear: B' in square angstrom, with the probe.")]
Energy = Annotated[float, typer.Option(help="keV.")]
Semiangle = Annotated[float, typer.Option(help="Of the probe, mrad.")]
Inner = Annotated[float, typer.Option(help="Of the detector, mrad.")]
Outer = Annotated[float, typer.Option(help="Of the detector, mrad.")]
Defocus = Annotated[
    float, typer.Option(help="multislice: focus behind the rotation centre, angstrom.")
]
Spherical = Annotated[
    float, typer.Option("--spherical-aberration", help="multislice: C_s in angstrom.")
]
SliceThickness = Annotated[float, typer.Option(help="multislice: angstrom.")]
Window = Annotated[
    float, typer.Option(help="multislice: side of PRISM's window, angstrom; 0: no PRISM.")
]
Phonons = Annotated[int, typer.Option(help="multislice: configurations per image; 0: none.")]
Displacement = Annotated[float, typer.Option(help="multislice: thermal, rms along an axis.")]
Workers = Annotated[int | None, typer.Option(help="Processes; all cores unless given.")]
Scheduler = Annotated[str | None, typer.Option(help="Dask scheduler for the tilts.")]


def simulate_command(
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Images: .npy, .mat, .mrc or .tif.")
    ],
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
    checkpoint: Annotated[
        Path | None, typer.Option(help="multislice: folder of finished tilts, to go on from.")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """A tilt series of a model as it would be measured, and what is true of it.

    Beside the images lie STEM_angles.txt with the nominal angles (a .mat file holds them itself)
    and STEM_truth.json with the true angles and shifts.
    """
    check_target(output, SERIES_SUFFIXES)
    settings = simulation_of(
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
    )
    truth = read_model(model, species)
    nominal = tilt_angles(series) if angles is None else read_angles(angles)
    acquired = simulate(
        truth,
        nominal,
        settings,
        workers=check_threads(workers),
        scheduler=scheduler,
        checkpoint=checkpoint,
        progress=not as_json,
    )
    origin = {"file": model.name, "sha256": sha256(model), "atoms": len(truth)}
    files = write_measured(output, acquired, {"model": origin} | settings.record())
    if checkpoint is not None and checkpoint.is_dir():
        for finished in checkpoint.glob("tilt_*.npz"):
            finished.unlink()
    rows = {
        **{role: str(path) for role, path in files.items()},
        "engine": engine,
        "images": len(acquired.series),
        "shape": list(acquired.series.detector),
    }
    report(as_json, "aet simulate", rows)


def simulation_of(
    *,
    engine: str,
    pixel_size: float,
    shape: tuple[int, int] | None,
    dose: float,
    read_noise: float,
    seed: int,
    angle_error: float,
    shift_error: float,
    distribution: str,
    source_size: float,
    b_factor: float,
    microscope: Microscope,
    slice_thickness: float,
    window: float,
    phonons: int,
    displacement: float,
) -> Simulation:
    """The settings that the options of a command stand for; a dose or window of 0 is none."""
    return Simulation(
        engine,  # type: ignore[arg-type]  # checked there
        pixel_size,
        shape,
        b_factor,
        microscope,
        Numerics(
            slice_thickness=slice_thickness,
            window=window or None,
            phonons=phonons,
            displacement=displacement,
        ),
        Acquisition(
            angle_error,
            shift_error,
            distribution,  # type: ignore[arg-type]  # checked there
            source_size,
            dose or None,
            read_noise,
            seed,
        ),
    )
