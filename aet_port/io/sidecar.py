"""Angles and metadata in a .json or .csv file beside an image file.

The JSON file is a dictionary; all keys are optional: ``angles`` (one per tilt or per image),
``angle_unit`` (``degree``, ``radian``), ``pixel_size`` with ``pixel_size_unit`` (angstrom unless
given), ``frames_per_tilt``, ``metadata``. Other keys become metadata.

The CSV file has a line of column titles and a line per tilt or per image, separated by commas,
semicolons or tabs. The column ``angle`` (or ``tilt``, ``alpha``, ``theta``) may carry its unit, as
``angle_deg`` or ``angle (rad)``; so may ``pixel_size``; ``frames`` is the number of frames of a
tilt; all columns are kept as metadata.

Other programs keep files of these names too (results of ImageJ, logs): a list or a table without
any of these columns is passed over. An entry that cannot be used leaves the others usable.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, short
from aet_port.core.files import write_whole
from aet_port.core.frame_series import FrameSeries, plain
from aet_port.io.arrays import existing_file, reading
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom, degrees

SIDECAR_FILE = "angles and metadata as a .json dictionary or a .csv table with column titles"
_COMMON = ("voltage_kv", "dwell_time_us")
_UNIT = r"(?:[ _]*[(\[](.+?)[)\]]|_(deg|degrees?|rad|radians?|angstrom|nm|pm|m))?$"
_ANGLE = re.compile(r"(?:tilt[ _]?)?(?:angles?|tilt|alpha|theta)" + _UNIT, re.IGNORECASE)
_SIZE = re.compile(r"pixel[ _]?size" + _UNIT, re.IGNORECASE)
_FRAMES = ("frames", "frames_per_tilt")


@dataclass(frozen=True, eq=False)
class Sidecar:
    """Contents of a sidecar.

    Parameters
    ----------
    angles
        Angles in degrees, or why they cannot be used; empty if it states none.
    pixel_sizes
        The same for the pixel size in angstrom.
    frames_per_tilt
        Number of frames of each tilt; None if it states none.
    metadata
        All other entries.
    problems
        Why frames per tilt or metadata cannot be used.
    path
        The file; None for no sidecar.
    """

    angles: list[Stated[NDArray[np.float64]]] = field(default_factory=list)
    pixel_sizes: list[Stated[float]] = field(default_factory=list)
    frames_per_tilt: list[int] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    problems: list[AetError] = field(default_factory=list)
    path: Path | None = None


def read_sidecar(path: str | Path, read: ReadSettings = READ) -> Sidecar | None:
    """Read a sidecar; None for a file of another program, as far as that can be told.

    Raises
    ------
    DataFileError
        If the file is missing, or is no JSON or table of text.
    """
    file = existing_file(path, SIDECAR_FILE)
    return (_read_json if file.suffix.lower() == ".json" else _read_csv)(file, read)


def _read_json(file: Path, read: ReadSettings) -> Sidecar | None:
    with reading(file, SIDECAR_FILE):
        notes = json.loads(file.read_text(encoding="utf-8-sig"))
    if not isinstance(notes, dict):
        return None
    angles, angle_unit = notes.pop("angles", None), notes.pop("angle_unit", None)
    size, size_unit = notes.pop("pixel_size", None), notes.pop("pixel_size_unit", "angstrom")
    counts, inner = notes.pop("frames_per_tilt", None), notes.pop("metadata", {})
    problems: list[AetError] = []

    def of_angles() -> NDArray[np.float64] | None:
        if angles is None:
            return None
        unit = _text(file, "angle_unit", angle_unit or "")
        with reading(file, "angles as a list of numbers"):
            table = np.array(angles, dtype=np.float64).reshape(-1)
        return _in_degrees(file, table, unit, read)

    def of_size() -> float | None:
        if size is None:
            return None
        if isinstance(size, bool) or not isinstance(size, int | float):
            raise DataFileError(file, f"pixel_size {size!r}", "a number")
        return angstrom(file, float(size), _text(file, "pixel_size_unit", size_unit))

    def of_counts() -> list[int] | None:
        listed = [counts] if isinstance(counts, int) else counts
        whole = isinstance(listed, list) and all(type(count) is int for count in listed)
        if counts is not None and not (whole and min(listed, default=0) > 0):
            found = f"frames_per_tilt {short(repr(counts))}"
            raise DataFileError(file, found, "a list of whole numbers above zero")
        return listed

    def of_metadata() -> dict[str, Any]:
        if not isinstance(inner, dict):
            found = f"metadata of type {type(inner).__name__}"
            raise DataFileError(file, found, "a dictionary")
        return inner

    return Sidecar(
        stated(file.name, of_angles),
        stated(file.name, of_size),
        _part(of_counts, problems),
        plain(str(file), notes | (_part(of_metadata, problems) or {})),
        problems,
        file,
    )


def _part(find: Callable[[], Any], problems: list[AetError]) -> Any:
    """What ``find`` returns; None, and a problem more, if it cannot be used."""
    try:
        return find()
    except AetError as problem:
        problems.append(problem)
        return None


def _text(file: Path, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataFileError(file, f"{key} {value!r}", "a text")
    return value


def _in_degrees(
    file: Path, table: NDArray[np.float64], unit: str, read: ReadSettings
) -> NDArray[np.float64]:
    if table.size == 0 or not np.isfinite(table).all():
        found = "no angles" if table.size == 0 else "angles that are not finite"
        raise DataFileError(file, found, "one finite angle per tilt or per image")
    return degrees(file, table, unit or read.angle_unit)


def _read_csv(file: Path, read: ReadSettings) -> Sidecar | None:
    with reading(file, SIDECAR_FILE):
        text = file.read_text("utf-8-sig")
        first = text.partition("\n")[0]
        mark = next((mark for mark in ";\t" if mark in first), ",")
        rows = [row for row in csv.reader(text.splitlines(), delimiter=mark) if row]
    titles = [title.strip() for title in rows[0]] if rows else []
    if not any(_is_ours(title) for title in titles):
        return None
    if len(rows) < 2:
        raise DataFileError(file, f"{len(rows)} lines", "a line of column titles, then numbers")
    if len(set(titles)) < len(titles):
        raise DataFileError(file, f"the columns {titles}", "each title once")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(titles):
            found = f"{len(row)} entries in line {number} below {len(titles)} titles"
            raise DataFileError(file, found, "an entry for every column")
    columns = {
        title: [_value(row[i], mark) for row in rows[1:]] for i, title in enumerate(titles)
    }  # fmt: skip
    angles: list[Stated[NDArray[np.float64]]] = []
    sizes: list[Stated[float]] = []
    counts = None
    problems: list[AetError] = []
    metadata: dict[str, Any] = {"table": columns}
    for title, values in columns.items():
        angle, length = _ANGLE.match(title), _SIZE.match(title)
        if angle and not angles:
            angles = stated(file.name, lambda: _column_angles(file, title, values, read))  # noqa: B023
        elif length:
            unit = length[1] or length[2] or "angstrom"
            sizes = stated(file.name, lambda: angstrom(file, _same(file, title, values), unit))  # noqa: B023
        elif title.lower() in _FRAMES:
            counts = _part(lambda: _counts(file, title, values), problems)  # noqa: B023
        elif title in _COMMON:
            metadata[title] = _part(lambda: _same(file, title, values), problems)  # noqa: B023
    known = {key: value for key, value in metadata.items() if value is not None}
    return Sidecar(angles, sizes, counts, known, problems, file)


def _is_ours(title: str) -> bool:
    """Whether a column has a meaning here."""
    return bool(
        _ANGLE.match(title) or _SIZE.match(title) or title.lower() in _FRAMES or title in _COMMON
    )


def _column_angles(
    file: Path, title: str, values: list[Any], read: ReadSettings
) -> NDArray[np.float64]:
    found = _ANGLE.match(title)
    unit = "" if found is None else found[1] or found[2] or ""
    return _in_degrees(file, np.array(_numbers(file, title, values)), unit, read)


def _counts(file: Path, title: str, values: list[Any]) -> list[int]:
    numbers = _numbers(file, title, values)
    for row, value in enumerate(numbers):
        if value < 1 or value != int(value):
            raise DataFileError(
                file, f"{title} {value:g} in row {row}", "a whole number above zero"
            )
    return [int(value) for value in numbers]


def _value(text: str, mark: str) -> float | str:
    # A comma is the decimal sign where it does not separate the columns.
    number = text if mark == "," else text.replace(",", ".")
    try:
        return float(number)
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
