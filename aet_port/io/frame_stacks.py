"""Stacks of frames in MRC and TIFF files, with metadata files beside them.

A section or page is an image with rows y and columns x, in the order of the file. Beside an MRC
file an ``.mdoc``, ``.rawtlt`` or ``.tlt`` is read, beside both kinds a sidecar
(:mod:`aet_port.io.sidecar`), which takes precedence over the others.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.frame_series import FrameSeries, plain
from aet_port.io.angle_files import one_axis_angles
from aet_port.io.arrays import (
    read_mrc,
    read_tiff,
    reading,
    short,
    single_precision,
    write_mrc,
    write_tiff,
)
from aet_port.io.mdoc import Mdoc, mdoc_angles, mdoc_number, read_mdoc, write_mdoc
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import Sidecar, find_sidecar, read_sidecar, write_sidecar
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom, degrees, is_length

STACK_FILE = "frames as images of an MRC or TIFF file"
_LISTS = (".rawtlt", ".tlt")


def _images(file: Path, array: NDArray) -> tuple[NDArray, list[int] | None]:
    """Images (n, nx, ny) of sections (..., y, x), and the frames per tilt of a fourth axis."""
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataFileError(file, f"an array of shape {array.shape}", STACK_FILE)
    frames = [array.shape[1]] * array.shape[0] if array.ndim == 4 else None
    stack = array.reshape(-1, *array.shape[-2:])
    return np.ascontiguousarray(stack.transpose(0, 2, 1)), frames


def _beside(file: Path) -> tuple[Sidecar, AetError | None]:
    """The sidecar of a file, and why it cannot be used."""
    sidecar = find_sidecar(file)
    if sidecar is None:
        return Sidecar(), None
    try:
        return read_sidecar(sidecar), None
    except AetError as error:
        return Sidecar(path=sidecar), error


def _not_used(file: Path, problem: AetError) -> None:
    text = f"{file}: a file beside it is not used ({short(str(problem))})"
    warnings.warn(text, UserWarning, stacklevel=4)


def _of_sidecar(
    file: Path, notes: Sidecar
) -> tuple[list[Stated[NDArray[np.float64]]], list[Stated[float]]]:
    """Angles and pixel size of a sidecar."""
    source = "" if notes.path is None else notes.path.name
    angles, length = notes.angles, notes.pixel_size
    of_angles: list[Stated[NDArray[np.float64]]] = []
    if angles is not None:
        where = notes.path or file
        of_angles = stated(source, lambda: degrees(where, angles, notes.angle_unit))
    return of_angles, [] if length is None else [Stated(source, length)]


def _mdoc_of(file: Path) -> Path | None:
    for beside in (file.with_name(file.name + ".mdoc"), file.with_suffix(".mdoc")):
        if beside.is_file():
            return beside
    return None


def read_mrc_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of an MRC file, and what it and the files beside it state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    sections = read_mrc(file, STACK_FILE)
    images, frames = _images(file, sections.array)
    notes, problem = _beside(file)
    if problem is not None:
        warnings.warn(
            f"{file}: a file beside it is not used ({problem})", UserWarning, stacklevel=2
        )
    angles, sizes = _of_sidecar(file, notes)
    metadata: dict[str, Any] = {}
    doc = _mdoc_of(file)
    if doc is not None:
        more_angles, more_sizes, metadata = _of_mdoc(file, doc, len(images))
        angles, sizes = [*angles, *more_angles], [*sizes, *more_sizes]
    angles += _listed_angles(file, len(images))
    # Many programs that don't know the pixel size write 1 angstrom.
    certain = sections.ours or 1.0 not in sections.size[:2]
    sizes += stated("header", lambda: sections.common_size(file, 2), certain)
    # Metadata stored by write_frames are complete; the .mdoc then repeats part of them.
    kept = notes.metadata if notes.frames_per_tilt is not None else metadata | notes.metadata
    frames = notes.frames_per_tilt or frames
    return RawImages(images, angles, sizes, frames_per_tilt=frames, metadata=kept)


def _of_mdoc(
    file: Path, doc: Path, n_images: int
) -> tuple[list[Stated[NDArray[np.float64]]], list[Stated[float]], dict[str, Any]]:
    """Angles, pixel size and metadata of an ``.mdoc``."""
    try:
        mdoc = read_mdoc(doc)
    except AetError as error:
        return [Stated(doc.name, None, error)], [Stated(doc.name, None, error)], {}

    def angles() -> NDArray[np.float64] | None:
        if mdoc.sections and len(mdoc.sections) != n_images:
            found = f"{len(mdoc.sections)} sections"
            raise DataFileError(doc, found, f"{n_images}, as many as images in {file.name}")
        found_angles = mdoc_angles(doc, mdoc)
        return None if found_angles is None else degrees(doc, found_angles, None)

    metadata: dict[str, Any] = {"mdoc": mdoc.as_metadata()}
    for item in stated(doc.name, lambda: mdoc_number(doc, mdoc, "Voltage")):
        metadata |= {} if item.value is None else {"voltage_kv": item.value}
    sizes = stated(doc.name, lambda: mdoc_number(doc, mdoc, "PixelSpacing"))
    return stated(doc.name, angles), sizes, metadata


def _listed_angles(file: Path, n_images: int) -> list[Stated[NDArray[np.float64]]]:
    """Angles of lists beside a stack."""

    def of(beside: Path) -> NDArray[np.float64]:
        table = one_axis_angles(beside)
        if n_images % len(table):
            found = f"{len(table)} angles"
            raise DataFileError(beside, found, f"{n_images}, one per image of {file.name}")
        return table

    found: list[Stated[NDArray[np.float64]]] = []
    for suffix in _LISTS:
        for beside in (file.with_suffix(suffix), file.with_name(file.name + suffix)):
            if beside.is_file():
                found += stated(beside.name, partial(of, beside))
    return found


def read_tiff_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of a TIFF file, and what it and its sidecar state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    sections = read_tiff(file, STACK_FILE)
    images, frames = _images(file, sections.array)
    own, size = _tiff_notes(file)
    notes, problem = _beside(file)
    if problem is not None:
        warnings.warn(
            f"{file}: a file beside it is not used ({problem})", UserWarning, stacklevel=2
        )
    angles, sizes = _of_sidecar(file, notes)
    sizes += stated("description", lambda: sections.common_size(file, 2))
    sizes += [] if size is None else [Stated("tags", size)]
    kept = notes.metadata if notes.frames_per_tilt is not None else own | notes.metadata
    frames = notes.frames_per_tilt or frames
    return RawImages(images, angles, sizes, frames_per_tilt=frames, metadata=kept)


def _tiff_notes(file: Path) -> tuple[dict[str, Any], float | None]:
    """Description and vendor tags, and the pixel size in angstrom if they state it."""
    import tifffile

    with reading(file, STACK_FILE), tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        notes: dict[str, Any] = {}
        if page.description and '"voxel_size_angstrom"' not in page.description:
            notes["tiff_description"] = page.description
        for kind in ("fei_metadata", "imagej_metadata"):
            found = getattr(tiff, kind)
            if found:
                notes[kind] = plain(f"{file}: {kind}", dict(found))
        resolution = page.tags.get("XResolution")
        ratio = resolution.value if resolution is not None else (0, 1)
    unit = str(notes.get("imagej_metadata", {}).get("unit", "")).replace("\\u00B5", "µ")
    if is_length(unit) and ratio[0]:
        return notes, angstrom(file, ratio[1] / ratio[0], unit)
    width = notes.get("fei_metadata", {}).get("Scan", {}).get("PixelWidth")
    size = angstrom(file, width, "m") if isinstance(width, float) else None
    return notes, size


def _mrc_type(name: str, stack: NDArray) -> NDArray:
    if stack.dtype in (np.int8, np.int16, np.uint16, np.float32):
        return stack
    if stack.dtype.kind == "f":
        return single_precision(name, stack)
    for kind in (np.int16, np.uint16, np.float32):
        turned = stack.astype(kind)
        if (turned == stack).all():
            return turned
    raise InputError(
        name, f"whole numbers up to {abs(stack).max()}", "below 2^24 in MRC; use .emd or .tif"
    )


def _mdoc(file: Path, series: FrameSeries) -> Mdoc:
    """The part of a series that an ``.mdoc`` can hold."""
    nx, ny = series.detector
    values = {"PixelSpacing": repr(series.pixel_size), "ImageFile": file.name}
    values["ImageSize"] = f"{nx} {ny}"
    if series.voltage is not None:
        values["Voltage"] = f"{series.voltage:g}"
    sections: list[dict[str, str]] = []
    for index, count in enumerate(series.frames_per_tilt):
        angle = {} if series.angles is None else {"TiltAngle": repr(float(series.angles[index]))}
        sections += [dict(angle) for _ in range(count)]
    return Mdoc(values, sections, ["aet-port: raw frames"])


def write_mrc_frames(file: Path, series: FrameSeries) -> list[Path]:
    """Write ``name.mrc``, ``name.mrc.mdoc`` and ``name.mrc.json``.

    Raises
    ------
    InputError
        If the tilts differ in size, or single precision cannot hold the values.
    OutputError
        If a file cannot be written.
    """
    stack = _mrc_type(series.name, series.stack().transpose(0, 2, 1))
    write_mrc(file, stack, series.pixel_size, None, stack=True)
    doc = write_mdoc(file.with_name(file.name + ".mdoc"), _mdoc(file, series))
    return [file, doc, write_sidecar(file.with_name(file.name + ".json"), series)]


def write_tiff_frames(file: Path, series: FrameSeries) -> list[Path]:
    """Write ``name.tif`` and ``name.tif.json``.

    Raises
    ------
    InputError
        If the tilts differ in size.
    OutputError
        If a file cannot be written.
    """
    write_tiff(file, series.stack().transpose(0, 2, 1), series.pixel_size, None)
    return [file, write_sidecar(file.with_name(file.name + ".json"), series)]
