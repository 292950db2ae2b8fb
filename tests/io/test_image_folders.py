"""Folders and lists of files: order, angles in their names, frames of one tilt in several files."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.file_names import name_angles, natural_key
from aet_port.io.frames import read_frames
from aet_port.io.image_folders import files_of_series
from aet_port.io.settings import ReadSettings

NX, NY = 4, 3


def write(folder: Path, names: list[str], pages: int = 1) -> None:
    """A file for each name; every pixel is the number of its file in the list."""
    for index, name in enumerate(names):
        image = np.full((pages, NY, NX), index, np.uint16)
        tifffile.imwrite(folder / name, image, photometric="minisblack", metadata=None)


def emd(path: Path, angle: float | None, value: int = 0) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = np.full((NY, NX), value, np.uint16)
        for index, (name, n) in enumerate((("y", NY), ("x", NX)), start=1):
            vector = group.create_dataset(f"dim{index}", data=0.05 * np.arange(n))
            vector.attrs["name"], vector.attrs["units"] = name, "[n_m]"
        if angle is not None:
            group.attrs["stage_alpha"] = angle


def read(path, **options):
    return read_frames(path, pixel_size=options.pop("pixel_size", 0.5), **options)


@given(
    numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True),
    prefix=st.sampled_from(["img_", "Scan 3 ", "a1b", "²", ""]),
    width=st.integers(1, 8),
)
@settings(max_examples=40)
def test_natural_order_is_that_of_the_numbers(numbers, prefix, width):
    padded = [Path(f"{prefix}{number:0{width}d}.tif") for number in numbers]
    found = [int(path.stem[len(prefix) :]) for path in sorted(padded, key=natural_key)]
    assert found == sorted(numbers)


def test_natural_order_of_signs_and_decimals():
    names = ["s_-3.5", "s_-3.25", "s_0.0", "s_2", "s_2.25", "s_2.5", "s_10"]
    assert sorted(names[::-1], key=lambda name: natural_key(Path(name))) == names
    times = ["t-1_12.9.30", "t-1_12.10.5", "t-2_1.1.1", "t-10_1.1.1"]
    assert sorted(times[::-1], key=lambda name: natural_key(Path(name))) == times


def test_a_folder_is_read_in_natural_order(tmp_path):
    write(tmp_path, [f"img_{index + 1}.tif" for index in range(12)])
    series = read(tmp_path, angles=np.arange(12.0) * 3)
    assert series.stack()[:, 0, 0].tolist() == list(range(12))
    assert [note["file"] for note in series.metadata["files"]][9] == "img_10.tif"


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    write(tmp_path, ["a_1.tif", "a_2.TIFF", "a_10.tif"])
    for name in ("._a_1.tif", ".hidden.tif", "notes.txt", "a.mdoc", "Thumbs.db", "log.json"):
        (tmp_path / name).write_bytes(b"nothing")
    (tmp_path / "more.tif").mkdir()
    assert [path.name for path in files_of_series(tmp_path)[1]] == [
        "a_1.tif",
        "a_2.TIFF",
        "a_10.tif",
    ]


@pytest.mark.parametrize(
    ("names", "accepted"),
    [
        (["a.dm3", "b.dm4"], True),
        (["a.emd", "b.h5"], True),
        (["a_1.ser", "a.emi"], True),
        (["a.tif", "b.mrc"], False),
        (["a.mrc", "b.npy"], False),
    ],
)
def test_types_of_files_in_a_folder(tmp_path, names, accepted):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    if accepted:
        expected = [name for name in names if not name.endswith(".emi")]
        assert [path.name for path in files_of_series(tmp_path)[1]] == expected
    else:
        with pytest.raises(DataFileError, match=r"types .* expected files of one type; or list"):
            files_of_series(tmp_path)


def test_lists_of_a_shell_are_read_in_natural_order(tmp_path):
    names = [f"img_{index + 1}.tif" for index in range(12)]
    write(tmp_path, names)
    shell = [tmp_path / name for name in sorted(names)]
    np.savetxt(tmp_path / "a.txt", np.arange(12) * 3.0)
    with pytest.warns(UserWarning, match=r"img_10\.tif comes before img_2\.tif"):
        series = read(shell, angles=tmp_path / "a.txt")
    assert series.stack()[:, 0, 0].tolist() == list(range(12))
    # An array of angles may have been made from the very list.
    with pytest.warns(UserWarning, match="the angles are taken in that order"):
        series = read(shell, angles=np.arange(12.0) * 3)
    assert series.stack()[:3, 0, 0].tolist() == [0, 9, 10]
    # Any other order is someone's choice.
    mixed = [tmp_path / name for name in ("img_3.tif", "img_10.tif", "img_1.tif")]
    assert files_of_series(mixed)[1] == mixed
    with pytest.raises(InputError, match="a folder in a list"):
        files_of_series([tmp_path, *mixed])
    with pytest.raises(InputError, match="same file twice"):
        files_of_series([*mixed, mixed[0]])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["tilt_-60.0deg", "tilt_0.0deg", "tilt_60.0deg"], [-60, 0, 60]),
        (["HAADF_+12.5", "HAADF_-12.5", "HAADF_+0.0"], [12.5, -12.5, 0]),
        (["img_m12p5", "img_p0", "img_12p5"], [-12.5, 0, 12.5]),
        (["a_n60", "a_n30", "a_0", "a_30"], [-60, -30, 0, 30]),
        (["ts_000_0.00_1203", "ts_001_3.00_1204", "ts_002_-3.00_1206"], [0, 3, -3]),
        (["P_1_001_0.00_20230101_101", "P_1_002_2.00_20230101_109", "P_1_003_-2.00_20230102_13"],
         [0, 2, -2]),
        (["TS_01_001_3_0", "TS_01_002_-3_0", "TS_01_003_-6_0"], [3, -3, -6]),
        (["s tilt=-60", "s tilt=-30", "s tilt=0"], [-60, -30, 0]),
        (["tilt-60", "tilt-30", "tilt+0", "tilt+30"], [-60, -30, 0, 30]),
        (["alpha_10", "alpha_20", "alpha_40"], [10, 20, 40]),
        (["10deg", "20deg", "30deg"], [10, 20, 30]),
        (["30°", "0°", "-30°"], [30, 0, -30]),
        (["s_10.5", "s_12.0", "s_13.5"], [10.5, 12, 13.5]),
        (["s_-60.0_a", "s_-60.0_b", "s_0.0_a"], None),  # names that are not alike
        (["f1_-60.0", "f2_-60.0", "f3_0.0"], [-60, -60, 0]),
        (["tilt_1", "tilt_2", "tilt_3"], None),  # numbers of files
        (["tilt_0", "tilt_2"], None),
        (["tilt_000", "tilt_003", "tilt_006"], None),
        (["tilt-01", "tilt-02", "tilt-03"], None),  # hyphens
        (["img-60", "img-57", "img-54"], None),
        (["scan_2024-01-31", "scan_2024-02-28", "scan_2024-03-31"], None),
        (["t_12.10.05", "t_12.20.07", "t_12.31.09"], None),  # times
        (["a_-100.0", "a_0.0", "a_100.0"], None),  # no stage tilts so far
        (["a_-1", "a_-2", "a_88"], None),  # no scheme of tilts
        (["a_-3_5", "a_0_5", "a_3_5"], None),  # -3 or -3.5?
        (["a_1.5_-3.5", "a_2.5_3.5"], [-3.5, 3.5]),
        (["a_-1.5_-3.5", "a_1.5_3.5", "a_3.5_7.5"], None),  # which of the two?
        (["a_1.0"], None),
    ],
)  # fmt: skip
def test_angles_in_names(names, expected):
    found = name_angles([Path(f"{name}.tif") for name in names])
    assert (None if found is None else found.values.tolist()) == expected


def test_angles_in_names_are_used_only_where_nothing_else_states_them(tmp_path):
    write(tmp_path, ["ts_-3.0.tif", "ts_0.0.tif", "ts_3.0.tif"])
    with pytest.warns(UserWarning, match=r"angles from -3 to 3 degrees are taken from the names"):
        series = read(tmp_path)
    found = dict(zip(series.tilt_angles().tolist(), series.stack()[:, 0, 0], strict=True))
    assert found == {-3: 0, 0: 1, 3: 2}
    # A refined list beside them is no contradiction, one in another order is.
    assert read(tmp_path, angles=[-2.8, 0.1, 3.2]).tilt_angles().tolist() == [-2.8, 0.1, 3.2]
    with pytest.warns(UserWarning, match="files state others, such as"):
        read(tmp_path, angles=[3.0, 0.0, -3.0])


def test_metadata_come_before_names(tmp_path):
    for name, angle in (("t_-3.0.emd", -3.0), ("t_0.0.emd", 0.0), ("t_3.0.emd", 3.0)):
        emd(tmp_path / name, angle)
    assert read_frames(tmp_path).tilt_angles().tolist() == [-3, 0, 3]
    emd(tmp_path / "t_3.0.emd", 6.0)
    with pytest.warns(UserWarning, match="those in the names differ"):
        assert 6.0 in read_frames(tmp_path).tilt_angles()
    emd(tmp_path / "t_3.0.emd", None)
    with pytest.warns(UserWarning, match="taken from the names"):
        assert read_frames(tmp_path).tilt_angles().tolist() == [-3, 0, 3]


def test_one_file_without_an_angle(tmp_path):
    for index, angle in enumerate((-3.0, None, 3.0)):
        emd(tmp_path / f"t_{index}.emd", angle)
    with pytest.raises(DataFileError, match=r"t_1\.emd: found no tilt angle.*--angles FILE"):
        read_frames(tmp_path)
    assert read_frames(tmp_path, angles=[0, 3, 6]).tilt_angles().tolist() == [0, 3, 6]


def test_consecutive_files_at_one_angle_are_frames_of_a_tilt(tmp_path):
    readings = [-3.004, -2.996, 0.001, 3.0, 3.01, 2.995]
    for index, angle in enumerate(readings):
        emd(tmp_path / f"t_{index}.emd", angle, index)
    series = read_frames(tmp_path)
    assert series.frames_per_tilt == [2, 1, 3]
    assert series.tilt_angles() == pytest.approx([-3, 0.001, np.mean(readings[3:])])
    assert series.frames[2][:, 0, 0].tolist() == [3, 4, 5]
    given = read_frames(tmp_path, angles=[-3.0, 0.0, 3.0])
    assert given.frames_per_tilt == [2, 1, 3]
    assert given.tilt_angles().tolist() == [-3, 0, 3]


@pytest.mark.parametrize(
    ("pages", "options", "counts", "angles"),
    [
        (1, {}, [1] * 6, None),
        (2, {}, [2] * 6, None),
        (1, {"frames_per_tilt": 2}, [2, 2, 2], None),
        (1, {"frames_per_tilt": [1, 2, 3]}, [1, 2, 3], None),
        (1, {"frames_per_tilt": 2, "angles": [-3, 0, 3]}, [2, 2, 2], [-3, 0, 3]),
        (1, {"angles": [-3, 0, 3]}, [2, 2, 2], [-3, 0, 3]),
        (1, {"angles": [-3, -3, 0, 0, 3, 3]}, [2, 2, 2], [-3, 0, 3]),
        (1, {"angles": [-3, -2, -1, 0, 1, 2]}, [1] * 6, [-3, -2, -1, 0, 1, 2]),
        (1, {"frames_per_tilt": 2, "angles": [-3, -3, 0, 0, 3, 3]}, [2, 2, 2], [-3, 0, 3]),
        (2, {"angles": [-3, 0, 3]}, [4, 4, 4], [-3, 0, 3]),
        (2, {"frames_per_tilt": 4, "angles": [-3, 0, 3]}, [4, 4, 4], [-3, 0, 3]),
        (2, {"frames_per_tilt": 2, "angles": [9, 6, 3, 0, -3, -6]}, [2] * 6, [9, 6, 3, 0, -3, -6]),
        (2, {"angles": [9, 9, 6, 6, 3, 3, 0, 0, -3, -3, -6, -6]}, [2] * 6, [9, 6, 3, 0, -3, -6]),
    ],
)
def test_numbers_of_files_frames_and_angles(tmp_path, pages, options, counts, angles):
    write(tmp_path, [f"t_{index}.tif" for index in range(6)], pages)
    series = read(tmp_path, **options)
    assert series.frames_per_tilt == counts
    assert series.stack()[:, 0, 0].tolist() == np.repeat(np.arange(6), pages).tolist()
    assert (None if series.angles is None else series.angles.tolist()) == angles


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angles": [1, 2, 3, 4]}, "4 angles for 6 files of 6 images"),
        ({"frames_per_tilt": 4}, "4 for 6 images"),
        ({"frames_per_tilt": 0}, "0 for 6 images"),
        ({"frames_per_tilt": 2, "angles": [1, 2]}, "2 angles for 3 tilts"),
    ],
)
def test_numbers_that_do_not_match(tmp_path, options, message):
    write(tmp_path, [f"t_{index}.tif" for index in range(6)])
    with pytest.raises(InputError, match=message):
        read(tmp_path, **options)


def test_files_of_several_sizes(tmp_path):
    write(tmp_path, ["t_0.tif", "t_1.tif"])
    tifffile.imwrite(tmp_path / "t_1.tif", np.ones((5, 5), np.uint16), photometric="minisblack")
    assert [tilt.shape for tilt in read(tmp_path).frames] == [(1, 4, 3), (1, 5, 5)]
    with pytest.raises(InputError, match="4 x 3 and 5 x 5 pixels"):
        read(tmp_path, frames_per_tilt=2)


def test_a_series_among_many_files(tmp_path):
    emd(tmp_path / "t_0.emd", 0.0)
    with h5py.File(tmp_path / "t_1.emd", "w") as file:
        group = file.create_group("data/tomography")
        group.attrs["emd_group_type"] = 1
        group["data"] = np.ones((2, NY, NX), np.uint16)
        vector = group.create_dataset("dim1", data=[3.0, 6.0])
        vector.attrs["name"], vector.attrs["units"] = "angles", "deg"
    with pytest.raises(DataFileError, match="angles from 3 to 6; expected one tilt per file"):
        read(tmp_path)


def test_one_pixel_size_and_tilt_axis_for_all_files(tmp_path):
    for index in range(3):
        emd(tmp_path / f"t_{index}.emd", 3.0 * index)
    with h5py.File(tmp_path / "t_2.emd", "a") as file:
        file["data/image"].attrs["pixel_size_angstrom"] = 0.6
        file["data/image"].attrs["tilt_axis"] = 90.0
    with pytest.raises(DataFileError, match=r"0\.6 ang.*; expected 0\.5 ang.*, as .*t_0\.emd"):
        read_frames(tmp_path)
    with h5py.File(tmp_path / "t_2.emd", "a") as file:
        del file["data/image"].attrs["pixel_size_angstrom"]
    with pytest.raises(DataFileError, match=r"tilt axes at 90\.0, None degrees.*--tilt-axis"):
        read_frames(tmp_path)
    assert read_frames(tmp_path, read=ReadSettings(tilt_axis=90)).tilt_axis == 90
    with pytest.warns(UserWarning, match="90 degrees in the attributes not used"):
        assert read_frames(tmp_path, read=ReadSettings(tilt_axis=0)).tilt_axis == 0
    with pytest.warns(UserWarning, match=r"0\.4 angstrom given") as record:
        read_frames(tmp_path, pixel_size=0.4, read=ReadSettings(tilt_axis=90))
    assert len(record) == 1  # once for all files
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_frames(tmp_path, pixel_size=0.5, read=ReadSettings(tilt_axis=90))


def test_radians_are_refused_in_many_files_too(tmp_path):
    for index, angle in enumerate(np.linspace(-1.05, 1.05, 5)):
        emd(tmp_path / f"t_{index}.emd", angle)
    with pytest.raises(InputError, match=r"look like radians.*--angle-unit"):
        read_frames(tmp_path)
    turned = read_frames(tmp_path, read=ReadSettings(angle_unit="radian")).tilt_angles()
    np.testing.assert_allclose(turned, np.rad2deg(np.linspace(-1.05, 1.05, 5)))
    kept = read_frames(tmp_path, read=ReadSettings(angle_unit="degree")).tilt_angles()
    np.testing.assert_allclose(kept, np.linspace(-1.05, 1.05, 5))
    with pytest.warns(UserWarning, match="files state others"):
        given = read_frames(tmp_path, angles=[0, 2, 4, 6, 8])
    assert given.tilt_angles().tolist() == [0, 2, 4, 6, 8]
