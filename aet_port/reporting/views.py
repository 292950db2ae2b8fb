"""Interactive 3D views of a report, and the view of the atomic model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray

from aet_port.core.geometry import euler_rotation
from aet_port.core.uncertainty import existence, position_errors
from aet_port.figures.overview import VIEW, render_balls
from aet_port.reporting.content import Structure

MOST_ATOMS = 20_000  # largest number of points that an ordinary computer rotates smoothly
COLOURED = 98  # percentage of the position errors that differ in colour
STILL = 900  # pixels of a still picture
FAINT = "#b9bfc8"
LIGHTING = {"ambient": 0.5, "diffuse": 0.85, "specular": 0.25, "roughness": 0.5, "fresnel": 0.1}
LIGHT = {"x": 30_000, "y": 30_000, "z": 100_000}  # near the viewer


@dataclass(frozen=True)
class View:
    """A plotly figure and the choices of its buttons.

    Attributes
    ----------
    traces, layout
        Traces and layout of plotly.
    choices
        By label of a button: which traces are visible, and the changes to the layout.
    note
        Description of what is drawn and what is not.
    still
        Shape (pixels, pixels, 4): still picture of the first choice (red, green, blue, opacity in
        0..1) for print and for browsers without scripts.
    """

    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    choices: dict[str, tuple[list[bool], dict[str, Any]]]
    note: str
    still: NDArray[np.float64]


def atoms_view(atoms: ase.Atoms, structure: Structure | None) -> View:
    """All atoms as points, coloured by species, by order around them, or by how sure they are.

    Parameters
    ----------
    atoms
        At least one atom; of more than 20,000 an even sample is drawn, as stated in the note.
        ``p_exists`` or, where it is not known, the errors of the positions
        (:mod:`aet_port.core.uncertainty`) give the colours of the last choice.
    structure
        Structure whose normalised order ``boo`` gives the colours of the second choice; None for no
        such choice.

    Notes
    -----
    MATLAB: none
    """
    shown = thinned(len(atoms))
    positions = atoms.positions[shown]
    symbols = np.array(atoms.get_chemical_symbols())[shown]
    size = float(np.clip(9 - 1.4 * np.log10(len(shown)), 2.0, 6.5))
    traces = []
    for symbol in sorted(set(symbols.tolist())):
        mine = symbols == symbol
        colour = _web(jmol_colors[atomic_numbers[symbol]])
        traces.append(points(positions[mine], shown[mine], symbol, size, color=colour))
    species = len(traces)
    coloured = {}
    boo = None if structure is None else structure.boo
    if boo is not None:
        coloured["by bond-orientational order"] = ("normalised order", boo, 1.0)
    coloured |= _by_certainty(atoms)
    for title, values, top in coloured.values():
        bar = {"title": {"text": title}, "thickness": 14, "len": 0.7}
        marker = {
            "color": values[shown].astype(np.float32),
            "colorscale": "Viridis",
            "cmin": 0.0,
            "cmax": top,
            "colorbar": bar,
        }
        trace = points(positions, shown, "atoms", size, **marker)
        traces.append(trace | {"visible": False, "showlegend": False})
    seen = {"by species": [k < species for k in range(len(traces))]}
    for number, words in enumerate(coloured):
        seen[words] = [k == species + number for k in range(len(traces))]
    note = "1 atom" if len(atoms) == 1 else f"{len(atoms):,} atoms"
    if len(shown) < len(atoms):
        note = f"{len(shown):,} of {len(atoms):,} atoms, sampled evenly"
    numbers = atoms.numbers[shown]
    still = still_picture(positions, 0.75 * covalent_radii[numbers], jmol_colors[numbers])
    choices: dict[str, tuple[list[bool], dict[str, Any]]] = {
        words: (which, {}) for words, which in seen.items()
    }
    return View(traces, layout_of(positions), choices, note, still)


def _by_certainty(atoms: ase.Atoms) -> dict[str, tuple[str, NDArray[np.float64], float]]:
    """Existence probabilities or, where they are not known, position errors (pm), to colour by.

    Returns
    -------
    By label of the button: title of the colour bar, values, and the highest value of the colours.
    """
    there = existence(atoms)
    if there is not None and not np.isnan(there).all():
        return {"by existence": ("p_exists", there, 1.0)}
    errors = position_errors(atoms)
    known = np.zeros(0) if errors is None else 100 * errors[np.isfinite(errors)]
    if errors is None or not len(known):
        return {}
    top = max(float(np.percentile(known, COLOURED)), 1e-3)
    return {"by position error": ("standard error (pm)", 100 * errors, top)}


def still_picture(
    positions: NDArray[np.float64], radii: NDArray[np.float64], colours: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Picture for :attr:`View.still` of spheres (n, 3), radii (n,) in angstrom, colours (n, 3)."""
    turned = positions @ euler_rotation(*VIEW).T
    turned -= (turned.min(axis=0) + turned.max(axis=0)) / 2
    half = float(np.abs(turned[:, :2]).max() + radii.max() + 0.5)
    return render_balls(turned, radii, colours, half, STILL)


