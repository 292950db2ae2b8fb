"""Estimated recall against searches that are nothing but thresholds, with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import P_EXISTS
from aet_port.detection.mixture import Species
from aet_port.validation.estimated_recall import Clarity, clarity_of, estimate_recall

ATOMS = 5000
ONE = Species(np.array([10.0]), np.array([0.2]), np.ones(1))
LEAST = 4.0


@pytest.mark.slow
@pytest.mark.parametrize("level", [1.2, 1.7, 2.2])
@pytest.mark.parametrize("understated", [1.0, 1.25])
def test_recall_is_estimated_within_two_points(level: float, understated: float) -> None:
    """Errors differ from atom to atom, and may be stated too small.

    The chance of 5000 atoms, 0.7 %, is a third of that.
    """
    rng = np.random.default_rng(5)
    errors = level * rng.uniform(0.5, 1.5, ATOMS)
    halves = 10 + np.sqrt(2) * errors * rng.normal(size=(2, ATOMS))
    found = [one > LEAST * np.sqrt(2) * errors for one in halves]
    whole = halves.mean(axis=0) > LEAST * errors
    weights = np.ones(int(whole.sum()))
    stated = errors[whole] / understated
    clarity = Clarity(np.full(len(stated), 10.0), stated, weights, ONE, LEAST, 0.5)
    estimate = estimate_recall(clarity, (found[0][whole], found[1][whole]))
    assert estimate.recall == pytest.approx(whole.mean(), abs=0.02)
    true = [np.mean(one & whole) for one in found]
    assert estimate.halves == pytest.approx(true, abs=0.02)
    low, high = estimate.interval
    assert low < estimate.recall < high
    # Of one atom in two halves a naive estimate would say that less is missing.
    if level > 2:
        naive = np.mean(found[0][found[1]])
        assert naive - true[0] > 0.1


def test_atoms_that_only_the_halves_found_lower_the_recall() -> None:
    clarity = Clarity(np.full(50, 10.0), np.full(50, 0.1), np.ones(50), ONE, LEAST, 0.01)
    both = (np.ones(50, bool), np.ones(50, bool))
    assert estimate_recall(clarity, both).recall == pytest.approx(1, abs=1e-6)
    lost = estimate_recall(clarity, both, 0.9)
    assert lost.recall == pytest.approx(0.9, abs=1e-6)
    assert lost.halves == pytest.approx((1.0, 1.0), abs=1e-6)
    assert lost.atoms == pytest.approx(50 / 0.9)


def test_doubtful_atoms_count_by_their_probability() -> None:
    """Twenty spurious atoms that no half holds would make it half as many found again."""
    exist = np.concatenate([np.ones(40), np.zeros(20)])
    arrays = {"height": np.full(60, 10.0), "sigma_height": np.full(60, 1.8)}
    places = np.random.default_rng(0).uniform(0, 30, (60, 3))
    known = AtomicModel.from_positions(places, "Ta", **arrays, **{P_EXISTS: exist})
    unknown = AtomicModel.from_positions(places, "Ta", **arrays)
    halves = (exist > 0, exist > 0)
    estimates = [
        estimate_recall(clarity_of(model, ("Ta",), 3e4, 0.01), halves) for model in (known, unknown)
    ]
    assert estimates[0].recall > 0.99
    assert estimates[0].of_full == (1.0, 1.0)
    assert estimates[1].of_full == pytest.approx((2 / 3, 2 / 3))
    assert estimates[1].recall < 0.99


def test_poor_recall_is_warned_of() -> None:
    errors = np.full(200, 2.4)
    clarity = Clarity(np.full(200, 10.0), errors, np.ones(200), ONE, LEAST, 0.5)
    rare = np.arange(200) < 60
    estimate = estimate_recall(clarity, (rare, rare))
    assert estimate.recall < 0.9
    assert "several percent off" in estimate.warnings[0]
    assert estimate_recall(clarity, (~rare | True, ~rare | True)).warnings == ()


def test_what_is_missing_is_named() -> None:
    bare = AtomicModel.from_positions([[0, 0, 0], [3, 0, 0]], "Ta")
    with pytest.raises(InputError, match="no height"):
        clarity_of(bare, ("Ta",), 1e4, 0.01)
    few = Clarity(np.full(3, 10.0), np.ones(3), np.ones(3), ONE, LEAST, 0.01)
    with pytest.raises(InputError, match="3 atoms"):
        estimate_recall(few, (np.ones(3, bool), np.ones(3, bool)))
