"""Stacks of frames in MRC and TIFF files, with metadata files beside them.

A section or page is an image with rows y and columns x, in the order of the file. Beside an MRC
file an ``.mdoc``, ``.rawtlt`` or ``.tlt`` is read, beside both kinds a sidecar
(:mod:`aet_port.io.sidecar`), which takes precedence over the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.frame_series import FrameSeries, plain
from aet_port.io.arrays import read_mrc, read_tiff, reading, single_precision, write_mrc, write_tiff
from aet_port.io.mdoc import Mdoc, mdoc_angles, mdoc_number, read_mdoc, write_mdoc
from aet_port.io.raw_images import RawImages
from aet_port.io.sidecar import Sidecar, find_sidecar, read_sidecar, write_sidecar
from aet_port.io.tilt_series import read_angles
from aet_port.io.units import angstrom, is_length

STACK_FILE = "frames as images of an MRC or TIFF file"
SAME_SIZE = 1e-3  # relative; rounding of pixel sizes from several sources
_LISTS = (".rawtlt", ".tlt")


def one_axis_angles(path: str | Path) -> NDArray[np.float64]:
    """Read the tilt angles of a file of angles, in the unit of the file.

    Raises
    ------
    DataFileError
        If the file cannot be read, or its angles are about several axes.
    """
    table = np.asarray(read_angles(path), dtype=np.float64)
    if table[:, [0, 2]].any():
        raise DataFileError(path, "phi or psi other than zero", "tilt angles about one axis")
    return table[:, 1]


def _agreed(file: Path, sizes: dict[str, float | None]) -> float | None:
    """The first known pixel size, if all known ones agree."""
    known = {source: size for source, size in sizes.items() if size is not None}
    if not known:
        return None
    size = next(iter(known.values()))
    for source, other in known.items():
        if not np.isclose(other, size, rtol=SAME_SIZE, atol=0):
            found = f"pixels of {other:.6g} angstrom in the {source}"
            raise DataFileError(file, found, f"{size:.6g} angstrom, as in the {next(iter(known))}")
    return size


def _images(file: Path, array: NDArray) -> tuple[NDArray, list[int] | None]:
    """Images (n, nx, ny) of sections (..., y, x), and the frames per tilt of a fourth axis."""
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise DataFileError(file, f"an array of shape {array.shape}", STACK_FILE)
    frames = [array.shape[1]] * array.shape[0] if array.ndim == 4 else None
    stack = array.reshape(-1, *array.shape[-2:])
    return np.ascontiguousarray(stack.transpose(0, 2, 1)), frames


def _beside(file: Path) -> Sidecar:
    sidecar = find_sidecar(file)
    return Sidecar() if sidecar is None else read_sidecar(sidecar)


def _mdoc_of(file: Path) -> Path | None:
    for beside in (file.with_name(file.name + ".mdoc"), file.with_suffix(".mdoc")):
        if beside.is_file():
            return beside
    return None


def read_mrc_frames(file: Path) -> RawImages:
    """Read images, angles, pixel size and metadata of an MRC file and the files beside it.

    Raises
    ------
    DataFileError
        If a file cannot be read, or they contradict each other in number or pixel size.
    """
    sections = read_mrc(file, STACK_FILE)
    images, frames = _images(file, sections.array)
    notes = _beside(file)
    metadata: dict[str, Any] = {}
    angles, unit, source = notes.angles, notes.angle_unit, notes.path
    spacing = None
    doc = _mdoc_of(file)
    if doc is not None:
        mdoc = read_mdoc(doc)
        if mdoc.sections and len(mdoc.sections) != len(images):
            found = f"{len(mdoc.sections)} sections"
            raise DataFileError(doc, found, f"{len(images)}, as many as images in {file.name}")
        spacing = mdoc_number(doc, mdoc, "PixelSpacing")
        volts = mdoc_number(doc, mdoc, "Voltage")
        metadata |= {} if volts is None else {"voltage_kv": volts}
        metadata["mdoc"] = mdoc.as_metadata()
        if angles is None:
            angles, unit, source = mdoc_angles(doc, mdoc), "", doc
    if angles is None:
        angles, source = _listed_angles(file, len(images))
    size = sections.common_size(file, 2)
    # Many programs that don't know the pixel size write 1 angstrom.
    if size == 1.0 and (spacing is not None or notes.pixel_size is not None):
        size = None
    known = {"sidecar": notes.pixel_size, "mdoc": spacing, "header": size}
    # Metadata stored by write_frames are complete; the .mdoc then repeats part of them.
    kept = notes.metadata if notes.frames_per_tilt is not None else metadata | notes.metadata
    frames = notes.frames_per_tilt or frames
    return RawImages(images, angles, _agreed(file, known), frames, kept, unit, source)


def _listed_angles(file: Path, n_images: int) -> tuple[NDArray[np.float64] | None, Path | None]:
    for suffix in _LISTS:
        for beside in (file.with_suffix(suffix), file.with_name(file.name + suffix)):
            if not beside.is_file():
                continue
            table = one_axis_angles(beside)
            if n_images % len(table):
                found = f"{len(table)} angles"
                raise DataFileError(beside, found, f"{n_images}, one per image of {file.name}")
            return table, beside
    return None, None


def read_tiff_frames(file: Path) -> RawImages:
    """Read images, angles, pixel size and metadata of a TIFF file and its sidecar.

    Raises
    ------
    DataFileError
        If a file cannot be read, or they contradict each other in pixel size.
    """
    sections = read_tiff(file, STACK_FILE)
    images, frames = _images(file, sections.array)
    own, size = _tiff_notes(file)
    notes = _beside(file)
    known = {
        "sidecar": notes.pixel_size,
        "description": sections.common_size(file, 2),
        "tags": size,
    }
    kept = notes.metadata if notes.frames_per_tilt is not None else own | notes.metadata
    frames = notes.frames_per_tilt or frames
    size = _agreed(file, known)
    return RawImages(images, notes.angles, size, frames, kept, notes.angle_unit, notes.path)


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
