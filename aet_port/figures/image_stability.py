"""Figures of the comparison of two images of one view."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from aet_port.figures.styles import Drawing, save_figures
from aet_port.validation.image_stability import PairStability, Stability

SIZE = (5.6, 5.0)  # inches
LEAST = 5.0  # standard deviations at which the colours end, or the largest deviation
RADIUS = 2.0  # angstrom, of the circle around it


def deviation_map(
    axes: Axes, deviations: NDArray[np.float64], pair: PairStability, pixel_size: float
) -> None:
    """Smoothed difference of two images in standard deviations, the largest one in a circle.

    Parameters
    ----------
    deviations
        Shape (nx, ny).
    pair
        The comparison.
    pixel_size
        Angstrom.
    """
    limit = max(LEAST, pair.measures.deviation)
    extent = [(k - n // 2) * pixel_size for n in deviations.shape for k in (-0.5, n - 0.5)]
    image = axes.imshow(
        deviations.T,
        origin="lower",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        extent=(extent[0], extent[1], extent[2], extent[3]),
    )
    axes.figure.colorbar(image, ax=axes, label="difference (standard deviations)")
    place = (pair.measures.x, pair.measures.y)
    axes.add_patch(Circle(place, RADIUS, fill=False, color="black", linewidth=1))
    verdict = {True: "changed", False: "not changed beyond noise", None: "undecided"}[pair.changed]
    axes.set(
        xlabel="x (angstrom)",
        ylabel="y (angstrom)",
        title=f"images {pair.first} and {pair.second}: {verdict}",
    )


def write_stability_figures(folder: str | Path, found: Stability, form: str = "png") -> list[Path]:
    """Write ``deviations_I_J`` for each pair of images.

    Parameters
    ----------
    found
        The comparison.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    figures: dict[str, Drawing] = {}
    for pair in found.pairs:
        draw = partial(
            deviation_map,
            deviations=found.maps[pair.first, pair.second],
            pair=pair,
            pixel_size=found.pixel_size,
        )
        figures[f"deviations_{pair.first}_{pair.second}"] = (draw, SIZE)
    return save_figures(figures, folder, form)
