"""Electron microscopy data sets (EMD, HDF5): the Berkeley dialect and the Materials Data Bank's.

A data set is a group with the attribute ``emd_group_type = 1``, the array ``data`` and for each of
its axes a vector ``dim1``, ``dim2``, ... with the attributes ``name`` and ``units`` (EMD 0.2,
emdatasets.com). The dialects differ in the axis of the tilt angles:

- Berkeley (also written by tomviz): ``dim1``, with units; ``data`` is (angle, y, x);
- Materials Data Bank: ``dim3``; ``data`` is (x, y, angle).

Velox files are recognised by their folders and read by :mod:`aet_port.io.velox`.

This order applies if the axes are not named x and y; otherwise the names count. A fourth axis named
``frame`` or ``time``, or else the one next to the angles, holds the frames of a tilt.
:func:`write_emd` adds ``frames_per_tilt`` and ``metadata`` (JSON) to the group.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.frame_series import FrameSeries
from aet_port.io.arrays import existing_file, reading, real_array
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import angstrom, degrees, is_angle, is_length, unit_word
from aet_port.io.velox import IMAGES, read_velox

EMD_SUFFIXES = (".emd", ".h5", ".hdf5")
EMD_FILE = "an EMD file with a tilt series"
_ANGLE_NAMES = {"angle", "angles", "tilt", "tilts", "tilt angle", "tilt angles", "alpha", "theta"}
_FRAME_NAMES = {"frame", "frames", "time", "repeat", "repeats"}
_VOLTAGE = {"voltage", "accelerating voltage", "high tension", "voltage kv"}


def _text(value: Any) -> str:
    """An HDF5 attribute as text."""
    item = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size else value
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


class _Axis:
    """One axis of the data: its length, values, name and units."""

    def __init__(self, length: int, vector: Any) -> None:
        self.length = length
        self.values: NDArray[np.float64] | None = None
        self.name = self.units = ""
        if vector is not None:
            values = np.asarray(vector[()])
            if values.dtype.kind in "iuf":
                self.values = values.astype(np.float64).reshape(-1)
            self.name = _text(vector.attrs.get("name", "")).strip().lower().replace("_", " ")
            self.units = _text(vector.attrs.get("units", ""))

    @property
    def of_angles(self) -> bool:
        """Whether name or units indicate the tilt angle."""
        return self.name in _ANGLE_NAMES or is_angle(self.units)


def _groups(file: Any) -> list[Any]:
    """Groups that hold a data set, in the order of their names."""
    import h5py

    found: list[Any] = []

    def look(_: str, item: Any) -> None:
        if not isinstance(item, h5py.Group) or not isinstance(item.get("data"), h5py.Dataset):
            return
        # Some programs omit emd_group_type; recognise their groups by the vectors.
        if "emd_group_type" in item.attrs or "dim1" in item:
            found.append(item)

    file.visititems(look)
    return found


def read_emd(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the tilt series of an EMD file.

    Parameters
    ----------
    path
        The file.
    read
        Its ``group``, the path of the data set's group, is needed only if the file holds several
        stacks of images; its ``detector`` for a file of Velox.

    Returns
    -------
    RawImages, angles in degrees. Metadata: the
    JSON that :func:`write_emd` stored, or under ``emd`` all attributes and small data sets of the
    file, with ``voltage_kv`` if an attribute gives the voltage.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not an EMD file, or its data are not a stack of images.
    """
    import h5py

    file = existing_file(path, EMD_FILE)
    with reading(file, EMD_FILE), h5py.File(file, "r") as handle:
        groups = _groups(handle)
        names = ", ".join(item.name.strip("/") for item in groups) or "none"
        if read.group is not None:
            groups = [item for item in groups if item.name.strip("/") == read.group.strip("/")]
        elif len(groups) > 1:
            groups = [item for item in groups if item["data"].ndim in (3, 4)] or groups
        if not groups and IMAGES in handle:
            return read_velox(file, read)
        if len(groups) != 1:
            raise DataFileError(
                file,
                f"{len(groups)} data sets (of {names})",
                "one; choose with --group PATH",
            )
        chosen = groups[0]
        data = chosen["data"]
        axes = [
            _Axis(length, chosen.get(f"dim{index}"))
            for index, length in enumerate(data.shape, start=1)
        ]
        order = _axis_order(file, axes)
        array = real_array(file, data[()], EMD_FILE)
        if "metadata" in chosen and isinstance(chosen["metadata"], h5py.Dataset):
            metadata = json.loads(_text(chosen["metadata"][()]))
        else:
            metadata = {"emd": _everything(handle, chosen)}
            volts = _voltage(metadata["emd"])
            metadata |= {} if volts is None else {"voltage_kv": volts}
        counts = chosen.attrs.get("frames_per_tilt")
        stored = chosen.attrs.get("pixel_size_angstrom")
    tilt, frame, x, y = order
    axis = axes[tilt]
    angles: list[Stated[NDArray[np.float64]]] = []
    if axis.of_angles:
        if axis.values is None or len(axis.values) != axis.length:
            raise DataFileError(file, f"no {axis.length} values on dim{tilt + 1}", "tilt angles")
        values = axis.values
        angles = stated(f"dim{tilt + 1}", lambda: degrees(file, values, axis.units))
    if frame is None:
        images = array.transpose(tilt, x, y)
        frames = None if counts is None else [int(count) for count in np.ravel(counts)]
    else:
        images = array.transpose(tilt, frame, x, y)
        frames = [images.shape[1]] * images.shape[0]
        images = images.reshape(-1, *images.shape[2:])
    sizes = stated(
        "data set",
        lambda: _pixel_size(file, axes[x], axes[y]) if stored is None else float(stored),
    )
    images = np.ascontiguousarray(images)
    return RawImages(images, angles, sizes, frames_per_tilt=frames, metadata=metadata)


