"""The film paper's figures of the quench, with the experiment in them, from what a bank holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.sharing import SITES
from md_sim.comparison import Comparison
from md_sim.comparison_measures import Measured
from md_sim.comparison_table import NAMES
from md_sim.pdf_scaling import cell_means, normalized_distances
from md_sim.protocol import Protocol
from md_sim.transition import GlassTransition, glass_transition
from mdb import Bank
from mdb.database import stored_record

SIZE, TALL = (6.4, 4.0), (6.4, 6.4)  # inches
SHOWN_FOLDS = (3, 4, 5, 6)
THETA_BIN = 1.0  # degrees
PDF_BIN = 0.1  # angstrom, as in the papers
LIFT = 1.0  # of each pair distribution above the one before


_THERMO = """
SELECT step, temperature, volume FROM md_thermo
WHERE md_run_id = $run AND temperature IS NOT NULL AND volume IS NOT NULL ORDER BY step
"""


def write_comparison_figures(
    bank: Bank, comparison: Comparison, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write every figure that the comparison has something to show in.

    Of the film paper: ``fig_4d_theta`` (distributions of theta), ``fig_6a_populations`` (motifs
    against temperature), ``fig_6b_theta`` (mean theta against temperature),
    ``supp_19_glass_transition`` (volume per atom with the two lines), ``supp_21_pdf`` (pair
    distributions of the quench). Beside them ``pdf_overlay``, ``motif_fractions``,
    ``partial_icosahedra``, ``network_sizes`` and ``sharing``.

    Parameters
    ----------
    bank
        An open bank with the run of the comparison.
    folder
        Made if it is not there.
    form
        ``"png"`` or ``"svg"``.

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        For another format.
    OutputError
        If a file can't be written.

    Paper: Fig. 4d, 6a, 6b, Supp. Fig. 19, 21 of Yuan et al., Nature Materials 21, 95 (2022).
    """
    figures = {**_film_paper(comparison), **_beside(comparison)}
    temperature, volume = cooling(bank, comparison.run)
    if len(temperature):
        figures["supp_19_glass_transition"] = (
            partial(glass_transition_figure, temperature=temperature, volume=volume),
            SIZE,
        )
    return draw.save_figures(figures, folder, form)


