"""Raw frames: each error does what the record says, apart from the others."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.settings import RawFrameSettings

SHAPE, WIDTH = (48, 42), 2.5
ANGLES = np.stack([np.zeros(5), np.linspace(-60, 60, 5), np.zeros(5)], axis=1)
STILL = RawFrameSettings(
    drift_rate=0,
    frame_jump=0,
    line_jitter=0,
    shear=0,
    shift_error=0,
    background=0,
    dose=0,
)


def blob(x: NDArray, y: NDArray) -> NDArray:
    """Two Gaussians, at the centre and off it."""
    u, v = x - SHAPE[0] // 2, y - SHAPE[1] // 2
    return np.exp(-(u**2 + v**2) / (2 * WIDTH**2)) + 0.5 * np.exp(
        -((u - 8) ** 2 + (v + 6) ** 2) / (2 * WIDTH**2)
    )


def engine(angles: NDArray) -> NDArray:
    grid = np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij")
    return np.stack([blob(*grid)] * len(angles))


def test_nothing_wrong_gives_the_clean_images() -> None:
    raw = take_frames(engine, ANGLES, 0.5, STILL)
    assert raw.frames.shape == (5, 3, *SHAPE)
    assert raw.frames.dtype == np.float32
    # Single precision of values up to one.
    np.testing.assert_allclose(raw.frames, engine(ANGLES)[:, None].repeat(3, axis=1), atol=2e-7)
    assert not raw.shifts.any()
    assert not raw.frame_shifts.any()


@pytest.mark.parametrize("slow", [0, 1])
def test_frames_show_what_the_record_says(slow: int) -> None:
    wrong = STILL.changed(
        slow_axis="xy"[slow],
        drift_rate=1.0,
        frame_jump=0.3,
        line_jitter=0.2,
        shear=0.02,
        scale=1.01,
        shift_error=1.5,
        seed=4,
    )
    raw = take_frames(engine, ANGLES, 0.5, wrong)
    n = SHAPE[slow]
    matrix = np.eye(2)
    matrix[1 - slow, slow], matrix[1, 1] = 0.02, 1.01
    np.testing.assert_array_equal(wrong.matrix, matrix)
    centre = np.array(SHAPE) // 2
    for i, j in ((0, 0), (2, 1), (4, 2)):
        exact = np.empty(SHAPE)
        for pixel in np.ndindex(*SHAPE):
            line = pixel[slow]
            d = raw.frame_shifts[i, j] + raw.rates[i] * (line - (n - 1) / 2) / n
            d[1 - slow] += raw.jitter[i, j, line]
            place = centre + np.linalg.solve(matrix, np.array(pixel) - d - centre)
            exact[pixel] = blob(*(place - raw.shifts[i]))
        # Splines of degree 5 on a Gaussian of 2.5 pixels: 2e-5; single precision is less.
        np.testing.assert_allclose(raw.frames[i, j], exact, atol=1e-4)
    times = np.arange(3) - 1
    spread = raw.frame_shifts - times[None, :, None] * raw.rates[:, None, :]
    assert 0.1 < spread.std() < 0.5
    np.testing.assert_allclose(raw.frame_shifts.mean(axis=1), 0, atol=1e-12)


def test_each_error_has_its_own_random_numbers() -> None:
    full = RawFrameSettings(dose=0, seed=2)
    all_wrong = take_frames(engine, ANGLES, 0.5, full)
    fewer = take_frames(engine, ANGLES, 0.5, full.changed(line_jitter=0, background=0))
    np.testing.assert_array_equal(all_wrong.rates, fewer.rates)
    np.testing.assert_array_equal(all_wrong.shifts, fewer.shifts)
    again = take_frames(engine, ANGLES, 0.5, full)
    np.testing.assert_array_equal(all_wrong.frames, again.frames)
    other = take_frames(engine, ANGLES, 0.5, full.changed(seed=3))
    assert np.abs(other.rates - all_wrong.rates).min() > 0


def test_the_background_is_slow_positive_and_recorded() -> None:
    raw = take_frames(engine, ANGLES, 0.5, STILL.changed(background=0.2))
    level = 0.2 * raw.clean.max()
    assert (raw.backgrounds > 0.45 * level).all()
    assert (raw.backgrounds < 1.55 * level).all()
    assert (np.ptp(raw.backgrounds, axis=(1, 2)) > 0.05 * level).all()
    steps = np.abs(np.diff(raw.backgrounds, axis=1)).max()
    assert steps < 2 * np.pi * 0.4 * 0.5 * level / SHAPE[0]
    np.testing.assert_allclose(raw.frames[:, 0], raw.clean + raw.backgrounds, atol=1e-6)


def test_the_dose_is_shared_by_all_frames() -> None:
    dose, pixel = 4e6, 0.5
    flat = STILL.changed(background=0.05, dose=dose, read_noise=0.0)
    raw = take_frames(lambda a: 0.2 * engine(a), ANGLES, pixel, flat)
    per_frame = dose / 15 * pixel**2
    expected = (raw.clean + raw.backgrounds)[:, None]
    residual = (raw.frames - expected) * np.sqrt(per_frame / expected)
    # Poisson: mean zero, variance one; 30,240 numbers.
    assert abs(residual.mean()) < 5 / np.sqrt(residual.size)
    assert abs(residual.var() - 1) < 5 * np.sqrt(2 / residual.size)
    counts = raw.frames.astype(float) * per_frame
    np.testing.assert_allclose(counts, np.round(counts), atol=0.01)
    noisy = take_frames(lambda a: 0.2 * engine(a), ANGLES, pixel, flat.changed(read_noise=30.0))
    spread = np.var((noisy.frames - expected) * per_frame)
    # Variances of counts and read-out add up.
    wanted = 30.0**2 + per_frame * expected.mean()
    assert spread == pytest.approx(wanted, rel=5 * np.sqrt(4 / residual.size))


def test_the_record_is_plain() -> None:
    raw = take_frames(lambda a: 0.2 * engine(a), ANGLES, 0.5, RawFrameSettings(dose=1e6))
    record = json.loads(json.dumps(raw.truth()))
    assert record["settings"]["shear"] == 0.005
    assert np.array(record["frame_shifts_in_pixels"]).shape == (5, 3, 2)
    np.testing.assert_array_equal(record["drift_rates_in_pixels_per_frame"], raw.rates)
    np.testing.assert_array_equal(record["scan_matrix"], raw.settings.matrix)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_frames", 0),
        ("slow_axis", "z"),
        ("drift_rate", -1.0),
        ("line_jitter", np.nan),
        ("shear", 0.5),
        ("scale", 0.0),
        ("dose", -1.0),
        ("seed", -1),
    ],
)
def test_bad_settings(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        RawFrameSettings(**{name: value})


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="angles"):
        take_frames(engine, ANGLES[:, 0], 0.5)
    with pytest.raises(InputError, match="pixel_size"):
        take_frames(engine, ANGLES, 0.0)
    with pytest.raises(InputError, match="project"):
        take_frames(lambda a: engine(a)[1:], ANGLES, 0.5)
