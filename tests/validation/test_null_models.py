"""Null models are what they are called, and fail; a model as good as another does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import ttest_1samp

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.refinement.likelihood import Atoms
from aet_port.simulation import amorphous_particle
from aet_port.validation import null_tests
from aet_port.validation.half_models import Half
from aet_port.validation.null_models import atoms_displaced, random_packing, species_shuffled
from aet_port.validation.null_tests import against_nulls, image_costs, paired_t
from tests.detection.samples import ANGLES, SHAPE, flat_views, likelihood

PLACES = amorphous_particle(60, "Ta", seed=2).positions
KINDS = (np.arange(60) % 3 == 0).astype(np.int64)
ATOMS = Atoms(PLACES, np.array([150.0, 300.0])[KINDS], KINDS)


def test_a_random_packing_has_number_density_and_hard_core() -> None:
    found = random_packing(ATOMS, np.random.default_rng(1))
    assert len(found) == len(ATOMS)
    assert sorted(found.heights) == sorted(ATOMS.heights)
    assert (found.heights > 200).tolist() == (found.kinds == 1).tolist()
    usual = np.median(cKDTree(PLACES).query(PLACES, 2)[0][:, 1])
    nearest = cKDTree(found.positions).query(found.positions, 2)[0][:, 1]
    assert 0.5 * usual < nearest.min()
    # The outline reaches half a distance of neighbours, and a voxel, beyond the outermost atoms.
    assert cKDTree(PLACES).query(found.positions)[0].max() < 1.1 * usual
    # No atom's place is known: by chance 60 balls of 1 angstrom hold a fifth of the volume.
    assert np.mean(cKDTree(PLACES).query(found.positions)[0] < 1.0) < 0.5


def test_shuffled_species_keep_places_and_numbers() -> None:
    found = species_shuffled(ATOMS, np.random.default_rng(1))
    np.testing.assert_array_equal(found.positions, PLACES)
    assert sorted(found.kinds) == sorted(KINDS)
    assert (found.heights > 200).tolist() == (found.kinds == 1).tolist()
    assert np.any(found.kinds != KINDS)
    with pytest.raises(InputError, match="one species"):
        species_shuffled(ATOMS.with_kinds(np.zeros(60)), np.random.default_rng(1))


def test_displaced_atoms_are_an_angstrom_away() -> None:
    step = atoms_displaced(ATOMS, np.random.default_rng(1)).positions - PLACES
    np.testing.assert_allclose(np.linalg.norm(step, axis=1), 1.0, rtol=1e-12)
    # Directions at random: the mean of 60 is known to 1/sqrt(60).
    assert np.linalg.norm(step.mean(axis=0)) < 4 / np.sqrt(60)


def test_t_is_that_of_scipy() -> None:
    values = np.random.default_rng(6).normal(0.3, 1, 25)
    other = ttest_1samp(values, 0, alternative="greater")
    assert paired_t(values) == pytest.approx((other.statistic, other.pvalue), rel=1e-12)


def test_equal_models_have_no_t() -> None:
    assert paired_t(np.zeros(5)) == (0.0, 1.0)
    assert paired_t(np.ones(5)) == (np.inf, 0.0)


def jittered(seed: int) -> Atoms:
    """The atoms with errors of 0.2 angstrom."""
    step = np.random.default_rng(seed).normal(0, 0.2, PLACES.shape)
    return Atoms(PLACES + step, ATOMS.heights, KINDS)


def half(seed: int) -> Half:
    """A model with errors, and images of the true atoms."""
    views = flat_views(ANGLES, 4.0)
    empty = likelihood(np.zeros((len(ANGLES), *SHAPE)))
    empty.use_profiles([empty.filters[0] / empty._drawn] * 2)
    images = np.random.default_rng(seed).poisson(np.maximum(empty.expected(ATOMS, views), 0))
    made = likelihood(images)
    made.use_profiles([made.filters[0] / made._drawn] * 2)
    found: Any = SimpleNamespace(
        species=SimpleNamespace(means=np.array([150.0, 300.0])),
        model=AtomicModel.from_positions(PLACES, "Ta"),
    )
    return Half(found, made, jittered(seed), views)


def test_null_models_fail_and_equals_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = (half(11), half(12))
    for test in against_nulls(halves, 3):
        assert test.rejected, test.name
        assert test.p is not None
        assert test.p < 1e-8
        assert test.r_free is not None
        assert test.r_free_model is not None
        assert test.r_free > test.r_free_model
        assert len(test.differences) == 2 * len(ANGLES)
    monkeypatch.setattr(null_tests, "NULLS", {"the truth": lambda atoms, rng: ATOMS})
    (test,) = against_nulls(halves, 3)
    assert test.rejected is False
    assert test.worse == 0
    assert test.p == pytest.approx(1.0, abs=1e-6)


def test_a_null_model_of_which_one_draw_is_better_is_not_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However sure it is that its mean is worse."""
    drawn = iter([ATOMS, ATOMS] + [atoms_displaced(ATOMS, np.random.default_rng(1))] * 8)
    monkeypatch.setattr(null_tests, "NULLS", {"mixed": lambda atoms, rng: next(drawn)})
    (test,) = against_nulls((half(11), half(12)), 5)
    assert test.p is not None
    assert test.p < 1e-8
    assert (test.worse, test.rejected) == (4, False)


def test_costs_are_those_of_the_likelihood() -> None:
    one = half(13)
    best = one.likelihood.best_background(one.atoms, one.views)
    views = flat_views(ANGLES)
    views.background[:] = best
    slow = [
        one.likelihood.cost(one.likelihood.expected_image(one.atoms, views, number), number)
        for number in range(len(ANGLES))
    ]
    # Single precision of the pixels.
    np.testing.assert_allclose(image_costs(one.likelihood, one.atoms, one.views), slow, rtol=1e-5)


def test_one_species_has_no_species_to_shuffle() -> None:
    one = half(14)
    alone = Half(one.found, one.likelihood, one.atoms.with_kinds(np.zeros(60)), one.views)
    first, second, _ = against_nulls((alone, alone), 1)
    assert (first.name, first.rejected, first.reason) == (
        "species shuffled", None, "atoms: one species",
    )  # fmt: skip
    assert second.rejected
    assert second.z is None
