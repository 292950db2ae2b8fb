"""The overview picture of a run: a projection, a slice, the atoms, the largest network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError
from aet_port.core.files import write_whole
from aet_port.core.geometry import euler_rotation

BACKGROUND = "#0b0f19"
TEXT = "#e6e9f0"
FAINT = "#9aa3b5"
NETWORK_COLOUR = (1.0, 0.68, 0.20)
STICK_COLOUR = (0.93, 0.90, 0.84)
GHOST_COLOUR = (0.42, 0.50, 0.64)
VIEW = (18.0, 24.0, -62.0)  # Euler angles of the camera, degrees
RENDER_PIXELS = 1200
LIGHT = np.array([-0.42, 0.55, 0.72]) / np.linalg.norm([-0.42, 0.55, 0.72])
BOND_REACH = 1.3  # times the typical nearest distance: the first shell without its outer edge


def write_overview(
    path: str | Path,
    series: TiltSeries,
    volume: Volume,
    model: AtomicModel,
    network_atoms: ArrayLike,
    title: str,
    network_edges: ArrayLike | None = None,
) -> Path:
    """Write one picture of a whole run, four panels side by side.

    Parameters
    ----------
    path
        File to write; its suffix (usually .png) determines the format.
    series
        Tilt series, of which the projection nearest to zero tilt is shown.
    volume
        Volume, of which the central slice perpendicular to z is shown.
    model
        Atoms, drawn as shaded balls in the colours of their elements.
    network_atoms
        Shape (k,): atom indices of the largest network of pentagonal bipyramids; may be empty.
    title
        Title above the panels.
    network_edges
        Shape (m, 2): pairs of atom indices to join by sticks; unless given, the pairs of network
        atoms within 1.3 times the typical nearest distance.

    Returns
    -------
    The path written.

    Raises
    ------
    InputError
        If an index of the network is not in the model.
    OutputError
        If the file can't be written; no partial file is left.

    Notes
    -----
    MATLAB: none
    """
    network = _rows("network_atoms", network_atoms, len(model)).reshape(-1)
    if network_edges is None:
        edges = _near_pairs(model.positions, network)
    else:
        edges = _rows("network_edges", network_edges, len(model)).reshape(-1, 2)

    figure = Figure(figsize=(16.0, 4.9), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 4)
    figure.subplots_adjust(left=0.008, right=0.992, bottom=0.09, top=0.885, wspace=0.02)
    figure.text(0.5, 0.945, title, color=TEXT, fontsize=17, ha="center", va="center", weight="bold")

    middle = int(np.argmin(np.abs(series.angles[:, 1])))
    image = series.images[middle]
    tilt = float(series.angles[middle, 1])
    _show_map(panels[0], image, series.pixel_size, "gray")
    _caption(panels[0], f"projection at {tilt:.1f}°, one of {len(series)}".replace("-0.0", "0.0"))

    depth = volume.shape[2] // 2
    _show_map(panels[1], np.maximum(volume.array[:, :, depth], 0), volume.voxel_size, "inferno")
    _caption(panels[1], "slice through the reconstruction")

    turned = (model.positions - model.positions.mean(axis=0)) @ euler_rotation(*VIEW).T
    numbers = model.atoms.numbers
    radii = 0.75 * covalent_radii[numbers]
    half = float(np.abs(turned[:, :2]).max() + radii.max() + 1.0)
    balls = render_balls(turned, radii, jmol_colors[numbers], half, RENDER_PIXELS)
    _show_render(panels[2], [balls], half)
    kinds = ", ".join(sorted(set(model.species)))
    _caption(panels[2], f"{len(model):,} {kinds} atoms traced")

    layers = []
    others = np.setdiff1d(np.arange(len(model)), network)
    if len(others):
        ghosts = render_balls(
            turned[others],
            np.full(len(others), 0.42),
            np.tile(GHOST_COLOUR, (len(others), 1)),
            half,
            RENDER_PIXELS,
        )
        ghosts[..., 3] *= 0.7
        layers.append(ghosts)
    if len(network):
        points, sizes, colours = _balls_and_sticks(turned, radii, network, edges)
        layers.append(render_balls(points, sizes, colours, half, RENDER_PIXELS))
        words = f"largest bipyramid network: {len(network)} atoms"
    else:
        words = "no network of pentagonal bipyramids"
    _show_render(panels[3], layers, half)
    _caption(panels[3], words)

    # No software version in the file, so that the same run gives an identical file.
    facts: dict[str, None] | None = {"Software": None} if Path(path).suffix == ".png" else None
    return write_whole(
        path, lambda part: figure.savefig(part, dpi=150, facecolor=BACKGROUND, metadata=facts)
    )


def render_balls(
    points: NDArray[np.float64],
    radii: NDArray[np.float64],
    colours: NDArray[np.float64],
    half: float,
    pixels: int,
) -> NDArray[np.float64]:
    """Render lit balls with depth fading, seen along -z, by a depth buffer.

    Parameters
    ----------
    points
        Shape (n, 3), angstrom; x points right, y up, z towards the viewer.
    radii
        Shape (n,), angstrom.
    colours
        Shape (n, 3), red, green, blue in 0..1.
    half
        Distance from the centre of the picture to its edge, angstrom.
    pixels
        Number of pixels along each side.

    Returns
    -------
    Shape (pixels, pixels, 4), the first row on top; alpha 0 where empty.

    Notes
    -----
    MATLAB: none
    """
    scale = pixels / (2 * half)
    depth = np.full((pixels, pixels), -np.inf)
    picture = np.zeros((pixels, pixels, 4))
    nearest, farthest = float((points[:, 2] + radii).max()), float((points[:, 2] - radii).min())
    halfway = LIGHT + np.array([0.0, 0.0, 1.0])
    halfway /= np.linalg.norm(halfway)
    for point, radius, colour in zip(points, radii, colours, strict=True):
        column, row = (point[0] + half) * scale, (half - point[1]) * scale
        reach = radius * scale
        left, right = max(0, int(column - reach)), min(pixels, int(column + reach) + 2)
        top, bottom = max(0, int(row - reach)), min(pixels, int(row + reach) + 2)
        if left >= right or top >= bottom:
            continue
        x = (np.arange(left, right) + 0.5 - column) / reach
        y = (row - np.arange(top, bottom) - 0.5) / reach
        square = x[None, :] ** 2 + y[:, None] ** 2
        z = np.sqrt(np.maximum(0.0, 1.0 - square))
        height = point[2] + radius * z
        seen = (square < 1.0) & (height > depth[top:bottom, left:right])
        if not seen.any():
            continue
        lit = np.maximum(0.0, LIGHT[0] * x[None, :] + LIGHT[1] * y[:, None] + LIGHT[2] * z)
        shine = halfway[0] * x[None, :] + halfway[1] * y[:, None] + halfway[2] * z
        bright = 0.22 + 0.78 * lit
        # The rim is darkened to separate touching balls of the same colour.
        bright *= 0.35 + 0.65 * np.minimum(1.0, 2.2 * z)
        fade = 0.30 + 0.70 * (point[2] + radius - farthest) / (nearest - farthest)
        shade = bright[..., None] * colour + 0.45 * np.maximum(0.0, shine)[..., None] ** 40
        window = picture[top:bottom, left:right]
        window[seen, :3] = np.minimum(1.0, fade * shade[seen])
        window[seen, 3] = 1.0
        depth[top:bottom, left:right][seen] = height[seen]
    return picture


def _rows(name: str, values: ArrayLike, count: int) -> NDArray[np.int64]:
    table = np.asarray(values)
    if table.size == 0:
        return np.zeros(0, dtype=np.int64)
    if not np.issubdtype(table.dtype, np.integer) or table.min() < 0 or table.max() >= count:
        raise InputError(
            name, f"rows from {table.min()} to {table.max()}", f"whole numbers below {count}"
        )
    return table.astype(np.int64)


def _near_pairs(positions: NDArray[np.float64], network: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(network) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    tree = cKDTree(positions[network])
    usual = float(np.median(tree.query(positions[network], k=2)[0][:, 1]))
    return network[tree.query_pairs(BOND_REACH * usual, output_type="ndarray")].reshape(-1, 2)


def _balls_and_sticks(
    turned: NDArray[np.float64],
    radii: NDArray[np.float64],
    network: NDArray[np.int64],
    edges: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Balls of the network and, for each edge, a row of small balls that looks like a stick."""
    along = np.linspace(0.0, 1.0, 28)[:, None]
    points, sizes, colours = (
        [turned[network]],
        [0.62 * radii[network]],
        [np.tile(NETWORK_COLOUR, (len(network), 1))],
    )
    for a, b in edges:
        stick = turned[a] + along * (turned[b] - turned[a])
        points.append(stick)
        sizes.append(np.full(len(stick), 0.17))
        colours.append(np.tile(STICK_COLOUR, (len(stick), 1)))
    return np.concatenate(points), np.concatenate(sizes), np.concatenate(colours)


