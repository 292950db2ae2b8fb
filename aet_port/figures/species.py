"""The papers' figure of a classification: intensity histograms of the species."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aet_port.figures.styles import GREY, save_figure
from aet_port.tracing.species import Classification

SIZE = (6.4, 4.0)  # inches
BINS = 100


def write_class_figure(path: str | Path, found: Classification, bins: int = BINS) -> Path:
    """Draw the histogram of intensities, of all peaks and of each species.

    Parameters
    ----------
    path
        File to write, ``.png`` or ``.svg``.
    bins
        Number of bins over the whole range of intensities.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If the file can't be written.

    MATLAB: 4_Tracing_and_classification/src/plot_class_hist.m::plot_class_hist (the plot)
    """
    return save_figure(path, lambda axes: class_histograms(axes, found, bins), SIZE)


def class_histograms(axes: Axes, found: Classification, bins: int = BINS) -> None:
    """Histogram of intensities with a filled step line per species and its mean."""
    numbers = found.histogram(bins)
    half = (numbers.centres[1] - numbers.centres[0]) / 2
    edges = np.append(numbers.centres - half, numbers.centres[-1] + half)
    axes.stairs(numbers.total, edges, color=GREY, label=f"all, {numbers.total.sum()}")
    for number, symbol in enumerate(found.symbols):
        counts = numbers.counts[number]
        label = f"{symbol}, {counts.sum()}"
        step = axes.stairs(counts, edges, fill=True, alpha=0.6, label=label, color=f"C{number}")
        axes.axvline(found.centres[number], color=step.get_facecolor(), linestyle=":")
    axes.set(xlabel="integrated intensity (a.u.)", ylabel="atoms")
    axes.legend(frameon=False, fontsize=8)
