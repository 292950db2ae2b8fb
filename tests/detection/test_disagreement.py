"""Errors of atoms in images whose noise is not that of single pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.data import TiltSeries
from aet_port.detection import loop
from aet_port.detection.disagreement import excess_variance
from aet_port.detection.loop import detect
from aet_port.detection.outcome import Detection
from aet_port.detection.settings import DetectSettings
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.validation.evaluation import evaluate
from aet_port.validation.settings import ScoreSettings


def drawn(scale: NDArray, images: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Atoms, covariances, and displacements ``scale`` (n, 4) times as large as these say."""
    rng = np.random.default_rng(seed)
    n = len(scale)
    positions = rng.uniform(-15, 15, (n, 3))
    stated = np.tile(np.diag([4.0, 0.01, 0.02, 0.05]), (n, 1, 1))
    sigma = np.sqrt(np.diagonal(stated, axis1=1, axis2=2))
    moved = rng.normal(size=(n, images, 4)) * (scale * sigma)[:, None] / np.sqrt(images)
    return positions, stated, moved


def test_variance_is_that_of_the_displacements() -> None:
    scale = np.array([1.0, 1.5, 2.0, 3.0])
    found = excess_variance(*drawn(np.tile(scale, (400, 1)), 40, 1))
    # 11 per cent for an atom of 40 images, 0.6 for the mean of 400, four times; dividing by n - 3/2
    # instead of n - 1, which these have, adds 0.6.
    np.testing.assert_allclose(np.sqrt(found[:, 1:]).mean(axis=0), scale[1:], rtol=0.03)
    # Never below one, so that chance alone makes it exceed one by a few per cent.
    assert found.min() == 1.0
    assert found[:, 0].mean() == pytest.approx(1, abs=0.06)


def test_only_images_that_show_an_atom_count() -> None:
    positions, stated, moved = drawn(np.full((300, 4), 2.0), 20, 2)
    hidden = np.concatenate([moved, np.zeros_like(moved)], axis=1)
    np.testing.assert_allclose(
        excess_variance(positions, stated, hidden), excess_variance(positions, stated, moved)
    )


def test_factors_follow_the_place() -> None:
    positions, stated, _ = drawn(np.ones((600, 4)), 2, 3)
    left = positions[:, 0] < 0
    scale = np.where(left, 3.0, 1.5)[:, None] * np.ones(4)
    moved = drawn(scale, 40, 3)[2]
    found = np.sqrt(excess_variance(positions, stated, moved))
    # Means of more than a hundred atoms, each of 11 per cent: one per cent, three times.
    assert found[positions[:, 0] < -6].mean() == pytest.approx(3, abs=0.1)
    assert found[positions[:, 0] > 6].mean() == pytest.approx(1.5, abs=0.05)


def test_errors_in_patchy_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise where the sample is alone, alike in neighbouring pixels, as denoising leaves it."""
    truth = amorphous_particle(120, "Ta", 7)
    tilts = np.array([[0, tilt, 0] for tilt in np.linspace(-66, 66, 30)])
    clean = project_atoms(truth, tilts, 0.4, (56, 56), 6.0, {"Ta": 100 * 0.4**2})
    noise = np.random.default_rng(7).normal(size=clean.shape)
    noise = ndimage.gaussian_filter(noise, (0, 0.7, 0.7))
    noise *= np.sqrt(ndimage.gaussian_filter(np.maximum(clean, 0), (0, 2, 2)) / clean.max())
    noise[clean < 0.02 * clean.max()] = 0
    images = (clean + 2 * noise).astype(np.float32)
    series = TiltSeries(images, tilts, 0.4)
    settings = DetectSettings(denoised=True)

    def scores(found: Detection) -> NDArray[np.float64]:
        judged = evaluate(found.model, truth, ScoreSettings(radius=1.0, packings=0))
        assert judged.precision.recall == 1
        assert judged.calibration.positions is not None
        return np.asarray(judged.calibration.positions.rms)

    robust = scores(detect(series, "Ta", settings, threads=1))
    # 120 atoms: 6 per cent of a z-score, three times; 1.4 to 1.9 without, on three other seeds.
    np.testing.assert_allclose(robust, 1, atol=0.2)
    monkeypatch.setattr(loop, "as_images_disagree", lambda search, state: state)
    plain = scores(detect(series, "Ta", settings, threads=1))
    assert np.mean(plain) > 1.3
