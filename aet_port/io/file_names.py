"""Names of image files: their natural order, and tilt angles written in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aet_port.io.arrays import plain_path

# A number with sign and decimals where a part of the name begins, else digits.
_NUMBER = re.compile(r"((?:^|(?<=[\s_=(]))[-+]?\d+(?:\.\d+)?(?!\.?\d)|\d+)", re.ASCII)
_FIELD = re.compile(r"(\d+(?:\.\d+)?)")
# m12p5, n12, p7: a sign and a decimal point as letters, in names without signs and points.
_LETTERS = re.compile(r"(?<![A-Za-z0-9])([mnp]?)(\d{1,2})(?:p(\d{1,3}))?(?![A-Za-z0-9.])")
_BEFORE = re.compile(r"(tilt(?:[ _-]?angle)?|alpha|angle|theta|deg|°)[ _=:(]*$", re.IGNORECASE)
_NOUNS = ("alpha", "angle", "theta", "tiltangle", "tilt_angle", "tilt angle", "tilt-angle")
_AFTER = re.compile(r"[ _]?(?:deg|°|º)", re.IGNORECASE)
_MINUS = "\u2212"
_LARGEST = 90.0  # degrees
_GAP = 5  # largest step of a tilt scheme, in its median step; images may be missing


def natural_key(path: Path) -> tuple[tuple[int, float, str], ...]:
    """Key that sorts names by the numbers in them: img_2 before img_10, s_-3.0 before s_0.0."""
    parts = _NUMBER.split(path.name.lower())
    return tuple(
        (0, float(part) if "." in part else int(part), "") if index % 2 else (1, 0, part)
        for index, part in enumerate(parts)
        if part
    )


@dataclass(frozen=True, eq=False)
class NameAngles:
    """Tilt angles in degrees that names of files hold, and the field in which, in words."""

    values: NDArray[np.float64]
    field: str


@dataclass(frozen=True)
class _Number:
    text: str
    sign: str
    before: str
    after: str

    @property
    def value(self) -> float:
        return -float(self.text) if self.sign == "-" else float(self.text)

    @property
    def padded(self) -> bool:
        return len(self.text) > 1 and self.text[0] == "0" and "." not in self.text


def name_angles(files: Sequence[Path]) -> NameAngles | None:
    """Tilt angles in the names of files, if one number in them is an angle without doubt.

    Parameters
    ----------
    files
        One for each image; only the names count.

    Returns
    -------
    Angles in degrees; None unless all names are alike except for numbers, and exactly one of these
    is within 90 degrees, differs between the files, has steps as of a tilt scheme, and is marked as
    an angle: by signs, decimals, or a word beside it (``alpha``, ``angle``, ``deg``). A number that
    may count the files, such as that of ``tilt_2``, is none.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from pathlib import Path
    >>> from aet_port.io.file_names import name_angles
    >>> names = ["ts_001_0.00.tif", "ts_002_3.00.tif", "ts_003_-3.00.tif", "ts_004_-6.00.tif"]
    >>> found = name_angles([Path(name) for name in names])
    >>> found.values
    array([ 0.,  3., -3., -6.])
    >>> name_angles([Path("tilt_1.tif"), Path("tilt_2.tif"), Path("tilt_3.tif")]) is None
    True
    """
    if len(files) < 2:
        return None
    for letters in (False, True):
        rows = [_numbers(_without_suffix(file), letters) for file in files]
        shapes = {_shape(row) for row in rows}
        if len(shapes) > 1 or not rows[0]:
            continue
        columns = [list(column) for column in zip(*rows, strict=True)]
        ranks = [_rank(*pair) for pair in zip(columns, [*columns[1:], None], strict=True)]
        best = max(ranks)
        if best == 0 or ranks.count(best) > 1:
            continue
        column = columns[ranks.index(best)]
        first = column[0]
        shown = f"{first.before[-8:]}{first.sign}{first.text}{first.after[:4]}"
        return NameAngles(np.array([number.value for number in column]) + 0.0, shown)
    return None


def _shape(row: list[_Number]) -> tuple[str, ...]:
    """The texts of a name without its numbers."""
    tail = [row[-1].after] if row else []
    return tuple(text.casefold() for text in (*(number.before for number in row), *tail))


def _without_suffix(file: Path) -> str:
    """The name without its suffix, of which a decimal point of the angle is no part."""
    return plain_path(file).stem


def _numbers(name: str, letters: bool) -> list[_Number]:
    """Numbers in a name with their signs and the texts around them."""
    if letters:
        name = _LETTERS.sub(_with_signs, name)
    parts = _FIELD.split(name)
    found = []
    for index in range(1, len(parts), 2):
        before, after = parts[index - 1], parts[index + 1]
        sign = before[-1:] if before[-1:] in ("-", "+", _MINUS) else ""
        # A hyphen after a word or number joins the parts of a name, unless a word marks an angle.
        stem = before[: -len(sign)] if sign else before
        if sign in ("-", _MINUS) and stem[-1:].isalnum() and not _BEFORE.search(stem):
            sign, stem = "", before
        if sign and not stem and index > 1:
            sign, stem = "", before  # 2024-01-31
        sign = "-" if sign == _MINUS else sign
        found.append(_Number(parts[index], sign, stem, after))
    return found


def _with_signs(match: re.Match[str]) -> str:
    sign = {"m": "-", "n": "-", "p": "+"}.get(match[1], "")
    return f"{sign}{match[2]}" + (f".{match[3]}" if match[3] else "")


def _rank(column: list[_Number], following: list[_Number] | None) -> int:
    """How surely a number of each name is a tilt angle; 0 if it may be something else.

    ``following`` are the next numbers of the names.
    """
    values = np.array([number.value for number in column])
    different = np.unique(values)
    if len(different) < 2 or np.abs(values).max() > _LARGEST or not _scheme(different):
        return 0
    if any("." in (number.before, number.after) for number in column):
        return 0  # a date or version
    first = column[0]
    signs = bool((values < 0).any())
    decimals = all("." in number.text for number in column)
    if not decimals and first.before[-1:].isalnum() and all(item.sign == "-" for item in column):
        return 0  # tilt-01 and tilt-02: a hyphen
    words = _BEFORE.search(first.before)
    unit = bool(_AFTER.match(first.after)) or bool(words and words[1].lower() in ("deg", "°"))
    if unit or (words and (signs or decimals)):
        return 4
    if not decimals and _decimals_behind(column, following):
        return 0
    if signs:
        return 3 if decimals else 2
    counted = any(number.padded for number in column) or _counts(different)
    if words and words[1].lower() in _NOUNS and len(different) > 2 and not counted:
        return 2
    return 1 if decimals and len(different) > 2 else 0


def _scheme(different: NDArray[np.float64]) -> bool:
    """Whether steps between sorted angles are those of a tilt scheme."""
    steps = np.diff(different)
    usual = np.sort(steps)[(len(steps) - 1) // 2]
    return bool(steps.max() <= _GAP * usual)


def _counts(different: NDArray[np.float64]) -> bool:
    """Whether numbers may count the files."""
    return bool(different[0] in (0, 1) and (np.diff(different) == 1).all())


def _decimals_behind(column: list[_Number], following: list[_Number] | None) -> bool:
    """Whether decimals may stand behind an underscore, as in -3_5 for -3.5."""
    if following is None or any(number.after != "_" for number in column):
        return False
    texts = [number.text for number in following]
    return all(len(text) < 3 for text in texts) and any(text.strip("0") for text in texts)
