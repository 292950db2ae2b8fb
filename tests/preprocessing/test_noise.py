"""Noise estimated from simulated images, the stabilising transform and its unbiased inverse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.preprocessing.bad_pixels import BadPixelWarning
from aet_port.preprocessing.noise import (
    NoiseModel,
    estimate_noise,
    estimate_noise_from_frames,
    simulate_noise,
    stabilise,
    unstabilise,
)
from aet_port.simulation.linear import project_atoms, tilt_angles

TRUTH = NoiseModel(gain=0.02, read_noise=0.05, offset=0.0)


@pytest.fixture(scope="module")
def projections() -> NDArray:
    """Fifteen tilts of a ball of atoms whose brightest pixel counts 250 electrons."""
    points = np.random.default_rng(4).uniform(-1, 1, (1500, 3)) * 14
    points = points[np.linalg.norm(points, axis=1) < 14][:600]
    model = AtomicModel.from_positions(points, "Ta")
    images = np.maximum(project_atoms(model, tilt_angles()[::3], 0.4, (88, 88)), 0)
    return images / images.max() * 250 * TRUTH.gain


def test_noise_of_a_series(projections: NDArray) -> None:
    found = estimate_noise(simulate_noise(projections, TRUTH, seed=1))
    # 82,000 pixels: statistical errors of 0.8 and 0.6 %; the atoms that the differences do not
    # remove add 3 % to the read-out noise.
    assert found.gain == pytest.approx(TRUTH.gain, rel=0.03)
    assert found.read_noise == pytest.approx(TRUTH.read_noise, rel=0.06)


def test_noise_of_frames(projections: NDArray) -> None:
    rng = np.random.default_rng(2)
    tilts = [simulate_noise(np.stack([image] * 3), TRUTH, rng) for image in projections]
    found = estimate_noise_from_frames(tilts)
    assert found.gain == pytest.approx(TRUTH.gain, rel=0.02)
    assert found.read_noise == pytest.approx(TRUTH.read_noise, rel=0.02)
    one = estimate_noise_from_frames(tilts[7])
    assert one.gain == pytest.approx(TRUTH.gain, rel=0.05)


@settings(max_examples=8)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_units_and_offset_of_the_images(scale: float, offset: float) -> None:
    x = np.linspace(0, 3 * np.pi, 64)
    signal = 60 * (1 + np.outer(np.sin(x), np.cos(x)))
    counts = simulate_noise(np.stack([signal] * 3), NoiseModel(1.0, 2.0), seed=3)
    plain = estimate_noise(counts)
    moved = estimate_noise(scale * counts + offset, offset)
    assert moved.gain == pytest.approx(scale * plain.gain, rel=1e-6)
    assert moved.read_noise == pytest.approx(scale * plain.read_noise, rel=1e-5)
    # 7500 pixels: the gain spreads by 5 % from seed to seed.
    assert plain.gain == pytest.approx(1.0, rel=0.15)
    assert plain.read_noise == pytest.approx(2.0, rel=0.5)


def test_model_variance_is_that_of_simulated_pixels() -> None:
    model = NoiseModel(2.0, 3.0, 10.0)
    for level in (10.0, 14.0, 210.0):
        pixels = simulate_noise(np.full(200_000, level), model, seed=5)
        assert pixels.mean() == pytest.approx(level, abs=5 * pixels.std() / np.sqrt(pixels.size))
        # Standard error of a variance from 200,000 pixels: 0.3 %.
        assert pixels.var() == pytest.approx(float(model.variance(level)), rel=0.015)


@pytest.mark.parametrize("read", [0.0, 0.5, 1.5, 6.0])
def test_inverse_is_unbiased(read: float) -> None:
    """Against the expectation by quadrature over the joint distribution, written out again."""
    model = NoiseModel(2.0, 2.0 * read, 5.0)
    normal = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000) if read else np.zeros(1)
    for electrons in (0.0, 0.05, 1.0, 8.0, 90.0):
        counts = np.arange(int(electrons + 12 * np.sqrt(electrons) + 15))
        pixels = model.offset + 2 * (counts[:, None] + read * normal)
        expected = stats.poisson.pmf(counts, electrons) @ stabilise(pixels, model).mean(axis=1)
        back = unstabilise(expected, model)
        assert back == pytest.approx(model.offset + 2 * electrons, abs=4e-3)


def test_inverse_for_many_electrons_and_below_zero() -> None:
    model = NoiseModel(1.0, 2.0)
    pixels = simulate_noise(np.full(400_000, 5000.0), model, seed=6)
    assert unstabilise(stabilise(pixels, model).mean(), model) == pytest.approx(5000.0, abs=0.6)
    values = np.linspace(0.5, 200, 4000)
    back = unstabilise(values, model)
    assert (np.diff(back) > 0).all()
    assert back[0] < 0
    # No step where the table ends, at 400 electrons.
    assert np.abs(np.diff(back, 2)).max() < 0.01


@pytest.mark.parametrize("electrons", [4.0, 30.0, 400.0])
def test_stabilised_noise_has_a_spread_of_one(electrons: float) -> None:
    model = NoiseModel(3.0, 4.5, -7.0)
    pixels = simulate_noise(np.full(200_000, -7.0 + 3 * electrons), model, seed=7)
    # Few electrons: 3 % of the variance is not stabilised, known of the transform.
    assert stabilise(pixels, model).std() == pytest.approx(1.0, abs=0.035)


def test_saturated_pixels_are_named_and_left_out(projections: NDArray) -> None:
    series = simulate_noise(projections, TRUTH, seed=1)
    limit = np.quantile(series[6], 0.99)
    series[6] = np.minimum(series[6], limit)
    with pytest.warns(BadPixelWarning, match=r"saturated pixels in image 6 \(\d+ pixels\)"):
        found = estimate_noise(series)
    assert found.gain == pytest.approx(TRUTH.gain, rel=0.04)
    frames = [np.stack([image] * 2) for image in projections[5:8]]
    noisy = simulate_noise(np.stack(frames), TRUTH, seed=8)
    noisy[1, 1] = np.minimum(noisy[1, 1], limit)
    with pytest.warns(BadPixelWarning, match="saturated pixels in tilt 1"):
        estimate_noise_from_frames(noisy)


def test_counted_frames_are_not_saturated() -> None:
    counts = np.random.default_rng(9).poisson(np.linspace(0.5, 9, 64 * 64).reshape(1, 64, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert estimate_noise(counts).gain == pytest.approx(1.0, rel=0.15)


def test_bad_images_are_named() -> None:
    good = simulate_noise(np.full((4, 32, 32), 5.0), TRUTH)
    flat, broken = good.copy(), good.copy()
    flat[2], broken[3, 1, 1] = 7.0, np.nan
    for images, said in (
        (flat, r"image 2: found one value in all pixels"),
        (broken, r"image 3: found NaN"),
        (good[0], r"shape \(32, 32\)"),
        (good[:, :9], "15 pixels or more"),
        (good, "does not increase with the signal"),
    ):
        with pytest.raises(InputError, match=said):
            estimate_noise(images)
    with pytest.raises(InputError, match="tilt 1: found 1; expected two frames"):
        estimate_noise_from_frames([good, good[:1]])
    for wrong in ((0.0, 1.0, 0.0), (1.0, -1.0, 0.0), (1.0, 1.0, np.inf)):
        with pytest.raises(InputError):
            NoiseModel(*wrong)
    with pytest.raises(InputError, match="signal"):
        simulate_noise(np.array([np.nan]), TRUTH)
