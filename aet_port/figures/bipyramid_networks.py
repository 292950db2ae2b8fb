"""A picture of a model's largest networks of bipyramids, rendered without a display."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.core.files import write_whole
from aet_port.core.geometry import euler_rotation
from aet_port.figures.overview import BACKGROUND, GHOST_COLOUR, TEXT, VIEW, render_balls
from aet_port.structure.neighbours import periodic_images
from aet_port.structure.structure_result import StructureResult
from aet_port.structure.voronoi.tetrahedron_shapes import EDGES

# Orange, sky blue, green, vermilion, purple, ...: distinguishable with colour blindness.
COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (204, 121, 167), (240, 228, 66)]
) / 255  # fmt: skip
ATOM, STICK, GHOST = 0.75, 0.2, 0.42  # angstrom, radii
ALONG = np.linspace(0.0, 1.0, 24)[:, None]


def draw_networks(
    path: str | Path,
    atoms: ase.Atoms,
    structure: StructureResult,
    *,
    fold: int = 5,
    number: int = 5,
    pixels: int = 1600,
) -> Path:
    """Draw the ``number`` largest networks in colours among the other atoms.

    Atoms of a network are drawn as balls, the edges of its bipyramids as sticks. A network that
    crosses the face of a periodic cell is drawn on both sides.

    Parameters
    ----------
    path
        File to write, ``.png``.
    structure
        Result of :func:`aet_port.structure.analyze` for these atoms.
    fold
        Fold of the bipyramids: 4, 5 or 6.
    pixels
        Number of pixels along each side.

    Raises
    ------
    InputError
        For a fold without networks in ``structure``, numbers out of range, or another suffix.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"picture {target}", repr(target.suffix), "a name ending in .png")
    if fold not in structure.networks:
        known = ", ".join(map(str, structure.networks))
        raise InputError("fold", f"{fold!r}", f"one of {known}")
    for name, value, most in (("networks", number, 1000), ("pixels", pixels, 8000)):
        if not 1 <= value <= most:
            raise InputError(name, f"{value!r}", f"1 to {most}")
    points, radii, colours = network_scene(atoms, structure, fold, number)
    turned = points @ euler_rotation(*VIEW).T
    turned -= (turned.min(axis=0) + turned.max(axis=0)) / 2
    half = float(np.abs(turned[:, :2]).max() + 1.5)
    picture = render_balls(turned, radii, colours, half, pixels)
    figure = Figure(figsize=(8, 8), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(np.clip(picture, 0, 1), interpolation="antialiased")
    sizes = structure.networks[fold].size[:number].tolist()
    words = f"networks of {fold}-fold bipyramids: " + (", ".join(map(str, sizes)) or "none")
    figure.text(0.03, 0.03, words, color=TEXT, fontsize=13)
    return write_whole(
        target,
        lambda part: figure.savefig(
            part, dpi=pixels / 8, facecolor=BACKGROUND, metadata={"Software": None}
        ),
    )


def network_scene(
    atoms: ase.Atoms, structure: StructureResult, fold: int, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places, radii and colours of all balls; sticks are rows of small ones."""
    networks, motifs, tetrahedra = (
        structure.networks[fold],
        structure.motifs,
        structure.tetrahedra,
    )
    places = periodic_images(atoms, 0.0).positions[: len(atoms)]
    shown = np.zeros(len(atoms), dtype=bool)
    parts = []
    for k in range(min(number, len(networks))):
        members = np.unique(motifs.tetrahedra[networks.motif[networks.label == k], :fold])
        vertices, corners = tetrahedra.vertices[members], tetrahedra.corners[members]
        shown[vertices] = True
        balls = np.unique(corners.reshape(-1, 3), axis=0)
        ends = corners[:, EDGES].reshape(-1, 6)
        pairs = vertices[:, EDGES].reshape(-1, 2)
        _, first = np.unique(pairs, axis=0, return_index=True)
        sticks = ends[first]
        along = sticks[:, None, :3] + ALONG * (sticks[:, None, 3:] - sticks[:, None, :3])
        colour = COLOURS[k % len(COLOURS)]
        parts.append((balls, ATOM, colour))
        parts.append((along.reshape(-1, 3), STICK, 0.5 + 0.5 * colour))
    parts.append((places[~shown], GHOST, np.array(GHOST_COLOUR)))
    return (
        np.concatenate([points for points, _, _ in parts]),
        np.concatenate([np.full(len(points), radius) for points, radius, _ in parts]),
        np.concatenate([np.tile(colour, (len(points), 1)) for points, _, colour in parts]),
    )
