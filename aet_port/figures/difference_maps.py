"""Slices through a difference map, at its strongest peaks, with the atoms of the model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.figures.styles import Drawing, save_figures
from aet_port.tracing.map_peaks import MapPeaks

SIZE = (6.0, 5.0)  # inches
NEAR = 1.0  # angstrom: atoms and peaks this far from the slice are marked
SHOWN = 99.95  # percentile of absolute values at which the colours end


def difference_slice(
    axes: Axes, volume: Volume, height: float, peaks: MapPeaks, model: AtomicModel | None = None
) -> None:
    """One slice perpendicular to z: excess red, lack blue, atoms as circles, peaks as crosses.

    Parameters
    ----------
    volume
        The difference map.
    height
        z of the slice, angstrom.
    peaks
        Peaks to mark if they are within 1 angstrom of the slice.
    model
        Atoms to mark likewise.
    """
    origin: NDArray[np.float64] = np.asarray(volume.origin)
    nx, ny, nz = volume.shape
    size = volume.voxel_size
    layer = int(np.clip(round((height - origin[2]) / size), 0, nz - 1))
    ends = [(origin[k] - size / 2, origin[k] + (n - 0.5) * size) for k, n in ((0, nx), (1, ny))]
    limit = float(np.percentile(np.abs(volume.array), SHOWN)) or 1.0
    image = axes.imshow(
        volume.array[:, :, layer].T,
        origin="lower",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        extent=(*ends[0], *ends[1]),
    )
    axes.figure.colorbar(image, ax=axes, label="difference")
    if model is not None:
        places = model.positions[np.abs(model.positions[:, 2] - height) <= NEAR]
        axes.scatter(
            places[:, 0], places[:, 1], s=30, facecolors="none", edgecolors="black", linewidths=0.6
        )
    near = np.abs(peaks.positions[:, 2] - height) <= NEAR
    for sign, mark in ((1, "+"), (-1, "x")):
        chosen = peaks.positions[near & (np.sign(peaks.heights) == sign)]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=60, marker=mark, color="black", linewidths=1.4)
    axes.set(
        xlim=ends[0],
        ylim=ends[1],
        xlabel="x (angstrom)",
        ylabel="y (angstrom)",
        title=f"z = {height:.2f} angstrom",
        aspect="equal",
    )


def write_difference_figures(
    folder: str | Path,
    volume: Volume,
    peaks: MapPeaks,
    model: AtomicModel | None = None,
    form: str = "png",
) -> list[Path]:
    """Write ``difference_maximum`` and ``difference_minimum``: slices at the strongest peaks.

    Parameters
    ----------
    volume, peaks, model
        As of :func:`difference_slice`.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    figures: dict[str, Drawing] = {}
    for name, sign in (("maximum", 1), ("minimum", -1)):
        of_sign = np.flatnonzero(np.sign(peaks.heights) == sign)
        if len(of_sign):
            height = float(peaks.positions[of_sign[0], 2])
            draw = partial(difference_slice, volume=volume, height=height, peaks=peaks, model=model)
            figures[f"difference_{name}"] = (draw, SIZE)
    return save_figures(figures, folder, form)
