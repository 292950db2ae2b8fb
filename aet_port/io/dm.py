"""Images and stacks of Gatan DigitalMicrograph files (.dm3, .dm4).

The tree of tags is read by :mod:`aet_port.io.dm_tags`.

Axis order: DigitalMicrograph stores the image's horizontal direction fastest, then the vertical,
then the section. The horizontal direction becomes x, the vertical y, and y runs down the screen: x,
y and the direction away from the viewer are right-handed. A stage angle that is positive about an
axis pointing up the screen is negative about y; if it is not reversed (the files do not say how the
stage turns), the reconstruction is the mirror image.

Angles: a third axis in degrees or radians; the settings of Gatan's tomography plug-in (``Tomography
/ Tomography setup / Tilt angles``: minimum, maximum and step), if they make as many angles as there
are sections; ``Stage Alpha``, the stage at the time of saving.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError
from aet_port.io.arrays import real_array
from aet_port.io.dm_tags import (
    DM_FILE,
    plain_tags,
    read_dm_tags,
    search_tag,
    tag,
    tag_number,
    tag_text,
)
from aet_port.io.image_choice import Candidate, choose
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees, is_angle, is_energy, is_length, is_reciprocal, square_size

DM_SUFFIXES = (".dm3", ".dm4")
_IMAGES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1"}
_IMAGES |= {39: "i8", 40: "u8"}
_OTHERS = {3: "a complex image", 5: "a packed complex image", 13: "a complex image"}
_OTHERS |= {8: "a colour image", 23: "a colour image"}


@checked
def read_dm(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the image or stack of a .dm3 or .dm4 file.

    Parameters
    ----------
    path
        The file.
    read
        Its ``image`` or ``detector`` is needed only if there are several images; plots, spectra,
        transforms, colour pictures, volumes, 4-D data and the thumbnail are not counted.

    Returns
    -------
    RawImages. Pixel size from the calibration (any unit of length), angles as in the notes of the
    module: one angle for a stack means frames of one tilt; ``voltage_kv`` and ``dwell_time_us``
    (DigiScan ``Sample Time``) in the metadata, and under ``dm`` all tags except the pixels.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or damaged, has no image or several, or its only image is
        complex, in colour, or not a stack of images.

    Warns
    -----
    UserWarning
        If tags of an unknown type were skipped.
    """
    file = Path(path)
    tree = read_dm_tags(file)
    listed = _directory(tree, "ImageList")
    entries = [item for item in listed.values() if isinstance(item, dict)]
    thumbnails = [tag(item, "ImageIndex") for item in _directory(tree, "Thumbnails").values()]
    if len(entries) == 1:
        thumbnails = []
    candidates = [_candidate(item, index in thumbnails) for index, item in enumerate(entries)]
    chosen = choose(file, candidates, read, DM_FILE).item
    data = chosen["ImageData"]
    images = _pixels(file, data)
    tags = tag(chosen, "ImageTags") or {}
    metadata: dict[str, Any] = {}
    volts = tag_number(search_tag(tags, "Microscope Info", "Voltage"))
    if volts:
        metadata["voltage_kv"] = volts / 1e3
    dwell = tag_number(search_tag(tags, "DigiScan", "Sample Time"))
    if dwell:
        metadata["dwell_time_us"] = dwell
    kept = {
        name: item | {"ImageData": {k: v for k, v in pixels.items() if k != "Data"}}
        if (pixels := _directory(item, "ImageData"))
        else item
        for name, item in listed.items()
    }
    metadata["dm"] = plain_tags(tree | {"ImageList": kept})
    axes = _axes(data)
    sizes = stated("calibration", lambda: square_size(file, [axis[:2] for axis in axes[:2]], 1e-4))
    return RawImages(images, _angles(file, axes, tags, len(images)), sizes, metadata=metadata)


def _directory(tree: Any, *keys: str) -> dict[str, Any]:
    """The directory below ``keys``; empty if there is none."""
    found = tag(tree, *keys)
    return found if isinstance(found, dict) else {}


def _axes(data: dict[str, Any]) -> list[tuple[float, str, float]]:
    """Scale, unit and origin of each calibrated axis, x first."""
    found = _directory(data, "Calibrations", "Dimension").values()
    return [
        (
            tag_number(tag(axis, "Scale")) or 0.0,
            tag_text(tag(axis, "Units")),
            tag_number(tag(axis, "Origin")) or 0.0,
        )
        for axis in found
    ]


def _sides(data: Any) -> list[int]:
    found = _directory(data, "Dimensions").values()
    return [side if isinstance(side, int) else 0 for side in found]


