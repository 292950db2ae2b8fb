"""Stacks of frames in MRC files, with the files that IMOD and SerialEM keep beside them.

Statements about angles, the most reliable first: a sidecar (:mod:`aet_port.io.sidecar`); for a raw
stack ``.mdoc``, ``.rawtlt``, ``.tlt``, for an aligned one ``.tlt``, ``.rawtlt``, ``.mdoc``; then
the extended header. Rows are counted from y = 0 upwards, as in IMOD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.io.angle_files import one_axis_angles
from aet_port.io.arrays import plain_path, single_precision, write_mrc
from aet_port.io.frame_stacks import STACK_FILE, beside, of_sidecar, stack_images
from aet_port.io.imod_files import has_refined_angles, is_aligned, mdoc_beside, named_alike
from aet_port.io.mdoc import (
    AXIS_TITLE,
    Mdoc,
    axis_of_titles,
    mdoc_angles,
    mdoc_number,
    read_mdoc,
    write_mdoc,
)
from aet_port.io.mrc_extended import parse_extended
from aet_port.io.mrc_sections import read_mrc_parts
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import write_sidecar
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees


def read_mrc_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of an MRC file, and what it and the files beside it state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read, or holds the pieces of a montage.
    """
    sections, header, block = read_mrc_parts(file, STACK_FILE)
    images, frames = stack_images(file, sections.array)
    extended = parse_extended(file, header, block)
    if extended.pieces > 1:
        found = f"a montage of {extended.pieces} pieces to an image"
        raise DataFileError(file, found, "whole images; IMOD's blendmont makes them of the pieces")
    aligned = is_aligned(file, header)
    notes = beside(file, read)
    angles, sizes = of_sidecar(file, notes)
    doc = _of_mdoc(file, mdoc_beside(file, aligned), len(images), read)
    refined = has_refined_angles(file)
    lists = _listed_angles(file, (".tlt", ".rawtlt") if refined else (".rawtlt", ".tlt"), read)
    angles += [*lists, *doc.angles] if refined else [*doc.angles, *lists]
    angles += extended.angles
    of_header = stated("header", lambda: sections.common_size(file, 2), sections.size_is_known)
    sizes += _sizes(aligned, doc, of_header)
    sizes += extended.pixel_sizes
    axes = [] if aligned else [*doc.axes, *_label_axes(file, header.labels), *extended.tilt_axes]
    voltage = {} if extended.voltage is None else {"voltage_kv": extended.voltage}
    # Metadata stored by write_frames are complete; the .mdoc then repeats part of them.
    complete = notes.frames_per_tilt is not None
    kept = notes.metadata if complete else voltage | doc.metadata | notes.metadata
    return RawImages(
        images,
        angles,
        sizes,
        axes,
        frames_per_tilt=notes.frames_per_tilt or frames,
        metadata=kept,
    )


@dataclass(frozen=True, eq=False)
class _DocNotes:
    """What an ``.mdoc`` states; whether it is of this very stack, not of the raw one."""

    angles: list[Stated[NDArray[np.float64]]] = field(default_factory=list)
    sizes: list[Stated[float]] = field(default_factory=list)
    axes: list[Stated[float]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    own: bool = True


def _of_mdoc(file: Path, doc: Path | None, n_images: int, read: ReadSettings) -> _DocNotes:
    if doc is None:
        return _DocNotes()
    try:
        mdoc = read_mdoc(doc)
    except AetError as error:
        return _DocNotes([Stated(doc.name, None, error)], [Stated(doc.name, None, error)])

    def angles() -> NDArray[np.float64] | None:
        found_angles = mdoc_angles(doc, mdoc)
        if found_angles is not None and len(mdoc.sections) != n_images:
            found = f"{len(mdoc.sections)} sections"
            raise DataFileError(doc, found, f"{n_images}, as many as images in {file.name}")
        return None if found_angles is None else degrees(doc, found_angles, read.angle_unit)

    metadata: dict[str, Any] = {"mdoc": mdoc.as_metadata()}
    for item in stated(doc.name, lambda: mdoc_number(doc, mdoc, "Voltage")):
        metadata |= {} if item.value is None else {"voltage_kv": item.value}
    values = [f"{key} = {value}" for key, value in mdoc.values.items()]
    return _DocNotes(
        stated(doc.name, angles),
        stated(doc.name, lambda: mdoc_number(doc, mdoc, "PixelSpacing")),
        stated(doc.name, lambda: axis_of_titles(doc, [*mdoc.titles, *values])),
        metadata,
        doc.name.lower().startswith(plain_path(file).name.lower()),
    )


def _sizes(aligned: bool, doc: _DocNotes, of_header: list[Stated[float]]) -> list[Stated[float]]:
    """Pixel sizes of ``.mdoc`` and header; an aligned stack may be binned, unlike the raw one."""
    known = any(item.certain and item.problem is None for item in of_header)
    return of_header if aligned and not doc.own and known else [*doc.sizes, *of_header]


def _label_axes(file: Path, labels: Sequence[str]) -> list[Stated[float]]:
    return stated("header's labels", lambda: axis_of_titles(file, labels))


def _listed_angles(
    file: Path, suffixes: Sequence[str], read: ReadSettings
) -> list[Stated[NDArray[np.float64]]]:
    """Angles of lists beside a stack."""
    found: list[Stated[NDArray[np.float64]]] = []
    for suffix in suffixes:
        for table in named_alike(file, suffix):
            found += stated(table.name, partial(one_axis_angles, table, unit=read.angle_unit))
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
    titles = ["aet-port: raw frames"]
    if series.tilt_axis is not None:
        titles.append(f"{AXIS_TITLE}{0.0 - series.tilt_axis!r}")  # counterclockwise there
    return Mdoc(values, sections, titles)


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
