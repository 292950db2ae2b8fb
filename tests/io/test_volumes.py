"""Volumes in every format: bit-identical round trips, orientation, voxel size, bad files."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import scipy.io
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aet_port.core.data import Volume
from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.io import read_volume, write_volume

SUFFIXES = [".mat", ".npy", ".mrc", ".map", ".rec", ".tif", ".tiff"]
finite = {"allow_nan": False, "allow_infinity": False}


@pytest.fixture
def volume() -> Volume:
    x, y, z = np.meshgrid(range(3), range(4), range(5), indexing="ij")
    array = (100.0 * x + 10 * y + z).astype(np.float32)
    return Volume(array, 0.347, origin=np.array([1.5, -2.25, 8.0]), name="test")


@settings(max_examples=50)  # files take their time on a busy machine
@given(
    suffix=st.sampled_from(SUFFIXES),
    array=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.floats(width=32, **finite),
    ),
    size=st.floats(0.01, 100),
)
def test_round_trip_is_bit_identical(tmp_path_factory, suffix, array, size):
    path = tmp_path_factory.mktemp("io") / f"volume{suffix}"
    write_volume(path, Volume(array, size))
    again = read_volume(path, voxel_size=size if suffix == ".npy" else None)
    assert again.array.dtype == np.float32
    assert again.array.shape == array.shape
    assert again.array.tobytes() == np.ascontiguousarray(array).tobytes()
    # MRC keeps lengths in single precision, two roundings of 6e-8 each.
    rounding = 2e-7 if suffix in (".mrc", ".map", ".rec") else 0
    assert again.voxel_size == pytest.approx(size, rel=rounding, abs=0)
    assert again.origin == pytest.approx(Volume(array, again.voxel_size).origin, abs=0)
    assert again.name == str(path)


@pytest.mark.parametrize("suffix", [".mat", ".mrc", ".tif"])
def test_origin_is_kept(tmp_path, volume, suffix):
    path = write_volume(tmp_path / f"v{suffix}", volume)
    np.testing.assert_array_equal(read_volume(path).origin, volume.origin)
    corner = Volume(volume.array, 0.5, origin=np.zeros(3))
    np.testing.assert_array_equal(read_volume(write_volume(path, corner)).origin, np.zeros(3))
    # Another voxel size than the file's makes its origin meaningless.
    np.testing.assert_array_equal(read_volume(path, voxel_size=2).origin, [-2, -4, -4])


@pytest.mark.parametrize("suffix", [".mat", ".npy", ".tif"])
def test_double_precision_is_kept(tmp_path, suffix):
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    path = write_volume(tmp_path / f"v{suffix}", Volume(array, 1.0))
    again = read_volume(path, voxel_size=1.0)
    assert again.array.dtype == np.float64
    np.testing.assert_array_equal(again.array, array)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_volumes_give_equal_bytes(tmp_path, volume, suffix, monkeypatch):
    first = write_volume(tmp_path / f"a{suffix}", volume).read_bytes()
    monkeypatch.setattr("time.asctime", lambda *_: "another time")

    class Later:
        @staticmethod
        def now():
            import datetime

            return datetime.datetime(2031, 1, 1)

    monkeypatch.setattr("mrcfile.mrcobject.datetime", Later)
    assert write_volume(tmp_path / f"b{suffix}", volume).read_bytes() == first


def test_mrc_and_tiff_hold_sections_z_rows_y_columns_x(tmp_path, volume):
    write_volume(tmp_path / "v.mrc", volume)
    with mrcfile.open(tmp_path / "v.mrc") as mrc:
        assert mrc.data.shape == (5, 4, 3)
        assert mrc.data[4, 3, 2] == 234  # z, y, x
        assert mrc.is_volume()
        assert mrcfile.validate(tmp_path / "v.mrc")
    write_volume(tmp_path / "v.tif", volume)
    assert tifffile.imread(tmp_path / "v.tif")[4, 3, 2] == 234


def test_mrc_axes_in_another_order_are_put_right(tmp_path, volume):
    """A map whose columns run along z, rows along y and sections along x."""
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(volume.array)
        mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 3, 2, 1
    read = read_volume(tmp_path / "v.mrc", voxel_size=1)
    np.testing.assert_array_equal(read.array, volume.array)


def test_foreign_mrc_without_origin_is_centred(tmp_path):
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(np.ones((4, 6, 8), dtype=np.int16))
        mrc.voxel_size = 2.0
    read = read_volume(tmp_path / "v.mrc")
    assert read.shape == (8, 6, 4)
    np.testing.assert_array_equal(read.origin, [-8, -6, -4])


@pytest.mark.parametrize("suffix", [".npy", ".mat", ".mrc", ".tif"])
def test_missing_voxel_size_names_the_option(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    array = np.ones((2, 3, 4), dtype=np.float32)
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".mat":
        scipy.io.savemat(path, {"reconstruction": array})
    elif suffix == ".mrc":
        with mrcfile.new(path) as mrc:
            mrc.set_data(array)
    else:
        tifffile.imwrite(path, array, photometric="minisblack")
    with pytest.raises(InputError, match=r"voxel_size=\.\.\., --pixel-size") as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert read_volume(path, voxel_size=0.5).voxel_size == 0.5


def test_unequal_voxels_need_a_size(tmp_path):
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(np.ones((4, 4, 4), dtype=np.float32))
        mrc.voxel_size = (1, 1, 2)
    with pytest.raises(DataFileError, match="1 x 1 x 2 angstrom"):
        read_volume(tmp_path / "v.mrc")
    assert read_volume(tmp_path / "v.mrc", voxel_size=3).voxel_size == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).normal(size=(7, 8, 9)).astype(np.float32)
    path = write_volume(tmp_path / f"v{suffix}", Volume(noise, 1.0))
    whole = path.read_bytes()
    for length in (0, 100, 300, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        with pytest.raises(DataFileError) as caught:
            read_volume(path, voxel_size=1.0)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_foreign_and_missing_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    with pytest.raises(DataFileError, match="no such file"):
        read_volume(path)
    path.write_bytes(b"# not what the suffix says\n" * 100)
    with pytest.raises(DataFileError, match=r"unreadable contents|no MATLAB header|no MRC file"):
        read_volume(path)


def test_mrc_longer_than_its_header_says(tmp_path, volume):
    path = write_volume(tmp_path / "v.mrc", volume)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.warns(UserWarning, match="4 bytes more than its header states"):
        again = read_volume(path)
    np.testing.assert_array_equal(again.array, volume.array)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_one_angstrom_by_another_program_is_not_believed(tmp_path, suffix):
    path = tmp_path / f"v.mrc{suffix}"
    kind = {"": None, ".gz": "gzip", ".bz2": "bzip2"}[suffix]
    array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    with mrcfile.new(path, array, compression=kind) as file:
        file.set_volume()
        file.voxel_size = 1.0
    with pytest.raises(InputError, match=r"1 angstrom in the header, which .*--pixel-size"):
        read_volume(path)
    again = read_volume(path, voxel_size=1.0)
    np.testing.assert_array_equal(again.array, array.transpose())
    ours = write_volume(tmp_path / "ours.mrc", again)
    assert read_volume(ours).voxel_size == 1.0


def test_wrong_dimensions_types_and_suffix(tmp_path, volume):
    np.save(tmp_path / "v.npy", np.ones((3, 3)))
    with pytest.raises(DataFileError, match=r"shape \(3, 3\)"):
        read_volume(tmp_path / "v.npy", voxel_size=1)
    np.save(tmp_path / "v.npy", np.ones((3, 3, 3), dtype=complex))
    with pytest.raises(DataFileError, match="complex128"):
        read_volume(tmp_path / "v.npy", voxel_size=1)
    np.save(tmp_path / "v.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataFileError, match="unreadable"):
        read_volume(tmp_path / "v.npy", voxel_size=1)
    tifffile.imwrite(tmp_path / "v.tif", np.ones((4, 5, 3), dtype=np.uint8), photometric="rgb")
    with pytest.raises(DataFileError, match="colour"):
        read_volume(tmp_path / "v.tif", voxel_size=1)
    with pytest.raises(DataFileError, match=r"type \.dm4"):
        read_volume(tmp_path / "v.dm4")
    with pytest.raises(InputError, match=r"type \.dm4"):
        write_volume(tmp_path / "v.dm4", volume)


def test_nan_and_empty_volumes_name_the_file(tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, np.full((2, 2, 2), np.nan))
    with pytest.raises(InputError, match="8 NaN") as caught:
        read_volume(path, voxel_size=1)
    assert str(path) in str(caught.value)
    np.save(path, np.empty((2, 0, 2)))
    with pytest.raises(InputError, match="no axis empty") as caught:
        read_volume(path, voxel_size=1)
    assert str(path) in str(caught.value)


def test_stored_voxel_size_of_another_kind_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "v.mat", {"a": np.ones((2, 2, 2)), "voxel_size": "small"})
    with pytest.raises(DataFileError, match="voxel_size of another kind"):
        read_volume(tmp_path / "v.mat")


def test_values_beyond_single_precision_do_not_go_to_mrc(tmp_path):
    with pytest.raises(InputError, match="beyond single precision"):
        write_volume(tmp_path / "v.mrc", Volume(np.full((2, 2, 2), 1e300), 1.0))
    assert list(tmp_path.iterdir()) == []


# mrcfile leaves its file to the garbage collector when it cannot write to it.
@pytest.mark.filterwarnings(r"ignore:.*\.v\.partial-:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk_leaves_the_old_file(tmp_path, volume, suffix):
    """The kernel cuts the file off in the middle of writing, as a full disk does."""
    path = write_volume(tmp_path / f"v{suffix}", volume)
    before = path.read_bytes()
    noise = np.random.default_rng(0).normal(size=(30, 30, 30)).astype(np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write_volume(path, Volume(noise, 1.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_folder_that_is_a_file(tmp_path, volume, suffix):
    blocker = tmp_path / "folder"
    blocker.write_text("a file")
    with pytest.raises(OutputError, match="could not be written"):
        write_volume(blocker / f"v{suffix}", volume)
    assert list(tmp_path.iterdir()) == [blocker]


def test_unusual_mrc_modes(tmp_path):
    """Signed bytes and big-endian single precision, as other programs write them."""
    data = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(data)
    np.testing.assert_array_equal(read_volume(tmp_path / "v.mrc", 1).array, data.T)
    with mrcfile.new(tmp_path / "b.mrc") as mrc:
        mrc.set_data(data.astype(">f4"))
    assert struct.unpack(">i", Path(tmp_path / "b.mrc").read_bytes()[:4]) == (4,)
    again = read_volume(tmp_path / "b.mrc", 1).array
    assert again.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(again, data.T)


@pytest.mark.reference
def test_published_volumes(reference):
    glass = reference("AET-MetallicGlass", "2_RESIRE_package", "output", "sample_amorphous_res.mat")
    assert read_volume(glass, voxel_size=0.347).shape == (64, 64, 64)
    film = ("2_RESIRE_package", "Output", "Ta_film_sub_area_reconstruction", "ReconObj_sub1.mat")
    volume = read_volume(reference("AET-AmorphousMaterials", *film), voxel_size=0.322)
    assert volume.shape == (131, 61, 131)
    assert volume.array.min() >= 0  # positivity
