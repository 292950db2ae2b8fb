"""Interactive 3D view of the largest networks of pentagonal bipyramids."""

from __future__ import annotations

from typing import Any

import ase
import numpy as np
from ase.geometry import find_mic
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from aet_port.reporting.content import Bipyramids
from aet_port.reporting.solid_shapes import balls, sticks
from aet_port.reporting.views import (
    FAINT,
    View,
    axes_of,
    box,
    layout_of,
    mesh,
    points,
    still_picture,
    thinned,
)

MOST_BALLS = 1_500  # largest number of atoms drawn as spheres; others are points, for a small file
NETWORKS = 5  # number of networks that can be chosen
AROUND = 4.0  # margin around a network, angstrom
CAP, RING = "#e08a2e", "#3f74b8"
CAP_BOND, RING_BOND, SIDE_BOND = "#e08a2e", "#8fb0d9", "#c9ced6"
Group = tuple[NDArray[np.float64], str, str]  # positions or ends, name, colour


def network_view(atoms: ase.Atoms, found: Bipyramids) -> View | None:
    """The largest networks of pentagonal bipyramids within the model; None if there are none.

    A network that crosses the boundary of a periodic cell is drawn in one piece.

    Parameters
    ----------
    atoms
        The model.
    found
        Its bipyramids.

    Notes
    -----
    MATLAB: none
    """
    numbers = [k for k in range(NETWORKS) if (found.network == k).any()]
    if not numbers:
        return None
    pieces = [_pieces(atoms, found, number) for number in numbers]
    words = [
        f"network {k + 1}: {count} bipyramid{'s' if count > 1 else ''}, {len(members)} atoms"
        for k, (members, _, _) in enumerate(pieces)
        for count in [np.count_nonzero(found.network == k)]
    ]
    traces: list[dict[str, Any]] = []
    owner: list[int] = []
    drawn = 0
    for number, (_, groups, bonds) in zip(numbers, pieces, strict=True):
        drawn += sum(len(group) for group, _, _ in groups)
        own = _solid(groups, bonds) if drawn <= MOST_BALLS else _plain(groups, bonds)
        traces += own
        owner += [number] * len(own)
    shown = thinned(len(atoms))
    faint = points(atoms.positions[shown], shown, "all atoms", 2.0, color=FAINT, opacity=0.6)
    faint["marker"].pop("line")
    choices: dict[str, tuple[list[bool], dict[str, Any]]] = {}
    for word, number, (_, groups, bonds) in zip(words, numbers, pieces, strict=True):
        ends = [positions.reshape(-1, 3) for positions, _, _ in (*groups, *bonds)]
        ranges, ratio = box(np.concatenate(ends), AROUND)
        change: dict[str, Any] = {f"scene.{axis}.range": reach for axis, reach in ranges.items()}
        change["scene.aspectratio"] = ratio
        choices[word] = ([one == number for one in owner] + [True], change)
    for trace, seen in zip(traces, choices[words[0]][0], strict=False):
        trace["visible"] = seen
    note = (
        "Orange: capping atoms of bipyramids (most of them are also in rings of others) and bonds "
        "between them; blue: atoms in rings only, and bonds along the rings"
    )
    if len(shown) < len(atoms):
        note += f"; grey points: {len(shown):,} of {len(atoms):,} atoms"
    _, groups, bonds = pieces[0]
    layout = layout_of(np.concatenate([positions for positions, _, _ in groups]), AROUND)
    return View([*traces, faint], layout, choices, note, _network_still(groups, bonds))


