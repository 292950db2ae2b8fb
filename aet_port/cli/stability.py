"""``aet stability``: images before, during and after a tilt series compared beyond their noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import FigureFormat, Figures, PixelSize, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.io.settings import ReadSettings
from aet_port.validation.settings import StabilitySettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHANGED = 1
MOST_IMAGES = 50  # of which all pairs are compared


@settings_options()
@table_options
def stability_command(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="BEFORE DURING AFTER",
            help="Files with one image each, two or more; or one tilt series with --indices or "
            "--angle.",
        ),
    ],
    settings: StabilitySettings,
    reading: ReadSettings,
    indices: Annotated[
        str | None,
        typer.Option(
            metavar="I,J,...", help="Numbers (from 0) of the images of a series to compare."
        ),
    ] = None,
    angle: Annotated[
        float | None,
        number("Compare the images of a series at this tilt (degrees).", ge=-180, le=180),
    ] = None,
    tolerance: Annotated[
        float, number("Largest difference from that tilt (degrees).", ge=0, le=10)
    ] = 0.05,
    angles: Annotated[
        Path | None, typer.Option(help="Tilt angles of the series, unless in its own file.")
    ] = None,
    pixel_size: PixelSize = None,
    figures: Figures = None,
    figure_format: FigureFormat = "png",
    form: TableForm = AS_TEXT,
) -> None:
    """Compare images of one view before, during and after a tilt series, beyond their noise.

    For each pair: shift, correlation, R factor, chi-square and the largest local deviation, beside
    what images of one structure would give with the same noise. The exit code is 1 if the structure
    changed beyond noise. Give images as measured: denoised ones have no noise to compare with.
    """
    from aet_port.validation.image_stability import compare_views

    if figures is not None:
        check_target(figures / f"deviations_0_1.{figure_format}", (f".{figure_format}",))
    if len(images) == 1:
        stack, size, names = _of_series(
            images[0], reading, pixel_size, indices, angle, tolerance, angles
        )
    else:
        given = {"--indices": indices, "--angle": angle, "--angles": angles}
        for name, value in given.items():
            if value is not None:
                raise InputError(name, f"{value} with {len(images)} files", "one tilt series")
        stack, size, names = _of_files(images, reading, pixel_size)
    if len(names) > MOST_IMAGES:
        raise InputError("images", f"{len(names)}", f"{MOST_IMAGES} or fewer: --indices")
    found = compare_views(stack, size, settings, progress=form.for_people)
    facts: dict[str, Any] = found.summary()
    if figures is not None:
        from aet_port.figures.image_stability import write_stability_figures

        written = write_stability_figures(figures, found, figure_format)
        facts["figures"] = list(map(str, written))
    rows = [pair.row(names) for pair in found.pairs]
    if not form.taken(rows, facts | {"pairs": rows}):
        verdict = {True: "yes", False: "no", None: "undecided"}[facts.pop("changed")]
        print_facts(False, "aet stability", {"changed beyond noise": verdict} | facts)
        _print(rows)
    if found.changed:
        raise typer.Exit(CHANGED)


def _print(rows: list[dict[str, Any]]) -> None:
    """One narrow table for each kind of measure."""
    heads = ("first", "second")
    shown = (
        ("shift_x", "shift_y", "shift_error", "correlation", "correlation_expected"),
        ("r_factor", "r_factor_expected", "chi_square", "chi_square_expected", "p_chi_square"),
        ("deviation", "deviation_expected", "p_deviation", "deviation_x", "deviation_y"),
        ("reason",),
    )
    for columns in shown:
        table = [tuple(row[key] for key in (*heads, *columns)) for row in rows]
        print_rows((*heads, *(one.replace("_", " ") for one in columns)), table)


def _of_files(
    files: list[Path], reading: ReadSettings, pixel_size: float | None
) -> tuple[NDArray[np.float64], float, list[str]]:
    """Images of several files with one each."""
    import numpy as np

    from aet_port.core.errors import DataFileError
    from aet_port.io.image_files import read_raw_images
    from aet_port.io.statements import settled_size

    found: list[NDArray[Any]] = []
    sizes: list[float] = []
    for file in files:
        raw = read_raw_images(file, reading)
        if len(raw.images) != 1:
            expected = "one image; of a single file --indices chooses several"
            raise DataFileError(file, f"{len(raw.images)} images", expected)
        if found and raw.images.shape != found[0].shape:
            was, wanted = (f"{one.shape[1]} x {one.shape[2]}" for one in (raw.images, found[0]))
            raise DataFileError(file, f"{was} pixels", f"{wanted} like {files[0]}")
        found.append(raw.images)
        sizes.append(settled_size(file, raw.pixel_sizes, pixel_size))
        if not np.isclose(sizes[-1], sizes[0], rtol=1e-3):
            expected = f"{sizes[0]:g} angstrom like {files[0]}"
            raise DataFileError(file, f"pixels of {sizes[-1]:g} angstrom", expected)
    stack = np.concatenate(found).astype(np.float64)
    return stack, sizes[0], [path.name for path in files]


def _of_series(
    file: Path,
    reading: ReadSettings,
    pixel_size: float | None,
    indices: str | None,
    angle: float | None,
    tolerance: float,
    angles: Path | None,
) -> tuple[NDArray[np.float64], float, list[str]]:
    """The images of a series chosen by number or by tilt."""
    import numpy as np

    from aet_port.io import read_tilt_series
    from aet_port.io.image_files import read_raw_images
    from aet_port.io.statements import settled_size

    if (indices is None) == (angle is None):
        found = "neither" if indices is None else "both"
        raise InputError("--indices, --angle", found, "one of them with a single file")
    if indices is not None:
        raw = read_raw_images(file, reading)
        size, stack = settled_size(file, raw.pixel_sizes, pixel_size), raw.images
        chosen = _numbers(indices, len(stack))
    else:
        series = read_tilt_series(file, angles, pixel_size, reading)
        size, stack = series.pixel_size, series.images
        chosen = np.flatnonzero(np.abs(series.angles[:, 1] - angle) <= tolerance).tolist()
        if len(chosen) < 2:
            tilts = np.unique(series.angles[:, 1])
            raise InputError(
                "--angle",
                f"{len(chosen)} images at {angle:g} degrees within {tolerance:g}",
                f"two or more; tilts from {tilts[0]:g} to {tilts[-1]:g}",
            )
    return stack[chosen].astype(np.float64), size, [f"image {k}" for k in chosen]


def _numbers(words: str, count: int) -> list[int]:
    """Numbers of images, from their list."""
    parts = words.replace(",", " ").split()
    expected = f"two or more different numbers from 0 to {count - 1}, such as 0,{count - 1}"
    if not all(part.isdigit() and len(part) < 10 and int(part) < count for part in parts):
        raise InputError("--indices", words, expected)
    chosen = [int(part) for part in parts]
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise InputError("--indices", words, expected)
    return chosen
