"""Rotation of images that brings the tilt axis along y."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.core.image_rotation import turn_images


def bell(nx: int, ny: int, x: float, y: float) -> np.ndarray:
    """A Gaussian of 3 pixels at a place from pixel (nx // 2, ny // 2)."""
    u, v = np.arange(nx) - nx // 2 - x, np.arange(ny) - ny // 2 - y
    return np.exp(-(u[:, None] ** 2) / 18) * np.exp(-(v[None] ** 2) / 18)


@given(angle=st.floats(-180, 180), radius=st.floats(0, 9))
@settings(max_examples=30)
def test_a_place_on_the_axis_comes_to_y(angle, radius):
    """The axis has the direction (sin a, cos a); so has what lies on it, up to its distance."""
    place = radius * np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    turned = turn_images(bell(49, 48, *place)[None], angle)[0]
    expected = bell(*turned.shape, 0, radius)
    near = expected > 1e-3
    # Error of a fifth-order spline for a width of 3 pixels; a turn the wrong way changes 1.
    np.testing.assert_allclose(turned[near], expected[near], atol=2e-4)


@pytest.mark.parametrize("shape", [(2, 6, 8), (2, 5, 8), (1, 7, 5)])
@pytest.mark.parametrize("quarters", [-2, -1, 0, 1, 2, 3, 4])
def test_quarter_turns_move_pixels_without_interpolation(shape, quarters):
    """Against a loop over pixels; the edge that an even side lacks is mirrored."""
    images = np.random.default_rng(0).integers(0, 99, shape).astype(np.uint16)
    turned = turn_images(images, 90 * quarters)
    assert turned.dtype == np.uint16
    n, nx, ny = shape
    mx, my = (ny, nx) if quarters % 2 else (nx, ny)
    assert turned.shape == (n, mx, my)
    c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters % 4]
    for x in range(mx):
        for y in range(my):
            u, v = x - mx // 2, y - my // 2
            i, j = c * u + s * v + nx // 2, -s * u + c * v + ny // 2
            i, j = (nx - 2 if i == nx else i), (ny - 2 if j == ny else j)
            np.testing.assert_array_equal(turned[:, x, y], images[:, i, j])


def test_quarter_turns_are_the_limit_of_others():
    images = bell(40, 40, 4, -6)[None]
    for quarter in (-90, 90, 180):
        close = turn_images(images, quarter + 1e-7)
        np.testing.assert_allclose(turn_images(images, quarter), close, atol=1e-6)


@given(angle=st.floats(-180, 180))
@settings(max_examples=10)
def test_there_and_back(angle):
    image = bell(49, 49, 5, 3)[None]
    back = turn_images(turn_images(image, angle), -angle)
    near = image > 1e-2
    np.testing.assert_allclose(back[near], image[near], atol=1e-3)


@pytest.mark.parametrize(
    ("images", "angle", "message"),
    [
        (np.ones((4, 4)), 0, "no axis empty"),
        (np.ones((0, 4, 4)), 90, "no axis empty"),
        (np.ones((1, 4, 4)), np.nan, "a finite number of degrees"),
        (np.ones((1, 4, 4)), np.inf, "a finite number of degrees"),
    ],
)
def test_bad_input(images, angle, message):
    with pytest.raises(InputError, match=message):
        turn_images(images, angle)
