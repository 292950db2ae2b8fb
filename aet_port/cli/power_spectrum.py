"""``aet power-spectrum``: power spectra of images, averaged, and the amorphous halo in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import FigureFormat, Figures, PixelSize, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.io.settings import ReadSettings
from aet_port.preprocessing.settings import SpectrumSettings


@settings_options(leave_out={"reading": ("angles_variable", "angle_unit")})
@table_options
def power_spectrum_command(
    series: Annotated[
        Path, typer.Argument(help="Images: a tilt series, frames, or one image, of any format.")
    ],
    settings: SpectrumSettings,
    reading: ReadSettings,
    pixel_size: PixelSize = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File for the average in two dimensions, .npy."),
    ] = None,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    shown: Annotated[
        int | None,
        number(
            "Number (from 0) of the image drawn with its spectrum as inset; the middle one unless "
            "given.",
            ge=0,
            le=1_000_000,
        ),
    ] = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Compute power spectra of images, averaged over the series, and the halo of disordered atoms.

    The table has the power by spatial frequency. The halo is the first maximum of the interference
    of the atoms; its period is close to their distances.
    """
    from aet_port.io.image_files import read_raw_images
    from aet_port.io.statements import settled_size
    from aet_port.preprocessing.image_spectra import power_spectra

    if figures is not None:
        check_target(figures / f"power_profile.{figure_format}", (f".{figure_format}",))
    if output is not None:
        check_target(output, (".npy",))
    raw = read_raw_images(series, reading)
    found = power_spectra(raw.images, settled_size(series, raw.pixel_sizes, pixel_size), settings)
    facts: dict[str, Any] = found.summary()
    if output is not None:
        from aet_port.io.arrays import write_npy

        facts["average"] = str(write_npy(output, found.average))
    if figures is not None:
        from aet_port.figures.power_spectra import write_spectrum_figures

        written = write_spectrum_figures(figures, found, raw.images, shown, figure_format)
        facts["figures"] = list(map(str, written))
    of_images = [
        {"image": k} | ({} if one is None else one.plain()) for k, one in enumerate(found.halos)
    ]
    content = facts | {"halos": of_images, "profile": found.rows()}
    if form.taken(found.rows(), content):
        return
    halo = facts.pop("halo")
    if halo is not None:
        facts |= {
            "halo (1/angstrom)": f"{halo['frequency']:.4f} +- {halo['error']:.4f}",
            "its period (angstrom)": halo["period"],
            "its contrast": f"{halo['contrast']:.2f} +- {halo['contrast_error']:.2f}",
        }
    print_facts(False, "aet power-spectrum", facts)
