"""Raw frames of a tilt series: several images per tilt angle, with their metadata."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import real_array
from aet_port.core.data import pixel_length
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import InputError, shown

SAME_TILT = 0.02  # degrees; scatter of the readings of a stage at rest
ONE_TILT = 0.1  # degrees; readings of frames said to be of one tilt differ by less


def plain(subject: str, value: Any) -> Any:
    """Convert ``value``, including NumPy scalars, arrays and tuples, to types that JSON has.

    Raises
    ------
    InputError
        For types that JSON cannot hold, or a key that is not text; ``subject`` names the place.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return plain(subject, value.item())
    if isinstance(value, np.ndarray):
        return plain(subject, value.tolist())
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise InputError(subject, f"the key {key!r}", "keys that are text")
        return {key: plain(f"{subject}[{key!r}]", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(f"{subject}[{index}]", item) for index, item in enumerate(value)]
    raise InputError(subject, f"a {type(value).__name__}", "numbers, text, lists and dictionaries")


@dataclass(frozen=True, eq=False, repr=False)
class FrameSeries(Shown):
    """Frames of a tilt series as the microscope recorded them.

    Parameters
    ----------
    frames
        One entry per tilt: an array (n_frames, nx, ny), a list of images (nx, ny), or one image,
        with y the tilt axis. Frames of one tilt have the same size and type; tilts may differ in
        number and size of frames. The data type (including integers) is kept.
    angles
        Tilt angle of each tilt in degrees, shape (n_tilts,); None if unknown.
    pixel_size
        Angstrom.
    metadata
        All other information in the files, in types of JSON. Common to all formats are the keys
        ``voltage_kv`` (kilovolt), ``dwell_time_us`` (microseconds per pixel) and
        ``tilt_axis_degrees`` (direction of the tilt axis from y towards x; along y unless given).
    name
        Origin of the series, used in errors.

    Raises
    ------
    InputError
        For no frames, frames of different size, values that are not finite real numbers, a
        different number of angles, a pixel size not above zero, or metadata that JSON cannot hold;
        the error gives the index of tilt and frame.

    Notes
    -----
    MATLAB: none; the raw frames of the papers are not public

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> frames = aet.FrameSeries(
    ...     [np.ones((3, 32, 24)), np.ones((2, 32, 24))], [-1.5, 1.5], pixel_size=0.35
    ... )
    >>> frames
    <FrameSeries 'frame series': tilts 2, frames 5, pixels 32 x 24, pixel size 0.35 angstrom>
    >>> frames.frames_per_tilt
    [3, 2]
    """

    frames: tuple[NDArray, ...]
    angles: NDArray[np.float64] | None
    pixel_size: float
    metadata: dict[str, Any] = field(default_factory=dict)
    name: str = "frame series"

    def __post_init__(self) -> None:
        if isinstance(self.frames, (str, bytes)) or not isinstance(self.frames, Iterable):
            raise InputError(f"{self.name}: frames", shown(self.frames), "one array for each tilt")
        frames = tuple(
            _one_tilt(f"{self.name}: tilt {index}", tilt) for index, tilt in enumerate(self.frames)
        )
        if not frames:
            raise InputError(f"{self.name}: frames", "no tilts", "at least one tilt")
        object.__setattr__(self, "frames", frames)
        if self.angles is not None:
            angles = real_array(f"{self.name}: angles", self.angles).astype(np.float64)
            if angles.shape != (len(frames),):
                raise InputError(
                    f"{self.name}: angles",
                    f"shape {angles.shape} for {len(frames)} tilts",
                    "one tilt angle in degrees per tilt",
                )
            bad = np.flatnonzero(~np.isfinite(angles))
            if bad.size:
                raise InputError(
                    f"{self.name}: angles", f"{angles[bad[0]]} at tilt {bad[0]}", "finite degrees"
                )
            object.__setattr__(self, "angles", angles)
        size = self.pixel_size
        object.__setattr__(self, "pixel_size", pixel_length(f"{self.name}: pixel_size", size))
        if not isinstance(self.metadata, dict):
            raise InputError(f"{self.name}: metadata", repr(self.metadata), "a dictionary")
        object.__setattr__(self, "metadata", plain(f"{self.name}: metadata", self.metadata))

    plot = methods.plot_frames
    """Plot one raw frame: :func:`aet_port.figures.images.plot_frames`."""

    def _facts(self) -> dict[str, object]:
        sizes = sorted({tilt.shape[1:] for tilt in self.frames})
        return {
            "name": self.name,
            "tilts": len(self),
            "frames": sum(self.frames_per_tilt),
            "pixels": times(sizes[0]) if len(sizes) == 1 else "of several sizes",
            "pixel size": angstrom(self.pixel_size),
        }

    @classmethod
    def from_stack(
        cls,
        images: NDArray,
        angles: ArrayLike | None,
        pixel_size: float,
        frames_per_tilt: int | Sequence[int] | None = None,
        metadata: dict[str, Any] | None = None,
        name: str = "frame series",
    ) -> FrameSeries:
        """Make a series from images (n, nx, ny) in the order of recording.

        Parameters
        ----------
        images
            Shape (n, nx, ny).
        angles
            Angles in degrees: one per tilt or one per image, or None. A tilt has the mean of its
            images' angles.
        pixel_size
            Angstrom.
        frames_per_tilt
            One number for all tilts, or one per tilt. Unless given, consecutive images whose angles
            agree within 0.02 degree (readings of a stage scatter) form one tilt; if there are fewer
            angles than images, each has the same number of images; without angles every image is a
            tilt.
        metadata, name
            As in :class:`FrameSeries`.

        Raises
        ------
        InputError
            If the counts do not match.

        Warns
        -----
        UserWarning
            If the angles of a tilt differ by more than 0.1 degree.
        """
        stack = np.asarray(images)
        if stack.ndim != 3:
            raise InputError(f"{name}: images", f"shape {stack.shape}", "shape (n, nx, ny)")
        table = None if angles is None else np.asarray(angles, dtype=np.float64).reshape(-1)
        counts = _frame_counts(name, len(stack), table, frames_per_tilt)
        ends = np.cumsum(counts)
        if table is not None and len(table) == len(stack):
            table = mean_tilts(name, table, counts)
        frames = tuple(np.split(stack, ends[:-1]))
        return cls(frames, table, pixel_size, metadata or {}, name)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def frames_per_tilt(self) -> list[int]:
        """Number of frames of each tilt."""
        return [len(tilt) for tilt in self.frames]

    @property
    def detector(self) -> tuple[int, int]:
        """Number of pixels of a frame along x and y.

        Raises
        ------
        InputError
            If the tilts differ in size.
        """
        nx, ny = self.frames[0].shape[1:]
        for index, tilt in enumerate(self.frames):
            if tilt.shape[1:] != (nx, ny):
                raise InputError(
                    f"{self.name}: tilt {index}",
                    f"frames of {tilt.shape[1]} x {tilt.shape[2]} pixels",
                    f"{nx} x {ny} pixels, as at tilt 0",
                )
        return int(nx), int(ny)

    @property
    def voltage(self) -> float | None:
        """Accelerating voltage in kilovolt, if known."""
        return self._number("voltage_kv")

    @property
    def dwell_time(self) -> float | None:
        """Dwell time per pixel in microseconds, if known."""
        return self._number("dwell_time_us")

    @property
    def tilt_axis(self) -> float | None:
        """Direction of the tilt axis from y towards x in degrees, if known."""
        return self._number("tilt_axis_degrees")

    def _number(self, key: str) -> float | None:
        value = self.metadata.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{self.name}: metadata[{key!r}]", repr(value), "a number")
        return float(value)

    def tilt_angles(self) -> NDArray[np.float64]:
        """The angles in degrees, for steps that need them.

        Raises
        ------
        InputError
            If they are not known.
        """
        if self.angles is None:
            raise InputError(
                f"{self.name}: angles",
                "none in the file",
                f"{len(self)} tilt angles in degrees: angles=..., --angles FILE, angles in [input]",
            )
        return self.angles

    def stack(self) -> NDArray:
        """All frames, tilt after tilt, (n, nx, ny).

        Raises
        ------
        InputError
            If the tilts differ in size.
        """
        self.detector  # noqa: B018  (checks the sizes)
        return np.concatenate(self.frames)

    def metadata_text(self) -> str:
        """The metadata as JSON."""
        return json.dumps(self.metadata, sort_keys=True, ensure_ascii=True)


def same_tilt_counts(angles: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers of consecutive images whose angles in degrees agree with the first of their tilt."""
    counts: list[int] = []
    first = np.nan
    for angle in angles:
        if counts and abs(angle - first) <= SAME_TILT:
            counts[-1] += 1
        else:
            counts.append(1)
            first = angle
    return np.array(counts, dtype=np.int64)


def mean_tilts(
    name: str, angles: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean angle of each tilt, of the angles of its images; warns where they differ much."""
    parts = np.split(angles, np.cumsum(counts)[:-1])
    wide = [index for index, part in enumerate(parts) if np.ptp(part) > ONE_TILT]
    if wide:
        part = parts[wide[0]]
        warnings.warn(
            f"{name}: {len(wide)} tilts have frames at different angles, tilt {wide[0]} from "
            f"{part.min():g} to {part.max():g} degrees; their means are taken",
            UserWarning,
            stacklevel=3,
        )
    # Equal angles keep their last digit.
    return np.array([part[0] if np.ptp(part) == 0 else part.mean() for part in parts])


def _one_tilt(subject: str, tilt: Any) -> NDArray:
    """Frames (n_frames, nx, ny) of one tilt, checked."""
    if isinstance(tilt, list | tuple):
        images = [real_array(f"{subject}, frame {k}", image) for k, image in enumerate(tilt)]
        for index, image in enumerate(images):
            if image.shape != images[0].shape:
                raise InputError(
                    f"{subject}, frame {index}",
                    f"shape {image.shape}",
                    f"shape {images[0].shape}, as frame 0: frames of one tilt have one size",
                )
        if not images:
            raise InputError(subject, "no frames", "at least one frame")
        array = np.stack(images)
    else:
        array = real_array(subject, tilt)
    if array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            subject, f"shape {array.shape}", "frames (n_frames, nx, ny), no axis empty"
        )
    if array.dtype.kind not in "iuf":
        raise InputError(subject, f"an array of type {array.dtype}", "real numbers")
    if array.dtype.kind == "f":
        good = np.isfinite(array)
        if not good.all():
            frame, x, y = (int(i) for i in np.argwhere(~good)[0])
            raise InputError(
                f"{subject}, frame {frame}",
                f"{array[frame, x, y]} at pixel ({x}, {y}), {(~good).sum()} such values in all",
                "finite numbers; replace dead pixels first",
            )
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def _frame_counts(
    name: str,
    n_images: int,
    angles: NDArray[np.float64] | None,
    frames_per_tilt: int | Sequence[int] | None,
) -> NDArray[np.int64]:
    """Frames of each tilt; see :meth:`FrameSeries.from_stack`."""
    if n_images == 0:
        raise InputError(f"{name}: images", "none", "at least one image")
    n_angles = None if angles is None else len(angles)
    if frames_per_tilt is None:
        if angles is None:
            counts = np.ones(n_images, dtype=np.int64)
        elif n_angles == n_images:
            counts = same_tilt_counts(angles)
        elif n_angles and n_images % n_angles == 0:
            counts = np.full(n_angles, n_images // n_angles)
        else:
            raise InputError(
                f"{name}: angles",
                f"{n_angles} angles for {n_images} images",
                "one angle per image, or one per tilt with the same number of frames each, or "
                "frames_per_tilt=[...], --frames-per-tilt",
            )
        return counts
    if isinstance(frames_per_tilt, int | np.integer):
        each = int(frames_per_tilt)
        counts = np.full(n_images // each if each > 0 else 0, each, dtype=np.int64)
    else:
        counts = np.asarray(frames_per_tilt, dtype=np.int64).reshape(-1)
    if counts.size == 0 or (counts < 1).any() or counts.sum() != n_images:
        raise InputError(
            f"{name}: frames_per_tilt",
            f"{frames_per_tilt} for {n_images} images",
            "frames of at least 1 per tilt that add up to the number of images",
        )
    if n_angles not in (None, n_images, len(counts)):
        raise InputError(
            f"{name}: angles",
            f"{n_angles} angles for {len(counts)} tilts of {n_images} images",
            "one angle per tilt or one per image",
        )
    return counts
