"""Support of a sample, the region of a volume that contains it: threshold and morphology."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory

BINS = 256


def _volume(name: str, array: NDArray) -> NDArray[np.float64]:
    array = np.asarray(array)
    if array.ndim != 3 or array.size == 0:
        raise InputError(name, f"shape {array.shape}", "a volume (nx, ny, nz), no axis empty")
    return array.astype(np.float64, copy=False)


def _mask(array: NDArray) -> NDArray[np.bool_]:
    return np.ascontiguousarray(_volume("mask", array) != 0)


def smooth_box(volume: NDArray, width: int = 9) -> NDArray[np.float64]:
    """Mean over cubes of ``width`` voxels; border voxels are repeated outside the volume.

    MATLAB: ``smooth3(volume, 'box', width)``
    """
    if width < 1 or width % 2 == 0:
        raise InputError("width", f"{width}", "an odd number of voxels")
    return ndimage.uniform_filter(_volume("volume", volume), width, mode="nearest")


def otsu_threshold(grey: NDArray) -> int:
    """Otsu's threshold of a volume of grey values with 256 fixed bins.

    Bin ``k`` (1 to 256) holds the values above ``k - 1`` and up to ``k``; the first and last bin
    include all values beyond. The threshold is the bin up to which the two classes differ most
    (largest between-class variance), the first one of several.

    Parameters
    ----------
    grey
        Values from 0 to 255, of any shape.

    Returns
    -------
    The number of the bin, 1 to 256, which is also its upper edge.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/otsu_thresh_3D.m::otsu_thresh_3D. As there, the number
    of the bin serves as the grey value.
    """
    values = np.asarray(grey, dtype=np.float64).ravel()
    if values.size == 0:
        raise InputError("grey", "no values", "at least one")
    bins = np.clip(np.ceil(values) - 1, 0, BINS - 1).astype(np.uint8)
    share = np.bincount(bins, minlength=BINS) / values.size
    weight = np.cumsum(share)
    mean = np.cumsum(share * np.arange(BINS))
    between = weight * (1 - weight)
    variance = np.full(BINS, -1.0)
    np.divide((mean - mean[-1] * weight) ** 2, between, out=variance, where=between != 0)
    return int(np.argmax(variance)) + 1


def ball(size: int) -> NDArray[np.bool_]:
    """Voxels of a cube of ``size`` that lie in a ball about its centre.

    The radius extends to the middle voxel of a face: for odd sizes it is ``(size - 1) / 2``, for
    even sizes ``sqrt(1/2 + ((size - 1) / 2)^2)``.

    MATLAB: 4_Tracing_and_classification/src/strel3d.m::strel3d
    """
    _, reach = _ball_numbers(size)
    line = (np.arange(size) * 2 - (size - 1)) ** 2
    return line[:, None, None] + line[None, :, None] + line[None, None, :] <= reach


def _ball_numbers(size: int) -> tuple[int, int]:
    """Twice the offset of a ball's centre from its origin, and four times its squared radius."""
    if size < 1:
        raise InputError("size", f"{size}", "one or more voxels")
    even = 1 - size % 2
    return even, (size - 1) ** 2 + 2 * even


def dilate(mask: NDArray, size: int) -> NDArray[np.bool_]:
    """Dilate a mask by a :func:`ball` of ``size`` voxels.

    An even ball has no middle voxel; as in MATLAB its origin is voxel ``size / 2`` (1-based), so
    that the mask moves up by half a voxel along each axis, and :func:`erode` moves it back. Uses
    squared integer distances, at a cost of ``3 size`` steps per voxel.

    Parameters
    ----------
    mask
        Shape (nx, ny, nz).
    size
        Diameter of the ball, voxels.

    Notes
    -----
    MATLAB: ``imdilate(mask, strel3d(size))``
    """
    return _within(_mask(mask), size, *_ball_numbers(size))


