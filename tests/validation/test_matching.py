"""Pairing of models against brute force, the reference's outputs and the published precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import loadmat

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.validation.matching import match_models
from matlab_reference.locate import golden_path


def spread_points(n: int, seed: int) -> NDArray:
    """Points at least 2.3 angstrom apart."""
    rng = np.random.default_rng(seed)
    kept: list[NDArray] = []
    while len(kept) < n:
        point = rng.uniform(0, 20, 3)
        if all(np.linalg.norm(point - other) > 2.3 for other in kept):
            kept.append(point)
    return np.array(kept)


def cheapest(found: NDArray, truth: NDArray, radius: float) -> float:
    """Least cost over every way to pair, an unpaired found atom costing radius squared."""
    square = np.sum((found[:, None] - truth) ** 2, axis=2)
    square = np.where(square <= radius**2, square, radius**2)
    padded = np.concatenate([square, np.full((len(found), len(found)), radius**2)], axis=1)
    columns = range(padded.shape[1])
    rows = range(len(found))
    return min(padded[list(rows), list(p)].sum() for p in permutations(columns, len(found)))


@pytest.mark.parametrize(
    ("name", "found", "truth"),
    [
        ("mg__Cal_RMSD.rmsd__cluster120.mat", "in_atom_pos", "in_ref_pos"),
        ("mg__Compare_MG_multislice_posres.rmsd__cluster120.mat", "in_m2", "in_ref_pos"),
    ],
)
def test_quirks_mode_equals_the_reference(name: str, found: str, truth: str) -> None:
    golden = loadmat(golden_path(name))
    result = match_models(golden[found].T, golden[truth].T, reference_quirks=True)
    np.testing.assert_array_equal(result.truth_index + 1, golden["out_count_arr1"].ravel())
    np.testing.assert_array_equal(result.found_index + 1, golden["out_count_arr2"].ravel())
    # Double precision, sums of 115 numbers.
    np.testing.assert_allclose(result.shift, golden["out_shift"].ravel(), atol=1e-13)
    np.testing.assert_allclose(result.differences.T, golden["out_difarr"], atol=1e-13)
    assert result.rmsd == pytest.approx(golden["out_rmsd"].item(), rel=1e-13)


@pytest.mark.reference
def test_published_precision_of_the_glass(reference: Callable[..., Path]) -> None:
    root = "AET-MetallicGlass"
    simulation = "10_Multislice_AET_simulations"
    final = loadmat(reference(root, "6_Final_coordinates", "final_atom_coord_inA.mat"))
    traced = loadmat(reference(root, simulation, "3_posref", "LocalC_MG_multislice_OriOri.mat"))
    truth = final["final_atom_coord_inAngstrom"].T.astype(np.float64)
    found = traced["model_OriOri"].T.astype(np.float64)
    published = match_models(truth, found, reference_quirks=True)
    assert published.rmsd_pm == pytest.approx(20.77, abs=0.005)
    assert published.matched / len(truth) == pytest.approx(0.98, abs=0.0005)
    ours = match_models(found, truth)
    assert len(set(ours.truth_index)) == ours.matched == 17987
    assert ours.rmsd_pm == pytest.approx(20.70, abs=0.01)


def test_recovers_a_known_pairing() -> None:
    truth = spread_points(150, 0)
    rng = np.random.default_rng(1)
    order = rng.permutation(150)
    kept = order[:140]
    shift = np.array([0.3, -0.2, 0.1])
    error = rng.normal(0, 0.12, (140, 3))
    extra = truth[order[140:]] + [0, 0, 30.0]
    found = np.concatenate([truth[kept] + error - shift, extra])
    result = match_models(found, truth)
    assert result.matched == 140
    np.testing.assert_array_equal(result.truth_index, kept)
    np.testing.assert_array_equal(result.spurious, np.arange(140, 150))
    np.testing.assert_array_equal(result.missed, np.sort(order[140:]))
    np.testing.assert_allclose(result.shift, shift - error.mean(axis=0), atol=2e-4)
    centred = error - error.mean(axis=0)
    assert result.rmsd == pytest.approx(np.sqrt(np.mean(np.sum(centred**2, axis=1))), rel=1e-4)
    assert result.rmsd_pm == 100 * result.rmsd
    unmoved = match_models(found, truth, align=False)
    assert not unmoved.shift.any()
    assert unmoved.rmsd > result.rmsd


def test_a_false_atom_takes_no_better_ones_partner() -> None:
    truth = np.array([[0.0, 0, 0], [2.5, 0, 0]])
    found = np.array([[0.05, 0, 0], [-1.4, 0, 0], [2.5, 0, 0]])
    result = match_models(found, truth, align=False)
    np.testing.assert_array_equal(result.found_index, [0, 2])
    np.testing.assert_array_equal(result.spurious, [1])
    doubled = match_models(found, truth, reference_quirks=True, radius=1.5)
    assert doubled.matched == 3  # the reference counts the false atom too


def test_an_exact_copy() -> None:
    truth = spread_points(20, 2)
    for quirks in (False, True):
        result = match_models(truth[::-1], truth, reference_quirks=quirks)
        assert result.rmsd == 0
        np.testing.assert_array_equal(result.truth_index, np.arange(20)[::-1])
    single = match_models(truth[:1], truth[:1], reference_quirks=True)
    assert single.rmsd == 0


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
def test_pairing_is_the_cheapest(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # A small box, so that most atoms have several candidates; one pair is always possible.
    found, truth = rng.uniform(0, 2.5, (n, 3)), rng.uniform(0, 2.5, (m, 3))
    truth[0] = found[0] + 0.1
    result = match_models(found, truth, radius=1.5, align=False)
    assert len(set(result.found_index)) == len(set(result.truth_index)) == result.matched
    assert (np.linalg.norm(result.differences, axis=1) <= 1.5).all()
    cost = np.sum(result.differences**2) + 1.5**2 * len(result.spurious)
    assert cost == pytest.approx(cheapest(found, truth, 1.5), abs=1e-12)
    assert len(result.spurious) + result.matched == n
    assert len(result.missed) + result.matched == m


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"found": np.zeros((3, 5))}, "found.*transpose"),
        ({"truth": np.zeros((0, 3))}, "truth"),
        ({"truth": np.full((2, 3), np.nan)}, "truth"),
        ({"radius": 0.0}, "radius"),
        ({"found": np.full((2, 3), 99.0)}, "no pair"),
    ],
)
def test_bad_arguments_are_named(change: dict, named: str) -> None:
    arguments = {"found": np.zeros((2, 3)), "truth": np.eye(3), **change}
    with pytest.raises(InputError, match=named):
        match_models(**arguments)


@pytest.mark.parametrize("quirks", [False, True])
def test_models_atoms_and_positions_stand_for_each_other(quirks: bool) -> None:
    rng = np.random.default_rng(3)
    truth = AtomicModel.from_positions(rng.uniform(0, 15, (40, 3)), "Ta")
    found = AtomicModel.from_positions(truth.positions[5:] + rng.normal(0, 0.1, (35, 3)), "Pd")
    wanted = match_models(found.positions, truth.positions, reference_quirks=quirks)
    for one, other in (
        (found, truth),
        (found.atoms, truth.atoms),
        (found, truth.positions),
        (found.positions.tolist(), truth.atoms),
    ):
        pairs = match_models(one, other, reference_quirks=quirks)
        np.testing.assert_array_equal(pairs.found_index, wanted.found_index)
        np.testing.assert_array_equal(pairs.truth_index, wanted.truth_index)
        np.testing.assert_array_equal(pairs.differences, wanted.differences)
        assert pairs.rmsd == wanted.rmsd
    assert wanted.matched >= 35


def test_distances_of_pairs_and_their_histogram() -> None:
    truth = np.array([[0.0, 0, 0], [5, 0, 0], [0, 5, 0]])
    steps = np.array([[0.03, 0, 0], [0, 0.05, 0], [0, 0, 0.21]])
    found = match_models(truth + steps, truth, align=False)
    np.testing.assert_allclose(found.deviations, [0.03, 0.05, 0.21])
    counts, edges = found.histogram(0.1)
    assert counts[:3].tolist() == [2, 0, 1]
    assert counts.sum() == found.matched
    assert edges[-1] == found.radius
    with pytest.raises(InputError, match="width"):
        found.histogram(0)
