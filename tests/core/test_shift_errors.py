"""Shifts that are noise stay out, shifts of a displaced series are applied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.image_shift import shift_images
from aet_port.core.shift_errors import exceed_errors


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 10))
@settings(max_examples=50, deadline=None)
def test_noise_moves_hardly_any_image(seed: int, error: float) -> None:
    errors = np.full((40, 2), error)
    shifts = np.random.default_rng(seed).normal(0, error, (40, 2))
    # 0.27 % of normal deviates exceed three standard errors: 0.1 of 40.
    assert exceed_errors(shifts, errors).sum(axis=0).max() <= 4


@given(st.integers(0, 2**32 - 1), st.floats(5, 500))
@settings(max_examples=50, deadline=None)
def test_a_displaced_series_moves_where_it_exceeds_its_errors(seed: int, ratio: float) -> None:
    errors = np.full((40, 2), 0.1)
    shifts = np.random.default_rng(seed).uniform(-0.1, 0.1, (40, 2)) * ratio
    np.testing.assert_array_equal(exceed_errors(shifts, errors), np.abs(shifts) > errors)


def test_one_displaced_image_of_an_aligned_series_moves() -> None:
    shifts = np.random.default_rng(3).normal(0, 0.1, (20, 2)).clip(-0.25, 0.25)
    shifts[7, 1] = 2.0
    real = exceed_errors(shifts, np.full((20, 2), 0.1))
    assert np.argwhere(real).tolist() == [[7, 1]]


def test_without_noise_any_shift_counts_and_zero_never() -> None:
    shifts = np.array([[0.0, 0.3], [0.0, 0.0], [0.0, 0.1]])
    np.testing.assert_array_equal(exceed_errors(shifts, np.zeros((3, 2))), shifts > 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_image_that_is_not_shifted_keeps_every_bit(dtype: type) -> None:
    images = np.random.default_rng(1).normal(0, 1, (2, 21, 20)).astype(dtype)
    moved = shift_images(images, [[0, 0], [0.5, 0]])
    np.testing.assert_array_equal(moved[0], images[0])
    assert np.abs(moved[1] - images[1]).max() > 0.1
