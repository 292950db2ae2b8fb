"""Linear transforms of images: against a slow sum of splines, a known turn and shift, a bell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from aet_port.core.errors import InputError
from aet_port.core.image_transforms import transform_images


def bell(nx: int, ny: int, x: float, y: float) -> np.ndarray:
    """A Gaussian of 3 pixels at a place from the middle between the edges."""
    u = np.arange(nx) + 0.5 - nx / 2 - x
    v = np.arange(ny) + 0.5 - ny / 2 - y
    return np.exp(-(u[:, None] ** 2) / 18) * np.exp(-(v[None] ** 2) / 18)


@pytest.mark.parametrize(("nx", "ny"), [(48, 48), (49, 40)])
def test_turn_and_shift_of_a_bell(nx, ny):
    """What is at u goes to A u + d, about the middle of the edges, for even and odd sides."""
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([2.25, -3.5])
    start = np.array([5.0, 4.0])
    made = transform_images(bell(nx, ny, *start)[None], turn[None], shift[None])[0]
    expected = bell(nx, ny, *(turn @ start + shift))
    near = expected > 1e-3  # far from the edges of the image that was turned
    # A spline of fifth order is exact to 1e-4 for this width; half a pixel would change 0.1.
    np.testing.assert_allclose(made[near], expected[near], atol=2e-4)


def test_against_one_dimensional_splines():
    """Scale and shift along the axes separate into one-dimensional interpolations."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(15, 12))
    scale, shift = np.array([1.25, 0.8]), np.array([0.75, -1.5])
    made = transform_images(image[None], np.diag(scale)[None], shift[None])[0]
    values = image - image.mean()
    inside = []
    for axis, n in enumerate(image.shape):
        places = (np.arange(n) - (n - 1) / 2 - shift[axis]) / scale[axis] + (n - 1) / 2
        # Mirrored edges, as the filter of the library takes them.
        far = np.arange(-3 * n, 4 * n)
        period = 2 * n - 2
        index = np.where(far % period >= n, period - far % period, far % period)
        values = make_interp_spline(far, np.take(values, index, axis=axis), k=5, axis=axis)(places)
        inside.append((places >= 0) & (places <= n - 1))
    expected = np.where(np.outer(*inside), values, 0) + image.mean()
    # What the ends of the mirrored line do decays by 0.43 per pixel, over 36 of them.
    np.testing.assert_allclose(made, expected, atol=1e-9)


def test_shift_by_whole_pixels_and_identity():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 99, (3, 7, 6)).astype(np.float32)
    unit = np.stack([np.eye(2)] * 3)
    made = transform_images(images, unit, [[0, 0], [2, 0], [0, -1]])
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[0], images[0])
    np.testing.assert_allclose(made[1, 2:], images[1, :-2], atol=1e-4)
    np.testing.assert_allclose(made[2, :, :-1], images[2, :, 1:], atol=1e-4)
    np.testing.assert_allclose(made[1, :2], images[1].mean(), rtol=1e-6)


def test_there_and_back():
    image = bell(64, 60, 3, -2)[None]
    turn = np.array([[0.9, -0.3], [0.25, 1.1]])
    there = transform_images(image, turn[None], [[1.5, 2.0]])
    inverse = np.linalg.inv(turn)
    back = transform_images(there, inverse[None], [-inverse @ [1.5, 2.0]])
    near = image > 1e-2
    np.testing.assert_allclose(back[near], image[near], atol=1e-3)


@pytest.mark.parametrize(
    ("images", "matrices", "shifts", "message"),
    [
        (np.ones((4, 4)), [np.eye(2)], [[0, 0]], "no axis empty"),
        (np.ones((2, 4, 4)), [np.eye(2)], [[0, 0]], "one for each image"),
        (np.ones((1, 4, 4)), [np.ones((2, 2))], [[0, 0]], "with an inverse"),
        (np.ones((1, 4, 4)), [np.eye(2)], [[np.nan, 0]], "transform 0.*finite numbers"),
        (np.ones((1, 4, 4)), [np.full((2, 2), np.nan)], [[0, 0]], "with an inverse"),
    ],
)
def test_bad_input(images, matrices, shifts, message):
    with pytest.raises(InputError, match=message):
        transform_images(images, matrices, shifts)
