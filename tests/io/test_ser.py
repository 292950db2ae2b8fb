"""TIA series files written byte by byte, with and without their .emi."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.io.emi import read_emi
from aet_port.io.frames import read_frames
from aet_port.io.ser import read_ser
from aet_port.io.settings import ReadSettings

TYPES = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}


def ser_bytes(
    images: list[np.ndarray],
    version: int = 0x210,
    tag: int = 0x4152,
    step: float = 3.47e-11,
    steps: list[tuple[float, float]] | None = None,
    total: int | None = None,
    data_type: int = 0x4122,
    pixel_type: int | None = None,
) -> bytes:
    """A .ser of images, each (row, column) with the lowest row first."""
    wide = "<Q" if version >= 0x220 else "<I"
    total = len(images) if total is None else total
    text = b"Number"
    dimension = struct.pack("<IddI", total, 0, 1, 0)
    dimension += struct.pack("<I", len(text)) + text + struct.pack("<I", 0)
    start = 22 + struct.calcsize(wide) + 4
    table_at = start + len(dimension)
    at = table_at + 2 * total * struct.calcsize(wide)
    elements, tags, starts = b"", b"", []
    for index, image in enumerate(images):
        sx, sy = steps[index] if steps else (step, step)
        ny, nx = image.shape
        starts.append(at + len(elements))
        elements += struct.pack("<ddiddi", 0, sx, 0, 0, sy, 0)
        code = TYPES[image.dtype.str[1:]] if pixel_type is None else pixel_type
        elements += struct.pack("<Hii", code, nx, ny)
        elements += image.astype(image.dtype.newbyteorder("<")).tobytes()
    tag_starts = []
    for index in range(len(images)):
        tag_starts.append(at + len(elements) + len(tags))
        tags += struct.pack("<HHI", tag, 0, 1500000000 + index)
        tags += struct.pack("<dd", 1e-9, -2e-9) if tag == 0x4142 else b""
    empty = [0] * (total - len(images))
    table = b"".join(struct.pack(wide, value) for value in starts + empty + tag_starts + empty)
    head = struct.pack("<HHHIIII", 0x4949, 0x0197, version, data_type, tag, total, len(images))
    head += struct.pack(wide, table_at) + struct.pack("<I", 1)
    assert len(head) == start
    return head + dimension + table + elements + tags


EMI = """<ObjectInfo><ExperimentalConditions><MicroscopeConditions><AcceleratingVoltage>200000
</AcceleratingVoltage></MicroscopeConditions></ExperimentalConditions><ExperimentalDescription>
<Root><Data><Label>User</Label><Value>Service</Value><Unit></Unit></Data>
<Data><Label>Stage A</Label>
<Value>{angle}</Value><Unit>{unit}</Unit></Data></Root></ExperimentalDescription>
<AcquireInfo><DwellTimePath>0.000012</DwellTimePath></AcquireInfo></ObjectInfo>"""


def emi_bytes(angle: str = "-12.50", unit: str = "deg", copies: int = 1) -> bytes:
    text = EMI.format(angle=angle, unit=unit).encode()
    return b"JJ\x02\x00binary" + b"\x00\xff".join([b"<ObjectInfo>x</ObjectInfo>"] + [text] * copies)


@pytest.fixture
def images() -> list[np.ndarray]:
    """Rows from the lowest up: y = 2, 1, 0; columns x = 0 ... 4."""
    y, x = np.meshgrid(range(3), range(5), indexing="ij")
    image = (10 * x + y).astype("u2")[::-1]
    return [image, image + 100]


@pytest.mark.parametrize("version", [0x210, 0x220])
@pytest.mark.parametrize("tag", [0x4152, 0x4142])
def test_axes_calibration_and_tags(tmp_path, images, version, tag):
    path = tmp_path / "a_1.ser"
    path.write_bytes(ser_bytes(images, version, tag))
    raw = read_ser(path)
    assert raw.images.shape == (2, 5, 3)
    assert raw.images.dtype == np.uint16
    assert raw.images[0, 4, 2] == 42  # x = 4, y = 2
    assert raw.images[1, 0, 1] == 101
    assert raw.pixel_size == pytest.approx(0.347)
    assert raw.tilt_angles() is None
    notes = raw.metadata["ser"]
    assert [item["time"] for item in notes["tags"]] == [1500000000, 1500000001]
    assert notes["tags"][0].get("position") == ([1e-9, -2e-9] if tag == 0x4142 else None)
    assert notes["dimensions"][0]["description"] == "Number"
    assert "emi" not in raw.metadata
    json.dumps(raw.metadata)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_of_pixel(tmp_path, kind):
    values = np.array([[0, 1, 2], [3, 100, 127]], kind)
    path = tmp_path / "a.ser"
    path.write_bytes(ser_bytes([values]))
    images = read_ser(path).images
    assert images.dtype == np.dtype(kind)
    np.testing.assert_array_equal(images[0].T[::-1], values)


def test_emi_tells_angle_voltage_and_dwell_time(tmp_path, images):
    (tmp_path / "a.emi").write_bytes(emi_bytes())
    (tmp_path / "a_1.ser").write_bytes(ser_bytes(images))
    series = read_frames(tmp_path / "a_1.ser")
    assert series.tilt_angles().tolist() == [-12.5]
    assert series.frames_per_tilt == [2]
    assert series.voltage == 200
    assert series.dwell_time == pytest.approx(12)
    info = series.metadata["emi"]["ObjectInfo"]
    assert info["ExperimentalDescription"]["Root"]["Data"][0]["Value"] == "Service"


def test_emi_in_radians_is_turned_because_it_says_so(tmp_path, images):
    (tmp_path / "a.emi").write_bytes(emi_bytes("0.5", "rad"))
    (tmp_path / "a_1.ser").write_bytes(ser_bytes(images))
    angles = read_ser(tmp_path / "a_1.ser").tilt_angles()
    assert angles == pytest.approx([np.rad2deg(0.5)])
    (tmp_path / "a.emi").write_bytes(emi_bytes("0.5", ""))
    raw = read_ser(tmp_path / "a_1.ser", ReadSettings(angle_unit="radian"))
    assert raw.tilt_angles() == pytest.approx([np.rad2deg(0.5)])


def test_emi_of_several_series(tmp_path):
    both = emi_bytes("1.0") + emi_bytes("2.0")
    (tmp_path / "a.emi").write_bytes(both)
    tilts = [
        read_emi(tmp_path / "a.emi", number)["ObjectInfo"]["ExperimentalDescription"]["Root"][
            "Data"
        ]
        for number in (1, 2, None)
    ]
    assert [tilt[1]["Value"] for tilt in tilts] == ["1.0", "2.0", "1.0"]


@pytest.mark.parametrize("text", [b"nothing", b"<ObjectInfo><Experiment></ObjectInfo>"])
def test_damaged_emi_is_named_and_the_images_are_read(tmp_path, images, text):
    (tmp_path / "a.emi").write_bytes(text)
    (tmp_path / "a_1.ser").write_bytes(ser_bytes(images))
    with pytest.warns(UserWarning, match=r"a\.emi is not used"):
        raw = read_ser(tmp_path / "a_1.ser")
    assert raw.images.shape == (2, 5, 3)
    assert raw.tilt_angles() is None
    with pytest.raises(DataFileError, match=r"a\.emi"):
        read_emi(tmp_path / "a.emi")


def test_emi_given_as_the_path(tmp_path, images):
    (tmp_path / "a.emi").write_bytes(emi_bytes(copies=3))
    (tmp_path / "a_2.ser").write_bytes(ser_bytes(images, data_type=0x4120))
    (tmp_path / "a_10.ser").write_bytes(ser_bytes(images))
    assert read_frames(tmp_path / "a.emi").tilt_angles().tolist() == [-12.5]
    (tmp_path / "a_1.ser").write_bytes(ser_bytes(images[1:]))
    with pytest.raises(DataFileError, match=r"2 images \(0 a_1\.ser, 1 a_10\.ser\).*--image"):
        read_ser(tmp_path / "a.emi")
    assert read_ser(tmp_path / "a.emi", ReadSettings(image="a_1.ser")).images.shape[0] == 1
    with pytest.raises(DataFileError, match=r"spectra \(a_2\.ser\)"):
        read_ser(tmp_path / "a.emi", ReadSettings(image="a_2.ser"))


def test_aborted_series_keeps_its_valid_images(tmp_path, images):
    path = tmp_path / "a.ser"
    path.write_bytes(ser_bytes(images, total=5))
    assert read_ser(path).images.shape == (2, 5, 3)


def test_tag_offsets_beyond_the_end_are_no_tags(tmp_path, images):
    data = ser_bytes(images)
    path = tmp_path / "a.ser"
    path.write_bytes(data[:-8])  # TIA itself writes such files
    assert [tag is None for tag in read_ser(path).metadata["ser"]["tags"]] == [False, True]


def test_every_truncation_is_an_error(tmp_path, images):
    data = ser_bytes(images)[:-16]
    path = tmp_path / "a.ser"
    for length in range(0, len(data), 5):
        path.write_bytes(data[:length])
        with pytest.raises(DataFileError, match=r"a\.ser"):
            read_ser(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_type": 0x4120}, "spectra"),
        ({"data_type": 0x4999}, "type 0x4999"),
        ({"pixel_type": 9}, "type 9 in image 0"),
        ({"total": 1}, "2 valid of 1 images"),
    ],
)
def test_what_is_no_series_of_images(tmp_path, images, options, message):
    path = tmp_path / "a.ser"
    if options.get("total") == 1:
        data = bytearray(ser_bytes(images))
        data[14:18] = struct.pack("<I", 1)
    else:
        data = bytearray(ser_bytes(images, **options))
    path.write_bytes(data)
    with pytest.raises(DataFileError, match=message):
        read_ser(path)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([(1e-11, 1e-11), (2e-11, 2e-11)], "in image 1"),
        ([(1e-11, 2e-11)] * 2, "square pixels"),
    ],
)
def test_contradicting_calibrations_matter_unless_a_size_is_given(tmp_path, images, steps, message):
    path = tmp_path / "a.ser"
    path.write_bytes(ser_bytes(images, steps=steps))
    with pytest.raises(DataFileError, match=f"{message}.*--pixel-size"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.4).pixel_size == 0.4


def test_elements_that_overlap_are_not_read(tmp_path, images):
    data = bytearray(ser_bytes([images[0]] * 40))
    table = struct.unpack("<I", data[22:26])[0]
    first = data[table : table + 4]
    for index in range(40):  # all offsets lead to the first image
        data[table + 4 * index : table + 4 * index + 4] = first
    size = len(data)
    path = tmp_path / "a.ser"
    path.write_bytes(data)
    raw = read_ser(path)
    assert raw.images.nbytes <= size
    data[14:22] = struct.pack("<II", 10**6, 10**6)
    path.write_bytes(data)
    with pytest.raises(DataFileError, match=r"a\.ser"):
        read_ser(path)


def test_images_of_different_size_name_the_image(tmp_path, images):
    path = tmp_path / "a.ser"
    path.write_bytes(ser_bytes([images[0], images[1][:2]]))
    with pytest.raises(DataFileError, match=r"5 x 2 pixels in image 1.*5 x 3, as in image 0"):
        read_ser(path)


@pytest.mark.parametrize("step", [1.0, 4.2e7, 0.0])
def test_uncalibrated_or_reciprocal_pixels(tmp_path, images, step):
    path = tmp_path / "a.ser"
    path.write_bytes(ser_bytes(images, step=step))
    assert read_ser(path).pixel_size is None
