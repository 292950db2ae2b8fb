"""Mutual nearest neighbours of two sets of atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


def mutual_pairs(
    one: NDArray, other: NDArray, radius: float
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which atoms are mutual nearest neighbours of others within a radius, and of which.

    Parameters
    ----------
    one, other
        Shapes (n, 3) and (m, 3), angstrom.
    radius
        Largest distance of a pair, angstrom.

    Returns
    -------
    Whether each of the first has a partner, shape (n,), and its nearest one among the others, shape
    (n,), which is its partner where it has one.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> paired, partner = mutual_pairs(np.eye(3)[:2], np.eye(3)[1:], 0.5)
    >>> paired.tolist(), int(partner[1])
    ([False, True], 0)
    """
    if not len(one) or not len(other):
        return np.zeros(len(one), bool), np.zeros(len(one), np.intp)
    distance, partner = cKDTree(other).query(one)
    _, back = cKDTree(one).query(other)
    return (back[partner] == np.arange(len(one))) & (distance <= radius), partner
