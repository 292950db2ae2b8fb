"""Linear transforms of the images of a series: rotation, scale, shear and shift of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError


def transform_images(images: ArrayLike, matrices: ArrayLike, shifts: ArrayLike) -> NDArray:
    """Transform images linearly about their middle, ``((nx - 1) / 2, (ny - 1) / 2)``.

    What is at ``u`` from the middle of an image goes to ``A u + d``. Values between pixels come
    from a fifth-order spline; where the result has no image, it has the image's mean.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    matrices
        ``A``, shape (n, 2, 2), for (x, y).
    shifts
        ``d`` in pixels, shape (n, 2).

    Returns
    -------
    Images (n, nx, ny), in single precision if the given ones are, else in double; an image whose
    transform is the identity is unchanged.

    Raises
    ------
    InputError
        For shapes that do not fit, or a matrix without an inverse.

    Notes
    -----
    MATLAB: none; the convention is that of IMOD's ``newstack -xform``, where the middle of ``nx``
    pixels is ``nx / 2`` from the edge of the first. A rotation by
    :func:`~aet_port.core.image_rotation.turn_images` is about pixel ``nx // 2`` instead.

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.core.image_transforms import transform_images
    >>> image = np.zeros((1, 5, 5))
    >>> image[0, 1, 2] = 1
    >>> moved = transform_images(image, [np.eye(2)], [[2, 1]])
    >>> np.argwhere(np.round(moved) == 1).tolist()
    [[0, 3, 3]]
    """
    stack = np.asarray(images)
    if stack.ndim != 3 or stack.size == 0:
        raise InputError("images", f"shape {stack.shape}", "shape (n, nx, ny), no axis empty")
    turns = np.asarray(matrices, dtype=np.float64)
    moves = np.asarray(shifts, dtype=np.float64)
    n = len(stack)
    if turns.shape != (n, 2, 2) or moves.shape != (n, 2):
        found = f"shapes {turns.shape} and {moves.shape}"
        raise InputError("transforms", found, f"({n}, 2, 2) and ({n}, 2), one for each image")
    finite: NDArray[np.bool_] = np.isfinite(
        np.concatenate([turns.reshape(n, 4), moves], axis=1)
    ).all(axis=1)
    good = finite & (np.abs(np.linalg.det(np.where(finite[:, None, None], turns, 0))) > 1e-6)
    if not good.all():
        expected = "finite numbers, and a matrix with an inverse"
        found = "numbers that are no transform"
        raise InputError(f"transform {int(np.argmin(good))}", found, expected)
    middle = (np.array(stack.shape[1:]) - 1) / 2
    kind = np.float32 if stack.dtype == np.float32 else np.float64
    result = np.empty(stack.shape, kind)
    for index, image in enumerate(stack):
        if (turns[index] == np.eye(2)).all() and not moves[index].any():
            result[index] = image
            continue
        back = np.linalg.inv(turns[index])
        values = image.astype(np.float64)
        result[index] = ndimage.affine_transform(
            values,
            back,
            middle - back @ (middle + moves[index]),
            order=5,
            mode="constant",
            cval=float(values.mean()),
        )
    return result
