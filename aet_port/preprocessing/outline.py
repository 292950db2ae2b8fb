"""Masks of the sample in each projection, from the outline of a reconstruction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.geometry import centre, euler_rotations
from aet_port.preprocessing.background import otsu_split
from aet_port.preprocessing.settings import DEFAULTS

FLANK = 2.0


def sample_outline(
    volume: NDArray,
    angles: ArrayLike,
    detector: tuple[int, int],
    margin: float = DEFAULTS.margin,
    blur: float = 2.0,
) -> NDArray[np.bool_]:
    """Masks of the sample in each projection, from a reconstruction.

    The sample is the largest connected part of the blurred volume above a threshold half-way
    between the median of the dark class and Otsu's threshold. Its surface is projected along each
    direction, holes are filled and ``margin`` pixels added. The volume combines all projections,
    so its outline is less noisy than that of a single image.

    Parameters
    ----------
    volume
        Shape (nx, ny, nz).
    angles
        Shape (n, 3): phi, theta, psi in degrees.
    detector
        Number of pixels (nx, ny) of the images; pixels have the size of voxels.
    margin
        Margin around the outline, pixels.
    blur
        Standard deviation in voxels.

    Returns
    -------
    Shape (n, nx, ny).

    Raises
    ------
    InputError
        For a volume without contrast, or a sample outside the detector (the error names the image).

    Notes
    -----
    MATLAB: none; the Methods speak of masks slightly larger than the sample
    """
    array = np.asarray(volume)
    if array.ndim != 3 or array.size == 0:
        raise InputError("volume", f"shape {array.shape}", "shape (nx, ny, nz)")
    for name, value in (("margin", margin), ("blur", blur)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(name, f"{value!r}", "pixels, zero or more")
    smooth = ndimage.gaussian_filter(array.astype(np.float32), blur)
    if not np.ptp(smooth) > 1e-6 * np.abs(smooth).max():
        raise InputError("volume", "the same value everywhere", "a reconstruction of a sample")
    split = otsu_split(smooth)
    middle = float(np.median(smooth[smooth <= split]))
    pieces, _ = ndimage.label(smooth > middle + (split - middle) / FLANK)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    sample = pieces == int(np.argmax(sizes))
    surface = np.argwhere(sample & ~ndimage.binary_erosion(sample))
    places = surface - np.array([centre(n) for n in array.shape])
    middle_pixel = np.array([centre(n) for n in detector])
    masks = np.zeros((len(np.asarray(angles)), *detector), dtype=bool)
    for i, rotation in enumerate(euler_rotations(angles)):
        seen = np.rint(places @ rotation[:2].T).astype(np.int64) + middle_pixel
        inside = ((seen >= 0) & (seen < detector)).all(axis=1)
        if not inside.any():
            raise InputError(f"image {i}", "a sample entirely off the detector", "one on it")
        masks[i][tuple(seen[inside].T)] = True
        # Rotated voxels leave gaps between pixels.
        core = ndimage.binary_fill_holes(ndimage.binary_closing(masks[i], iterations=2))
        masks[i] = ndimage.distance_transform_edt(~(core | masks[i])) <= margin
    return masks
