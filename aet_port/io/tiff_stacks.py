"""Stacks of frames in TIFF files, with a sidecar (:mod:`aet_port.io.sidecar`) beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aet_port.core.frame_series import FrameSeries, plain
from aet_port.io.arrays import read_tiff, reading, write_tiff
from aet_port.io.frame_stacks import STACK_FILE, beside, of_sidecar, stack_images
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import write_sidecar
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom, is_length


def read_tiff_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of a TIFF file, and what it and its sidecar state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    sections = read_tiff(file, STACK_FILE)
    images, frames = stack_images(file, sections.array)
    own, size = _tiff_notes(file)
    notes = beside(file)
    angles, sizes = of_sidecar(file, notes)
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
