"""SerialEM's ``.mdoc`` beside MRC stacks.

An ``.mdoc`` is an IMOD autodoc: lines ``key = value`` about the whole file, titles ``[T = ...]``,
then for each section ``[ZValue = n]`` and its lines. ``PixelSpacing`` is in angstrom, ``Voltage``
in kilovolt, ``TiltAngle`` in degrees. A line that is none of these continues the value above it.

A title has the direction of the tilt axis, ``Tilt axis angle = 85.3``. (``RotationAngle`` of a
section is another angle: of the image against the stage.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, short
from aet_port.core.files import write_whole
from aet_port.io.arrays import existing_file, reading
from aet_port.io.statements import half_turn

MDOC_FILE = "a SerialEM .mdoc with lines key = value and sections [ZValue = n]"
_MOST_MISSING = 10_000  # numbers left out; more are a damaged number
AXIS_TITLE = "Tilt axis angle = "
_AXIS = re.compile(
    r"tilt\s*axis\s*(?:rotation\s*)?angle\s*=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mdoc:
    """Contents of an ``.mdoc``; values are text as in the file.

    Parameters
    ----------
    values
        Lines about the whole file.
    sections
        Lines about each section of the stack, in the order of ``ZValue``, whatever their order in
        the file; empty for a number that the file leaves out.
    titles
        Texts of ``[T = ...]``.
    others
        Sections of another kind: ``[kind, name, lines]``.
    """

    values: dict[str, str] = field(default_factory=dict)
    sections: list[dict[str, str]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    others: list[list[Any]] = field(default_factory=list)

    def as_metadata(self) -> dict[str, Any]:
        """The contents in the types of JSON."""
        return {
            "values": self.values,
            "sections": self.sections,
            "titles": self.titles,
            "others": self.others,
        }


def read_mdoc(path: str | Path) -> Mdoc:
    """Read an ``.mdoc`` in UTF-8, UTF-16 or Latin-1.

    Raises
    ------
    DataFileError
        If the file is missing, is not such a text, or a section's number is missing or repeated.
    """
    file = existing_file(path, MDOC_FILE)
    with reading(file, MDOC_FILE):
        lines = _decoded(file.read_bytes()).splitlines()
    mdoc = Mdoc()
    numbered: dict[int, dict[str, str]] = {}
    target, last = mdoc.values, ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        head = _head(text)
        if head is None:
            key, sign, value = text.partition("=")
            if sign and key.strip():
                last = key.strip()
                target[last] = value.strip()
            elif last in target:
                target[last] = f"{target[last]} {text}".strip()
            else:
                raise DataFileError(file, f"{short(text)!r} in line {number}", MDOC_FILE)
            continue
        last = ""
        kind, name = head
        if kind == "T":
            mdoc.titles.append(name)
        elif kind == "ZValue":
            if not (name.isascii() and name.isdigit()) or int(name) in numbered:
                raise DataFileError(
                    file, f"{short(text)!r} in line {number}", "each section's number once"
                )
            target = numbered[int(name)] = {}
        else:
            target = {}
            mdoc.others.append([kind, name, target])
    n = max(numbered, default=-1) + 1
    if n > len(numbered) + _MOST_MISSING:
        found = f"section {n - 1} in a file of {len(numbered)} sections"
        raise DataFileError(file, found, "sections numbered from 0 on")
    mdoc.sections.extend(numbered.get(index, {}) for index in range(n))
    return mdoc


def _head(text: str) -> tuple[str, str] | None:
    """Kind and name of a line ``[kind = name]``."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    kind, sign, name = text[1:-1].partition("=")
    return (kind.strip(), name.strip()) if sign and kind.strip().isidentifier() else None


def _decoded(data: bytes) -> str:
    """Text in the encoding that its first bytes tell; Latin-1 where it is no UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def axis_of_titles(path: str | Path, titles: Sequence[str]) -> float | None:
    """Direction of the tilt axis in degrees from y towards x, from titles of SerialEM or IMOD.

    IMOD's angle is the rotation from the vertical to the tilt axis, counterclockwise, with rows
    counted upwards: the axis has the direction ``(-sin a, cos a)``. From y towards x is clockwise,
    with the direction ``(sin b, cos b)``; hence ``b = -a``. (Both signs give the same line, but
    the wrong one gives the mirror image of the sample.)

    Parameters
    ----------
    path
        File, for errors.
    titles
        Titles of an ``.mdoc``, or labels of an MRC header.

    Raises
    ------
    DataFileError
        For an angle beyond a full turn.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> axis_of_titles("s.mdoc", ["    Tilt axis angle = -90.0, binning = 1  spot = 7  camera = 0"])
    90.0
    """
    for title in titles:
        found = _AXIS.search(title)
        if found is None:
            continue
        angle = float(found[1])
        if abs(angle) > 360:
            raise DataFileError(path, f"{short(title)!r}", "a tilt axis within a full turn")
        return half_turn(0.0 - angle)
    return None


def mdoc_angles(path: str | Path, mdoc: Mdoc) -> NDArray[np.float64] | None:
    """``TiltAngle`` of each section as in the file; None if no section has one.

    Raises
    ------
    DataFileError
        If it is missing in some sections or not a number; the error gives the section.
    """
    texts = [section.get("TiltAngle") for section in mdoc.sections]
    if not any(text is not None for text in texts):
        return None
    angles = []
    for index, text in enumerate(texts):
        try:
            angle = float(text)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            angle = np.nan
        if not np.isfinite(angle):
            found = f"TiltAngle {text!r} in section {index}"
            raise DataFileError(path, found, "a number in every section")
        angles.append(angle)
    return np.array(angles)


def mdoc_number(path: str | Path, mdoc: Mdoc, key: str) -> float | None:
    """A number above zero about the whole file, or the one common to all sections.

    Raises
    ------
    DataFileError
        If it is not a number, or differs between the sections.
    """
    texts = {mdoc.values[key]} if key in mdoc.values else set()
    texts = texts or {section[key] for section in mdoc.sections if key in section}
    if not texts:
        return None
    try:
        numbers = {float(text) for text in texts}
    except ValueError as error:
        raise DataFileError(path, f"{key} {sorted(texts)[0]!r}", "a number") from error
    if len(numbers) > 1:
        raise DataFileError(path, f"{key} of {sorted(numbers)}", "one for all sections")
    number = numbers.pop()
    return number if np.isfinite(number) and number > 0 else None


def write_mdoc(path: str | Path, mdoc: Mdoc) -> Path:
    """Write an ``.mdoc``, never a partial file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    parts = [_lines(mdoc.values), *(f"[T = {title}]\n" for title in mdoc.titles)]
    parts += [f"[ZValue = {i}]\n{_lines(lines)}" for i, lines in enumerate(mdoc.sections)]
    parts += [f"[{kind} = {name}]\n{_lines(lines)}" for kind, name, lines in mdoc.others]
    text = "\n".join(part for part in parts if part)
    return write_whole(path, lambda partial: partial.write_bytes(text.encode()))


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in values.items())
