"""Pair distributions with the size of the atoms taken out: against r over the first peak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 4.0  # how far curves go, in units of the first peak
_CELLS, _FIRST = 20, 14  # cells of a curve per unit, and the first of them
_NEAR = 0.2  # of the first peak's place: how far either side belongs to it


def normalized_distances(reach: float = REACH) -> NDArray[np.float64]:
    """Middles of the cells of :func:`normalized_pdf`, in units of the first peak."""
    edges = _edges(reach)
    return (edges[:-1] + edges[1:]) / 2


def normalized_pdf(
    r: NDArray[np.float64], g: NDArray[np.float64], peak: float, reach: float = REACH
) -> NDArray[np.float64]:
    """Pair distribution against r over the place of the first peak, whatever its bins.

    The mean of g in cells of a twentieth of that place, from 0.7 on: what the named query
    ``nearest-by-pdf`` compares.

    Parameters
    ----------
    r, g
        Shape (n,), even bins from zero on, angstrom.
    peak
        Place of the first peak, angstrom (:func:`first_peak`).
    reach
        Up to what distance, in units of the first peak.

    Returns
    -------
    Shape (number of cells,); NaN beyond the last bin.
    """
    return cell_means(r, g, _edges(reach) * peak)


def cell_means(
    r: NDArray[np.float64], g: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of a pair distribution in each of several cells.

    Parameters
    ----------
    r, g
        Shape (n,), even bins from zero on, angstrom.
    edges
        Shape (k + 1,), angstrom, ascending from zero or more.

    Returns
    -------
    Shape (k,); NaN beyond the last bin.
    """
    step = 2 * r[0]
    bins = step * np.arange(len(r) + 1)
    integral = np.interp(edges, bins, np.concatenate([[0.0], np.cumsum(g) * step]))
    integral[edges >= bins[-1]] = np.nan
    return np.diff(integral) / np.diff(edges)


def first_peak(r: NDArray[np.float64], g: NDArray[np.float64], cutoff: float) -> float:
    """Place of the first peak of a pair distribution, that of an atom's neighbours.

    The centre of g within a fifth of it either side, found twice from the centre of all g below
    the cut-off, as in the named query ``nearest-by-pdf``; NaN if g is zero there.

    Parameters
    ----------
    r, g
        Shape (n,), angstrom.
    cutoff
        End of the first peak, angstrom.
    """
    step = 2 * r[0]
    middle = _centre(r, g, np.clip((cutoff - r) / step + 0.5, 0, 1))
    for _ in range(2):
        near = np.clip((_NEAR * middle - np.abs(r - middle)) / step + 0.5, 0, 1)
        middle = _centre(r, g, near)
    return middle


def _centre(r: NDArray[np.float64], g: NDArray[np.float64], part: NDArray[np.float64]) -> float:
    weight = g * part
    total = weight.sum()
    return float(weight @ r / total) if total > 0 else float("nan")


def _edges(reach: float) -> NDArray[np.float64]:
    return np.arange(_FIRST, int(_CELLS * reach) + 1) / _CELLS
