"""The score map against simulated noise and a simulated atom."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.detection.score_map import COARSE, ScoreFilter, ScoreMap
from aet_port.refinement.likelihood import Likelihood, Views
from tests.detection.samples import ANGLES, PIXEL, atoms_at, flat_views, likelihood, profile

SHAPE = (40, 36)
VOLUME = (40, 36, 40)
SIZE = 18.0  # angstrom
SPARSE = 0.3  # noise over missing power, as in the last rounds


@pytest.fixture(scope="module")
def maker() -> ScoreFilter:
    return ScoreFilter(ANGLES, SHAPE, PIXEL, SIZE)


def score(maker: ScoreFilter, residual: np.ndarray, variance: np.ndarray) -> ScoreMap:
    shifts = np.zeros((len(ANGLES), 2))
    return maker.score(residual, variance, shifts, profile(maker.q), power(variance), VOLUME)


def power(variance: np.ndarray) -> float:
    return float(variance.mean()) / SPARSE


def test_noise_is_that_of_back_projected_noise(maker: ScoreFilter) -> None:
    # Uneven variance: one half of each image is four times as noisy.
    variance = np.ones((len(ANGLES), *SHAPE), np.float32)
    variance[:, 20:] = 4
    rng = np.random.default_rng(0)
    draws, squares = 100, 0.0
    for _ in range(draws):
        found = score(maker, rng.normal(0, np.sqrt(variance)), variance)
        squares = squares + found.volume[::COARSE, ::COARSE, ::COARSE].astype(np.float64) ** 2
    measured = np.sqrt(squares / draws)
    predicted = found.noise[: measured.shape[0], : measured.shape[1], : measured.shape[2]]
    inner = (slice(2, 8), slice(2, 8), slice(2, 7))
    ratio = measured[inner] / predicted[inner]
    # The mean of 180 points from 100 draws is good to one per cent. Interpolation between pixels
    # of half an angstrom, of which the prediction knows nothing, takes 6 per cent of the noise.
    assert 0.91 < ratio.mean() < 1.01
    # Single points: 1 / sqrt(2 * 100) is 7 per cent, four times.
    assert np.abs(ratio - ratio.mean()).max() < 0.3
    # The noisier half is seen as noisier.
    assert predicted[8, 4, 4] > 1.5 * predicted[2, 4, 4]


def one_atom(position: np.ndarray, height: float) -> tuple[Likelihood, Views, np.ndarray]:
    made, views = likelihood(np.zeros((len(ANGLES), *SHAPE))), flat_views(level=0.0)
    return made, views, made.expected(atoms_at([position], height), views)


@pytest.mark.parametrize(
    ("position", "lowered"),
    [
        ([0.0, 0.0, 0.0], 1e-3),  # the middle of pixels and voxels: single precision only
        ([4.0, -4.0, 2.0], 0.06),  # a voxel, seen between pixels: interpolated
        ([0.25, 0.25, 0.25], 0.15),  # as far from all voxels as can be
    ],
)
def test_response_is_that_of_a_simulated_atom(
    maker: ScoreFilter, position: list[float], lowered: float
) -> None:
    _, _, images = one_atom(np.array(position), 50.0)
    found = score(maker, images, np.ones_like(images))
    highest = found.maxima(0.0)[0]
    assert 50 * (1 - lowered) < highest[3] < 50 * 1.001
    # A fifth of a voxel: a parabola through three points of a peak two voxels wide.
    np.testing.assert_allclose(highest[:3], position, atol=0.1)
    assert highest[5] == pytest.approx(1, abs=0.1)  # seen by all images


def test_an_atom_in_noise_is_the_highest_maximum(maker: ScoreFilter) -> None:
    position = np.array([2.3, -3.1, 1.4])
    _, _, images = one_atom(position, 60.0)
    rng = np.random.default_rng(1)
    counts = rng.poisson(np.maximum(images, 0) + 4) - 4.0
    found = score(maker, counts, np.full(images.shape, 4.0, np.float32))
    maxima = found.maxima(3.0)
    scores = maxima[:, 3] / maxima[:, 4]
    assert (np.diff(scores) <= 0).all()
    assert scores[0] > 10
    assert scores[0] > 1.5 * scores[1]
    # Four of its standard errors, and what the interpolation takes.
    assert maxima[0, 3] == pytest.approx(60, abs=4 * maxima[0, 4] + 8)
    # Width of the peak over the score, and a fifth of a voxel.
    assert np.linalg.norm(maxima[0, :3] - position) < 0.3


def test_scores_of_noise_are_standard_normal(maker: ScoreFilter) -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 2, (len(ANGLES), *SHAPE))
    found = score(maker, noise, np.full(noise.shape, 4.0, np.float32))
    scores = found.scores()
    assert scores.shape == VOLUME
    inner = scores[8:-8, 8:-8, 8:-8]
    # Some hundred independent points: mean within 0.2, deviation within 0.1 of 0.94, see above.
    assert abs(inner.mean()) < 0.2
    assert inner.std() == pytest.approx(0.94, abs=0.1)
    # Minima are those of the map with its sign changed, and as many as maxima in noise.
    minima = found.maxima(2.0, sign=-1.0)
    turned = score(maker, -noise, np.full(noise.shape, 4.0, np.float32)).maxima(2.0)
    np.testing.assert_allclose(minima, turned, rtol=1e-4, atol=1e-4)  # single precision
    assert len(minima) == pytest.approx(len(found.maxima(2.0)), abs=4 * np.sqrt(len(minima)))


def test_shifts_move_the_map(maker: ScoreFilter) -> None:
    position = np.array([1.0, 2.0, -1.0])
    made, views, _ = one_atom(position, 50.0)
    rng = np.random.default_rng(3)
    shifted = Views(
        views.angles, rng.normal(0, 0.5, (len(ANGLES), 2)), views.background, np.zeros(2)
    )
    images = made.expected(atoms_at([position], 50.0), shifted)
    variance = np.ones_like(images)
    found = maker.score(images, variance, shifted.shifts, profile(maker.q), power(variance), VOLUME)
    highest = found.maxima(0.0)[0]
    # As above.
    np.testing.assert_allclose(highest[:3], position, atol=0.1)
    assert 0.85 * 50 < highest[3] < 1.001 * 50


def test_threads_change_nothing() -> None:
    rng = np.random.default_rng(4)
    residual = rng.normal(0, 1, (len(ANGLES), *SHAPE))
    maps = [
        score(ScoreFilter(ANGLES, SHAPE, PIXEL, SIZE, threads), residual, np.ones_like(residual))
        for threads in (1, 2)
    ]
    for name in ("volume", "noise", "response"):
        first, second = (getattr(one, name) for one in maps)
        assert first.tobytes() == second.tobytes()
    assert maps[0].maxima(2.0).tobytes() == maps[1].maxima(2.0, threads=2).tobytes()


def test_few_counts_have_as_many_maxima_as_minima() -> None:
    # At 0.2 electrons per pixel the noise is skewed; uncorrected, maxima outnumber minima.
    shape, level = (64, 64), 0.2
    maker = ScoreFilter(ANGLES, shape, PIXEL, 30.0)
    variance = np.full((len(ANGLES), *shape), level, np.float32)
    rng = np.random.default_rng(2)
    numbers = {True: [0, 0], False: [0, 0]}
    for _ in range(4):
        residual = rng.poisson(level, variance.shape) - level
        for corrected, counts in numbers.items():
            found = maker.score(
                residual, variance, np.zeros((len(ANGLES), 2)), profile(maker.q),
                power(variance), (64, 64, 64), variance if corrected else None,
            )  # fmt: skip
            for number, sign in enumerate((1.0, -1.0)):
                counts[number] += len(found.maxima(3.0, sign))
    up, down = numbers[False]
    assert up > 1.5 * down
    up, down = numbers[True]
    assert abs(up - down) < 4 * np.sqrt(up + down)  # four standard deviations of the difference
