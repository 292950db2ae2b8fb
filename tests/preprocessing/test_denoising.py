"""Denoisers, their choice, and the search of their strength."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.preprocessing import denoising
from aet_port.preprocessing.bad_pixels import BadPixelWarning
from aet_port.preprocessing.denoising import (
    LIMITS,
    SCAN,
    Method,
    choose_method,
    denoise,
    golden_section,
    pilot_image,
    search_strength,
)
from aet_port.preprocessing.noise import NoiseModel, simulate_noise
from aet_port.simulation.linear import project_atoms, tilt_angles

NOISE = NoiseModel(gain=0.5, read_noise=0.4, offset=1.0)


def correlation(a: NDArray, b: NDArray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.fixture(scope="module")
def clean() -> NDArray:
    """Three projections of a ball of atoms, at most 60 electrons to a pixel, 48 x 48 pixels."""
    points = np.random.default_rng(1).uniform(-1, 1, (300, 3)) * 8
    points = points[np.linalg.norm(points, axis=1) < 8][:110]
    model = AtomicModel.from_positions(points, "Ta")
    images = np.maximum(project_atoms(model, tilt_angles()[20:23], 0.45, (48, 48)), 0)
    return NOISE.offset + images / images.max() * 60 * NOISE.gain


@pytest.fixture
def without_bm3d(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        denoising, "find_spec", lambda name: None if name == "bm3d" else found(name)
    )


def within_the_dense_grid(clean: NDArray, method: Method, factor: float) -> None:
    """The search's best against a grid of strengths ``factor`` apart over the whole range."""
    search = search_strength(clean, NOISE, method, seed=3)
    noisy = simulate_noise(clean, NOISE, seed=3)
    number = int(np.log(LIMITS[1] / LIMITS[0]) / np.log(factor)) + 2
    grid = [
        np.mean(
            [
                correlation(a, b)
                for a, b in zip(denoise(noisy, NOISE, s, method), clean, strict=True)
            ]
        )
        for s in np.geomspace(*LIMITS, number)
    ]
    assert len(search.strengths) == len(search.correlations) <= 30
    assert search.correlation >= 0.998 * max(grid)
    assert search.correlation == search.correlations.max()
    assert search.strength == search.strengths[np.argmax(search.correlations)]
    assert search.before < search.correlation
    # The grid has strengths that are far worse: the search had something to find.
    assert min(grid) < 0.98 * max(grid)


@pytest.mark.slow
def test_bm3d_search_within_two_parts_in_a_thousand(clean: NDArray) -> None:
    pytest.importorskip("bm3d")
    within_the_dense_grid(clean[:1], "bm3d", 1.06)


@pytest.mark.slow
def test_non_local_means_search_within_two_parts_in_a_thousand(clean: NDArray) -> None:
    within_the_dense_grid(clean, "nlm", 1.03)


def test_bm3d_beats_the_noise_and_keeps_the_average(clean: NDArray) -> None:
    pytest.importorskip("bm3d")
    noisy = simulate_noise(clean, NOISE, seed=4)
    better = denoise(noisy, NOISE, 1.2)
    assert better.shape == clean.shape
    for image, raw, truth in zip(better, noisy, clean, strict=True):
        assert np.std(image - truth) < 0.5 * np.std(raw - truth)
        # An empty background too: the inverse transform is unbiased.
        assert (image - truth)[:8].mean() == pytest.approx(0.0, abs=0.06)
        # Blurring atoms before the inverse of a square root takes about 1 % of the signal.
        assert (image - truth).mean() == pytest.approx(0.0, abs=0.02 * (truth - 1).mean())
    np.testing.assert_array_equal(denoise(noisy[:1], NOISE, 1.2), better[:1])


