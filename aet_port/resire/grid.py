"""Geometry of a reconstruction: object, detector and oversampled Fourier grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.geometry import EULER_AXES, Axes, euler_rotations, extended_object_shape


@dataclass(frozen=True)
class Grid:
    """Sizes and rotations shared by all projectors of a reconstruction.

    Attributes
    ----------
    detector
        Number of pixels of a projection along x, y.
    shape
        Number of voxels of the object along x, y, z.
    padded
        Size of the oversampled Fourier transform along x, y, z.
    rotations
        Shape (n, 3, 3), object to detector coordinates, in the precision of the angles.
    """

    detector: tuple[int, int]
    shape: tuple[int, int, int]
    padded: tuple[int, int, int]
    rotations: NDArray

    @property
    def single_axis(self) -> bool:
        """Whether every rotation is about y, so that each y slice is a separate 2D problem."""
        identity = np.array([0.0, 1.0, 0.0])
        return bool(
            np.all(self.rotations[:, 1] == identity) and np.all(self.rotations[:, :, 1] == identity)
        )

    @property
    def slice_matrices(self) -> NDArray:
        """Shape (n, 3, 2): integer slice coordinates (X, Y) to Fourier grid coordinates.

        A slice has ``padded[:2]`` samples; the factors make the step in cycles per voxel the same
        along x and y. The kernels multiply the third coordinate by ``padded[2] / padded[0]`` last,
        as the reference does, because the order affects the rounding.

        MATLAB: 2_RESIRE_package/src/calculate3Dprojection_rec_fast.m
        """
        nx, ny, _ = self.padded
        scale = ny / nx
        factors = np.array([[1, 1 / scale], [scale, 1], [1, 1 / scale]])
        matrices = np.transpose(self.rotations[:, :2], (0, 2, 1)) * factors
        return np.ascontiguousarray(matrices.astype(self.rotations.dtype))


@checked
def make_grid(
    detector: tuple[int, int],
    angles: NDArray,
    oversampling: float | Sequence[float] = 3.0,
    extended: bool = False,
    n_z: int | None = None,
    axes: Axes = EULER_AXES,
) -> Grid:
    """Make the grid for a tilt series.

    Parameters
    ----------
    detector
        Number of pixels of a projection along x, y.
    angles
        Shape (n, 3), degrees; single-precision angles give single-precision rotations.
    oversampling
        Ratio of padded to object size, one number or one for each of x, y, z, at least 1.
    extended
        Whether the object is a film that extends beyond the detector.
    n_z
        Number of voxels along z; the detector's x size unless given.
    axes
        Euler axes.

    Raises
    ------
    InputError
        For a ratio below 1 or n_z below 1.

    Notes
    -----
    MATLAB: 2_RESIRE_package/src/@RESIRE_reconstructor/RESIRE_reconstructor.m::CheckPrepareData.
    Deviation: n_z is a number of voxels; the reference takes 1 and 2 as "like the detector".
    """
    ratios = (
        tuple(np.broadcast_to(np.asarray(oversampling, dtype=np.float64), 3).tolist())
        if np.size(oversampling) in (1, 3)
        else ()
    )
    if len(ratios) != 3 or not all(np.isfinite(r) and r >= 1 for r in ratios):
        raise InputError(
            "oversampling", str(oversampling), "one ratio, or three for x, y, z, each at least 1"
        )
    depth = detector[0] if n_z is None else int(n_z)
    if depth < 1:
        raise InputError("n_z", str(n_z), "at least one voxel")
    shape = extended_object_shape(detector, depth, angles, axes) if extended else (*detector, depth)
    # MATLAB's round: halves are rounded away from zero.
    padded = tuple(int(np.floor(n * r + 0.5)) for n, r in zip(shape, ratios, strict=True))
    return Grid(tuple(detector), shape, padded, euler_rotations(angles, axes))  # type: ignore[arg-type]
