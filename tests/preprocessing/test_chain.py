"""Simulated raw frames through all steps, held against the record of what was done to them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.image_shift import measure_shift, shift_images
from aet_port.core.scan_distortion import ScanDistortion, UnsettledShear
from aet_port.preprocessing.bad_pixels import BadPixelWarning
from aet_port.preprocessing.chain import preprocess
from aet_port.preprocessing.outcome import Preprocessed
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.raw_frames import RawFrames, take_frames
from aet_port.simulation.settings import RawFrameSettings
from aet_port.validation.preprocess_errors import step_errors

PIXEL, SHAPE, TILTS = 0.5, (79, 74), 9
SHEAR = 0.005
PLAIN = PreprocessSettings(denoise="none", shear_y=SHEAR)


def particle(n: int = 90, radius: float = 8.0) -> AtomicModel:
    points = np.random.default_rng(3).uniform(-radius, radius, (4 * n, 3))
    return AtomicModel.from_positions(points[np.linalg.norm(points, axis=1) < radius][:n], "Ta")


def taken(theta: NDArray, settings: RawFrameSettings) -> RawFrames:
    angles = np.zeros((len(theta), 3))
    angles[:, 1] = theta
    model = particle()
    return take_frames(lambda a: project_atoms(model, a, PIXEL, SHAPE), angles, PIXEL, settings)


@pytest.fixture(scope="module")
def raw() -> RawFrames:
    # As bright a tilt as one of the Ta film's.
    settings = RawFrameSettings(dose=8.2e5 * TILTS / 46, shear=SHEAR, seed=2)
    return taken(np.linspace(-60, 60, TILTS), settings)


def frames_of(raw: RawFrames, order: NDArray | None = None) -> FrameSeries:
    which = np.arange(TILTS) if order is None else order
    metadata = {"voltage_kv": 300}
    return FrameSeries(tuple(raw.frames[which]), raw.angles[which, 1], PIXEL, metadata, "raw")


@pytest.fixture(scope="module")
def plain(raw: RawFrames) -> Preprocessed:
    """The series without denoising."""
    return preprocess(frames_of(raw), PLAIN, threads=1)


@pytest.fixture(scope="module")
def denoised(raw: RawFrames) -> Preprocessed:
    """The series denoised by non-local means."""
    return preprocess(frames_of(raw), PLAIN.changed(denoise="nlm"), threads=1)


def test_each_step_comes_close_to_the_truth(raw: RawFrames, denoised: Preprocessed) -> None:
    done = denoised
    errors = step_errors(raw, done)
    # The bar of the full-size particle; this one has a tenth of its signal.
    assert errors.drift < 0.1
    assert errors.shear < 1e-12
    assert errors.scale == 0
    assert errors.alignment < 0.15
    assert errors.background < 0.01
    assert abs(errors.gain) < 0.1
    assert done.method == "nlm"
    assert done.series.pixel_size == PIXEL
    assert done.series.metadata == {"voltage_kv": 300}
    np.testing.assert_array_equal(done.series.angles, raw.angles)
    (left, right), (low, high) = done.window
    assert done.series.detector == (right - left, high - low)
    # Half a percent of the peak left of the background is a tenth of the sum over the mask.
    total = done.series.images.sum(axis=(1, 2)) / raw.clean.sum(axis=(1, 2))
    np.testing.assert_allclose(total, 1, atol=0.1)


# Atoms this bright look like hot pixels.
@pytest.mark.filterwarnings("ignore::aet_port.preprocessing.bad_pixels.BadPixelWarning")
def test_the_spectrum_of_all_frames_denoises(raw: RawFrames, plain: Preprocessed) -> None:
    done = preprocess(frames_of(raw), PLAIN.changed(denoise="wiener"), threads=2)
    assert (done.method, done.strength) == ("wiener", 1.0)
    assert step_errors(raw, done).background < 0.01
    # Held against frames of many more electrons: nearer than the averages by more than a fifth.
    bright = taken(raw.angles[:, 1], raw.settings.changed(dose=8.2e7))
    (left, right), (low, high) = done.window
    best = preprocess(frames_of(bright), PLAIN.changed(denoise="none"), threads=1)
    (a, b), (c, d) = best.window
    first, last = max(left, a), min(right, b)
    bottom, top = max(low, c), min(high, d)
    true = best.averaged[:, first - a : last - a, bottom - c : top - c]
    here = (slice(None), slice(first - left, last - left), slice(bottom - low, top - low))
    before, after = np.std(plain.averaged[here] - true), np.std(done.denoised[here] - true)
    assert after < 0.8 * before


def test_what_noise_hides_is_left_and_told() -> None:
    dim = taken(np.linspace(-60, 60, TILTS), RawFrameSettings(dose=1.2e4 * TILTS / 46, seed=4))
    settings = PreprocessSettings(denoise="wiener", estimate_shear=True)
    with (
        pytest.warns(UserWarning, match="tilts 0-8: no drift is detected"),
        pytest.warns(UserWarning, match="no scan distortion is corrected"),
    ):
        done = preprocess(frames_of(dim), settings, threads=1)
    assert {item.motion for item in done.drifts if item is not None} == {"still"}
    assert done.estimate is None
    assert done.distortion == ScanDistortion()
    assert done.window == ((0, SHAPE[0]), (0, SHAPE[1]))


def test_record_holds_every_step(raw: RawFrames, plain: Preprocessed) -> None:
    record = json.loads(json.dumps(plain.record()))
    assert record["tilts"] == TILTS
    assert record["frames"] == 3 * TILTS
    assert record["gain"] is None  # nothing needed it
    assert record["denoiser"] == "none"
    assert record["shear_y"] == SHEAR
    assert np.shape(record["shifts"]) == (TILTS, 2)
    assert [np.shape(item["shifts"]) for item in record["drift"]] == [(3, 2)] * TILTS
    assert record["drift_rate_rms"] == pytest.approx(np.sqrt(np.mean(raw.rates**2)), rel=0.1)
    assert record["background_of_peak"] == pytest.approx(0.2, rel=0.3)
    assert record["settings"]["shear_y"] == SHEAR
    assert record["metadata"] == {"voltage_kv": 300}
    assert 0 < record["common_line_residual"] < 0.1


def test_neither_threads_nor_the_order_of_tilts_matter(raw: RawFrames, plain: Preprocessed) -> None:
    two = preprocess(frames_of(raw), PLAIN, threads=2)
    np.testing.assert_array_equal(plain.series.images, two.series.images)
    order = np.random.default_rng(0).permutation(TILTS)
    mixed = preprocess(frames_of(raw, order), PLAIN, threads=1)
    np.testing.assert_array_equal(mixed.series.angles, raw.angles[order])
    # Sums over the other tilts are rounded in another order.
    peak = plain.series.images.max()
    np.testing.assert_allclose(mixed.series.images, plain.series.images[order], atol=1e-6 * peak)


def test_an_aligned_series_is_left_where_it_is(raw: RawFrames, plain: Preprocessed) -> None:
    left = preprocess(frames_of(raw), PLAIN.changed(align=False), threads=1)
    assert not left.alignment.shifts.any()
    assert np.abs(plain.alignment.shifts).max() > 1
    moved = shift_images(left.alignment.images, plain.alignment.shifts)
    assert np.allclose(moved, plain.alignment.images)


@pytest.mark.parametrize(
    "off",
    [
        {"denoise": "none"},
        {"denoise": "none", "align": False},
        {"denoise": "none", "clear_outside": False},
        {"denoise": "none", "align": False, "background": False},
    ],
)
def test_a_clean_series_comes_through_without_harm(off: dict) -> None:
    theta = np.linspace(-60, 60, TILTS)
    angles = np.stack([0 * theta, theta, 0 * theta], axis=1)
    clean = np.maximum(project_atoms(particle(), angles, PIXEL, SHAPE), 0)
    counts = np.random.default_rng(6).poisson(clean / clean.max() * 200).astype(float)
    for images, most in ((clean / clean.max() * 200, 1e-3), (counts, 0.01)):
        frames = FrameSeries(tuple(one[None] for one in images), theta, PIXEL)
        done = preprocess(frames, PreprocessSettings(**off), threads=1)
        # The particle is not in the centre, and its noise would move each image a little.
        assert not done.alignment.shifts.any()
        change = done.series.images - images
        # Only counts of the faintest tails, outside the mask, are gone.
        assert np.sqrt(np.mean(change**2)) < most * np.sqrt(np.mean(images**2))
        if off.get("background") is False:
            np.testing.assert_array_equal(done.series.images, images)


def test_shear_is_estimated() -> None:
    # So few atoms and tilts tell a shear to half a percent only.
    strong = taken(np.linspace(-60, 60, TILTS), RawFrameSettings(dose=8.2e5, shear=0.04, seed=2))
    done = preprocess(
        frames_of(strong), PLAIN.changed(shear_y=None, estimate_shear=True), threads=1
    )
    assert done.estimate is not None
    assert done.distortion.shear_x == 0  # lines run along y
    error = abs(done.distortion.shear_y - 0.04)
    assert error < 4 * done.estimate.error_y < 0.04
    assert done.summary()["shear_error"] == done.estimate.error_y


def test_strength_is_searched_and_a_given_noise_is_used(raw: RawFrames) -> None:
    few = FrameSeries(tuple(raw.frames[:3]), raw.angles[:3, 1], PIXEL)
    usual = preprocess(few, PLAIN.changed(denoise="nlm"), threads=1)
    searched = PLAIN.changed(denoise="nlm", strength="search")
    done = preprocess(few, searched, noise=usual.noise, threads=1)
    assert done.noise == usual.noise
    assert done.strength not in (None, 1.0)
    assert not np.array_equal(done.denoised, usual.denoised)
    np.testing.assert_array_equal(done.averaged, usual.averaged)


def test_one_frame_per_tilt_needs_no_drift(raw: RawFrames) -> None:
    single = FrameSeries(tuple(raw.frames[:, :1]), raw.angles[:, 1], PIXEL)
    done = preprocess(single, PLAIN.changed(denoise="nlm"), threads=1)
    assert done.drifts == (None,) * TILTS
    assert done.window == ((0, SHAPE[0]), (0, SHAPE[1]))
    np.testing.assert_array_equal(done.averaged, raw.frames[:, 0].astype(float))
    assert done.summary()["drift_residual"] is None
    assert done.record()["drift"] == [None] * TILTS


def test_bad_pixels_are_named_and_repaired(raw: RawFrames) -> None:
    spoilt = raw.frames.copy()
    bright = float(raw.frames.max())
    spoilt[4, 1, 12, 60] = 5 * bright
    spoilt[6, :, 30, 35] = 8 * bright
    series = FrameSeries(tuple(spoilt), raw.angles[:, 1], PIXEL, name="raw")
    with pytest.warns(BadPixelWarning, match="tilt"):
        done = preprocess(series, PLAIN, threads=1)
    assert {item.tilt for item in done.bad_pixels} == {4, 6}
    assert done.summary()["hot_pixels"] >= 2
    assert done.averaged.max() < 1.2 * bright
    with pytest.warns(BadPixelWarning, match="tilt"):
        kept = preprocess(series, PLAIN.changed(repair=False), threads=1)
    assert kept.averaged.max() > 2 * bright


def test_axis_is_turned_and_background_taken_again(raw: RawFrames, plain: Preprocessed) -> None:
    assert plain.axis == 0
    turned = preprocess(frames_of(raw), PLAIN.changed(tilt_axis=1.5), threads=1)
    assert turned.axis == 1.5
    assert turned.alignment.changes != plain.alignment.changes
    found = preprocess(frames_of(raw), PLAIN.changed(tilt_axis="find"), threads=1)
    assert abs(found.axis) < 1.0
    again = preprocess(
        frames_of(raw), PLAIN.changed(second_background=True, clear_outside=False), threads=1
    )
    np.testing.assert_allclose(
        again.series.images, plain.series.images, atol=0.2 * plain.series.images.max()
    )
    assert not np.array_equal(again.series.images, again.alignment.images)
    # Noise stays outside unless it is cleared.
    assert again.series.images[:, 0, 0].any()


def test_a_film_keeps_its_surroundings() -> None:
    marker = (25, 52, 24, 50)
    still = RawFrameSettings(
        drift_rate=0, frame_jump=0, line_jitter=0, shear=0, shift_error=1, dose=4e5, seed=4
    )
    film = taken(np.linspace(-9, 9, 7), still)
    order = np.array([3, 0, 1, 2, 4, 5, 6])  # as a series that starts at zero degrees
    series = FrameSeries(tuple(film.frames[order]), film.angles[order, 1], PIXEL)
    done = preprocess(series, PreprocessSettings(denoise="none", film_marker=marker), threads=1)
    assert done.removal is None
    relative = done.alignment.shifts + film.shifts[order]
    # The marker is as thick as it is wide, so that it changes with the tilt.
    assert np.abs(relative[:, 1] - relative[0, 1]).max() < 0.15
    assert not done.alignment.shifts[0].any()


def test_what_cannot_be_done_is_refused(raw: RawFrames) -> None:
    series = frames_of(raw)
    with pytest.raises(InputError, match="angles"):
        preprocess(FrameSeries(series.frames, None, PIXEL), PLAIN)
    with pytest.raises(InputError, match="two or more"):
        preprocess(FrameSeries(series.frames[:1], raw.angles[:1, 1], PIXEL), PLAIN)
    other = (*series.frames[:-1], series.frames[-1][:, :-1])
    with pytest.raises(InputError, match=f"tilt {TILTS - 1}"):
        preprocess(FrameSeries(other, series.angles, PIXEL), PLAIN)
    with pytest.raises(InputError, match="threads"):
        preprocess(series, PLAIN, threads=0)


def test_a_drift_out_of_the_detector_names_its_tilt(raw: RawFrames) -> None:
    images = raw.frames[5].mean(axis=0)
    far = np.stack([np.roll(images, shift, axis=0) for shift in (-16, 0, 16)])
    frames = [*raw.frames[:5], far, *raw.frames[6:]]
    series = FrameSeries(tuple(frames), raw.angles[:, 1], PIXEL, name="raw")
    with pytest.raises(InputError, match=r"raw: tilt 5.*two thirds"):
        preprocess(series, PLAIN.changed(max_drift=35), threads=1)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"slow_axis": "z"}, "slow_axis"),
        ({"denoise": "median"}, "denoise"),
        ({"strength": 0.0}, "strength"),
        ({"shear_x": 0.5}, "shear_x"),
        ({"tilt_axis": 190.0}, "tilt_axis"),
        ({"tilt_axis": "guess"}, "tilt_axis"),
        ({"estimate_shear": True, "tilt_axis": 1.0}, "estimate_shear"),
        ({"estimate_shear": True, "scale": 1.0}, "estimate_shear"),
        ({"background": False}, r"background.*--no-align"),
        ({"background": False, "align": False, "tilt_axis": "find"}, "background"),
        ({"align": False, "film_marker": (1, 9, 1, 9)}, "align"),
    ],
)
def test_settings_are_checked(wrong: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        PreprocessSettings(**wrong)


def test_a_shear_that_noise_hides_is_said(raw: RawFrames, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsettled(*_: object) -> None:
        raise UnsettledShear("images", "a shear that does not converge", "less noise")

    monkeypatch.setattr("aet_port.preprocessing.chain.estimate_scan_distortion", unsettled)
    settings = PLAIN.changed(shear_y=None, estimate_shear=True)
    with pytest.warns(UserWarning, match=r"no scan distortion is corrected.*does not converge"):
        done = preprocess(frames_of(raw), settings, threads=1)
    assert done.distortion == ScanDistortion()
    assert done.estimate is None


def test_the_series_without_denoising_lies_where_the_other_does(
    plain: Preprocessed, denoised: Preprocessed
) -> None:
    done = denoised
    measured = done.measured()
    np.testing.assert_array_equal(measured.angles, done.series.angles)
    # What denoising took away is noise: the rest is not displaced, to a twentieth of a pixel, which
    # is what that noise lets be seen.
    moved = [measure_shift(a, b) for a, b in zip(measured.images, done.series.images, strict=True)]
    assert np.abs(moved).max() <= 0.05
    assert not np.array_equal(measured.images, done.series.images)
    np.testing.assert_allclose(plain.measured().images, plain.series.images, atol=1e-9)