def test_fallback_denoises_in_the_units_of_the_images(clean: NDArray) -> None:
    noisy = simulate_noise(clean, NOISE, seed=4)
    better = denoise(noisy, NOISE, 0.8, "nlm")
    for image, raw, truth in zip(better, noisy, clean, strict=True):
        assert np.std(image - truth) < 0.75 * np.std(raw - truth)
        # Blurring atoms before the inverse of a square root takes some of the signal.
        assert (image - truth).mean() == pytest.approx(0.0, abs=0.04 * (truth - 1).mean())
    other = NoiseModel(NOISE.gain * 7, NOISE.read_noise * 7, NOISE.offset * 7 + 3)
    moved = denoise(7 * noisy + 3, other, 0.8, "nlm")
    np.testing.assert_allclose(moved, 7 * better + 3, rtol=1e-9, atol=1e-7)
    np.testing.assert_array_equal(denoise(noisy[2:], NOISE, 0.8, "nlm"), better[2:])


@pytest.mark.usefixtures("without_bm3d")
def test_fallback_is_chosen_with_a_message(clean: NDArray) -> None:
    noisy = simulate_noise(clean[:1], NOISE, seed=4)
    with pytest.warns(UserWarning, match=r"bm3d is not installed.*aet-port\[denoise\]"):
        fallen = denoise(noisy, NOISE)
    np.testing.assert_array_equal(fallen, denoise(noisy, NOISE, method="nlm"))
    with pytest.raises(MissingDependencyError, match=r"non-commercial.*aet-port\[denoise\]"):
        choose_method("bm3d")


def test_nothing_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoising, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="non-local means"):
        choose_method()


def test_search_is_deterministic_and_counts_its_evaluations(
    clean: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = denoising._non_local_means

    def counted(image: NDArray, strength: float) -> NDArray:
        calls.append(strength)
        return real(image, strength)

    monkeypatch.setitem(denoising._DENOISERS, "nlm", counted)
    search = partial(search_strength, clean[0], NOISE, "nlm")
    first = search(evaluations=14)
    assert len(calls) == len(first.strengths) == 14
    again = search(evaluations=14)
    np.testing.assert_array_equal(first.correlations, again.correlations)
    assert first.strength == again.strength
    assert len(search(evaluations=SCAN).strengths) == SCAN


def test_pilot_gives_a_strength_close_to_that_of_the_truth(clean: NDArray) -> None:
    noisy = simulate_noise(clean, NOISE, seed=4)
    pilot = pilot_image(noisy, NOISE, "nlm")
    np.testing.assert_array_equal(pilot, denoise(noisy, NOISE, method="nlm")[1])
    found = search_strength(pilot, NOISE, "nlm").strength
    results = [
        correlation(denoise(noisy, NOISE, s, "nlm"), clean)
        for s in (found, search_strength(clean, NOISE, "nlm").strength)
    ]
    assert results[0] > 0.99 * results[1]


def test_a_best_strength_at_the_limit_is_said(clean: NDArray) -> None:
    with pytest.warns(UserWarning, match="lies at a limit"):
        search_strength(clean[0], NOISE, "nlm", limits=(0.01, 0.1))


@pytest.mark.parametrize("top", [-0.7, 0.1, 0.93])
def test_golden_section_finds_the_maximum(top: float) -> None:
    tried = []

    def hill(x: float) -> float:
        tried.append(x)
        return -abs(x - top)

    assert golden_section(hill, -1, 1, 1e-4, 40) == pytest.approx(top, abs=1e-4)
    assert len(tried) < 25
    tried.clear()
    golden_section(hill, -1, 1, 1e-9, 7)
    assert len(tried) == 7


def test_bad_input_is_named(clean: NDArray) -> None:
    empty = clean.copy()
    empty[1] = 1.0
    for images, said in (
        (empty, "image 1: found one value in all pixels"),
        (clean[:, :8], "16 pixels or more"),
        (clean[0], "shape"),
    ):
        with pytest.raises(InputError, match=said):
            denoise(images, NOISE, method="nlm")
    clipped = clean.copy()
    clipped[2] = np.minimum(clipped[2], np.quantile(clipped[2], 0.98))
    with pytest.warns(BadPixelWarning, match="image 2"):
        denoise(clipped, NOISE, method="nlm")
    for wrong in ({"strength": 0.0}, {"strength": np.inf}, {"method": "median"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            denoise(clean, NOISE, **wrong)
    for wrong in ({"evaluations": 8}, {"limits": (2.0, 1.0)}, {"limits": (0.0, 1.0)}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            search_strength(clean, NOISE, "nlm", **wrong)
