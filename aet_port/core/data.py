"""The images and volumes of the pipeline, checked when made.

Their processing is in higher layers; the methods that run it (``reconstruct``, ``trace``,
``analyze``, ``plot``) are listed in :mod:`aet_port.core.methods`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import real_array
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.errors import InputError, shown
from aet_port.core.geometry import centre
from aet_port.core.limits import LARGEST_PIXEL, SMALLEST_PIXEL


def all_finite(name: str, array: NDArray) -> NDArray:
    """An array without NaN and infinities.

    Raises
    ------
    InputError
        With any; it says how many, and where the first is.
    """
    good = np.isfinite(array)
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InputError(
            name,
            f"{(~good).sum()} NaN or infinite values, the first at index {where}",
            "finite numbers only",
        )
    return array


def pixel_length(name: str, value: float) -> float:
    """A pixel or voxel size in angstrom, if it is one.

    Raises
    ------
    InputError
        If not.
    """
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and not np.iscomplexobj(value) and SMALLEST_PIXEL <= value <= LARGEST_PIXEL):
        expected = f"a length between {SMALLEST_PIXEL:g} and {LARGEST_PIXEL:g}, in angstrom"
        raise InputError(name, shown(value), expected)
    return float(value)


@dataclass(frozen=True, repr=False)
class TiltSeries(Shown):
    """Projections of one object and the orientation of each.

    Projection k is the line integral along the beam (z) of the object rotated by
    ``R_k = (R_z(phi_k) R_y(theta_k) R_x(psi_k))^T``.

    Parameters
    ----------
    images
        Shape (n_projections, nx, ny), x first, y the tilt axis of a single-axis series; kept in
        single precision unless given as double.
    angles
        Shape (n_projections, 3): Euler angles phi, theta, psi in degrees; a vector of length
        n_projections is taken as theta. The precision (single or double) is kept, because it
        determines the rounding of the rotations in the reference.
    pixel_size
        Angstrom.
    name
        Origin of the series, used in errors.
    metadata
        Dictionary with further information on the series.

    Raises
    ------
    InputError
        For wrong shapes, NaN, no images, images without signal, different numbers of images and
        angles, or a pixel size that is no length of pixels.

    Notes
    -----
    MATLAB: none; the papers' code keeps images (nx, ny, n_projections) and angles in two variables

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> images = np.random.default_rng(0).random((3, 32, 24))
    >>> series = aet.TiltSeries(images, [-30, 0, 30], pixel_size=0.35, name="noise")
    >>> series
    <TiltSeries 'noise': images 3, pixels 32 x 24, pixel size 0.35 angstrom, tilt -30 to 30 degrees>
    >>> series.angles[0]  # phi, theta, psi
    array([  0., -30.,   0.])
    >>> series.reconstruct(iterations=2).volume.shape
    (32, 24, 32)
    """

    images: NDArray
    angles: NDArray
    pixel_size: float
    name: str = "tilt series"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        images = real_array(f"{self.name}: images", self.images)
        if images.ndim != 3 or min(images.shape) == 0:
            raise InputError(
                f"{self.name}: images",
                f"shape {images.shape}",
                "shape (n_projections, nx, ny), no axis empty",
            )
        if images.dtype != np.float64:
            images = images.astype(np.float32, copy=False)
        all_finite(f"{self.name}: images", images)
        dark = np.flatnonzero(~images.any(axis=(1, 2)))
        if dark.size:
            raise InputError(
                f"{self.name}: images",
                f"only zeros in image {int(dark[0])} ({dark.size} such images)",
                "a signal in every image; leave empty ones out",
            )
        angles = real_array(f"{self.name}: angles", self.angles)
        if angles.dtype != np.float32:
            angles = angles.astype(np.float64)
        if angles.ndim == 1 or (angles.ndim == 2 and angles.shape[1] == 1 and len(images) != 1):
            theta = angles.reshape(-1)
            angles = np.stack([np.zeros_like(theta), theta, np.zeros_like(theta)], axis=1)
        if angles.ndim != 2 or angles.shape[1] != 3:
            hint = (
                "transpose it"
                if angles.ndim == 2 and angles.shape[0] in (1, 3)
                else "one row (phi, theta, psi) per image"
            )
            raise InputError(
                f"{self.name}: angles",
                f"shape {angles.shape}",
                f"shape ({len(images)}, 3), in degrees; {hint}",
            )
        if len(angles) != len(images):
            raise InputError(
                f"{self.name}: angles",
                f"{len(angles)} rows for {len(images)} images",
                "one row (phi, theta, psi) per image",
            )
        all_finite(f"{self.name}: angles", angles)
        object.__setattr__(self, "images", np.ascontiguousarray(images))
        object.__setattr__(self, "angles", np.ascontiguousarray(angles))
        object.__setattr__(
            self, "pixel_size", pixel_length(f"{self.name}: pixel_size", self.pixel_size)
        )

    reconstruct = methods.reconstruct
    """Reconstruct the volume of these projections: :func:`aet_port.reconstruct`."""
    plot = methods.plot_tilt_series
    """Plot one projection: :func:`aet_port.figures.images.plot_tilt_series`."""
    to_hyperspy = methods.to_hyperspy
    """Make a HyperSpy signal of it: :func:`aet_port.io.exchange.to_hyperspy`."""

    def __len__(self) -> int:
        return len(self.images)

    def _facts(self) -> dict[str, object]:
        theta = self.angles[:, 1]
        return {
            "name": self.name,
            "images": len(self),
            "pixels": times(self.detector),
            "pixel size": angstrom(self.pixel_size),
            "tilt": f"{theta.min():.4g} to {theta.max():.4g} degrees",
        }

    @property
    def detector(self) -> tuple[int, int]:
        """Number of pixels of one image along x and y."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def single_axis(self) -> bool:
        """Whether every tilt is a pure rotation about y (phi = psi = 0)."""
        return not self.angles[:, [0, 2]].any()


