"""The papers' figures of short-range order, drawn for any model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aet_port.figures import styles as draw
from aet_port.structure.bonds.nuclei import REACH
from aet_port.structure.bonds.orientational import SHELLS, lattice_order
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.short_range import ShortRangeOrder

SQUARE, WIDE = (4.6, 4.2), (6.4, 4.0)  # inches
BIN = 0.5  # angstrom, bin width of the mean order around the nuclei
TOP = 10  # number of Voronoi indices shown


def write_order_figures(
    order: ShortRangeOrder, folder: str | Path, form: str = "png"
) -> list[Path]:
    """Write all figures for which the model has data.

    ``boo_map``, ``pdf``, ``partial_pdf`` (more than one group), ``voronoi_indices``, ``faces``,
    ``coordination`` (closed cells of disordered atoms), ``bond_angles``, ``interface`` (nuclei).

    Parameters
    ----------
    folder, form
        As in :func:`aet_port.figures.styles.save_figures`, whose errors are raised.

    Returns
    -------
    The files written.
    """
    return draw.save_figures(_figures(order), folder, form)


def _figures(order: ShortRangeOrder) -> dict[str, draw.Drawing]:
    pdf, cells, inner = order.pdf, order.voronoi, order.inner
    lattices = {name: lattice_order(name) for name in SHELLS}
    marks = {
        f"R{number}": float(place)
        for number, place in enumerate(order.peaks.peaks, start=1)
        if np.isfinite(place)
    }
    result: dict[str, draw.Drawing] = {
        "boo_map": (
            partial(draw.bond_order_map, q4=order.bonds.q4, q6=order.bonds.q6, references=lattices),
            SQUARE,
        ),
        "pdf": (
            partial(
                draw.pair_distributions,
                r=pdf.r,
                curves={f"{order.pdf_of} atoms": pdf.g[ALL]},
                marks=marks,
            ),
            WIDE,
        ),
    }
    partials = {f"{a}-{b}": g for (a, b), g in pdf.g.items() if (a, b) != ALL}
    if len(partials) > 1:
        result["partial_pdf"] = (
            partial(draw.pair_distributions, r=pdf.r, curves=partials, spacing=1.5),
            (6.4, 6.4),
        )
    if inner.any():
        top = {
            "<" + ",".join(map(str, index)) + ">": 100 * share
            for index, _, share in cells.ranking(inner)[:TOP]
        }
        faces = dict(zip("3456", 100 * np.asarray(cells.face_fractions(inner)), strict=True))
        numbers, count = np.unique(cells.coordination[inner], return_counts=True)
        shares = {
            str(int(n)): 100 * float(c) for n, c in zip(numbers, count / count.sum(), strict=True)
        }
        for name, values, label in (
            ("voronoi_indices", top, "atoms (%)"),
            ("faces", faces, "faces (%), by number of edges"),
            ("coordination", shares, "atoms (%), by coordination number"),
        ):
            result[name] = (partial(draw.bars, fractions=values, ylabel=label), WIDE)
    if np.isfinite(order.angles.density).all():
        result["bond_angles"] = (
            partial(draw.bond_angles, angle=order.angles.angle, density=order.angles.density),
            WIDE,
        )
    if np.isfinite(order.interface.width):
        result["interface"] = (_interface(order), WIDE)
    return result


def _interface(order: ShortRangeOrder) -> Callable[[Axes], None]:
    """Mean order against distance to the nuclei, with the fit to all atoms."""
    fit, distance, value = order.interface, order.distance, order.bonds.normalised
    used = np.isfinite(distance) & np.isfinite(value) & (distance < REACH)
    step: NDArray[np.int64] = np.round(distance[used] / BIN).astype(np.int64)
    steps, which = np.unique(step, return_inverse=True)
    mean = np.bincount(which, value[used]) / np.bincount(which)
    x = steps * BIN
    curve = fit.far + (fit.surface - fit.far) * np.exp(-np.maximum(x, 0) / fit.width)
    return partial(
        draw.interface,
        distance=x,
        order=mean,
        fitted=np.where(x >= 0, curve, np.nan),
        width=fit.width,
    )
