"""z-scores, ellipsoids and reliability of claims whose errors are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import uncertainty_arrays
from aet_port.figures import calibration as figures
from aet_port.validation import assess_calibration, match_models, reliability
from aet_port.validation.calibration import Calibration, ordinary_pairs
from aet_port.validation.probabilities import LEAST_IN_BIN, binomial_interval


def lattice(n: int) -> NDArray:
    return 4.0 * np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)


def drawn(seed: int, factor: float = 1.0, n: int = 8) -> tuple[AtomicModel, AtomicModel, NDArray]:
    """Atoms with correlated errors of known covariance, ``factor`` times as large as stated."""
    rng = np.random.default_rng(seed)
    places = lattice(n)
    # No direction is so sharp that the error of the removed shift would count.
    roots = 0.02 * rng.normal(size=(len(places), 3, 3)) + 0.07 * np.eye(3)
    covariances = roots @ roots.transpose(0, 2, 1)
    off = factor * np.einsum("kij,kj->ki", roots, rng.normal(size=places.shape))
    found = AtomicModel.from_positions(places + off, "Ta", **uncertainty_arrays(covariances))
    return found, AtomicModel.from_positions(places, "Ta"), covariances


def assess(found: AtomicModel, truth: AtomicModel) -> Calibration:
    return assess_calibration(found, truth, match_models(found, truth))


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_z_scores_of_known_errors(factor: float) -> None:
    scores = assess(*drawn(1, factor)[:2]).positions
    assert scores is not None
    assert len(scores.z) + scores.left_out == 512
    # The errors are random: four standard errors. The shift that was removed counts 3 of 1536.
    np.testing.assert_array_less(np.abs(scores.rms - factor), 4 * factor / np.sqrt(2 * 500))
    np.testing.assert_allclose(scores.robust, factor, rtol=0.2)


def test_z_scores_and_ellipsoids_one_by_one() -> None:
    found, truth, covariances = drawn(2)
    matching = match_models(found, truth)
    scores = assess_calibration(found, truth, matching).positions
    assert scores is not None
    squares = []
    for k in scores.index:
        (n,) = np.flatnonzero(matching.found_index == k)
        off = found.positions[k] - (truth.positions[matching.truth_index[n]] - matching.shift)
        z = off / np.sqrt(np.diag(covariances[k]))
        np.testing.assert_allclose(scores.z[list(scores.index).index(k)], z, rtol=1e-9, atol=1e-9)
        squares.append(off @ np.linalg.inv(covariances[k]) @ off)
    np.testing.assert_allclose(scores.squares, squares, rtol=1e-9)
    for level in (0.5, 0.68, 0.95):
        inside = np.sum(np.array(squares) <= stats.chi2(3).ppf(level))
        share, low, high = scores.coverage(level)
        assert share == inside / len(squares)
        assert low <= share <= high
        assert low < level < high  # true of 19 in 20 seeds


def test_error_of_the_rms_is_its_spread_over_repetitions() -> None:
    found = [assess(*drawn(seed, n=5)[:2]).positions for seed in range(100)]
    rms = np.array([one.rms for one in found if one is not None])
    stated = np.mean([one.rms_error for one in found if one is not None], axis=0)
    # A spread of 100 values is known to 7 %; the stated one is estimated from 125.
    np.testing.assert_allclose(rms.std(axis=0), stated, rtol=0.3)


def test_only_ordinary_pairs_count() -> None:
    """Beside an invented atom, a pair is none; nor is one that is not the nearest."""
    places = lattice(4)
    found = np.concatenate([places, [[1.2, 0, 0]]])
    matching = match_models(found, places, align=False)
    models = (AtomicModel.from_positions(one, "Ta") for one in (found, places))
    ordinary = ordinary_pairs(*models, matching)
    assert np.flatnonzero(~ordinary).tolist() == [0]
    # Two found atoms, two true: both found ones are nearest to the same true one.
    found = np.concatenate([places[2:], [[0.0, 0, 0], [0, 0, 1.0]]])
    truth = np.concatenate([places[2:], [[0.0, 0, 0.4], [0, 0, 2.3]]])
    matching = match_models(found, truth, align=False)
    assert matching.matched == 64
    models = (AtomicModel.from_positions(one, "Ta") for one in (found, truth))
    assert np.flatnonzero(~ordinary_pairs(*models, matching)).tolist() == [63]


def test_what_is_missing_is_said() -> None:
    found, truth, _ = drawn(3, n=3)  # 27 atoms
    result = assess(found, truth)
    assert (result.positions, result.existence, result.species) == (None, None, None)
    assert "at least 30" in result.missing["positions"]
    assert result.missing["existence"] == "no array p_exists"
    assert result.missing["species"] == "only one species"
    kinds = AtomicModel.from_positions(truth.positions, ["Ta", "Pd", "Pt"] * 9)
    assert assess(found, kinds).missing["species"] == "no array probability"
    found.atoms.set_array("p_exists", np.ones(27))
    assert assess(found, truth).missing["existence"].startswith("27 atoms with p_exists; at least")
    assert "sigma_x" in assess(truth, truth).missing["positions"]
    assert result.plain()["positions"] is None


def test_unusable_covariances_are_left_out() -> None:
    found, truth, _ = drawn(4)
    found.atoms.arrays["sigma_x"][:3] = [np.nan, 0, np.inf]
    scores = assess(found, truth).positions
    assert scores is not None
    assert not set(scores.index.tolist()) & {0, 1, 2}
    assert np.isfinite(scores.rms).all()


def test_existence_and_species_of_known_claims() -> None:
    """Of 512 atoms 64 are invented; 10 % of the species are wrong."""
    rng = np.random.default_rng(5)
    places = lattice(8)
    invented = np.arange(512) < 64
    found_places = np.where(invented[:, None], places + np.array([100.0, 0, 0]), places)
    p = np.where(invented, 0.2, 0.9)
    wrong = rng.random(512) < 0.1
    found = AtomicModel.from_positions(
        found_places,
        np.where(wrong, "Pd", "Ta").tolist(),
        p_exists=p,
        probability=np.full(512, 0.8),
    )
    result = assess(found, AtomicModel.from_positions(places, "Ta"))
    assert result.existence is not None
    assert result.species is not None
    np.testing.assert_allclose(result.existence.claimed, [0.2, 0.9])
    np.testing.assert_allclose(result.existence.observed, [0.0, 1.0])
    assert result.existence.expected_error == pytest.approx((64 * 0.2 + 448 * 0.1) / 512)
    assert result.existence.wrong_claimed == pytest.approx((64 * 0.8 + 448 * 0.1) / 512)
    assert result.existence.wrong_observed == 64 / 512
    low, high = result.existence.wrong_interval
    assert low < 64 / 512 < high
    assert result.species.atoms.tolist() == [448]
    assert result.species.wrong_observed == pytest.approx(wrong[64:].mean())


def test_right_claims_are_as_far_off_as_chance_has_it() -> None:
    """Expected calibration errors of right claims are those that `chance` says; others are not."""
    rng = np.random.default_rng(6)
    errors, chance = [], []
    for _ in range(30):
        p = rng.uniform(0.5, 1, 1000)
        curve = reliability(p, rng.random(1000) < p)
        errors.append(curve.expected_error)
        chance.append(curve.chance)
    # Each has a spread of a quarter.
    assert np.mean(errors) == pytest.approx(np.mean(chance), rel=0.15)
    bold = reliability(p, rng.random(1000) < p - 0.15)
    assert bold.expected_error > 4 * bold.chance
    assert bold.wrong_observed - bold.wrong_claimed == pytest.approx(0.15, abs=0.06)


def test_bins_are_equal_and_keep_equal_claims_together() -> None:
    rng = np.random.default_rng(7)
    p = rng.permutation(np.concatenate([rng.uniform(0.2, 0.9, 500), np.full(500, 1.0)]))
    right = rng.random(1000) < p
    curve = reliability(p, right)
    assert curve.atoms.tolist() == [100, 100, 100, 100, 100, 500]
    assert curve.claimed[-1] == 1.0
    order = np.argsort(p, kind="stable")
    ends = np.cumsum(curve.atoms)
    slow = sum(
        n / 1000 * abs(p[order][e - n : e].mean() - right[order][e - n : e].mean())
        for n, e in zip(curve.atoms, ends, strict=True)
    )
    assert curve.expected_error == pytest.approx(slow, rel=1e-12)
    few = reliability(p[:50], right[:50])
    assert few.atoms.sum() == 50
    assert few.atoms.min() >= LEAST_IN_BIN
    with_gap = reliability(np.append(p, np.nan), np.append(right, True))
    assert (with_gap.left_out, with_gap.expected_error) == (1, curve.expected_error)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (17, 900)])
def test_binomial_interval_is_that_of_another_library(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    # Another way to the same quantile of the beta distribution.
    np.testing.assert_allclose(binomial_interval(k, n), expected, rtol=1e-6, atol=1e-9)


def test_claims_that_are_none() -> None:
    with pytest.raises(InputError, match=r"claimed: found 1\.5; expected probabilities"):
        reliability([0.5, 1.5], [True, True])
    with pytest.raises(InputError, match="no finite value"):
        reliability([np.nan], [True])
    with pytest.raises(InputError, match="shapes"):
        reliability([0.5], [True, False])
    with pytest.raises(InputError, match="bins"):
        reliability([0.5], [True], bins=0)


def test_figures_show_the_numbers(tmp_path: Path) -> None:
    found, truth, _ = drawn(8)
    rng = np.random.default_rng(8)
    found.atoms.set_array("p_exists", rng.uniform(0.9, 1, 512))
    result = assess(found, truth)
    names = [path.name for path in figures.write_calibration_figures(tmp_path, result)]
    assert names == ["z_scores.png", "reliability_existence.png"]
    assert result.positions is not None
    assert result.existence is not None
    axes = Figure().add_subplot()
    figures.z_histogram(axes, result.positions)
    shown = axes.patches[0].get_data().values  # type: ignore[attr-defined]
    assert np.sum(shown) * figures.WIDTH == pytest.approx(1)
    axes = Figure().add_subplot()
    figures.reliability_curve(axes, result.existence)
    line = axes.containers[0].lines[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(line.get_xdata(), result.existence.claimed)
    np.testing.assert_allclose(line.get_ydata(), result.existence.observed)
    assert figures.write_calibration_figures(tmp_path, assess(truth, truth)) == []
