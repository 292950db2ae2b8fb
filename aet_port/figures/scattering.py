"""Figures of structure factors and diffraction patterns."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from aet_port.figures.structure_results import plot_structure_factor
from aet_port.figures.styles import save_figure
from aet_port.structure.pairs.structure_factors import StructureFactor

CURVE = (7.0, 4.0)  # inches


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
