"""Drift, rate and jitter found at the dose of the Ta film, and what the correction costs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.preprocessing.drift import correct_drift
from aet_port.preprocessing.scan_lines import undrift
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles
from aet_port.simulation.raw_frames import RawFrames, take_frames
from aet_port.simulation.settings import RawFrameSettings

PIXEL, SHAPE = 0.3216, (112, 104)
TILTS = tilt_angles()[::9]
STILL = {"shear": 0.0, "shift_error": 0.0, "background": 0.0, "line_jitter": 0.0, "frame_jump": 0.0}


@pytest.fixture(scope="module")
def clean() -> NDArray:
    return project_atoms(amorphous_particle(250, "Ta", seed=2), TILTS, PIXEL, SHAPE)


def frames_of(clean: NDArray, **settings: object) -> RawFrames:
    # The dose is that of the whole series; these are some of its 46 tilts.
    dose = settings.pop("dose", 8.2e5)
    share = None if dose is None else dose * len(clean) / 46
    return take_frames(lambda a: clean, TILTS, PIXEL, RawFrameSettings(dose=share, **settings))


@pytest.mark.parametrize("slow", [0, 1])
def test_drift_is_found_at_the_dose_of_the_film(clean: NDArray, slow: int) -> None:
    raw = frames_of(clean, slow_axis="xy"[slow], seed=slow)
    n = SHAPE[slow]
    place = (np.arange(n) - (n - 1) / 2) / n
    errors = []
    for i, frames in enumerate(raw.frames):
        found = correct_drift(frames, slow_axis=slow, index=i)
        true = raw.frame_shifts[i, :, :, None] + raw.rates[i, :, None] * place
        path = found.shifts[:, :, None] + found.rate[:, None] * place
        errors.append(path - true)
        # Of the drift within a frame the frames' own jumps of 0.05 hide 0.05 / sqrt(2) per frame.
        assert np.abs(found.rate - raw.rates[i]).max() < 0.2
        assert found.residual < 0.05
        np.testing.assert_allclose(found.shifts.mean(axis=0), 0, atol=1e-12)
    assert np.sqrt(np.mean(np.square(errors))) < 0.1
    assert np.abs(raw.rates).max() > 1  # it had something to find


@pytest.mark.parametrize("slow", [0, 1])
def test_known_drift_is_taken_out_to_the_error_of_interpolation(clean: NDArray, slow: int) -> None:
    raw = frames_of(
        clean, **{**STILL, "line_jitter": 0.2}, drift_rate=1.5, dose=0, slow_axis="xy"[slow]
    )
    for i in (0, 3):
        for j in (0, 2):
            straight = undrift(
                raw.frames[i, j], raw.frame_shifts[i, j], raw.rates[i], slow, raw.jitter[i, j]
            )
            # Stated: below 2e-4 of the peak, that of the simulation's own splines included. What
            # drifted out of the frame, by some pixels, is lost.
            assert np.abs(straight - clean[i])[16:-16, 16:-16].max() < 2e-4 * clean[i].max()


def test_undistorted_frames_stay_as_they_are(clean: NDArray) -> None:
    same = np.stack([clean[0]] * 3)
    found = correct_drift(same)
    np.testing.assert_array_equal(found.shifts, 0)
    # Below the error of interpolation, 2e-4 of the peak: nothing but the mean's rounding.
    np.testing.assert_allclose(found.image, clean[0], atol=1e-15)
    assert found.area == ((0, SHAPE[0]), (0, SHAPE[1]))
    np.testing.assert_array_equal(undrift(clean[0], (0, 0), (0, 0)), clean[0])
    # With noise the shifts found are noise: they change the image by less than 4e-2 of the peak,
    # against a noise of more than that in each pixel.
    noisy = frames_of(clean, **STILL, drift_rate=0.0).frames[0].astype(float)
    found = correct_drift(noisy)
    assert np.abs(found.shifts).max() < 0.1
    moved = [undrift(clean[0], s, found.rate) - clean[0] for s in found.shifts]
    assert np.abs(moved).max() < 0.04 * clean[0].max() < (noisy[0] - clean[0]).std()


def test_the_average_is_the_sample(clean: NDArray) -> None:
    raw = frames_of(clean, **STILL, drift_rate=2.5, dose=0, seed=5)
    for i, frames in enumerate(raw.frames):
        found = correct_drift(frames, index=i)
        (left, right), (low, high) = found.area
        assert found.cropped().shape == (right - left, high - low)
        # Registration to 0.005 pixels of a slope of 0.4 peaks per pixel at most.
        np.testing.assert_allclose(
            found.cropped(), clean[i][left:right, low:high], atol=0.01 * clean[i].max()
        )
        plain = frames.mean(axis=0)
        assert (
            np.abs(plain - clean[i]).max()
            > 5 * np.abs(found.cropped() - clean[i][left:right, low:high]).max()
        )
        assert np.isfinite(found.image).all()


def test_the_area_is_what_all_frames_see() -> None:
    # A film beyond the edges: frames cut from one large smooth image, moved by whole pixels.
    rng = np.random.default_rng(0)
    film = np.fft.irfft2(
        np.fft.rfft2(rng.normal(size=(120, 120)))
        * np.exp(-((np.fft.fftfreq(120)[:, None] ** 2 + np.fft.rfftfreq(120) ** 2) * 150)),
        s=(120, 120),
    )
    moves = np.array([(6, -4), (0, 0), (-6, 4)])
    stack = np.stack([film[20 - a : 90 - a, 20 - b : 90 - b] for a, b in moves])
    # Moved between frames, not within: a pause between the scans hides no drift.
    found = correct_drift(stack, times=(0, 1e6, 2e6))
    np.testing.assert_allclose(found.shifts, moves, atol=0.01)
    assert found.area == ((6, 64), (4, 66))
    np.testing.assert_allclose(found.cropped(), film[26:84, 24:86], atol=0.02 * np.ptp(film))


def test_frames_swap_and_axes_swap_with_the_result(clean: NDArray) -> None:
    frames = frames_of(clean, seed=7).frames[1].astype(float)
    found = correct_drift(frames)
    turned = correct_drift(frames.transpose(0, 2, 1), slow_axis=1)
    np.testing.assert_allclose(turned.shifts, found.shifts[:, ::-1], atol=1e-9)
    assert turned.area == found.area[::-1]
    np.testing.assert_allclose(turned.cropped(), found.cropped().T, atol=1e-9)
    brighter = correct_drift(5 * frames + 3)
    # The finest step of the registration.
    np.testing.assert_allclose(brighter.shifts, found.shifts, atol=0.005)


def test_strong_jitter_is_reduced(clean: NDArray) -> None:
    raw = frames_of(clean, **{**STILL, "line_jitter": 0.6}, drift_rate=0.5, dose=8e6, seed=3)
    middle = slice(SHAPE[0] // 2 - 20, SHAPE[0] // 2 + 20)
    before, after, plain, straight = [], [], [], []
    for i in (0, 2, 4):
        without = correct_drift(raw.frames[i])
        found = correct_drift(raw.frames[i], jitter=True)
        before.append(raw.jitter[i][:, middle])
        after.append((raw.jitter[i] - found.jitter)[:, middle])
        plain.append((without.image - clean[i])[middle])
        straight.append((found.image - clean[i])[middle])
    assert np.std(after) < 0.6 * np.std(before)
    assert np.std(straight) < 0.9 * np.std(plain)


def test_bad_input(clean: NDArray) -> None:
    film = np.random.default_rng(0).normal(size=(200, 64))
    film = ndimage.gaussian_filter(film, 1.5)  # without the blur it is noise, and no sample
    with pytest.raises(InputError, match=r"image 7, frame 1: .*drift"):
        correct_drift([film[:64], film[100:164]], index=7)
    raw = frames_of(clean, **STILL, drift_rate=0.0, dose=0).frames[0].astype(float)
    far = np.stack([raw[0], np.roll(raw[0], 12, axis=0)])
    with pytest.raises(InputError, match=r"image 3.*drift.* 8 pixels"):
        correct_drift(far, max_drift=8, index=3)
    with pytest.raises(InputError, match="image 2: frames: found frames of different size"):
        correct_drift([raw[0], raw[1][:-1]], index=2)
    with pytest.raises(InputError, match="2 frames"):
        correct_drift(raw[:1])
    dead = raw.copy()
    dead[2] = 1
    with pytest.raises(InputError, match="image 4, frame 2: found the same value"):
        correct_drift(dead, index=4)
    dead[2, 0, 0] = np.nan
    with pytest.raises(InputError, match="image 4, frame 2: found NaN"):
        correct_drift(dead, index=4)
    with pytest.raises(InputError, match="slow_axis"):
        correct_drift(raw, slow_axis=2)
    with pytest.raises(InputError, match="times"):
        correct_drift(raw, times=(0, 2, 1))
    with pytest.raises(InputError, match="max_drift"):
        correct_drift(raw, max_drift=90)
    with pytest.raises(InputError, match="lines per frame"):
        undrift(raw[0], (0, 0), (200, 0))
