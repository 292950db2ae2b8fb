"""Masks with soft edges, inside which two volumes are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from aet_port.core.arguments import checked
from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.core.geometry import centre
from aet_port.core.memory import check_memory

SMOOTHED = 2.0  # angstrom, standard deviation: atoms merge into the body of the object


@checked
def soft_ball(
    shape: tuple[int, int, int], voxel_size: float, edge: float = 5.0
) -> NDArray[np.float32]:
    """Weights of the largest ball about the centre, falling to zero as a cosine.

    Parameters
    ----------
    shape
        Number of voxels along x, y, z.
    voxel_size
        Angstrom.
    edge
        Width of the fall, angstrom, inside the ball.

    Returns
    -------
    Weights between 0 and 1, of that shape.

    Raises
    ------
    InputError
        For an edge wider than the radius, or below zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> ball = soft_ball((32, 32, 32), 0.5, edge=2.0)
    >>> float(ball[16, 16, 16]), float(ball[0, 0, 0])
    (1.0, 0.0)
    """
    radius = 0.5 * min(shape) * voxel_size
    if not 0 <= edge <= radius:
        raise InputError("edge", f"{edge:g}", f"between 0 and {radius:g} angstrom, the radius")
    squares = [((np.arange(n) - centre(n)) * voxel_size) ** 2 for n in shape]
    distance = np.sqrt(
        (squares[0][:, None, None] + squares[1][None, :, None] + squares[2]).astype(np.float32)
    )
    return _fall(distance - np.float32(radius - edge), edge)


@checked
def soft_outline(first: Volume, second: Volume, edge: float = 5.0) -> NDArray[np.float32]:
    """Weights of the object that two volumes show: one inside, falling to zero around it.

    Both are smoothed until atoms merge, added, and divided in object and surroundings by Otsu's
    threshold. Since the same mask is used for both volumes and made from both, a narrow ``edge``
    makes them agree by the mask's own shape.

    Parameters
    ----------
    first, second
        Volumes of one shape and voxel size.
    edge
        Width of the fall outside the object, angstrom.

    Returns
    -------
    Weights between 0 and 1, of their shape.

    Raises
    ------
    InputError
        For volumes of two shapes, without contrast, or an edge below zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> array = np.zeros((32, 32, 32))
    >>> array[12:20, 12:20, 12:20] = 1
    >>> cube = Volume(array, 0.5)
    >>> outline = soft_outline(cube, cube, edge=2.0)
    >>> float(outline[16, 16, 16]), float(outline[0, 0, 0])
    (1.0, 0.0)
    """
    if first.shape != second.shape:
        raise InputError(second.name, f"shape {second.shape}", f"{first.shape} like {first.name}")
    if not 0 <= edge < np.inf:
        raise InputError("edge", f"{edge:g}", "zero or more, in angstrom")
    check_memory("outline of the object", 20.0 * first.array.size, "--mask ball")
    body = np.add(first.array, second.array, dtype=np.float32)
    ndimage.gaussian_filter(body, SMOOTHED / first.voxel_size, output=body)
    if not np.ptp(body):
        raise InputError(first.name, "one value in all voxels", "the volume of an object")
    inside = ndimage.binary_fill_holes(body > threshold_otsu(body))
    distance = ndimage.distance_transform_edt(~inside, sampling=first.voxel_size)
    return _fall(distance.astype(np.float32), edge)


def _fall(beyond: NDArray[np.float32], edge: float) -> NDArray[np.float32]:
    """One up to zero distance, zero from ``edge`` on, a cosine between."""
    if edge == 0:
        return (beyond <= 0).astype(np.float32)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip(beyond / np.float32(edge), 0, 1))).astype(np.float32)