def cooling(bank: Bank, run: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Temperature (K) and volume per atom (angstrom^3) of a run in a bank while it cooled.

    The whole run, if its protocol does not say when the melt ended; empty without a table.

    Raises
    ------
    BankError
        If the bank can't be read.
    """
    table = bank.sql(_THERMO, {"run": run})
    step, temperature, volume = (table[name].to_numpy() for name in table.column_names)
    sql = "SELECT protocol FROM md_run WHERE md_run_id = $run"
    try:
        text = bank.sql(sql, {"run": run})["protocol"][0].as_py()
        melted = Protocol.from_plain(stored_record(bank.path, text))
    except InputError:  # a run of another program
        return temperature, volume
    cooled = step > melted.melt_steps
    return temperature[cooled], volume[cooled]


def against_temperature(
    axes: Axes,
    temperature: ArrayLike,
    curves: Mapping[str, ArrayLike],
    experiment: Mapping[str, float],
    ylabel: str,
) -> None:
    """Curves of the quench, with a dashed line for the experiment's value of each.

    Parameters
    ----------
    temperature
        Shape (k,), kelvin.
    curves
        By name, each of shape (k,).
    experiment
        Value of each curve in the experiment; none for a curve that is not named.
    """
    for name, curve in curves.items():
        (line,) = axes.plot(
            np.asarray(temperature), np.asarray(curve), "o-", markersize=3, label=name
        )
        if name in experiment:
            axes.axhline(experiment[name], color=line.get_color(), linestyle="--", linewidth=1)
    axes.set(xlabel="temperature (K)", ylabel=ylabel, title="dashed: experiment")
    axes.title.set_fontsize(8)
    axes.legend(frameon=False, fontsize=8)


def glass_transition_figure(axes: Axes, temperature: ArrayLike, volume: ArrayLike) -> None:
    """Volume per atom against temperature, with the lines of glass and liquid where they cross.

    Supp. Fig. 19 of the film paper.

    Parameters
    ----------
    temperature, volume
        Shape (n,): kelvin, and angstrom^3 per atom.
    """
    t, v = np.asarray(temperature, dtype=np.float64), np.asarray(volume, dtype=np.float64)
    axes.plot(t, v, ".", color=draw.GREY, markersize=2)
    axes.set(xlabel="temperature (K)", ylabel="volume per atom (angstrom$^3$)")
    try:
        found = glass_transition(t, v)
    except InputError as error:  # shown, because nothing need have frozen
        axes.set_title(f"no glass transition: {error.found}", fontsize=7, wrap=True)
        return
    _lines(axes, t, found)


def _lines(axes: Axes, t: NDArray[np.float64], found: GlassTransition) -> None:
    for name, (slope, start), (low, high), color in (
        ("glass", found.glass, found.glass_window, draw.BLUE),
        ("liquid", found.liquid, found.liquid_window, draw.ORANGE),
    ):
        # Thick where it was fitted, thin to the crossing.
        ends = np.array([max(low, t.min()), min(high, t.max())])
        reach = np.array([min(ends[0], found.temperature), max(ends[1], found.temperature)])
        axes.plot(reach, slope * reach + start, color=color, linewidth=1)
        axes.plot(
            ends,
            slope * ends + start,
            color=color,
            linewidth=2,
            label=f"{name}, fitted from {low:.0f} to {high:.0f} K",
        )
    axes.axvline(found.temperature, color=draw.GREY, linestyle=":", linewidth=1)
    axes.set_title(
        f"$T_g$ = {found.temperature:.0f} +- {found.uncertainty:.0f} K", fontsize="medium"
    )
    axes.legend(frameon=False, fontsize=8)


def _film_paper(comparison: Comparison) -> dict[str, draw.Drawing]:
    experiment, points, t = comparison.experiment, comparison.points, comparison.temperatures
    result: dict[str, draw.Drawing] = {}
    tilts = {name: one.theta for name, one in _three(comparison).items() if len(one.theta)}
    if tilts:
        result["fig_4d_theta"] = (
            partial(
                draw.histograms,
                values=tilts,
                width=THETA_BIN,
                xlabel="tilt of the capping bond (degrees)",
                ylabel="probability density (1/degree)",
            ),
            SIZE,
        )
    places = {NAMES[fold]: FOLDS.index(fold) for fold in SHOWN_FOLDS}
    result["fig_6a_populations"] = (
        partial(
            against_temperature,
            temperature=t,
            curves={
                name: [100 * point.found.populations[k] for point in points]
                for name, k in places.items()
            },
            experiment={name: 100 * experiment.populations[k] for name, k in places.items()},
            ylabel="amorphous tetrahedra in motifs (%)",
        ),
        SIZE,
    )
    result["fig_6b_theta"] = (
        partial(
            against_temperature,
            temperature=t,
            curves={"mean theta": [point.found.mean_theta for point in points]},
            experiment={"mean theta": experiment.mean_theta},
            ylabel="tilt of the capping bond (degrees)",
        ),
        SIZE,
    )
    edges = np.arange(0, min(point.found.r[-1] for point in points), PDF_BIN)
    result["supp_21_pdf"] = (
        partial(
            draw.pair_distributions,
            r=(edges[:-1] + edges[1:]) / 2,
            curves={
                f"{point.temperature:.0f} K": cell_means(point.found.r, point.found.g, edges)
                for point in points
            },
            spacing=LIFT,
        ),
        TALL,
    )
    return result


def _beside(comparison: Comparison) -> dict[str, draw.Drawing]:
    """Figures of the other things that are compared."""
    experiment, points, t = comparison.experiment, comparison.points, comparison.temperatures
    three = _three(comparison)
    n = np.arange(1, SITES + 1)
    result: dict[str, draw.Drawing] = {
        "pdf_overlay": (
            partial(overlay, curves={name: one.normalized_pdf() for name, one in three.items()}),
            SIZE,
        ),
        "motif_fractions": (
            partial(
                against_temperature,
                temperature=t,
                curves={
                    NAMES[fold]: [100 * point.found.fractions[k] for point in points]
                    for k, fold in enumerate(FOLDS)
                },
                experiment={
                    NAMES[fold]: 100 * experiment.fractions[k] for k, fold in enumerate(FOLDS)
                },
                ylabel="share of all motifs (%)",
            ),
            SIZE,
        ),
        "partial_icosahedra": (
            partial(
                draw.curves,
                x=n,
                values={name: 100 * one.site_fractions[:SITES] for name, one in three.items()},
                xlabel=f"sites filled of {SITES}",
                ylabel="partial icosahedra (%)",
            ),
            SIZE,
        ),
        "sharing": (
            partial(
                against_temperature,
                temperature=t,
                curves={
                    "vertex-sharing": [100 * point.found.vertex_sharing for point in points],
                    "edge-sharing": [100 * point.found.edge_sharing for point in points],
                },
                experiment={
                    "vertex-sharing": 100 * experiment.vertex_sharing,
                    "edge-sharing": 100 * experiment.edge_sharing,
                },
                ylabel="amorphous pentagonal bipyramids (%)",
            ),
            SIZE,
        ),
    }
    networks = {name: one.networks for name, one in three.items() if len(one.networks)}
    if networks:
        result["network_sizes"] = (
            partial(
                draw.sizes,
                values=networks,
                xlabel="pentagonal bipyramids in a network",
                ylabel="networks",
            ),
            SIZE,
        )
    return result


def overlay(axes: Axes, curves: Mapping[str, ArrayLike]) -> None:
    """Normalized pair distributions over one another.

    Parameters
    ----------
    curves
        By name, of :func:`md_sim.pdf_scaling.normalized_pdf`.
    """
    draw.pair_distributions(axes, normalized_distances(), curves)
    axes.set(xlabel="r / first peak", xlim=(normalized_distances()[0], normalized_distances()[-1]))


def _three(comparison: Comparison) -> dict[str, Measured]:
    """The experiment, the coldest and the hottest snapshot, and that with the nearest curve."""
    points = comparison.points
    distances = np.array([point.pdf_distance for point in points])
    nearest = int(np.nanargmin(distances)) if np.isfinite(distances).any() else 0
    shown = sorted({0, nearest, len(points) - 1})
    return {
        f"experiment {comparison.experiment.model_id}": comparison.experiment,
        **{f"{points[k].temperature:.0f} K": points[k].found for k in shown},
    }
