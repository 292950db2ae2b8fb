"""Single plots on Matplotlib axes: a projection, a slice, the atoms of a model.

These functions are the ``plot`` methods of the data types.
"""

from __future__ import annotations

from typing import Literal

import ase
import matplotlib.pyplot as plt
import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.geometry import centre, euler_rotation
from aet_port.figures.overview import VIEW, render_balls
from aet_port.structure.bonds.chemical_maps import ChemicalMap
from aet_port.structure.pairs.density import DensityMap

Axis = Literal["x", "y", "z"]
MODEL_PIXELS = 600


def new_axes(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def plot_tilt_series(
    series: TiltSeries, ax: Axes | None = None, *, index: int | None = None
) -> Axes:
    """Plot one projection of a tilt series, x to the right and y upwards, in angstrom.

    Parameters
    ----------
    series
        The projections.
    ax
        Axes to draw on; those of a new figure unless given.
    index
        Number of the projection, from 0; the one nearest to zero tilt unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a projection that does not exist.

    Examples
    --------
    >>> series = TiltSeries(np.ones((3, 32, 24)), [-30, 0, 30], pixel_size=0.35)
    >>> series.plot().get_title()
    'projection 1 of 3 at 0.0 degrees'
    """
    nearest = int(np.argmin(np.abs(series.angles[:, 1])))
    chosen = nearest if index is None else check_index("projection", index, len(series))
    theta = float(series.angles[chosen, 1]) + 0.0  # avoid negative zero
    axes = _image(ax, series.images[chosen], _extent(series.detector, series.pixel_size))
    axes.set_title(f"projection {chosen} of {len(series)} at {theta:.1f} degrees")
    return axes


def plot_frames(
    frames: FrameSeries, ax: Axes | None = None, *, tilt: int | None = None, frame: int = 0
) -> Axes:
    """Plot one raw frame, x to the right and y upwards, in angstrom.

    Parameters
    ----------
    frames
        The frames.
    ax
        Axes to draw on; those of a new figure unless given.
    tilt
        Number of the tilt, from 0; the middle one unless given.
    frame
        Number of the frame of that tilt, from 0.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a tilt or frame that does not exist.

    Examples
    --------
    >>> frames = FrameSeries((np.ones((2, 32, 24)),), None, pixel_size=0.35)
    >>> frames.plot().get_title()
    'frame 0 of 2 of tilt 0'
    """
    chosen = len(frames) // 2 if tilt is None else check_index("tilt", tilt, len(frames))
    stack = frames.frames[chosen]
    one = check_index("frame", frame, len(stack))
    nx, ny = stack.shape[1:]
    axes = _image(ax, stack[one], _extent((nx, ny), frames.pixel_size))
    axes.set_title(f"frame {one} of {len(stack)} of tilt {chosen}")
    return axes


def plot_volume(
    volume: Volume, ax: Axes | None = None, *, axis: Axis = "z", index: int | None = None
) -> Axes:
    """Plot one slice of a volume perpendicular to an axis, in angstrom.

    Parameters
    ----------
    volume
        The volume.
    ax
        Axes to draw on; those of a new figure unless given.
    axis
        Normal of the slice: ``"x"``, ``"y"`` or ``"z"``.
    index
        Number of the slice, from 0; the one through the rotation centre of the grid unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For another axis, or a slice that does not exist.

    Examples
    --------
    >>> volume = Volume(np.zeros((9, 9, 9)), voxel_size=0.5)
    >>> volume.plot(axis="x", index=5).get_title()
    'slice at x = 0.50 angstrom'
    """
    if axis not in ("x", "y", "z"):
        raise InputError("axis", repr(axis), "'x', 'y' or 'z'")
    k = "xyz".index(axis)
    middle = centre(volume.shape[k])
    chosen = middle if index is None else check_index("slice", index, volume.shape[k])
    origin = np.asarray(volume.origin)
    across, up = (i for i in range(3) if i != k)
    half = volume.voxel_size / 2
    sides = [
        (origin[i] - half, origin[i] + (volume.shape[i] - 0.5) * volume.voxel_size)
        for i in (across, up)
    ]
    axes = _image(ax, np.take(volume.array, chosen, axis=k), (*sides[0], *sides[1]))
    axes.set(xlabel=f"{'xyz'[across]} (angstrom)", ylabel=f"{'xyz'[up]} (angstrom)")
    axes.set_title(f"slice at {axis} = {origin[k] + chosen * volume.voxel_size:.2f} angstrom")
    return axes


def plot_density_map(
    density: DensityMap, ax: Axes | None = None, *, index: int | None = None
) -> Axes:
    """Plot one slice of a density map along its third dimension, in voxels.

    Parameters
    ----------
    density
        The map.
    ax
        Axes to draw on; those of a new figure unless given.
    index
        Number of the slice, from 0; the middle one unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a slice that does not exist.
    """
    number = density.values.shape[2]
    chosen = number // 2 if index is None else check_index("slice", index, number)
    axes = new_axes(ax)
    shown = axes.imshow(density.values[:, :, chosen].T, origin="lower", cmap="viridis")
    axes.figure.colorbar(shown, ax=axes, label="density (g/cm$^3$)")
    axes.set(xlabel="first axis (voxels)", ylabel="second axis (voxels)")
    axes.set_title(f"slice {chosen} of {number}")
    return axes


def plot_chemical_map(
    order: ChemicalMap, ax: Axes | None = None, *, pair: str | None = None, index: int | None = None
) -> Axes:
    """Plot one slice of a map of local Warren-Cowley parameters, in angstrom.

    Parameters
    ----------
    order
        The maps.
    ax
        Axes to draw on; those of a new figure unless given.
    pair
        Such as ``"Co-Ni"``; the first and the last group unless given.
    index
        Number of the slice along the third dimension, from 0; the middle one unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a pair or slice that does not exist.
    """
    chosen_pair = "-".join((order.names[0], order.names[-1])) if pair is None else pair
    values = order.of(chosen_pair)
    number = values.shape[2]
    chosen = number // 2 if index is None else check_index("slice", index, number)
    plane = values[:, :, chosen]
    reach = max(float(np.abs(plane[np.isfinite(plane)]).max(initial=0.0)), 1e-6)
    low = order.origin - order.voxel_size / 2
    high = low + order.voxel_size * np.array(values.shape)
    axes = new_axes(ax)
    shown = axes.imshow(
        plane.T,
        origin="lower",
        cmap="RdBu_r",
        vmin=-reach,
        vmax=reach,
        extent=(low[0], high[0], low[1], high[1]),
    )
    axes.figure.colorbar(shown, ax=axes, label=f"Warren-Cowley parameter {chosen_pair}")
    axes.set(xlabel="x (angstrom)", ylabel="y (angstrom)")
    axes.set_title(f"z = {order.origin[2] + chosen * order.voxel_size:.1f} angstrom")
    return axes


def plot_model(
    model: AtomicModel | ase.Atoms,
    ax: Axes | None = None,
    *,
    view: tuple[float, float, float] = VIEW,
) -> Axes:
    """Plot the atoms of a model as shaded balls in the colours of their elements, in angstrom.

    Parameters
    ----------
    model
        The atoms.
    ax
        Axes to draw on; those of a new figure unless given.
    view
        Euler angles phi, theta, psi of the camera, degrees; (0, 0, 0) looks along -z, with x to
        the right and y upwards.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> model = AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], ["Ta", "Pd"], name="pair")
    >>> model.plot(view=(0, 0, 0)).get_title()
    '2 atoms: Pd, Ta'
    """
    model = as_model(model)
    turned = (model.positions - model.positions.mean(axis=0)) @ euler_rotation(*view).T
    numbers = model.atoms.numbers
    radii = 0.75 * covalent_radii[numbers]
    half = float(np.abs(turned[:, :2]).max() + radii.max() + 1.0)
    balls = render_balls(turned, radii, jmol_colors[numbers], half, MODEL_PIXELS)
    axes = new_axes(ax)
    axes.imshow(np.clip(balls, 0, 1), extent=(-half, half, -half, half))
    axes.set(xlabel="angstrom", ylabel="angstrom")
    axes.set_title(f"{len(model)} atoms: {', '.join(sorted(set(model.species)))}")
    return axes


def check_index(name: str, index: int, number: int) -> int:
    """Check an index into ``number`` items, counted from the end if negative.

    Raises
    ------
    InputError
        If it is out of range.
    """
    if not isinstance(index, int | np.integer) or not -number <= index < number:
        raise InputError(name, repr(index), f"0 to {number - 1}")
    return int(index) % number


def _extent(pixels: tuple[int, int], size: float) -> tuple[float, float, float, float]:
    """Edges of an image in angstrom, with its centre pixel at zero."""
    (left, right), (bottom, top) = (
        ((-centre(n) - 0.5) * size, (n - centre(n) - 0.5) * size) for n in pixels
    )
    return left, right, bottom, top


def _image(ax: Axes | None, image: NDArray, extent: tuple[float, float, float, float]) -> Axes:
    axes = new_axes(ax)
    shown = axes.imshow(
        np.asarray(image, dtype=np.float64).T, origin="lower", cmap="gray", extent=extent
    )
    axes.figure.colorbar(shown, ax=axes, label="intensity")
    axes.set(xlabel="x (angstrom)", ylabel="y (angstrom)")
    return axes
