"""Axes of EMD data sets: which of them are tilts, frames, x and y, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError
from aet_port.io.hdf5_tree import as_text, attribute, check_size, member
from aet_port.io.units import angstrom, is_angle, is_energy, is_length, is_reciprocal

_ANGLE_NAMES = {"angle", "angles", "tilt", "tilts", "tilt angle", "tilt angles", "alpha", "theta"}
_FRAME_NAMES = {"frame", "frames", "time", "repeat", "repeats"}
_ENERGY_NAMES = {"energy", "energy loss", "e", "eloss", "energyloss"}
_RECIPROCAL_NAMES = {"qx", "qy", "kx", "ky", "q x", "q y", "k x", "k y"}
_SERIES = "images along dim1 or dim3 (angles), with x and y, and frames as a fourth axis"


class Axis:
    """One axis of the data: its length, values, name and units.

    Parameters
    ----------
    length
        Number of entries.
    vector
        The data set that describes it, or None. Two values of a longer axis are its first two.
    label
        Its name in errors, such as ``"dim1"``.
    """

    def __init__(self, file: Path, length: int, vector: Any, label: str) -> None:
        self.length, self.label = length, label
        self.values: NDArray[np.float64] | None = None
        self.name = self.units = ""
        if vector is None:
            return
        self.name = as_text(attribute(vector, "name")).strip().lower().replace("_", " ")
        self.units = as_text(attribute(vector, "units"))
        try:
            if vector.dtype.kind in "iuf" and vector.size <= max(length, 2):
                check_size(file, vector, "the values of an axis")
                self.values = np.asarray(vector[()], dtype=np.float64).reshape(-1)
        except DataFileError:
            raise
        except Exception:  # damage; the axis has no values then
            self.values = None
        if self.values is not None and len(self.values) == 2 < length:
            first, second = self.values
            self.values = first + (second - first) * np.arange(length)

    def __str__(self) -> str:
        return f"{self.label} of {self.length} {self.name!r} in {self.units!r}"

    @property
    def of_angles(self) -> bool:
        """Whether name or units indicate the tilt angle."""
        return self.name in _ANGLE_NAMES or is_angle(self.units)

    @property
    def of_energies(self) -> bool:
        """Whether name or units indicate the channels of a spectrum."""
        return self.name in _ENERGY_NAMES or is_energy(self.units)

    @property
    def reciprocal(self) -> bool:
        """Whether name or units indicate a direction of a diffraction pattern."""
        return self.name in _RECIPROCAL_NAMES or is_reciprocal(self.units)


class Order(NamedTuple):
    """Indices of the axes of tilts and frames (None without), x and y."""

    tilt: int | None
    frame: int | None
    x: int
    y: int


def read_axes(file: Path, group: Any, shape: tuple[int, ...]) -> list[Axis]:
    """The axes of a data set; ``dim1`` describes the first, in EMD 1.0 ``dim0``."""
    first = 0 if member(group, "dim0") is not None else 1
    labels = [f"dim{index}" for index in range(first, first + len(shape))]
    return [
        Axis(file, length, member(group, label), label)
        for length, label in zip(shape, labels, strict=True)
    ]


def axis_problem(axes: list[Axis]) -> tuple[str | None, str | None]:
    """Why data with these axes are no images, and what they should be; None if they are."""
    found = ", ".join(str(axis) for axis in axes)
    if any(axis.of_energies for axis in axes):
        return ("a spectrum" if len(axes) == 1 else f"a spectrum image: {found}"), "images"
    if len(axes) == 1:
        return f"a plot: {found}", "images"
    if len(axes) == 4 and sum(axis.reciprocal for axis in axes) > 1:
        return f"a 4-D scan of diffraction patterns: {found}", "images, one per tilt"
    if len(axes) not in (2, 3, 4):
        return f"an array of {len(axes)} axes ({found})", _SERIES
    if any(axis.length < 1 for axis in axes):
        return f"an array without values ({found})", _SERIES
    angular = any(axis.of_angles for axis in axes)
    if len(axes) > 2 and not angular and all(is_length(axis.units) for axis in axes[:3]):
        return f"a volume: {found}", _SERIES
    return None, None


def of_hyperspy(group: Any) -> bool:
    """Whether HyperSpy or RosettaSciIO wrote a data set, whose arrays begin with x.

    They store the transposed array in a group ``signals``, which has the attribute
    ``emd_group_type``, and the attributes of ``metadata.Signal``: ``signal_type``, and in old files
    ``record_by``.
    """
    parent = group.parent
    typed = "emd_group_type" in parent.attrs or "signal_type" in group.attrs
    inside = parent.name == "/signals" and typed and member(group, "dim0") is None
    return inside or "record_by" in group.attrs


def record_problem(group: Any) -> str | None:
    """Why data are no images, from ``record_by``, the dimension of HyperSpy's signals."""
    return "spectra" if as_text(attribute(group, "record_by")) == "spectrum" else None


