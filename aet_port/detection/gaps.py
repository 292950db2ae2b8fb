"""Places between the atoms found where one more would have room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi, cKDTree

from aet_port.detection.candidates import apart

# Median distances of nearest neighbours: from a place with room to the nearest atom, at least and
# at most, as it is outside the sample beyond; and to the farthest of the atoms around it.
ROOM, OUTSIDE, AROUND = 0.99, 1.5, 1.6
# Atoms around such a place, at least, and length of the mean of the directions to them, at most.
SEVERAL, ONE_SIDED = 6, 0.4
ENOUGH = 20  # atoms whose gaps are looked for, at least


def places_in_gaps(positions: NDArray) -> NDArray[np.float64]:
    """Places as far from all atoms as these from their nearest neighbours, and surrounded by them.

    An atom that the images hardly show leaves no maximum of a score map once its neighbours have
    taken over its intensity, but a gap. Of the vertices of the Voronoi cells, which are the places
    farthest from the atoms around them, those are kept whose nearest atom is farther than the
    median of the distances between nearest neighbours, the largest gaps first.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.

    Returns
    -------
    Shape (k, 3), angstrom, no two closer than that median.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.detection.gaps import places_in_gaps
    >>> lattice = 2.5 * np.stack(np.meshgrid(*3 * [np.arange(-2.0, 3)]), axis=-1).reshape(-1, 3)
    >>> vacancy = np.delete(lattice, 62, axis=0)
    >>> places_in_gaps(lattice).shape, (places_in_gaps(vacancy) + 0.0).round(1).tolist()
    ((0, 3), [[0.0, 0.0, 0.0]])
    """
    none = np.empty((0, 3))
    if len(positions) < ENOUGH:
        return none
    tree = cKDTree(positions)
    usual = float(np.median(tree.query(positions, 2)[0][:, 1]))
    places = Voronoi(positions).vertices
    size = tree.query(places)[0]
    room = (size > ROOM * usual) & (size < OUTSIDE * usual)
    order = np.argsort(-size[room], kind="stable")
    places = places[room][order]
    inside = np.zeros(len(places), bool)
    for number, around in enumerate(tree.query_ball_point(places, AROUND * usual)):
        away = positions[around] - places[number]
        away /= np.linalg.norm(away, axis=1)[:, None]
        inside[number] = len(away) >= SEVERAL and np.linalg.norm(away.mean(axis=0)) <= ONE_SIDED
    return apart(places[inside], none, 0.0, usual)