@dataclass(frozen=True, repr=False)
class Volume(Shown):
    """A scalar field on a regular grid: voxel (i, j, k) lies at ``origin + voxel_size (i, j, k)``.

    Parameters
    ----------
    array
        Shape (nx, ny, nz), all finite.
    voxel_size
        Angstrom.
    origin
        Position of voxel (0, 0, 0) in angstrom, shape (3,); unless given, the rotation centre
        (voxel n // 2) lies at zero.
    name
        Origin of the volume, used in errors.

    Raises
    ------
    InputError
        For wrong shapes, NaN, an empty array, or a voxel size that is no length of voxels.

    Notes
    -----
    MATLAB: none; a reconstruction in the papers' code is an array without voxel size, whose
    rotation centre is element ``round((n + 1) / 2)``

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> volume = aet.Volume(np.zeros((9, 9, 9)), voxel_size=0.5)
    >>> volume
    <Volume 'volume': voxels 9 x 9 x 9, voxel size 0.5 angstrom>
    >>> volume.to_positions([[4, 4, 4], [5, 4, 4]])
    array([[0. , 0. , 0. ],
           [0.5, 0. , 0. ]])
    """

    array: NDArray
    voxel_size: float
    origin: NDArray[np.float64] | None = None
    name: str = "volume"

    def __post_init__(self) -> None:
        array = real_array(self.name, self.array)
        if array.ndim != 3 or min(array.shape) == 0:
            raise InputError(self.name, f"shape {array.shape}", "shape (nx, ny, nz), no axis empty")
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float32)
        all_finite(self.name, array)
        size = pixel_length(f"{self.name}: voxel_size", self.voxel_size)
        if self.origin is None:
            origin = np.array([-centre(n) * size for n in array.shape])
        else:
            origin = all_finite(
                f"{self.name}: origin",
                real_array(f"{self.name}: origin", self.origin).astype(np.float64).reshape(-1),
            )
            if origin.shape != (3,):
                raise InputError(
                    f"{self.name}: origin", f"shape {origin.shape}", "three numbers in angstrom"
                )
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "voxel_size", size)
        object.__setattr__(self, "origin", origin)

    trace = methods.trace
    """Trace the peaks of this volume: :func:`aet_port.trace`."""
    plot = methods.plot_volume
    """Plot one slice: :func:`aet_port.figures.images.plot_volume`."""
    to_xarray = methods.to_xarray
    """Make an xarray DataArray of it: :func:`aet_port.io.exchange.to_xarray`."""

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "voxels": times(self.shape),
            "voxel size": angstrom(self.voxel_size),
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along x, y, z."""
        nx, ny, nz = self.array.shape
        return nx, ny, nz

    def to_positions(self, voxels: ArrayLike) -> NDArray[np.float64]:
        """Convert 0-based voxel coordinates (n, 3) to positions (n, 3) in angstrom."""
        return np.asarray(voxels, dtype=np.float64) * self.voxel_size + np.asarray(self.origin)

    def to_voxels(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Convert positions (n, 3) in angstrom to 0-based voxel coordinates (n, 3)."""
        return (np.asarray(positions, dtype=np.float64) - np.asarray(self.origin)) / self.voxel_size
