"""``aet preprocess`` and ``aet scoreboard``: from raw frames to a tilt series, and how well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from aet_port.cli.stages import PixelSize, Threads
from aet_port.core.console import Json, print_json, print_rows, report
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.io import write_tilt_series
from aet_port.io.frames import read_frames
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.settings import Denoiser, PreprocessSettings
from aet_port.workflow.dose_series import COLUMNS, DOSES, ScoreSettings, score, score_rows
from aet_port.workflow.sections import Preprocess, Reconstruct

PROJECTIONS, ANGLES, RECORD = "projections.mat", "angles.txt", "preprocess.json"
FIND: Literal["find"] = "find"
SEARCH: Literal["search"] = "search"


def preprocess_command(
    frames: Annotated[
        list[Path],
        typer.Argument(help="A file of all frames, a folder, or a file for each tilt."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")],
    angles: Annotated[
        Path | None, typer.Option(help="Tilt angles in degrees, where the frames have none.")
    ] = None,
    frames_per_tilt: Annotated[
        int | None, typer.Option(help="Where the file does not say it.")
    ] = None,
    slow_axis: Annotated[str, typer.Option(help="In which line follows line: x or y.")] = "x",
    denoise: Annotated[str, typer.Option(help="auto, bm3d, nlm, wiener or none.")] = "auto",
    strength: Annotated[str, typer.Option(help="Of the denoising, or 'search'.")] = "1",
    shear_x: Annotated[float | None, typer.Option(help="Pixels along x per pixel of y.")] = None,
    shear_y: Annotated[float | None, typer.Option(help="Pixels along y per pixel of x.")] = None,
    scale: Annotated[float | None, typer.Option(help="Of y, relative to that of x.")] = None,
    estimate_shear: Annotated[
        bool, typer.Option("--estimate-shear", help="From the series itself.")
    ] = False,
    tilt_axis: Annotated[
        str | None, typer.Option(help="Degrees from y towards x, or 'find'.")
    ] = None,
    film_marker: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(help="Align a film: x0 x1 y0 y1 in the image of the middle tilt."),
    ] = None,
    offset: Annotated[float, typer.Option(help="Value of a pixel without electrons.")] = 0.0,
    saturation: Annotated[float | None, typer.Option(help="Value of a full pixel.")] = None,
    max_drift: Annotated[float | None, typer.Option(help="Pixels between two frames.")] = None,
    jitter: Annotated[bool, typer.Option("--jitter", help="Straighten each line.")] = False,
    margin: Annotated[float, typer.Option(help="Pixels around the sample's outline.")] = 8.0,
    second_background: Annotated[
        bool, typer.Option("--second-background", help="Once more after the alignment.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="Of the images: mat or npy.")] = "mat",
    figures: Annotated[Path | None, typer.Option(help="Folder for a figure of each step.")] = None,
    pixel_size: PixelSize = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """From raw frames to a clean, aligned tilt series.

    Writes projections.mat (or .npy), angles.txt and preprocess.json (drift, noise, distortion,
    shifts) into the folder; `aet reconstruct` and `aet refine-angles` take the first two.
    """
    if form not in ("mat", "npy"):
        raise InputError("--format", repr(form), "mat or npy")
    projections = Path(PROJECTIONS).with_suffix(f".{form}").name
    for name in (projections, ANGLES, RECORD):
        check_target(output / name, (Path(name).suffix,))
    if figures is not None:
        check_target(figures / "shifts.png", (".png",))
    if slow_axis not in ("x", "y"):
        raise InputError("--slow-axis", repr(slow_axis), "x or y")
    section = Preprocess(
        slow_axis=cast(Literal["x", "y"], slow_axis),
        saturation=saturation,
        offset=offset,
        max_drift=max_drift,
        jitter=jitter,
        denoise=cast(Denoiser, denoise),
        strength=SEARCH if strength == SEARCH else _number("--strength", strength, SEARCH),
        margin=margin,
        shear_x=shear_x,
        shear_y=shear_y,
        scale=scale,
        estimate_shear=estimate_shear,
        tilt_axis=_axis(tilt_axis),
        film_marker=film_marker,
        second_background=second_background,
    )
    series = read_frames(
        frames[0] if len(frames) == 1 else frames, angles, pixel_size, frames_per_tilt
    )
    done = preprocess(series, section.settings(), threads=threads, progress=not as_json)
    _write(output, projections, done.series, done.record() | {"frames_from": series.name})
    facts: dict[str, Any] = {"folder": str(output), **done.summary()}
    if figures is not None:
        from aet_port.figures.preprocessing_steps import (
            write_preprocess_figures,  # Matplotlib
        )

        facts["figures"] = [str(path) for path in write_preprocess_figures(series, done, figures)]
    report(as_json, "aet preprocess", facts)


def scoreboard_command(
    atoms: Annotated[int, typer.Option(help="Atoms of the particle.")] = 1000,
    dose: Annotated[
        list[float] | None,
        typer.Option(help="Electrons per square angstrom; several times for several doses."),
    ] = None,
    denoise: Annotated[str, typer.Option(help="auto, bm3d, nlm, wiener or none.")] = "auto",
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibrated/--estimate-shear",
            help="Whether the scan's shear is known; else it is estimated and refined.",
        ),
    ] = False,
    iterations: Annotated[int, typer.Option(help="Of RESIRE.")] = 150,
    seed: Annotated[int, typer.Option(help="Of sample and errors.")] = 1,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File for the figures, .json.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Simulated raw frames to atoms: recall, spurious atoms and RMSD against the dose.

    With the error of each step: drift and alignment in pixels (root mean square), shear before and
    after it was refined with the atoms, background (largest of a tilt, of the peak).
    """
    if output is not None:
        check_target(output, (".json",))
    settings = ScoreSettings(
        atoms=atoms,
        seed=seed,
        doses=tuple(dose) if dose else DOSES,
        preprocess=PreprocessSettings(denoise=cast(Denoiser, denoise)),
        calibrated=calibrated,
        reconstruct=Reconstruct(iterations=iterations),
    )
    scores = score(settings, threads=threads, progress=not as_json)
    facts = {"atoms": atoms, "seed": seed, "doses": [item.summary() for item in scores]}
    if output is not None:
        _write_json(output, facts)
    if as_json:
        print_json(facts)
    else:
        print_rows(COLUMNS, score_rows(scores), f"{atoms} {settings.species} atoms")


def _write(folder: Path, projections: str, series: TiltSeries, record: dict[str, Any]) -> None:
    write_tilt_series(folder / projections, folder / ANGLES, series)
    _write_json(folder / RECORD, record)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    # NaN (thresholds of given masks) has no word in JSON.
    plain = json.loads(json.dumps(content), parse_constant=lambda _: None)
    text = json.dumps(plain, indent=1, allow_nan=False) + "\n"
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _axis(text: str | None) -> Any:
    return text if text in (None, FIND) else _number("--tilt-axis", str(text), FIND)


def _number(option: str, text: str, word: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(option, repr(text), f"a number or {word!r}") from error
