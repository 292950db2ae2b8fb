"""``aet fsc``: Fourier shell correlation of two volumes, or of the halves of a tilt series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import (
    Background,
    FigureFormat,
    Figures,
    PixelSize,
    Threads,
    settings_options,
)
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.terminal import print_note
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND
from aet_port.resire.settings import ReconstructSettings
from aet_port.validation.settings import ShellSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aet_port.core.data import TiltSeries, Volume

_NOT_HERE = ("support", "mask", "initial", "precision")


@settings_options(leave_out={"reconstruct": _NOT_HERE})
@table_options
def fsc_command(
    first: Annotated[
        Path,
        typer.Argument(help="Volume; with --half-sets the projections, or the folder of a run."),
    ],
    settings: ShellSettings,
    reconstruct: ReconstructSettings,
    reading: ReadSettings,
    second: Annotated[
        Path | None,
        typer.Argument(help="Second volume; with --half-sets the tilt angles."),
    ] = None,
    half_sets: Annotated[
        bool,
        typer.Option(
            "--half-sets", help="Reconstruct even and odd projections, and compare the two volumes."
        ),
    ] = False,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    area: Annotated[
        int | None, number("Sub-area of a run that has several.", ge=1, le=100_000)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of the run, if it has been moved.")
    ] = None,
    volumes: Annotated[
        Path | None, typer.Option(help="Folder for the volumes of the halves, .mrc.")
    ] = None,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    threads: Threads = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Compute the Fourier shell correlation of two volumes, or of the halves of a tilt series.

    The resolution is the period at which the correlation falls below 0.143, 0.5, and the half-bit
    threshold. A run's own settings of the reconstruction are used where no option says otherwise.
    """
    from aet_port.validation.fourier_shell import fourier_shell_correlation, half_volumes

    if figures is not None:
        check_target(figures / f"fourier_shells.{figure_format}", (f".{figure_format}",))
    if volumes is not None and half_sets:
        check_target(volumes / "even.mrc", (".mrc",))
    facts: dict[str, Any] = {}
    if half_sets:
        series, used = _series(
            (first, second), reconstruct, reading, pixel_size, background, area, config
        )
        kept = {name: value for name, value in used if name not in _NOT_HERE}
        pair = half_volumes(series, **kept, threads=threads, progress=form.for_people)
        facts |= {"projections": len(series), "iterations": used.iterations}
        if volumes is not None:
            from aet_port.io import write_volume

            names = [volumes / f"{name}.mrc" for name in ("even", "odd")]
            for path, volume in zip(names, pair, strict=True):
                write_volume(path, volume)
            facts["volumes"] = list(map(str, names))
    else:
        _refuse_series_options(second, volumes, area, config)
        from aet_port.io import read_volume

        one, other = (
            read_volume(path, pixel_size, reading.variable) for path in (first, second) if path
        )
        _compare_places(one, other)
        pair = (one, other)
    shells = fourier_shell_correlation(*pair, _mask(settings, pair))
    size = pair[0].voxel_size
    facts |= {"shape": list(pair[0].shape), "voxel_size": size, "mask": settings.mask}
    if figures is not None:
        from aet_port.figures.precision import write_precision_figures

        written = write_precision_figures(figures, shells=shells, form=figure_format)
        facts["figures"] = list(map(str, written))
    rows = shells.resolutions()
    if form.taken(shells.rows(), facts | {"resolutions": rows, "shells": shells.rows()}):
        return
    print_facts(False, "aet fsc", facts)
    columns = ("criterion", "resolution (angstrom)", "remark")
    shown = [(one["criterion"], one["resolution"], one["remark"]) for one in rows]
    print_rows(columns, shown)


def _series(
    files: tuple[Path, Path | None],
    given: ReconstructSettings,
    reading: ReadSettings,
    pixel_size: float | None,
    background: Any,
    area: int | None,
    config: Path | None,
) -> tuple[TiltSeries, ReconstructSettings]:
    """The series, and how it is reconstructed."""
    projections, angles = files
    if projections.is_dir() and (projections / "run.json").exists():
        from aet_port.workflow.run_images import images_of_run
        from matlab_reference import resolve_reference

        if angles is not None:
            raise InputError("second", f"{angles} beside a run", "the folder of the run alone")
        run, series = images_of_run(projections, config, area, resolve_reference)
        default = ReconstructSettings()
        own = {key: value for key, value in given if value != getattr(default, key)}
        return series, run.reconstruct.changed(**own)
    from aet_port.io import read_tilt_series
    from aet_port.preprocessing.series_background import subtract_background

    series = read_tilt_series(projections, angles, pixel_size, reading)
    return subtract_background(series, background, film=given.extended), given


def _refuse_series_options(
    second: Path | None, volumes: Path | None, area: int | None, config: Path | None
) -> None:
    if second is None:
        raise InputError("second", "nothing", "a second volume, or --half-sets with a tilt series")
    for name, value in (("--volumes", volumes), ("--area", area), ("--config", config)):
        if value is not None:
            raise InputError(name, f"{value} with two volumes", "it beside --half-sets only")


def _compare_places(first: Volume, second: Volume) -> None:
    """Say so where two files place their volumes differently."""
    import numpy as np

    apart = np.abs(np.asarray(first.origin) - np.asarray(second.origin)).max()
    if first.shape == second.shape and apart > 0.5 * first.voxel_size:
        print_note(
            f"aet: warning: {second.name}: its origin is {apart:.3g} angstrom away from that of "
            f"{first.name}; voxels are compared by their number"
        )


def _mask(settings: ShellSettings, pair: tuple[Volume, Volume]) -> NDArray[Any] | None:
    from aet_port.validation.soft_masks import soft_ball, soft_outline

    if settings.mask == "none":
        return None
    if settings.mask == "ball":
        return soft_ball(pair[0].shape, pair[0].voxel_size, settings.edge)
    if settings.mask == "outline":
        return soft_outline(*pair, settings.edge)
    from aet_port.io import read_volume

    return read_volume(settings.mask, pair[0].voxel_size).array
