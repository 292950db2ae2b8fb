"""OME-Zarr (NGFF 0.4, https://ngff.openmicroscopy.org/0.4): volumes and tilt series as folders.

The group's attribute ``multiscales`` names axes, units and, for each resolution, the scale and
translation of its array. One resolution is written, in Zarr format 2; of other programs, 0.4 and
0.5 are read, at full resolution. A volume has the axes z, y, x in angstrom; a tilt series a first
axis ``tilt`` in degrees. Needs the extra ``formats``.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import DataFileError, InputError, MissingDependencyError
from aet_port.core.files import write_whole_folder
from aet_port.core.geometry import centre
from aet_port.io import signal_axes
from aet_port.io.arrays import reading, real_array
from aet_port.io.exchange_record import (
    RECORD,
    ExchangeRecord,
    constant_step,
    recorded_angles,
    series_record,
    volume_record,
)
from aet_port.io.hyperspy_files import zarr_array, zarr_group
from aet_port.io.other_formats import ForeignSeries, ForeignVolume
from aet_port.io.raw_images import RawImages
from aet_port.io.statements import stated
from aet_port.io.stored_size import PACKING, SPARSE, check_size
from aet_port.io.units import degrees

ZARR_SUFFIXES = (".zarr",)
ZARR_FOLDER = "an OME-Zarr folder (.ome.zarr) with one image of two to five axes"
_MARKS = (".zgroup", "zarr.json")


@checked
def write_ome_zarr(path: str | Path, data: TiltSeries | Volume) -> Path:
    """Write a tilt series or volume as an OME-Zarr folder.

    Parameters
    ----------
    path
        Ends in .zarr, usually .ome.zarr. Never partly written; an OME-Zarr folder of this name is
        replaced.
    data
        Everything is kept: values in their precision, lengths, angles, origin, name, metadata. The
        rotation centre of a tilt series is at x = y = 0.

    Returns
    -------
    The folder.

    Raises
    ------
    InputError
        For another suffix, or metadata that JSON cannot hold.
    MissingDependencyError
        If zarr is not installed.
    OutputError
        If it cannot be written.

    Notes
    -----
    MATLAB: none
    """
    target = Path(path)
    if target.suffix.lower() not in ZARR_SUFFIXES:
        raise InputError(str(target), f"a name ending in {target.suffix or 'nothing'}", ".ome.zarr")
    group_of = zarr_group("writing OME-Zarr")
    size = data.pixel_size if isinstance(data, TiltSeries) else data.voxel_size
    if isinstance(data, TiltSeries):
        record = series_record(data)
        array = data.images.transpose(0, 2, 1)
        theta = np.asarray(data.angles[:, 1], dtype=np.float64)
        step = constant_step(theta)
        first, start = (1.0, 0.0) if step is None else (step, float(theta[0]))
        tilt = {"name": "tilt", "type": "tilt"} | ({} if step is None else {"unit": "degree"})
        nx, ny = data.detector
        shift = [start, -centre(ny) * size, -centre(nx) * size]
    else:
        record = volume_record(data)
        array = data.array.transpose()
        first, tilt = size, {"name": "z", "type": "space", "unit": "angstrom"}
        shift = [float(value) for value in np.asarray(data.origin)[::-1]]
    axes = [tilt] + [{"name": name, "type": "space", "unit": "angstrom"} for name in "yx"]
    place = [
        {"type": "scale", "scale": [float(first), float(size), float(size)]},
        {"type": "translation", "translation": shift},
    ]
    scales = {
        "version": "0.4",
        "name": record.name,
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": place}],
    }

    def write(partial: Path) -> None:
        group = group_of(partial)
        group.attrs.update({"multiscales": [scales], RECORD: record.as_text()})
        separator = {"name": "v2", "separator": "/"}
        zarr_array(group, "0", np.ascontiguousarray(array), chunk_key_encoding=separator)

    return write_whole_folder(target, write, ".zgroup")


def _attributes(folder: Path) -> dict[str, Any]:
    """Attributes of the group, in the arrangement of 0.4."""
    for name, key in ((".zattrs", None), ("zarr.json", "attributes")):
        if (folder / name).is_file():
            notes = json.loads((folder / name).read_text("utf-8"))
            notes = notes if key is None else notes.get(key, {})
            return notes | notes.get("ome", {})
    return {}


def _array(folder: Path, path: str) -> NDArray:
    """One array, after a check that enough of it is stored."""
    import zarr

    place = folder / path
    array = zarr.open_array(str(place), mode="r")
    promised = math.prod(array.shape) * array.dtype.itemsize
    held = [
        item.stat().st_size
        for item in place.rglob("*")
        if item.is_file() and not item.name.startswith(".") and item.name != "zarr.json"
    ]
    if not held and promised:
        raise DataFileError(folder, f"an array {path!r} without values", "a complete folder")
    whole = array.shards or array.chunks
    unpacked = len(held) * math.prod(whole) * array.dtype.itemsize
    check_size(folder, array.shape, promised, min(SPARSE * unpacked, PACKING * sum(held)))
    return np.asarray(array[...])


def _read(path: str | Path) -> tuple[NDArray, list[signal_axes.SignalAxis], dict[str, Any]]:
    """Array, axes and attributes of the full resolution."""
    folder = Path(path)
    if not folder.is_dir() or not any((folder / mark).is_file() for mark in _MARKS):
        found = "no such folder" if not folder.exists() else "no Zarr folder"
        raise DataFileError(folder, found, ZARR_FOLDER)
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"reading OME-Zarr ({folder})", "formats") from error
    with reading(folder, ZARR_FOLDER):
        notes = _attributes(folder)
        scales = notes.get("multiscales")
        if not scales:
            raise DataFileError(folder, "no multiscales", ZARR_FOLDER)
        level = scales[0]["datasets"][0]
        array = _array(folder, level["path"])
        named = [
            axis if isinstance(axis, dict) else {"name": axis}
            for axis in scales[0].get("axes", "tczyx"[-array.ndim :])
        ]
        if len(named) != array.ndim:
            raise DataFileError(folder, f"{len(named)} axes for {array.ndim} sides", ZARR_FOLDER)
        scale, offset = _placed(level, scales[0], array.ndim)
        axes = signal_axes.described_axes(
            folder,
            [
                {
                    "name": axis.get("name"),
                    "units": axis.get("unit"),
                    "scale": scale[index],
                    "offset": offset[index],
                    "navigate": axis.get("name") not in ("x", "y"),
                }
                for index, axis in enumerate(named)
            ],
            array.shape,
        )
    return real_array(folder, array, ZARR_FOLDER), axes, notes


def _placed(
    level: dict[str, Any], scales: dict[str, Any], sides: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and translation of each axis: those of the array, then those of all resolutions."""
    scale, offset = np.ones(sides), np.zeros(sides)
    steps = (level.get("coordinateTransformations") or []) + (
        scales.get("coordinateTransformations") or []
    )
    for step in steps:
        if step["type"] == "scale":
            factor = np.array(step["scale"], dtype=np.float64).reshape(sides)
            scale, offset = scale * factor, offset * factor
        elif step["type"] == "translation":
            offset = offset + np.array(step["translation"], dtype=np.float64).reshape(sides)
    return scale, offset


