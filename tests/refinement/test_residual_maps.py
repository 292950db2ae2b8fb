"""Residual of images in three dimensions: atoms that are missing, invented, moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.refinement.residual_maps import residual_map
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.tracing import find_map_peaks

PIXEL = 0.5
QUICK = {"iterations": 15, "oversampling": 2.0, "threads": 1}


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return amorphous_particle(40, "Ta", seed=3)


@pytest.fixture(scope="module")
def series(truth: AtomicModel) -> TiltSeries:
    angles = [[0, theta, 0] for theta in range(-70, 71, 7)]
    return simulate_tilt_series(truth, angles, PIXEL, (40, 42), dose=2e5, seed=1)


def test_missing_and_invented_atoms(truth: AtomicModel, series: TiltSeries) -> None:
    extra = np.array([[0, 0, 8.0]])
    places = np.vstack([np.delete(truth.positions, 5, axis=0), extra])
    model = AtomicModel.from_positions(places, "Ta")
    found = residual_map(series, model, **QUICK)
    peaks = find_map_peaks(found.difference, model, width=found.width, number=1)
    plus = peaks.positions[peaks.heights > 0][0]
    minus = peaks.positions[peaks.heights < 0][0]
    assert np.linalg.norm(plus - truth.positions[5]) < 0.3  # angstrom, blurred by the missing wedge
    assert np.linalg.norm(minus - extra[0]) < 0.3
    rows = peaks.rows(found.atom_heights())
    # 15 iterations reach a part of the height.
    assert 0.4 < rows[0]["of_atom"] * (1 if rows[0]["sign"] == "+" else -1) < 1.3
    assert all(abs(row["sigmas"]) > 8 for row in rows)
    assert found.summary()["r1"] == pytest.approx(found.r1.mean())


def test_the_right_model_leaves_noise(truth: AtomicModel, series: TiltSeries) -> None:
    wrong = AtomicModel.from_positions(np.delete(truth.positions, 5, axis=0), "Ta")
    right, less = (residual_map(series, model, **QUICK) for model in (truth, wrong))
    tallest = [
        np.abs(find_map_peaks(one.difference, width=one.width, number=1).heights).max()
        for one in (right, less)
    ]
    assert tallest[0] < 0.4 * tallest[1]
    assert right.r1.mean() < less.r1.mean()
    np.testing.assert_allclose(right.residual.shape, series.images.shape)


def test_displaced_images_do_not_matter(truth: AtomicModel, series: TiltSeries) -> None:
    """Shift, scale and offset of each image are fitted, not left in the map."""
    rng = np.random.default_rng(2)
    images = series.images * rng.uniform(0.8, 1.25, (len(series), 1, 1)) + 0.1 * series.images.std()
    rolled = np.stack([np.roll(image, (k % 2), axis=0) for k, image in enumerate(images)])
    moved = replace(series, images=rolled)
    model = AtomicModel.from_positions(np.delete(truth.positions, 5, axis=0), "Ta")
    found = residual_map(moved, model, **QUICK)
    peaks = find_map_peaks(found.difference, width=found.width, number=1)
    plus = peaks.positions[peaks.heights > 0][0]
    assert np.linalg.norm(plus - truth.positions[5]) < 0.6  # half a pixel of shift is left in it