def axis_order(file: Path, axes: list[Axis], x_first: bool = False) -> Order:
    """Which axes are tilts, frames, x and y.

    Parameters
    ----------
    file
        The file, for errors.
    axes
        The axes in the order of the array.
    x_first
        Whether axes without names are x, y and what counts the images, see :func:`of_hyperspy`;
        otherwise the first counts them and the last is x.

    Raises
    ------
    DataFileError
        If two axes hold angles, or one that is not the first or third.
    """
    n = len(axes)
    angular = [index for index, axis in enumerate(axes) if axis.of_angles]
    places: tuple[int, ...] = {2: (), 3: (0, 2)}.get(n, (0, 2, 3))
    if len(angular) > 1 or (angular and angular[0] not in places):
        found = ", ".join(str(axis) for axis in axes)
        raise DataFileError(file, f"the axes {found}", _SERIES)
    names = [axis.name for axis in axes]
    # What x and y leave over counts the images; without names it is the first axis, as in every
    # other format, or in files that begin with x the last one.
    others = [index for index in range(n) if names[index] not in ("x", "y")]
    if not {"x", "y"} <= set(names) or not others:
        others = list(range(n))
    counting = [index for index in others if names[index] not in _FRAME_NAMES] or others
    tilt = None if n == 2 else angular[0] if angular else counting[-1 if x_first else 0]
    rest = [index for index in range(n) if index != tilt]
    frame = None
    if n == 4:
        named = [index for index in rest if names[index] in _FRAME_NAMES]
        left = [index for index in others if index != tilt]
        beside = 1 if tilt == 0 else 3 if tilt == 2 else 2
        frame = named[0] if len(named) == 1 else left[0] if len(left) == 1 else beside
        rest.remove(frame)
    first, second = (names[index] for index in rest)
    said_x_first = (first == "x" or second == "y") and not (first == "y" or second == "x")
    said_y_first = (first == "y" or second == "x") and not (first == "x" or second == "y")
    convention = x_first or tilt not in (0, None)
    x, y = rest if said_x_first or (convention and not said_y_first) else rest[::-1]
    return Order(tilt, frame, x, y)


def axis_pixel_size(file: Path, *axes: Axis) -> float | None:
    """Pixel size in angstrom, from the steps of the two axes of an image.

    Raises
    ------
    DataFileError
        If the units are no lengths, or the steps differ.
    """
    sizes = []
    for axis in axes:
        if axis.values is None or len(axis.values) < 2 or not is_length(axis.units):
            # Pixel numbers are not a length; another unit is an error.
            if axis.units and not is_length(axis.units):
                angstrom(file, 1.0, axis.units)
            continue
        step = float(axis.values[-1] - axis.values[0]) / (len(axis.values) - 1)
        sizes.append(angstrom(file, abs(step), axis.units))
    known = [size for size in sizes if size is not None]
    if known and not np.allclose(known, known[0], rtol=1e-3, atol=0):
        found = "pixels of " + " x ".join(f"{size:.6g}" for size in known) + " angstrom"
        raise DataFileError(file, found, "square pixels")
    return known[0] if known else None
