"""Means of the short-range order of some atoms, each with its number of atoms and its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.display import Shown
from aet_port.structure.bonds.orientational import BondOrder
from aet_port.structure.voronoi.analysis import DISTORTED_ICOSAHEDRA, Voronoi

FACE_EDGES = (3, 4, 5, 6)


@dataclass(frozen=True, repr=False)
class Statistic(Shown):
    """A mean over atoms.

    Attributes
    ----------
    value
        The mean; NaN of nothing.
    unit
        Its unit, "1" for pure numbers.
    atoms
        Number of atoms that it is made of.
    error
        Its standard error from the scatter of these atoms; NaN of fewer than two. It doesn't
        contain the errors of their positions.
    """

    value: float
    unit: str
    atoms: int
    error: float


def order_statistics(
    bonds: BondOrder,
    cells: Voronoi,
    density: NDArray[np.float64],
    groups: NDArray[np.str_],
    mask: NDArray[np.bool_],
    counted: NDArray[np.bool_],
) -> dict[str, Statistic]:
    """Means of bond-orientational order, coordination, Voronoi faces and density by name.

    Parameters
    ----------
    bonds, cells, density, groups
        Order, Voronoi cells, density (g/cm^3) and group of all n atoms.
    mask
        Shape (n,): atoms whose bond-orientational order is averaged; those without bonds are left
        out.
    counted
        Shape (n,): atoms whose cells are counted, all of them closed.

    Notes
    -----
    MATLAB: none; the reference states no errors
    """
    result = {
        f"mean_{name}": _mean(values[mask & np.isfinite(values)])
        for name, values in (("q4", bonds.q4), ("q6", bonds.q6), ("order", bonds.normalised))
    }
    number = cells.coordination.astype(np.float64)
    result["coordination_number"] = _mean(number[counted])
    for group in np.unique(groups):
        result[f"coordination_number {group}"] = _mean(number[counted & (groups == group)])
    columns = np.ascontiguousarray(cells.indices[counted].T)
    faces = columns.astype(np.float64)
    whole = faces.sum(axis=0)
    for edges, share in zip(FACE_EDGES, faces, strict=True):
        result[f"faces_of_{edges}_edges"] = _ratio(share, whole)
    icosahedra = np.zeros(columns.shape[1], dtype=np.bool_)
    for three, four, five, six in DISTORTED_ICOSAHEDRA:
        icosahedra |= (
            (columns[0] == three)
            & (columns[1] == four)
            & (columns[2] == five)
            & (columns[3] == six)
        )
    result["distorted_icosahedra"] = _mean(icosahedra.astype(np.float64))
    # Mass over volume: the harmonic mean of the densities.
    inverse = _mean(1 / density[counted], "g/cm^3")
    mean = 1 / inverse.value
    result["mean_density"] = Statistic(
        float(mean), inverse.unit, inverse.atoms, float(mean**2 * inverse.error)
    )
    return result


def _mean(values: NDArray[np.float64], unit: str = "1") -> Statistic:
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    return Statistic(mean, unit, n, error)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Statistic:
    """Sum of one over sum of the other, its error from the residuals of the atoms."""
    n, total = len(whole), float(whole.sum())
    if not total:
        return Statistic(np.nan, "1", n, np.nan)
    share = float(part.sum()) / total
    residual = float(((part - share * whole) ** 2).sum())
    error = np.sqrt(residual * n / (n - 1)) / total if n > 1 else np.nan
    return Statistic(share, "1", n, float(error))
