"""Angles and metadata in a .json or .csv file beside an image file.

The JSON file is a dictionary; all keys are optional: ``angles`` (one per tilt or per image),
``angle_unit`` (``degree``, ``radian``), ``pixel_size`` with ``pixel_size_unit`` (angstrom unless
given), ``frames_per_tilt``, ``metadata``. Other keys become metadata.

The CSV file has a line of column titles and a line per tilt or per image. The column ``angle`` (or
``tilt``, ``alpha``, ``theta``) may carry its unit, as ``angle_deg`` or ``angle (rad)``; so may
``pixel_size``; ``frames`` is the number of frames of a tilt; all columns are kept as metadata.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole
from aet_port.core.frame_series import FrameSeries
from aet_port.io.arrays import existing_file, reading
from aet_port.io.units import angstrom

SIDECAR_FILE = "angles and metadata as a .json dictionary or a .csv table with column titles"
_COMMON = ("voltage_kv", "dwell_time_us")
_UNIT = r"(?:[ _]*[(\[](.+?)[)\]]|_(deg|degrees?|rad|radians?|angstrom|nm|pm|m))?$"
_ANGLE = re.compile(r"(?:tilt[ _]?)?(?:angles?|tilt|alpha|theta)" + _UNIT, re.IGNORECASE)
_SIZE = re.compile(r"pixel[ _]?size" + _UNIT, re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Sidecar:
    """Contents of a sidecar; None for missing entries. Angles are in ``angle_unit``, if given."""

    angles: NDArray[np.float64] | None = None
    pixel_size: float | None = None
    frames_per_tilt: list[int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    angle_unit: str = ""
    path: Path | None = None


def find_sidecar(image: Path) -> Path | None:
    """The sidecar of an image file: ``name.tif.json``, ``name.json`` or the same with .csv."""
    for suffix in (".json", ".csv"):
        for beside in (image.with_name(image.name + suffix), image.with_suffix(suffix)):
            if beside.is_file():
                return beside
    return None


def read_sidecar(path: str | Path) -> Sidecar:
    """Read a sidecar.

    Raises
    ------
    DataFileError
        If the file is missing, unreadable, or an entry is of the wrong kind.
    """
    file = existing_file(path, SIDECAR_FILE)
    return _read_json(file) if file.suffix.lower() == ".json" else _read_csv(file)


def _read_json(file: Path) -> Sidecar:
    with reading(file, SIDECAR_FILE):
        notes = json.loads(file.read_text(encoding="utf-8-sig"))
    if not isinstance(notes, dict):
        raise DataFileError(file, f"a {type(notes).__name__}", SIDECAR_FILE)
    angles = notes.pop("angles", None)
    angle_unit = notes.pop("angle_unit", None)
    size, size_unit = notes.pop("pixel_size", None), notes.pop("pixel_size_unit", "angstrom")
    frames = notes.pop("frames_per_tilt", None)
    metadata = notes.pop("metadata", {})
    for key, value in (("angle_unit", angle_unit or ""), ("pixel_size_unit", size_unit)):
        if not isinstance(value, str):
            raise DataFileError(file, f"{key} {value!r}", "a text")
    if not isinstance(metadata, dict):
        raise DataFileError(file, f"metadata of type {type(metadata).__name__}", "a dictionary")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
        raise DataFileError(file, f"pixel_size {size!r}", "a number")
    if frames is not None:
        if isinstance(frames, int):
            frames = [frames]
        if not isinstance(frames, list) or not all(isinstance(count, int) for count in frames):
            raise DataFileError(file, f"frames_per_tilt {frames!r}", "a list of whole numbers")
    table = None
    if angles is not None:
        with reading(file, "angles as a list of numbers"):
            table = np.array(angles, dtype=np.float64).reshape(-1)
    length = None if size is None else angstrom(file, float(size), size_unit)
    return Sidecar(table, length, frames, notes | metadata, angle_unit or "", file)


def _read_csv(file: Path) -> Sidecar:
    with reading(file, SIDECAR_FILE):
        rows = [row for row in csv.reader(file.read_text("utf-8-sig").splitlines()) if row]
    if len(rows) < 2:
        raise DataFileError(file, f"{len(rows)} lines", "a line of column titles, then numbers")
    titles = [title.strip() for title in rows[0]]
    if len(set(titles)) < len(titles):
        raise DataFileError(file, f"the columns {titles}", "each title once")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(titles):
            found = f"{len(row)} entries in line {number} below {len(titles)} titles"
            raise DataFileError(file, found, "an entry for every column")
    columns = {
        title: [_value(row[i]) for row in rows[1:]] for i, title in enumerate(titles)
    }  # fmt: skip
    angles = size = frames = None
    unit = ""
    metadata: dict[str, Any] = {"table": columns}
    for title, values in columns.items():
        angle, length = _ANGLE.match(title), _SIZE.match(title)
        if angle and angles is None:
            angles, unit = np.array(_numbers(file, title, values)), angle[1] or angle[2] or ""
        elif length:
            size = angstrom(file, _same(file, title, values), length[1] or length[2] or "angstrom")
        elif title.lower() in ("frames", "frames_per_tilt"):
            frames = [int(value) for value in _numbers(file, title, values)]
        elif title in _COMMON:
            metadata[title] = _same(file, title, values)
    return Sidecar(angles, size, frames, metadata, unit, file)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def _numbers(file: Path, title: str, values: list[Any]) -> list[float]:
    for row, value in enumerate(values):
        if not isinstance(value, float) or not np.isfinite(value):
            raise DataFileError(file, f"{title} {value!r} in row {row}", "a finite number")
    return values


def _same(file: Path, title: str, values: list[Any]) -> float:
    numbers = _numbers(file, title, values)
    for row, value in enumerate(numbers):
        if value != numbers[0]:
            raise DataFileError(
                file, f"{title} {value:g} in row {row} after {numbers[0]:g}", "one for all rows"
            )
    return numbers[0]


def write_sidecar(path: str | Path, series: FrameSeries) -> Path:
    """Write everything of a series except its images as JSON, never a partial file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    notes: dict[str, Any] = {
        "angles": None if series.angles is None else series.angles.tolist(),
        "angle_unit": "degree",
        "pixel_size": series.pixel_size,
        "pixel_size_unit": "angstrom",
        "frames_per_tilt": series.frames_per_tilt,
        "metadata": series.metadata,
    }
    text = json.dumps(notes, indent=1) + "\n"
    return write_whole(path, lambda partial: partial.write_bytes(text.encode()))
