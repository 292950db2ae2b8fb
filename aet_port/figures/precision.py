"""Figures of precision: deviations of matched atoms, recall, Fourier shell correlation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aet_port.figures.species import recall_bars, true_species
from aet_port.figures.styles import BLUE, GREY, ORANGE, Drawing, save_figures
from aet_port.validation.fourier_shell import GOLD_STANDARD, HALF, FourierShells
from aet_port.validation.matching import BIN, Matching
from aet_port.validation.precision import Precision

SIZE = (6.4, 4.0)  # inches
SHOWN = 99.8  # percentage of the pairs inside the axes


def deviations(axes: Axes, found: Matching, width: float = BIN) -> None:
    """Histogram of the pair distances (Supp. Fig. of the multislice test, both papers).

    Parameters
    ----------
    found
        The pairs.
    width
        Width of a bin, angstrom.

    Notes
    -----
    MATLAB: 10_Multislice_AET_simulations/4_results/Compare_MG_multislice_posres.m (the plot)
    """
    counts, edges = found.histogram(width)
    axes.stairs(counts, 100 * edges, fill=True, color=BLUE)
    axes.axvline(found.rmsd_pm, color=ORANGE, linestyle="--", label=f"RMSD {found.rmsd_pm:.2f} pm")
    last = 100 * float(np.percentile(found.deviations, SHOWN))
    axes.set(
        xlim=(0, max(last, 200 * width)),
        xlabel="deviation (pm)",
        ylabel=f"atoms of {found.matched}",
    )
    axes.legend(frameon=False)


def shell_correlation(axes: Axes, shells: FourierShells) -> None:
    """Fourier shell correlation against spatial frequency, with resolutions at 0.5 and 0.143.

    The half-bit threshold is drawn too, with its resolution in the legend.

    Parameters
    ----------
    shells
        The curve.
    """
    axes.plot(shells.frequency, shells.correlation, color=BLUE)
    for threshold in (HALF, GOLD_STANDARD):
        period = shells.resolution(threshold)
        axes.axhline(threshold, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(
            f"{threshold:g}: {period:.2f} angstrom",
            (shells.frequency[-1], threshold),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    limit = shells.half_bit()
    label = f"half bit: {shells.resolution(limit):.2f} angstrom"
    axes.plot(shells.frequency, limit, color=ORANGE, linestyle="--", linewidth=1, label=label)
    axes.legend(frameon=False, fontsize=8)
    axes.set(
        xlim=(0, shells.frequency[-1]),
        ylim=(min(0.0, float(np.nanmin(shells.correlation))), 1.05),
        xlabel="spatial frequency (1/angstrom)",
        ylabel="Fourier shell correlation",
    )


def write_precision_figures(
    folder: str | Path,
    found: Precision | None = None,
    shells: FourierShells | None = None,
    form: str = "png",
) -> list[Path]:
    """Write ``deviations`` and ``fourier_shells``, if there are data.

    Of several true species also ``recall``, bars of the recall by species.

    Parameters
    ----------
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    figures: dict[str, Drawing] = {}
    if found is not None:
        figures["deviations"] = (partial(deviations, found=found.matching), SIZE)
        if len(true_species(found)) > 1:
            figures["recall"] = (partial(recall_bars, found={"this model": found}), SIZE)
    if shells is not None:
        figures["fourier_shells"] = (partial(shell_correlation, shells=shells), SIZE)
    return save_figures(figures, folder, form)