def _pieces(
    atoms: ase.Atoms, found: Bipyramids, number: int
) -> tuple[NDArray[np.int64], list[Group], list[Group]]:
    """Atoms of a network; their positions by kind; the ends of its bonds by kind."""
    mine = found.network == number
    caps, ring = found.caps[mine], found.ring[mine]
    members = np.unique(np.concatenate([caps.ravel(), ring.ravel()]))
    around = np.stack([ring, np.roll(ring, -1, axis=1)], axis=2).reshape(-1, 2)
    side = np.stack(np.broadcast_arrays(caps[:, :, None], ring[:, None, :]), axis=3).reshape(-1, 2)
    kinds = [("bonds of capping atoms", CAP_BOND, caps), ("bonds along rings", RING_BOND, around)]
    bonds: list[tuple[str, str, NDArray[np.int64]]] = []
    taken = np.zeros((0, 2), dtype=np.int64)
    # A bond that is the axis of one bipyramid and the side of another is drawn only once.
    for name, colour, pairs in (*kinds, ("bonds from cap to ring", SIDE_BOND, side)):
        distinct = np.unique(np.sort(pairs, axis=1), axis=0)
        known = np.isin(distinct @ [len(atoms), 1], taken @ [len(atoms), 1])
        bonds.append((name, colour, distinct[~known]))
        taken = np.concatenate([taken, distinct[~known]])
    positions = _in_one_piece(atoms, members, taken)
    is_cap = np.isin(members, caps)
    groups: list[Group] = [
        (positions[chosen], f"{np.count_nonzero(chosen)} {name}", colour)
        for name, colour, chosen in (
            ("capping atoms", CAP, is_cap),
            ("atoms in rings only", RING, ~is_cap),
        )
        if chosen.any()
    ]
    ends: list[Group] = [
        (_ends(atoms, members, positions, pairs), name, colour)
        for name, colour, pairs in bonds
        if len(pairs)
    ]
    return members, groups, ends


def _in_one_piece(
    atoms: ase.Atoms, members: NDArray[np.int64], bonds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Positions of the members, each next to its neighbours across periodic boundaries."""
    positions = atoms.positions[members].copy()
    if not atoms.pbc.any():
        return positions
    first, second = np.searchsorted(members, bonds).T
    size = len(members)
    graph = coo_array((np.ones(len(bonds)), (first, second)), shape=(size, size)).tocsr()
    order, before = breadth_first_order(graph, 0, directed=False)
    for atom in order[1:]:
        step = positions[atom] - positions[before[atom]]
        positions[atom] = positions[before[atom]] + find_mic(step, atoms.cell, atoms.pbc)[0]
    return positions


def _ends(
    atoms: ase.Atoms,
    members: NDArray[np.int64],
    positions: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Both ends of each bond, (n, 2, 3); in a spanning network some end at a periodic image."""
    first, second = np.searchsorted(members, pairs).T
    step = positions[second] - positions[first]
    if atoms.pbc.any():
        step = find_mic(step, atoms.cell, atoms.pbc)[0]
    return np.stack([positions[first], positions[first] + step], axis=1)


def _solid(groups: list[Group], bonds: list[Group]) -> list[dict[str, Any]]:
    return [
        *(mesh(balls(positions, 0.55), name, colour) for positions, name, colour in groups),
        *(mesh(sticks(ends, 0.11), name, colour) for ends, name, colour in bonds),
    ]


def _plain(groups: list[Group], bonds: list[Group]) -> list[dict[str, Any]]:
    """Points and lines, for networks too large for triangle meshes."""
    traces = [
        points(positions, np.zeros(0), name, 4.0, color=colour)
        for positions, name, colour in groups
    ]
    for ends, name, colour in bonds:
        gaps = np.full((len(ends), 1, 3), np.nan)
        line = np.concatenate([ends, gaps], axis=1).reshape(-1, 3)
        traces.append(
            axes_of(line)
            | {
                "type": "scatter3d",
                "mode": "lines",
                "name": name,
                "line": {"color": colour, "width": 2},
                "hoverinfo": "skip",
            }
        )
    return traces


def _network_still(groups: list[Group], bonds: list[Group]) -> NDArray[np.float64]:
    """Spheres, and rows of small spheres as sticks unless there are too many."""
    along = np.linspace(0.0, 1.0, 18)[:, None]
    parts = [(positions, 0.6, colour) for positions, _, colour in groups]
    few = sum(len(positions) for positions, _, _ in groups) <= MOST_BALLS
    for ends, _, colour in bonds if few else ():
        rows = ends[:, None, 0] + along * (ends[:, None, 1] - ends[:, None, 0])
        parts.append((rows.reshape(-1, 3), 0.14, colour))
    return still_picture(
        np.concatenate([positions for positions, _, _ in parts]),
        np.concatenate([np.full(len(positions), radius) for positions, radius, _ in parts]),
        np.concatenate(
            [np.tile(to_rgb(colour), (len(positions), 1)) for positions, _, colour in parts]
        ),
    )
