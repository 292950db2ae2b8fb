"""The film paper's packing curve with intervals from the uncertainties of the atoms."""

from __future__ import annotations

from math import isfinite

import numpy as np
from matplotlib.axes import Axes

from aet_port.core.errors import InputError
from aet_port.structure.intervals import Interval, Intervals

AT = " at "
SHADE = 0.2  # opacity of the intervals


def packing_intervals(axes: Axes, found: Intervals, names: dict[int, str]) -> None:
    """Populations of motifs against the allowed distortion, with intervals.

    Points: the model; bands: 2.5 % to 97.5 % of the drawn models; crosses: without position errors.

    Parameters
    ----------
    found
        Intervals of an analysis with packing.
    names
        Name of each fold that is drawn.

    Raises
    ------
    InputError
        If they hold no packing curve.
    """
    for fold, name in names.items():
        rows = _curve(found, f"population {fold}")
        if not rows:
            raise InputError("intervals", "no packing curve", "those of an analysis with order")
        x = np.array(list(rows))
        value, low, high, exact = (
            100 * np.array([getattr(row, key) for row in rows.values()])
            for key in ("value", "low", "high", "extrapolated")
        )
        (line,) = axes.plot(x, value, "o-", markersize=3, label=name)
        axes.fill_between(x, low, high, color=line.get_color(), alpha=SHADE, linewidth=0)
        axes.plot(x, exact, "x", color=line.get_color())
    axes.set(xlabel="largest distortion of a tetrahedron", ylabel="tetrahedra in motifs (%)")
    axes.set_title(
        f"{found.samples} drawn models: bands 95 %; crosses: without position errors", fontsize=8
    )
    axes.legend(frameon=False, fontsize=8)


def _curve(found: Intervals, name: str) -> dict[float, Interval]:
    """Rows of one curve by their place, ascending."""
    parts = ((row.name.partition(AT), row) for row in found)
    rows = {float(at): row for (head, _, at), row in parts if head == name and at}
    return {at: rows[at] for at in sorted(rows) if isfinite(rows[at].value)}
