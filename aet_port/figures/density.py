"""A slice of a map of the mass density with the motifs that lie in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.packing import NAMES
from aet_port.structure.pairs.density import DensityMap
from aet_port.structure.structure_result import StructureResult
from aet_port.structure.voronoi.tetrahedron_shapes import EDGES

SIZE = (7.2, 5.6)  # inches
COLOURS = {3: "#ffffff", 4: "#e69f00", 5: "#d55e00", 6: "#cc79a7", 7: "#56b4e9", 8: "#009e73"}
SEEN = (0.5, 99.5)  # percentiles of the density between which colours differ


def write_density_slice(
    path: str | Path, density: DensityMap, found: StructureResult | None = None
) -> Path:
    """Write the slice through the middle of a map, as in Fig. 3b of the film paper.

    Parameters
    ----------
    path
        .png or .svg.
    density
        The map.
    found
        Analysis of the same atoms, whose motifs are drawn.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none; the papers' code for it is not public
    """
    return draw.save_figure(path, partial(_drawn, density=density, found=found), SIZE)


@checked
def density_slice(
    axes: Axes,
    density: DensityMap,
    found: StructureResult | None = None,
    *,
    index: int | None = None,
    thickness: float | None = None,
) -> int:
    """Draw one slice of a map along its third dimension, and the motifs in it, in angstrom.

    Of a motif, the edges of its tetrahedra are drawn, in colours for its number of tetrahedra.

    Parameters
    ----------
    axes
        Axes to draw on.
    density
        The map.
    found
        Analysis of the same atoms (:func:`aet_port.structure.analyze`); no motifs unless given.
    index
        Number of the slice, from 0; the middle one unless given.
    thickness
        Motifs whose centre lies within half of this on either side are drawn, angstrom; the
        standard deviation of the map's Gaussian unless given.

    Returns
    -------
    Number of motifs drawn.

    Raises
    ------
    InputError
        For a slice that does not exist, or a thickness that is not above zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(100, "Ta")
    >>> found = model.analyze()
    >>> volumes = found.order.voronoi.volume
    >>> density = aet.structure.interpolated_density(model, volumes, found.cutoff)
    >>> density_slice(Figure().subplots(), density, found) > 0
    True
    """
    number = density.values.shape[2]
    chosen = number // 2 if index is None else index
    if not 0 <= chosen < number:
        raise InputError("slice", f"{chosen}", f"0 to {number - 1}")
    wide = density.sigma if thickness is None else float(thickness)
    if not (np.isfinite(wide) and wide > 0):
        raise InputError("thickness", f"{thickness!r}", "a length above zero, in angstrom")
    # Edges of the voxels, so that cells that are not rectangular come out right.
    steps = [np.arange(n + 1) - 0.5 for n in density.values.shape[:2]]
    i, j = np.meshgrid(*steps, indexing="ij")
    corner = density.origin + chosen * density.axes[2]
    place = corner + i[..., None] * density.axes[0] + j[..., None] * density.axes[1]
    values = density.values[:, :, chosen]
    known = density.values[np.isfinite(density.values)]
    low, high = np.percentile(known, SEEN) if len(known) else (0.0, 1.0)
    mesh = axes.pcolormesh(
        place[..., 0], place[..., 1], np.ma.masked_invalid(values), cmap="viridis", vmin=low,
        vmax=max(high, low * (1 + 1e-6)), rasterized=True,
    )  # fmt: skip
    axes.figure.colorbar(mesh, ax=axes, label="density (g/cm$^3$)")
    axes.set(xlabel="x (angstrom)", ylabel="y (angstrom)", aspect="equal")
    axes.set_title(f"slice {chosen} of {number}", fontsize=10)
    if found is None or not len(found.motifs):
        return 0
    normal = np.cross(density.axes[0], density.axes[1])
    normal /= np.linalg.norm(normal)
    return _motifs(axes, found, corner, normal, wide / 2)


def _drawn(axes: Axes, density: DensityMap, found: StructureResult | None) -> None:
    density_slice(axes, density, found)


def _motifs(
    axes: Axes,
    found: StructureResult,
    corner: NDArray[np.float64],
    normal: NDArray[np.float64],
    reach: float,
) -> int:
    """Edges of the motifs near the plane; how many motifs."""
    drawn, names = 0, []
    for fold, colour in COLOURS.items():
        rows = found.motifs.of_fold(fold)
        if not len(rows):
            continue
        corners = found.tetrahedra.corners[rows]  # (motifs, tetrahedra, 4, 3)
        heights = (corners.mean(axis=(1, 2)) - corner) @ normal
        near = corners[np.abs(heights) <= reach].reshape(-1, 4, 3)
        if not len(near):
            continue
        drawn += len(near) // fold
        lines = np.unique(np.round(near[:, EDGES, :2].reshape(-1, 2, 2), 6), axis=0)
        axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.7))
        names.append(Line2D([], [], color=colour, label=NAMES[fold]))
    if names:
        axes.legend(
            handles=names, fontsize=7, facecolor="#555555", labelcolor="white",
            loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=len(names),
        )  # fmt: skip
    return drawn
