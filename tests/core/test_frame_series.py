"""Frames of a tilt series: counts, sizes, metadata, and pixels that cannot be trusted."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.preprocessing.bad_pixels import (
    BadPixelWarning,
    find_bad_pixels,
    outlier_masks,
    saturated_mask,
)


@pytest.fixture
def stack() -> np.ndarray:
    n, x, y = np.meshgrid(range(6), range(3), range(4), indexing="ij")
    return (100 * n + 10 * x + y).astype(np.uint16)


def test_stored_type_and_axes_are_kept(stack):
    series = FrameSeries((stack[:2], stack[2:5], stack[5]), [-60, 0, 60], 0.347)
    assert series.frames_per_tilt == [2, 3, 1]
    assert series.detector == (3, 4)
    assert series.frames[1].dtype == np.uint16
    assert series.frames[1][0, 2, 1] == 221
    np.testing.assert_array_equal(series.stack(), stack)
    np.testing.assert_array_equal(series.tilt_angles(), [-60, 0, 60])


def test_foreign_byte_order_is_turned(stack):
    tilt = FrameSeries((stack.astype(">u2"),), None, 1).frames[0]
    assert tilt.dtype.isnative
    np.testing.assert_array_equal(tilt, stack)


@given(counts=st.lists(st.integers(1, 4), min_size=1, max_size=6))
@settings(max_examples=40)
def test_stack_and_back(counts):
    images = np.random.default_rng(1).random((sum(counts), 2, 3))
    angles = np.arange(len(counts)) * 3.0
    series = FrameSeries.from_stack(images, angles, 1.0, counts)
    assert series.frames_per_tilt == counts
    # One angle per image says the same, with counts and without.
    for frames_per_tilt in (counts, None):
        again = FrameSeries.from_stack(images, np.repeat(angles, counts), 1.0, frames_per_tilt)
        assert again.frames_per_tilt == counts
        np.testing.assert_array_equal(again.angles, angles)
        np.testing.assert_array_equal(again.stack(), images)


def test_counts_without_word(stack):
    assert FrameSeries.from_stack(stack, None, 1).frames_per_tilt == [1] * 6
    assert FrameSeries.from_stack(stack, [0, 5], 1).frames_per_tilt == [3, 3]
    assert FrameSeries.from_stack(stack, None, 1, 2).frames_per_tilt == [2, 2, 2]


def test_readings_of_a_stage_at_rest_are_one_tilt(stack):
    """Readings within 0.02 degree of the first are one tilt, at their mean."""
    read = [-3.004, -2.999, 0.001, -0.002, 3.0, 3.019]
    series = FrameSeries.from_stack(stack, read, 1)
    assert series.frames_per_tilt == [2, 2, 2]
    np.testing.assert_allclose(series.tilt_angles(), [-3.0015, -0.0005, 3.0095], atol=1e-12)
    # A slow drift is not taken for one tilt: the first image is the reference.
    drift = FrameSeries.from_stack(stack, 0.015 * np.arange(6), 1)
    assert drift.frames_per_tilt == [2, 2, 2]
    assert FrameSeries.from_stack(stack, 0.021 * np.arange(6), 1).frames_per_tilt == [1] * 6


def test_frames_per_tilt_win_over_the_angles(stack):
    angles = [1, 1, 1, 2, 2, 2]
    with pytest.warns(UserWarning, match="1 tilts .* tilt 1 from 1 to 2 degrees; their means"):
        series = FrameSeries.from_stack(stack, angles, 1, [2, 4])
    np.testing.assert_allclose(series.tilt_angles(), [1, 1.75])
    # Within 0.1 degree of each other nothing is said.
    assert len(FrameSeries.from_stack(stack, [0, 0.09, 3, 3.05, 6, 6], 1, 2)) == 3


@pytest.mark.parametrize(
    ("angles", "counts", "message"),
    [
        ([1, 2, 3, 4], None, "4 angles for 6 images"),
        (None, 4, "add up to the number of images"),
        (None, 0, "add up to the number of images"),
        (None, [3, 2], "add up to the number of images"),
        (None, [7, -1], "add up to the number of images"),
        ([1, 2], [2, 2, 2], "2 angles for 3 tilts"),
        ([1, np.nan, 2], 2, "nan at tilt 1"),
    ],
)
def test_counts_that_do_not_fit(stack, angles, counts, message):
    with pytest.raises(InputError, match=message):
        FrameSeries.from_stack(stack, angles, 1, counts)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ((), "no tilts"),
        (([],), "tilt 0: found no frames"),
        ((np.ones((2, 3)), [np.ones((2, 3)), np.ones((3, 2))]), r"tilt 1, frame 1.*\(3, 2\)"),
        ((np.ones((1, 2, 0)),), "no axis empty"),
        ((np.ones(4),), "no axis empty"),
        ((np.ones((2, 2), complex),), "complex128"),
        ((np.ones((2, 2)), np.array([np.ones((2, 2)), [[1, np.nan], [1, 1]]])), r"tilt 1, frame 1"),
    ],
)
def test_bad_frames_name_tilt_and_frame(frames, message):
    with pytest.raises(InputError, match=message):
        FrameSeries(frames, None, 1)


@pytest.mark.parametrize("size", [0, -1, np.nan, "1", None])
def test_bad_pixel_size(stack, size):
    with pytest.raises(InputError, match="pixel_size"):
        FrameSeries((stack,), None, size)


def test_tilts_of_different_size_have_no_stack(stack):
    series = FrameSeries((stack, stack[:, :2]), None, 1)
    with pytest.raises(InputError, match=r"tilt 1.*2 x 4 pixels.*3 x 4"):
        series.stack()


def test_missing_angles(stack):
    with pytest.raises(InputError, match="angles: found none"):
        FrameSeries((stack,), None, 1).tilt_angles()
    with pytest.raises(InputError, match=r"shape \(2,\) for 1 tilts"):
        FrameSeries((stack,), [0, 1], 1)


def test_metadata_become_json(stack):
    metadata = {
        "voltage_kv": np.float32(300),
        "dwell_time_us": 3,
        "stage": (np.arange(2), {"x": True, "y": None}),
    }
    series = FrameSeries((stack,), None, 1, metadata)
    assert series.metadata["stage"] == [[0, 1], {"x": True, "y": None}]
    assert json.loads(series.metadata_text()) == series.metadata
    assert (series.voltage, series.dwell_time) == (300.0, 3.0)
    assert FrameSeries((stack,), None, 1).voltage is None


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": [1, {2}]}, r"\['a'\]\[1\].*a set"),
        ({"a": {1: 2}}, r"\['a'\].*the key 1"),
        ([1], "a dictionary"),
    ],
)
def test_metadata_that_json_cannot_hold(stack, metadata, message):
    with pytest.raises(InputError, match=message):
        FrameSeries((stack,), None, 1, metadata)


def test_voltage_that_is_no_number(stack):
    with pytest.raises(InputError, match="voltage_kv"):
        FrameSeries((stack,), None, 1, {"voltage_kv": "300 kV"}).voltage  # noqa: B018


def _scene(seed: int, shape: tuple[int, ...], counts: float) -> np.ndarray:
    """Frames (..., 96, 80) of a few blurred atoms on a slope, with shot noise."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(range(96), range(80), indexing="ij")
    field = 0.3 + 0.2 * x / 96
    for cx, cy in rng.uniform(10, 70, (30, 2)):
        field = field + np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8)
    return rng.poisson(np.broadcast_to(counts * field, (*shape, 96, 80)))


