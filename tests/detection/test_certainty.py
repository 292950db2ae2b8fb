"""Trials, probabilities and errors calibrated by them, and given models checked."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import expit
from scipy.stats import norm

import aet_port as aet
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import P_EXISTS, SIGMAS
from aet_port.detection import loop
from aet_port.detection.certainty import Certainty, log_likelihood_ratio
from aet_port.detection.loop import detect
from aet_port.detection.mixture import Species
from aet_port.detection.model_check import FITS, check_model, first_heights, fit_given
from aet_port.detection.outcome import Detection
from aet_port.detection.pairs import mutual_pairs
from aet_port.detection.probe import Probe
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT, DetectSettings
from aet_port.detection.shares import Share, interval
from aet_port.detection.state import SearchState
from aet_port.detection.trials import (
    RADIUS,
    Trial,
    _excess_spectrum,
    _strength,
    run_trial,
    simulated,
)
from tests.detection.samples import atoms_at, flat_views, particle, ta_series

DIM = 4e4  # electrons per square angstrom: heights of about 13 standard errors
DRAWS = 4000


@cache
def dim() -> tuple[Search, SearchState]:
    """A search of 120 atoms at low dose, at its end."""
    search = Search(ta_series(120, DIM), ["Ta"], DETECT, 1)
    state = search.start()
    while not search.ended(state):
        state = search.round(state)
    return search, search.finish(state)


def made_trial(stretch: float = 1.0, wrong: int = 0, seed: int = 0) -> Trial:
    """A trial in which errors are larger than stated by a factor, and low atoms are wrong."""
    rng = np.random.default_rng(seed)
    signs = np.stack(
        [np.full(DRAWS, 2.5), np.zeros(DRAWS), np.ones(DRAWS), np.full(DRAWS, -2.0)], axis=1
    )
    signs += 0.1 * rng.normal(size=signs.shape)
    right = np.arange(DRAWS) >= wrong
    signs[~right, 0] -= 1.0
    misfit = stretch**2 * rng.chisquare(3, DRAWS)
    misfit[~right] = np.nan
    # Each coordinate's deviation, and atoms within 40 angstrom of the border.
    scores = stretch * rng.normal(size=(DRAWS, 3))
    border = rng.uniform(0, 40, DRAWS)
    return Trial(signs, right, np.exp(signs[:, 3]), misfit, scores, border, 0, 0.0, DRAWS, wrong)


def certain(*trials: Trial) -> Certainty:
    """The calibration of atoms that look like those of the first trial."""
    return Certainty(trials, 1e5, trials[0].signs)


def state_of(heights: NDArray, error: float = 10.0, sigma: float = 0.1) -> SearchState:
    """Atoms on a line 3 angstrom apart with these heights."""
    n = len(heights)
    places = np.stack([3.0 * np.arange(n), np.zeros(n), np.zeros(n)], axis=1)
    covariances = np.broadcast_to(np.diag([error**2, *[sigma**2] * 3]), (n, 4, 4)).copy()
    species = Species(np.array([100.0]), np.array([2.0]), np.ones(1))
    atoms = replace(atoms_at(places), heights=heights)
    return SearchState(
        atoms, flat_views(), Probe(6.0, 25.0), covariances, heights.copy(), species=species
    )


def test_simulated_images_have_the_noise_of_the_measured_ones() -> None:
    search, state = dim()
    images = simulated(search, state, state, 0)
    expected = search.expected(state)
    weights = search.likelihood.weights(expected)
    chi_square = np.mean((images - expected) ** 2 * weights)
    measured = np.mean((search.images - expected) ** 2 * weights)
    # 72,000 pixels: standard error 0.005 each; a fit takes 3 % from that of the measured images.
    assert chi_square == pytest.approx(max(measured, 1.0), abs=0.04)
    assert not np.array_equal(images, simulated(search, state, state, 1))
    np.testing.assert_array_equal(images, simulated(search, state, state, 0))


def test_a_trial_knows_its_truth() -> None:
    search, state = dim()
    trial = run_trial(search, state)
    assert trial.truth == len(state.atoms)
    # All atoms are on all images, so that none of the pairs is left out.
    assert trial.missed == trial.truth - trial.right.sum() <= 0.05 * trial.truth
    # 360 deviations: standard error of their mean square 0.075, and the model may be 40 % off.
    assert 0.7 < np.nanmean(trial.misfit) / 3 < 1.6
    np.testing.assert_array_equal(np.isnan(trial.misfit), ~trial.right)
    assert str(trial).startswith(f"of {trial.truth} atoms")


def test_pairs_are_mutual() -> None:
    truth = np.array([[0.0, 0, 0], [5, 0, 0]])
    found = np.array([[0.3, 0, 0], [0.1, 0, 0], [6.1, 0, 0]])
    right, partner = mutual_pairs(found, truth, RADIUS)
    # The second is nearer to the first true atom; the third is beyond 1 angstrom.
    assert right.tolist() == [False, True, False]
    assert partner.tolist() == [0, 0, 1]


def test_errors_too_small_are_stretched() -> None:
    certainty = certain(made_trial(stretch=1.5))
    scales = certainty.scales(state_of(np.full(50, 100.0)).covariances)
    assert scales.shape == (50, 3)
    # Mean squares of bins of 200 atoms: 0.058 each; the larger of two estimates lies higher.
    np.testing.assert_allclose(scales**2, 1.5**2, rtol=0.25)
    right = certain(made_trial()).scales(state_of(np.full(50, 100.0)).covariances)
    np.testing.assert_allclose(right**2, 1.0, atol=0.25)


def test_factors_follow_the_stated_error() -> None:
    small, large = made_trial(), made_trial(stretch=2.0, seed=1)
    large = replace(large, sigma=large.sigma * 4)
    certainty = certain(small, large)
    found = [
        certainty.scales(state_of(np.full(3, 100.0), sigma=sigma).covariances)[0, 0] ** 2
        for sigma in (np.exp(-2.0), 4 * np.exp(-2.0))
    ]
    np.testing.assert_allclose(found, [1, 4], rtol=0.25)


def test_errors_near_the_border_follow_the_trials() -> None:
    """Where y is displaced ten times as much within 1 angstrom of the border, only there."""
    trial = made_trial()
    near = trial.border < 1
    scores = np.where(near[:, None], trial.scores * [1, 10, 1], trial.scores)
    misfit = np.where(near, np.sum(scores**2, axis=1), trial.misfit)
    border = np.array([0.3, 0.7, 1.5, 20.0])
    covariances = state_of(np.full(4, 100.0)).covariances
    found = certain(replace(trial, scores=scores, misfit=misfit)).scales(covariances, border)
    # About 50 atoms of a trial lie in each of the first two ranges: 10 %, three times that allowed.
    np.testing.assert_allclose(found[:2, 1], 10, rtol=0.3)
    assert np.all(found[:2, [0, 2]] < 1.4)
    assert np.all(found[2:] < 1.4)
    # A sample with vacuum around it has no such atoms.
    assert np.all(certain(trial).scales(covariances) < 1.4)


def test_errors_differ_by_coordinate_and_in_a_film_few_atoms_do_not_rule_them() -> None:
    trial = made_trial()
    scores = trial.scores * [1.0, 1.0, 2.0]
    scores[::100] *= 10  # one of a hundred, far off
    far = np.full(len(scores), 10.0)
    stretched = replace(trial, scores=scores, misfit=np.sum(scores**2, axis=1), border=far)
    covariances = state_of(np.full(4, 100.0)).covariances
    # Quantiles of unequal coordinates are 1.1 times those of equal ones, and in a bin of 200 they
    # scatter by 5 %. The ratio is one of medians of 4,000 deviations: standard error 3 %.
    found = certain(stretched).scales(covariances, np.full(4, 10.0))
    np.testing.assert_allclose(found, np.tile([1.0, 1.0, 2.0], (4, 1)), rtol=0.2)
    np.testing.assert_allclose(found[:, 2] / found[:, 0], 2.0, rtol=0.1)
    # In a particle the mean square counts, (1 + 1 + 4) / 3 * (0.99 + 0.01 * 100) = 4, and the
    # quantiles share it out, by 1/2, 1/2, 2 but for a weight of 500 of 4,500 on equal shares.
    whole = certain(stretched).scales(covariances)
    shares = np.array([5 / 9, 5 / 9, 17 / 9])
    # Some of a bin of 200, two on average, are far off, and rule its mean square.
    np.testing.assert_allclose(np.mean(whole**2, axis=1), 4, rtol=0.5)
    # A quantile of 95 % of 4,000 deviations: standard error 1.5 %; squared, and a ratio, 4 %.
    np.testing.assert_allclose(
        whole**2 / np.mean(whole**2, axis=1)[:, None], [shares] * 4, rtol=0.1
    )


def test_few_atoms_do_not_tell_coordinates_apart() -> None:
    trial = made_trial()
    few = np.arange(DRAWS) < 50
    scores = trial.scores * [1.0, 1.0, 2.0]
    misfit = np.where(few, np.sum(scores**2, axis=1), np.nan)
    stretched = replace(trial, right=few, scores=scores, misfit=misfit)
    scales = certain(stretched).scales(state_of(np.full(4, 100.0)).covariances)
    # Shares as above with a weight of 50 in 550: 12/11 to 10.5/11. A quantile of 50 deviations is
    # 13 % unsure, squared and with that weight 2 %.
    np.testing.assert_allclose(scales[:, 2] / scales[:, 0], np.sqrt(12 / 10.5), rtol=0.05)


def excess_images(rng: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Unit noise, and beside one border of half the images smooth fields 1.5 times as strong."""
    images = rng.normal(size=shape)
    fields = ndimage.gaussian_filter(rng.normal(size=shape), (0, 2, 2))
    fields *= 1.5 / fields.std()
    fields[: shape[0] // 2] = 0
    fields[:, :, 8:] = 0
    return images + fields


def test_the_excess_of_a_film_is_where_it_was_seen() -> None:
    residual = excess_images(np.random.default_rng(4), (16, 60, 48))
    spectrum = _excess_spectrum(residual)
    strength = _strength(residual, spectrum)
    power = strength.astype(np.float64) ** 2
    assert power.mean() == pytest.approx(1.0)
    # A twelfth of the pixels has all of it, 12 times the mean, of which noise taken for excess
    # elsewhere leaves 10.4 to 10.8 (four seeds), with up to 0.24 there.
    assert power[8:, :, :8].mean() > 8
    assert power[8:, :, 16:].mean() < 0.3
    assert power[:8].mean() < 0.3
    # Noise alone has none anywhere.
    nothing = np.random.default_rng(5).normal(size=(16, 60, 48))
    assert not _excess_spectrum(nothing).any()


def test_evidence_is_the_ratio_of_the_densities() -> None:
    species = Species(np.array([50.0, 100.0]), np.array([2.0, 5.0]), np.array([0.3, 0.7]))
    heights, errors = np.array([-5.0, 20.0, 60.0]), np.array([10.0, 12.0, 9.0])
    with_atom = sum(
        f * norm.pdf(heights, m, np.hypot(s, errors))
        for f, m, s in zip(species.fractions, species.means, species.spreads, strict=True)
    )
    expected = np.log(with_atom / norm.pdf(heights, 0, errors))
    np.testing.assert_allclose(log_likelihood_ratio(heights, errors, species), expected, rtol=1e-12)


def test_probability_of_noise_is_low_and_of_atoms_high() -> None:
    certainty = certain(made_trial())
    heights = np.array([0.0, 10.0, 40.0, 100.0, 120.0])
    found = certainty.existence(state_of(heights))
    assert np.all(np.diff(found) >= 0)
    assert found[0] < 1e-6
    # No wrong atom in 4000 of a trial: half of one.
    assert found[-1] == pytest.approx(1 - 0.5 / (DRAWS + 1))


def test_probabilities_add_up_to_the_wrong_atoms_of_the_trials() -> None:
    wrong = 80
    trial = made_trial(wrong=wrong)
    certainty = certain(trial)
    assert certainty.classifier is not None
    claimed = 1 - certainty.classifier.predict_proba(trial.signs)[:, 1]
    # The intercept of a logistic regression makes the sums equal.
    assert claimed.sum() == pytest.approx(wrong, rel=0.01)
    assert np.median(claimed[~trial.right]) > 0.9
    assert np.median(claimed[trial.right]) < 0.01


def test_as_many_atoms_are_wrong_as_in_the_trials() -> None:
    """Where all heights of the images are lower, so that atoms look more doubtful."""
    trial = made_trial(wrong=80)
    signs = trial.signs - np.array([0.3, 0, 0, 0])
    state = state_of(np.full(DRAWS, 100.0))
    found = Certainty((trial,), 1e5, signs)
    claimed = 1 - expit(found.classifier.decision_function(signs) + found.offset)
    assert claimed.mean() == pytest.approx(80.5 / (DRAWS + 1), rel=1e-6)
    assert found.offset > 0
    assert np.all(found.existence(state) <= 1)


def test_species_are_less_sure_if_trials_have_more_wrong_ones_than_expected() -> None:
    trial = replace(made_trial(), wrong_species=400, expected_wrong=0.0)
    fractions = np.array([0.5, 0.5])
    given = np.array([[1.0, 0.0], [0.2, 0.8]])
    found = certain(trial).posterior(given, fractions)
    # 10 % are wrong: 20 % at random, of which half hit.
    np.testing.assert_allclose(found, [[0.9, 0.1], [0.26, 0.74]])
    np.testing.assert_array_equal(certain(made_trial()).posterior(given, fractions), given)


@pytest.mark.parametrize(("count", "total"), [(0, 50), (3, 50), (50, 50)])
def test_intervals_contain_the_fraction(count: int, total: int) -> None:
    low, high = interval(count, total)
    assert 0 <= low <= count / total <= high <= 1
    assert high - low < 0.2


def test_trials_of_trials_tell_what_trials_show_too_little() -> None:
    first, again = made_trial(wrong=80), made_trial(wrong=50, seed=1)
    found = certain(replace(first, following=replace(again, missed=10)))
    # 80 of 4,000, and 30 of 4,000 that it shows more than the next one.
    assert found.wrong_fraction == pytest.approx(110.5 / (DRAWS + 1))
    record = found.summary(np.ones(DRAWS))
    assert record["missed_fraction"] == pytest.approx((80 + 70) / DRAWS)
    low, high = record["spurious_interval"]
    # Twice the first less the second: 1.96 times the root of 4 * 80 + 50 is 38. Intervals of counts
    # this small are skewed by 2 to 3.
    np.testing.assert_allclose([low * DRAWS, high * DRAWS], [110 - 38, 110 + 38], atol=4)
    alike = 1 - expit(found.classifier.decision_function(found.signs) + found.offset)
    assert alike.mean() == pytest.approx(found.wrong_fraction, rel=1e-6)
    # A fraction is never lowered, nor changed where one trial has no other.
    more = certain(replace(first, following=made_trial(wrong=90, seed=1)))
    alone = certain(first)
    half = certain(replace(first, following=again), made_trial(wrong=80))  # 160.5 of 8,001
    assert (
        more.wrong_fraction == alone.wrong_fraction == pytest.approx(half.wrong_fraction, rel=0.01)
    )
    assert more.summary(np.ones(DRAWS)) == alone.summary(np.ones(DRAWS))
    assert Share(6, 8, Share(1, 8)).likely == pytest.approx(8.5 / 9)  # no more than all


def test_what_a_trial_finds_has_a_trial_where_asked() -> None:
    search, state = dim()
    once, twice = run_trial(search, state), run_trial(search, state, twice=True)
    assert once.following is None
    assert twice.following is not None
    assert twice.following.truth == len(twice.right)
    assert twice.following.following is None
    np.testing.assert_array_equal(once.signs, twice.signs)


@cache
def calibrated() -> Detection:
    return detect(ta_series(120, DIM), "Ta", threads=1)


def test_detected_atoms_have_probabilities() -> None:
    found = calibrated()
    existing = found.model.atoms.arrays[P_EXISTS]
    assert np.all((existing > 0) & (existing <= 1))
    record = found.summary()["certainty"]
    assert record["trials"] == 1
    assert record["spurious_fraction"] == pytest.approx(np.mean(1 - existing))
    score = aet.score(found.model, particle(120))
    right = np.zeros(len(existing), bool)
    right[score.matching.found_index] = True
    assert np.median(existing[right]) > 0.95


def test_without_trials_there_are_errors_but_no_probabilities() -> None:
    found = detect(ta_series(120, DIM), "Ta", DetectSettings(trials=0), threads=1)
    assert P_EXISTS not in found.model.atoms.arrays
    assert set(SIGMAS) <= set(found.model.atoms.arrays)
    assert found.summary()["certainty"] is None
    np.testing.assert_array_equal(found.model.positions, calibrated().model.positions)


def test_a_failed_trial_leaves_the_atoms(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, twice: bool) -> Trial:
        raise InputError("images", "no atom", "more")

    monkeypatch.setattr(loop, "run_trial", fails)
    found = detect(ta_series(), "Ta", DetectSettings(max_rounds=1), threads=1)
    assert len(found.model) == 40
    assert P_EXISTS not in found.model.atoms.arrays
    assert found.warnings[-1].startswith("no probabilities")


def test_a_checked_model_names_wrong_and_missing_atoms(
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth = particle(120)
    gone = [10, 50, 90]
    kept = np.setdiff1d(np.arange(120), gone)
    away = np.array([[16.0, 0, 0], [0, 16.0, 0], [0, 0, 16.0]])  # outside the particle
    given = AtomicModel.from_positions(np.vstack([truth.positions[kept], away]), "Ta")
    found = check_model(ta_series(120), given, threads=1, progress=True)
    # No terminal: a line at the end of each part, the search before its last possible round.
    lines = capsys.readouterr().err
    trials = len(found.certainty.trials)
    assert f"fit to the images: {FITS}/{FITS} deviance" in lines
    assert f"trials: {trials}/{trials}" in lines
    assert found.doubtful.tolist() == [117, 118, 119]
    assert found.missing is not None
    far = np.linalg.norm(found.missing.positions[:, None] - truth.positions[gone], axis=2)
    assert np.sort(far.min(axis=0)).max() < 0.3  # a few standard errors
    assert len(found.missing) == 3
    assert found.summary()["doubtful"] == 3
    assert np.median(found.model.atoms.arrays["moved"]) < 0.2


def test_wrong_atoms_beside_gaps_of_a_model_have_no_height() -> None:
    # In a fit of the model as given, atoms that are not there take what the missing ones show.
    truth, rng = particle(120).positions, np.random.default_rng(2)
    kept = np.sort(rng.permutation(120)[12:])
    drawn = truth[rng.integers(120, size=200)] + rng.normal(size=(200, 3))
    wrong = drawn[cKDTree(truth).query(drawn)[0] > 1.5][:6]
    model = AtomicModel.from_positions(np.vstack([truth[kept], wrong]), "Ta")
    series = ta_series(120, DIM)
    search = Search(series, ["Ta"], DETECT, 1)
    fit = fit_given(search, model, first_heights(search, model.positions))
    assert np.max((fit.free / np.sqrt(fit.covariances[:, 0, 0]))[-6:]) > 5
    found = check_model(series, model, threads=1)
    arrays = found.model.atoms.arrays
    assert np.all(arrays["height"][-6:] < 4 * arrays["sigma_height"][-6:])
    assert found.doubtful.tolist() == list(range(108, 114))


def test_a_model_in_another_place_is_refused() -> None:
    given = AtomicModel.from_positions(particle().positions + np.array([60.0, 0, 0]), "Ta")
    with pytest.raises(InputError, match=r"frame of the tilt series|significant"):
        check_model(ta_series(), given, threads=1)
