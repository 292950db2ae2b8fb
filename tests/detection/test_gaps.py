"""Gaps between the atoms found, and atoms that are tried in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.detection import ending
from aet_port.detection.ending import with_gaps_filled
from aet_port.detection.gaps import places_in_gaps
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState
from aet_port.simulation import amorphous_particle
from tests.detection.samples import ta_series


def test_gaps_of_a_particle_are_where_atoms_were_taken_out() -> None:
    whole = amorphous_particle(400, "Ta", seed=4).positions
    nearest = cKDTree(whole).query(whole, 2)[0][:, 1]
    usual = float(np.median(nearest))
    inner = (np.linalg.norm(whole - whole.mean(axis=0), axis=1) < 8) & (nearest > usual)
    gone = np.flatnonzero(inner)[[0, 10, 20]]
    left = np.delete(whole, gone, axis=0)
    places = places_in_gaps(left)
    # At each vacancy, as near as its uneven surroundings let it be (0.06 to 0.14), and in the few
    # gaps that the packing has anyway.
    assert cKDTree(places).query(whole[gone])[0].max() < 0.3 * usual
    assert 3 <= len(places) < 0.1 * len(whole)
    size = cKDTree(left).query(places)[0]
    assert np.all(np.diff(size) <= 1e-9)
    assert size.min() > 0.98 * usual  # 0.99 of the median of those left
    # None lies at the surface: each has atoms on both sides along any direction.
    for place in places:
        away = left[np.linalg.norm(left - place, axis=1) < 2 * usual] - place
        for direction in np.random.default_rng(5).normal(size=(50, 3)):
            assert (away @ direction).min() < 0 < (away @ direction).max()


def test_few_atoms_have_no_gaps() -> None:
    assert places_in_gaps(np.random.default_rng(3).normal(size=(19, 3))).shape == (0, 3)


@pytest.fixture(scope="module")
def lacking() -> tuple[Search, SearchState, NDArray]:
    """The end of a search less one of its inner atoms, and the place of that one."""
    search = Search(ta_series(60), ("Ta",), threads=1)
    state = search.start()
    while not search.ended(state):
        state = search.round(state)
    state = search.finish(state)
    places = state.atoms.positions
    middle = int(np.argmin(np.linalg.norm(places - places.mean(axis=0), axis=1)))
    kept = np.arange(len(places)) != middle
    wide = state.covariances * (state.lightest / 9) ** 2 / state.covariances[:, :1, :1]
    fewer = replace(state, atoms=state.atoms[kept], covariances=wide[kept], free=state.free[kept])
    return search, fewer, places[middle]


def _blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found in score maps, so that only gaps are left."""
    monkeypatch.setattr(Search, "find", lambda *_: (np.empty((0, 6)), 9.0))


def test_an_atom_that_left_a_gap_is_found_there(
    lacking: tuple[Search, SearchState, NDArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, state, place = lacking
    _blind(monkeypatch)
    found = with_gaps_filled(search, state)
    assert len(found.atoms) == len(state.atoms) + 1 == 60
    # The images, not the gap, tell the place, within several of its standard errors.
    gaps = places_in_gaps(state.atoms.positions)
    assert cKDTree(gaps).query(place)[0] > 0.1
    assert cKDTree(found.atoms.positions).query(place)[0] < 0.05
    assert found.rounds == state.rounds
    assert found.known == state.known


def test_sure_heights_leave_gaps_alone(
    lacking: tuple[Search, SearchState, NDArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, state, _ = lacking
    _blind(monkeypatch)
    sure = replace(state, covariances=state.covariances / 100)
    assert with_gaps_filled(search, sure) is sure


@pytest.mark.parametrize("gaps", [0, 12])
def test_no_atoms_are_tried_without_gaps_nor_in_those_of_the_structure(
    gaps: int, lacking: tuple[Search, SearchState, NDArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, state, place = lacking
    # One of them holds an atom, but one for every fifth of 59 atoms is too many.
    monkeypatch.setattr(ending, "places_in_gaps", lambda _: np.tile(place, (gaps, 1)))
    assert with_gaps_filled(search, state) is state


def test_gaps_that_hold_no_atoms_change_nothing(
    lacking: tuple[Search, SearchState, NDArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    search, state, _ = lacking
    filled = with_gaps_filled(search, state)
    wide = filled.covariances * (filled.lightest / 9) ** 2 / filled.covariances[:, :1, :1]
    # An atom is tried where none is, and however much better the fit, not one more is found.
    monkeypatch.setattr(ending, "places_in_gaps", lambda _: np.array([[0.0, 0.0, 10.5]]))
    monkeypatch.setattr(ending, "_cost", lambda _, one: 0.0 if one is whole else -1e9)
    whole = replace(filled, covariances=wide)
    assert whole.unsure
    assert with_gaps_filled(search, whole) is whole


@pytest.mark.parametrize(("gain", "taken"), [(-1.0, False), (0.9, False), (1.1, True)])
def test_filled_gaps_must_gain_the_price_of_the_accepted_wrong_atoms(
    gain: float,
    taken: bool,
    lacking: tuple[Search, SearchState, NDArray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search, state, _ = lacking
    gaps = len(places_in_gaps(state.atoms.positions))
    _blind(monkeypatch)
    monkeypatch.setattr(ending, "_price", lambda *_: 5.0)
    monkeypatch.setattr(ending, "TURNS", 1)
    least = float(ending.norm.isf(min(0.01 * 60 / gaps, 0.5))) ** 2 / 2

    def cost(_: Search, one: SearchState) -> float:
        # Of the end, the cost holds the price of one more atom.
        return 5.0 - least - gain * 0.01 * 60 * 5.0 if len(one.atoms) == 60 else 0.0

    monkeypatch.setattr(ending, "_cost", cost)
    assert (len(with_gaps_filled(search, state).atoms) == 60) == taken
