"""``aet diffraction``: the image of a diffraction pattern in, S(q) and g(r) out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import FigureFormat, Json, settings_options
from aet_port.core.console import print_facts
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import check_target
from aet_port.core.terminal import print_note
from aet_port.diffraction.settings import DiffractionSettings
from aet_port.io.settings import ReadSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from aet_port.diffraction import Diffraction

OF_SERIES = ("angles_variable", "angle_unit", "tilt_axis", "transforms")


@settings_options(leave_out={"reading": OF_SERIES})
def diffraction_command(
    pattern: Annotated[
        Path,
        typer.Argument(
            help="Diffraction pattern: .mrc, .tif, .dm3, .dm4, .ser, .emd, .npy, .mat, ...; "
            "several images in it are added up."
        ),
    ],
    settings: DiffractionSettings,
    reading: ReadSettings,
    crystal: Annotated[
        str | None,
        typer.Option(help="Element, such as Au, whose crystal's rings give the pixel size."),
    ] = None,
    lattice: Annotated[
        float | None,
        number(
            "Lattice constant of this crystal (angstrom); that known unless given.", gt=0, le=100
        ),
    ] = None,
    standard: Annotated[
        Path | None,
        typer.Option(
            help="Pattern of this crystal at the same camera length; PATTERN itself unless given."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder for intensity.csv, pdf.csv, diffraction.json, the mask and figures.",
        ),
    ] = None,
    figure_format: FigureFormat = "png",
    as_json: Json = False,
) -> None:
    """Find the radial average, S(q) and g(r) of an electron diffraction pattern.

    The beam stop is masked, the centre and an elliptical distortion are found. With --composition,
    background and atomic scattering are fitted and transformed to the pair distribution.
    """
    import numpy as np

    from aet_port.diffraction import analyze_pattern
    from aet_port.diffraction.output import diffraction_facts, hidden_ring, write_diffraction

    if crystal is None and (lattice is not None or standard is not None):
        name = "--lattice" if standard is None else "--standard"
        raise InputError(name, "no crystal", "it together with --crystal, such as Au")
    if crystal is not None and settings.reciprocal_pixel is not None:
        raise InputError("--crystal", "--reciprocal-pixel as well", "one of them")
    if output is not None:
        check_target(output / "intensity.csv", (".csv",))
    counts, stated = _pattern(pattern, reading)
    mask = None
    if settings.beam_stop not in ("auto", "none"):
        mask = _pattern(Path(settings.beam_stop), ReadSettings())[0] != 0
    pixel = _pixel(pattern, settings, stated, crystal)
    rings = None
    if standard is not None:
        own = settings.changed(composition=None, centre=None, q_min=None, q_max=None)
        known = _pattern(standard, reading)[0]
        rings = analyze_pattern(known, own, mask=mask, crystal=crystal, lattice=lattice).calibration
        if rings is None:
            raise AssertionError("a crystal was named")
        pixel, crystal = rings.pixel, None
    found = analyze_pattern(
        np.asarray(counts),
        settings.changed(reciprocal_pixel=pixel),
        mask=mask,
        crystal=crystal,
        lattice=lattice,
    )
    facts: dict[str, Any] = {"pattern": str(pattern), **diffraction_facts(found, rings)}
    if settings.composition is not None and settings.density is None:
        print_note(
            f"aet: warning: density {found.density:.4g} atoms per cubic angstrom, that of the "
            "elements' crystals; --density gives another"
        )
    if (hidden := hidden_ring(found)) is not None:
        print_note(f"aet: warning: {hidden}")
    if output is not None:
        facts["files"] = [str(path) for path in _write(found, facts, output, figure_format)]
        write_diffraction(found, output, facts)
    print_facts(as_json, "aet diffraction", facts)


def _write(found: Diffraction, facts: dict[str, Any], folder: Path, form: str) -> list[Path]:
    """Tables and figures into a folder."""
    from aet_port.diffraction.output import write_tables
    from aet_port.figures.scattering import write_diffraction_figures

    return [*write_tables(found, folder), *write_diffraction_figures(found, folder, form)]


def _pattern(file: Path, reading: ReadSettings) -> tuple[NDArray[np.float64], float | None]:
    """The sum of a file's images, and the pixel size that it states, in 1/angstrom."""
    import numpy as np

    from aet_port.io import read_raw_images

    raw = read_raw_images(file, reading)
    shape = raw.images.shape
    if len(shape) != 3 or min(shape) < 1:
        raise DataFileError(file, f"images of shape {shape}", "one diffraction pattern, or several")
    return np.asarray(raw.images.sum(axis=0, dtype=np.float64)), raw.reciprocal_size


def _pixel(
    file: Path, settings: DiffractionSettings, stated: float | None, crystal: str | None
) -> float | None:
    """The pixel size that holds: that given, else that of the file; a difference is said."""
    given = settings.reciprocal_pixel
    if stated is not None and given is not None and abs(given / stated - 1) > 1e-3:
        print_note(
            f"aet: warning: {file}: states pixels of {stated:.5g} 1/angstrom; {given:.5g} is used"
        )
    if stated is not None and crystal is not None:
        print_note(
            f"aet: warning: {file}: states pixels of {stated:.5g} 1/angstrom; the rings of "
            f"{crystal} are used"
        )
    return stated if given is None else given