def _axis_order(file: Path, axes: list[_Axis]) -> tuple[int, int | None, int, int]:
    """Indices of the axes of tilts, frames (None without), x and y."""
    n = len(axes)
    found = ", ".join(
        f"dim{i} of {a.length} {a.name!r} in {a.units!r}" for i, a in enumerate(axes, 1)
    )
    expected = "images along dim1 or dim3 (angles), with x and y, and frames as a fourth axis"
    if n not in (3, 4):
        raise DataFileError(file, f"an array of {n} axes ({found})", expected)
    angular = [index for index, axis in enumerate(axes) if axis.of_angles]
    places = (0, 2) if n == 3 else (0, 2, 3)
    if len(angular) > 1 or (angular and angular[0] not in places):
        raise DataFileError(file, f"the axes {found}", expected)
    if not angular and all(is_length(axis.units) for axis in axes[:3]):
        raise DataFileError(file, f"a volume: {found}", expected)
    # Without names, the first axis counts the images, as in every other format.
    tilt = angular[0] if angular else 0
    rest = [index for index in range(n) if index != tilt]
    frame = None
    if n == 4:
        named = [index for index in rest if axes[index].name in _FRAME_NAMES]
        beside = 1 if tilt == 0 else 3 if tilt == 2 else 2
        frame = named[0] if len(named) == 1 else beside
        rest.remove(frame)
    names = [axes[index].name for index in rest]
    if names == ["x", "y"]:
        x, y = rest
    elif names == ["y", "x"] or tilt == 0:
        y, x = rest
    else:
        x, y = rest
    return tilt, frame, x, y


def _pixel_size(file: Path, *axes: _Axis) -> float | None:
    """Pixel size in angstrom, from the steps of the two axes of an image."""
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


