"""One door for image files of all formats."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.core.files import FOLDER_SUFFIXES
from aet_port.core.frame_series import FrameSeries
from aet_port.io import read_tilt_series
from aet_port.io.arrays import image_suffix, plain_path
from aet_port.io.frames import read_frames, write_frames
from aet_port.io.image_files import IMAGE_SUFFIXES, read_raw_images
from aet_port.io.settings import ReadSettings

STACK = 1 + np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(np.int16)


@pytest.mark.parametrize("suffix", [".mrc", ".emd", ".tif"])
def test_frames_and_series_are_read_by_the_same_road(tmp_path, suffix):
    series = FrameSeries(tuple(STACK), [-9.0, -3, 3, 9], 0.347)
    path = write_frames(tmp_path / f"s{suffix}", series)[0]
    raw = read_raw_images(path)
    np.testing.assert_array_equal(raw.images, STACK)
    assert raw.pixel_size == pytest.approx(0.347, rel=1e-6)
    frames, tilts = read_frames(path), read_tilt_series(path)
    np.testing.assert_array_equal(frames.stack(), tilts.images)
    np.testing.assert_array_equal(frames.tilt_angles(), tilts.angles[:, 1])
    assert frames.pixel_size == tilts.pixel_size


@pytest.mark.parametrize("suffix", [".mrc", ".emd", ".tif"])
def test_an_axis_kept_by_write_frames_counts_on_both_roads(tmp_path, suffix):
    metadata = {"tilt_axis_degrees": 90.0}
    series = FrameSeries(tuple(STACK), [-9.0, -3, 3, 9], 0.347, metadata)
    path = write_frames(tmp_path / f"s{suffix}", series)[0]
    assert read_frames(path).tilt_axis == 90
    assert read_tilt_series(path).detector == (6, 5)
    with pytest.warns(UserWarning, match="0 degrees from y towards x given; 90 degrees in the "):
        read = read_tilt_series(path, read=ReadSettings(tilt_axis=0))
    np.testing.assert_array_equal(read.images, STACK)


@pytest.mark.parametrize("value", ["up", True, None, [90]])
def test_an_axis_of_another_kind_in_metadata_is_left_alone(tmp_path, value):
    path = write_frames(tmp_path / "s.mrc", FrameSeries(tuple(STACK), None, 0.347))[0]
    notes = json.loads((tmp_path / "s.mrc.json").read_text())
    notes["metadata"] = {"tilt_axis_degrees": value}
    (tmp_path / "s.mrc.json").write_text(json.dumps(notes))
    assert read_raw_images(path).tilt_axes == []


@pytest.mark.parametrize(
    ("name", "suffix", "plain"),
    [
        ("s.mrc", ".mrc", "s.mrc"),
        ("S.MRC.GZ", ".mrc", "S.MRC"),
        ("s.st.bz2", ".st", "s.st"),
        ("s.tif.gz", ".gz", "s.tif"),
        ("s.gz", ".gz", "s"),
        ("s", "", "s"),
    ],
)
def test_suffixes(name, suffix, plain):
    assert image_suffix(name) == suffix
    assert plain_path(name).name == plain


def test_unknown_types_are_refused_with_those_that_are_read(tmp_path):
    for name in ("s.xyz", "s", "s.png", "s.tif.gz"):
        with pytest.raises(DataFileError, match=r"a file of type .*images as \.mrc"):
            read_raw_images(tmp_path / name)
    for suffix in IMAGE_SUFFIXES:
        with pytest.raises(DataFileError, match=r"no such (file|folder)"):
            read_raw_images(tmp_path / f"s{suffix}")
        if suffix in FOLDER_SUFFIXES:
            continue
        (tmp_path / f"s{suffix}").mkdir()
        with pytest.raises(DataFileError, match="a folder"):
            read_raw_images(tmp_path / f"s{suffix}")


def test_order_of_the_axes_of_an_array(tmp_path):
    np.save(tmp_path / "s.npy", STACK.transpose(1, 2, 0))
    read = ReadSettings(axes="nx,ny,n")
    np.testing.assert_array_equal(read_raw_images(tmp_path / "s.npy", read).images, STACK)