@pytest.mark.parametrize("counts", [0.02, 1.0, 20.0, 2000.0])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_shot_noise_is_not_flagged(counts, kind):
    frames = _scene(4, (2, 3), counts).astype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_bad_pixels(FrameSeries(tuple(frames), None, 1)) == []


@pytest.mark.parametrize(("n", "sigma"), [(10, 0.8), (10, 1.0), (60, 1.5), (60, 3.0)])
def test_sharp_atoms_without_noise_are_not_flagged(n, sigma):
    x, y = np.meshgrid(range(96), range(80), indexing="ij")
    image = np.full((96, 80), 0.1)
    for cx, cy in np.random.default_rng(2).uniform(5, 75, (n, 2)):
        image += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
    dead, hot = outlier_masks(image)
    assert not dead.any()
    assert not hot.any()


def test_findings_name_tilt_frame_and_pixel():
    frames = _scene(5, (3, 2), 1000.0).astype(np.uint16)
    frames[1, 0, 40, 30] = 60000
    frames[2, :, 50, 60] = 0
    frames[0, 1] = np.minimum(frames[0, 1], 1200)
    series = FrameSeries(tuple(frames), None, 1, name="made")
    with pytest.warns(BadPixelWarning) as caught:
        found = find_bad_pixels(series)
    clipped = int((frames[0, 1] == 1200).sum())
    assert clipped > 20
    assert [str(item) for item in found if item.kind != "saturated"] == [
        "tilt 1, frame 0: 1 hot pixels, the first at (40, 30)",
        "tilt 1, all frames: 1 hot pixels, the first at (40, 30)",
        "tilt 2, frame 0: 1 dead pixels, the first at (50, 60)",
        "tilt 2, frame 1: 1 dead pixels, the first at (50, 60)",
        "tilt 2, all frames: 1 dead pixels, the first at (50, 60)",
    ]
    saturated = [item for item in found if item.kind == "saturated"]
    assert [(item.tilt, item.frame, len(item.pixels)) for item in saturated] == [(0, 1, clipped)]
    assert {str(w.message) for w in caught} == {f"made: {item}" for item in found}


def test_dead_pixel_of_faint_frames_shows_in_their_mean():
    frames = _scene(6, (1, 40), 30.0).astype(np.uint16)
    frames[0, :, 33, 44] = 0
    found = find_bad_pixels(FrameSeries(tuple(frames), None, 1), warn=False)
    assert [(item.frame, item.kind, item.pixels.tolist()) for item in found] == [
        (None, "dead", [[33, 44]])
    ]


def test_saturation_limits():
    image = np.zeros((5, 5), np.uint8)
    image[1, 2] = 255
    assert np.argwhere(saturated_mask(image)).tolist() == [[1, 2]]
    assert saturated_mask(image.astype(float)).sum() == 0
    assert saturated_mask(image.astype(float), limit=200).sum() == 1
    assert saturated_mask(np.full((3, 3), 7.0)).sum() == 0


@given(seed=st.integers(0, 99), turn=st.integers(0, 3))
@settings(max_examples=10)
def test_outliers_turn_with_the_image(seed, turn):
    image = _scene(seed, (), 500.0).astype(np.float64)
    image[20, 50] *= 20
    dead, hot = outlier_masks(image)
    turned = outlier_masks(np.rot90(image, turn))
    assert hot[20, 50]
    # Bins of equal population may cut ties elsewhere; the findings are far from the limit.
    np.testing.assert_array_equal(np.rot90(hot, turn), turned[1])
    np.testing.assert_array_equal(np.rot90(dead, turn), turned[0])