def _record(folder: Path, notes: dict[str, Any], kind: str) -> ExchangeRecord | None:
    text = notes.get(RECORD)
    if not isinstance(text, str):
        return None
    record = ExchangeRecord.from_text(folder, text)
    if record.kind != kind:
        raise DataFileError(folder, f"a {record.kind}", f"a {kind}")
    return record


@checked
def read_ome_zarr_volume(path: str | Path, need_size: bool = True) -> ForeignVolume:
    """Read a volume; channels and times of length one are left out.

    Raises
    ------
    DataFileError
        If the folder is missing, damaged, incomplete, or holds something else.
    MissingDependencyError
        If zarr is not installed.
    """
    folder = Path(path)
    array, axes, notes = _read(folder)
    record = _record(folder, notes, "volume")
    ordered = signal_axes.volume_axes(folder, axes)
    array = signal_axes.volume_array(array, ordered)
    size = signal_axes.pixel_size(folder, ordered, need_size)
    origin = signal_axes.first_voxel(ordered, size)
    if record is None:
        return ForeignVolume(array, size, origin, str(folder))
    return ForeignVolume(array, record.exact_size(size), record.exact_origin(origin), record.name)


@checked
def read_ome_zarr_series(
    path: str | Path, need_size: bool = True, need_angles: bool = True
) -> ForeignSeries:
    """Read a tilt series: images along one axis, named tilt, angle or otherwise.

    Raises
    ------
    DataFileError
        If the folder is missing, damaged, incomplete, or holds something else.
    InputError
        For angles that look like radians, without a unit.
    MissingDependencyError
        If zarr is not installed.
    """
    folder = Path(path)
    array, axes, notes = _read(folder)
    record = _record(folder, notes, "tilt series")
    order = signal_axes.arrange(folder, axes)
    if order.frame is not None and order.tilt is not None:
        raise DataFileError(folder, f"{order.frame} beside the tilts", "one projection a tilt")
    along = order.tilt or order.frame
    images, _ = signal_axes.stacked(array, order)
    size = signal_axes.pixel_size(folder, [order.x, order.y], need_size)
    values = np.zeros(1) if along is None else along.values
    if record is not None:
        angles = recorded_angles(folder, record, values, None) if need_angles else None
        size, name = record.exact_size(size), record.name
        return ForeignSeries(images, angles, size, name, record.metadata)
    table = None
    if need_angles and order.tilt is not None and order.tilt.of_angles:
        theta = degrees(folder, values, order.tilt.unit)
        table = np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)
    return ForeignSeries(images, table, size, str(folder), {})


def read_ome_zarr_images(path: str | Path) -> RawImages:
    """Read the images of a tilt series, their angles and pixel size not yet decided on.

    Raises
    ------
    DataFileError, MissingDependencyError
        As :func:`read_ome_zarr_series`, but not for angles and pixel size.
    """
    plain = read_ome_zarr_series(path, False, False)

    def theta() -> NDArray[np.float64] | None:
        table = read_ome_zarr_series(path, False, True).angles
        if table is not None and table[:, [0, 2]].any():
            expected = "tilt angles about one axis; or a file of angles"
            raise DataFileError(path, "phi or psi other than zero", expected)
        return None if table is None else table[:, 1].astype(np.float64)

    sizes = stated("axes", lambda: read_ome_zarr_series(path, True, False).pixel_size)
    return RawImages(plain.images, stated("axes", theta), sizes, metadata=plain.metadata)
