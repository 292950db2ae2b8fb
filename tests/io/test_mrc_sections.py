"""Pixels of MRC files of all kinds: bytes with and without sign, 4 bits, byte orders, sizes."""

from __future__ import annotations

import bz2
import gzip
import struct
import tracemalloc

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError
from aet_port.io.frames import read_frames
from aet_port.io.mrc_sections import read_mrc
from aet_port.io.volumes import read_volume
from tests.io.mrc_files import mrc_bytes, sections_of, write_mrc_bytes

SECTIONS = sections_of(3, 5, 4)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.mrc"


BYTES = np.array([[[0, 100, 127], [128, 200, 255]]], np.uint8)
NEGATIVE = BYTES.view(np.int8)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"imod": 0}, BYTES),  # IMOD's flags decide
        ({"imod": 1, "extremes": (-128, 127)}, NEGATIVE),
        ({"imod": 2, "extremes": (0, 0)}, BYTES),
        ({"extremes": (0, 255)}, BYTES),  # no signed byte is 255
        ({"extremes": (-128, 127)}, NEGATIVE),  # no unsigned byte is -128
    ],
)
def test_sign_of_bytes(path, facts, expected):
    array = read_mrc(write_mrc_bytes(path, BYTES, **facts), "MRC").array
    np.testing.assert_array_equal(array, expected[0])


@pytest.mark.parametrize("extremes", [(0, 0), (0, 100), (-5, 200)])
def test_sign_that_cannot_be_told_is_a_warning(path, extremes):
    write_mrc_bytes(path, BYTES, extremes=extremes)
    with pytest.warns(UserWarning, match=r"read as signed, as MRC2014 says.*newstack -mode 1"):
        array = read_mrc(path, "MRC").array
    np.testing.assert_array_equal(array, NEGATIVE[0])
    # Bytes below 128 are the same in both types.
    write_mrc_bytes(path, BYTES & 127, extremes=extremes)
    np.testing.assert_array_equal(read_mrc(path, "MRC").array, BYTES[0] & 127)


@pytest.mark.parametrize(("flags", "extremes"), [(0, (-100, 100)), (1, (0, 200))])
def test_flags_against_extremes_are_a_warning(path, flags, extremes):
    write_mrc_bytes(path, BYTES, imod=flags, extremes=extremes)
    with pytest.warns(UserWarning, match=r"IMOD's flags, though the header has pixels from"):
        array = read_mrc(path, "MRC").array
    np.testing.assert_array_equal(array, (NEGATIVE if flags else BYTES)[0])


def test_bytes_and_integers_of_the_same_numbers_are_the_same_frames_and_volume(tmp_path):
    values = np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6) * 2
    write_mrc_bytes(tmp_path / "b.mrc", values, imod=0, space_group=1)
    write_mrc_bytes(tmp_path / "i.mrc", values.astype(np.int16), space_group=1)
    one, two = (read_volume(tmp_path / f"{name}.mrc").array for name in "bi")
    np.testing.assert_array_equal(one, two)
    one, two = (read_frames(tmp_path / f"{name}.mrc").stack() for name in "bi")
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("old", [False, True])
def test_types_byte_orders_and_files_without_stamp(path, kind, order, old):
    """Before 2000 there was neither map identifier nor machine stamp."""
    stack = (sections_of(3, 5, 4) % 100).astype(kind)
    facts = {"stamp": b"\0\0\0\0", "name": b"\0\0\0\0"} if old else {}
    found = read_mrc(write_mrc_bytes(path, stack, order=order, **facts), "MRC")
    np.testing.assert_array_equal(found.array, stack)
    assert found.array.dtype.isnative
    assert found.size == pytest.approx((0.5, 0.5, 0.5))


def test_a_stamp_of_the_wrong_byte_order(path):
    write_mrc_bytes(path, SECTIONS, order=">", stamp=b"DD\0\0")
    np.testing.assert_array_equal(read_mrc(path, "MRC").array, SECTIONS)


