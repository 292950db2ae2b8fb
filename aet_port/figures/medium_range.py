"""Networks of medium-range order: along zone axes, where they lie, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
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
from aet_port.structure.medium_range.assignment import Network
from aet_port.structure.medium_range.correction import MediumRangeOrder
from aet_port.structure.medium_range.lattices import site_bonds
from aet_port.structure.medium_range.shapes import network_shapes
from aet_port.structure.structure_result import StructureResult

LARGE = 8  # centres of a network on the map
COLOURS = {
    "fcc": "#0072b2",
    "hcp": "#d55e00",
    "bcc": "#009e73",
    "sc": "#cc79a7",
    "icosahedral": "#e69f00",
}
CUBIC = {"[001]": (0, 0, 1), "[110]": (1, 1, 0), "[111]": (1, 1, 1)}
# The first axis of the lattice lies along x.
ZONES: dict[str, dict[str, tuple[int, int, int]]] = {
    "fcc": CUBIC,
    "hcp": {"[0001]": (0, 0, 1), "[11-20]": (1, 0, 0), "[1-100]": (0, 1, 0)},
    "bcc": CUBIC,
    "sc": CUBIC,
}
GREY = "#b9bfc8"
MARGIN = 2.0  # angstrom around a drawing
BIN = 0.05  # of the sphericity


def write_medium_range_figures(
    found: StructureResult, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write the figures of the networks, if the medium-range order was analysed.

    ``mro_zone_axes``: the largest network of each lattice along its zone axes (glass paper,
    Fig. 5); ``mro_map``: all networks of eight and more centres; ``mro_shapes``: sphericity, and
    volume of the convex hull against the number of centres.

    Parameters
    ----------
    found
        Result of :func:`aet_port.structure.analyze`.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.

    Notes
    -----
    MATLAB: none
    """
    if found.solutes is None or not len(found.solutes.found):
        return []
    return write_network_figures(found.solutes.found, folder, form)


def write_network_figures(
    order: MediumRangeOrder, folder: str | Path, form: str = "png"
) -> list[Path]:
    """As :func:`write_medium_range_figures`, of networks found by ``find_mro``.

    Parameters
    ----------
    order
        At least one network.
    folder, form
        As there.

    Returns
    -------
    The files written.

    Notes
    -----
    MATLAB: none
    """
    return draw.save_figures(network_drawings(order), folder, form)


def network_drawings(order: MediumRangeOrder) -> dict[str, draw.Drawing]:
    """Drawing and size in inches of each figure for which there are networks.

    Parameters
    ----------
    order
        The networks.

    Returns
    -------
    By the names of :func:`write_medium_range_figures`.
    """
    figures: dict[str, draw.Drawing] = {}
    lattices = [name for name in order.types if name in ZONES and order.chosen(name)]
    if lattices:
        size = (7.5, 2.5 * len(lattices))
        figures["mro_zone_axes"] = (partial(_zone_panels, order=order, lattices=lattices), size)
    if order.chosen(least=LARGE):
        figures["mro_map"] = (partial(_map_panels, order=order), (10.5, 3.9))
    if np.isfinite(network_shapes(order.chosen()).sphericity).any():
        figures["mro_shapes"] = (partial(_shape_panels, order=order), (8.4, 3.6))
    return figures


@checked
def draw_zone_axis(axes: Axes, network: Network, zone: Sequence[float]) -> None:
    """Draw a network along a direction of its lattice: centres, sites and bonds of sites.

    Parameters
    ----------
    axes
        Axes to draw on.
    network
        The network, with its fitted lattice.
    zone
        Direction (3,) in the axes of the lattice: cubic axes, or in hcp x along the shortest
        vector within a layer and z along c.

    Raises
    ------
    InputError
        For a direction that is not three finite numbers, or zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from aet_port.structure.medium_range.correction import find_mro
    >>> cube = 4.5 * np.argwhere(np.ones((2, 2, 2)))
    >>> (network,) = find_mro(cube, types=("sc",)).networks
    >>> axes = Figure().subplots()
    >>> draw_zone_axis(axes, network, [0, 0, 1])
    >>> axes.get_xlabel()
    'angstrom'
    """
    along = np.asarray(zone, dtype=np.float64)
    if along.shape != (3,) or not np.isfinite(along).all() or not along.any():
        raise InputError("zone", f"{zone!r}", "three numbers that aren't all zero")
    across = _plane(along)
    centres = (network.positions - network.positions.mean(axis=0)) @ network.orientation
    sites = network.lattice_constant * (network.sites - network.sites.mean(axis=0))
    flat, ideal = centres @ across.T, sites @ across.T
    first, second = np.nonzero(np.triu(site_bonds(network.sites, network.lattice)))
    bonds = list(np.stack([ideal[first], ideal[second]], axis=1))
    axes.add_collection(LineCollection(bonds, colors=GREY, linewidths=0.8, zorder=1))
    axes.scatter(
        ideal[:, 0],
        ideal[:, 1],
        s=60,
        facecolors="none",
        edgecolors="#30343b",
        linewidths=0.8,
        zorder=2,
    )
    depth = centres @ (along / np.linalg.norm(along))
    order = np.argsort(depth, kind="stable")
    axes.scatter(
        flat[order, 0], flat[order, 1], s=22, color=COLOURS.get(network.lattice, GREY), zorder=3
    )
    reach = float(np.abs(np.concatenate([flat, ideal])).max()) + MARGIN
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="angstrom")


