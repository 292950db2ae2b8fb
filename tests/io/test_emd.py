"""EMD files in both dialects, written here with h5py as other programs write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.io.emd import read_emd, write_emd
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings

NX, NY, N = 3, 4, 5
ANGLES = np.array([-60.0, -30, 0, 30, 60])


@pytest.fixture
def stack() -> np.ndarray:
    """Images (n, nx, ny)."""
    n, x, y = np.meshgrid(range(N), range(NX), range(NY), indexing="ij")
    return (100 * n + 10 * x + y).astype(np.uint16)


def write(path, data, axes, group="data/tomography", attrs: dict[str, Any] | None = None) -> None:
    """A data set; ``axes`` are (values, name, units), None leaves an attribute out."""
    with h5py.File(path, "a") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        here = file.create_group(group)
        if attrs is None:
            here.attrs["emd_group_type"] = 1
        here.create_dataset("data", data=data)
        for index, (values, name, units) in enumerate(axes, start=1):
            vector = here.create_dataset(f"dim{index}", data=values)
            if name is not None:
                vector.attrs["name"] = name
            if units is not None:
                vector.attrs["units"] = units
        for key, value in (attrs or {}).items():
            here.attrs[key] = value


def along(n: int, name: str | None = None, units: str | None = "[n_m]", step=0.0347):
    return np.arange(n, dtype=np.float32) * np.float32(step), name, units


def test_berkeley_as_tomviz_writes_it(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(ANGLES.astype(np.float32), "angles", "[deg]"), along(NY, "y"), along(NX, "x")]
    write(path, stack.transpose(0, 2, 1), axes)
    series = read_frames(path)
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.detector == (NX, NY)
    np.testing.assert_array_equal(series.tilt_angles(), ANGLES)
    assert series.pixel_size == pytest.approx(0.347, rel=1e-6)
    assert series.frames[0].dtype == np.uint16


def test_materials_data_bank_has_the_angles_last(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [along(NX), along(NY), (ANGLES, b"angles", b"[deg]")]
    write(path, stack.transpose(1, 2, 0), axes)
    series = read_frames(path)
    np.testing.assert_array_equal(series.stack(), stack)
    np.testing.assert_array_equal(series.tilt_angles(), ANGLES)


@pytest.mark.parametrize("first", [True, False])
def test_named_axes_count_more_than_the_dialect(tmp_path, stack, first):
    path = tmp_path / "a.emd"
    angles = (ANGLES, "Tilt_Angles", "deg")
    if first:
        write(path, stack, [angles, along(NX, "x"), along(NY, "y")])
    else:
        write(path, stack.transpose(2, 1, 0), [along(NY, "Y"), along(NX, "X"), angles])
    np.testing.assert_array_equal(read_emd(path).images, stack)


@pytest.mark.parametrize("name", ["frame", "Time", None])
@pytest.mark.parametrize("order", ["afyx", "xyaf", "xyfa"])
def test_four_axes_hold_frames(tmp_path, stack, order, name):
    path = tmp_path / "a.emd"
    four = np.stack([stack, stack + 1000], axis=1)  # (n, frame, x, y)
    axes = {
        "a": (ANGLES, "angles", "[deg]"),
        "f": (np.arange(2), name, ""),
        "x": along(NX),
        "y": along(NY),
    }
    turned = four.transpose(["afxy".index(letter) for letter in order])
    write(path, turned, [axes[letter] for letter in order])
    series = read_frames(path)
    assert series.frames_per_tilt == [2] * N
    np.testing.assert_array_equal(np.stack(series.frames), four)


def test_group_without_type_attribute(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "[deg]"), along(NY), along(NX)]
    write(path, stack.transpose(0, 2, 1), axes, attrs={})
    np.testing.assert_array_equal(read_emd(path).images, stack)


@pytest.mark.parametrize("unit", ["[rad]", "rad", "radians"])
def test_radians_are_turned_where_the_file_says_so(tmp_path, stack, unit):
    path = tmp_path / "a.emd"
    axes = [(np.deg2rad(ANGLES), "angles", unit), along(NY), along(NX)]
    write(path, stack.transpose(0, 2, 1), axes)
    np.testing.assert_allclose(read_emd(path).tilt_angles(), ANGLES, atol=1e-12)


def test_radians_without_a_word_are_refused(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(np.deg2rad(ANGLES), "angles", None), along(NY), along(NX)]
    write(path, stack.transpose(0, 2, 1), axes)
    with pytest.raises(InputError, match=r"a\.emd: angles.*-1\.047 and 1\.047.*look like radians"):
        read_frames(path)
    assert read_frames(path, angles=ANGLES).tilt_angles().tolist() == ANGLES.tolist()
    with pytest.raises(InputError, match="look like radians"):
        read_frames(path, angles=np.deg2rad(ANGLES))


@pytest.mark.parametrize(
    ("units", "step", "size"),
    [("[n_m]", 0.0347, 0.347), ("m", 3.47e-11, 0.347), ("Å", 0.347, 0.347), ("[pm]", 34.7, 0.347)],
)
def test_units_of_length(tmp_path, stack, units, step, size):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "deg"), along(NY, "y", units, step), along(NX, "x", units, step)]
    write(path, stack.transpose(0, 2, 1), axes)
    assert read_emd(path).pixel_size == pytest.approx(size, rel=1e-6)


def test_pixels_without_a_length_need_one(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "deg"), along(NY, "y", "[px]", 1), along(NX, "x", None, 1)]
    write(path, stack.transpose(0, 2, 1), axes)
    with pytest.raises(InputError, match="pixel size: found none"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.5).pixel_size == 0.5


def test_all_attributes_are_carried_along(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "deg"), along(NY), along(NX)]
    write(path, stack.transpose(0, 2, 1), axes)
    with h5py.File(path, "a") as file:
        scope = file.create_group("microscope")
        scope.attrs["voltage"], scope.attrs["voltage_units"] = 300.0, "kV"
        scope.attrs["detector"] = np.bytes_("HAADF")
        scope.create_dataset("stage", data=[1.0, 2.0])
    series = read_frames(path)
    assert series.voltage == 300
    assert series.metadata["emd"]["microscope@detector"] == "HAADF"
    assert series.metadata["emd"]["microscope/stage"] == [1.0, 2.0]
    assert series.metadata["emd"]["@version_minor"] == 2
    assert "data/tomography/data" not in series.metadata["emd"]


@pytest.mark.parametrize("dialect", ["berkeley", "mdb"])
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32, np.float64])
def test_round_trip(tmp_path, stack, dialect, kind):
    metadata = {"voltage_kv": 300.0, "µ": [1, {"a": None}], "big": "x" * 100_000}
    frames = (stack[:2], stack[2:3], stack[3:])
    series = FrameSeries(
        tuple(tilt.astype(kind) for tilt in frames), [0.1, 0.1, 7], 0.347, metadata, "made"
    )
    path = write_emd(tmp_path / "a.emd", series, dialect)
    again = read_frames(path)
    assert again.frames_per_tilt == [2, 1, 2]
    assert again.frames[0].dtype == kind
    np.testing.assert_array_equal(again.stack(), series.stack())
    np.testing.assert_array_equal(again.angles, series.angles)
    assert again.pixel_size == 0.347
    assert again.metadata == series.metadata
    first = path.read_bytes()
    write_emd(path, series, dialect)
    assert path.read_bytes() == first
    with h5py.File(path) as file:
        axis = {"berkeley": "dim1", "mdb": "dim3"}[dialect]
        assert file["data/tomography"][axis].attrs["units"] == "[deg]"
        shape = (5, NY, NX) if dialect == "berkeley" else (NX, NY, 5)
        assert file["data/tomography/data"].shape == shape


@pytest.mark.parametrize("dialect", ["berkeley"])
def test_round_trip_without_angles(tmp_path, stack, dialect):
    path = write_emd(tmp_path / "a.emd", FrameSeries((stack[:2], stack[2:]), None, 1), dialect)
    again = read_frames(path)
    assert again.angles is None
    assert again.frames_per_tilt == [2, 3]


def test_mdb_dialect_has_no_place_for_missing_angles(tmp_path, stack):
    with pytest.raises(InputError, match="angles: found none"):
        write_emd(tmp_path / "a.emd", FrameSeries((stack,), None, 1), "mdb")


def test_another_dialect(tmp_path, stack):
    with pytest.raises(InputError, match="'tomviz'"):
        write_emd(tmp_path / "a.emd", FrameSeries((stack,), None, 1), "tomviz")


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((2, 3, 4), [along(2), along(3), along(4)], "a volume"),
        ((2, 5, 4), [along(2), (ANGLES, "angles", "deg"), along(4)], "dim2 of 5 'angles'"),
        ((5, 5, 4), [(ANGLES, "a", "deg"), (ANGLES, "b", "deg"), along(4)], "dim2 of 5 'b'"),
        ((5,), [(ANGLES, "angles", "deg")], "a plot: dim1 of 5"),
        ((2, 2, 2, 2, 2), [along(2)] * 5, "5 axes"),
        ((5, 3, 4), [(ANGLES[:4], "angles", "deg"), along(3), along(4)], "no 5 values on dim1"),
        ((5, 3, 4), [(ANGLES, "angles", "deg"), along(3), along(4, step=1)], "square pixels"),
        ((5, 3, 4), [(ANGLES, "angles", "deg"), along(3, "y", "1/nm"), along(4)], "'1/nm'"),
        ((5, 3, 4), [(ANGLES, "angles", "gon"), along(3), along(4)], "the unit 'gon'"),
    ],
)
def test_what_is_no_tilt_series(tmp_path, shape, axes, message):
    path = tmp_path / "a.emd"
    write(path, np.ones(shape), axes)
    with pytest.raises(InputError, match=message):
        read_frames(path)


def test_several_data_sets_must_be_chosen(tmp_path, stack):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")]
    write(path, stack, axes, "data/one")
    write(path, stack + 1, axes, "data/two")
    with pytest.raises(DataFileError, match=r"2 images \(0 data/one, 1 data/two\).*--group PATH"):
        read_emd(path)
    assert read_emd(path, ReadSettings(group="data/two")).images[0, 0, 0] == 1


def test_truncated_and_foreign_files(tmp_path, stack):
    path = tmp_path / "a.emd"
    write(path, stack, [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")])
    data = path.read_bytes()
    for length in (0, 100, len(data) // 2, len(data) - 10):
        path.write_bytes(data[:length])
        with pytest.raises(DataFileError, match=r"a\.emd"):
            read_emd(path)
