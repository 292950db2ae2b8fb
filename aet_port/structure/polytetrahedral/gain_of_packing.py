"""How much denser the map of the mass density is within polytetrahedral packing, by recipe."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.structure.pairs.density import DensityMap
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs
from aet_port.structure.voronoi.tetrahedra import Tetrahedra
from aet_port.structure.voronoi.tetrahedron_shapes import volumes

# Which tetrahedra are the packing: of motifs of these folds, or all of them.
PACKINGS: dict[str, tuple[int, ...]] = {
    "tetrahedra": (),
    "motifs of 3 to 8": FOLDS,
    "bipyramids of 4 to 6": (4, 5, 6),
    "pentagonal bipyramids": (5,),
}


class DensityGain(NamedTuple):
    """Mean density of the map within a packing, compared.

    Attributes
    ----------
    packing
        One of ``PACKINGS``.
    over_mean
        Over the mean of the whole map, minus 1; NaN without any tetrahedron in the map.
    over_rest
        Over the mean of the rest of the map, minus 1.
    share
        Volume of the packing over that of the map.
    """

    packing: str
    over_mean: float
    over_rest: float
    share: float


@checked
def density_gains(
    density: DensityMap, tetrahedra: Tetrahedra, motifs: Motifs
) -> tuple[DensityGain, ...]:
    """Density gain of polytetrahedral packing in a map of the density, for each kind of packing.

    The mean within the packing is that of the voxels at the centres of its tetrahedra, weighted by
    their volumes; a tetrahedron in several motifs counts once. The film paper gives gains of 3
    (Ta), 6.7 and 6.3 % (Pd) without saying over what its means are taken.

    Parameters
    ----------
    density
        Map of the density (:func:`aet_port.structure.interpolated_density`).
    tetrahedra, motifs
        Of the same atoms (:func:`aet_port.structure.analyze`).

    Returns
    -------
    One row for each of ``PACKINGS``.

    Raises
    ------
    InputError
        For a map without any density.

    Notes
    -----
    MATLAB: none; the papers' code for it is not public

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(200, "Ta")
    >>> found = model.analyze()
    >>> density = aet.structure.interpolated_density(
    ...     model, found.order.voronoi.volume, found.cutoff)
    >>> [gain.packing for gain in density_gains(density, found.tetrahedra, found.motifs)]
    ['tetrahedra', 'motifs of 3 to 8', 'bipyramids of 4 to 6', 'pentagonal bipyramids']
    """
    known = density.values[np.isfinite(density.values)]
    if not len(known):
        raise InputError("density", "no voxel with a density", "a map of a sample")
    voxel = abs(float(np.linalg.det(density.axes)))
    whole, size = float(known.sum()) * voxel, len(known) * voxel
    there = _values(density, tetrahedra.corners.mean(axis=1))
    bulk = volumes(tetrahedra.corners)
    rows = []
    for name, folds in PACKINGS.items():
        inside = np.isfinite(there)
        if folds:
            chosen = np.zeros(len(tetrahedra), dtype=bool)
            for fold in folds:
                chosen[motifs.of_fold(fold)] = True
            inside &= chosen
        mass, filled = float((there * bulk)[inside].sum()), float(bulk[inside].sum())
        if filled == 0:
            rows.append(DensityGain(name, np.nan, np.nan, 0.0))
            continue
        rest = (whole - mass) / (size - filled) if size > filled else np.nan
        mean = mass / filled
        rows.append(DensityGain(name, mean / (whole / size) - 1, mean / rest - 1, filled / size))
    return tuple(rows)


def _values(density: DensityMap, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The map's value in the voxels of some places (m, 3), NaN beyond its ends."""
    steps = np.rint((places - density.origin) @ np.linalg.inv(density.axes)).astype(np.int64)
    shape = np.array(density.values.shape)
    inside = ((steps >= 0) & (steps < shape)).all(axis=1)
    result = np.full(len(places), np.nan)
    result[inside] = density.values[tuple(steps[inside].T)]
    return result
