"""The ``aet`` commands of single stages: files in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.core.console import Json, report
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io import read_model, read_tilt_series, read_volume, write_volume
from aet_port.io.volumes import VOLUME_SUFFIXES
from aet_port.structure import analyze
from aet_port.workflow.config import Reconstruct, Trace
from aet_port.workflow.stage_functions import (
    PEAK_SUFFIXES,
    reconstruct_with,
    trace_with,
    write_peaks,
    write_r_factors,
)

Threads = Annotated[int | None, typer.Option(help="Threads; all cores unless given.")]
PixelSize = Annotated[float | None, typer.Option(help="Angstrom; needed unless the file says it.")]
Model = Annotated[Path, typer.Argument(help=".xyz, .extxyz, .cif, LAMMPS data or .mat.")]
Species = Annotated[str | None, typer.Option(help="Symbol, where the file has none.")]
Checkpoint = Annotated[Path | None, typer.Option(help="Go on from this file after a stop.")]


def reconstruct(
    context: typer.Context,
    projections: Annotated[Path, typer.Argument(help=".mat, .npy, .mrc or .tif of images.")],
    angles: Annotated[Path, typer.Argument(help=".mat, .npy, .txt or .tlt of Euler angles.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Volume: .npy, .mrc, .mat or .tif.")
    ],
    iterations: Annotated[int, typer.Option(help="Steps of gradient descent.")] = 200,
    oversampling: Annotated[str, typer.Option(help="One ratio, or three: X Y Z.")] = "3",
    step: Annotated[float, typer.Option(help="Normalised step, 1 to 3.")] = 2.0,
    extended: Annotated[
        bool, typer.Option("--extended", help="A film wider than the images.")
    ] = False,
    thickness: Annotated[int | None, typer.Option(help="Voxels along the beam.")] = None,
    support: Annotated[Path | None, typer.Option(help="Volume, zero where nothing can be.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Images of weights.")] = None,
    initial: Annotated[Path | None, typer.Option(help="Volume to start from.")] = None,
    method: Annotated[str, typer.Option(help="fourier-slice or radon.")] = "fourier-slice",
    precision: Annotated[
        str, typer.Option(help="single, double, reference-glass, reference-film.")
    ] = "single",
    pixel_size: PixelSize = None,
    keep_extended: Annotated[
        bool, typer.Option("--keep-extended", help="Write the whole slab.")
    ] = False,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """A volume from a tilt series by RESIRE."""
    check_target(output, VOLUME_SUFFIXES)
    files: dict[str, Any] = {
        role: None if file is None else str(file)
        for role, file in (("support", support), ("mask", mask), ("initial", initial))
    }
    settings = Reconstruct(
        iterations,
        _ratios([oversampling, *context.args]),
        step,
        extended,
        thickness,
        method=method,  # type: ignore[arg-type]  # checked before the work starts
        precision=precision,  # type: ignore[arg-type]
        **files,
    )
    series = read_tilt_series(projections, angles, pixel_size)
    result = reconstruct_with(
        series, settings, threads=threads, checkpoint=checkpoint, progress=not as_json
    )
    volume = result.volume if keep_extended else result.cropped()
    write_volume(output, volume)
    write_r_factors(output.with_suffix(".r.npz"), result)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    rows = {
        "volume": str(output),
        "shape": list(volume.shape),
        "r_factor": result.r_factor,
        "iterations": iterations,
    }
    report(as_json, "aet reconstruct", rows)


def _ratios(words: list[str]) -> float | tuple[float, ...]:
    try:
        numbers = tuple(float(part) for word in words for part in word.split(","))
    except ValueError as error:
        raise InputError(
            "--oversampling", repr(" ".join(words)), "one ratio, or three for x, y, z"
        ) from error
    return numbers[0] if len(numbers) == 1 else numbers


def trace(
    volume: Annotated[Path, typer.Argument(help=".npy, .mrc, .mat or .tif.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Peaks: .npz, .mat or .xyz.")],
    pixel_size: PixelSize = None,
    upsampling: Annotated[str, typer.Option(help="linear or spline.")] = "linear",
    threshold: Annotated[float, typer.Option(help="Least height of a peak.")] = 0.0,
    minimum_distance: Annotated[float, typer.Option(help="Angstrom.")] = 2.0,
    checkpoint: Checkpoint = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Peaks of a volume by polynomial tracing."""
    check_target(output, PEAK_SUFFIXES)
    read = read_volume(volume, pixel_size)
    settings = Trace(upsampling, threshold, minimum_distance)  # type: ignore[arg-type]
    peaks = trace_with(read, settings, threads, checkpoint=checkpoint, progress=not as_json)
    write_peaks(output, peaks, read)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    rows = {"peaks": str(output), "accepted": len(peaks.accepted), "fitted": len(peaks)}
    report(as_json, "aet trace", rows)


def view(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="Picture: .png.")],
    species: Species = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Angstrom; first valley unless given.")
    ] = None,
    delta: Annotated[float, typer.Option(help="Largest distortion.")] = 0.255,
    fold: Annotated[int, typer.Option(help="Fold of the bipyramids: 4, 5 or 6.")] = 5,
    networks: Annotated[int, typer.Option(help="How many to colour.")] = 5,
    pixels: Annotated[int, typer.Option(help="Along each side.")] = 1600,
    as_json: Json = False,
) -> None:
    """A picture of the largest networks of bipyramids."""
    from aet_port.figures.bipyramid_networks import (
        draw_networks,  # Matplotlib, slow to import
    )

    check_target(output, (".png",))
    atoms = read_model(model, species).atoms
    found = analyze(atoms, cutoff=cutoff, delta=delta, order=False)
    draw_networks(output, atoms, found, fold=fold, number=networks, pixels=pixels)
    sizes = found.networks[fold].size[:networks].tolist()
    report(as_json, "aet view", {"picture": str(output), "cutoff": found.cutoff, "sizes": sizes})