def _everything(handle: Any, chosen: Any) -> dict[str, Any]:
    """Attributes and data sets of a file by their paths, except the data and its axes."""
    import h5py

    found: dict[str, Any] = {}

    def attributes(name: str, item: Any) -> None:
        for key, value in item.attrs.items():
            found[f"{name}@{key}"] = _json(value)

    def look(name: str, item: Any) -> None:
        attributes(name, item)
        own = isinstance(item, h5py.Dataset) and item.parent == chosen
        pixels = own and (item.name.endswith("/data") or item.name.rpartition("/")[2][:3] == "dim")
        if isinstance(item, h5py.Dataset) and not pixels and item.ndim < 2:
            found[name] = _json(item[()])

    attributes("", handle)
    handle.visititems(look)
    return found


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return [_json(item) for item in value.tolist()] if value.ndim else _json(value.item())
    if isinstance(value, np.generic):
        return _json(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return str(value)


def _voltage(notes: dict[str, Any]) -> float | None:
    """Kilovolt, from an attribute such as ``microscope@voltage`` and its unit."""
    for key, value in notes.items():
        name = key.replace("@", "/").rpartition("/")[2]
        if name.lower().replace("_", " ") not in _VOLTAGE:
            continue
        item = value[0] if isinstance(value, list) and value else value
        if isinstance(item, int | float) and item > 0:
            units = unit_word(str(notes.get(f"{key} units", notes.get(f"{key}_units", ""))))
            # Without a unit: no microscope operates below 10 V or above 10 MV.
            return float(item) if units == "kv" or (units != "v" and item < 1e4) else item / 1e3
    return None


def write_emd(
    path: str | Path,
    series: FrameSeries,
    dialect: Literal["berkeley", "mdb"] = "berkeley",
) -> Path:
    """Write all frames as one stack that :func:`read_emd` reads back unchanged.

    Parameters
    ----------
    path
        .emd, .h5 or .hdf5; never a partial file, and identical files for equal series.
    series
        Frames of one size. The type of the pixels is kept.
    dialect
        ``berkeley``: ``data`` (angle, y, x), angles in ``dim1``; ``mdb``: (x, y, angle), angles in
        ``dim3``. Frames of one tilt are consecutive, with the same angle.

    Raises
    ------
    InputError
        If the tilts differ in size, for another dialect, or for ``mdb`` without angles.
    OutputError
        If the file cannot be written.
    """
    import h5py

    if dialect not in ("berkeley", "mdb"):
        raise InputError("dialect", repr(dialect), "'berkeley' or 'mdb'")
    if dialect == "mdb":
        series.tilt_angles()  # without angles the axes could not be identified
    stack = series.stack()
    n, nx, ny = stack.shape
    if series.angles is None:
        images: tuple[NDArray, str, str] = (np.arange(n, dtype=np.float64), "image", "")
    else:
        images = (np.repeat(series.angles, series.frames_per_tilt), "angles", "[deg]")
    along_x = (np.arange(nx) * series.pixel_size, "x", "[Å]")
    along_y = (np.arange(ny) * series.pixel_size, "y", "[Å]")
    first = dialect == "berkeley"
    data = stack.transpose(0, 2, 1) if first else stack.transpose(1, 2, 0)
    axes = (images, along_y, along_x) if first else (along_x, along_y, images)

    def write(partial: Path) -> None:
        with h5py.File(partial, "w", track_order=True) as handle:
            handle.attrs["version_major"], handle.attrs["version_minor"] = 0, 2
            group = handle.create_group("data/tomography")
            group.attrs["emd_group_type"] = 1
            group.attrs["frames_per_tilt"] = np.asarray(series.frames_per_tilt)
            # The steps of dim2 are only approximately the pixel size.
            group.attrs["pixel_size_angstrom"] = series.pixel_size
            group.create_dataset("data", data=np.ascontiguousarray(data))
            for index, (values, name, units) in enumerate(axes, start=1):
                vector = group.create_dataset(f"dim{index}", data=values)
                vector.attrs["name"], vector.attrs["units"] = name, units
            group.create_dataset("metadata", data=series.metadata_text())

    return write_whole(path, write)
