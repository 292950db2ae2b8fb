"""Tilt series in every format: round trips, orientation, angles, bad files."""

from __future__ import annotations

import mrcfile
import numpy as np
import pytest
import scipy.io
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.io import (
    ReadSettings,
    read_angles,
    read_images,
    read_tilt_series,
    write_angles,
    write_tilt_series,
)

IMAGES = [".mat", ".npy", ".mrc", ".mrcs", ".st", ".ali", ".tif", ".tiff"]
ANGLES = [".mat", ".npy", ".txt", ".csv", ".tlt", ".rawtlt"]


@pytest.fixture
def series() -> TiltSeries:
    n, x, y = np.meshgrid(range(5), range(3), range(4), indexing="ij")
    angles = np.array([[0, theta, 0.1] for theta in (-40, -20, 0.3, 20, 40)])
    return TiltSeries((1 + 100.0 * n + 10 * x + y).astype(np.float32), angles, 0.347)


@settings(max_examples=50)  # files take their time on a busy machine
@given(
    suffixes=st.tuples(st.sampled_from(IMAGES), st.sampled_from(ANGLES)),
    images=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=4),
        elements=st.floats(1, 2, width=32),
    ),
    data=st.data(),
)
def test_round_trip_is_bit_identical(tmp_path_factory, suffixes, images, data):
    shape = (len(images), 3)
    angles = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-180, 180)))
    folder = tmp_path_factory.mktemp("io")
    paths = folder / f"p{suffixes[0]}", folder / f"a{suffixes[1]}"
    assert write_tilt_series(*paths, TiltSeries(images, angles, 0.347)) == paths
    # Few angles near zero look like radians.
    again = read_tilt_series(
        *paths,
        pixel_size=0.347 if suffixes[0] == ".npy" else None,
        read=ReadSettings(angle_unit="degree"),
    )
    assert again.images.dtype == np.float32
    np.testing.assert_array_equal(again.images, images)
    np.testing.assert_array_equal(again.angles, angles)
    assert again.pixel_size == pytest.approx(0.347, rel=2e-7)  # single precision in MRC
    assert again.name == str(paths[0])


def test_one_mat_file_for_both(tmp_path, series):
    path = tmp_path / "series.mat"
    write_tilt_series(path, path, series)
    again = read_tilt_series(path, path)
    np.testing.assert_array_equal(again.images, series.images)
    np.testing.assert_array_equal(again.angles, series.angles)
    assert again.pixel_size == 0.347
    with pytest.raises(InputError, match=r"another file, or one \.mat"):
        write_tilt_series(tmp_path / "s.npy", tmp_path / "s.npy", series)


def test_orientation_of_each_format(tmp_path, series):
    """Image 4, x = 2, y = 3 holds 1 + 423."""
    write_tilt_series(tmp_path / "s.mat", tmp_path / "a.mat", series)
    assert scipy.io.loadmat(tmp_path / "s.mat")["projections"][2, 3, 4] == 424
    write_tilt_series(tmp_path / "s.mrc", tmp_path / "a.npy", series)
    with mrcfile.open(tmp_path / "s.mrc") as mrc:
        assert mrc.data[4, 3, 2] == 424
        assert mrc.is_image_stack()
    write_tilt_series(tmp_path / "s.tif", tmp_path / "a.csv", series)
    assert tifffile.imread(tmp_path / "s.tif")[4, 3, 2] == 424
    write_tilt_series(tmp_path / "s.npy", tmp_path / "a.txt", series)
    assert np.load(tmp_path / "s.npy")[4, 2, 3] == 424
    for name in ("s.mat", "s.mrc", "s.tif", "s.npy"):
        assert read_images(tmp_path / name)[4, 2, 3] == 424


def test_single_section_is_one_image(tmp_path):
    page = np.arange(12, dtype=np.float32).reshape(4, 3)
    tifffile.imwrite(tmp_path / "one.tif", page, photometric="minisblack")
    with mrcfile.new(tmp_path / "one.mrc") as mrc:
        mrc.set_data(page)
    for name in ("one.tif", "one.mrc"):
        np.testing.assert_array_equal(read_images(tmp_path / name), page.T[np.newaxis])


@pytest.mark.parametrize("suffix", [".mat", ".npy"])
def test_single_precision_angles_stay_single(tmp_path, suffix):
    angles = np.array([[0, 10.1, 0], [0, 20.2, 0]], dtype=np.float32)
    again = read_angles(write_angles(tmp_path / f"a{suffix}", angles))
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, angles)


