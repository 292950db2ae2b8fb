"""R factors against sums written out, and R-free on images held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import aet_port.refinement.r_factors as module
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.r_factors import agreement, cross_validate, fit_images
from tests.refinement.particle import (
    B_FACTORS,
    HEIGHTS,
    PIXEL,
    displaced,
    particle_series,
    true_particle,
)


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return true_particle(60, seed=3)


@pytest.fixture(scope="module")
def series(truth: AtomicModel) -> TiltSeries:
    return particle_series(truth, 15, noise=0.03)


def test_r_factors_are_their_sums() -> None:
    rng = np.random.default_rng(0)
    measured = rng.random((3, 4, 5))
    calculated = 2.5 * measured + 0.1 * rng.normal(size=measured.shape)
    found = agreement(calculated, measured)
    by_hand = [
        np.abs(c - m).sum() / np.abs(m).sum() for c, m in zip(calculated, measured, strict=True)
    ]
    np.testing.assert_allclose(found.r1, by_hand, rtol=1e-12)
    assert found.r1_mean == pytest.approx(np.mean(by_hand))
    scale = np.linalg.lstsq(calculated.reshape(-1, 1), measured.reshape(-1), rcond=None)[0][0]
    assert found.scale == pytest.approx(scale, rel=1e-12)
    expected = np.abs(scale * calculated - measured).sum() / np.abs(measured).sum()
    assert found.r1_global == pytest.approx(expected, rel=1e-12)


def test_one_scale_makes_up_for_the_units() -> None:
    measured = np.random.default_rng(1).random((2, 6, 6))
    found = agreement(40 * measured, measured)
    assert found.r1_global == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.r1, 39)


@pytest.mark.parametrize("calculated", [np.ones((2, 3, 4)), np.zeros((2, 3, 3)), np.ones((3, 3))])
def test_images_that_cannot_be_compared(calculated: np.ndarray) -> None:
    with pytest.raises(InputError, match="calculated images"):
        agreement(calculated, np.ones((2, 3, 3)))


def test_images_are_fitted_one_by_one(truth: AtomicModel) -> None:
    angles = np.array([[0.0, -40.0, 0.0], [0.5, 0.0, 0.2], [0.0, 55.0, 0.0]])
    forward = Forward(truth.species, angles, PIXEL, (60, 63), "double", threads=1)
    kinds = forward.kinds
    still = Parameters.start(
        truth.positions, [HEIGHTS[k] for k in kinds], [B_FACTORS[k] for k in kinds], 3
    )
    shifts = np.array([[0.5, -0.3], [-0.7, 0.6], [0.2, 0.8]])
    known = replace(
        still, shifts=shifts, scales=np.array([0.9, 1.1, 1.3]), offsets=np.array([0.2, 0.0, -0.1])
    )
    found = fit_images(forward, still, forward.project(known), ("shifts", "scales", "offsets"))
    np.testing.assert_allclose(found.shifts, shifts, atol=1e-4)
    np.testing.assert_allclose(found.scales, known.scales, atol=1e-4)
    np.testing.assert_allclose(found.offsets, known.offsets, atol=1e-3)
    np.testing.assert_array_equal(found.positions, still.positions)
    # Nothing is fitted that was not asked for.
    images = forward.project(known)
    alone = fit_images(forward, still, images, ("scales",))
    assert not alone.shifts.any()
    assert not alone.offsets.any()
    assert (alone.scales != 1).all()
    nothing = fit_images(forward, still, images, ())
    np.testing.assert_array_equal(nothing.scales, still.scales)
    with pytest.raises(InputError, match="fits: found 'angles'"):
        fit_images(forward, still, images, ("angles",))


def test_r_free_falls_where_the_atoms_get_better(truth: AtomicModel, series: TiltSeries) -> None:
    found = cross_validate(series, displaced(truth), 3, threads=1, max_evaluations=15)
    assert found.fold.tolist() == [0, 1, 2] * 5
    assert found.r_free.mean() < found.r_free_start.mean()
    assert not found.overfits
    assert (found.r_work < found.r_work_start).all()
    # Images that were not refined on agree less well.
    assert found.r_free.mean() > found.r_work.mean()
    assert len(found.refinements) == 3


def test_r_free_tells_of_overfitting(truth: AtomicModel, series: TiltSeries) -> None:
    """From the truth, with few and noisy images, atoms only follow the noise."""
    few = TiltSeries(series.images[::3], series.angles[::3], PIXEL)
    rng = np.random.default_rng(0)
    noise = 0.1 * few.images.max() * rng.normal(size=few.images.shape)
    noisy = replace(few, images=(few.images + noise).astype(np.float32))
    found = cross_validate(noisy, truth, 2, threads=1, max_evaluations=15)
    assert found.overfits
    assert (found.r_work < found.r_work_start).all()


def test_held_out_images_are_not_refined_on(
    truth: AtomicModel, series: TiltSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def spy(part: TiltSeries, model: AtomicModel, **options: Any) -> Refinement:
        seen.append(part.angles[:, 1])
        return refine(part, model, **options)

    monkeypatch.setattr(module, "refine", spy)
    spoilt = series.images.copy()
    found = cross_validate(series, truth, 5, threads=1, max_evaluations=2)
    for fold in range(5):
        held = series.angles[found.fold == fold, 1]
        for angles in seen[2 * fold : 2 * fold + 2]:
            assert not np.isin(held, angles).any()
            assert len(angles) == 12
    # Spoiling the images of one fold leaves the model that never saw them as it was.
    spoilt[found.fold == 0] *= 2
    again = cross_validate(replace(series, images=spoilt), truth, 5, threads=1, max_evaluations=2)
    for result, same in ((0, True), (1, False)):
        equal = np.array_equal(
            again.refinements[result].parameters.heights,
            found.refinements[result].parameters.heights,
        )
        assert equal is same
    assert (again.r_free[found.fold == 0] > 0.3).all()
    # Unless their scale may be fitted.
    free = cross_validate(
        replace(series, images=spoilt), truth, 5, ("scales",), threads=1, max_evaluations=2
    )
    np.testing.assert_allclose(
        free.r_free[found.fold == 0], found.r_free[found.fold == 0], rtol=0.02
    )


@pytest.mark.parametrize("folds", [0, 1, 8])
def test_bad_folds(truth: AtomicModel, series: TiltSeries, folds: int) -> None:
    with pytest.raises(InputError, match="folds"):
        cross_validate(series, truth, folds)
