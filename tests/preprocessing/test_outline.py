"""The outline of a volume seen along each direction, against shadows that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.preprocessing.outline import sample_outline

N = 41
ANGLES = np.array([[0.0, 0.0, 0.0], [0.0, 50.0, 0.0], [10.0, -65.0, 20.0]])
GRID = np.stack(np.meshgrid(*[np.arange(N) - N // 2] * 3, indexing="ij"), axis=-1)


def shadow(place: np.ndarray, radius: float, detector: tuple[int, int]) -> np.ndarray:
    x, y = (np.arange(n) - n // 2 for n in detector)
    return (x[:, None] - place[0]) ** 2 + (y - place[1]) ** 2 <= radius**2


def test_a_ball_beside_the_axis_has_round_shadows() -> None:
    place, radius = np.array([4.0, -3.0, 5.0]), 9.0
    ball = (((GRID - place) ** 2).sum(axis=-1) <= radius**2).astype(float)
    noise = np.random.default_rng(1).normal(0, 0.2, ball.shape)
    volume = ball + noise
    volume[2:4, 2:4, 2:4] += 3  # a speck beside it is none of the sample
    masks = sample_outline(volume, ANGLES, (51, 47), margin=3.0, blur=1.5)
    assert masks.shape == (3, 51, 47)
    for mask, rotation in zip(masks, euler_rotations(ANGLES), strict=True):
        seen = (rotation @ place)[:2]
        # The threshold moves the outline by less than the blur, pixels by half of one.
        assert (mask | ~shadow(seen, radius + 1, (51, 47))).all()
        assert (~mask | shadow(seen, radius + 3 + 2.5, (51, 47))).all()


def test_a_hole_in_a_volume_is_inside() -> None:
    distance = np.linalg.norm(GRID, axis=-1)
    shell = ((distance < 13) & (distance > 8)).astype(float)
    masks = sample_outline(shell, ANGLES, (N, N), margin=0.0, blur=1.0)
    assert all(mask[N // 2, N // 2] for mask in masks)
    # A low threshold lies up to the blur outside, pixels half of one.
    area = masks.sum(axis=(1, 2)) / np.pi
    assert ((area > 13**2) & (area < 14.5**2)).all()


def test_margin_is_a_distance() -> None:
    ball = (np.linalg.norm(GRID, axis=-1) < 8).astype(float)
    tight, wide = (sample_outline(ball, ANGLES, (N, N), margin) for margin in (0.0, 4.0))
    for inner, outer in zip(tight, wide, strict=True):
        np.testing.assert_array_equal(outer, ndimage.distance_transform_edt(~inner) <= 4)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (np.zeros((5, 5)), r"volume: found shape \(5, 5\)"),
        (np.ones((9, 9, 9)), "volume: found the same value everywhere"),
    ],
)
def test_refuses_what_is_no_sample(volume: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sample_outline(volume, ANGLES, (N, N))


def test_names_the_image_that_misses_the_sample() -> None:
    volume = np.zeros((N, N, N))
    volume[36:40, 18:22, 18:22] = 1
    with pytest.raises(InputError, match="image 0: found a sample entirely off the detector"):
        sample_outline(volume, ANGLES, (11, 11), blur=0.5)


def test_refuses_a_margin_below_zero() -> None:
    with pytest.raises(InputError, match=r"margin: found -1\.0; expected pixels, zero or more"):
        sample_outline(np.zeros((9, 9, 9)), ANGLES, (N, N), margin=-1.0)
