"""Figures of structure factors and diffraction patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aet_port.diffraction.patterns import Diffraction
from aet_port.figures.images import new_axes
from aet_port.figures.structure_results import plot_structure_factor
from aet_port.figures.styles import BLUE, GREY, ORANGE, Drawing, save_figure, save_figures
from aet_port.structure.pairs.structure_factors import StructureFactor

CURVE = (7.0, 4.0)  # inches
SQUARE = (5.0, 5.0)


def write_structure_factor(path: str | Path, found: StructureFactor) -> Path:
    """Draw S(q), total and partial, into a .png or .svg file.

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

    def draw(axes: Axes) -> None:
        plot_structure_factor(found, axes)

    return save_figure(path, draw, CURVE)


def plot_pattern(found: Diffraction, ax: Axes | None = None) -> Axes:
    """A diffraction pattern on a logarithmic scale, with its centre, mask and outermost ring used.

    Parameters
    ----------
    found
        The analysed pattern.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    shown = np.log10(np.maximum(found.image, 0) + 1)
    low, high = np.percentile(shown[found.used], [0.5, 99.8])
    axes.imshow(shown.T, origin="lower", cmap="gray", vmin=low, vmax=high)
    masked = np.ma.masked_where(found.used.T, np.ones(found.used.T.shape))
    axes.imshow(masked, origin="lower", cmap="autumn", alpha=0.45, vmin=0, vmax=2)
    geometry = found.geometry
    axes.plot(*geometry.centre, "+", color=ORANGE, markersize=10)
    radii = geometry.radii(found.image.shape)
    last = found.profile.radius[found.profile.covered >= 0.5]
    if len(last):
        axes.contour(radii.T, [float(last[-1])], colors=[ORANGE], linewidths=0.8)
    axes.set(xlabel="x (pixels)", ylabel="y (pixels)")
    return axes


def write_diffraction_figures(found: Diffraction, folder: str | Path, form: str) -> list[Path]:
    """Draw pattern, radial average and, with a composition, S(q) and g(r) into a folder.

    Parameters
    ----------
    form
        ``"png"`` or ``"svg"``.

    Raises
    ------
    InputError
        For another format.
    OutputError
        If a file can't be written.

    Notes
    -----
    MATLAB: none
    """

    def pattern(axes: Axes) -> None:
        plot_pattern(found, axes)

    def intensity(axes: Axes) -> None:
        known = found.reciprocal_pixel is not None
        axes.plot(found.q, found.profile.intensity, color=BLUE, label="radial average")
        if found.pdf is not None:
            axes.plot(found.pdf.q, found.pdf.background, "--", color=GREY, label="background")
        axes.set(xlabel="q (1/angstrom)" if known else "2 pi radius (pixels)", ylabel="intensity")
        axes.set_yscale("log")
        axes.legend(frameon=False)

    def structure(axes: Axes) -> None:
        if found.pdf is not None:
            axes.plot(found.pdf.q, found.pdf.s, color=BLUE)
        axes.axhline(1, color=GREY, linewidth=0.8)
        axes.set(xlabel="q (1/angstrom)", ylabel="S(q)")

    def distribution(axes: Axes) -> None:
        pdf = found.pdf
        if pdf is None:
            return
        axes.plot(pdf.r, pdf.g, color=BLUE)
        if pdf.g_error is not None:
            low, high = pdf.g - 2 * pdf.g_error, pdf.g + 2 * pdf.g_error
            axes.fill_between(pdf.r, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axes.set(xlabel="r (angstrom)", ylabel="g(r)", xlim=(0, float(pdf.r[-1])))
        axes.set_ylim(-0.5, 1.15 * float(pdf.g[pdf.r > (found.shortest or 0)].max()))

    figures: dict[str, Drawing] = {"pattern": (pattern, SQUARE), "intensity": (intensity, CURVE)}
    if found.pdf is not None:
        figures |= {"structure_factor": (structure, CURVE), "pdf": (distribution, CURVE)}
    return save_figures(figures, folder, form)
