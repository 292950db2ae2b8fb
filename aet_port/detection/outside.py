"""Matter beyond the border of the images of a sample that fills them, for simulated images.

No tilt about y brings an atom beyond the lower or upper border of the images onto them, but the
tail of its image reaches in. A search finds such atoms only next to the border, and mistakes what
the others add for displacements of atoms inside, most of those next to it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.detection.state import SearchState
from aet_port.refinement.likelihood import Atoms, Likelihood, Views

REACH = 6.0  # angstrom beyond the border to which the sample is continued
EDGE = 1.0  # angstrom inside the border, within which atoms found are too far displaced to be kept
NEAREST = 0.9  # of the median distance of nearest neighbours, that atoms keep from each other
TRIES = 40  # copies of the strip inside, moved at random
ASIDE = 5.0  # angstrom by which they are moved along the border, at most


def border_distances(likelihood: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Distance of atoms from the nearer border of the middle image along y, angstrom.

    Parameters
    ----------
    likelihood
        Images.
    atoms, views
        The fit.

    Returns
    -------
    Shape (n_atoms,); negative outside.
    """
    return np.minimum(*_distances(likelihood, atoms, views))


def _distances(likelihood: Likelihood, atoms: Atoms, views: Views) -> NDArray[np.float64]:
    """Distances (2, n_atoms) from the borders at low and at high y, positive inside."""
    places = likelihood.places(atoms, views, len(likelihood) // 2)[:, 1]
    low = (places + 0.5) * likelihood.pixel_size
    return np.stack([low, likelihood.shape[1] * likelihood.pixel_size - low])


def continued(likelihood: Likelihood, state: SearchState, number: int) -> SearchState:
    """Atoms of a sample that fills the images, as far as its images show them.

    Those found farther than 1 angstrom from the borders, and across that line copies of them, moved
    outward, as many as fit between the others.

    Parameters
    ----------
    likelihood
        Images.
    state
        The end of a search.
    number
        Seed.

    Returns
    -------
    The state with other atoms, those kept first; as it was if fewer than two are kept.
    """
    rng = np.random.default_rng([number, 57])
    distances = _distances(likelihood, state.atoms, state.views) - EDGE
    kept = np.flatnonzero(distances.min(axis=0) > 0)
    if len(kept) < 2:
        return state
    found, distances, reach = state.atoms[kept], distances[:, kept], REACH + EDGE
    least = NEAREST * float(np.median(cKDTree(found.positions).query(found.positions, 2)[0][:, 1]))
    sources = np.arange(len(found))
    places = found.positions
    for inside, outward in zip(distances, (-1.0, 1.0), strict=True):
        strip = np.flatnonzero(inside < 2 * reach)
        for _ in range(TRIES):
            aside, away = rng.uniform(-ASIDE, ASIDE), rng.uniform(reach / 2, 2 * reach)
            beyond = away - inside[strip]
            own = strip[(beyond > 0) & (beyond < reach)]
            moved = found.positions[own] + [aside, outward * away, 0.0]
            if not len(own):
                continue
            free = cKDTree(places).query(moved)[0] > least
            places = np.concatenate([places, moved[free]])
            sources = np.concatenate([sources, own[free]])
    return replace(state, atoms=Atoms(places, found.heights[sources], found.kinds[sources]))