def _plane(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two directions (2, 3) at right angles to one, the first along a near axis of the lattice."""
    unit = along / np.linalg.norm(along)
    helper = np.eye(3)[int(np.argmin(np.abs(unit)))]
    one = helper - (helper @ unit) * unit
    one /= np.linalg.norm(one)
    return np.stack([one, np.cross(unit, one)])


def _panels(axes: Axes, rows: int, columns: int) -> NDArray[np.object_]:
    """Several axes in the place of one."""
    figure = axes.figure
    axes.remove()
    found: NDArray[np.object_] = figure.subplots(rows, columns, squeeze=False)
    return found


def _zone_panels(axes: Axes, order: MediumRangeOrder, lattices: Sequence[str]) -> None:
    for row, name in zip(_panels(axes, len(lattices), 3), lattices, strict=True):
        largest = order.chosen(name)[0]
        for panel, (words, zone) in zip(row, ZONES[name].items(), strict=True):
            draw_zone_axis(panel, largest, zone)
            panel.set_title(f"{name} {words}, {len(largest)} centres", fontsize=9)
            panel.tick_params(labelsize=7)
            panel.set_xlabel("angstrom", fontsize=8)


def _map_panels(axes: Axes, order: MediumRangeOrder) -> None:
    large = order.chosen(least=LARGE)
    small = [n.positions for n in order.networks if len(n) < LARGE]
    for panel, (across, up) in zip(_panels(axes, 1, 3)[0], ((0, 1), (0, 2), (1, 2)), strict=True):
        if small:
            faint = np.concatenate(small)
            panel.scatter(faint[:, across], faint[:, up], s=2, color=GREY, linewidths=0)
        for network in large:
            places = network.positions[:, [across, up]]
            first, second = np.nonzero(np.triu(site_bonds(network.sites, network.lattice)))
            colour = COLOURS.get(network.lattice, GREY)
            lines = list(np.stack([places[first], places[second]], axis=1))
            panel.add_collection(LineCollection(lines, colors=colour, linewidths=0.9, alpha=0.8))
            panel.scatter(places[:, 0], places[:, 1], s=7, color=colour, linewidths=0)
        panel.set(xlabel=f"{'xyz'[across]} (angstrom)", ylabel=f"{'xyz'[up]} (angstrom)")
        panel.set_aspect("equal")
    names = [name for name in order.types if order.chosen(name, LARGE)]
    marks = [
        Line2D([], [], color=COLOURS.get(name, GREY), marker="o", markersize=3,
               label=f"{name} ({len(order.chosen(name, LARGE))})")
        for name in names
    ]  # fmt: skip
    panel.legend(handles=marks, fontsize=7, title=f"{LARGE} centres and more", title_fontsize=7)


def _shape_panels(axes: Axes, order: MediumRangeOrder) -> None:
    left, right = _panels(axes, 1, 2)[0]
    spheres = {}
    for name in order.types:
        shapes = network_shapes(order.chosen(name))
        solid = np.isfinite(shapes.sphericity)
        if solid.any():
            spheres[name] = shapes.sphericity[solid]
            size = np.array([len(n) for n in order.chosen(name)])[solid]
            colour = COLOURS.get(name, GREY)
            right.scatter(size, shapes.volume[solid] / 1000, s=14, color=colour, label=name)
    draw.histograms(left, spheres, BIN, "sphericity of the convex hull", "probability density")
    right.set(xlabel="solute centres in a network", ylabel="volume of the convex hull (nm$^3$)")
    right.legend(frameon=False, fontsize=8)
