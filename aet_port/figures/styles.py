"""Figures of the structure analysis, one per figure of the papers, drawn from plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.core.files import write_whole

FORMATS = ("png", "svg")
BLUE, ORANGE, GREY = "#2a5d9f", "#d97b29", "#8a8f98"
DPI = 150
Drawing = tuple[Callable[[Axes], None], tuple[float, float]]  # and its size in inches


def save_figure(path: str | Path, draw: Callable[[Axes], None], size: tuple[float, float]) -> Path:
    """Draw one set of axes and write it to a file; the suffix determines the format.

    Parameters
    ----------
    path
        File to write, ``.png`` or ``.svg``.
    draw
        Function called with the axes.
    size
        Width and height, inches.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none
    """
    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        raise InputError(f"figure {target}", repr(target.suffix), "a name ending in .png or .svg")
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    # Without a date and random names, equal figures give identical files.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": target.stem}):
        return write_whole(
            target, lambda partial: figure.savefig(partial, format=kind, dpi=DPI, metadata=metadata)
        )


def save_figures(
    figures: Mapping[str, Drawing],
    folder: str | Path,
    form: str,
) -> list[Path]:
    """Write several figures into a folder, each named by its key.

    Parameters
    ----------
    figures
        Drawing function and size in inches, by name.
    folder
        Folder for the figures; created if it does not exist.
    form
        ``"png"`` or ``"svg"``.

    Returns
    -------
    The files written, in the order of the figures.

    Raises
    ------
    InputError
        For another format.
    OutputError
        If a file can't be written.
    """
    if form not in FORMATS:
        raise InputError("figure format", repr(form), f"one of {', '.join(FORMATS)}")
    return [
        save_figure(Path(folder) / f"{name}.{form}", draw, size)
        for name, (draw, size) in figures.items()
    ]


def bond_order_map(
    axes: Axes,
    q4: ArrayLike,
    q6: ArrayLike,
    references: Mapping[str, tuple[float, float]],
    threshold: float = 0.5,
) -> None:
    """Histogram of (Q4, Q6) with the perfect lattices and the crystalline threshold.

    Fig. 1f of the glass paper, Fig. 1 of the film paper.

    Parameters
    ----------
    q4, q6
        Shape (n,); atoms with NaN are left out.
    references
        Q4 and Q6 of perfect lattices, by name; ``"fcc"`` scales the threshold.
    threshold
        Normalised order that separates crystalline from amorphous atoms.

    Notes
    -----
    MATLAB: 7_Data_analysis_sro/Main_1_pdf_and_boo_calculation_all_atoms.m (the plot)
    """
    x, y = np.asarray(q4, dtype=np.float64), np.asarray(q6, dtype=np.float64)
    defined = np.isfinite(x) & np.isfinite(y)
    edges = [np.linspace(0, 0.22, 56), np.linspace(0, 0.62, 63)]
    counts, *_ = np.histogram2d(x[defined], y[defined], edges)
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = axes.pcolormesh(*edges, shown, cmap="viridis", rasterized=True)
    axes.figure.colorbar(mesh, ax=axes, label="atoms")
    angle = np.linspace(0, np.pi / 2, 100)
    radius = threshold * np.hypot(*references["fcc"])
    axes.plot(radius * np.cos(angle), radius * np.sin(angle), "--", color="crimson")
    for name, (rx, ry) in references.items():
        axes.plot(rx, ry, "o", color="black")
        axes.annotate(name, (rx, ry), xytext=(4, 4), textcoords="offset points")
    axes.set(xlim=(0, 0.22), ylim=(0, 0.62), xlabel="$Q_4$", ylabel="$Q_6$")


def pair_distributions(
    axes: Axes,
    r: ArrayLike,
    curves: Mapping[str, ArrayLike],
    marks: Mapping[str, float] | None = None,
    spacing: float = 0.0,
) -> None:
    """Pair distribution functions in one plot.

    Fig. 1g of the glass paper and its partial ones; Fig. 2 of the film paper.

    Parameters
    ----------
    r
        Shape (n,), angstrom.
    curves
        By name, each of shape (n,).
    marks
        Distances to mark with a dashed line, by name, angstrom.
    spacing
        Vertical offset between successive curves.
    """
    for number, (name, curve) in enumerate(curves.items()):
        lifted = np.asarray(curve, dtype=np.float64) + number * spacing
        (line,) = axes.plot(np.asarray(r), lifted, label=name)
        if spacing:
            end = (float(np.max(r)), 1 + number * spacing)
            axes.annotate(
                name,
                end,
                xytext=(-4, 6),
                textcoords="offset points",
                ha="right",
                color=line.get_color(),
            )
    for name, distance in (marks or {}).items():
        axes.axvline(distance, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(name, (distance, axes.get_ylim()[1]), va="top", fontsize=8, rotation=90)
    axes.set(xlabel="r (angstrom)", ylabel="g(r)", xlim=(0, float(np.max(r))))
    if len(curves) > 1 and not spacing:
        axes.legend(frameon=False, fontsize=8)


def bars(axes: Axes, fractions: Mapping[str, float], ylabel: str) -> None:
    """One bar per name: Voronoi indices, faces, coordination numbers.

    Fig. 2a, 2c of the glass paper; Fig. 2 and Supp. Fig. 9 of the film paper.

    Parameters
    ----------
    fractions
        Height of the bar of each name, in order.
    """
    axes.bar(range(len(fractions)), list(fractions.values()), color=BLUE)
    axes.set_xticks(range(len(fractions)), list(fractions))
    if max((len(name) for name in fractions), default=0) > 4:
        axes.tick_params(axis="x", rotation=60)
    axes.set_ylabel(ylabel)


def bond_angles(axes: Axes, angle: ArrayLike, density: ArrayLike) -> None:
    """Distribution of bond angles. Supp. Fig. 11 of the film paper.

    Parameters
    ----------
    angle
        Shape (n,), degrees.
    density
        Shape (n,), per degree.
    """
    axes.plot(np.asarray(angle), np.asarray(density), color=BLUE)
    axes.set(xlabel="bond angle (degrees)", ylabel="probability density (1/degree)", xlim=(0, 180))


def interface(
    axes: Axes, distance: ArrayLike, order: ArrayLike, fitted: ArrayLike, width: float
) -> None:
    """Order against the distance to the surface of the nuclei, with the exponential fit.

    Supp. Fig. 22 of the film paper.

    Parameters
    ----------
    distance
        Shape (n,), angstrom, negative inside nuclei.
    order
        Shape (n,): mean normalised order at that distance.
    fitted
        Shape (n,): the fit; NaN where it was not fitted.
    width
        Width of the interface, angstrom.
    """
    x: NDArray[np.float64] = np.asarray(distance, dtype=np.float64)
    axes.plot(x, np.asarray(order), "o", color=BLUE, markersize=4)
    axes.plot(x, np.asarray(fitted), color=ORANGE, label=f"$d_c$ = {width:.2f} angstrom")
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set(xlabel="distance to a nucleus (angstrom)", ylabel="normalised order")
    axes.legend(frameon=False)


def curves(
    axes: Axes, x: ArrayLike, values: Mapping[str, ArrayLike], xlabel: str, ylabel: str
) -> None:
    """Several curves in one plot, with their points. Fig. 2b, 2c of the film paper.

    Parameters
    ----------
    x
        Shape (n,).
    values
        By name, each of shape (n,).
    """
    for name, curve in values.items():
        axes.plot(np.asarray(x), np.asarray(curve), "o-", markersize=3, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False, fontsize=8)


def histograms(
    axes: Axes, values: Mapping[str, ArrayLike], width: float, xlabel: str, ylabel: str
) -> None:
    """Distributions as step lines, each with its mean. Fig. 4b to 4d, 5c of the film paper.

    Parameters
    ----------
    values
        By name, each of shape (n,), n above zero.
    width
        Width of a bin, in the unit of the values.
    """
    for name, given in values.items():
        numbers = np.asarray(given, dtype=np.float64)
        first, last = np.floor(numbers.min() / width), np.floor(numbers.max() / width) + 1
        edges = np.arange(first, last + 1) * width
        share = np.histogram(numbers, edges)[0] / (len(numbers) * width)
        axes.stairs(share, edges, label=f"{name}, mean {numbers.mean():.4g}")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False, fontsize=8)


def sizes(axes: Axes, values: Mapping[str, ArrayLike], xlabel: str, ylabel: str) -> None:
    """Number of networks of each size, on logarithmic axes. Fig. 5g of the film paper.

    Parameters
    ----------
    values
        By name, the sizes, whole numbers above zero, shape (n,).
    """
    for name, given in values.items():
        size, number = np.unique(np.asarray(given), return_counts=True)
        axes.plot(size, number, "o", markersize=4, label=name)
    axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False, fontsize=8)
