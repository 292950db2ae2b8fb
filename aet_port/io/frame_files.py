"""Series of many files: the frames, angle and metadata of each, put together.

Each file is a tilt, unless consecutive files have the same angle within 0.02 degree (readings of a
stage scatter): they are frames of one tilt. The angle of a file is what its metadata state, else
the number in its name that can only be an angle (:mod:`aet_port.io.file_names`), which is said in a
warning; angles that are given win.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.frame_series import ONE_TILT, FrameSeries, same_tilt_counts
from aet_port.io.file_names import name_angles
from aet_port.io.image_files import read_raw_images
from aet_port.io.raw_images import RawImages
from aet_port.io.settings import ReadSettings
from aet_port.io.statements import (
    SAME_SIZE,
    Stated,
    fitting_angles,
    settled_angles,
    settled_axis,
    settled_size,
)
from aet_port.io.units import degrees

_COMMON = ("voltage_kv", "dwell_time_us")
_NAME_DIGITS = 1.0  # degrees; names hold nominal angles, lists often refined ones
Angles = NDArray[np.float64]


def read_frame_files(
    name: str,
    files: list[Path],
    given: Angles | None,
    pixel_size: float | None,
    frames_per_tilt: int | Sequence[int] | None,
    read: ReadSettings,
) -> FrameSeries:
    """Read a series of many files, in the order given.

    Parameters
    ----------
    name
        Name of the series.
    files
        Files of one or more frames each.
    given
        Angles in degrees: one per file, per tilt or per image; None if the files state them.
    pixel_size
        Angstrom, if given.
    frames_per_tilt
        Number of images of each tilt, if given; else as in the notes of the module.
    read
        What to read from files that hold several things, and the direction of the tilt axis.

    Raises
    ------
    DataFileError
        If a file cannot be read, holds several tilts or no angle, or files contradict each other.
    InputError
        If numbers of angles, images and tilts do not match.

    Warns
    -----
    UserWarning
        If angles are taken from the names of the files, or contradict them, or the files state
        other values than those given.
    """
    raws = [read_raw_images(file, read) for file in files]
    size = _common_size(name, files, raws, pixel_size)
    notes = [{"file": file.name} | raw.metadata for file, raw in zip(files, raws, strict=True)]
    metadata: dict[str, Any] = {"files": notes}
    for key in _COMMON:
        values = {str(note.get(key)) for note in notes}
        if len(values) == 1 and key in notes[0]:
            metadata[key] = notes[0][key]
    axis = _common_axis(name, files, raws, read)
    metadata |= {} if axis is None else {"tilt_axis_degrees": axis}
    stated = _angles_of(name, files, raws, given is not None)
    if stated is not None and given is None and read.angle_unit is None:
        degrees(name, stated, None)  # which refuses radians; one angle alone does not show them
    counts = [len(raw.images) for raw in raws]
    each: int | Sequence[int]
    if frames_per_tilt is None:
        each, angles = _tilts(name, counts, stated, given)
    else:
        each, angles = frames_per_tilt, _per_image(name, counts, stated, given, frames_per_tilt)
    shapes = {raw.images.shape[1:] for raw in raws}
    if len(shapes) > 1:
        if frames_per_tilt is None and each == counts:
            frames = tuple(raw.images for raw in raws)
            return FrameSeries(frames, angles, size, metadata, name)
        found = " and ".join(f"{nx} x {ny}" for nx, ny in sorted(shapes))
        raise InputError(f"{name}: frames", f"images of {found} pixels", "one size in a tilt")
    stack = np.concatenate([raw.images for raw in raws])
    return FrameSeries.from_stack(stack, angles, size, each, metadata, name)


def _common_size(name: str, files: list[Path], raws: list[RawImages], given: float | None) -> float:
    """The pixel size in angstrom, one for all files."""
    if given is not None:
        stated = [item for raw in raws for item in raw.pixel_sizes if item.value is not None]
        different = [x for x in stated if not np.isclose(x.value or 0, given, rtol=SAME_SIZE)]
        return settled_size(name, [item for item in different if item.certain][:1], given)
    size, first = None, files[0]
    for file, raw in zip(files, raws, strict=True):
        own = settled_size(file, raw.pixel_sizes, None) if raw.pixel_sizes else None
        if size is not None and own is not None and not np.isclose(own, size, rtol=SAME_SIZE):
            found = f"pixels of {own:.6g} angstrom"
            expected = f"{size:.6g} angstrom, as {first}; or --pixel-size, pixel_size in [sample]"
            raise DataFileError(file, found, expected)
        if size is None:
            size, first = own, file
    return settled_size(name, [] if size is None else [Stated("files", size)], None)


def _common_axis(
    name: str, files: list[Path], raws: list[RawImages], read: ReadSettings
) -> float | None:
    """Direction of the tilt axis in degrees, one for all files; None if no file states it."""
    if read.tilt_axis is not None:
        stated = [item for raw in raws for item in raw.tilt_axes][:1]
        return settled_axis(name, stated, read.tilt_axis)
    axes = [settled_axis(file, raw.tilt_axes, None) for file, raw in zip(files, raws, strict=True)]
    if len(set(axes)) > 1:
        found = f"tilt axes at {', '.join(sorted({str(axis) for axis in axes}))} degrees"
        raise DataFileError(name, found, "one for all files; --tilt-axis, tilt_axis in [input]")
    return axes[0]


def _angles_of(name: str, files: list[Path], raws: list[RawImages], given: bool) -> Angles | None:
    """The angle of each file by its metadata or its name; None if neither states it."""
    tilts: list[float | None] = []
    for file, raw in zip(files, raws, strict=True):
        if raw.frames_per_tilt is not None and len(raw.frames_per_tilt) > 1:
            found = f"{len(raw.frames_per_tilt)} tilts"
            expected = "one tilt per file; a file of a whole series must be the only one"
            raise DataFileError(file, found, expected)
        try:
            fitting = fitting_angles(file, raw.angles, len(raw.images), None)
            own = settled_angles(file, fitting, None)
        except AetError:
            if not given:
                raise
            own = None
        if own is not None and np.ptp(own) > ONE_TILT:
            if given:
                own = None
            else:
                found = f"tilt angles from {own.min():g} to {own.max():g}"
                expected = "one tilt per file; a file of a whole series must be the only one"
                raise DataFileError(file, found, expected)
        tilts.append(None if own is None else float(own[0] if np.ptp(own) == 0 else own.mean()))
    named = name_angles(files)
    if None not in tilts:
        stated = np.array(tilts, dtype=np.float64)
        if named is not None and _contradict(stated, named.values):
            text = f"{name}: the angles of the metadata are used; those in the names differ"
            warnings.warn(f"{text} ({named.field!r})", UserWarning, stacklevel=4)
        return stated
    if named is None and any(tilt is not None for tilt in tilts) and not given:
        missing = files[tilts.index(None)]
        expected = "one, as in the other files; or --angles FILE, angles in [input]"
        raise DataFileError(missing, "no tilt angle", expected)
    if named is not None and not given:
        low, high = named.values.min(), named.values.max()
        text = f"{name}: angles from {low:g} to {high:g} degrees are taken from the names"
        warnings.warn(f"{text} ({named.field!r})", UserWarning, stacklevel=4)
    return None if named is None else named.values


def _contradict(angles: Angles, named: Angles) -> bool:
    """Whether names hold other angles, not only less exact ones."""
    return len(angles) == len(named) and bool(np.abs(angles - named).max() > _NAME_DIGITS)


def _said(name: str, given: Angles, stated: Angles | None) -> None:
    """Warn of given angles, one per file, that contradict those of the files or their names."""
    if stated is not None and len(stated) == len(given) and _contradict(given, stated):
        worst = int(np.abs(given - stated).argmax())
        text = f"{name}: the angles given are used; the files state others, such as"
        numbers = f"{stated[worst]:g} instead of {given[worst]:g} degrees for file {worst + 1}"
        warnings.warn(f"{text} {numbers}", UserWarning, stacklevel=5)


def _tilts(
    name: str, counts: list[int], stated: Angles | None, given: Angles | None
) -> tuple[list[int], Angles | None]:
    """Images and angle of each tilt, where no number of frames is given."""
    n_files, n_images = len(counts), sum(counts)
    groups = np.ones(n_files, dtype=np.int64) if stated is None else same_tilt_counts(stated)
    if given is None:
        return _images_of(counts, groups), None if stated is None else np.repeat(stated, counts)
    if len(given) == n_files:
        _said(name, given, stated)
        return _images_of(counts, same_tilt_counts(given)), np.repeat(given, counts)
    if len(given) == len(groups):
        first = np.cumsum(groups) - groups
        _said(name, given, None if stated is None else stated[first])
        return _images_of(counts, groups), given
    if len(given) == n_images:
        return counts, given
    if n_files % len(given) == 0:
        each = n_files // len(given)
        return _images_of(counts, np.full(len(given), each)), given
    expected = (
        "one per file, per tilt or per image; or --frames-per-tilt, frames_per_tilt in [preprocess]"
    )
    found = f"{len(given)} angles for {n_files} files of {n_images} images"
    raise InputError(f"{name}: angles", found, expected)


def _images_of(counts: list[int], groups: NDArray[np.int64]) -> list[int]:
    """Numbers of images in groups of consecutive files."""
    return [int(sum(part)) for part in np.split(np.array(counts), np.cumsum(groups)[:-1])]


def _per_image(
    name: str,
    counts: list[int],
    stated: Angles | None,
    given: Angles | None,
    frames_per_tilt: int | Sequence[int],
) -> Angles | None:
    """Angles per tilt or per image, where the number of frames is given."""
    if given is None:
        return None if stated is None else np.repeat(stated, counts)
    if isinstance(frames_per_tilt, int):
        n_tilts = sum(counts) / max(frames_per_tilt, 1)
    else:
        n_tilts = len(frames_per_tilt)
    if len(given) == len(counts):
        _said(name, given, stated)
    per_file = len(given) == len(counts) and len(given) != n_tilts
    return np.repeat(given, counts) if per_file else given
