"""Background: the sparse solve against a dense one, harmonic functions, masks and bias."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.preprocessing.background import (
    laplace_fill,
    otsu_split,
    remove_background,
    sample_mask,
)
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.settings import RawFrameSettings

PIXEL = 0.3216


def dense_fill(image: NDArray, mask: NDArray) -> NDArray:
    """The same equation, one row per pixel of the whole image, solved without sparsity."""
    nx, ny = image.shape
    matrix, right = np.eye(nx * ny), image.ravel().copy()
    for x, y in np.argwhere(mask):
        around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
        inside = [(a, b) for a, b in around if 0 <= a < nx and 0 <= b < ny]
        row = x * ny + y
        right[row] = 0
        for a, b in inside:
            matrix[row, a * ny + b] = -1 / len(inside)
    return np.linalg.solve(matrix, right).reshape(nx, ny)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(2, 14), st.integers(2, 14)), st.integers(0, 10**6), st.floats(0.1, 0.95)
)
def test_the_sparse_solve_is_the_dense_one(shape: tuple[int, int], seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    image, mask = rng.normal(size=shape) * 100, rng.random(shape) < part
    mask.flat[rng.integers(mask.size)] = False
    np.testing.assert_allclose(laplace_fill(image, mask), dense_fill(image, mask), atol=1e-8)


def test_harmonic_functions_are_kept_and_borders_bound() -> None:
    x, y = np.meshgrid(np.arange(30.0), np.arange(26.0), indexing="ij")
    mask = (x - 14) ** 2 + (y - 12) ** 2 < 90
    for harmonic in (2 + 0.5 * x - y, x * y, x**2 - y**2):  # also of the discrete operator
        spoilt = np.where(mask, 1e6, harmonic)
        np.testing.assert_allclose(laplace_fill(spoilt, mask), harmonic, atol=1e-9)
    rough = np.random.default_rng(0).normal(size=mask.shape)
    filled = laplace_fill(rough, mask)[mask]
    assert rough[~mask].min() < filled.min()
    assert filled.max() < rough[~mask].max()
    np.testing.assert_array_equal(laplace_fill(rough, np.zeros_like(mask)), rough)


def test_otsu_splits_two_levels() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(1, 0.1, 3000), rng.normal(3, 0.2, 800)])
    # Brute force over every threshold of a fine grid.
    grid = np.linspace(0.8, 3.2, 500)
    spread = [
        (values <= t).mean()
        * (values > t).mean()
        * (values[values <= t].mean() - values[values > t].mean()) ** 2
        for t in grid
    ]
    best = grid[np.array(spread) > max(spread) * (1 - 1e-3)]
    assert best.min() - 0.02 <= otsu_split(values) <= best.max() + 0.02
    assert otsu_split(values * 7 - 5) == pytest.approx(otsu_split(values) * 7 - 5)


def disk(shape: tuple[int, int], radius: float) -> NDArray:
    x, y = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    return (x**2 + y**2 < radius**2).astype(float)


def test_the_mask_is_the_sample_and_its_margin() -> None:
    sample = disk((70, 64), 15)
    mask, threshold = sample_mask(sample, margin=5, blur=0)
    assert 0 < threshold < 1
    assert mask[sample > 0].all()
    widest = np.hypot(*(np.argwhere(mask) - (35, 32)).T).max()
    # Distances between pixel centres: a pixel of the rim is up to one further in.
    assert 19 <= widest <= 20
    ring = sample - disk((70, 64), 9)
    np.testing.assert_array_equal(sample_mask(ring, margin=5, blur=0)[0], mask)
    speck = sample.copy()
    speck[5, 5] = 1
    assert not sample_mask(speck, margin=3, blur=1)[0][5, 5]


@pytest.fixture(scope="module")
def spoilt() -> tuple[NDArray, NDArray, NDArray]:
    """Images at the dose of the Ta film over 46 tilts, true images and backgrounds."""
    particle = amorphous_particle(400, "Ta", seed=2)
    chosen = tilt_angles()[::6]
    quiet = RawFrameSettings(
        n_frames=1,
        drift_rate=0,
        frame_jump=0,
        line_jitter=0,
        shear=0,
        shift_error=0,
        dose=8.2e5 * len(chosen) / 46,
        seed=3,
    )
    raw = take_frames(lambda a: project_atoms(particle, a, PIXEL, (136, 130)), chosen, PIXEL, quiet)
    return raw.frames[:, 0].astype(float), raw.clean, raw.backgrounds


def test_the_bias_is_below_one_percent_of_the_peak(
    spoilt: tuple[NDArray, NDArray, NDArray],
) -> None:
    images, clean, truth = spoilt
    found = remove_background(images)
    peak = clean.max()
    assert (truth.std(axis=(1, 2)) > 0.002 * peak).all()
    for estimate, true, mask, image in zip(
        found.backgrounds, truth, found.masks, clean, strict=True
    ):
        # The dilation covers the rim of the particle and the tails of its atoms.
        assert image[~mask].max() < 0.01 * peak
        assert abs((estimate - true)[mask].mean()) < 0.01 * peak
    bias = (found.backgrounds - truth)[found.masks]
    assert abs(bias.mean()) < 0.005 * peak
    np.testing.assert_allclose(found.images + found.backgrounds, images, atol=1e-12)
    # A mask from elsewhere, as after angular refinement: tighter, and not worse.
    tight = clean > 1e-3 * peak
    again = remove_background(images, tight)
    np.testing.assert_array_equal(again.masks, tight)
    assert np.isnan(again.thresholds).all()
    assert abs((again.backgrounds - truth)[tight].mean()) < 0.005 * peak
    one = remove_background(images, tight[0])
    np.testing.assert_array_equal(one.images[0], again.images[0])


def test_a_constant_adds_to_the_background_alone(spoilt: tuple[NDArray, NDArray, NDArray]) -> None:
    images = spoilt[0][:2]
    plain, raised = remove_background(images), remove_background(images * 4 + 0.5)
    np.testing.assert_array_equal(plain.masks, raised.masks)
    np.testing.assert_allclose(raised.images, 4 * plain.images, atol=1e-12)


def test_bad_input() -> None:
    good = disk((40, 40), 8)
    flat = np.ones((40, 40))
    with pytest.raises(InputError, match=r"image 1: found the same value everywhere, so an empty"):
        remove_background(np.stack([good, flat]))
    with pytest.raises(InputError, match="mask of image 1: found no pixel"):
        remove_background([good, good], np.stack([good, 0 * good]))
    with pytest.raises(InputError, match=r"mask of image 0: .* it covers the image"):
        remove_background([good], margin=60)
    with pytest.raises(InputError, match=r"mask of image 0: .* it covers the image"):
        remove_background([good], flat)
    with pytest.raises(InputError, match="mask: found every pixel"):
        laplace_fill(good, flat)
    holed = np.stack([good, good])
    holed[1, 3, 3] = np.nan
    with pytest.raises(InputError, match="image 1: found NaN"):
        remove_background(holed)
    for wrong in ({"margin": -1}, {"blur": np.inf}, {"smoothing": -1}, {"passes": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            remove_background([good], **wrong)
    with pytest.raises(InputError, match="masks"):
        remove_background([good], np.ones((3, 3)))
    with pytest.raises(InputError, match="images"):
        remove_background(good)
    with pytest.raises(InputError, match="mask"):
        laplace_fill(good, np.ones((3, 3)))
