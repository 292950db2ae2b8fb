"""Matter beyond the border of images, for simulated images of films."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.data import TiltSeries
from aet_port.detection import memory
from aet_port.detection.outside import EDGE, REACH, border_distances, continued
from aet_port.detection.probe import Probe
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT
from aet_port.detection.state import SearchState
from tests.detection.samples import ANGLES, PIXEL, SHAPE, atoms_at, flat_views, likelihood

DISTANCE = 2.8  # angstrom


def slab() -> NDArray[np.float64]:
    """A simple cubic slab that fills the images, 22 by 20 angstrom, without its own outside."""
    half = np.array(SHAPE) * PIXEL / 2
    x, y, z = (np.arange(-h, h, DISTANCE) + DISTANCE / 2 for h in (*half, 6.0))
    return np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)


def state_of(places: NDArray) -> SearchState:
    covariances = np.broadcast_to(np.eye(4), (len(places), 4, 4)).copy()
    return SearchState(
        atoms_at(places), flat_views(), Probe(6.0, 25.0), covariances, np.full(len(places), 200.0)
    )


def test_distances_are_from_the_edge_of_the_nearer_pixel() -> None:
    made = likelihood(np.zeros((len(ANGLES), *SHAPE), np.float32))
    # 40 pixels of 0.5 angstrom, the centre at pixel 20: borders at -10.25 and 9.75 angstrom.
    atoms = atoms_at(np.array([[0, -9.25, 0], [3, 9.25, 5], [0, 10.75, 0], [0, 0, 0]]))
    found = border_distances(made, atoms, flat_views())
    np.testing.assert_allclose(found, [1.0, 0.5, -1.0, 9.75], atol=1e-9)


def test_a_film_goes_on_beyond_the_border() -> None:
    made = likelihood(np.zeros((len(ANGLES), *SHAPE), np.float32))
    state = state_of(slab())
    whole = continued(made, state, 0)
    inside = border_distances(made, state.atoms, state.views)
    kept = state.atoms.positions[inside > EDGE]  # next to the border, they are displaced
    assert 0.6 * len(inside) < len(kept) < len(inside)  # some of the outermost of 8 layers are not
    np.testing.assert_array_equal(whole.atoms.positions[: len(kept)], kept)
    added = whole.atoms.positions[len(kept) :]
    outside = border_distances(made, atoms_at(added), flat_views())
    assert np.all((outside < EDGE) & (outside > -REACH))
    nearest = cKDTree(whole.atoms.positions).query(whole.atoms.positions, 2)[0][:, 1]
    assert nearest.min() > 0.9 * DISTANCE - 1e-9
    # On both sides, and about as dense as inside: copies at random fill about half of a lattice.
    within, layers = np.abs(added[:, 0]) < SHAPE[0] * PIXEL / 2, len(np.unique(slab()[:, 2]))
    for side in (added[:, 1] < 0, added[:, 1] > 0):
        density = np.sum(side & within) / ((REACH + EDGE) * SHAPE[0] * PIXEL * layers * DISTANCE)
        assert 0.4 < density * DISTANCE**3 < 1.2
    few = state_of(slab()[inside <= EDGE])
    assert continued(made, few, 0) is few
    again = continued(made, state, 0)
    assert again.atoms.positions.tobytes() == whole.atoms.positions.tobytes()


def test_the_wider_volume_of_a_film_needs_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with what NumPy allocates for the score map."""
    tilts = np.array([[0.0, tilt, 0.0] for tilt in np.linspace(-60, 60, 8)])
    rng = np.random.default_rng(1)
    images = rng.poisson(20 + 5 * rng.random((8, 120, 100))).astype(np.float32)
    series, settings = TiltSeries(images, tilts, 0.5), DETECT.changed(extended=True, depth=60.0)
    needs: list[float] = []
    monkeypatch.setattr(memory, "check_memory", lambda work, needed, advice: needs.append(needed))
    search = Search(series, ["Ta"], settings, 1)
    assert np.prod(search.volume) > 2 * 120 * 100 * 120
    state = search.start()
    expected = search.expected(state)
    search.score_map(state, expected)  # what is compiled is no part of it
    tracemalloc.start()
    try:
        search.score_map(state, expected)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    narrow, wide = needs
    assert peak < wide < 2 * peak  # scores, which come later, need as much again as the map
    assert narrow < wide / 2
