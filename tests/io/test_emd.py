"""EMD files in both dialects, written here with h5py as other programs write them."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.image_rotation import turn_images
from aet_port.io.emd import read_emd, write_emd
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings
from aet_port.io.tilt_series import read_tilt_series

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
    turned = read_frames(path, read=ReadSettings(angle_unit="radian")).tilt_angles()
    np.testing.assert_allclose(turned, ANGLES, atol=1e-12)
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


def one_image(path, attrs=None) -> np.ndarray:
    """An image (nx, ny) in a file of its own, rows y first."""
    image = np.arange(NX * NY, dtype=np.uint16).reshape(NX, NY)
    write(path, image.T, [along(NY, "y"), along(NX, "x")], "data/image")
    with h5py.File(path, "a") as file:
        file.create_group("microscope").attrs.update(attrs or {})
    return image


@pytest.mark.parametrize(
    ("attrs", "angle"),
    [
        ({}, None),
        ({"Stage A [deg]": 12.5}, 12.5),
        ({"alpha_tilt": 0.5, "alpha_tilt_units": "[rad]"}, np.rad2deg(0.5)),
        ({"stage_alpha": np.array([-3.0])}, -3.0),
        ({"stage_alpha": "three", "tilt": True}, None),
    ],
)
def test_a_single_image(tmp_path, attrs, angle):
    image = one_image(tmp_path / "a.emd", attrs=attrs)
    raw = read_emd(tmp_path / "a.emd")
    np.testing.assert_array_equal(raw.images, image[np.newaxis])
    assert raw.pixel_size == pytest.approx(0.347, rel=1e-6)
    found = raw.tilt_angles()
    assert found is None if angle is None else found.tolist() == pytest.approx([angle])


def test_a_file_for_each_tilt(tmp_path):
    for index, angle in enumerate((-3.0, 0.0, 3.0)):
        image = one_image(tmp_path / f"t_{index}.emd", attrs={"Stage A [deg]": angle})
    series = read_frames(tmp_path)
    assert series.tilt_angles().tolist() == [-3, 0, 3]
    assert series.frames_per_tilt == [1, 1, 1]
    np.testing.assert_array_equal(series.frames[1][0], image)
    with pytest.warns(UserWarning, match="angles given are used; the files state others"):
        given = read_frames(tmp_path, angles=[-6, 0, 6])
    assert given.tilt_angles().tolist() == [-6, 0, 6]


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((6,), [along(6, "energy", "[e_V]")], "a spectrum"),
        ((3, 4, 6), [along(3, "y"), along(4, "x"), along(6, "energy", "eV")], "a spectrum image"),
        ((6, 3, 4), [along(6, "e", "[ke_V]"), along(3, "y"), along(4, "x")], "a spectrum image"),
        ((2, 2, 3, 3), [along(2), along(2)] + [along(3, None, "[1/n_m]")] * 2, "a 4-D scan"),
        ((2, 2, 3, 3), [along(2), along(2), along(3, "Qx", ""), along(3, "Qy", "")], "a 4-D scan"),
        ((2, 3, 4), [along(2), along(3), along(4)], "a volume"),
        ((0, 3, 4), [(np.zeros(0), "angles", "deg"), along(3), along(4)], "without values"),
    ],
)
def test_what_can_be_no_frame_does_not_count(tmp_path, stack, shape, axes, message):
    path = tmp_path / "a.emd"
    write(path, np.ones(shape), axes, "data/other")
    with pytest.raises(DataFileError, match=message):
        read_frames(path, angles=ANGLES, pixel_size=0.3)
    series = [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")]
    write(path, stack, series, "data/tomography")
    np.testing.assert_array_equal(read_emd(path).images, stack)
    with pytest.raises(DataFileError, match=rf"{message}.*\(data/other\).*0 data/tomography"):
        read_emd(path, ReadSettings(group="data/other"))


@pytest.mark.parametrize("kind", [np.complex64, [("real", "<f4"), ("imag", "<f4")]])
def test_complex_numbers_do_not_count(tmp_path, stack, kind):
    path = tmp_path / "a.emd"
    write(path, np.zeros((4, 4), kind), [along(4), along(4)], "data/fft")
    series = [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")]
    write(path, stack, series, "data/tomography")
    np.testing.assert_array_equal(read_emd(path).images, stack)


def test_what_cannot_be_read_beside_the_images_is_left_out(tmp_path, stack):
    path = tmp_path / "a.emd"
    write(path, stack, [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")])
    with h5py.File(path, "a") as file:
        file["broken"] = h5py.SoftLink("/nowhere")
        file["elsewhere"] = h5py.ExternalLink("missing.h5", "/data")
        file["again"] = h5py.SoftLink("/data/tomography")
        file["data/loop"] = file["data"]  # a group within itself
        file["table"] = np.zeros(3, [("a", "<f4"), ("b", "S3")])
        file["reference"] = np.array(file["data"].ref, dtype=h5py.ref_dtype)
        file.create_dataset("unwritten", (10**7,), "f8", chunks=(10**6,))
        file["type"] = np.dtype("f8")
        file.attrs["reference"] = file["data"].ref
        file.attrs["empty"] = h5py.Empty("f4")
        file.attrs.create("opaque", np.void(b"\x01\x02"))
        kind = h5py.h5t.STD_B8LE  # bits, which NumPy does not have
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file["data/tomography"].id, b"bits", kind, space)
    raw = read_emd(path)
    np.testing.assert_array_equal(raw.images, stack)
    np.testing.assert_array_equal(raw.tilt_angles(), ANGLES)
    assert raw.metadata["emd"]["@version_minor"] == 2


@pytest.mark.parametrize("in_group", [True, False])
def test_tomviz_has_a_horizontal_tilt_axis(tmp_path, stack, in_group):
    path = tmp_path / "a.emd"
    axes = [(ANGLES, "angles", "[deg]"), along(NY, "y"), along(NX, "x")]
    write(path, stack.transpose(0, 2, 1), axes)
    assert read_frames(path).tilt_axis is None
    with h5py.File(path, "a") as file:
        file.create_group("data/tomography/tomviz_scalars" if in_group else "tomviz_datasources")
    series = read_frames(path)
    np.testing.assert_array_equal(series.stack(), stack)  # turned by `aet preprocess`
    assert series.tilt_axis == 90
    np.testing.assert_array_equal(
        read_tilt_series(path).images, turn_images(stack, 90).astype(float)
    )
    with pytest.warns(UserWarning, match="tilt axis at 0 degrees"):
        assert read_frames(path, read=ReadSettings(tilt_axis=0)).tilt_axis == 0


@pytest.mark.parametrize(
    ("value", "units", "expected"), [(12.5, "", 12.5), (0.5, "rad", np.rad2deg(0.5))]
)
def test_tilt_axis_of_an_attribute(tmp_path, stack, value, units, expected):
    path = tmp_path / "a.emd"
    write(path, stack, [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")])
    with h5py.File(path, "a") as file:
        file["data"].attrs["tilt_axis"], file["data"].attrs["tilt_axis_units"] = value, units
    assert read_frames(path).tilt_axis == pytest.approx(expected)


def test_tilt_axis_survives_a_round_trip(tmp_path, stack):
    series = FrameSeries((stack,), [0.0], 0.3, {"tilt_axis_degrees": 90.0})
    path = write_emd(tmp_path / "a.emd", series)
    assert read_frames(path).tilt_axis == 90


def test_emd_1_counts_from_dim0_and_states_two_values(tmp_path, stack):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("root/series")
        group.attrs["emd_group_type"] = "array"
        group["data"] = stack
        axes = ([-60.0, -30.0], "tilt", "deg"), ([0, 0.05], "x", "nm"), ([0, 0.05], "y", "nm")
        for index, (values, name, units) in enumerate(axes):
            vector = group.create_dataset(f"dim{index}", data=values)
            vector.attrs["name"], vector.attrs["units"] = name, units
    series = read_frames(path)
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.tilt_angles().tolist() == [-60, -30, 0, 30, 60]
    assert series.pixel_size == pytest.approx(0.5)


def test_a_stack_is_preferred_to_single_images(tmp_path, stack):
    path = tmp_path / "a.emd"
    one_image(path)
    write(path, stack, [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")])
    np.testing.assert_array_equal(read_emd(path).images, stack)
    assert read_emd(path, ReadSettings(group="/data/image/")).images.shape == (1, NX, NY)
    assert read_emd(path, ReadSettings(image=0)).images.shape == (1, NX, NY)


@pytest.mark.parametrize("chunks", [None, (1, 8, 8)])
def test_data_that_were_never_stored_are_not_made_up(tmp_path, chunks):
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        group = file.create_group("data/tomography")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", (4000, 4000, 4000), "u2", chunks=chunks)
    with pytest.raises(DataFileError, match=r"4000 x 4000 x 4000 values of uint16 .* 0 bytes"):
        read_frames(path, pixel_size=0.3)


def test_damaged_heaps_of_texts_are_refused(tmp_path, stack):
    path = tmp_path / "a.emd"
    write(path, stack, [(ANGLES, "angles", "deg"), along(NX, "x"), along(NY, "y")])
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    reference = data.index(heap.to_bytes(8, "little"))
    longer = data.copy()
    longer[reference - 4 : reference] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(longer)
    with pytest.raises(DataFileError, match="a text of 2147483647 bytes"):
        read_emd(path)
    data[heap + 16 : heap + 32] = bytes(16)  # free space of no size, at which HDF5 stays
    path.write_bytes(data)
    with pytest.raises(DataFileError, match="a damaged heap of texts"):
        read_emd(path)


@pytest.mark.parametrize("text", ["{", "[1]", b"\xff\xfe"])
def test_metadata_that_cannot_be_read_cost_a_warning(tmp_path, stack, text):
    path = write_emd(tmp_path / "a.emd", FrameSeries((stack[:2], stack[2:]), [-3, 3], 0.5))
    with h5py.File(path, "a") as file:
        del file["data/tomography/metadata"]
        file["data/tomography/metadata"] = text
    with pytest.warns(UserWarning, match="metadata not used"):
        series = read_frames(path)
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.frames_per_tilt == [2, 3]


def test_a_pattern_in_reciprocal_units_counts_only_alone(tmp_path):
    path = tmp_path / "a.emd"
    write(path, np.ones((3, 4)), [along(3, "ky", "[1/n_m]"), along(4, "kx", "[1/n_m]")], "data/fft")
    with pytest.raises(DataFileError, match=r"1/n_m.*--pixel-size"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.5).detector == (4, 3)
    image = one_image(path)
    np.testing.assert_array_equal(read_emd(path).images[0], image)
    assert read_emd(path, ReadSettings(group="data/fft")).images.max() == 1


def hyperspy_file(path, data, names, record_by=None, group="signals"):
    """As HyperSpy writes an array: transposed, ``dim1`` the last of its axes."""
    units = {"tilt": "[d_e_g]"}
    axes = [([0.0, 1.0], name, units.get(name, "[]")) for name in names[::-1]]
    write(path, data.T, axes, group=f"{group}/__unnamed__")
    with h5py.File(path, "a") as file:
        if group == "signals":
            file[group].attrs["emd_group_type"] = 1
        if record_by is not None:
            file[group]["__unnamed__"].attrs["record_by"] = record_by


@pytest.mark.parametrize("record_by", [None, "image", ""])
@pytest.mark.parametrize("names", [("", "", ""), ("tilt", "", ""), ("", "y", ""), ("", "y", "x")])
def test_hyperspy_stores_x_first(tmp_path, stack, names, record_by):
    """Unnamed axes too, which other programs store as (image, y, x)."""
    path = tmp_path / "a.emd"
    hyperspy_file(path, stack.transpose(0, 2, 1), names, record_by)
    np.testing.assert_array_equal(read_emd(path).images, stack)
    hyperspy_file(tmp_path / "b.emd", stack[0].T, names[1:], record_by)
    np.testing.assert_array_equal(read_emd(tmp_path / "b.emd").images, stack[:1])
    four = np.stack([stack, stack + 1000], axis=1)  # (n, frame, x, y)
    hyperspy_file(tmp_path / "c.emd", four.swapaxes(2, 3), (names[0], "", *names[1:]), record_by)
    raw = read_emd(tmp_path / "c.emd")
    np.testing.assert_array_equal(raw.images, four.reshape(-1, NX, NY))
    assert raw.frames_per_tilt == [2] * N


def test_record_by_counts_in_any_group(tmp_path, stack):
    hyperspy_file(tmp_path / "a.emd", stack[0].T, ("", ""), "image", group="data")
    np.testing.assert_array_equal(read_emd(tmp_path / "a.emd").images, stack[:1])
    hyperspy_file(tmp_path / "b.emd", stack.transpose(0, 2, 1), ("", "", ""), "spectrum")
    with pytest.raises(DataFileError, match="spectra"):
        read_emd(tmp_path / "b.emd")
    hyperspy_file(tmp_path / "c.emd", stack[0].T, ("", ""), group="data")  # of anyone
    np.testing.assert_array_equal(read_emd(tmp_path / "c.emd").images, stack[:1].transpose(0, 2, 1))


@pytest.mark.parametrize("order", ["nyx", "nxy", "xyn", "yxn"])
def test_names_of_x_and_y_tell_what_counts_the_images(tmp_path, stack, order):
    path = tmp_path / "a.emd"
    axes = {"n": (np.arange(N), None, None), "x": along(NX, "x", ""), "y": along(NY, "Y", "")}
    turned = stack.transpose(["nxy".index(letter) for letter in order])
    write(path, turned, [axes[letter] for letter in order])
    np.testing.assert_array_equal(read_emd(path).images, stack)


def test_a_tilt_beside_several_images_is_of_the_chosen_one(tmp_path, stack):
    path = tmp_path / "a.emd"
    for name, alpha in (("a", 10.0), ("b", None), ("c", -20.0)):
        write(path, stack[0].T, [along(NY, "y"), along(NX, "x")], f"data/{name}")
        if alpha is not None:
            with h5py.File(path, "a") as file:
                file[f"data/{name}"].attrs["stage_alpha"] = alpha
                file[f"data/{name}"].create_group("notes").attrs["tilt_axis"] = alpha / 2
    for name, alpha in (("a", 10.0), ("b", None), ("c", -20.0)):
        raw = read_emd(path, ReadSettings(group=f"data/{name}"))
        found = raw.tilt_angles()
        assert (None if found is None else found.tolist()) == (alpha and [alpha])
        assert [item.value for item in raw.tilt_axes] == ([alpha / 2] if alpha else [])
