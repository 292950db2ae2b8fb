"""Rotation of the images of a series, to bring the tilt axis along y."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError


def turn_images(images: ArrayLike, angle: float) -> NDArray:
    """Rotate images about pixel ``(nx // 2, ny // 2)`` so that an axis at ``angle`` lies along y.

    Parameters
    ----------
    images
        Shape (n, nx, ny); edges are mirrored to fill the corners.
    angle
        Angle in degrees from y towards x, as from
        :func:`aet_port.preprocessing.tilt_axis.find_tilt_axis`.

    Returns
    -------
    Images (n, nx, ny) in double precision; for a multiple of 90 degrees the given pixels in their
    type, not interpolated, with nx and ny exchanged for an odd one.

    Raises
    ------
    InputError
        For an array that is no stack of images, or an angle that is not finite.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.core.image_rotation import turn_images
    >>> line = np.zeros((1, 5, 7))
    >>> line[0, :, 3] = 1  # along x
    >>> turn_images(line, 90)[0, 3]
    array([1., 1., 1., 1., 1.])
    """
    stack = np.asarray(images)
    if stack.ndim != 3 or stack.size == 0:
        raise InputError("images", f"shape {stack.shape}", "shape (n, nx, ny), no axis empty")
    if not np.isfinite(angle):
        raise InputError("angle", f"{angle!r}", "a finite number of degrees")
    quarters = angle / 90
    if quarters == round(quarters):
        return _turned_by_quarters(stack, int(quarters) % 4)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.array([[c, s], [-s, c]])
    centre = np.array([n // 2 for n in stack.shape[1:]])
    offset = centre - matrix @ centre
    doubles = stack.astype(np.float64)
    return np.stack(
        [
            ndimage.affine_transform(image, matrix, offset, order=5, mode="mirror")
            for image in doubles
        ]
    )


def _turned_by_quarters(stack: NDArray, quarters: int) -> NDArray:
    """Pixel ``u`` of the result is pixel ``M u`` of the image, from the centre; see above."""
    if quarters == 0:
        return stack.copy()
    if quarters == 2:
        return np.ascontiguousarray(_reversed(_reversed(stack, 1), 2))
    # 90 degrees: M (x, y) = (y, -x); 270: (-y, x).
    turned = stack.transpose(0, 2, 1)
    return np.ascontiguousarray(_reversed(turned, 1 if quarters == 1 else 2))


def _reversed(stack: NDArray, axis: int) -> NDArray:
    """Mirror about pixel ``n // 2``; the edge that an even side then lacks is mirrored too."""
    n = stack.shape[axis]
    index = 2 * (n // 2) - np.arange(n)
    index[index >= n] = max(n - 2, 0)
    return np.take(stack, index, axis=axis)
