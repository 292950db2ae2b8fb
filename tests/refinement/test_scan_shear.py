"""The shear of the scan coils, refined with the atoms: found, told apart from them, how well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import CheckpointError
from aet_port.core.scan_distortion import ScanDistortion, correct_scan_distortion
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import refine
from aet_port.refinement.parameters import Parameters
from aet_port.refinement.record import refinement_record, write_refinement
from aet_port.refinement.variables import Metric, ScanShear, Variables
from tests.refinement.particle import (
    B_FACTORS,
    HEIGHTS,
    PIXEL,
    displaced,
    particle_series,
    rms_distance,
    true_particle,
)

SHEARS = np.array([0.003, -0.004])


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return true_particle(80)


@pytest.fixture(scope="module")
def sheared(truth: AtomicModel) -> TiltSeries:
    straight = particle_series(truth, 15)
    return replace(straight, images=images_of(truth, straight, SHEARS))


def images_of(model: AtomicModel, like: TiltSeries, shears: np.ndarray) -> np.ndarray:
    forward = Forward(model.species, like.angles, PIXEL, like.detector, threads=1)
    heights, widths = ([table[kind] for kind in forward.kinds] for table in (HEIGHTS, B_FACTORS))
    there = Parameters.start(model.positions, heights, widths, len(forward))
    return forward.project(replace(there, shears=shears))


def test_both_shears_are_found_with_the_atoms(
    truth: AtomicModel, sheared: TiltSeries, tmp_path: Path
) -> None:
    start = displaced(truth, 0.1)
    found = refine(
        sheared,
        start,
        scan_shear="both",
        refine_shifts=True,
        tolerance=1e-4,
        max_evaluations=100,
        threads=1,
    )
    # Rounding of images in single precision.
    np.testing.assert_allclose(found.parameters.shears, SHEARS, atol=1e-5)
    assert rms_distance(found.model.positions, truth.positions) < 0.001
    assert found.distortion == ScanDistortion(*found.parameters.shears.tolist())
    record = refinement_record(sheared, found)
    assert [record["shear_x"], record["shear_y"]] == found.parameters.shears.tolist()
    # The figure of all images is of the sheared ones.
    assert record["r1_global"] < 0.001
    write_refinement(tmp_path / "found.npz", found)
    with np.load(tmp_path / "found.npz") as stored:
        np.testing.assert_array_equal(stored["shears"], found.parameters.shears)
    blind = refine(sheared, start, refine_shifts=True, max_evaluations=100, threads=1)
    assert not blind.parameters.shears.any()
    assert blind.r1.mean() > 5 * found.r1.mean()


@pytest.mark.parametrize(("scan_shear", "axis"), [("x", 0), ("y", 1)])
def test_one_shear_alone(
    truth: AtomicModel, sheared: TiltSeries, scan_shear: ScanShear, axis: int
) -> None:
    expected = np.where(np.arange(2) == axis, SHEARS, 0.0)
    one = replace(sheared, images=images_of(truth, sheared, expected))
    found = refine(one, truth, scan_shear=scan_shear, threads=1)
    np.testing.assert_allclose(found.parameters.shears, expected, atol=2e-5)
    assert found.parameters.shears[1 - axis] == 0


def test_what_is_left_and_what_was_corrected_make_the_whole(
    truth: AtomicModel, sheared: TiltSeries
) -> None:
    taken = ScanDistortion(0.001, -0.0015)
    corrected = replace(sheared, images=correct_scan_distortion(sheared.images, taken))
    left = refine(
        corrected, truth, scan_shear="both", refine_shifts=True, max_evaluations=100, threads=1
    ).distortion
    whole = taken.then(left)
    # Corrected images have atoms a little out of round; 2.3e-5.
    assert [whole.shear_x, whole.shear_y] == pytest.approx(SHEARS.tolist(), abs=5e-5)
    assert whole.scale == pytest.approx(1, abs=1e-5)


def test_the_model_cannot_hide_a_shear() -> None:
    """The parts left unexplained by moved atoms that the documentation of the variables states."""
    points = np.random.default_rng(0).uniform(-10, 10, (3000, 3))
    points = points[np.linalg.norm(points, axis=1) < 10]
    tilts = -70 + 140 * (np.arange(56) + 0.5) / 56
    angles = np.stack([0 * tilts, tilts, 0 * tilts], axis=1)
    forward = Forward(["Ta"] * len(points), angles, 0.5, (61, 61), threads=1)
    start = Parameters.start(points, [1.0], [8.0], len(angles))
    curvature = forward.curvature(start)
    held = np.linalg.solve(curvature.positions, curvature.coupling)
    left = curvature.shears - np.einsum("akb,akc->bc", curvature.coupling, held)
    part = np.sqrt(np.diag(left) / np.diag(curvature.shears))
    # Integrals over the tilts and a ball of atoms; 1,500 atoms are no perfect ball.
    assert part[0] == pytest.approx(0.25, abs=0.01)
    assert part[1] == pytest.approx(0.64, abs=0.02)


@pytest.mark.parametrize("scan_shear", ["none", "x", "y", "both"])
def test_metric_is_the_inverse_of_atoms_and_shears_together(
    truth: AtomicModel, sheared: TiltSeries, scan_shear: ScanShear
) -> None:
    few = AtomicModel.from_positions(truth.positions[:6], truth.species[:6])
    forward = Forward(few.species, sheared.angles, PIXEL, sheared.detector, threads=1)
    kinds = len(forward.kinds)
    start = Parameters.start(few.positions, np.ones(kinds), np.full(kinds, 8.0), len(forward))
    variables = Variables(start, np.ones(6, bool), False, None, (1.0, 30.0), scan_shear)
    curvature = forward.curvature(start)
    metric = Metric(variables, curvature)
    inverse = np.stack([metric(row) for row in np.eye(len(variables.x))])
    np.testing.assert_allclose(inverse, inverse.T, rtol=1e-7, atol=1e-12 * inverse.max())
    assert np.linalg.eigvalsh(inverse).min() > 0
    # The same matrix written out: each atom's block, the shears' and what couples them.
    count, kept = int(variables.sheared.sum()), variables.sheared
    whole = np.zeros((18 + count, 18 + count))
    for atom in range(6):
        at = slice(3 * atom, 3 * atom + 3)
        whole[at, at] = np.linalg.inv(metric.atoms[atom])
        whole[at, 18:] = curvature.coupling[atom][:, kept]
        whole[18:, at] = whole[at, 18:].T
    whole[18:, 18:] = curvature.shears[np.ix_(kept, kept)]
    chosen = np.r_[0:18, len(variables.x) - count : len(variables.x)]
    # The block of the shears is made larger by a millionth of itself.
    expected = np.linalg.inv(whole)
    np.testing.assert_allclose(
        inverse[np.ix_(chosen, chosen)], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def test_checkpoint_of_another_choice_is_refused(
    truth: AtomicModel, sheared: TiltSeries, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"checkpoint": tmp_path / "state.npz", "threads": 1}
    first = refine(sheared, truth, scan_shear="y", max_evaluations=4, **options)
    again = refine(sheared, truth, scan_shear="y", max_evaluations=4, **options)
    np.testing.assert_array_equal(again.parameters.shears, first.parameters.shears)
    with pytest.raises(CheckpointError, match="other data"):
        refine(sheared, truth, scan_shear="both", **options)
