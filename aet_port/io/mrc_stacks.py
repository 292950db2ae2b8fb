"""Stacks of frames in MRC files, with metadata files beside them.

Beside an MRC file an ``.mdoc``, ``.rawtlt`` or ``.tlt`` is read, and a sidecar
(:mod:`aet_port.io.sidecar`), which takes precedence over the others.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.io.angle_files import one_axis_angles
from aet_port.io.arrays import read_mrc, single_precision, write_mrc
from aet_port.io.frame_stacks import STACK_FILE, beside, of_sidecar, stack_images
from aet_port.io.mdoc import Mdoc, mdoc_angles, mdoc_number, read_mdoc, write_mdoc
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import write_sidecar
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees

_LISTS = (".rawtlt", ".tlt")


def _mdoc_of(file: Path) -> Path | None:
    for doc in (file.with_name(file.name + ".mdoc"), file.with_suffix(".mdoc")):
        if doc.is_file():
            return doc
    return None


def read_mrc_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of an MRC file, and what it and the files beside it state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    sections = read_mrc(file, STACK_FILE)
    images, frames = stack_images(file, sections.array)
    notes = beside(file)
    angles, sizes = of_sidecar(file, notes)
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

    def of(table: Path) -> NDArray[np.float64]:
        angles = one_axis_angles(table)
        if n_images % len(angles):
            found = f"{len(angles)} angles"
            raise DataFileError(table, found, f"{n_images}, one per image of {file.name}")
        return angles

    found: list[Stated[NDArray[np.float64]]] = []
    for suffix in _LISTS:
        for table in (file.with_suffix(suffix), file.with_name(file.name + suffix)):
            if table.is_file():
                found += stated(table.name, partial(of, table))
    return found


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
