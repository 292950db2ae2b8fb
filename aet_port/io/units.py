"""Units in microscope files: conversion of lengths to angstrom, of angles to degrees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.frame_series import ONE_TILT

_ANGSTROM = {
    "a": 1.0,
    "å": 1.0,
    "angstrom": 1.0,
    "ångström": 1.0,
    "pm": 1e-2,
    "nm": 10.0,
    "nanometer": 10.0,
    "um": 1e4,
    "µm": 1e4,
    "micron": 1e4,
    "micrometer": 1e4,
    "mm": 1e7,
    "m": 1e10,
    "meter": 1e10,
}
_DEGREES = {"deg", "degree", "degrees", "°", "º"}
_RADIANS = {"rad", "radian", "radians"}
_ENERGIES = {"ev", "kev", "electronvolt", "electron volts"}
_UNNAMED = {"", "px", "pixel", "pixels", "none", "1"}
_LARGEST_RADIAN = np.pi / 2 + 0.02  # no stage tilts farther; no series in degrees is so narrow


class ReciprocalSize(DataFileError):
    """A pixel size that is that of a diffraction pattern, not of an image.

    Parameters
    ----------
    path, found, expected
        As of any damaged or unsuitable file.
    per_angstrom
        The size in 1/angstrom, as 1/d.
    """

    def __init__(self, path: str | Path, found: str, expected: str, per_angstrom: float) -> None:
        super().__init__(path, found, expected)
        self.per_angstrom = per_angstrom


def unit_word(unit: str | None) -> str:
    """A unit in lower case, without the brackets and underscores of EMD (``[n_m]`` is nm)."""
    word = (unit or "").strip().strip("[]()").replace("_", "").replace("\u03bc", "µ")
    word = word.replace("\u212b", "å").strip()
    # mm (millimetre) and Mm differ in case, but no microscope means the latter.
    return word.lower()


def is_length(unit: str | None) -> bool:
    """Whether a unit is a length."""
    return unit_word(unit) in _ANGSTROM


def is_angle(unit: str | None) -> bool:
    """Whether a unit is an angle."""
    return unit_word(unit) in _DEGREES | _RADIANS


def angstrom(subject: str | Path, value: float, unit: str | None) -> float | None:
    """Convert a length to angstrom; None if it is in pixels or not above zero (uncalibrated).

    Raises
    ------
    DataFileError
        For a unit that is not a length.
    """
    word = unit_word(unit)
    if word in _UNNAMED or not (np.isfinite(value) and value > 0):
        return None
    if word not in _ANGSTROM:
        found = f"a pixel size of {value:g} {unit!r}"
        expected = "a length: angstrom, pm, nm, um or m"
        length = _inverted(word)
        if length in _ANGSTROM:
            raise ReciprocalSize(subject, found, expected, float(value) / _ANGSTROM[length])
        raise DataFileError(subject, found, expected)
    return float(value) * _ANGSTROM[word]


def degrees(subject: str | Path, angles: ArrayLike, unit: str | None) -> NDArray[np.float64]:
    """Angles (n,) in degrees; radians are converted only if ``unit`` says so.

    Raises
    ------
    InputError
        For another unit; and, without a unit, for three or more tilts that are all within a
        quarter turn as radians, and so within 1.6 degrees as degrees.
    """
    values = np.asarray(angles, dtype=np.float64)
    word = unit_word(unit)
    if word in _DEGREES:
        return values
    if word in _RADIANS:
        return np.rad2deg(values)
    if word not in _UNNAMED:
        raise InputError(f"{subject}: angles", f"the unit {unit!r}", "degrees or radians")
    n_different = len(np.unique(values))
    one_tilt = np.ptp(values) <= ONE_TILT if values.size else True  # readings of a stage at rest
    if n_different >= 3 and not one_tilt and np.abs(values).max() <= _LARGEST_RADIAN:
        raise InputError(
            f"{subject}: angles",
            f"{len(values)} angles between {values.min():.4g} and {values.max():.4g} without a "
            "unit, which look like radians",
            "degrees; or the unit: --angle-unit radian or degree, angle_unit in [input]",
        )
    return values


def unit_or(unit: str | None, otherwise: str | None) -> str | None:
    """A unit that a file states, or another where it states none."""
    return otherwise if unit_word(unit) in _UNNAMED else unit


def is_energy(unit: str | None) -> bool:
    """Whether a unit is an energy, as of the axis of a spectrum."""
    return unit_word(unit) in _ENERGIES


def is_reciprocal(unit: str | None) -> bool:
    """Whether a unit is that of a diffraction pattern: an inverse length, or a scattering angle."""
    word = unit_word(unit)
    return _inverted(word) in _ANGSTROM or word == "mrad"


def _inverted(word: str) -> str:
    """The unit of which a unit is the inverse; empty if it is none."""
    word = word.replace(" ", "")
    inverse = word[2:] if word[:2] == "1/" else word[:-2] if word[-2:] in ("-1", "⁻¹") else ""
    return inverse.rstrip("^")


def square_size(
    subject: str | Path, sides: Sequence[tuple[float, str | None]], relative: float = 1e-3
) -> float | None:
    """Pixel size in angstrom of the lengths and units of the sides of a pixel.

    Parameters
    ----------
    subject
        The file, named in errors.
    sides
        Length and unit along x and along y, of pixels that should be square.
    relative
        Largest relative difference of the sides.

    Returns
    -------
    The length along x; None if a side is not calibrated.

    Raises
    ------
    DataFileError
        For a unit that is not a length, or sides that differ.
    """
    sizes = [angstrom(subject, length, unit) for length, unit in sides]
    if len(sizes) != 2 or sizes[0] is None or sizes[1] is None:
        return None
    if not np.isclose(sizes[0], sizes[1], rtol=relative, atol=0):
        found = f"pixels of {sizes[0]:.6g} x {sizes[1]:.6g} angstrom"
        raise DataFileError(subject, found, "square pixels")
    return sizes[0]
