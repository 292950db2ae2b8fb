"""DigitalMicrograph files written tag by tag: versions, byte orders, stacks, damage."""

from __future__ import annotations

import json
import struct
import warnings
from typing import Any

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.io.dm import read_dm, read_dm_tags
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings

CODES = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "u1": 10, "i8": 11, "u8": 12}
IMAGES = {"i2": 1, "f4": 2, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}
ALL = [(3, "<"), (3, ">"), (4, "<"), (4, ">")]


class Writer:
    """A DM file from nested dictionaries; lists are directories of nameless tags."""

    def __init__(self, version: int, order: str) -> None:
        self.version, self.order = version, order

    def long(self, value: int) -> bytes:
        return struct.pack(">i" if self.version == 3 else ">q", value)

    def words(self, *words: int) -> bytes:
        return b"%%%%" + self.long(len(words)) + b"".join(self.long(word) for word in words)

    def value(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            code = CODES.get(value.dtype.str[1:], 9)
            return (
                self.words(20, code, value.size)
                + value.astype(value.dtype.newbyteorder(self.order)).tobytes()
            )
        if isinstance(value, str):  # as DigitalMicrograph does: an array of 2-byte numbers
            data = value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
            return self.words(20, 4, len(data) // 2) + data
        if isinstance(value, bytes):  # the string type proper
            text = value.decode().encode("utf-16-le" if self.order == "<" else "utf-16-be")
            return self.words(18, len(text) // 2) + text
        if isinstance(value, tuple):  # a structure of two floats
            return self.words(15, 0, 2, 0, 6, 0, 6) + struct.pack(self.order + "2f", *value)
        if isinstance(value, bool):
            return self.words(8) + bytes([value])
        if isinstance(value, int):
            return self.words(5) + struct.pack(self.order + "I", value)
        return self.words(7) + struct.pack(self.order + "d", value)

    def directory(self, tags: Any) -> bytes:
        items = list(tags.items()) if isinstance(tags, dict) else [("", item) for item in tags]
        out = b"\x01\x00" + self.long(len(items))
        for name, item in items:
            below = isinstance(item, dict | list)
            body = self.directory(item) if below else self.value(item)
            out += bytes([20 if below else 21]) + struct.pack(">H", len(name)) + name.encode()
            out += (self.long(len(body)) if self.version == 4 else b"") + body
        return out

    def file(self, tags: dict[str, Any]) -> bytes:
        body = self.directory(tags)
        head = struct.pack(">i", self.version) + self.long(len(body))
        return head + struct.pack(">i", int(self.order == "<")) + body + bytes(8)


def image_entry(pixels: np.ndarray, axes: list[tuple[float, float, str]], **tags: Any) -> dict:
    """An entry of ImageList; ``pixels`` has the axes (section, row, column)."""
    return {
        "ImageData": {
            "Calibrations": {
                "Dimension": [{"Origin": o, "Scale": s, "Units": u} for o, s, u in axes]
            },
            "Data": pixels.reshape(-1),
            "DataType": IMAGES[pixels.dtype.str[1:]],
            "Dimensions": list(pixels.shape[::-1]),
            "PixelDepth": pixels.itemsize,
        },
        "ImageTags": tags,
        "Name": "HAADF",
    }


def dm_tree(*entries: dict) -> dict[str, Any]:
    thumbnail = image_entry(np.zeros((2, 2), "i4"), [(0.0, 1.0, "")] * 2)
    return {
        "ApplicationBounds": (0.0, 1.5),
        "InImageMode": True,
        "ImageList": [thumbnail, *entries],
        "Thumbnails": [{"ImageIndex": 0}],
        "Note": b"of string type",
    }


INFO = {
    "Microscope Info": {"Voltage": 300000.0, "Stage Position": {"Stage Alpha": -62.5}},
    "DigiScan": {"Sample Time": 3.5},
}
NM = [(0.0, 0.0347, "nm")] * 2


@pytest.fixture
def pixels() -> np.ndarray:
    """Rows y = 0, 1, 2, columns x = 0 ... 4."""
    y, x = np.meshgrid(range(3), range(5), indexing="ij")
    return (10 * x + y).astype("u2")


@pytest.mark.parametrize(("version", "order"), ALL)
def test_image_metadata_and_axes(tmp_path, pixels, version, order):
    path = tmp_path / f"a.dm{version}"
    path.write_bytes(Writer(version, order).file(dm_tree(image_entry(pixels, NM, **INFO))))
    series = read_frames(path)
    assert series.frames[0].shape == (1, 5, 3)
    assert series.frames[0].dtype == np.uint16
    assert series.frames[0][0, 4, 2] == 42  # x = 4, y = 2
    assert series.pixel_size == pytest.approx(0.347)
    assert series.tilt_angles().tolist() == [-62.5]
    assert (series.voltage, series.dwell_time) == (300.0, 3.5)
    tags = series.metadata["dm"]
    assert tags["ImageList"]["1"]["ImageTags"] == INFO
    assert tags["ImageList"]["1"]["Name"] == "HAADF"
    assert tags["ApplicationBounds"] == [0.0, 1.5]
    assert tags["Note"] == "of string type"
    assert tags["InImageMode"] is True
    json.dumps(series.metadata)


@pytest.mark.parametrize("kind", sorted(IMAGES))
@pytest.mark.parametrize(("version", "order"), ALL)
def test_every_type_of_pixel(tmp_path, kind, version, order):
    values = np.array([[0, 1, 2], [3, 100, 127]], kind)
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(version, order).file(dm_tree(image_entry(values, NM))))
    images = read_dm(path).images
    assert images.dtype == np.dtype(kind)
    np.testing.assert_array_equal(images[0].T, values)


@pytest.mark.parametrize(
    ("unit", "scale", "origin", "expected"),
    [
        ("deg", 3.0, 20.0, [-60.0, -57.0, -54.0]),
        ("rad", np.pi / 60, 20.0, [-60.0, -57.0, -54.0]),
    ],
)
def test_stack_with_an_axis_of_angles(tmp_path, pixels, unit, scale, origin, expected):
    stack = np.stack([pixels, pixels + 100, pixels + 200])
    axes = [(0.0, 34.7, "pm"), (0.0, 34.7, "pm"), (origin, scale, unit)]
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(image_entry(stack, axes, **INFO))))
    series = read_frames(path)
    np.testing.assert_allclose(series.tilt_angles(), expected)
    assert series.frames_per_tilt == [1, 1, 1]
    assert series.frames[2][0, 3, 1] == 231
    assert series.pixel_size == pytest.approx(0.347)


