"""Images and volumes in the formats of other programs, read through RosettaSciIO.

Formats that this package reads itself (DM, SER, EMD, Velox, MRC, TIFF) do not come here; all others
need the extra ``formats``. The horizontal direction of an image is x, the vertical one y, as
everywhere in :mod:`aet_port.io`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError
from aet_port.io import signal_axes
from aet_port.io.exchange_record import recorded_angles
from aet_port.io.raw_images import RawImages
from aet_port.io.rosettasciio_files import OpenedSignal, opened_signal
from aet_port.io.signal_notes import HORIZONTAL, plain_notes
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees


@dataclass(frozen=True, eq=False)
class ForeignSeries:
    """A tilt series as another program stored it; None for what is not in the file.

    Parameters
    ----------
    images
        Shape (n, nx, ny), in the type stored.
    angles
        Euler angles (n, 3) in degrees.
    pixel_size
        Angstrom.
    name
        Name of the series.
    metadata
        All other information, in the types of JSON.
    """

    images: NDArray
    angles: NDArray | None
    pixel_size: float | None
    name: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ForeignVolume:
    """A volume (nx, ny, nz) as another program stored it; lengths in angstrom, if known."""

    array: NDArray
    voxel_size: float | None
    origin: NDArray[np.float64] | None
    name: str


def _metadata(opened: OpenedSignal) -> dict[str, Any]:
    """Common keys, then all that the program stored."""
    notes = opened.signal.notes
    metadata = notes.common()
    metadata["hyperspy"] = plain_notes(notes.metadata)
    for key, value in (("other_signals", opened.others), ("reader_warnings", opened.warnings)):
        if value:
            metadata[key] = value
    return metadata


@checked
def read_other(path: str | Path, image: int | str | None = None) -> RawImages:
    """Read images of a file through RosettaSciIO.

    Parameters
    ----------
    path
        The file (or, for ``.zspy``, the folder).
    image
        Number (from 0) or name of the signal; needed only if several can be images.

    Returns
    -------
    RawImages. An axis in degrees, radians or named tilt or angle is that of the tilts; another one
    that of the frames. Angles that ETSpy keeps in its metadata, and those of the frames of a
    ``.tvips`` file, win over the axis. A stage tilt in the metadata is the angle of a single image
    or of frames along an axis that is named so. Metadata: ``voltage_kv`` and ``dwell_time_us`` as
    far as known, and ``hyperspy``, everything in HyperSpy's arrangement.

    Raises
    ------
    DataFileError
        If the file is missing, damaged, incomplete, or holds several signals of which none was
        chosen, or spectra, diffraction patterns, complex numbers, colours or a volume.
    MissingDependencyError
        If RosettaSciIO is not installed.

    Notes
    -----
    MATLAB: none
    """
    with opened_signal(path, image) as opened:
        order = _order(opened)
        images, frames = signal_axes.stacked(opened.load(), order)
        angles = stated("axes or metadata", lambda: _tilts(opened, order))
        sizes = stated("axes", lambda: _size(opened, order, True))
    if frames is None and angles and angles[0].value is not None:
        one = len(angles[0].value) == 1 < len(images)
        frames = [len(images)] if one else None
    axis = opened.signal.notes.tilt_axis()
    axes = [] if axis is None else [Stated("convention of ETSpy", axis)]
    return RawImages(images, angles, sizes, axes, frames, _metadata(opened))


def _tilts(opened: OpenedSignal, order: signal_axes.Arrangement) -> NDArray[np.float64] | None:
    """Angles about one axis in degrees."""
    table, unit = _angles(opened, order)
    if table is None or table.ndim == 1:
        return None if table is None else degrees(opened.file, table, unit)
    if table[:, [0, 2]].any():
        expected = "tilt angles about one axis; or a file of angles"
        raise DataFileError(opened.file, "phi or psi other than zero", expected)
    return table[:, 1].astype(np.float64)


@checked
def read_foreign_series(
    path: str | Path,
    image: int | str | None = None,
    need_size: bool = True,
    need_angles: bool = True,
) -> ForeignSeries:
    """Read a tilt series, with Euler angles, of a file as for :func:`read_other`.

    Raises
    ------
    DataFileError
        As :func:`read_other`; and for several frames a tilt, or angles of another unit.
    InputError
        For angles that look like radians, without a unit.
    MissingDependencyError
        If RosettaSciIO is not installed.
    """
    with opened_signal(path, image) as opened:
        return series_of(opened, need_size, need_angles)


def series_of(
    opened: OpenedSignal, need_size: bool = True, need_angles: bool = True
) -> ForeignSeries:
    """The tilt series that a signal holds, its images turned so that the tilt axis is vertical."""
    file = opened.file
    order = _order(opened)
    table, unit = _angles(opened, order) if need_angles else (None, "degree")
    if order.frame is not None:
        found = f"{order.frame} beside the tilts"
        raise DataFileError(file, found, "one projection a tilt; run aet preprocess first")
    if table is not None and table.ndim == 1:
        theta = degrees(file, table, unit)
        table = np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)
    size = _size(opened, order, need_size)
    images, _ = signal_axes.stacked(opened.load(), order)
    record = opened.record
    metadata = _metadata(opened) if record is None else record.metadata
    if opened.signal.notes.tilt_axis() == HORIZONTAL:
        # By a quarter turn, not mirrored: rows become x.
        images = np.ascontiguousarray(images.transpose(0, 2, 1)[:, :, ::-1])
        if record is None:
            metadata = metadata | {"tilt_axis_degrees": HORIZONTAL}
    return ForeignSeries(images, table, size, record.name if record else str(file), metadata)


@checked
def read_foreign_volume(
    path: str | Path, image: int | str | None = None, need_size: bool = True
) -> ForeignVolume:
    """Read a volume of a file as for :func:`read_other`.

    Raises
    ------
    DataFileError
        As :func:`read_other`; and for an array that is not of three dimensions.
    MissingDependencyError
        If RosettaSciIO is not installed.
    """
    file = Path(path)
    with opened_signal(file, image) as opened:
        record = opened.record
        if record is not None and record.kind != "volume":
            raise DataFileError(file, "a tilt series", "a volume")
        axes = signal_axes.volume_axes(file, opened.axes)
        size = signal_axes.pixel_size(file, axes, need_size)
        array = signal_axes.volume_array(opened.load(), axes)
    origin = signal_axes.first_voxel(axes, size)
    if record is None:
        return ForeignVolume(array, size, origin, str(file))
    return ForeignVolume(array, record.exact_size(size), record.exact_origin(origin), record.name)


def _order(opened: OpenedSignal) -> signal_axes.Arrangement:
    """Order of the axes of a stack of images."""
    if opened.record is not None and opened.record.kind == "volume":
        raise DataFileError(opened.file, "a volume", "images of a tilt series")
    return signal_axes.arrange(opened.file, opened.axes)


def _size(opened: OpenedSignal, order: signal_axes.Arrangement, needed: bool) -> float | None:
    if opened.file.suffix.lower() == ".tvips":
        return None  # the header states the pixels of the camera
    size = signal_axes.pixel_size(opened.file, [order.x, order.y], needed)
    return size if opened.record is None else opened.record.exact_size(size)


def _angles(opened: OpenedSignal, order: signal_axes.Arrangement) -> tuple[NDArray | None, str]:
    file = opened.file
    along = order.tilt or order.frame
    n = 1 if along is None else along.length
    record = opened.record
    tilts = opened.signal.notes.etspy_tilts()
    if tilts is not None and tilts.ndim == 2 and not np.ptp(tilts, axis=1).any():
        tilts = tilts[:, 0]  # of all frames of a tilt
    if record is not None and record.angles is not None:
        counted = [item for item in opened.axes if item.navigate]
        axis = order.tilt or next(iter(counted), None)
        if axis is not None:
            return recorded_angles(file, record, axis.values, tilts), "degree"
        if len(record.angles) == 1:
            return record.angles, "degree"
        return None, "degree"  # one image taken out of the series, nobody knows which
    if tilts is not None:
        if tilts.shape != (n,):
            raise DataFileError(
                file, f"tilts of shape {tilts.shape}", f"{n}, one per image; or --angles"
            )
        return tilts, "degree"
    if file.suffix.lower() == ".tvips":
        return tvips_tilts(file), "degree"
    if order.tilt is not None and order.tilt.of_angles:
        return order.tilt.values, order.tilt.unit
    stage = opened.signal.notes.stage_tilt()
    if stage is not None and (len(stage) == n or (len(stage) == 1 and order.tilt is None)):
        return stage, "degree"
    return None, "degree"


def tvips_tilts(file: Path) -> NDArray[np.float64] | None:
    """Stage tilt in degrees of each image of a ``.tvips`` recording; None if never set.

    RosettaSciIO returns that of the first image only.
    """
    tilts: list[NDArray[np.float64]] = []
    start, parts = np.fromfile(file, dtype="<u4", count=13), [file]
    number = 1
    while (part := file.with_name(f"{file.name[:-9]}{number:03d}{file.suffix}")).is_file():
        parts.append(part)
        number += 1
    skip, record = int(start[0]), int(start[12]) if start[1] == 2 else 12
    record += int(start[2]) * int(start[3]) * int(start[4]) // 8
    for part in parts:
        table = np.memmap(part, mode="r", dtype=np.uint8, offset=skip if part is file else 0)
        rows = table[: len(table) // record * record].reshape(-1, record)
        tilts.append(np.ascontiguousarray(rows[:, 40:44]).view("<f4")[:, 0].astype(np.float64))
    found = np.concatenate(tilts)
    return found if found.any() else None
