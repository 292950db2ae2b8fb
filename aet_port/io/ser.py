"""FEI TIA (Emispec) series files: .ser with the images, .emi beside it with the metadata.

A .ser file (little-endian) is: byte order 0x4949, series id 0x0197, version (2 bytes each); data
type (0x4120 lines, 0x4122 images), tag type (0x4152 time, 0x4142 time and position), number of
elements, number of valid ones (4 bytes each); offset of the offset arrays (4 bytes, from version
0x220 on 8); number of dimensions of the series and, for each, its size, calibration, description
and units; offsets of the elements, then of their tags. An image is: calibration of x and of y
(offset and step in metres as doubles, element as 4 bytes), data type (2), length along x and y
(4 each), pixels. The format is FEI's "TIA Series Data (ESD) file format"; for .emi see
:mod:`aet_port.io.emi`.

Axis order: x is fastest and points right. TIA stores the lowest row first; rows are reversed, so
that y runs down the screen as in DigitalMicrograph files: x, y and the direction away from the
viewer are right-handed, and the reconstruction is the mirror image unless the signs of the angles
are reversed.
"""

from __future__ import annotations

import mmap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import AetError, DataFileError, short
from aet_port.io.arrays import existing_file, reading
from aet_port.io.emi import common_notes, described, emi_of, read_emi, ser_files, series_number
from aet_port.io.image_choice import Candidate, choose
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees, unit_or

SER_SUFFIXES = (".ser",)
EMI_SUFFIXES = (".emi",)
SER_FILE = "a TIA series file (.ser) with images"
_TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8"}
_IMAGES, _LINES = 0x4122, 0x4120


class _Bytes:
    """Little-endian numbers of a file, one after the other."""

    def __init__(self, path: Path, data: Any, at: int = 0) -> None:
        self.path, self.data, self.at = path, data, at

    def array(self, kind: str, count: int) -> NDArray:
        """The next ``count`` numbers."""
        size = np.dtype(kind).itemsize * count
        if count < 0 or self.at < 0 or self.at + size > len(self.data):
            found = f"{len(self.data)} bytes, {size} more needed at byte {self.at}"
            raise DataFileError(self.path, found, "a complete file; it is truncated or damaged")
        if count == 0:
            return np.zeros(0, "<" + kind)
        values = np.frombuffer(self.data, "<" + kind, count, self.at)
        self.at += size
        return values

    def one(self, kind: str) -> Any:
        """The next number."""
        return self.array(kind, 1)[0].item()

    def text(self) -> str:
        """The next text, preceded by its length."""
        return self.array("u1", self.one("u4")).tobytes().decode("latin-1")


