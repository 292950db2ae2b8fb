"""Figures of rings by size and of the radii of voids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from aet_port.figures import styles as draw
from aet_port.structure.structure_result import StructureResult

SIZE = (6.4, 4.0)  # inches
WIDTH = 0.4  # of a bar; those of two definitions stand side by side
BINS = 40
DEFINITIONS = {"king": "King's shortest paths", "primitive": "primitive"}


def write_ring_figures(found: StructureResult, folder: str | Path, form: str = "png") -> list[Path]:
    """Write ``rings`` (per atom, by size) and ``voids`` (radii), where the analysis has them.

    Parameters
    ----------
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.

    Notes
    -----
    MATLAB: none
    """
    figures: dict[str, tuple[Callable[[Axes], None], tuple[float, float]]] = {}
    if found.rings is not None:
        per_atom = {
            one.definition: dict(zip(one.sizes.tolist(), one.per_atom.tolist(), strict=True))
            for one in found.rings.both
        }
        figures["rings"] = (partial(ring_bars, per_atom=per_atom), SIZE)
    if found.voids is not None and len(found.voids):
        drawing = partial(void_radii, radii=found.voids.radii, measured_to=found.voids.measured_to)
        figures["voids"] = (drawing, SIZE)
    return draw.save_figures(figures, folder, form)


def ring_bars(axes: Axes, per_atom: Mapping[str, Mapping[int, float]]) -> None:
    """Rings per atom by size, both definitions side by side, up to the largest ring.

    Parameters
    ----------
    per_atom
        By definition and size.
    """
    largest = max((n for one in per_atom.values() for n, rings in one.items() if rings), default=3)
    for place, (definition, numbers) in enumerate(per_atom.items()):
        shown = {n: rings for n, rings in numbers.items() if n <= largest}
        x = np.array(list(shown)) + (place - (len(per_atom) - 1) / 2) * WIDTH
        name = DEFINITIONS.get(definition, definition)
        axes.bar(x, list(shown.values()), width=WIDTH, label=name)
    axes.set(xlabel="atoms in a ring", ylabel="rings per atom")
    axes.set_xticks(range(3, largest + 1))
    axes.legend(frameon=False, fontsize=8)


def void_radii(axes: Axes, radii: ArrayLike, measured_to: str) -> None:
    """Number of voids by radius.

    Parameters
    ----------
    radii
        Shape (m,), m above zero, angstrom.
    measured_to
        ``"centres"`` or ``"surfaces"``.
    """
    axes.hist(np.asarray(radii), bins=BINS, color=draw.BLUE)
    axes.set(xlabel=f"radius of a void, to the {measured_to} of atoms (angstrom)", ylabel="voids")
