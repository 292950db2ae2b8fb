"""What the axes of a HyperSpy signal are: tilts, frames and the pixels of images, or a volume.

RosettaSciIO and HyperSpy describe an array of any dimension by an axis with name, unit, scale and
offset for each of its dimensions, of which one or two, the signal axes, belong to one measurement
(a spectrum, an image) and the others, the navigation axes, count the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.units import angstrom, is_angle, is_length, unit_word

ANGLE_NAMES = {
    "alpha", "angle", "angles", "theta", "tilt", "tilt alpha", "tilt angle", "tilt angles", "tilts"
}  # fmt: skip
FRAME_NAMES = {"frame", "frames", "t", "time", "times", "repeat", "repeats", "image", "images"}
_TIMES = {"s", "sec", "second", "seconds", "ms", "µs", "us", "min"}
_DETECTOR = {"cm"}  # pixels of a camera, as in Blockfile, say nothing about the sample
_PROJECTIONS = "projections"  # ETSpy's name, whose default values are the numbers of the images
_UNDEFINED = {"<undefined>", "undefined", "none", "_none_", "pix"}
_SAME = 1e-3  # relative; scales of x and y are rounded


@dataclass(frozen=True, eq=False)
class SignalAxis:
    """One axis: its number in the array, name (lower case), unit, values, and kind."""

    index: int
    name: str
    unit: str
    values: NDArray[np.float64]
    step: float
    navigate: bool

    @property
    def length(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def of_angles(self) -> bool:
        """Whether name or unit indicate the tilt angle."""
        if self.name == _PROJECTIONS:
            # What ETSpy writes where nobody set the tilts.
            return is_angle(self.unit) and not (self.step == 1.0 and self.values[0] == 0.0)
        return self.name in ANGLE_NAMES or is_angle(self.unit)

    @property
    def of_frames(self) -> bool:
        """Whether name or unit say that this axis counts repeated images."""
        return self.name in FRAME_NAMES or unit_word(self.unit) in _TIMES

    def __str__(self) -> str:
        unit = f" in {self.unit!r}" if self.unit else ""
        return f"{self.length} {self.name or 'unnamed'}{unit}"


def described_axes(
    file: Path, axes: list[dict[str, Any]], shape: tuple[int, ...]
) -> list[SignalAxis]:
    """Axes in the order of the array.

    Raises
    ------
    DataFileError
        If there are not as many axes as dimensions, or values of an axis are missing.
    """
    if len(axes) != len(shape):
        raise DataFileError(file, f"{len(axes)} axes for an array of shape {shape}", "one each")
    found = []
    for index, (axis, length) in enumerate(zip(axes, shape, strict=True)):
        values, step = _values(file, axis, length)
        name = _word(axis.get("name")).lower().replace("_", " ")
        found.append(
            SignalAxis(
                index, name, _word(axis.get("units")), values, step, axis.get("navigate") is True
            )
        )
    return found


def _word(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return "" if text.lower() in _UNDEFINED else text


def _values(file: Path, axis: dict[str, Any], length: int) -> tuple[NDArray[np.float64], float]:
    """Values of an axis and its step (0 for an axis without constant step)."""
    listed = axis.get("axis")
    if listed is not None:
        values = np.asarray(listed, dtype=np.float64).reshape(-1)
        if len(values) != length:
            raise DataFileError(file, f"{len(values)} values on an axis of {length}", "one each")
        return values, 0.0
    scale, offset = (
        float(default if axis.get(key) is None else axis[key])
        for key, default in (("scale", 1.0), ("offset", 0.0))
    )
    return np.array(offset + scale * np.arange(length), dtype=np.float64), scale


@dataclass(frozen=True)
class Arrangement:
    """The axes of an array of images, by their numbers: tilt and frame may be None."""

    tilt: SignalAxis | None
    frame: SignalAxis | None
    x: SignalAxis
    y: SignalAxis


def image_axes(file: Path, axes: list[SignalAxis]) -> tuple[SignalAxis, SignalAxis]:
    """The axes x and y of the images.

    Raises
    ------
    DataFileError
        If the signal is a spectrum or a diffraction pattern.
    """
    signal = [axis for axis in axes if not axis.navigate]
    if len(axes) < 2 or len(signal) == 1:
        found = f"spectra (axes: {_listed(axes)})"
        raise DataFileError(file, found, "images, with two signal axes")
    if len(signal) != 2:
        # A signal of no stated dimension: as HyperSpy shows it, the last two are an image.
        named = [axis for axis in axes if axis.name in ("x", "y")]
        signal = named if len(named) == 2 else axes[-2:]
    y, x = signal
    if (y.name, x.name) == ("x", "y"):
        x, y = y, x
    for axis in (x, y):
        word = unit_word(axis.unit).replace(" ", "")
        if "1/" in word or "^-1" in word or "⁻" in word or word.endswith("rad"):
            found = f"diffraction patterns (pixels in {axis.unit!r})"
            raise DataFileError(file, found, "images, with pixels in a length")
    return x, y


def arrange(file: Path, axes: list[SignalAxis]) -> Arrangement:
    """Find the axes of a stack of images.

    Raises
    ------
    DataFileError
        If the array is a spectrum, a diffraction pattern, a volume, or cannot be told.
    """
    x, y = image_axes(file, axes)
    rest = [axis for axis in axes if axis not in (x, y)]
    rest = [axis for axis in rest if axis.length > 1 or axis.of_angles]
    found = f"an array of {_listed(axes)}"
    lengths = [axis for axis in rest if is_length(axis.unit)]
    if len(lengths) > 1:
        expected = "images of the sample, along an axis of tilts or frames"
        raise DataFileError(file, f"patterns at the points of a scan: {found}", expected)
    if lengths and all(is_length(axis.unit) for axis in (x, y)):
        raise DataFileError(file, f"a volume: {found}", "images, along an axis of tilts or frames")
    tilts = [axis for axis in rest if axis.of_angles]
    frames = [axis for axis in rest if axis.of_frames]
    if len(tilts) > 1 or len(rest) > 2:
        raise DataFileError(file, found, "images along one axis of tilts and at most one of frames")
    if len(rest) == 2:
        if tilts:
            return Arrangement(tilts[0], next(a for a in rest if a is not tilts[0]), x, y)
        if len(frames) != 1:
            raise DataFileError(
                file, found, "one axis of tilts, named tilt or in degrees, and one of frames"
            )
        return Arrangement(next(a for a in rest if a is not frames[0]), frames[0], x, y)
    if rest and frames and not tilts:
        return Arrangement(None, rest[0], x, y)
    return Arrangement(rest[0] if rest else None, None, x, y)


def _listed(axes: list[SignalAxis]) -> str:
    return ", ".join(str(axis) for axis in axes)


def pixel_size(file: Path, axes: list[SignalAxis], needed: bool = True) -> float | None:
    """The common step of the axes in angstrom; None if not calibrated.

    Raises
    ------
    DataFileError
        If the axes differ, or their unit is no length; then None if it is not ``needed``.
    """
    try:
        return _common_step(file, axes)
    except DataFileError:
        if needed:
            raise
        return None


def _common_step(file: Path, axes: list[SignalAxis]) -> float | None:
    sizes = [
        angstrom(file, abs(axis.step), axis.unit)
        for axis in axes
        if unit_word(axis.unit) not in _DETECTOR
    ]
    known = [size for size in sizes if size is not None]
    if not known:
        return None
    if len(known) < len(axes) or not np.allclose(known, known[0], rtol=_SAME, atol=0):
        found = " x ".join("unknown" if size is None else f"{size:.6g}" for size in sizes)
        raise DataFileError(
            file,
            f"pixels of {found} angstrom",
            "the same length along every axis, or the pixel size given: --pixel-size",
        )
    return known[0]


def stacked(array: NDArray, order: Arrangement) -> tuple[NDArray, list[int] | None]:
    """Images (n, nx, ny), tilt after tilt, and the number of frames of each tilt, if stated."""
    tilt, frame = order.tilt, order.frame
    first = [axis.index for axis in (tilt, frame) if axis is not None]
    last = [order.x.index, order.y.index]
    fixed = [index for index in range(array.ndim) if index not in (*first, *last)]
    images = array.transpose(*fixed, *first, *last)
    images = images.reshape(-1, order.x.length, order.y.length)
    frames = None if tilt is None or frame is None else [frame.length] * tilt.length
    return np.ascontiguousarray(images), frames


def volume_axes(file: Path, axes: list[SignalAxis]) -> list[SignalAxis]:
    """The axes x, y, z of a volume; by their names, or else the last is x and the first z.

    Raises
    ------
    DataFileError
        If there are not three, apart from axes of length one, or one is of tilts or frames.
    """
    sides = axes if len(axes) <= 3 else [axis for axis in axes if axis.length > 1]
    if len(axes) > 3 and len(sides) < 3:
        sides = axes[-3:]
    if len(sides) != 3 or any(axis.of_angles or axis.of_frames for axis in sides):
        found = f"an array of {_listed(axes)}"
        raise DataFileError(file, found, "a volume, with axes z, y and x")
    named = {axis.name: axis for axis in sides}
    return [named[name] for name in "xyz"] if set(named) == set("xyz") else sides[::-1]


def volume_array(array: NDArray, axes: list[SignalAxis]) -> NDArray:
    """The array (nx, ny, nz) along the axes that :func:`volume_axes` found."""
    last = [axis.index for axis in axes]
    fixed = [index for index in range(array.ndim) if index not in last]
    turned = array.transpose(*fixed, *last)
    return np.ascontiguousarray(turned.reshape([axis.length for axis in axes]))


def first_voxel(axes: list[SignalAxis], size: float | None) -> NDArray[np.float64] | None:
    """Position of voxel (0, 0, 0) in angstrom; None for zero, which no program means."""
    corner = np.array([axis.values[0] for axis in axes])
    if size is None or not corner.any():
        return None
    return corner * size / np.array([abs(axis.step) for axis in axes])
