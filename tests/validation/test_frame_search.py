"""Frames that are known are found again, and an ambiguous one is called that."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.validation import find_frame

EVERY = [
    (signs[0] + order[0], signs[1] + order[1], signs[2] + order[2])
    for order in permutations("xyz")
    for signs in product(("", "-"), repeat=3)
]


def packing(n: int = 200, seed: int = 0) -> NDArray:
    """Random points at least 2 angstrom apart in a ball, centred elsewhere."""
    rng = np.random.default_rng(seed)
    radius = (3 * n / (4 * np.pi * 0.03)) ** (1 / 3)
    kept = np.empty((0, 3))
    while len(kept) < n:
        point = rng.uniform(-radius, radius, 3)
        near = np.sum((kept - point) ** 2, axis=1)
        if np.linalg.norm(point) < radius and (not len(kept) or near.min() > 4):
            kept = np.concatenate([kept, point[None]])
    return kept + np.array([3.0, -1.0, 2.0])


TRUTH = packing()


def signed(axes: tuple[str, ...]) -> NDArray:
    rows = {"x": [1, 0, 0], "y": [0, 1, 0], "z": [0, 0, 1]}
    return np.array([np.array(rows[a[-1]]) * (-1 if a[0] == "-" else 1) for a in axes], dtype=float)


# Eight of the 48, among them both hands: all take half a minute.
@pytest.mark.parametrize("axes", EVERY[::7], ids="".join)
def test_a_frame_is_found_again(axes: tuple[str, str, str]) -> None:
    rng = np.random.default_rng(EVERY.index(axes))
    turn = Rotation.from_rotvec(np.radians(3) * np.array([2, -1, 2]) / 3).as_matrix()
    matrix, shift = turn @ signed(axes), np.array([2.0, -7.0, 4.5])
    found = TRUTH @ matrix.T + shift + rng.normal(0, 0.1, TRUTH.shape)
    kept = rng.permutation(len(TRUTH))[:170]
    invented = rng.uniform(-9, 9, (10, 3)) + (TRUTH @ matrix.T + shift).mean(axis=0)
    frame = find_frame(np.concatenate([found[kept], invented]), TRUTH, 1.0)
    assert frame.axes == axes
    assert frame.mirrored == (np.linalg.det(matrix) < 0)
    assert frame.reordered == (axes != ("x", "y", "z"))
    # 170 atoms to 0.1 angstrom, 8 angstrom from the middle: 0.05 degrees.
    assert frame.angle == pytest.approx(3, abs=0.3)
    np.testing.assert_allclose(frame.matrix, matrix, atol=6e-3)
    np.testing.assert_allclose(frame.move(TRUTH), TRUTH @ matrix.T + shift, atol=0.15)
    np.testing.assert_allclose(frame.back(frame.move(TRUTH)), TRUTH, atol=1e-9)
    assert frame.pairs >= 170
    assert frame.rmsd == pytest.approx(0.1 * np.sqrt(3), rel=0.25)
    assert not frame.ambiguous


def test_a_crystal_stays_in_its_own_frame_and_is_ambiguous() -> None:
    places = 3.0 * np.stack(np.meshgrid(*[np.arange(5)] * 3), axis=-1).reshape(-1, 3)
    frame = find_frame(places + np.array([0.2, 0.1, 0.0]), places)
    assert frame.axes == ("x", "y", "z")
    assert (frame.pairs, frame.ambiguous) == (125, True)
    np.testing.assert_allclose(frame.shift, [0.2, 0.1, 0], atol=1e-9)


def test_moved_model_keeps_species_and_arrays() -> None:
    model = AtomicModel.from_positions(TRUTH, ["Ta", "Pd"] * 100, q=np.arange(200.0))
    frame = find_frame(TRUTH[:, ::-1], model)
    moved = frame.moved(model)
    assert moved.species == model.species
    np.testing.assert_array_equal(moved.atoms.arrays["q"], np.arange(200.0))
    np.testing.assert_allclose(moved.positions, TRUTH[:, ::-1], atol=1e-6)
    np.testing.assert_array_equal(model.positions, TRUTH)


def test_what_has_no_frame() -> None:
    with pytest.raises(InputError, match="4 atoms or more"):
        find_frame(TRUTH[:3], TRUTH)
    with pytest.raises(InputError, match="radius"):
        find_frame(TRUTH, TRUTH, radius=0)
