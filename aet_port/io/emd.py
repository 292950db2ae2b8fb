"""Electron microscopy data sets (EMD, HDF5): the Berkeley dialect and the Materials Data Bank's.

A data set is a group with the attribute ``emd_group_type``, the array ``data`` and for each of its
axes a vector ``dim1``, ``dim2``, ... with the attributes ``name`` and ``units`` (EMD 0.2,
emdatasets.com; EMD 1.0 counts from ``dim0``). The dialects differ in the axis of the tilt angles:

- Berkeley (also written by tomviz): ``dim1``, with units; ``data`` is (angle, y, x);
- Materials Data Bank: ``dim3``; ``data`` is (x, y, angle);
- HyperSpy and RosettaSciIO (group ``signals``): ``data`` is (x, y, angle), also without any names.

Velox files are recognised by their folders and read by :mod:`aet_port.io.velox`.

This order applies if the axes are not named x and y; otherwise the names count. A fourth axis named
``frame`` or ``time``, or else the one next to the angles, holds the frames of a tilt. Two axes are
a single image.

Direction of y: as stored. Programs that show the first row at the top have y down the screen, and
then x, y and the direction away from the viewer are right-handed; tomviz has y up. A series with y
down gives the mirror image of the object unless the signs of the angles are reversed.

Tilt axis: an attribute such as ``tilt_axis``, in degrees from y towards x; tomviz reconstructs
about x, so that of its files (known by its folders, such as ``tomviz_scalars``) is at 90 degrees.

:func:`write_emd` adds ``frames_per_tilt`` and ``metadata`` (JSON) to the group.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.frame_series import FrameSeries
from aet_port.io.arrays import existing_file, reading
from aet_port.io.emd_axes import (
    Axis,
    axis_order,
    axis_pixel_size,
    axis_problem,
    of_hyperspy,
    read_axes,
    record_problem,
)
from aet_port.io.emd_notes import notes_of_choice, series_metadata, stage_angle, tilt_axis
from aet_port.io.hdf5_heaps import check_heaps
from aet_port.io.hdf5_tree import (
    attribute,
    member,
    stored_array,
    walk,
)
from aet_port.io.image_choice import Candidate, choose
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import READ, ReadSettings
from aet_port.io.statements import Stated, stated
from aet_port.io.units import degrees, unit_or
from aet_port.io.velox import IMAGES, images_of_velox

EMD_SUFFIXES = (".emd", ".h5", ".hdf5")
EMD_FILE = "an EMD file with a tilt series"
_TOMVIZ = ("tomviz_state", "tomviz_datasources")


def _candidates(file: Path, handle: Any) -> list[Candidate[Any]]:
    """Groups that hold a data set, in the order of their names."""
    import h5py

    found: list[Candidate[Any]] = []
    for path, item in walk(handle):
        if not isinstance(item, h5py.Group) or not isinstance(member(item, "data"), h5py.Dataset):
            continue
        # Some programs omit emd_group_type; their groups are recognised by the vectors.
        if "emd_group_type" not in item.attrs and member(item, "dim1") is None:
            continue
        data = item["data"]
        problem, expected, doubt = None, None, None
        if data.dtype.kind not in "biuf":
            kind = "a complex image" if data.dtype.kind == "c" else f"an array of {data.dtype}"
            problem, expected = kind, "images of real numbers"
        else:
            axes = read_axes(file, item, data.shape)
            problem, expected = axis_problem(axes)
            if problem is None and (problem := record_problem(item)) is not None:
                expected = "images"
            doubt = next((f"calibrated in {axis.units}" for axis in axes if axis.reciprocal), None)
        found.append(Candidate(path, item, problem, None, path, expected, doubt))
    return found


@checked
def read_emd(path: str | Path, read: ReadSettings = READ) -> RawImages:
    """Read the tilt series, stack of frames or image of an EMD file.

    Parameters
    ----------
    path
        The file.
    read
        Its ``group``, the path of the data set's group, or ``image`` is needed only if the file
        holds several stacks of images, or no stack and several images; plots, spectra, volumes,
        complex numbers and scans of diffraction patterns are not counted. For files of Velox see
        :func:`~aet_port.io.velox.read_velox`.

    Returns
    -------
    RawImages, angles in degrees. Metadata: the JSON that :func:`write_emd` stored, or under ``emd``
    all attributes and small data sets of the file that can be read, with ``voltage_kv`` if an
    attribute gives the voltage.

    Raises
    ------
    DataFileError
        If the file is missing, truncated or not an EMD file, or holds no images, or several.

    Warns
    -----
    UserWarning
        If the JSON cannot be read.
    """
    import h5py

    file = existing_file(path, EMD_FILE)
    check_heaps(file)
    with reading(file, EMD_FILE), h5py.File(file, "r") as handle:
        candidates = _candidates(file, handle)
        if not candidates and member(handle, *IMAGES.split("/")) is not None:
            return images_of_velox(file, handle, read)
        paths = [item.name for item in candidates]
        if read.group is None and read.image is None:
            stacks = [
                item for item in candidates if not item.problem and item.item["data"].ndim > 2
            ]
            candidates = stacks if len(stacks) == 1 else candidates
        chosen = choose(file, candidates, read, EMD_FILE).item
        data = chosen["data"]
        axes = read_axes(file, chosen, data.shape)
        order = axis_order(file, axes, of_hyperspy(chosen))
        array = stored_array(file, data, EMD_FILE)
        metadata, notes, problem = series_metadata(file, handle, chosen)
        notes = notes_of_choice(notes, chosen.name.strip("/"), paths)
        counts = attribute(chosen, "frames_per_tilt")
        stored = attribute(chosen, "pixel_size_angstrom")
        tomviz = any(name in handle for name in _TOMVIZ) or "tomviz_scalars" in chosen
    if problem is not None:
        warnings.warn(f"{file}: metadata not used: {problem}", UserWarning, stacklevel=3)
    if order.tilt is None:
        images, frames = array.transpose(order.x, order.y)[np.newaxis], None
    elif order.frame is None:
        images = array.transpose(order.tilt, order.x, order.y)
        frames = _counts(counts)
    else:
        images = array.transpose(order.tilt, order.frame, order.x, order.y)
        frames = [images.shape[1]] * images.shape[0]
        images = images.reshape(-1, *images.shape[2:])
    angles = [] if order.tilt is None else _angles(file, axes[order.tilt], read)
    angles += (
        stated("attributes", lambda: stage_angle(file, notes, read.angle_unit))
        if not angles
        else []
    )
    sizes = stated(
        "data set",
        lambda: (
            float(stored)
            if isinstance(stored, int | float)
            else axis_pixel_size(file, axes[order.x], axes[order.y])
        ),
    )
    tilt_axes = stated("attributes", lambda: tilt_axis(file, notes))
    if not tilt_axes and tomviz and axes[0].of_angles:
        tilt_axes = [Stated("convention of tomviz", 90.0)]
    return RawImages(np.ascontiguousarray(images), angles, sizes, tilt_axes, frames, metadata)


def _angles(file: Path, axis: Axis, read: ReadSettings) -> list[Stated[NDArray[np.float64]]]:
    """Angles along the axis of the tilts."""

    def values() -> NDArray[np.float64] | None:
        if not axis.of_angles:
            return None
        if axis.values is None or len(axis.values) != axis.length:
            raise DataFileError(file, f"no {axis.length} values on {axis.label}", "tilt angles")
        if not np.isfinite(axis.values).all():
            raise DataFileError(file, f"values on {axis.label} that are not finite", "tilt angles")
        return degrees(file, axis.values, unit_or(axis.units, read.angle_unit))

    return stated(axis.label, values)


def _counts(counts: Any) -> list[int] | None:
    """Frames per tilt, if they are whole numbers."""
    listed = counts if isinstance(counts, list) else [counts]
    return listed if all(isinstance(count, int) for count in listed) else None


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
