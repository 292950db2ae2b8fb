"""Frames registered as far as their noise lets them: the dose decides, and says what it decided."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.preprocessing.drift import DriftCorrection, correct_drift, warn_of_unseen
from aet_port.preprocessing.frame_registration import LIKELY, line_speed, prepared, whole_shift
from aet_port.preprocessing.spectra import frame_spectrum
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles
from aet_port.simulation.raw_frames import RawFrames, take_frames
from aet_port.simulation.settings import RawFrameSettings

PIXEL, SHAPE = 0.3216, (112, 104)
TILTS = tilt_angles()[::5]


@pytest.fixture(scope="module")
def clean() -> NDArray:
    return project_atoms(amorphous_particle(250, "Ta", seed=2), TILTS, PIXEL, SHAPE)


def frames_at(clean: NDArray, dose: float, **settings: float) -> RawFrames:
    """Frames at a dose of the whole series of 46 tilts, of which these are some."""
    share = dose * len(clean) / 46
    return take_frames(lambda a: clean, TILTS, PIXEL, RawFrameSettings(dose=share, **settings))


def corrected(raw: RawFrames) -> list[DriftCorrection]:
    spectrum = frame_spectrum(list(raw.frames))
    return [correct_drift(f, index=i, spectrum=spectrum) for i, f in enumerate(raw.frames)]


def drift_error(found: list[DriftCorrection], raw: RawFrames) -> float:
    wrong = np.stack([item.shifts for item in found]) - raw.frame_shifts
    return float(np.sqrt(np.mean(wrong**2)))


def film(seed: int, shape: tuple[int, int] = (128, 128)) -> NDArray:
    """Structure of a few pixels, like a film of atoms."""
    rough = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(rough, 1.5, mode="wrap")
    return smooth / smooth.std()


def test_bright_frames_are_registered_one_by_one(clean: NDArray) -> None:
    raw = frames_at(clean, 8.2e5, seed=1)
    found = corrected(raw)
    assert {item.motion for item in found} == {"frames"}
    # The bar is 0.1; with 1000 atoms it is 0.026, and the error goes with the root of the atoms.
    assert drift_error(found, raw) < 0.06


def test_the_dose_decides_what_is_seen(clean: NDArray) -> None:
    # 2e5 on 250 atoms is as 5e4 on 1000.
    errors, moved = {}, {}
    for dose in (2e5, 4e4, 5e3):
        raw = frames_at(clean, dose, seed=1, drift_rate=3.0)
        found = corrected(raw)
        moved[dose] = {item.motion for item in found}
        errors[dose] = drift_error(found, raw) / np.sqrt(np.mean(raw.frame_shifts**2))
        for item in found:
            if item.motion == "still":
                np.testing.assert_array_equal(item.shifts, 0)
                np.testing.assert_array_equal(item.rate, 0)
            if item.motion == "line":
                np.testing.assert_allclose(item.shifts, np.outer([-1, 0, 1], item.rate), atol=1e-9)
    assert moved[2e5] == {"frames"}
    assert "line" in moved[4e4]
    assert moved[5e3] == {"still"}
    # Of the displacement: most is taken out where it is seen, none is added where it is not.
    assert errors[2e5] < 0.1
    assert errors[4e4] < 0.5
    assert errors[5e3] == pytest.approx(1)


def test_pure_noise_stays_where_it_is() -> None:
    rng = np.random.default_rng(0)
    for trial in range(5):
        found = correct_drift(rng.normal(size=(3, 64, 60)), index=trial)
        assert found.motion == "still"
        assert found.area == ((0, 64), (0, 60))
        assert found.residual == 0


def test_other_things_at_high_signal_are_an_error() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(2, 128, 128))
    # Signal and noise alike: what two frames had in common would be seen.
    for level in (0.0, 1.0):
        views = np.stack([film(2), film(3)]) + level * noise
        with pytest.raises(InputError, match=r"image 4, frame 1: .*expected at this noise"):
            correct_drift(views, index=4)
        same = np.stack([film(2)] * 2) + level * noise
        assert correct_drift(same).motion == "frames"
    # A hundred times less signal in the same noise: nobody can know.
    assert correct_drift(np.stack([film(2), film(3)]) + 30 * noise).motion == "still"


def test_a_drift_beyond_the_crop_is_an_error() -> None:
    wide = film(5, (400, 128))
    with pytest.raises(InputError, match=r"image 7, frame 1: .*drift is larger than 32 pixels"):
        correct_drift([wide[:128], wide[200:328]], index=7)


@settings(max_examples=15)
@given(
    speed=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    seed=st.integers(0, 100),
)
def test_the_speed_of_a_known_drift_is_found(speed: tuple[float, float], seed: int) -> None:
    times = np.array([0.0, 1.0, 2.5])
    sample = np.zeros((96, 90))
    sample[30:66, 28:62] = film(seed, (36, 34))
    frames = [ndimage.fourier_shift(np.fft.fft2(sample), np.multiply(speed, t)) for t in times]
    stack = np.real(np.fft.ifft2(np.array(frames)))
    stack += np.random.default_rng(seed).normal(scale=0.5, size=stack.shape)
    found, gain = line_speed(list(stack), times, frame_spectrum([stack]), 10.0)
    # A tenth of the width of the structure, where the noise is half as strong.
    np.testing.assert_allclose(found, speed, atol=0.15)
    assert gain > LIKELY or np.abs(speed).max() < 0.2
    near, _ = line_speed(
        list(stack), times, frame_spectrum([stack]), 10.0, start=np.array(speed) + 0.2
    )
    np.testing.assert_allclose(near, found, atol=1e-3)


def test_a_pair_that_noise_hides_has_no_displacement() -> None:
    rng = np.random.default_rng(4)
    hidden = rng.normal(size=(2, 64, 64)) + 0.02 * film(1, (64, 64))
    assert whole_shift(hidden[1], hidden[0], frame_spectrum([hidden]), 10, (0, 1)) is None
    sample = film(1, (64, 64))
    seen = np.stack([sample, np.roll(sample, (3, -2), axis=(0, 1))])
    seen += 0.3 * rng.normal(size=seen.shape)
    found = whole_shift(seen[1], seen[0], frame_spectrum([seen]), 10, (0, 1))
    np.testing.assert_array_equal(found, (3, -2))


def test_prepared_frames_know_no_level() -> None:
    stack = film(9)[None] + np.random.default_rng(0).normal(size=(2, 128, 128))
    spectrum = frame_spectrum([stack])
    ready = prepared(stack[0], spectrum, 2)
    np.testing.assert_allclose(prepared(stack[0] + 40, spectrum, 2), ready, atol=1e-9)
    # Power that the weight gives back: the part that two frames of this noise have in common.
    assert 0 < ready.std() < stack[0].std()


def test_tilts_that_are_not_seen_are_named(clean: NDArray) -> None:
    raw = frames_at(clean, 5e3, seed=1)
    still = corrected(raw)[:3]
    bright = correct_drift(frames_at(clean, 8e6, seed=1).frames[0])
    with pytest.warns(UserWarning, match=r"tilts 0-1, 4: no drift is detected .* are not moved"):
        warn_of_unseen([*still[:2], bright, None, still[2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_unseen([bright, None])
