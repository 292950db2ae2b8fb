"""``aet preprocess``: raw frames in, a clean tilt series out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from aet_port.cli.options import Json, PixelSize, Threads, settings_options
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.settings import PreprocessSettings

ANGLES, RECORD = "angles.txt", "preprocess.json"


@settings_options(leave_out={"settings": ("background_after_angles",), "read": ("tilt_axis",)})
def preprocess_command(
    frames: Annotated[
        list[Path],
        typer.Argument(help="Raw frames: one file, a folder, or one file for each tilt."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")],
    settings: PreprocessSettings,
    read: ReadSettings,
    angles: Annotated[
        Path | None,
        typer.Option(help="File of tilt angles (degrees); those of the frames unless given."),
    ] = None,
    form: Annotated[
        Literal["mat", "npy"], typer.Option("--format", help="File format of the images.")
    ] = "mat",
    figures: Annotated[
        Path | None, typer.Option(help="Folder for one figure of each step.")
    ] = None,
    pixel_size: PixelSize = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Make a clean, aligned tilt series from raw frames.

    Writes projections.mat (or .npy), angles.txt and preprocess.json (drift, noise, distortion,
    shifts) into the folder; `aet reconstruct` and `aet refine-angles` take the first two.
    """
    from aet_port.core.records import write_json
    from aet_port.io import write_tilt_series
    from aet_port.io.frames import read_frames
    from aet_port.preprocessing.chain import preprocess

    projections = f"projections.{form}"
    for name in (projections, ANGLES, RECORD):
        check_target(output / name, (Path(name).suffix,))
    if figures is not None:
        check_target(figures / "shifts.png", (".png",))
    series = read_frames(
        frames[0] if len(frames) == 1 else frames,
        angles,
        pixel_size,
        settings.frames_per_tilt,
        read.changed(tilt_axis=None if settings.tilt_axis == "find" else settings.tilt_axis),
    )
    done = preprocess(series, settings, threads=threads, progress=not as_json)
    write_tilt_series(output / projections, output / ANGLES, done.series)
    record = done.record() | {"frames_from": series.name}
    write_json(output / RECORD, record, sort_keys=False)
    facts: dict[str, Any] = {"folder": str(output), **done.summary()}
    if figures is not None:
        from aet_port.figures.preprocessing_steps import write_preprocess_figures

        facts["figures"] = [str(path) for path in write_preprocess_figures(series, done, figures)]
    print_facts(as_json, "aet preprocess", facts)
