"""Images moved by parts of a pixel, and how far one lies from another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.core.errors import InputError
from aet_port.core.image_shift import MARGIN, fourier_shift, measure_shift, shift_images
from matlab_reference import golden_path


def blobs(
    shape: tuple[int, int], moved: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> NDArray:
    """Ten Gaussians well inside an image, evaluated at their exact places."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")
    image = np.zeros(shape)
    for place in rng.uniform(0.35, 0.65, (10, 2)) * shape:
        u, v = place + moved
        image += np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 1.5**2))
    return image


@settings(max_examples=40)
@given(
    st.tuples(st.integers(28, 41), st.integers(28, 41)),
    st.floats(-4, 4),
    st.floats(-4, 4),
)
def test_a_shift_moves_the_exact_image(shape: tuple[int, int], dx: float, dy: float) -> None:
    # What a Gaussian of 1.5 pixels has beyond the Nyquist frequency: exp(-(1.5 pi)^2 / 2) = 1.5e-5.
    np.testing.assert_allclose(
        fourier_shift(blobs(shape), (dx, dy)), blobs(shape, (dx, dy)), atol=3e-4
    )


@pytest.mark.parametrize("shape", [(7, 8), (8, 7), (9, 9), (6, 10)])
def test_whole_pixels_roll_and_shifts_add_up(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).normal(size=shape)
    # Double precision, a hundred numbers.
    np.testing.assert_allclose(
        fourier_shift(noise, (2, -3)), np.roll(noise, (2, -3), (0, 1)), atol=1e-13
    )
    smooth = blobs((31, 33))  # an even side loses half of its last frequency
    there = fourier_shift(fourier_shift(smooth, (0.3, -1.7)), (-0.3, 1.7))
    np.testing.assert_allclose(there, smooth, atol=1e-12)


@pytest.mark.parametrize("case", range(1, 9))
def test_golden(case: int) -> None:
    golden = loadmat(golden_path("am__My_FourierShift__odd_even_subpixel.mat"))
    shift = [golden[f"in_{case}_{name}"].item() for name in ("dy", "dx")]  # y is MATLAB's rows
    moved = fourier_shift(golden[f"in_{case}_img"], shift)
    # Double precision, 72 numbers.
    np.testing.assert_allclose(moved, golden[f"out_{case}"].real, atol=1e-12)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(28, 41), st.integers(28, 41)),
    st.floats(-5, 5),
    st.floats(-5, 5),
    st.integers(0, 100),
)
def test_measured_shift(shape: tuple[int, int], dx: float, dy: float, seed: int) -> None:
    reference = blobs(shape, seed=seed)
    moved = 3.7 * blobs(shape, (dx, dy), seed) + 0.4
    # The highest of the sampled sums lies within a step of the top; where the peak is oblique, not
    # always within half a step.
    for zoom in (1, 10, 100):
        found = measure_shift(moved, reference, zoom)
        np.testing.assert_allclose(found, (dx, dy), atol=1 / zoom)


def test_the_search_equals_the_sum_on_every_point() -> None:
    reference, moved = blobs((16, 15), seed=3), blobs((16, 15), (1.23, -0.61), seed=3)
    steps = np.arange(-300, 301) / 100
    heights = [
        [float(np.sum(moved * fourier_shift(reference, (dx, dy)))) for dy in steps[200:300:5]]
        for dx in steps[400:450:5]
    ]
    row, column = np.unravel_index(np.argmax(heights), (10, 20))
    slow = (steps[400:450:5][row], steps[200:300:5][column])
    np.testing.assert_allclose(measure_shift(moved, reference, 20), slow, atol=1e-12)


def test_nothing_wraps_around_a_border() -> None:
    ramp = np.add.outer(np.arange(20.0), 0.2 * np.arange(24.0))
    moved = shift_images(np.stack([ramp, ramp]).astype(np.float32), [[1.5, -0.5], [0, 0]])
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved[1], ramp, atol=1e-5)  # single precision
    # Away from the mirrored edge the ramp goes on; a periodic shift would bring the far end in.
    np.testing.assert_allclose(moved[0][6:-6, 6:-6], (ramp - 1.5 + 0.1)[6:-6, 6:-6], atol=0.1)
    assert np.abs(moved[0][:3] - ramp[:3]).max() < 3
    assert np.abs(fourier_shift(ramp, (1.5, 0))[:3] - ramp[:3]).max() > 8
    small = np.ones((1, 3, 4))  # narrower than the mirrored edge
    assert MARGIN > 4
    np.testing.assert_allclose(shift_images(small, [[0.4, 1.0]]), small, atol=1e-12)


@pytest.mark.parametrize(
    ("shifts", "named"),
    [
        (np.zeros((3, 2)), "shifts"),
        (np.array([[0, 0], [0, 9.0]]), "image 1"),
        (np.array([[np.nan, 0], [0, 0]]), "image 0"),
    ],
)
def test_bad_shifts_are_named(shifts: NDArray, named: str) -> None:
    with pytest.raises(InputError, match=named):
        shift_images(np.ones((2, 8, 9)), shifts)


def test_bad_images_are_named() -> None:
    with pytest.raises(InputError, match="images"):
        measure_shift(np.ones((4, 5)), np.ones((5, 4)))
    with pytest.raises(InputError, match="zoom"):
        measure_shift(np.ones((4, 4)), np.ones((4, 4)), 0)
