"""Figures of the calibration of a model: z-scores of positions, reliability of probabilities."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from aet_port.figures.styles import BLUE, GREY, ORANGE, Drawing, save_figures
from aet_port.validation.calibration import Calibration, ZScores
from aet_port.validation.probabilities import Reliability

SIZE = (6.4, 4.0)  # inches
SQUARE = (4.6, 4.6)  # inches
RANGE, WIDTH = 5.0, 0.25  # standard errors
LEAST_SPAN = 0.05  # of the axes of a reliability curve


def z_histogram(axes: Axes, scores: ZScores) -> None:
    """Histogram of the z-scores of the three coordinates, with the normal distribution.

    Values beyond 5 standard errors are counted in the outermost bins.

    Parameters
    ----------
    scores
        The z-scores.
    """
    edges = np.arange(-RANGE, RANGE + WIDTH / 2, WIDTH)
    for axis, color in enumerate((BLUE, ORANGE, GREY)):
        kept = np.clip(scores.z[:, axis], -RANGE + WIDTH / 2, RANGE - WIDTH / 2)
        share = np.histogram(kept, edges)[0] / (len(kept) * WIDTH)
        rms, error = scores.rms[axis], scores.rms_error[axis]
        label = f"{'xyz'[axis]}: rms {rms:.2f} $\\pm$ {error:.2f}"
        axes.stairs(share, edges, color=color, linewidth=1.5, label=label)
    z = np.linspace(-RANGE, RANGE, 200)
    normal = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(z, normal, "k--", linewidth=1, label="normal")
    axes.set(
        xlim=(-RANGE, RANGE),
        xlabel="deviation / standard error",
        ylabel=f"density of {len(scores.z)} pairs",
    )
    axes.legend(frameon=False)


def reliability_curve(axes: Axes, curve: Reliability) -> None:
    """Observed fraction against claimed probability, with 95 % intervals, and the number of atoms.

    Parameters
    ----------
    curve
        The bins.
    """
    bars = np.abs(np.stack([curve.low, curve.high]) - curve.observed)
    low = float(min(curve.claimed.min(), curve.low.min(), 1 - LEAST_SPAN))
    low -= 0.05 * (1 - low)
    axes.plot([low, 1], [low, 1], "--", color=GREY, linewidth=1, label="as claimed")
    label = f"{int(curve.atoms.sum())} atoms, expected error {curve.expected_error:.3f}"
    axes.errorbar(curve.claimed, curve.observed, bars, fmt="o-", color=BLUE, capsize=3, label=label)
    high = 1 + 0.03 * (1 - low)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="claimed", ylabel="observed fraction right")
    axes.legend(frameon=False, loc="upper left")


def write_calibration_figures(
    folder: str | Path, calibration: Calibration, form: str = "png"
) -> list[Path]:
    """Write ``z_scores``, ``reliability_existence`` and ``reliability_species``, if there are data.

    Parameters
    ----------
    calibration
        What is drawn; parts that are None are not.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    figures: dict[str, Drawing] = {}
    if calibration.positions is not None:
        figures["z_scores"] = (partial(z_histogram, scores=calibration.positions), SIZE)
    for name, curve in (("existence", calibration.existence), ("species", calibration.species)):
        if curve is not None:
            figures[f"reliability_{name}"] = (partial(reliability_curve, curve=curve), SQUARE)
    return save_figures(figures, folder, form)
