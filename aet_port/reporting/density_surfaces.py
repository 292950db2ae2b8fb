"""Interactive 3D view of the mass density: surfaces around its dense and its dilute regions."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from aet_port.reporting.views import (
    FAINT,
    View,
    layout_of,
    mesh,
    points,
    still_picture,
    thinned,
)
from aet_port.structure.pairs.density import DensityMap
from aet_port.structure.pairs.density_interpolation import interpolated_density

MOST_TRIANGLES = 40_000  # of a surface, for a file of one or two megabytes
MOST_VOXELS = 400_000  # of the map, which then takes some seconds
LEAST_VOXEL = 1.0  # angstrom
SPREAD = 1.0  # standard deviations of the map between its mean and a surface
DENSE, DILUTE = "#c0503a", "#3f74b8"
OPACITY = 0.75
Surface = tuple[NDArray[np.float64], NDArray[np.int64]]


def density_view(atoms: ase.Atoms, volumes: NDArray[np.float64], first_shell: float) -> View | None:
    """Surfaces of the density map one standard deviation above and below its mean (Fig. 3c).

    Parameters
    ----------
    atoms
        The model.
    volumes
        Shape (n,): Voronoi volumes, NaN for atoms to leave out, cubic angstrom.
    first_shell
        Standard deviation of the map's Gaussian, angstrom.

    Returns
    -------
    The view; None where no atom has a density, or it is the same everywhere.

    Notes
    -----
    MATLAB: none; the papers' code for it is not public
    """
    known = np.isfinite(volumes) & ((atoms.numbers > 0) | atoms.has("masses"))
    if not known.any():
        return None
    density = interpolated_density(
        atoms, np.where(known, volumes, np.nan), first_shell,
        voxel_size=_voxel(atoms, first_shell), interpolation="nearest",
    )  # fmt: skip
    values = density.values[np.isfinite(density.values)]
    mean, sd = float(values.mean()), float(values.std())
    if sd <= 1e-9 * mean:
        return None
    surfaces, traces, choices = [], [], {}
    for words, sign, colour in (("dense", 1, DENSE), ("dilute", -1, DILUTE)):
        level = mean + sign * SPREAD * sd
        found = _surface(density, level, sign)
        if found is not None:
            name = f"{words} regions: {'above' if sign > 0 else 'below'} {level:.3g} g/cm³"
            surfaces.append((found, colour))
            traces.append(mesh(found, name, colour) | {"opacity": OPACITY})
            choices[f"{words} regions"] = len(traces) - 1
    if not surfaces:
        return None
    shown = thinned(len(atoms))
    faint = points(atoms.positions[shown], shown, "all atoms", 2.0, color=FAINT, opacity=0.6)
    faint["marker"].pop("line")
    number = len(traces)
    seen: dict[str, tuple[list[bool], dict[str, Any]]] = {
        "dense and dilute regions": ([True] * (number + 1), {})
    }
    for words, chosen in choices.items():
        seen[words] = ([k in (chosen, number) for k in range(number + 1)], {})
    note = (
        f"Mass density of the Voronoi cells, smoothed by a Gaussian of {density.sigma:.3g} Å (film "
        f"paper, Methods): {mean:.4g} g/cm³ on average, deviation {100 * sd / mean:.2g} %. "
        "Surfaces one standard deviation above and below the mean; atoms on the surface of the "
        "sample are left out"
    )
    return View([*traces, faint], layout_of(atoms.positions), seen, note, _still(surfaces))


def _voxel(atoms: ase.Atoms, first_shell: float) -> float:
    """Voxel size at which the map is small enough, angstrom."""
    size = np.ptp(atoms.positions, axis=0) + 10 * first_shell
    wanted = float(np.cbrt(np.prod(size) / MOST_VOXELS))
    return min(max(LEAST_VOXEL, wanted), first_shell)


def _surface(density: DensityMap, level: float, sign: int) -> Surface | None:
    """Triangles where the density crosses a level; None where it doesn't.

    Outside of the sample counts as the other side, so that surfaces are closed.
    """
    values = np.pad(np.nan_to_num(sign * (density.values - level), nan=-1e-9), 1)
    values[0], values[-1], values[:, 0], values[:, -1] = -1e-9, -1e-9, -1e-9, -1e-9
    values[:, :, 0], values[:, :, -1] = -1e-9, -1e-9
    if not (values > 0).any():
        return None
    for step in range(1, min(values.shape)):
        try:
            corners, triangles, _, _ = marching_cubes(values, 0.0, step_size=step)
        except (ValueError, RuntimeError):  # nothing is left of small regions
            return None
        if len(triangles) <= MOST_TRIANGLES:
            return density.origin + (corners - 1) @ density.axes, triangles
    return None


def _still(surfaces: list[tuple[Surface, str]]) -> NDArray[np.float64]:
    """Corners of the surfaces as small balls."""
    places = np.concatenate([corners for (corners, _), _ in surfaces])
    colours = np.concatenate(
        [np.tile(to_rgb(colour), (len(corners), 1)) for (corners, _), colour in surfaces]
    )
    return still_picture(places, np.full(len(places), 0.8), colours)