def erode(mask: NDArray, size: int) -> NDArray[np.bool_]:
    """Erode a mask by a :func:`ball` of ``size`` voxels; outside the volume counts as inside.

    MATLAB: ``imerode(mask, strel3d(size))``
    """
    even, reach = _ball_numbers(size)
    return ~_within(~_mask(mask), size, -even, reach)


def remove_small(mask: NDArray, voxels: int) -> NDArray[np.bool_]:
    """Remove connected parts (26 neighbours) of fewer than ``voxels`` voxels from a mask.

    MATLAB: ``bwareaopen(mask, voxels)``
    """
    labels, _ = ndimage.label(_mask(mask), structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())
    keep = sizes >= voxels
    keep[0] = False
    return keep[labels]


@checked
def tight_support(
    volume: NDArray,
    *,
    threshold: float = 0.9,
    dilation: int = 11,
    erosion: int = 11,
    smallest: int = 0,
    margin: int = 3,
) -> NDArray[np.bool_]:
    """Mask of the region of a volume that contains the sample.

    The volume is smoothed over cubes of nine voxels. The region above ``threshold`` times Otsu's
    threshold is dilated by balls of ``margin`` and ``dilation`` voxels, parts of fewer than
    ``smallest`` voxels are removed, and the rest is eroded by a ball of ``erosion`` voxels.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    threshold
        Factor that multiplies Otsu's threshold; a smaller one gives a larger support.
    dilation, erosion, margin
        Diameters in voxels; a margin of zero skips that step. The film paper's support is
        ``dilation=18, erosion=18, margin=0``.
    smallest
        Smallest number of voxels of a part that is kept.

    Returns
    -------
    Boolean array of the volume's shape. The peak memory is about 20 bytes per voxel.

    Raises
    ------
    InputError
        If nothing in the volume is above zero, or a size is below one.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/src/obtain_tight_support.m (glass paper),
    4_Atom_tracing/src/My_obtain_tight_support_ver1.m (film paper)
    """
    check_memory("support", 20.0 * np.size(volume), "a cropped volume, or --support FILE")
    smooth = smooth_box(volume, 9)
    top = smooth.max()
    if not top > 0:
        raise InputError("volume", f"a smoothed maximum of {top}", "values above zero")
    level = otsu_threshold(smooth / top * (BINS - 1)) * top / (BINS - 1) * threshold
    support = smooth > level
    del smooth
    if margin:
        support = dilate(support, margin)
    support = dilate(support, dilation)
    if smallest:
        support = remove_small(support, smallest)
    return erode(support, erosion)


def _within(mask: NDArray[np.bool_], size: int, offset: int, reach: int) -> NDArray[np.bool_]:
    """Voxels whose distance to the mask, from a point ``offset / 2`` below, is within the ball."""
    distance = np.where(mask, np.int32(0), np.int32(reach + 1))
    nx, ny, nz = mask.shape
    window = size // 2 + 1
    _nearest(distance.reshape(1, nx, ny * nz), window, offset, reach + 1)
    _nearest(distance, window, offset, reach + 1)
    # The kernel is fast along its last axis, so the last pass works on swapped planes.
    swapped = np.ascontiguousarray(distance.swapaxes(1, 2))
    _nearest(swapped, window, offset, reach + 1)
    distance = swapped.swapaxes(1, 2)
    return distance <= reach


@numba.njit(cache=True)
def _nearest(lines, window, offset, limit):  # type: ignore[no-untyped-def]
    """Replace values along axis 1 by the smallest ``g[a] + (2 (i - a) - offset)^2``, or limit."""
    before, length, after = lines.shape
    old = np.empty((length, after), lines.dtype)
    for b in range(before):
        old[:] = lines[b]
        lines[b] = limit
        for i in range(length):
            for a in range(max(0, i - window), min(length, i + window + 1)):
                gap = np.int32((2 * (i - a) - offset) ** 2)
                if gap < limit:
                    for c in range(after):
                        lines[b, i, c] = min(lines[b, i, c], old[a, c] + gap)