@settings(max_examples=25)
@given(
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    kind=st.sampled_from(["i1", "i2", "u2", "f4"]),
    volume=st.booleans(),
    seed=st.integers(0, 9),
)
def test_agrees_with_mrcfile(tmp_path_factory, shape, kind, volume, seed):
    """mrcfile is an independent reader and writer."""
    array = np.random.default_rng(seed).integers(0, 99, shape).astype(kind)
    file = tmp_path_factory.mktemp("mrc") / "a.mrc"
    with mrcfile.new(file, array) as mrc:
        mrc.set_volume() if volume else mrc.set_image_stack()
        mrc.voxel_size = (0.3, 0.4, 0.5)
        mrc.header.origin = (1, 2, 3)
        expected = mrc.data.copy()
    found = read_mrc(file, "MRC")
    with mrcfile.open(file) as mrc:
        expected = mrc.data.copy()
    np.testing.assert_array_equal(found.array, expected)
    assert found.array.shape == expected.shape
    assert found.array.dtype == kind
    assert found.size == pytest.approx((0.3, 0.4, 0.5), rel=1e-6)
    assert found.origin is not None
    assert found.origin.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed(tmp_path, suffix, packed):
    data = mrc_bytes(SECTIONS, extended=b"\0" * 80)
    path = tmp_path / f"s.mrc{suffix}"
    path.write_bytes(packed(data))
    np.testing.assert_array_equal(read_mrc(path, "MRC").array, SECTIONS)
    path.write_bytes(packed(data[:-1]))
    with pytest.raises(DataFileError, match=f"{len(data) - 1} bytes, a truncated file"):
        read_mrc(path, "MRC")
    path.write_bytes(packed(data)[:-9])
    with pytest.raises(DataFileError, match=r"s\.mrc"):
        read_mrc(path, "MRC")
    path.write_bytes(packed(data + b"12"))
    with pytest.warns(UserWarning, match="2 bytes more"):
        read_mrc(path, "MRC")


def test_names_beside_a_compressed_file(tmp_path):
    (tmp_path / "s.mrc.gz").write_bytes(gzip.compress(mrc_bytes(SECTIONS, pixel=1.0)))
    (tmp_path / "s.rawtlt").write_text("-9\n0\n9\n")
    (tmp_path / "s.mrc.mdoc").write_text("PixelSpacing = 0.35\n")
    series = read_frames(tmp_path / "s.mrc.gz")
    assert series.tilt_angles().tolist() == [-9, 0, 9]
    assert series.pixel_size == 0.35
    (tmp_path / "s.tif.gz").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"a file of type \.gz"):
        read_frames(tmp_path / "s.tif.gz")


@pytest.mark.parametrize("nx", [4, 5])
def test_four_bits(path, nx):
    """Two pixels a byte, the first in the lower half; rows begin with a new byte."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 16, (2, 3, nx)).astype(np.uint8)
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, nx % 2)))
    packed = padded[..., ::2] | padded[..., 1::2] << 4
    data = bytearray(mrc_bytes(packed, mode=101, cell=(0.5 * nx, 1.5, 1.0)))
    struct.pack_into("<i", data, 0, nx)
    struct.pack_into("<i", data, 28, nx)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_mrc(path, "MRC").array, pixels)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"mode": 3}, "complex numbers .mode 3."),
        ({"mode": 4}, "complex numbers .mode 4."),
        ({"mode": 16}, "colours"),
        ({"mode": 99}, "mode 99: no MRC file"),
        ({"imod": 16}, "two pixels each"),
    ],
)
def test_pixels_that_are_refused(path, facts, message):
    write_mrc_bytes(path, BYTES, **facts)
    with pytest.raises(DataFileError, match=message):
        read_mrc(path, "MRC")


def test_stacks_of_volumes(path):
    """Space group 401: frames of a tilt are a volume of the stack; there is no one volume."""
    stack = sections_of(6, 5, 4)
    write_mrc_bytes(path, stack, space_group=401, depth=2)
    series = read_frames(path)
    assert series.frames_per_tilt == [2, 2, 2]
    np.testing.assert_array_equal(series.stack(), stack.transpose(0, 2, 1))
    with pytest.raises(DataFileError, match=r"shape \(5, 4, 2, 3\).*volume"):
        read_volume(path)
    write_mrc_bytes(path, stack, space_group=401, depth=6)
    np.testing.assert_array_equal(read_volume(path).array, stack.transpose())


@pytest.mark.parametrize("n", [1000, 40_000])
def test_huge_sizes_are_refused_before_memory_is_taken(path, n):
    data = bytearray(mrc_bytes(SECTIONS))
    struct.pack_into("<3i", data, 0, n, n, n)
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(DataFileError, match=f"{len(data)} bytes, a truncated file"):
            read_mrc(path, "MRC")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
