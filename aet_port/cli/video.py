"""``aet video``: a turntable of atoms, of networks or of a volume, as GIF or MP4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.numbers import number
from aet_port.cli.options import Json, PixelSize, settings_options
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io.settings import ModelReadSettings
from aet_port.structure.settings import OF_DRAWS, ON_REQUEST, AnalyzeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aet_port.core.atomic_model import AtomicModel
    from aet_port.core.data import Volume

What = Literal["auto", "atoms", "networks", "volume"]


@settings_options(leave_out={"settings": (*OF_DRAWS, *ON_REQUEST)})
def video_command(
    source: Annotated[Path, typer.Argument(help="Model, volume, or folder of a run.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Video: .gif or .mp4.")],
    settings: AnalyzeSettings,
    model_reading: ModelReadSettings,
    what: Annotated[
        What,
        typer.Option(
            help="What turns: atoms, networks of bipyramids, or the volume; auto: the atoms of a "
            "model or run, the volume of a volume file."
        ),
    ] = "auto",
    frames: Annotated[int, number("Number of frames of a whole turn.", ge=2, le=10_000)] = 72,
    fps: Annotated[float, number("Frames per second.", gt=0, le=50)] = 20.0,
    pixels: Annotated[int, number("Width and height of a frame (pixels).", ge=16, le=4096)] = 480,
    colours: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOL=COLOUR,...", help="Colours of species, such as Ta=#2a5d9f,Pd=orange."
        ),
    ] = None,
    fold: Annotated[int, number("Symmetry of the bipyramids: 4, 5 or 6-fold.", ge=4, le=6)] = 5,
    networks: Annotated[int, number("Number of networks to draw in colour.", ge=1, le=1000)] = 5,
    variable: Annotated[
        str | None,
        typer.Option("--volume-variable", help="Array of the volume, where a file has several."),
    ] = None,
    pixel_size: PixelSize = None,
    as_json: Json = False,
) -> None:
    """Make a video of atoms, networks or a volume turning around y, without a display.

    A GIF needs nothing else; an MP4 needs ffmpeg: pip install 'aet-port[video]'.
    """
    from aet_port.figures import turntable
    from aet_port.figures.video_files import VIDEO_SUFFIXES, ffmpeg_program, write_video

    check_target(output, VIDEO_SUFFIXES)
    if output.suffix.lower() == ".mp4":
        ffmpeg_program()  # before the work
    found = _source(source, what, model_reading, variable, pixel_size)
    facts: dict[str, Any] = {"video": str(output), "frames": frames, "fps": fps}
    images: Iterator[Any]
    from aet_port.core.data import Volume

    if isinstance(found, Volume):
        images = turntable.turn_volume(found, frames, pixels)
        facts["voxels"] = list(found.shape)
    elif what == "networks":
        from aet_port.structure import analyze

        result = analyze(found.atoms, cutoff=settings.cutoff, delta=settings.delta, order=False)
        if result.motifs_reason is not None:
            raise InputError(found.name, result.motifs_reason, "--what atoms")
        images = turntable.turn_networks(
            found.atoms, result, frames, pixels, fold=fold, number=networks
        )
        facts["sizes"] = result.networks[fold].size[:networks].tolist()
    else:
        images = turntable.turn_atoms(found, frames, pixels, _colours(colours))
        facts["atoms"] = len(found)
    write_video(output, images, fps)
    print_facts(as_json, "aet video", facts)


def _colours(words: str | None) -> dict[str, str]:
    """Colours by species, from their list."""
    found = {}
    for part in (words or "").replace(" ", "").split(","):
        symbol, mark, colour = part.partition("=")
        if part and not (mark and symbol and colour):
            raise InputError("--colours", part, "SYMBOL=COLOUR, such as Ta=#2a5d9f,Pd=orange")
        if part:
            found[symbol] = colour
    return found


def _source(
    path: Path,
    what: What,
    model_reading: ModelReadSettings,
    variable: str | None,
    pixel_size: float | None,
) -> AtomicModel | Volume:
    """What the file or run holds: its volume if that is asked for, else its atoms."""
    from aet_port.io import read_model, read_volume
    from aet_port.io.arrays import image_suffix
    from aet_port.io.npy_images import NPZ_SUFFIX
    from aet_port.io.volumes import VOLUME_SUFFIXES

    if path.is_dir() and (path / "run.json").exists():
        return _of_run(path, what)
    suffix = image_suffix(path)
    # A .mat file holds either.
    is_volume = suffix != ".mat" and suffix in (*VOLUME_SUFFIXES, NPZ_SUFFIX)
    if what == "volume" or (what == "auto" and is_volume):
        return read_volume(path, pixel_size, variable)
    return noted(read_model(path, **dict(model_reading)))


def _of_run(folder: Path, what: What) -> AtomicModel | Volume:
    from aet_port.io import read_volume
    from aet_port.workflow.model_stages import final_model
    from aet_port.workflow.run_folder import VOLUME, VOLUMES, RunFolder
    from aet_port.workflow.run_images import located_run
    from aet_port.workflow.series import read_pixel_size
    from matlab_reference import resolve_reference

    place = RunFolder(folder)
    config, _ = located_run(place, None, resolve_reference)
    if what != "volume":
        return final_model(config, place)
    files = [path for path in (place.path(VOLUME), place.path(VOLUMES)) if path.exists()]
    if not files:
        expected = "a run with one; runs that find atoms in the counts reconstruct none"
        raise InputError(f"run folder {folder}", "no volume", expected)
    return read_volume(files[0], read_pixel_size(config, place))
