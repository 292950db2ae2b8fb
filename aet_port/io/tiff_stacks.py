"""Stacks of frames in TIFF files, with a sidecar (:mod:`aet_port.io.sidecar`) beside them.

Columns are x, rows y, and y runs down the screen: x, y and the direction away from the viewer are
right-handed, and the reconstruction is the mirror image unless the signs of the angles are
reversed. The sidecar comes before the tags (:mod:`aet_port.io.tiff_calibrations`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aet_port.core.frame_series import FrameSeries
from aet_port.io.arrays import write_tiff
from aet_port.io.frame_stacks import STACK_FILE, beside, of_sidecar, stack_images
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.sidecar import write_sidecar
from aet_port.io.statements import stated
from aet_port.io.tiff_calibrations import tiff_calibration
from aet_port.io.tiff_pages import read_tiff_pages


def read_tiff_frames(file: Path, read: ReadSettings = READ) -> RawImages:
    """Read images of a TIFF file, and what its tags and its sidecar state about them.

    Raises
    ------
    DataFileError
        If the file cannot be read.
    """
    contents = read_tiff_pages(file, STACK_FILE, read)
    images, frames = stack_images(file, contents.sections.array)
    notes = beside(file, read)
    angles, sizes = of_sidecar(file, notes)
    sizes += stated("description", lambda: contents.sections.common_size(file, 2))
    found = tiff_calibration(file, contents)
    sizes += [item for item in found.sizes if item.certain or not sizes]
    angles += [item for item in found.angles if not angles]
    own: dict[str, Any] = dict(found.metadata)
    if contents.description and '"voxel_size_angstrom"' not in contents.description:
        own["tiff_description"] = contents.description
    own |= {key: value for key, value in contents.notes.items() if isinstance(value, dict)}
    kept = notes.metadata if notes.frames_per_tilt is not None else own | notes.metadata
    frames = notes.frames_per_tilt or frames
    return RawImages(images, angles, sizes, frames_per_tilt=frames, metadata=kept)


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
