"""Peaks of difference maps at known places; difference of two volumes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.errors import InputError
from aet_port.tracing import difference_map, find_map_peaks, subtract_volume
from tests.tracing.test_difference_maps import ORIGIN, SIZE, WIDTH, as_volume, gaussians

SHAPE = (40, 36, 44)


@pytest.fixture(scope="module")
def places() -> NDArray[np.float64]:
    """A shaken lattice with 3.4 angstrom between atoms."""
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(3, 17, 3.4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return grid + rng.uniform(-0.3, 0.3, grid.shape) + ORIGIN


def test_removed_and_moved_atoms_are_found(places: NDArray[np.float64]) -> None:
    """Model without atom 7 and with atom 20 moved by 1.5 angstrom."""
    noise = np.random.default_rng(6).normal(0, 0.03, SHAPE)
    volume = as_volume(gaussians(places, np.full(len(places), 2.0)) + noise)
    moved = places.copy()
    moved[20] += [0.9, 0, 1.2]
    model = AtomicModel.from_positions(np.delete(moved, 7, axis=0), "Ta")
    found = difference_map(volume, model, width=WIDTH)
    peaks = find_map_peaks(found.difference, model, width=WIDTH, number=2)
    rows = peaks.rows(found.heights)
    assert len(rows) == 4
    plus = peaks.positions[peaks.heights > 0]
    assert np.linalg.norm(plus[0] - places[7]) < 0.1
    # Half of the moved atom's Gaussian overlaps its place in the model, which pushes the peaks
    # apart; without overlap they would be where it is and where it was put.
    assert np.linalg.norm(plus[1] - places[20]) < 0.5
    minus = peaks.positions[peaks.heights < 0]
    assert np.linalg.norm(minus[0] - moved[20]) < 0.5
    first = rows[0]
    assert (first["sign"], first["species"]) == ("+", "Ta")
    assert first["of_atom"] == pytest.approx(1, abs=0.1)
    nearest = np.linalg.norm(model.positions - plus[0], axis=1)
    assert first["distance"] == pytest.approx(nearest.min())
    assert first["atom"] == nearest.argmin()
    lowest = next(row for row in rows if row["sign"] == "-")
    assert lowest["atom"] == 19  # atom 20, since atom 7 is gone
    assert lowest["distance"] < 0.5
    assert abs(rows[0]["sigmas"]) > 5
    order = np.abs(peaks.heights)
    assert (np.diff(order) <= 0).all()


def test_height_is_that_of_the_gaussian() -> None:
    """At any place between voxels, within what the tails and the parabola leave."""
    rng = np.random.default_rng(7)
    for _ in range(5):
        place = ORIGIN + rng.uniform(6, 12, 3)
        volume = as_volume(gaussians([place], [-3.0]))
        peaks = find_map_peaks(volume, width=WIDTH, number=1)
        lowest = int(np.argmin(peaks.heights))
        assert peaks.heights[lowest] == pytest.approx(-3.0, rel=0.06)  # half a voxel off centre
        assert np.linalg.norm(peaks.positions[lowest] - place) < 0.02
        assert np.isnan(peaks.distances).all()
        assert "atom" not in peaks.rows()[0]


def test_peaks_keep_apart_and_are_limited() -> None:
    rng = np.random.default_rng(8)
    volume = Volume(rng.normal(size=(30, 30, 30)), 0.5)
    many = find_map_peaks(volume, number=1000, minimum_distance=0.0)
    few = find_map_peaks(volume, number=1000, minimum_distance=3.0)
    assert len(few) < len(many)
    for sign in (1, -1):
        kept = few.positions[np.sign(few.heights) == sign]
        gaps = np.linalg.norm(kept[:, None] - kept, axis=2) + 100 * np.eye(len(kept))
        assert gaps.min() >= 3.0
    assert len(find_map_peaks(volume, number=3)) == 6
    np.testing.assert_allclose(find_map_peaks(volume, number=3).heights[:1], many.heights[:1])
    for words in ({"number": 0}, {"width": 0.0}, {"minimum_distance": -1.0}):
        with pytest.raises(InputError):
            find_map_peaks(volume, **words)


def test_scaled_difference_of_volumes() -> None:
    """The scale does not matter, and what is different is left."""
    array = np.random.default_rng(9).normal(size=(20, 21, 22))
    other = 0.2 * array - 4
    other[5, 6, 7] -= 1.0
    found = subtract_volume(Volume(array, SIZE, ORIGIN), Volume(other, SIZE))
    assert found.scale == pytest.approx(5, rel=0.01)
    assert found.offset == pytest.approx(20, rel=0.01)
    peaks = find_map_peaks(found.difference, number=1)
    np.testing.assert_allclose(peaks.positions[0], ORIGIN + SIZE * np.array([5, 6, 7]), atol=0.05)
    assert found.difference.array[5, 6, 7] == pytest.approx(5, rel=0.02)
    expected = np.corrcoef(array.ravel(), other.ravel())[0, 1]
    assert found.correlation == pytest.approx(expected)
    plain = subtract_volume(Volume(array, SIZE), Volume(other, SIZE), scaled=False)
    np.testing.assert_allclose(plain.difference.array, array - other)
    with pytest.raises(InputError, match="shape"):
        subtract_volume(Volume(array, SIZE), Volume(array[1:], SIZE))
    with pytest.raises(InputError, match="one value"):
        subtract_volume(Volume(array, SIZE), Volume(np.ones_like(array), SIZE))
