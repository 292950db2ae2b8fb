"""``aet difference-map``: what a volume or a tilt series shows and a model does not, or reverse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aet_port.cli.model_notes import noted
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
from aet_port.io.settings import ModelReadSettings, ReadSettings
from aet_port.preprocessing.settings import SERIES_BACKGROUND
from aet_port.refinement.settings import ResidualSettings
from aet_port.tracing.settings import DifferenceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aet_port.core.atomic_model import AtomicModel
    from aet_port.core.data import Volume

Kind = Literal["auto", "model", "volume"]


@settings_options()
@table_options
def difference_map_command(
    data: Annotated[
        Path, typer.Argument(help="Experimental volume; with --series the projections.")
    ],
    other: Annotated[Path, typer.Argument(help="Model or volume to subtract.")],
    settings: DifferenceSettings,
    residual: ResidualSettings,
    reading: ReadSettings,
    model_reading: ModelReadSettings,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Map: .mrc, .npy, .mat, .tif, .hspy or .ome.zarr."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option(help="What OTHER is; auto: by its name and, in a .mat file, content.")
    ] = "auto",
    series: Annotated[
        bool,
        typer.Option(
            "--series", help="DATA are projections: the residual images are reconstructed."
        ),
    ] = False,
    angles: Annotated[
        Path | None,
        typer.Option(help="Tilt angles of the projections, unless in their own file."),
    ] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="Leave out atoms that lie outside the volume.")
    ] = False,
    unscaled: Annotated[
        bool, typer.Option("--unscaled", help="Subtract a volume as it is, without scaling it.")
    ] = False,
    pixel_size: PixelSize = None,
    background: Background = SERIES_BACKGROUND,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    threads: Threads = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Make a difference map: volume minus model or volume, or residual images reconstructed.

    The volume calculated from the model has a Gaussian at each atom, with heights by species and
    one width fitted. The table lists the strongest maxima (atoms that may be missing) and minima
    (atoms that may be spurious or displaced), with the distance to the nearest atom.
    """
    from aet_port.io import read_model, read_tilt_series, read_volume, write_volume
    from aet_port.io.volumes import VOLUME_SUFFIXES
    from aet_port.tracing.map_peaks import find_map_peaks

    if output is not None:
        check_target(output, VOLUME_SUFFIXES)
    if figures is not None:
        check_target(figures / f"difference_maximum.{figure_format}", (f".{figure_format}",))
    if angles is not None and not series:
        raise InputError("--angles", str(angles), "it beside --series only")
    with_volume = kind == "volume" or (kind == "auto" and _is_volume(other, reading.variable))
    if series and with_volume:
        raise InputError("other", f"the volume {other}", "a model beside --series")
    if unscaled and not with_volume:
        raise InputError("--unscaled", "a model to subtract", "it with two volumes only")
    model: AtomicModel | None = None
    heights: Mapping[str, float] | None = None
    if series:
        from aet_port.preprocessing.series_background import subtract_background
        from aet_port.refinement.residual_maps import residual_map

        measured = read_tilt_series(data, angles, pixel_size, reading)
        measured = subtract_background(measured, background)
        model = noted(read_model(other, **dict(model_reading)))
        made = residual_map(
            measured, model, **dict(residual), threads=threads, progress=form.for_people
        )
        facts, difference, heights = made.summary(), made.difference, made.atom_heights()
        width = settings.width or made.width
    elif with_volume:
        from aet_port.tracing.volume_differences import subtract_volume

        first, second = (read_volume(path, pixel_size, reading.variable) for path in (data, other))
        found = subtract_volume(first, second, scaled=not unscaled)
        facts, difference, width = found.summary(), found.difference, settings.width or 0.0
    else:
        from aet_port.tracing.difference_maps import difference_map

        volume = read_volume(data, pixel_size, reading.variable)
        model = noted(read_model(other, **dict(model_reading)))
        model = _inside(model, volume) if crop else model
        by_model = difference_map(volume, model, width=settings.width)
        difference, heights, width = by_model.difference, by_model.heights, by_model.width
        facts = {
            "heights": dict(heights),
            "missing_atoms": len(by_model.missing),
            "spurious_atoms": len(by_model.extra),
        }
    peaks = find_map_peaks(
        difference,
        model,
        width=width or None,
        number=settings.peaks,
        minimum_distance=settings.apart,
    )
    facts |= {"width": width or difference.voxel_size, "sigma": peaks.sigma}
    if model is not None:
        facts = {"atoms": len(model)} | facts
    if output is not None:
        facts["map"] = str(write_volume(output, difference))
    if figures is not None:
        from aet_port.figures.difference_maps import write_difference_figures

        written = write_difference_figures(figures, difference, peaks, model, figure_format)
        facts["figures"] = list(map(str, written))
    rows = peaks.rows(heights)
    if form.taken(rows, facts | {"peaks": rows}):
        return
    print_facts(False, "aet difference-map", facts)
    if rows:
        print_rows(tuple(rows[0]), [tuple(one.values()) for one in rows], "strongest peaks")


def _is_volume(path: Path, variable: str | None) -> bool:
    """Whether a file holds a volume, not a model."""
    from aet_port.core.errors import DataFileError
    from aet_port.io.arrays import image_suffix
    from aet_port.io.matlab import read_volume_array
    from aet_port.io.npy_images import NPZ_SUFFIX
    from aet_port.io.volumes import VOLUME_SUFFIXES

    suffix = image_suffix(path)
    if suffix != ".mat":
        return suffix in (*VOLUME_SUFFIXES, NPZ_SUFFIX)
    try:
        return bool(read_volume_array(path, variable).ndim == 3)
    except DataFileError:
        return False  # reading it as a model says what is wrong


def _inside(model: AtomicModel, volume: Volume) -> AtomicModel:
    """The atoms whose voxel lies in the volume."""
    import numpy as np

    from aet_port.core.atomic_model import AtomicModel

    voxels = volume.to_voxels(model.positions)
    kept = np.all((voxels >= -0.5) & (voxels <= np.array(volume.shape) - 0.5), axis=1)
    if not kept.any():
        expected = "atoms inside; check --scale of the model and the origin of the volume"
        raise InputError(model.name, f"all {len(model)} atoms outside {volume.name}", expected)
    return AtomicModel(model.atoms[np.flatnonzero(kept)], model.name)