def _candidate(entry: dict[str, Any], thumbnail: bool) -> Candidate[dict[str, Any]]:
    """An entry of the list of images, and why it can be no frame."""
    name = tag_text(entry.get("Name")) or "without a name"
    detector = tag_text(search_tag(tag(entry, "ImageTags"), "DataBar", "Signal Name")) or None
    problem, expected = ("the thumbnail", None) if thumbnail else _problem(entry)
    units = [axis[1] for axis in _axes(tag(entry, "ImageData"))][:2]
    doubt = next((f"calibrated in {unit}" for unit in units if is_reciprocal(unit)), None)
    return Candidate(name, entry, problem, detector, expected=expected, doubt=doubt)


def _problem(entry: dict[str, Any]) -> tuple[str | None, str | None]:
    """Why an entry can be no frame, and what it should be; None if it can."""
    data = tag(entry, "ImageData")
    sides, code = _sides(data), tag(data, "DataType")
    flat = tag(data, "Data")
    size = " x ".join(str(side) for side in sides)
    if not isinstance(flat, np.ndarray) or (flat.dtype.names is not None and code not in _OTHERS):
        return "an image without pixels", None
    if code not in _IMAGES:
        return f"{_OTHERS.get(code, 'a strange image')} (type {code})", "an image of real numbers"
    described = tag_text(tag(entry, "ImageTags", "Meta Data", "Format")).lower()
    units = [axis[1] for axis in _axes(data)][: len(sides)]
    if any(is_energy(unit) for unit in units) or "spectrum" in described:
        kind = "a spectrum" if len(sides) == 1 else "a spectrum image"
        return f"{kind} of dimensions {size}", "images"
    if len(sides) == 1:
        return f"a plot of dimensions {sides}", "an image of two dimensions, or a stack"
    if len(sides) == 4:
        return f"4-D data of {size}, a scan of diffraction patterns", "images, one per tilt"
    if len(sides) not in (2, 3) or min(sides) < 1:
        return f"an image of dimensions {sides}", "two, or three for a stack"
    if len(sides) == 3 and len(units) == 3 and all(is_length(unit) for unit in units):
        return f"a volume of {size} voxels", "a stack of images, whose third axis is no length"
    return None, None


def _pixels(file: Path, data: dict[str, Any]) -> NDArray:
    """Images (n, nx, ny) of an ImageData directory."""
    sides, flat = _sides(data), data["Data"]
    kind = np.dtype(flat.dtype.byteorder + _IMAGES[data["DataType"]])
    count = 1
    for side in sides:  # Python's numbers, which do not overflow
        count *= side
    if flat.nbytes != count * kind.itemsize:
        found = f"{flat.nbytes} bytes of pixels for {sides} of type {kind}"
        raise DataFileError(file, found, f"{count * kind.itemsize} bytes")
    array = flat.view(kind).reshape(sides[::-1])
    stack = array if array.ndim == 3 else array[np.newaxis]
    return real_array(file, np.ascontiguousarray(stack.transpose(0, 2, 1)), DM_FILE)


def _angles(
    file: Path, axes: list[tuple[float, str, float]], tags: dict[str, Any], n: int
) -> list[Stated[NDArray[np.float64]]]:
    """Tilt angles by source; see the notes of the module."""
    found: list[Stated[NDArray[np.float64]]] = []
    if len(axes) == 3 and is_angle(axes[2][1]):
        scale, unit, origin = axes[2]
        # DigitalMicrograph: value = (index - origin) * scale
        values = (np.arange(n) - origin) * scale
        found += stated("calibration of the third axis", lambda: degrees(file, values, unit))
    planned = None if found else _planned(tags, n)
    if planned is not None:
        found.append(Stated("tags of the tomography plug-in", planned))
    alpha = tag_number(search_tag(tags, "Microscope Info", "Stage Position", "Stage Alpha"))
    if alpha is not None and not found:
        found.append(Stated("tag Stage Alpha", np.array([alpha])))
    return found


def _planned(tags: dict[str, Any], n: int) -> NDArray[np.float64] | None:
    """Angles planned in Gatan's tomography plug-in, if there are as many as images."""
    setup = search_tag(tags, "Tomography setup", "Tilt angles")
    if n < 2 or not isinstance(setup, dict):
        return None
    by_name = {re.sub("[^a-z]", "", key.lower()): tag_number(value) for key, value in setup.items()}
    low, high = by_name.get("minimumtiltangledeg"), by_name.get("maximumtiltangledeg")
    step = by_name.get("tiltanglestepdeg")
    if low is None or high is None or not step:
        return None
    first = low if step > 0 else high
    values = np.array([first + step * index for index in range(n)])
    last = high if step > 0 else low
    return values if abs(values[-1] - last) < abs(step) / 2 else None
