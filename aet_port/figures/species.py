"""Figures of species: intensity histograms of a classification, and how many atoms it got right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aet_port.core.errors import InputError
from aet_port.figures.styles import GREY, save_figure
from aet_port.tracing.species import Classification
from aet_port.validation.precision import Precision
from aet_port.validation.probabilities import binomial_interval

SIZE = (6.4, 4.0)  # inches
BINS = 100
_GROUP = 0.8  # of the distance between two species that their bars take


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

    Notes
    -----
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


def write_recall_figure(path: str | Path, found: Mapping[str, Precision]) -> Path:
    """Draw the recall of each species, a bar for each of several models.

    Parameters
    ----------
    path
        File to write, ``.png`` or ``.svg``.
    found
        Each model compared with the true one (:func:`aet_port.validation.precision.score`), by the
        name that the figure gives it.

    Raises
    ------
    InputError
        For another suffix, or no model.
    OutputError
        If the file can't be written.
    """
    return save_figure(path, lambda axes: recall_bars(axes, found), SIZE)


def recall_bars(axes: Axes, found: Mapping[str, Precision]) -> None:
    """Bars of the recall by true species, one colour for each model.

    The solid part are the atoms found with the right species, with the interval of 95 % of a
    binomial fraction; the pale part above it those found with another one.
    """
    if not found:
        raise InputError("found", "no model", "at least one model compared with the true one")
    # Species in the order of the first model that has them.
    symbols = list(dict.fromkeys(s for one in found.values() for s in true_species(one)))
    width = _GROUP / len(found)
    for number, (name, one) in enumerate(found.items()):
        colour = f"C{number}"
        for symbol in true_species(one):
            k = one.species.index(symbol)
            total, right = int(one.true_atoms[k]), int(one.confusion[k, k])
            place = symbols.index(symbol) + (number - (len(found) - 1) / 2) * width
            share, there = 100 * right / total, 100 * int(one.confusion[k].sum()) / total
            low, high = (100 * end for end in binomial_interval(right, total))
            axes.bar(place, share, 0.9 * width, color=colour)
            axes.bar(place, there - share, 0.9 * width, share, color=colour, alpha=0.3)
            error = [[share - low], [high - share]]
            axes.errorbar(place, share, error, color="black", capsize=2, linewidth=1)
        axes.bar(0, 0, color=colour, label=name)
    axes.set_xticks(range(len(symbols)), symbols)
    axes.set(ylabel="recall (%)", ylim=(0, 105))
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))


def true_species(found: Precision) -> list[str]:
    """Species of the true model, which may be fewer than those of the two together."""
    return [symbol for k, symbol in enumerate(found.species) if found.true_atoms[k]]