def _show_map(axes: Axes, array: NDArray, pixel_size: float, colours: str) -> None:
    """An image with x to the right and y up, black below zero, and a scale bar of 1 nm."""
    nx, ny = array.shape
    side = max(nx, ny)
    top = float(np.percentile(array, 99.7))
    axes.imshow(
        array.T,
        origin="lower",
        cmap=colours,
        vmin=0.0,
        vmax=top if top > 0 else 1.0,
        interpolation="bicubic",
        extent=(-nx / 2, nx / 2, -ny / 2, ny / 2),
    )
    _frame(axes, side / 2, 10.0 / pixel_size)


def _show_render(axes: Axes, layers: list[NDArray[np.float64]], half: float) -> None:
    for layer in layers:
        axes.imshow(
            np.clip(layer, 0, 1), extent=(-half, half, -half, half), interpolation="antialiased"
        )
    _frame(axes, half, 10.0)


def _frame(axes: Axes, half: float, nanometre: float) -> None:
    axes.set_xlim(-half, half)
    axes.set_ylim(-half, half)
    axes.set_aspect("equal")
    axes.set_facecolor("black")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#2a3245")
    left, low = -0.93 * half, -0.92 * half
    axes.plot([left, left + nanometre], [low, low], color=TEXT, linewidth=3, solid_capstyle="butt")
    axes.text(
        left + nanometre / 2,
        low + 0.03 * half,
        "1 nm",
        color=TEXT,
        fontsize=10,
        ha="center",
        va="bottom",
    )


def _caption(axes: Axes, words: str) -> None:
    axes.set_xlabel(words, color=FAINT, fontsize=13, labelpad=7)