def test_stack_at_one_stage_angle_is_one_tilt(tmp_path, pixels):
    stack = np.stack([pixels, pixels + 100, pixels + 200])
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, "<").file(dm_tree(image_entry(stack, NM, **INFO))))
    assert read_frames(path).frames_per_tilt == [3]
    given = read_frames(path, angles=[0, 3, 6])
    assert given.frames_per_tilt == [1, 1, 1]
    assert given.tilt_angles().tolist() == [0, 3, 6]


def test_a_file_per_tilt(tmp_path, pixels):
    for name, alpha in (("1", -3.0), ("2", 0.0), ("3", 3.0)):
        info = {"Microscope Info": {"Voltage": 200e3, "Stage Position": {"Stage Alpha": alpha}}}
        entry = image_entry(np.stack([pixels, pixels + 1]), NM, **info)
        (tmp_path / f"{name}.dm3").write_bytes(Writer(3, "<").file(dm_tree(entry)))
    series = read_frames(tmp_path)
    assert series.frames_per_tilt == [2, 2, 2]
    assert series.tilt_angles().tolist() == [-3, 0, 3]
    assert series.voltage == 200
    assert [note["file"] for note in series.metadata["files"]] == ["1.dm3", "2.dm3", "3.dm3"]


def test_several_images_must_be_chosen(tmp_path, pixels):
    path = tmp_path / "a.dm3"
    entries = image_entry(pixels, NM), image_entry(pixels + 7, NM)
    path.write_bytes(Writer(3, "<").file(dm_tree(*entries)))
    with pytest.raises(DataFileError, match=r"2 images \(0 HAADF, 1 HAADF\)"):
        read_dm(path)
    assert read_dm(path, ReadSettings(image=1)).images[0, 0, 0] == 7
    with pytest.raises(DataFileError, match="one, not --image 2"):
        read_dm(path, ReadSettings(image=2))


@pytest.mark.parametrize(("version", "order"), [(3, "<"), (4, ">")])
def test_every_truncation_is_an_error(tmp_path, pixels, version, order):
    data = Writer(version, order).file(dm_tree(image_entry(pixels, NM, **INFO)))[:-8]
    path = tmp_path / "a.dm3"
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(DataFileError, match=r"a\.dm3"):
            read_dm(path)


def test_damage_is_an_error_and_never_hangs(tmp_path, pixels):
    data = bytearray(Writer(4, "<").file(dm_tree(image_entry(pixels, NM, **INFO))))
    path = tmp_path / "a.dm4"
    rng = np.random.default_rng(3)
    refused = 0
    for at in range(16, len(data), 29):
        damaged = data.copy()
        damaged[at : at + 3] = rng.bytes(3)
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tags of unknown types are left out
            try:
                read_dm_tags(path)
            except DataFileError:
                refused += 1
    assert refused > 10


