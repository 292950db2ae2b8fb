"""What speaks against a refined model: atoms at their bound, R factors that rose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.refinement import published
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.positions import descend_positions
from aet_port.refinement.r_factors import CrossValidation
from aet_port.refinement.record import refinement_record
from aet_port.refinement.verdict import judge_refinement
from tests.refinement.particle import displaced, particle_series, true_particle


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return true_particle(60, seed=4)


@pytest.fixture(scope="module")
def series(truth: AtomicModel) -> TiltSeries:
    return particle_series(truth, 12)


@pytest.fixture(scope="module")
def good(truth: AtomicModel, series: TiltSeries) -> Refinement:
    return refine(series, displaced(truth), max_evaluations=10, threads=1)


def crossed(before: float, after: float) -> CrossValidation:
    """R-free of two images before and after, on average as given."""
    spread = np.array([-0.01, 0.01])
    none = np.zeros(2)
    return CrossValidation(np.arange(2), after + spread, before + spread, none, none, ())


def test_a_good_refinement(good: Refinement) -> None:
    assert not good.at_bound.any()
    verdict = judge_refinement(good)
    assert verdict.sound
    assert (verdict.at_bound, verdict.objections) == (0, ())


def test_atoms_that_may_not_move_as_far_as_they_must(
    truth: AtomicModel, series: TiltSeries
) -> None:
    start = displaced(truth)
    movable = np.arange(len(truth)) >= 10
    shared = {"max_evaluations": 10, "threads": 1}
    done = refine(series, start, max_displacement=0.05, movable=movable, **shared)
    moved = np.linalg.norm(done.model.positions - start.positions, axis=1)
    np.testing.assert_array_equal(done.at_bound, moved > 0.95 * 0.05)
    assert not done.at_bound[:10].any()
    number = int(done.at_bound.sum())
    assert number > 30
    assert any(note.startswith(f"{number} atoms ended") for note in done.warnings)
    # The images agree better than before all the same: the atoms at the bound alone tell.
    assert done.r1.mean() < done.history[0, 2]
    verdict = judge_refinement(done, max_at_bound=0.5)
    assert verdict.at_bound == number / 60
    (reason,) = verdict.objections
    assert reason.startswith(f"{number} of 60 atoms ({100 * number / 60:.1f} %, more than 50 %)")
    assert judge_refinement(done, max_at_bound=verdict.at_bound).sound
    free = refine(series, start, max_displacement=0, movable=movable, **shared)
    assert not free.at_bound.any()


def test_the_limit_is_five_percent(good: Refinement) -> None:
    few, many = np.arange(60) < 3, np.arange(60) < 4
    assert judge_refinement(replace(good, at_bound=few)).sound
    assert not judge_refinement(replace(good, at_bound=many)).sound


def test_r_free_that_rose(good: Refinement) -> None:
    assert judge_refinement(good, crossed(0.2, 0.19)).sound
    assert judge_refinement(good, crossed(0.2, 0.2)).sound
    (reason,) = judge_refinement(good, crossed(0.2, 0.21)).objections
    assert reason == "R-free rose from 20.00 to 21.00 %"


def test_r1_that_rose_where_there_is_no_r_free(good: Refinement) -> None:
    worse = replace(good, r1=good.history[0, 2] + np.array([-0.01, 0.03]))
    (reason,) = judge_refinement(worse).objections
    assert reason.startswith("R1 rose from ")
    # R-free counts more: it is of images that the refinement has not seen.
    assert judge_refinement(worse, crossed(0.2, 0.19)).sound


def test_images_of_a_wider_sample(truth: AtomicModel) -> None:
    """Atoms that the images show are missing: R1 falls, but the model gets worse."""
    whole = AtomicModel.from_positions(truth.positions, "Pd")
    part = AtomicModel.from_positions(truth.positions[truth.positions[:, 0] > -2], "Pd")
    start = displaced(part, 0.1)
    done = refine(particle_series(whole, 12), start, max_evaluations=25, threads=1)
    before, after = (
        np.sqrt(np.mean((model.positions - part.positions) ** 2)) for model in (start, done.model)
    )
    assert after > 2 * before
    assert done.r1.mean() < done.history[0, 2]
    assert not judge_refinement(done).sound


def test_the_published_method(
    truth: AtomicModel, series: TiltSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = displaced(truth)
    # The published steps are far too short to reach the limit of 1 angstrom: a shorter one.
    with monkeypatch.context() as patch:
        patch.setattr(published, "descend_positions", partial(descend_positions, limit=0.01))
        done = refine(series, start, "published", rounds=1, threads=1)
    moved = np.linalg.norm(done.model.positions - start.positions, axis=1)
    np.testing.assert_array_equal(done.at_bound, moved > 0.01 - 1e-9)
    assert done.at_bound.any()
    assert not judge_refinement(done).sound


def test_the_record_says_it(series: TiltSeries, good: Refinement) -> None:
    record = refinement_record(series, good)
    assert (record["at_bound"], record["objections"]) == (0, [])
    many = replace(good, at_bound=np.arange(60) < 15)
    record = refinement_record(series, many, max_at_bound=0.2)
    assert record["at_bound"] == 0.25
    assert record["objections"] == list(judge_refinement(many, None, 0.2).objections)
    assert refinement_record(series, many, max_at_bound=0.25)["objections"] == []
