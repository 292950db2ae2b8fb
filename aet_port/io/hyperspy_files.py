"""Writing ``.hspy`` (HDF5) and ``.zspy`` (Zarr), the formats of HyperSpy and ETSpy.

Both are a tree of groups: ``Experiments/<title>`` with the array ``data``, a group ``axis-<i>`` for
each of its dimensions and the tree ``metadata``
(https://hyperspy.org/rosettasciio/supported_formats). One function fills both, because h5py and
zarr name their methods alike; RosettaSciIO's own writer of ``.zspy`` needs Zarr 2, which abTEM (the
extra ``multislice``) excludes. They are read by :mod:`aet_port.io.other_formats`.

Arrays are (tilt, y, x) and (z, y, x), lengths in nm.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.core.files import write_whole, write_whole_folder
from aet_port.io.exchange_record import (
    RECORD,
    ExchangeRecord,
    constant_step,
    series_record,
    volume_record,
)

HYPERSPY_SUFFIXES = (".hspy", ".zspy")
_VERSION = "3.3"  # of the format
_NM = 10.0  # angstrom
_FOLDING = {
    "original_axes_manager": None,
    "original_shape": None,
    "signal_unfolded": False,
    "unfolded": False,
}


def _axis(name: str, size: int, step: float, offset: float, units: str, navigate: bool) -> dict:
    return {
        "_type": "UniformDataAxis",
        "name": name,
        "units": units,
        "scale": float(step),
        "offset": float(offset),
        "size": int(size),
        "navigate": navigate,
        "is_binned": False,
    }


def _metadata(record: ExchangeRecord) -> dict[str, Any]:
    return {
        "General": {"title": record.name},
        "Signal": {"signal_type": ""},
        RECORD: {"record": np.frombuffer(record.as_text().encode(), dtype=np.uint8)},
    }


def series_signal(series: TiltSeries) -> dict[str, Any]:
    """A tilt series as the dictionary (data, axes, metadata) from which HyperSpy makes a signal.

    Parameters
    ----------
    series
        The tilt series.

    Returns
    -------
    ``data`` (tilt, y, x), ``axes`` and ``metadata``. The first axis, ``Projections``, has theta in
    degrees if its step is constant, else it counts the images. ``metadata.Tomography.tilts`` has
    theta for ETSpy, whose tilt axis is horizontal: there, turn the images by 90 degrees first.

    Raises
    ------
    InputError
        For metadata that JSON cannot hold.
    """
    record = series_record(series)
    theta = np.asarray(series.angles[:, 1], dtype=np.float64)
    step = constant_step(theta)
    n, (nx, ny), size = len(series), series.detector, series.pixel_size / _NM
    metadata = _metadata(record)
    metadata["Tomography"] = {
        "tilts": theta[:, np.newaxis],
        "cropped": False,
        "tiltaxis": 0,
        "xshift": 0,
        "yshift": 0,
    }
    volts = series.metadata.get("voltage_kv")
    if isinstance(volts, int | float):
        metadata["Acquisition_instrument"] = {"TEM": {"beam_energy": float(volts)}}
    first = (1.0, 0.0, "") if step is None else (step, theta[0], "degrees")
    return {
        "data": np.ascontiguousarray(series.images.transpose(0, 2, 1)),
        "axes": [
            _axis("Projections", n, first[0], first[1], first[2], navigate=True),
            _axis("y", ny, size, 0.0, "nm", navigate=False),
            _axis("x", nx, size, 0.0, "nm", navigate=False),
        ],
        "metadata": metadata,
    }


def volume_signal(volume: Volume) -> dict[str, Any]:
    """A volume as the dictionary (data, axes, metadata) from which HyperSpy makes a signal.

    Parameters
    ----------
    volume
        The volume.

    Returns
    -------
    ``data`` (z, y, x), ``axes`` with the positions of the voxels, and ``metadata``.
    """
    origin = np.asarray(volume.origin, dtype=np.float64) / _NM
    size = volume.voxel_size / _NM
    return {
        "data": np.ascontiguousarray(volume.array.transpose()),
        "axes": [
            _axis(name, volume.shape[index], size, origin[index], "nm", navigate=name == "z")
            for name, index in (("z", 2), ("y", 1), ("x", 0))
        ],
        "metadata": _metadata(volume_record(volume)),
    }


@checked
def write_hyperspy(path: str | Path, data: TiltSeries | Volume) -> Path:
    """Write a tilt series or volume for HyperSpy, ETSpy and :mod:`aet_port.io.other_formats`.

    Parameters
    ----------
    path
        .hspy (one file) or .zspy (a folder; needs the extra ``formats``). Never partly written.
    data
        Everything is kept: values in their precision, lengths, angles, origin, name, metadata.

    Returns
    -------
    The file or folder.

    Raises
    ------
    InputError
        For another suffix, or metadata that JSON cannot hold.
    MissingDependencyError
        If zarr is not installed and ``path`` ends in .zspy.
    OutputError
        If it cannot be written.

    Notes
    -----
    MATLAB: none
    """
    import h5py

    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in HYPERSPY_SUFFIXES:
        raise InputError(str(target), f"a file of type {suffix or 'unknown'}", ".hspy or .zspy")
    signal = series_signal(data) if isinstance(data, TiltSeries) else volume_signal(data)
    if suffix == ".zspy":
        group_of = zarr_group(f"writing {suffix} files")

        def write_folder(partial: Path) -> None:
            _fill(group_of(partial), signal, "ZSpy", zarr_array)

        return write_whole_folder(target, write_folder, ".zgroup")

    def write(partial: Path) -> None:
        with h5py.File(partial, "w") as handle:
            _fill(handle, signal, "HyperSpy", _hdf5_array)

    return write_whole(target, write)


def _fill(root: Any, signal: dict[str, Any], kind: str, put_array: Any) -> None:
    """Write a signal into an empty HDF5 or Zarr group."""
    root.attrs["file_format"], root.attrs["file_format_version"] = kind, _VERSION
    metadata = signal["metadata"]
    # Slashes, and in Zarr backslashes, make groups; names of nothing but dots mean places.
    title = re.sub(r"[/\\]", "-", metadata["General"]["title"])
    title = title if title.strip(".") else "__unnamed__"
    group = root.create_group("Experiments").create_group(title)
    group.attrs["package"], group.attrs["package_version"] = "", ""
    put_array(group, "data", signal["data"])
    for index, axis in enumerate(signal["axes"]):
        _tree(group.create_group(f"axis-{index}"), axis, put_array)
    # As HyperSpy writes it, so that its reader finds what it expects.
    complete = metadata | {"_HyperSpy": {"Folding": _FOLDING}}
    for name, tree in (
        ("metadata", complete),
        ("original_metadata", {}),
        ("attributes", {"_lazy": False, "ragged": False}),
        ("learning_results", {}),
    ):
        _tree(group.create_group(name), tree, put_array)


def _tree(group: Any, tree: dict[str, Any], put_array: Any) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _tree(group.create_group(key), value, put_array)
        elif isinstance(value, np.ndarray):
            put_array(group, key, value)
        else:
            group.attrs[key] = "_None_" if value is None else value


def _chunks(array: NDArray) -> tuple[int, ...]:
    """One image a chunk; never none, without which nobody can read the array piece by piece."""
    return (1, *array.shape[1:]) if array.ndim > 2 else array.shape


def _hdf5_array(group: Any, name: str, array: NDArray) -> None:
    packing = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    group.create_dataset(name, data=array, chunks=_chunks(array), **packing)


def zarr_array(group: Any, name: str, array: NDArray, **options: Any) -> None:
    """Store an array in a Zarr group, one chunk an image, every chunk written."""
    import numcodecs

    stored = group.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=_chunks(array),
        compressors=numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE),
        config={"write_empty_chunks": True},
        **options,
    )
    stored[...] = array


def zarr_group(feature: str) -> Any:
    """A function that makes an empty Zarr group (format 2, which all programs read) of a folder.

    Raises
    ------
    MissingDependencyError
        If zarr is not installed; ``feature`` says what needs it.
    """
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError(feature, "formats") from error

    def make(folder: Path) -> Any:
        return zarr.open_group(str(folder), mode="w", zarr_format=2)

    return make
