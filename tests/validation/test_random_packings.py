"""Random packings have what they take from a model, and nothing else of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from aet_port.core.errors import InputError
from aet_port.validation.random_packings import RandomPackings, compare_with_packings
from tests.validation.test_frame_search import packing

MODEL = packing(400, seed=3)


@pytest.fixture(scope="module")
def packings() -> RandomPackings:
    return RandomPackings(MODEL, seed=1)


def test_number_distance_and_outline_are_those_of_the_model(packings: RandomPackings) -> None:
    drawn = list(packings.draw(5))
    nearest = cKDTree(MODEL).query(MODEL, k=2)[0][:, 1]
    assert packings.distance == pytest.approx(np.quantile(nearest, 0.02))
    # Half a neighbour distance beyond the outermost atoms: 3 % of the volume uncertain.
    assert packings.density == pytest.approx(0.03, rel=0.15)
    reach = np.linalg.norm(MODEL - MODEL.mean(axis=0), axis=1).max()
    for points in drawn:
        assert len(points) == len(MODEL)
        assert cKDTree(points).query(points, k=2)[0][:, 1].min() > 0.97 * packings.distance
        far = np.linalg.norm(points - MODEL.mean(axis=0), axis=1)
        assert far.max() < reach + 1.5  # angstrom: voxels of 0.6, and the number must be right
        # Uniform: the mean square radius of a ball is 3/5 of the square of its radius.
        assert np.mean(far**2) == pytest.approx(0.6 * reach**2, rel=0.12)
    assert len({points[0, 0] for points in drawn}) == 5


def test_a_gap_in_the_model_stays_open() -> None:
    places = 2.5 * np.stack(np.meshgrid(*[np.arange(9)] * 3), axis=-1).reshape(-1, 3)
    places = places[(places[:, 0] < 6) | (places[:, 0] > 14)]
    for points in RandomPackings(places, seed=2).draw(3):
        assert len(points) == len(places)
        inside = np.sum((points[:, 0] > 7) & (points[:, 0] < 13))
        assert inside < 0.02 * len(points)


def test_a_dense_crystal_gets_looser_packings() -> None:
    cell = np.array([[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2]], dtype=float)
    corners = 4.0 * np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 1, 3)
    packings = RandomPackings((corners + cell).reshape(-1, 3))
    # Spheres in contact fill 74 %; the packings 55 % of the volume, known to 15 % of so few atoms.
    assert packings.distance < 2.75 < 2 * np.sqrt(2)
    (points,) = packings.draw(1)
    assert cKDTree(points).query(points, k=2)[0][:, 1].min() > 0.95 * packings.distance


def test_only_what_knows_the_atoms_beats_them() -> None:
    rng = np.random.default_rng(4)
    good = MODEL + rng.normal(0, 0.2, MODEL.shape)
    found = compare_with_packings(good, MODEL, 1.0, 1.0, 20)
    assert (found.as_good, found.random) == (0, False)
    assert found.probability == pytest.approx(1 / 21)
    assert found.deviations > 10
    (points,) = RandomPackings(MODEL, seed=9).draw(1)
    recall = len(np.unique(cKDTree(MODEL).query(points, distance_upper_bound=1.0)[1])) / 401
    blind = compare_with_packings(points, MODEL, recall, 1.0, 20)
    assert blind.random
    assert abs(blind.deviations) < 4
    assert blind.probability > 0.04
    # Independent points of density 0.03 within 1 angstrom, one to one: a little less than one
    # minus exp(-density volume).
    expected = 1 - np.exp(-0.03 * 4 / 3 * np.pi)
    assert blind.packings.mean() == pytest.approx(expected, rel=0.2)


def test_a_searched_frame_is_searched_for_packings_too() -> None:
    model = packing(60, seed=5)
    plain = compare_with_packings(model, model, 1.0, 1.0, 20)
    searched = compare_with_packings(model, model, 1.0, 1.0, 30, any_frame=True)
    assert searched.frames_searched
    assert len(searched.packings) == 20
    assert searched.packings.mean() > plain.packings.mean() + 0.05
    assert not searched.random


def test_too_few_packings_or_atoms() -> None:
    with pytest.raises(InputError, match="20 or more"):
        compare_with_packings(MODEL, MODEL, 1.0, 1.0, 19)
    with pytest.raises(InputError, match="4 atoms or more"):
        RandomPackings(MODEL[:3])
    with pytest.raises(InputError, match="same place"):
        RandomPackings(np.zeros((9, 3)))