@pytest.mark.parametrize(
    "text",
    [
        "-10.5\n0\n10.5\n",
        "  -10.5 \r\n\r\n0.0\r\n10.5",
        "# tilt\n-10.5 # first\n0\n10.5\n",
        "\ufefftheta\n-10.5\n0\n10.5\n",
        "phi,theta,psi\n0,-10.5,0\n0,0,0\n0,10.5,0\n",
        "0;-10.5;0\n0;0;0\n0;10.5;0\n",
        "0\t-10.5\t0\n0\t0\t0\n0\t10.5\t0\n",
    ],
)
def test_angles_as_text(tmp_path, text):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(
        read_angles(tmp_path / "a.csv"), [[0, -10.5, 0], [0, 0, 0], [0, 10.5, 0]]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no numbers"),
        (b"1\n2 3 4\n", "3 numbers in line 2 after 1"),
        (b"1\ntwo\n3\n", "'two' in line 2"),
        (b"1 2\n3 4\n", r"shape \(2, 2\)"),
        (b"1 2 3 4\n5 6 7 8\n9 10 11 12\n", "transpose"),
        (b"1\nnan\n", "NaN or infinity in row 1"),
        (b"\xff\xfe\x00", "unreadable contents"),
    ],
)
def test_wrong_text_is_refused(tmp_path, text, message):
    path = tmp_path / "a.tlt"
    path.write_bytes(text)
    with pytest.raises(DataFileError, match=message) as caught:
        read_angles(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counts_must_match_and_both_files_are_named(tmp_path, series):
    images, angles = tmp_path / "p.npy", tmp_path / "a.npy"
    write_tilt_series(images, angles, series)
    np.save(angles, series.angles[:2])
    with pytest.raises(DataFileError, match=r"2 rows of angles.*5 rows, one per image") as caught:
        read_tilt_series(images, angles, 1.0)
    assert str(images) in str(caught.value)
    assert str(angles) in str(caught.value)
    np.save(angles, series.angles.T)
    with pytest.raises(DataFileError, match="transpose it"):
        read_tilt_series(images, angles, 1.0)


def test_pixel_size_is_needed(tmp_path, series):
    images, angles = tmp_path / "p.npy", tmp_path / "a.npy"
    write_tilt_series(images, angles, series)
    with pytest.raises(InputError, match=r"pixel_size=\.\.\., --pixel-size") as caught:
        read_tilt_series(images, angles)
    assert str(images) in str(caught.value)
    with pytest.raises(InputError, match=r"between 0\.001 and 10000"):
        read_tilt_series(images, angles, -1.0)


def test_given_pixel_size_goes_before_the_files(tmp_path, series):
    with mrcfile.new(tmp_path / "p.mrc") as mrc:
        mrc.set_data(series.images)
        mrc.set_image_stack()
        mrc.voxel_size = (1, 2, 1)
    np.save(tmp_path / "a.npy", series.angles)
    with pytest.raises(DataFileError, match="1 x 2 angstrom"):
        read_tilt_series(tmp_path / "p.mrc", tmp_path / "a.npy")
    assert read_tilt_series(tmp_path / "p.mrc", tmp_path / "a.npy", 3).pixel_size == 3


def test_images_without_signal_or_with_nan_name_the_file(tmp_path, series):
    images, angles = tmp_path / "p.npy", tmp_path / "a.npy"
    np.save(angles, series.angles)
    for value, message in [(0, "only zeros in image 2"), (np.nan, "12 NaN")]:
        broken = series.images.copy()
        broken[2] = value
        np.save(images, broken)
        with pytest.raises(InputError, match=message) as caught:
            read_tilt_series(images, angles, 1.0)
        assert str(images) in str(caught.value)
    np.save(images, np.empty((5, 0, 4)))
    with pytest.raises(DataFileError, match=r"shape \(5, 0, 4\)"):
        read_tilt_series(images, angles, 1.0)


@pytest.mark.parametrize("suffix", IMAGES)
def test_truncated_images_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).normal(size=(7, 8, 9)).astype(np.float32)
    path = tmp_path / f"p{suffix}"
    write_tilt_series(path, tmp_path / "a.npy", TiltSeries(noise, np.arange(7.0), 1.0))
    whole = path.read_bytes()
    for length in (0, 300, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        with pytest.raises(DataFileError) as caught:
            read_images(path)
        assert str(path) in str(caught.value)


def test_unknown_suffixes(tmp_path, series):
    with pytest.raises(DataFileError, match=r"type \.xyz"):
        read_images(tmp_path / "p.xyz")
    with pytest.raises(DataFileError, match=r"type \.xlsx"):
        read_angles(tmp_path / "a.xlsx")
    for names in [("p.dm4", "a.npy"), ("p.npy", "a.xlsx")]:
        with pytest.raises(InputError, match="a file of type"):
            write_tilt_series(tmp_path / names[0], tmp_path / names[1], series)
    with pytest.raises(InputError, match=r"shape \(4,\)"):
        write_angles(tmp_path / "a.npy", np.arange(4))
    assert list(tmp_path.iterdir()) == []


def test_full_disk_and_wrong_variable(tmp_path, series, monkeypatch):
    path = tmp_path / "s.mat"
    write_tilt_series(path, path, series)
    with pytest.raises(DataFileError, match=r"no variable 'Projs'.*projections 3x4x5"):
        read_tilt_series(path, path, read=ReadSettings(variable="Projs"))
    with pytest.raises(DataFileError, match="no variable 'ang'"):
        read_tilt_series(path, path, read=ReadSettings(angles_variable="ang"))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="No space left"):
        write_tilt_series(path, path, series)
    with pytest.raises(OutputError, match="No space left"):
        write_angles(tmp_path / "a.txt", series.angles)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.reference
def test_published_tilt_series(reference):
    glass = ("AET-MetallicGlass", "2_RESIRE_package", "input")
    series = read_tilt_series(
        reference(*glass, "sample_projections_amorphous.mat"),
        reference(*glass, "sample_angles_amorphous.mat"),
        pixel_size=0.347,
    )
    assert series.images.shape == (41, 64, 64)
    assert series.single_axis
    film = ("AET-AmorphousMaterials", "1_Measured_data", "Ta_film")
    series = read_tilt_series(
        reference(*film, "Sub_area_projections_for_sAET", "Projections_area1.mat"),
        reference(*film, "angles.mat"),
        pixel_size=0.322,
    )
    assert series.images.shape == (46, 131, 61)
    assert series.angles.dtype == np.float32
