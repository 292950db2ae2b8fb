"""Charts and pictures of a report as ``data:`` addresses, embedded in the page."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.ndimage import zoom

from aet_port.figures import styles as draw
from aet_port.figures.medium_range import network_drawings
from aet_port.figures.packing import NAMES
from aet_port.reporting.content import Convergence, Structure
from aet_port.structure.bonds.orientational import SHELLS, lattice_order

SQUARE, WIDE = (4.6, 4.0), (6.2, 3.6)  # inches
PIXELS = 360  # longest side of a picture; larger images are scaled down
NEAREST = 240  # smallest longest side; smaller images are scaled up


def chart(name: str, drawing: Callable[[Axes], None], size: tuple[float, float] = WIDE) -> str:
    """A chart as the ``data:`` address of an SVG picture.

    Parameters
    ----------
    name
        Seed of the ids in the picture; equal names and drawings give equal bytes.
    drawing
        Called with the axes.
    size
        Inches.
    """
    with tempfile.TemporaryDirectory(prefix="aet-report-") as folder:
        path = draw.save_figure(Path(folder) / f"{name}.svg", drawing, size)
        return f"data:image/svg+xml;base64,{b64encode(path.read_bytes()).decode()}"


def structure_charts(structure: Structure) -> dict[str, str]:
    """The charts of an analysis by name, those without data left out.

    The names are ``pdf``, ``partial_pdf``, ``boo``, ``voronoi``, ``motifs``, ``networks``,
    ``orders``, and those of :func:`aet_port.figures.medium_range.network_drawings`.

    MATLAB: none
    """
    drawings: dict[str, tuple[Callable[[Axes], None], tuple[float, float]]] = {}
    if structure.pdf is not None:
        r, g = structure.pdf
        curves: dict[str, ArrayLike] = {"all atoms": g}
        drawings["pdf"] = (partial(draw.pair_distributions, r=r, curves=curves), WIDE)
    if structure.partial is not None:
        r, parts = structure.partial
        spacing = 1.5 if len(parts) > 2 else 0.0
        # Of one species the only pair is that of all atoms again.
        shown = dict(list(parts.items())[:1]) if len(parts) == 2 else parts
        drawings["partial_pdf"] = (
            partial(draw.pair_distributions, r=r, curves=shown, spacing=spacing),
            (WIDE[0], 6.0) if spacing else WIDE,
        )
    if structure.q4 is not None and structure.q6 is not None:
        lattices = {name: lattice_order(name) for name in SHELLS}
        drawings["boo"] = (
            partial(draw.bond_order_map, q4=structure.q4, q6=structure.q6, references=lattices),
            SQUARE,
        )
    if structure.voronoi:
        top = {index_name(index): 100 * share for index, _, share in structure.voronoi}
        drawings["voronoi"] = (partial(draw.bars, fractions=top, ylabel="atoms (%)"), WIDE)
    if any(structure.motifs.values()):
        motifs = {NAMES[fold]: float(n) for fold, n in structure.motifs.items()}
        drawings["motifs"] = (partial(draw.bars, fractions=motifs, ylabel="motifs"), WIDE)
    sizes: dict[str, ArrayLike] = {
        NAMES[fold]: table[:, 0].astype(np.int64)
        for fold, table in structure.networks.items()
        if len(table)
    }
    if sizes:
        drawings["networks"] = (_sizes(sizes, "bipyramids in a network"), WIDE)
    if structure.orders:
        by_lattice: dict[str, ArrayLike] = {
            lattice: np.array([n for _, name, n, *_ in structure.orders if name == lattice])
            for lattice in dict.fromkeys(row[1] for row in structure.orders)
        }
        drawings["orders"] = (_sizes(by_lattice, "solute centres in a network"), WIDE)
    if structure.centres is not None:
        drawings |= network_drawings(structure.centres)
    return {name: chart(name, drawing, size) for name, (drawing, size) in drawings.items()}


def _sizes(values: Mapping[str, ArrayLike], xlabel: str) -> Callable[[Axes], None]:
    return partial(draw.sizes, values=values, xlabel=xlabel, ylabel="networks")


def index_name(index: tuple[int, ...]) -> str:
    """A Voronoi index as the papers write it."""
    return "<" + ",".join(map(str, index)) + ">"


def convergence_charts(found: Convergence) -> dict[str, str]:
    """R1 against iteration (``history``) and against tilt angle (``tilts``), where known."""
    charts = {}
    if found.history is not None:
        charts["history"] = chart("history", partial(_history, values=100 * found.history))
    if len(found.tilt):
        charts["tilts"] = chart("tilts", partial(_tilts, tilt=found.tilt, values=found.r1))
    return charts


def _history(axes: Axes, values: NDArray[np.float64]) -> None:
    axes.plot(np.arange(1, len(values) + 1), values, color=draw.BLUE)
    axes.set(xlabel="iteration", ylabel="mean R1 (%)", yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")


def _tilts(
    axes: Axes, tilt: NDArray[np.float64], values: Mapping[str, NDArray[np.float64]]
) -> None:
    order = np.argsort(tilt, kind="stable")
    for name, r1 in values.items():
        axes.plot(tilt[order], 100 * r1[order], "o-", markersize=3, label=name)
    axes.set(xlabel="tilt angle (degrees)", ylabel="R1 (%)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)


def picture(array: NDArray, lowest: float, highest: float, colours: str = "gray") -> str:
    """An image as the ``data:`` address of a PNG picture, x to the right and y up.

    Parameters
    ----------
    array
        Shape (nx, ny).
    lowest, highest
        Values of the first and the last colour of the colour map.
    colours
        Name of a Matplotlib colour map.
    """
    values = np.asarray(array, dtype=np.float64)
    largest = max(values.shape)
    if largest > PIXELS:
        values = zoom(values, PIXELS / largest, order=1)
    elif largest < NEAREST:
        values = zoom(values, NEAREST / largest, order=1)
    reach = highest - lowest if highest > lowest else 1.0
    shades = np.clip(255 * (values - lowest) / reach, 0, 255).round().astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades.T[::-1]))
    # One byte per pixel and a palette: a third of the size of RGB.
    image.putpalette((colormaps[colours](np.arange(256))[:, :3] * 255).astype(np.uint8).tobytes())
    return _png(image)


def still(pixels: NDArray[np.float64]) -> str:
    """A rendered picture on white as the ``data:`` address of a PNG picture.

    Parameters
    ----------
    pixels
        Shape (rows, columns, 4): red, green, blue and opacity in 0..1.
    """
    opacity = pixels[..., 3:]
    flat = 255 * (pixels[..., :3] * opacity + 1 - opacity)
    image = Image.fromarray(np.clip(flat, 0, 255).astype(np.uint8))
    return _png(image.quantize(256))


def _png(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