@checked
def read_ser(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the images of a .ser file and the metadata of its .emi.

    Parameters
    ----------
    path
        The .ser file, whose .emi has the same name, or the name before ``_1``, and may be missing;
        or the .emi file.
    read
        Its ``image``, the number or name of the .ser file, is needed only for a .emi of several.

    Returns
    -------
    RawImages of all valid elements. The pixel size is that of the calibration, the angle ``Stage
    A`` of the .emi: one angle, so that several images are read as frames of one tilt unless other
    angles are given. Metadata: ``voltage_kv`` and ``dwell_time_us`` if the .emi states them, under
    ``ser`` the header, calibrations and tags, under ``emi`` the whole text.

    Raises
    ------
    DataFileError
        If the .ser file is missing, truncated or damaged, holds spectra or complex numbers, or
        images of different size.

    Warns
    -----
    UserWarning
        If the .emi cannot be read.
    """
    given = existing_file(path, SER_FILE)
    file = _of_emi(given, read) if given.suffix.lower() in EMI_SUFFIXES else given
    with reading(file, SER_FILE), file.open("rb") as handle:
        if file.stat().st_size == 0:
            raise DataFileError(file, "an empty file", SER_FILE)
        data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        images, calibrations, header = _elements(file, data)
    metadata: dict[str, Any] = {"ser": header}
    angles: list[Stated[NDArray[np.float64]]] = []
    emi = emi_of(file)
    if emi is not None:
        try:
            notes = read_emi(emi, series_number(file))
        except AetError as error:
            text = f"{file}: {emi.name} is not used ({short(str(error))})"
            warnings.warn(text, UserWarning, stacklevel=3)
            notes = {}
        metadata |= common_notes(notes) | ({"emi": notes} if notes else {})
        alpha = described(notes, "Stage A")
        if alpha is not None:
            value = np.array([alpha[0] + 0.0])  # no negative zero
            unit = unit_or(alpha[1], read.angle_unit)
            angles = stated(emi.name, lambda: degrees(emi, value, unit))
    sizes = stated("calibration", lambda: _pixel_size(file, calibrations))
    return RawImages(images, angles, sizes, metadata=metadata)


def _of_emi(emi: Path, read: ReadSettings) -> Path:
    """The .ser file of a .emi."""
    candidates = []
    for file in ser_files(emi):
        try:
            with reading(file, SER_FILE), file.open("rb") as handle:
                words = _Bytes(file, handle.read(16))
                words.at = 6
                problem = _content_problem(words.one("u4"))
        except AetError as error:
            problem = short(str(error))
        candidates.append(Candidate(file.name, file, problem))
    return choose(emi, candidates, read, "a .emi beside its .ser files with images").item


def _content_problem(content: int) -> str | None:
    """Why elements of a type can be no frames."""
    if content == _IMAGES:
        return None
    return "spectra" if content == _LINES else f"elements of type {content:#x}"


def _elements(file: Path, data: Any) -> tuple[NDArray, list[list[float]], dict[str, Any]]:
    """Images (n, nx, ny), calibrations (offset x, step x, offset y, step y), and the header."""
    words = _Bytes(file, data)
    if words.one("u2") != 0x4949 or words.one("u2") != 0x0197:
        raise DataFileError(file, f"the first bytes {data[:4].hex(' ')}", SER_FILE)
    version = words.one("u2")
    wide = "u8" if version >= 0x220 else "u4"
    content, tag_kind = words.one("u4"), words.one("u4")
    total, valid = words.one("u4"), words.one("u4")
    at_offsets, n_dimensions = words.one(wide), words.one("u4")
    problem = _content_problem(content)
    if problem is not None:
        raise DataFileError(file, problem, "images (type 0x4122)")
    if not 0 < valid <= total:
        raise DataFileError(file, f"{valid} valid of {total} images", "at least one image")
    dimensions = []
    for _ in range(n_dimensions):
        size = words.one("u4")
        offset, step = (float(value) for value in words.array("f8", 2))
        element = words.one("u4")
        dimensions.append(
            {"size": size, "offset": offset, "step": step, "element": element}
            | {"description": words.text(), "units": words.text()}
        )
    table = _Bytes(file, data, at_offsets)
    starts, tag_starts = table.array(wide, total)[:valid], table.array(wide, total)[:valid]
    images: list[NDArray] = []
    calibrations: list[list[float]] = []
    stored = 0
    for index, start in enumerate(starts):
        element = _Bytes(file, data, int(start))
        steps: list[float] = []
        for _ in "xy":
            steps += [float(value) for value in element.array("f8", 2)]
            element.one("i4")
        code = element.one("u2")
        if code not in _TYPES:
            found = f"pixels of type {code} in image {index}"
            raise DataFileError(file, found, "real numbers (types 1 to 8)")
        nx, ny = element.one("u4"), element.one("u4")
        if nx < 1 or ny < 1:
            raise DataFileError(file, f"{nx} x {ny} pixels in image {index}", "at least one")
        pixels = element.array(_TYPES[code], nx * ny).reshape(ny, nx)
        if images and pixels.shape != images[0].shape[::-1]:
            ox, oy = images[0].shape
            raise DataFileError(
                file, f"{nx} x {ny} pixels in image {index}", f"{ox} x {oy}, as in image 0"
            )
        images.append(pixels[::-1].T)
        stored += pixels.nbytes
        if stored > len(data):
            found = f"images of {stored} bytes up to image {index} in {len(data)} bytes"
            raise DataFileError(file, found, "images that do not overlap")
        calibrations.append(steps)
    header = {
        "version": version,
        "total": total,
        "valid": valid,
        "dimensions": dimensions,
        "calibrations": calibrations,
        "tags": _tags(file, data, tag_kind, tag_starts),
    }
    stack = np.stack(images)
    return stack.astype(stack.dtype.newbyteorder("="), copy=False), calibrations, header


def _tags(file: Path, data: Any, kind: int, starts: NDArray) -> list[dict[str, Any] | None]:
    """Time and position of each image; None if the file has no valid tag."""
    tags: list[dict[str, Any] | None] = []
    for start in starts:
        # TIA itself writes offsets beyond the end; such tags are empty.
        length = 24 if kind == 0x4142 else 8
        if int(start) + length > len(data):
            tags.append(None)
            continue
        words = _Bytes(file, data, int(start))
        if words.one("u2") != kind:
            tags.append(None)
            continue
        words.at += 2
        tag: dict[str, Any] = {"time": words.one("u4")}
        if kind == 0x4142:
            tag["position"] = [float(value) for value in words.array("f8", 2)]
        tags.append(tag)
    return tags


def _pixel_size(file: Path, calibrations: list[list[float]]) -> float | None:
    """Pixel size in angstrom; TIA calibrates images in metres and diffraction patterns in 1/m."""
    dx = calibrations[0][1]
    for index, (_, x, _, y) in enumerate(calibrations):
        if not np.allclose([x, y], [dx, dx], rtol=1e-4, atol=0):
            found = f"pixels of {x:.6g} x {y:.6g} m in image {index}"
            raise DataFileError(file, found, f"square pixels of {dx:.6g} m, as in image 0")
    if not (np.isfinite(dx) and dx > 0) or dx >= 1:
        return None  # pixels not calibrated (1), or a diffraction pattern
    return float(dx) * 1e10