def test_length_of_an_entry_is_checked(tmp_path):
    path = tmp_path / "a.dm4"
    data = Writer(4, "<").file({"a": 1.0})
    path.write_bytes(data)
    assert read_dm_tags(path) == {"a": 1.0}
    length_at = data.index(b"a", 20) + 1
    wrong = struct.pack(">q", struct.unpack(">q", data[length_at : length_at + 8])[0] + 2)
    path.write_bytes(data[:length_at] + wrong + data[length_at + 8 :])
    with pytest.raises(DataFileError, match="'a' that ends at byte"):
        read_dm_tags(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DataType": 3}, "a complex image"),
        ({"DataType": 23}, "a colour image"),
        ({"DataType": 2}, "30 bytes of pixels"),
        ({"Dimensions": [15]}, r"dimensions \[15\]"),
        ({"Dimensions": [5, 4]}, "30 bytes of pixels"),
        ({"Data": 5}, "without pixels"),
    ],
)
def test_images_that_are_none(tmp_path, pixels, change, message):
    entry = image_entry(pixels, NM)
    entry["ImageData"] |= change
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, "<").file(dm_tree(entry)))
    with pytest.raises(DataFileError, match=message):
        read_dm(path)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([(0.0, 0.1, "1/nm")] * 2, "'1/nm'"),
        ([(0.0, 0.1, "nm"), (0.0, 0.2, "nm")], "1 x 2 angstrom"),
    ],
)
def test_bad_calibrations(tmp_path, pixels, axes, message):
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, "<").file(dm_tree(image_entry(pixels, axes))))
    with pytest.raises(DataFileError, match=f"{message}.*--pixel-size"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.5).pixel_size == 0.5


def test_other_files(tmp_path):
    path = tmp_path / "a.dm3"
    path.write_bytes(struct.pack(">3i", 2, 0, 1))
    with pytest.raises(DataFileError, match="version 2"):
        read_dm(path)
    path.write_bytes(struct.pack(">3i", 3, 0, 9))
    with pytest.raises(DataFileError, match="byte order 9"):
        read_dm(path)
    path.write_bytes(Writer(3, "<").file({"ImageList": []}))
    with pytest.raises(DataFileError, match="no image"):
        read_dm(path)
    with pytest.raises(DataFileError, match="no such file"):
        read_dm(tmp_path / "b.dm3")


def beside(pixels: np.ndarray, **image: Any) -> tuple[dict, dict]:
    """A good image and another entry, whose ``ImageData`` or other tags are replaced."""
    other = image_entry(pixels, NM)
    other["Name"] = "other"
    other["ImageData"] |= {key: image.pop(key) for key in list(image) if key in other["ImageData"]}
    return image_entry(pixels, NM, **INFO), other | image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Dimensions": [15]}, r"a plot of dimensions \[15\]"),
        ({"DataType": 3}, "a complex image"),
        ({"DataType": 5}, "a packed complex image"),
        ({"DataType": 23}, "a colour image"),
        ({"DataType": 27}, r"a strange image \(type 27\)"),
        ({"Dimensions": [5, 1, 1, 3]}, "4-D data of 5 x 1 x 1 x 3, a scan of diffraction"),
        ({"ImageTags": {"Meta Data": {"Format": "Spectrum image"}}}, "a spectrum image of"),
        ({"Data": 5}, "an image without pixels"),
    ],
)
def test_what_can_be_no_frame_does_not_count(tmp_path, pixels, change, message):
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(*beside(pixels, **change))))
    raw = read_dm(path)
    np.testing.assert_array_equal(raw.images[0].T, pixels)
    assert raw.tilt_angles().tolist() == [-62.5]
    with pytest.raises(DataFileError, match=rf"{message}.*\(other\); expected one of 1 image"):
        read_dm(path, ReadSettings(image="other"))
    path.write_bytes(Writer(4, "<").file(dm_tree(beside(pixels, **change)[1])))
    with pytest.raises(DataFileError, match=message):
        read_dm(path)


@pytest.mark.parametrize(
    ("axes", "sides", "message"),
    [
        ([*NM, (0.0, 0.05, "nm")], (2, 3, 5), "a volume of 5 x 3 x 2 voxels"),
        ([*NM, (0.0, 0.5, "eV")], (2, 3, 5), "a spectrum image of dimensions 5 x 3 x 2"),
        ([(0.0, 0.5, "keV"), NM[0]], (3, 5), "a spectrum image of dimensions 5 x 3"),
        ([(0.0, 0.5, "eV")], (15,), "a spectrum of dimensions 15"),
    ],
)
def test_volumes_and_spectra_are_refused(tmp_path, axes, sides, message):
    entry = image_entry(np.ones(sides, "f4"), axes)
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, ">").file(dm_tree(entry)))
    with pytest.raises(DataFileError, match=message):
        read_frames(path, angles=[0.0, 1.0], pixel_size=0.3)