def thinned(count: int) -> NDArray[np.int64]:
    """Rows of at most 20,000 atoms, an even sample of all."""
    number = min(count, MOST_ATOMS)
    return np.linspace(0, count - 1, number).round().astype(np.int64)


def points(
    positions: NDArray[np.float64],
    rows: NDArray[Any],
    name: str,
    size: float,
    **marker: Any,
) -> dict[str, Any]:
    """A trace of points; hovering over one shows its atom index (``rows``)."""
    trace: dict[str, Any] = axes_of(positions) | {
        "type": "scatter3d",
        "mode": "markers",
        "name": name,
        "marker": {"size": size, "line": {"color": "#30343b", "width": 0.5}, **marker},
    }
    if len(rows):
        where = "atom %{customdata}: %{x:.2f}, %{y:.2f}, %{z:.2f} Å<extra></extra>"
        return trace | {"customdata": rows.astype(np.int32), "hovertemplate": where}
    return trace | {"hoverinfo": "skip"}


def axes_of(positions: NDArray[Any]) -> dict[str, Any]:
    """Positions (n, 3) as x, y and z of a trace, in single precision."""
    return dict(zip("xyz", np.ascontiguousarray(positions.T, dtype=np.float32), strict=True))


def box(
    positions: NDArray[np.float64], margin: float
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Ranges of the axes that include all positions with a margin, and their aspect ratio."""
    low, high = positions.min(axis=0) - margin, positions.max(axis=0) + margin
    ranges = {
        f"{name}axis": [float(a), float(b)] for name, a, b in zip("xyz", low, high, strict=True)
    }
    length = (high - low) / np.cbrt(np.prod(high - low))
    return ranges, dict(zip("xyz", length.tolist(), strict=True))


def layout_of(positions: NDArray[np.float64], margin: float = 1.0) -> dict[str, Any]:
    """Layout with axes of equal scale that include all positions with a margin (angstrom)."""
    ranges, ratio = box(positions, margin)
    axes = {
        name: {
            "title": {"text": f"{name[0]} (Å)"},
            "range": reach,
            "showbackground": False,
            "gridcolor": "#e4e7ec",
            "zeroline": False,
            "showspikes": False,
        }
        for name, reach in ranges.items()
    }
    # Perspective: plotly does not light triangles in orthographic projection.
    camera = {"eye": {"x": 1.15, "y": -1.4, "z": 0.85}, "center": {"x": 0, "y": 0, "z": -0.1}}
    return {
        "scene": axes
        | {"aspectmode": "manual", "aspectratio": ratio, "camera": camera, "dragmode": "orbit"},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "height": 560,
        "showlegend": True,
        "legend": {"x": 0.01, "y": 0.99, "itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "modebar": {"bgcolor": "rgba(255,255,255,0.7)", "color": "#9aa1ab"},
        "font": {"family": "system-ui, DejaVu Sans, sans-serif", "size": 13, "color": "#23272e"},
    }


def mesh(solid: tuple[NDArray[Any], NDArray[Any]], name: str, colour: str) -> dict[str, Any]:
    """A trace of triangles: corners (n, 3) in angstrom and triangles (m, 3)."""
    corners, triangles = solid
    corner = dict(zip("ijk", np.ascontiguousarray(triangles.T), strict=True))
    return (
        axes_of(corners)
        | corner
        | {
            "type": "mesh3d",
            "name": name,
            "color": colour,
            "showlegend": True,
            "hoverinfo": "skip",
            "lighting": LIGHTING,
            "lightposition": LIGHT,
        }
    )


def _web(colour: NDArray[np.float64]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
