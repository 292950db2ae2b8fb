"""Which measured shifts are more than the noise of the images."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Half of the shifts that are noise alone exceed 0.67 standard errors; if half exceed 1.2, the
# series as a whole is displaced, and each is taken for real that exceeds its own error. Else only
# what noise alone does once in 370 times.
DISPLACED, CLEAR = 1.2, 3.0


def exceed_errors(shifts: ArrayLike, errors: ArrayLike) -> NDArray[np.bool_]:
    """Which shifts of a series of images are to be applied: those larger than their errors.

    A shift that is no larger than its standard error would on average move an image away from its
    place. Where the shifts of an axis are as small as noise makes them, single ones are taken for
    real only above three standard errors.

    Parameters
    ----------
    shifts
        Shape (n, 2), pixels along x and y.
    errors
        Shape (n, 2): their standard errors.

    Returns
    -------
    Shape (n, 2).

    Examples
    --------
    >>> import numpy as np
    >>> errors = np.full((4, 2), 0.1)
    >>> shifts = [[0.05, 2.0], [-0.12, 0.05], [0.08, -1.0], [0.01, 0.3]]
    >>> exceed_errors(shifts, errors).tolist()
    [[False, True], [False, False], [False, True], [False, True]]
    """
    size, error = np.abs(np.asarray(shifts, dtype=np.float64)), np.asarray(errors, np.float64)
    units = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
    least = np.where(np.median(units, axis=0) > DISPLACED, 1.0, CLEAR)
    return units > least