def test_frames_in_time_are_a_stack(tmp_path, pixels):
    axes = [*NM, (0.0, 0.5, "s")]
    entry = image_entry(np.stack([pixels, pixels + 1]), axes, **INFO)
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(entry)))
    assert read_frames(path).frames_per_tilt == [2]


def test_uncalibrated_pixels(tmp_path, pixels):
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, "<").file(dm_tree(image_entry(pixels, [(0.0, 1.0, "")] * 2))))
    assert read_dm(path).pixel_size is None
    assert read_frames(path, pixel_size=0.5).pixel_size == 0.5


@pytest.mark.parametrize("image", ["HAADF", "haadf", 0, "0"])
def test_images_are_chosen_by_number_or_name(tmp_path, pixels, image):
    entries = image_entry(pixels, NM), image_entry(pixels + 7, NM)
    entries[1]["Name"] = "BF"
    path = tmp_path / "a.dm3"
    path.write_bytes(Writer(3, "<").file(dm_tree(*entries)))
    assert read_dm(path, ReadSettings(image=image)).images[0, 0, 0] == 0
    assert read_dm(path, ReadSettings(detector="BF")).images[0, 0, 0] == 7
    with pytest.raises(DataFileError, match=r"0 HAADF, 1 BF.*not --image DF.*--image NUMBER"):
        read_dm(path, ReadSettings(image="DF"))


def tomography(low: float, high: float, step: float) -> dict[str, Any]:
    angles = {"Maximum tilt angle (deg)": high, "Minimum tilt angle (deg)": low}
    return {"Tomography setup": {"Tilt angles": angles | {"Tilt angle step (deg)": step}}}


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (-3.0, 3.0, 3.0, [-3, 0, 3]),
        (-3.0, 3.0, -3.0, [3, 0, -3]),
        (-3.0, 4.0, 3.0, [-3, 0, 3]),
        (-3.0, 9.0, 3.0, [-62.5]),  # five angles for three images: the stage's instead
    ],
)
def test_angles_of_the_tomography_plug_in(tmp_path, pixels, low, high, step, expected):
    stack = np.stack([pixels, pixels, pixels])
    entry = image_entry(stack, NM, **INFO, Tomography=tomography(low, high, step))
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(entry)))
    assert read_dm(path).tilt_angles().tolist() == expected


UNKNOWN = 99  # as type of a value


def with_unknown_type(version: int, tags: dict[str, Any]) -> bytes:
    """A file whose tag "odd" is of an unknown type."""
    data = Writer(version, "<").file(tags)
    words = struct.pack(">iq" if version == 4 else ">ii", 0, 1)[4:]
    at = data.index(b"%%%%" + words, data.index(b"odd")) + 4 + len(words)
    size = len(words)
    return data[:at] + UNKNOWN.to_bytes(size, "big") + data[at + size :]


@pytest.mark.parametrize("version", [3, 4])
def test_a_tag_of_unknown_type_costs_a_warning(tmp_path, pixels, version):
    entry = image_entry(pixels, NM, Acquisition={"odd": 1.5, "last": 2.5}, **INFO)
    path = tmp_path / f"a.dm{version}"
    tags = dm_tree(entry)
    tags["ImageList"][0]["ImageData"]["DataType"] = 23  # thumbnails are in colour
    path.write_bytes(with_unknown_type(version, tags))
    lost = " and all after them" if version == 3 else ""
    with pytest.warns(UserWarning, match=rf"tags not read{lost}: odd \(value type 99\)"):
        raw = read_dm(path)
    np.testing.assert_array_equal(raw.images[0].T, pixels)
    assert raw.pixel_size == pytest.approx(0.347)
    # Version 4 states the length of each tag, so that those behind it are found.
    assert (raw.tilt_angles() is None) == (version == 3)


def test_long_arrays_are_no_metadata(tmp_path, pixels):
    entry = image_entry(pixels, NM, table=np.arange(5000, dtype="i4"))
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(entry)))
    tags = read_dm(path).metadata["dm"]["ImageList"]["1"]["ImageTags"]
    assert tags["table"] == "5000 values"


def test_a_pattern_in_reciprocal_units_counts_only_alone(tmp_path, pixels):
    pattern = image_entry(pixels + 7, [(0.0, 0.1, "1/nm")] * 2)
    pattern["Name"] = "FFT"
    path = tmp_path / "a.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(pattern, image_entry(pixels, NM))))
    assert read_dm(path).images[0, 0, 0] == 0
    assert read_dm(path, ReadSettings(image=0)).images[0, 0, 0] == 0
    assert read_dm(path, ReadSettings(image="FFT")).images[0, 0, 0] == 7
