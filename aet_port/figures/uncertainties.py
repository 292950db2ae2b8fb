"""Figures of how sure the atoms are: their error bars, by species and by place."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import ase
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import SIGMAS, position_errors
from aet_port.figures.styles import Drawing, save_figures

SIZE = (6.4, 4.0)  # inches
BINS = 40
SHOWN = 99.5  # percentage of the error bars inside the axes
PM = 100  # picometres in an angstrom


def error_bars(axes: Axes, atoms: ase.Atoms) -> None:
    """Histogram of the standard error of the position in space, in picometres, by species.

    Parameters
    ----------
    atoms
        With the arrays of :func:`aet_port.core.uncertainty.position_errors`.

    Raises
    ------
    InputError
        If no error is known.
    """
    _, errors, symbols = _known(atoms)
    last = float(np.percentile(errors, SHOWN))
    edges = np.linspace(0, max(last, 1e-3), BINS + 1)
    for symbol in sorted(set(symbols.tolist())):
        mine = errors[symbols == symbol]
        label = f"{symbol}, {len(mine)}, median {np.median(mine):.3g} pm"
        axes.stairs(np.histogram(mine, edges)[0], edges, label=label)
    beyond = int((errors > edges[-1]).sum())
    note = f"; {beyond} beyond" if beyond else ""
    axes.set(xlim=(0, edges[-1]), xlabel="standard error of the position (pm)")
    axes.set_ylabel(f"atoms of {len(errors)}{note}")
    axes.legend(frameon=False, fontsize=8)


def errors_by_distance(axes: Axes, atoms: ase.Atoms) -> None:
    """Standard error of each position (pm) against the distance from the centre of the atoms.

    Parameters
    ----------
    atoms
        With the arrays of :func:`aet_port.core.uncertainty.position_errors`.

    Raises
    ------
    InputError
        If no error is known.
    """
    there, errors, symbols = _known(atoms)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)[there]
    for symbol in sorted(set(symbols.tolist())):
        mine = symbols == symbol
        # Pixels in an SVG picture, which would hold megabytes of points else.
        axes.plot(
            away[mine],
            errors[mine],
            "o",
            markersize=2,
            alpha=0.6,
            label=symbol,
            rasterized=True,
        )
    axes.set(
        xlabel="distance from the centre (angstrom)",
        ylabel="standard error of the position (pm)",
        ylim=(0, None),
    )
    axes.legend(frameon=False, fontsize=8)


def write_uncertainty_figures(
    model: AtomicModel | ase.Atoms, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write ``error_bars`` and ``error_bars_by_distance``.

    Parameters
    ----------
    model
        Atoms with arrays ``sigma_x``, ``sigma_y`` and ``sigma_z``.
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.

    Raises
    ------
    InputError
        Also if no error is known.
    """
    atoms = as_atoms(model)
    _known(atoms)
    figures: dict[str, Drawing] = {
        "error_bars": (partial(error_bars, atoms=atoms), SIZE),
        "error_bars_by_distance": (partial(errors_by_distance, atoms=atoms), SIZE),
    }
    return save_figures(figures, folder, form)


def _known(
    atoms: ase.Atoms,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.str_]]:
    """Which atoms have an error; their errors in picometres, and their symbols."""
    errors = position_errors(atoms)
    there = np.zeros(len(atoms), dtype=bool) if errors is None else np.isfinite(errors)
    if errors is None or not there.any():
        raise InputError("errors of the atoms", "none", f"arrays {', '.join(SIGMAS)}")
    return there, PM * errors[there], np.array(atoms.get_chemical_symbols())[there]
