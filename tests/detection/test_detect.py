"""Atoms found in simulated counts: all of them, species, angles; and interrupted searches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import aet_port as aet
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import CheckpointError, InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.uncertainty import SIGMAS
from aet_port.detection import ending
from aet_port.detection.ending import end_of_search
from aet_port.detection.loop import detect, residual_scores, searched
from aet_port.detection.noise import image_noise
from aet_port.detection.outcome import Detection
from aet_port.detection.pairs import mutual_pairs
from aet_port.detection.plan_settings import PlanSettings
from aet_port.detection.pruning import significant_errors
from aet_port.detection.search import Search
from aet_port.detection.settings import DetectSettings
from aet_port.detection.state import Round, SearchState
from aet_port.simulation import amorphous_alloy, amorphous_particle, simulate_tilt_series
from aet_port.simulation.settings import Acquisition, SimulateSettings
from aet_port.simulation.tilt_series import simulate
from tests.detection.samples import ANGLES, FINE, electrons_per_unit, particle, ta_series

# Trials, which take as long as the search, have tests of their own.
ALONE = DetectSettings(trials=0)


def same(first: Detection, second: Detection) -> bool:
    """Whether two results have the same bytes."""
    names = ("angles", "shifts", "expected", "r1")
    arrays = [(getattr(first, name), getattr(second, name)) for name in names]
    arrays += [
        (values, second.model.atoms.arrays[name])
        for name, values in first.model.atoms.arrays.items()
    ]
    equal = all(a.tobytes() == b.tobytes() for a, b in arrays)
    return equal and json.dumps(first.summary()) == json.dumps(second.summary())


@pytest.fixture(scope="module")
def found() -> Detection:
    return detect(ta_series(), "Ta", ALONE, threads=1)


def test_every_atom_of_a_small_particle_is_found(found: Detection) -> None:
    truth = particle()
    precision = aet.score(found.model, truth)
    assert precision.matching.matched == len(truth) == len(found.model)
    errors = np.stack([found.model.atoms.arrays[name] for name in SIGMAS], axis=1)
    first, second = precision.matching.found_index, precision.matching.truth_index
    pulls = (found.model.positions[first] - truth.positions[second]) / errors[first]
    # 120 normal numbers, if model and noise are right: 4 / sqrt(240).
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=0.26)
    assert found.warnings == ()  # among them that of a chi-square beyond 0.8 to 1.25
    # The simulation's B' of 6 square angstrom; atoms hold a million electrons.
    assert found.probe.form_factor
    assert found.probe.narrow == pytest.approx(6, abs=0.2)
    assert found.noise.counting
    assert not found.noise.extended


def test_images_of_the_atoms_found(found: Detection) -> None:
    series = ta_series()
    np.testing.assert_array_equal(found.angles, series.angles)
    assert not found.shifts.any()
    assert not found.shears.any()
    measured = found.noise.electrons(series.images)
    r1 = np.abs(found.expected - measured).sum(axis=(1, 2)) / np.abs(measured).sum(axis=(1, 2))
    np.testing.assert_allclose(found.r1, r1, rtol=1e-5)  # single precision
    # Heights in units of the images times area sum to the images without their background.
    total = found.model.atoms.arrays["height"].sum()
    level = found.noise.levels.mean() * found.noise.unit
    inner = (series.images.mean(axis=0) - level).sum() * FINE**2
    # The background is fitted, the noise of the whole image a fraction of a per cent.
    assert total == pytest.approx(inner, rel=0.01)


def test_summary_is_plain(found: Detection) -> None:
    record = json.loads(json.dumps(found.summary()))
    assert record["atoms"] == 40
    assert record["species"] == {"Ta": 40}
    assert record["rounds"][-1]["atoms"] == 40
    assert len(record["projections"]) == len(ANGLES)
    assert record["expected_wrong_species"] == 0
    assert record["noise"]["source"] == "variance against mean of the images"
    assert repr(found).startswith("<Detection: atoms 40, species Ta 40, rounds ")


def test_residual_scores_hold_no_atom(found: Detection) -> None:
    scores = residual_scores(ta_series(), found, threads=1)
    assert scores.array.shape == (56, 56, 56)
    assert scores.voxel_size == FINE
    # Noise of 175616 correlated voxels: nothing beyond what ends the search, five deviations.
    assert np.abs(scores.array[8:-8, 8:-8, 8:-8]).max() < 5
    bare = replace(found, expected=np.zeros_like(found.expected))
    assert residual_scores(ta_series(), bare, threads=1).array.max() > 10


def test_threads_change_nothing(found: Detection) -> None:
    assert same(detect(ta_series(), "Ta", ALONE, threads=2), found)


def test_close_atoms_that_the_images_tell_apart_stay_two() -> None:
    # 1.9 angstrom is less than the covalent radii of Ta allow, and found in measured films.
    truth = particle(20)
    places = np.vstack([truth.positions, truth.positions[-1] + [1.9, 0.0, 0.0]])
    apart = np.linalg.norm(places[:-2] - places[-1], axis=1) > 2.2
    places = places[np.append(apart, [True, True])]
    model = AtomicModel.from_positions(places, ["Ta"] * len(places))
    series = simulate_tilt_series(model, ANGLES, FINE, (56, 56), 8e5, seed=1)
    found = detect(series, "Ta", ALONE, threads=1)
    distance = np.linalg.norm(found.model.positions[:, None] - places, axis=2).min(axis=0)
    assert len(found.model) == len(places)
    assert distance.max() < 0.2


def test_two_species() -> None:
    truth = amorphous_alloy(40, {"Cu": 0.5, "Ta": 0.5}, 1)
    series = simulate_tilt_series(truth, ANGLES, FINE, (56, 56), 8e5, seed=1)
    made = detect(series, ["Cu", "Ta"], ALONE, threads=1)
    precision = aet.score(made.model, truth)
    assert precision.matching.matched == 40 == len(made.model)
    # A Ta atom is five times as bright as one of Cu.
    assert precision.matching.n_found == 40
    first, second = precision.matching.found_index, precision.matching.truth_index
    kinds = [made.model.species[i] for i in first]
    assert kinds == [truth.species[j] for j in second]
    assert made.model.atoms.arrays["posterior"].shape == (40, 2)
    assert made.species.means[0] < made.species.means[1]
    # No drift was simulated: nothing is divided.
    np.testing.assert_array_equal(made.model.atoms.arrays["local_factor"], 1)
    record = made.summary()
    assert record["local_heights"]["atoms_with_factor"] == 0
    assert record["species_number"]["supported"] == 2 == record["species_number"]["named"]
    assert set(record["species_number"]["bic"]) == {"1", "2", "3"}
    assert made.warnings == ()


def test_a_composition_is_a_prior_of_the_species() -> None:
    truth = amorphous_alloy(40, {"Cu": 0.5, "Ta": 0.5}, 1)
    series = simulate_tilt_series(truth, ANGLES, FINE, (56, 56), 8e5, seed=1)
    given = ALONE.changed(composition={"Cu": 0.8, "Ta": 0.2}, composition_error=0.02)
    made = detect(series, ["Cu", "Ta"], given, threads=1)
    # Worth 0.16 / 0.02^2 - 1 = 399 atoms beside 40, half of them Cu, that no composition changes.
    expected = (20 + 399 * 0.8) / 439
    assert made.summary()["fractions"]["Cu"] == pytest.approx(expected, abs=0.005)
    assert made.model.species.count("Cu") == 20
    with pytest.raises(InputError, match="composition: found Cu = 1; expected a fraction of each"):
        detect(series, ["Cu", "Ta"], ALONE.changed(composition={"Cu": 1.0}), threads=1)


def test_the_search_goes_on_for_two_rounds_after_heights_follow_their_species() -> None:
    search = Search(ta_series(20), ("Ta",), threads=1)
    same = [Round(20, 0, 0, 5.0, 1.0)] * 8
    states = [replace(search.start(), known=known, rounds=same) for known in range(5)]
    assert [state.settled(False) for state in states] == [False, False, False, True, True]


def test_unsure_heights_are_freed_once_more() -> None:
    search = Search(ta_series(20), ("Ta",), threads=1)
    state = search.start()
    while not state.settled(False):
        state = search.round(state)
    # 40 standard errors: sure, and the end.
    assert not state.unsure
    assert search.ended(state)
    # Nine: not sure, so that the next round frees them.
    wide = state.covariances * (state.lightest / 9) ** 2 / state.covariances[:, :1, :1]
    faint = replace(state, covariances=wide)
    assert faint.unsure
    assert not search.ended(faint)
    after = search.round(faint)
    assert after.freed == len(state.rounds) == len(after.rounds) - 1
    assert after.known == 1
    again = SearchState.of(after.arrays())
    assert again.before is not None
    np.testing.assert_array_equal(again.before.atoms.positions, faint.atoms.positions)
    assert again.freed == after.freed
    full = replace(after, rounds=after.rounds[:1] * (search.settings.max_rounds + after.freed))
    assert search.ended(full)
    assert not search.ended(replace(full, known=0, rounds=full.rounds[1:]))


def test_of_two_ends_the_better_one_is_taken() -> None:
    search = Search(ta_series(20), ("Ta",), threads=1)
    state = search.start()
    while not search.ended(state):
        state = search.round(state)
    fewer = replace(
        state,
        atoms=state.atoms[np.arange(20) > 2],
        covariances=state.covariances[3:],
        free=state.free[3:],
    )
    assert len(end_of_search(search, fewer).atoms) == 17
    for last, before in ((fewer, state), (state, fewer)):
        end = end_of_search(search, replace(last, before=before))
        assert len(end.atoms) == 20
        assert end.freed == len(before.rounds)


@pytest.mark.parametrize(("gain", "later"), [(-1.0, False), (0.9, False), (1.1, True)])
def test_the_later_end_must_gain_the_price_of_the_accepted_wrong_atoms(
    gain: float, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(ta_series(20), ("Ta",), threads=1)
    state = search.round(search.start())
    before = replace(state, known=7)  # by which the two are told apart
    least = significant_errors(search.searched, len(state.atoms), search.settings.fdr)
    least_gain = 0.01 * len(state.atoms) * least**2 / 2

    def cost(_: Search, one: SearchState) -> float:
        return gain * least_gain if one.known == 7 else 0.0

    monkeypatch.setattr(ending, "_cost", cost)
    monkeypatch.setattr(Search, "finish", lambda _, one: one)
    end = end_of_search(search, replace(state, before=before))
    assert (end.known != 7) == later


@pytest.mark.slow
def test_freed_heights_and_gaps_bring_atoms_back_at_low_dose() -> None:
    truth = amorphous_particle(250, "Ta", seed=2)
    exposed = Acquisition(dose=1.5e4, seed=2)
    made = SimulateSettings(pixel_size=0.4, b_factor=5.0, acquisition=exposed)
    series = simulate(truth, PlanSettings().angles(40), made).series
    search = Search(series, ("Ta",), threads=1)
    state = searched(search)
    assert state.before is not None
    # 7 standard errors; 224 before heights are freed, 239 after, 245 with the gaps filled: the
    # chance of 250 is 4 (rms).
    earlier = search.finish(state.before)
    found = [
        mutual_pairs(one.atoms.positions, truth.positions, 1.0)[0].sum() for one in (earlier, state)
    ]
    assert found[1] > found[0] + 12
    # Five of 250 atoms are wrong, as at other seeds (0 to 7).
    assert found[1] > 0.97 * len(state.atoms)


@pytest.mark.slow
def test_a_round_that_loses_the_atoms_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search(ta_series(20), ("Ta",), threads=1)
    state = search.start()
    while not state.known:
        state = search.round(state)
    assert len(state.atoms) == 20

    def every_third(search: Search, positions, free, errors, species):  # type: ignore[no-untyped-def]
        return np.arange(len(free)) % 3 == 0, np.zeros(len(free), bool)

    monkeypatch.setattr(Search, "lost", every_third)
    after = search.round(state)
    assert after.atoms is state.atoms
    assert len(after.rounds) == len(state.rounds) + 1
    assert after.rounds[-1].atoms == 20
    assert after.rounds[-1].added == after.rounds[-1].dropped
    assert after.known == state.known + 1  # it counts, or such rounds would go on to the last
    assert search.round(replace(state, known=0)).rounds[-1].atoms == 13


@pytest.mark.slow
def test_a_species_too_many_is_said() -> None:
    truth = amorphous_alloy(40, {"Cu": 0.5, "Ta": 0.5}, 1)
    series = simulate_tilt_series(truth, ANGLES, FINE, (56, 56), 8e5, seed=1)
    made = detect(series, ["Cu", "Pd", "Ta"], ALONE, threads=1)
    assert any(text.startswith("the heights support 2 species") for text in made.warnings)
    assert made.summary()["warnings"] == list(made.warnings)
    assert made.model.atoms.arrays["posterior"].shape[1] == 3  # assigned all the same


def test_an_interrupted_search_goes_on(
    found: Detection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "search.npz"
    rounds = Search.round

    def stopped(search: Search, state):  # type: ignore[no-untyped-def]
        if len(state.rounds) == 2:
            raise KeyboardInterrupt
        return rounds(search, state)

    with monkeypatch.context() as patched:
        patched.setattr(Search, "round", stopped)
        with pytest.raises(KeyboardInterrupt):
            detect(ta_series(), "Ta", ALONE, threads=1, checkpoint=path)
    assert path.exists()
    done: list[int] = []

    def counted(search: Search, state):  # type: ignore[no-untyped-def]
        done.append(len(state.rounds))
        return rounds(search, state)

    monkeypatch.setattr(Search, "round", counted)
    assert same(detect(ta_series(), "Ta", ALONE, threads=1, checkpoint=path), found)
    assert done == list(range(2, len(found.rounds)))  # the first two are not repeated
    # All rounds are done; what is left is the end.
    done.clear()
    assert same(detect(ta_series(), "Ta", ALONE, threads=1, checkpoint=path), found)
    assert done == []


@pytest.mark.parametrize("change", ["settings", "images", "species"])
def test_a_checkpoint_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path, series = tmp_path / "search.npz", ta_series()

    def stopped(search: Search, state):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Search, "finish", stopped)
        with pytest.raises(KeyboardInterrupt):
            detect(series, "Ta", ALONE.changed(max_rounds=1), threads=1, checkpoint=path)
    settings, species = ALONE.changed(max_rounds=1), "Ta"
    if change == "settings":
        settings = ALONE.changed(max_rounds=1, fdr=0.02)
    elif change == "images":
        series = replace(series, images=series.images + 1)
    else:
        species = "W"
    with pytest.raises(CheckpointError, match="other data or parameters"):
        detect(series, species, settings, threads=1, checkpoint=path)


def test_what_can_be_wrong_is_said() -> None:
    unit = image_noise(ta_series().images, DetectSettings()).unit
    wrong = ALONE.changed(max_rounds=1, counts_per_unit=2 / unit)
    made = detect(ta_series(), "Ta", wrong, threads=1)
    assert any(text.startswith("the search did not settle in 1 round") for text in made.warnings)
    # Twice the electrons have half the relative variance that they should: chi-square two.
    assert made.chi_square > 1.5
    assert any(text.startswith("chi-square per pixel ") for text in made.warnings)


def test_pure_noise_has_no_atoms() -> None:
    images = np.random.default_rng(5).poisson(20.0, (len(ANGLES), 56, 56)).astype(np.float32)
    series = TiltSeries(images, ANGLES, FINE, name="nothing")
    with pytest.raises(InputError) as caught:
        detect(series, "Ta", ALONE.changed(counts_per_unit=1.0, extended=False), threads=1)
    assert caught.value.subject == "nothing"
    assert "signal" in caught.value.expected or "dose" in caught.value.expected


def turned(angles: NDArray, truth: NDArray) -> NDArray[np.float64]:
    """Angle in degrees between rotations after the best common turn of the atoms."""
    first, second = euler_rotations(angles), euler_rotations(truth)
    u, _, v = np.linalg.svd(np.einsum("kji,kjl->il", first, second))
    common = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    left = np.einsum("kij,jl,kml->kim", first, common, second)
    trace = np.trace(left, axis1=1, axis2=2)
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


def test_wrong_angles_come_back() -> None:
    wrong = ANGLES + np.random.default_rng(0).normal(0, 0.5, ANGLES.shape)
    series = replace(ta_series(dose=8e6), angles=wrong)
    known = {"counts_per_unit": electrons_per_unit(8e6), "read_noise": 1.0}
    made = detect(series, "Ta", ALONE.changed(angles=True, **known), threads=1)
    assert np.sqrt(np.mean(turned(wrong, ANGLES) ** 2)) > 0.6
    # An atom is known to 3 pm on one image; forty, 4 angstrom from the axis, give 0.07 degrees.
    assert np.sqrt(np.mean(turned(made.angles, ANGLES) ** 2)) < 0.1
    assert aet.score(made.model, particle()).matching.matched == 40
    # Nearest to the nominal ones: no common turn is left.
    assert np.sqrt(np.mean(turned(made.angles, wrong) ** 2)) > 0.6
