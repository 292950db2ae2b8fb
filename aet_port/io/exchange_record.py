"""What formats of other programs have no place for, as one text stored along with the data.

The axes of ``.hspy``, ``.zspy`` and OME-Zarr hold one angle an image at constant step, and lengths
in units of their own. The record keeps the exact Euler angles, pixel size, origin, name and
metadata beside them. Other programs ignore it, and may have cropped, binned or sorted the images
before they saved them again; so the record is used only as far as the axes agree with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import DataFileError
from aet_port.core.frame_series import plain
from aet_port.io.arrays import reading

RECORD = "aet_port"  # the key under which it is stored
_ROUNDING = 1e-6  # relative; conversion between units
_SAME_ANGLE = 1e-6  # degree


@dataclass(frozen=True, eq=False)
class ExchangeRecord:
    """Exact description of a tilt series or volume.

    Parameters
    ----------
    kind
        ``tilt series`` or ``volume``.
    name
        Name of the series or volume.
    size
        Pixel or voxel size in angstrom.
    angles
        Euler angles (n, 3) in degrees, in their precision; None for a volume.
    numbered
        Whether the axis of the images counts them, because their angles have no constant step.
    origin
        Position of voxel (0, 0, 0) in angstrom; None for a tilt series.
    metadata
        Metadata of the series.
    """

    kind: Literal["tilt series", "volume"]
    name: str
    size: float
    angles: NDArray | None = None
    numbered: bool = False
    origin: NDArray[np.float64] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def as_text(self) -> str:
        """The record as JSON."""
        notes: dict[str, Any] = {"kind": self.kind, "name": self.name, "size_angstrom": self.size}
        if self.angles is not None:
            notes["angles_degrees"] = self.angles.tolist()
            notes["angles_type"] = self.angles.dtype.name
            notes["numbered"] = self.numbered
        if self.origin is not None:
            notes["origin_angstrom"] = self.origin.tolist()
        return json.dumps(notes | {"metadata": self.metadata}, sort_keys=True)

    @classmethod
    def from_text(cls, file: Path, text: str) -> ExchangeRecord:
        """Read a record.

        Raises
        ------
        DataFileError
            If the text is damaged.
        """
        with reading(file, "the record of aet-port as it was written"):
            notes = json.loads(text)
            angles = notes.get("angles_degrees")
            origin = notes.get("origin_angstrom")
            kind = np.dtype(notes.get("angles_type", "float64"))
            return cls(
                notes["kind"],
                str(notes["name"]),
                float(notes["size_angstrom"]),
                None if angles is None else np.array(angles, dtype=kind).reshape(-1, 3),
                bool(notes.get("numbered", False)),
                None if origin is None else np.array(origin, dtype=np.float64).reshape(3),
                dict(notes.get("metadata", {})),
            )

    def exact_size(self, size: float | None) -> float | None:
        """The recorded size if ``size``, from the axes, is its rounded value; else ``size``."""
        same = size is not None and np.isclose(size, self.size, rtol=_ROUNDING, atol=0)
        return self.size if same else size

    def exact_origin(self, origin: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """The recorded origin if ``origin``, from the axes, is its rounded value; else that."""
        if self.origin is None:
            return origin
        # Axes that begin at zero state no origin.
        found = np.zeros(3) if origin is None else origin
        same = np.allclose(found, self.origin, rtol=0, atol=_ROUNDING * self.size)
        return self.origin if same else origin


def series_record(series: TiltSeries) -> ExchangeRecord:
    """The record of a tilt series.

    Raises
    ------
    InputError
        For metadata that JSON cannot hold.
    """
    notes = plain(f"{series.name}: metadata", series.metadata)
    numbered = constant_step(series.angles[:, 1]) is None
    return ExchangeRecord(
        "tilt series", series.name, series.pixel_size, series.angles, numbered, None, notes
    )


def volume_record(volume: Volume) -> ExchangeRecord:
    """The record of a volume."""
    origin = np.asarray(volume.origin, dtype=np.float64)
    return ExchangeRecord("volume", volume.name, volume.voxel_size, origin=origin)


def constant_step(theta: NDArray) -> float | None:
    """Step between the angles in degrees, 1 for a single one; None if not constant or too small."""
    values = np.asarray(theta, dtype=np.float64)
    if len(values) == 1:
        return 1.0
    step = float(values[-1] - values[0]) / (len(values) - 1)
    line = values[0] + step * np.arange(len(values))
    told_apart = abs(step) > 1000 * _SAME_ANGLE
    return step if told_apart and np.allclose(values, line, rtol=0, atol=_SAME_ANGLE) else None


def recorded_angles(
    file: Path, record: ExchangeRecord, axis: NDArray[np.float64], tilts: NDArray | None
) -> NDArray:
    """Euler angles (n, 3) of the images that a file holds now.

    Parameters
    ----------
    file
        The file, for errors.
    record
        What was stored with the series.
    axis
        Values (n,) of the axis of the images.
    tilts
        Angles (n,) that another program keeps beside the axis; None if there are none.

    Raises
    ------
    DataFileError
        If images of a series about several axes can no longer be told apart.
    """
    assert record.angles is not None
    theta = record.angles[:, 1].astype(np.float64)
    if tilts is not None and np.array_equal(tilts, theta):
        tilts = None  # as written, whatever became of the images
    if record.numbered:
        distance = np.abs(axis[:, np.newaxis] - np.arange(len(theta)))
        limit = _SAME_ANGLE * len(theta)
    else:
        distance = np.abs(axis[:, np.newaxis] - theta)
        limit = 10 * _SAME_ANGLE
    rows = distance.argmin(axis=1)
    known = bool((distance.min(axis=1) <= limit).all())
    given = axis if tilts is None else np.asarray(tilts, dtype=np.float64)
    if known and (tilts is None or np.allclose(given, theta[rows], rtol=0, atol=10 * _SAME_ANGLE)):
        return record.angles[rows]
    if record.angles[:, [0, 2]].any() or (record.numbered and tilts is None):
        raise DataFileError(
            file,
            f"images at {given.min():.6g} to {given.max():.6g} on an axis that another program "
            "changed",
            "the angles of each image in a file of their own: --angles on the command line",
        )
    return np.stack([np.zeros_like(given), given, np.zeros_like(given)], axis=1)
