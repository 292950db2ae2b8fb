"""Text files beside MRC stacks: SerialEM ``.mdoc`` and tilt angles (``.rawtlt``, ``.tlt``).

An ``.mdoc`` is an IMOD autodoc: lines ``key = value`` about the whole file, titles ``[T = ...]``,
then for each section ``[ZValue = n]`` and its lines. ``PixelSpacing`` is in angstrom, ``Voltage``
in kilovolt, ``TiltAngle`` in degrees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.core.files import write_whole
from aet_port.io.arrays import existing_file, reading

MDOC_FILE = "a SerialEM .mdoc with lines key = value and sections [ZValue = n]"
_HEAD = re.compile(r"\[\s*(\w+)\s*=\s*(.*?)\s*\]\s*$")


@dataclass(frozen=True)
class Mdoc:
    """Contents of an ``.mdoc``; values are text as in the file.

    Parameters
    ----------
    values
        Lines about the whole file.
    sections
        Lines about each section of the stack, in the order of ``ZValue``.
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
    """Read an ``.mdoc``.

    Raises
    ------
    DataFileError
        If the file is missing, a line cannot be read, or a section is missing or duplicated.
    """
    file = existing_file(path, MDOC_FILE)
    with reading(file, MDOC_FILE):
        lines = file.read_bytes().decode("utf-8-sig", "replace").splitlines()
    mdoc = Mdoc()
    numbered: dict[int, dict[str, str]] = {}
    target = mdoc.values
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        head = _HEAD.match(text)
        if head is None:
            key, sign, value = text.partition("=")
            if not sign or not key.strip():
                raise DataFileError(file, f"{text[:60]!r} in line {number}", MDOC_FILE)
            target[key.strip()] = value.strip()
            continue
        kind, name = head.groups()
        if kind == "T":
            mdoc.titles.append(name)
        elif kind == "ZValue":
            if not name.isdigit() or int(name) in numbered:
                raise DataFileError(
                    file, f"{text!r} in line {number}", "each section's number once"
                )
            target = numbered[int(name)] = {}
        else:
            target = {}
            mdoc.others.append([kind, name, target])
    missing = [index for index in range(len(numbered)) if index not in numbered]
    if missing:
        found = f"{len(numbered)} sections without [ZValue = {missing[0]}]"
        raise DataFileError(file, found, "every section from 0 on")
    mdoc.sections.extend(numbered[index] for index in range(len(numbered)))
    return mdoc


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
            angles.append(float(text))  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            found = f"TiltAngle {text!r} in section {index}"
            raise DataFileError(path, found, "a number in every section") from error
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
