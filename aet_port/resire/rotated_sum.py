"""Projections in real space: the volume is rotated and summed along the beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from aet_port.core.errors import InputError
from aet_port.core.geometry import EULER_AXES, Axes, centred_range, crop_centred, euler_rotations

SAMPLES = 1_000_000  # points interpolated at once; 24 bytes each


def project_rotated(
    volume: NDArray,
    angles: ArrayLike,
    detector: tuple[int, int] | None = None,
    *,
    axes: Axes = EULER_AXES,
    reference_quirks: bool = False,
) -> NDArray[np.float64]:
    """Project a volume by sums of trilinear samples along the beam.

    Pixel (x, y) of image k is ``sum_z V(R_k^T (x, y, z))``, one sample per voxel length, zero
    outside the volume. It needs no periodic padding and so is an independent check of
    :func:`aet_port.resire.fourier_slice.project`, but much slower.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    angles
        Shape (n, 3), degrees.
    detector
        Number of pixels along x and y, at most (nx, ny), which is the default.
    axes
        Euler axes.
    reference_quirks
        If True, sum over nz samples only, as the reference does, which cuts off the ends of a thin
        volume at high tilt. Otherwise the samples extend from corner to corner.

    Returns
    -------
    Shape (n, detector x, detector y).

    Raises
    ------
    InputError
        For a volume that is not three-dimensional, a detector larger than its x-y face, or angles
        of another shape.

    Notes
    -----
    MATLAB: 4_Atom_tracing/src/calculate3Dprojection_R.m::calculate3Dprojection_R (film paper)
    """
    if volume.ndim != 3 or not volume.size:
        raise InputError("volume", f"shape {volume.shape}", "shape (nx, ny, nz), none of them zero")
    n_x, n_y, n_z = volume.shape
    window = detector or (n_x, n_y)
    kept = [crop_centred(centred_range(n), (m,)) for n, m in zip((n_x, n_y), window, strict=True)]
    plane = np.stack(np.meshgrid(*kept, indexing="ij")).reshape(2, -1)
    middle = np.array([n // 2 for n in volume.shape])
    reach = int(np.ceil(np.linalg.norm(middle)))
    beam = centred_range(n_z) if reference_quirks else np.arange(-reach, reach + 1)
    parts = np.array_split(beam, plane.shape[1] * len(beam) // SAMPLES + 1)
    values = np.asarray(volume, dtype=np.float64)
    rotations = euler_rotations(np.asarray(angles, dtype=np.float64), axes)
    images = np.zeros((len(rotations), plane.shape[1]))
    for image, rotation in zip(images, rotations, strict=True):
        # Columns of R^T: detector axes and beam direction in the frame of the volume.
        start = rotation[:2].T @ plane + middle[:, None]
        for part in parts:
            points = start[:, :, None] + rotation[2][:, None, None] * part
            image += map_coordinates(values, points, order=1, mode="constant").sum(axis=1)
    return images.reshape(len(rotations), *window)
