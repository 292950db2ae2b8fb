"""FEI TIA (Emispec) series files: .ser with the images, .emi beside it with the metadata.

A .ser file (little-endian) is: byte order 0x4949, series id 0x0197, version (2 bytes each); data
type (0x4120 lines, 0x4122 images), tag type (0x4152 time, 0x4142 time and position), number of
elements, number of valid ones (4 bytes each); offset of the offset arrays (4 bytes, from version
0x220 on 8); number of dimensions of the series and, for each, its size, calibration, description
and units; offsets of the elements, then of their tags. An image is: calibration of x and of y
(offset and step in metres as doubles, element as 4 bytes), data type (2), length along x and y
(4 each), pixels. The format is FEI's "TIA Series Data (ESD) file format"; that of .emi is not
published, but it contains XML text, which is read.

Axis order: x is fastest and points right. TIA stores the lowest row first; rows are reversed, so
that y points down as in DigitalMicrograph files.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.arrays import existing_file, reading
from aet_port.io.raw_images import RawImages
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees

SER_SUFFIXES = (".ser",)
SER_FILE = "a TIA series file (.ser) with images"
_TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8"}
_IMAGES, _LINES = 0x4122, 0x4120
_XML = re.compile(rb"<ObjectInfo>.*?</ObjectInfo>", re.DOTALL)


class _Bytes:
    """Little-endian numbers of a file, one after the other."""

    def __init__(self, path: Path, data: bytes, at: int = 0) -> None:
        self.path, self.data, self.at = path, data, at

    def array(self, kind: str, count: int) -> NDArray:
        """The next ``count`` numbers."""
        size = np.dtype(kind).itemsize * count
        if count < 0 or self.at < 0 or self.at + size > len(self.data):
            found = f"{len(self.data)} bytes, {size} more needed at byte {self.at}"
            raise DataFileError(self.path, found, "a complete file; it is truncated or damaged")
        values = np.frombuffer(self.data, "<" + kind, count, self.at)
        self.at += size
        return values

    def one(self, kind: str) -> Any:
        """The next number."""
        return self.array(kind, 1)[0].item()

    def text(self) -> str:
        """The next text, preceded by its length."""
        return self.array("u1", self.one("u4")).tobytes().decode("latin-1")


def read_ser(path: str | Path) -> RawImages:
    """Read the images of a .ser file and the metadata of its .emi.

    Parameters
    ----------
    path
        The .ser file. Its .emi has the same name, or the name before ``_1``; it may be missing.

    Returns
    -------
    RawImages of all valid elements. The pixel size is that of the calibration, the angle ``Stage
    A`` of the .emi: one angle, so that several images are read as frames of one tilt unless other
    angles are given. Metadata: ``voltage_kv`` and ``dwell_time_us`` if the .emi states them, under
    ``ser`` the header, calibrations and tags, under ``emi`` the whole text.

    Raises
    ------
    DataFileError
        If a file is missing, truncated or damaged, holds spectra or complex numbers, or images
        of different size.
    """
    file = existing_file(path, SER_FILE)
    with reading(file, SER_FILE):
        images, calibrations, header = _elements(file, file.read_bytes())
    metadata: dict[str, Any] = {"ser": header}
    angles: list[Stated[NDArray[np.float64]]] = []
    emi = _emi_of(file)
    if emi is not None:
        notes = read_emi(emi, _series_number(file))
        metadata["emi"] = notes
        metadata |= _common(notes)
        alpha = _described(notes, "Stage A")
        if alpha is not None:
            value, unit = np.array([alpha[0] + 0.0]), alpha[1]  # no negative zero
            angles = stated(emi.name, lambda: degrees(emi, value, unit))
    sizes = stated("calibration", lambda: _pixel_size(file, calibrations))
    return RawImages(images, angles, sizes, metadata=metadata)


def _elements(file: Path, data: bytes) -> tuple[NDArray, list[list[float]], dict[str, Any]]:
    """Images (n, nx, ny), calibrations (offset x, step x, offset y, step y), and the header."""
    words = _Bytes(file, data)
    if words.one("u2") != 0x4949 or words.one("u2") != 0x0197:
        raise DataFileError(file, f"the first bytes {data[:4].hex(' ')}", SER_FILE)
    version = words.one("u2")
    wide = "u8" if version >= 0x220 else "u4"
    content, tag_kind = words.one("u4"), words.one("u4")
    total, valid = words.one("u4"), words.one("u4")
    at_offsets, n_dimensions = words.one(wide), words.one("u4")
    if content != _IMAGES:
        kind = "spectra" if content == _LINES else f"elements of type {content:#x}"
        raise DataFileError(file, kind, "images (type 0x4122)")
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
        pixels = element.array(_TYPES[code], nx * ny).reshape(ny, nx)
        if images and pixels.shape != images[0].shape[::-1]:
            ox, oy = images[0].shape
            raise DataFileError(
                file, f"{nx} x {ny} pixels in image {index}", f"{ox} x {oy}, as in image 0"
            )
        images.append(pixels[::-1].T)
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


def _tags(file: Path, data: bytes, kind: int, starts: NDArray) -> list[dict[str, Any] | None]:
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


def _series_number(file: Path) -> int | None:
    tail = file.stem.rpartition("_")[2]
    return int(tail) if tail.isdigit() else None


def _emi_of(file: Path) -> Path | None:
    """The .emi of a .ser: ``name_1.ser`` belongs to ``name.emi``."""
    for stem in (file.stem, file.stem.rpartition("_")[0]):
        for suffix in (".emi", ".EMI"):
            beside = file.with_name(stem + suffix)
            if stem and beside.is_file():
                return beside
    return None


def read_emi(path: str | Path, number: int | None = None) -> dict[str, Any]:
    """Read the XML text of a .emi file as nested dictionaries; repeated elements become lists.

    Parameters
    ----------
    path
        The file.
    number
        Number of the series (``name_<number>.ser``, from 1), if the file describes several.

    Raises
    ------
    DataFileError
        If the file is missing or holds no readable description of a series.
    """
    expected = "a TIA file (.emi) with an <ObjectInfo> text"
    file = existing_file(path, expected)
    with reading(file, expected):
        texts = [text for text in _XML.findall(file.read_bytes()) if b"<Experiment" in text]
        if not texts:
            raise DataFileError(file, "no <ObjectInfo> text", expected)
        index = 0 if number is None or number > len(texts) else number - 1
        info = ET.fromstring(texts[index].decode("utf-8", "replace"))
        return {"ObjectInfo": _nested(info)}


def _nested(node: ET.Element) -> Any:
    if len(node) == 0:
        return (node.text or "").strip()
    found: dict[str, Any] = {}
    for child in node:
        value = _nested(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


def _described(notes: dict[str, Any], label: str) -> tuple[float, str] | None:
    """Value and unit of an entry of ``ExperimentalDescription``."""
    entries = _below(notes, "ObjectInfo", "ExperimentalDescription", "Root", "Data")
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict) and entry.get("Label") == label:
            value = _float(entry.get("Value"))
            return None if value is None else (value, str(entry.get("Unit", "")))
    return None


def _below(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _float(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _common(notes: dict[str, Any]) -> dict[str, float]:
    """Voltage and dwell time under the keys common to all formats."""
    common = {}
    conditions = ("ObjectInfo", "ExperimentalConditions", "MicroscopeConditions")
    volts = _float(_below(notes, *conditions, "AcceleratingVoltage"))
    if volts:
        common["voltage_kv"] = volts / 1e3
    seconds = _float(_below(notes, "ObjectInfo", "AcquireInfo", "DwellTimePath"))
    if seconds:
        common["dwell_time_us"] = seconds * 1e6
    return common
