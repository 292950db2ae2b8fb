"""Single plots of how a model was made and how precise it is, on Matplotlib axes.

These functions are the ``plot`` methods of the results.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.images import new_axes
from aet_port.figures.precision import deviations
from aet_port.figures.species import class_histograms
from aet_port.refinement.joint import Refinement
from aet_port.resire.reconstruction import Reconstruction
from aet_port.tracing.peaks import Peaks
from aet_port.tracing.species import Classification
from aet_port.validation.matching import BIN, Matching
from aet_port.validation.precision import Precision

BINS = 60  # bins of peak heights


def plot_reconstruction(found: Reconstruction, ax: Axes | None = None) -> Axes:
    """R1 against iteration: mean and range over the projections.

    Parameters
    ----------
    found
        The reconstruction.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    iterations = np.arange(1, len(found.r1) + 1)
    percent = 100 * found.r1
    axes.fill_between(
        iterations, percent.min(axis=1), percent.max(axis=1), color=draw.BLUE, alpha=0.2
    )
    axes.plot(iterations, percent.mean(axis=1), color=draw.BLUE)
    axes.set(xlabel="iteration", ylabel="R1 (%)", ylim=(0, None))
    return axes


def plot_peaks(found: Peaks, ax: Axes | None = None) -> Axes:
    """Histogram of the heights of accepted and rejected peaks.

    Parameters
    ----------
    found
        The peaks.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        If there are none.
    """
    if not len(found):
        raise InputError("peaks", "none", "at least one")
    axes = new_axes(ax)
    edges = np.histogram_bin_edges(found.heights, BINS)
    kinds = (("accepted", found.good, draw.BLUE), ("rejected", ~found.good, draw.GREY))
    for name, chosen, colour in kinds:
        label = f"{int(chosen.sum())} {name}"
        axes.stairs(np.histogram(found.heights[chosen], edges)[0], edges, color=colour, label=label)
    axes.set(xlabel="height (units of the volume)", ylabel="peaks")
    axes.legend(frameon=False, fontsize=8)
    return axes


def plot_classification(found: Classification, ax: Axes | None = None) -> Axes:
    """Histogram of the intensities of all peaks and of each species.

    Parameters
    ----------
    found
        The classification.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    class_histograms(axes, found)
    return axes


def plot_refinement(found: Refinement, ax: Axes | None = None) -> Axes:
    """Mean R1 against the number of gradient evaluations.

    Parameters
    ----------
    found
        The refinement.
    ax
        Axes to draw on; those of a new figure unless given.

    Returns
    -------
    The axes.
    """
    axes = new_axes(ax)
    axes.plot(found.history[:, 0], 100 * found.history[:, 2], "o-", markersize=3, color=draw.BLUE)
    axes.set(xlabel="evaluations of the gradient", ylabel="R1 (%)", ylim=(0, None))
    return axes


def plot_matching(found: Matching, ax: Axes | None = None, *, width: float = BIN) -> Axes:
    """Histogram of the pair distances in picometres.

    Parameters
    ----------
    found
        The pairs.
    ax
        Axes to draw on; those of a new figure unless given.
    width
        Width of a bin, angstrom.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a width not above zero.
    """
    axes = new_axes(ax)
    deviations(axes, found, width)
    return axes


def plot_precision(found: Precision, ax: Axes | None = None, *, width: float = BIN) -> Axes:
    """Histogram of the pair distances in picometres.

    Parameters
    ----------
    found
        The comparison of two models.
    ax
        Axes to draw on; those of a new figure unless given.
    width
        Width of a bin, angstrom.

    Returns
    -------
    The axes.

    Raises
    ------
    InputError
        For a width not above zero.
    """
    return plot_matching(found.matching, ax, width=width)
