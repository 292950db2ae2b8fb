"""TIFF files as programs of microscopes write them: calibrations, previews, damaged tags."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings
from aet_port.io.tiff_stacks import read_tiff_frames
from aet_port.io.volumes import read_volume

NY, NX = 6, 8
PAGES = np.arange(3 * NY * NX, dtype=np.uint16).reshape(3, NY, NX)
Tag = tuple[int, int, int, Any, bool]


def write(path: Path, *tags: Tag, pages: np.ndarray = PAGES, **options: Any) -> Path:
    tifffile.imwrite(
        path, pages, photometric="minisblack", metadata=None, extratags=tags, **options
    )
    return path


def text(code: int, value: str) -> Tag:
    return code, 2, len(value) + 1, value, True


def raw_bytes(code: int, value: bytes) -> Tag:
    return code, 1, len(value), value, True


def tvips(size: float = 0.05, volts: float = 2e5, mode: int = 1) -> Tag:
    header = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V1).newbyteorder("<"))
    header["Version"] = 2
    second = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V2).newbyteorder("<"))
    second["PixelSizeX"] = second["PixelSizeY"] = size
    second["TemHighTension"], second["TemMode"], second["Magic"] = volts, mode, 0xAAAAAAAA
    second["TemStagePosition"] = [0, 0, 0, -12.5, 0]
    return raw_bytes(37706, header.tobytes() + second.tobytes())


def fei(code: int = 34682) -> Tag:
    head = "[Beam]\r\nHV=300000\r\n[Scan]\r\nPixelWidth=5e-011\r\nPixelHeight=5e-011\r\n"
    return text(code, head + "Dwelltime=3e-006\r\n")


def zeiss() -> Tag:
    # Numbers in SI units, the fourth the size of a pixel of 1024 columns; then named values.
    numbers = "\r\n".join(["0", "0", "0", repr(5e-11 * NX / 1024)])
    return text(34118, numbers + "\r\n0\r\nAP_ACTUALKV\r\nEHT = 30.00 kV\r\n")


def sis(path: Path, size: float = 0.05) -> None:
    """A file with the structures of Olympus SIS."""
    write(path, (33560, 4, 1, 0, True))
    add_sis(path, size)


def add_sis(path: Path, size: float) -> None:
    """Append the structures to which tag 33560 points."""
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 33560, 4, 1)) + 8
    data[at : at + 4] = struct.pack("<I", len(data))
    head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 0, 0, 1, 0, 100, b"image", 1)
    place = len(data) + len(head) + 8
    data += head + struct.pack("<hhI", 1, 1, place)
    data += struct.pack("<10xhdd8xd2x34s32s", -9, size, size, 1e6, b"camera", b"type")
    path.write_bytes(data)


JEOL = """<?xml version="1.0"?><TemReporter><Eos><EosMode>{eos}</EosMode></Eos>
<ImageFormingSystem><ModeString>{mode}</ModeString><SelectorValue>300000</SelectorValue>
</ImageFormingSystem><GonioStage><StagePosition><TX>7.5</TX></StagePosition></GonioStage>
<ElectronGun><AccelerationVoltage>200000</AccelerationVoltage></ElectronGun></TemReporter>"""


def jeol(path: Path, eos: str = "eosTEM", mode: str = "MAG") -> Path:
    tifffile.imwrite(
        path,
        PAGES[0],
        photometric="minisblack",
        metadata=None,
        description=JEOL.format(eos=eos, mode=mode),
        resolution=(1e4 / 15, 1e4 / 15),  # pixels of the camera, 15 micrometres
        resolutionunit="CENTIMETER",
        extratags=[text(271, "JEOL Ltd.")],
    )
    return path


GATAN = [(65003, 2, 3, "nm", True), (65004, 2, 3, "nm", True)]
GATAN += [(65009, 12, 1, 0.05, True), (65010, 12, 1, 0.05, True)]
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
OME += 'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="6" SizeZ="3" SizeC="1" '
OME += 'SizeT="1" PhysicalSizeX="{size}" PhysicalSizeY="{size}"{unit}><TiffData/></Pixels></Image>'
OME += "</OME>"


@pytest.mark.parametrize(
    ("tags", "options"),
    [
        ([tvips()], {}),
        ([fei()], {}),
        ([fei(34680)], {}),
        ([zeiss()], {}),
        (GATAN, {}),
        ([], {"description": OME.format(size=5e-5, unit="")}),
        (
            [],
            {
                "description": OME.format(
                    size=0.05, unit=' PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm"'
                )
            },
        ),
        ([], {"description": "ImageJ=1.53\nunit=nm\n", "resolution": (20, 20)}),
        ([], {"description": "ImageJ=1.53\nunit=\\u00B5m\n", "resolution": (2e4, 2e4)}),
        ([], {"description": "ImageJ=1.53\nunit=angstrom\n", "resolution": (2, 2)}),
        ([], {"resolution": (2e8, 2e8), "resolutionunit": "CENTIMETER"}),
        ([], {"resolution": (2.54 * 2e8, 2.54 * 2e8), "resolutionunit": "INCH"}),
    ],
    ids=[
        "tvips",
        "fei",
        "fei2",
        "zeiss",
        "gatan",
        "ome",
        "ome-nm",
        "imagej",
        "imagej-um",
        "imagej-angstrom",
        "cm",
        "inch",
    ],
)
def test_pixel_sizes(tmp_path, tags, options):
    raw = read_tiff_frames(write(tmp_path / "a.tif", *tags, **options))
    # Numbers of single precision, and ratios of 32-bit numbers.
    assert raw.pixel_size == pytest.approx(0.5, rel=1e-7)
    np.testing.assert_array_equal(raw.images, PAGES.transpose(0, 2, 1))


def test_olympus(tmp_path):
    sis(tmp_path / "a.tif")
    assert read_tiff_frames(tmp_path / "a.tif").pixel_size == pytest.approx(0.5)


def test_jeol(tmp_path):
    raw = read_tiff_frames(jeol(tmp_path / "a.tif"))
    assert raw.pixel_size == pytest.approx(0.5, rel=1e-6)  # 15 micrometres / 300000
    assert raw.tilt_angles().tolist() == [7.5]
    assert raw.metadata["voltage_kv"] == 200
    for eos, mode in (("eosASID", "MAG"), ("eosTEM", "DIFF")):
        raw = read_tiff_frames(jeol(tmp_path / "a.tif", eos, mode))
        assert raw.pixel_size is None  # that of the camera is none


def test_angle_and_voltage_of_vendors(tmp_path):
    series = read_frames(write(tmp_path / "a.tif", tvips()))
    assert series.tilt_angles().tolist() == [-12.5]
    assert series.frames_per_tilt == [3]
    assert series.voltage == 200
    raw = read_tiff_frames(write(tmp_path / "b.tif", tvips(volts=0)))
    assert raw.tilt_angles() is None  # no microscope was connected
    raw = read_tiff_frames(write(tmp_path / "c.tif", fei()))
    assert (raw.metadata["voltage_kv"], raw.metadata["dwell_time_us"]) == (300, 3)
    assert read_tiff_frames(write(tmp_path / "d.tif", tvips(mode=3))).pixel_size is None


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_resolution_of_a_printer_is_not_believed(tmp_path, unit):
    path = write(tmp_path / "a.tif", resolution=(72, 72), resolutionunit=unit)
    with pytest.raises(InputError, match=r"in the resolution tags, which stands for an unknown"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.5).pixel_size == 0.5
    # A microscope's own tag counts beside it.
    path = write(tmp_path / "b.tif", tvips(), resolution=(72, 72), resolutionunit=unit)
    assert read_frames(path).pixel_size == pytest.approx(0.5)


def test_contradicting_sources_are_said_unless_a_size_is_given(tmp_path):
    path = write(tmp_path / "a.tif", tvips(0.06), *GATAN)
    with pytest.raises(DataFileError, match=r"0\.6 angstrom in the TVIPS.*0\.5 angstrom.*--pixel"):
        read_frames(path)
    with pytest.warns(UserWarning, match=r"0\.4 angstrom given"):
        assert read_frames(path, pixel_size=0.4).pixel_size == 0.4


@pytest.mark.parametrize(
    ("preview", "options", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), {"photometric": "rgb"}, "colour pages"),
        (np.zeros((3, 4), np.uint16), {"subfiletype": 1}, "a reduced copy"),
        (np.zeros((NY, NX), np.uint8), {"subfiletype": 1}, "a mask"),
        (np.zeros((4, 4), np.complex64), {}, "pages of type complex64"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_previews_do_not_count(tmp_path, preview, options, message, first):
    path = tmp_path / "a.tif"
    kinds = {"photometric": "minisblack"} | options

    def add_preview(tiff: tifffile.TiffWriter) -> None:
        tiff.write(preview, metadata=None, **kinds)

    def as_mask() -> None:  # which tifffile does not write
        entry = struct.pack("<HHI", 254, 4, 1)
        if message == "a mask":
            path.write_bytes(path.read_bytes().replace(entry + b"\1", entry + b"\4"))

    with tifffile.TiffWriter(path) as tiff:
        if first:
            add_preview(tiff)
        tiff.write(PAGES, photometric="minisblack", metadata=None)
        if not first:
            add_preview(tiff)
    as_mask()
    np.testing.assert_array_equal(read_tiff_frames(path).images, PAGES.transpose(0, 2, 1))
    assert read_volume(path, voxel_size=1.0).shape == (NX, NY, 3)
    with tifffile.TiffWriter(path) as tiff:
        add_preview(tiff)
    as_mask()
    if message != "a reduced copy":  # the only image of a file is no copy of another
        with pytest.raises(DataFileError, match=message):
            read_tiff_frames(path)


def test_pyramids_are_read_at_full_size(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(PAGES[0], photometric="minisblack", subifds=1, metadata=None)
        tiff.write(PAGES[0, ::2, ::2], photometric="minisblack", subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read_tiff_frames(path).images[0].T, PAGES[0])


def test_several_stacks_are_offered(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(PAGES, photometric="minisblack", metadata=None)
        named = [text(285, "BF")]
        tiff.write(PAGES[:, :4], photometric="minisblack", metadata=None, extratags=named)
    with pytest.raises(DataFileError, match=r"2 images \(0 page 0 \(3 x 6 x 8\), 1 BF\).*--image"):
        read_tiff_frames(path)
    for image in (1, "BF"):
        raw = read_tiff_frames(path, ReadSettings(image=image))
        np.testing.assert_array_equal(raw.images, PAGES[:, :4].transpose(0, 2, 1))


TVIPS_2 = [tvips(0.07, 1e5)]
GATAN_2 = [(65003, 2, 3, "nm", True), (65009, 12, 1, 0.07, True)]
SECOND: dict[str, tuple[list[Tag], list[Tag], dict[str, Any], dict[str, Any]]] = {
    # Tags and options of two series, whose pixels are of 0.5 and 0.7 angstrom.
    "tvips": ([tvips()], TVIPS_2, {}, {}),
    "gatan": (GATAN, GATAN_2, {}, {}),
    "fei": ([fei()], [text(34682, "[Scan]\r\nPixelWidth=7e-11\r\nPixelHeight=7e-11\r\n")], {}, {}),
    "zeiss": ([zeiss()], [text(34118, "\r\n".join(["0"] * 3 + [repr(7e-11 * 4 / 1024)]))], {}, {}),
    "resolution": (
        [],
        [],
        {"resolution": (2e8, 2e8), "resolutionunit": "CENTIMETER"},
        {"resolution": (1e9 / 7, 1e9 / 7), "resolutionunit": "CENTIMETER"},
    ),
    "imagej": (
        [],
        [],
        {"resolution": (2e8, 2e8), "resolutionunit": "CENTIMETER"},
        {"description": "ImageJ=1.53\nunit=nm\n", "resolution": (1 / 0.07, 1 / 0.07)},
    ),
}


@pytest.mark.parametrize("kind", sorted(SECOND))
@pytest.mark.parametrize("only", [None, 0, 1])
def test_calibrations_are_those_of_the_chosen_series(tmp_path, kind, only):
    """Each series has its own; one without tags has not those of the other."""
    path = tmp_path / "a.tif"
    tags, options = SECOND[kind][:2], SECOND[kind][2:]
    with tifffile.TiffWriter(path) as tiff:
        for number, pages in enumerate((PAGES, PAGES[:, :, :4])):
            own = only in (None, number)
            tiff.write(
                pages,
                photometric="minisblack",
                metadata=None,
                extratags=tags[number] if own else [],
                **(options[number] if own else {}),
            )
    for number, size in enumerate((0.5, 0.7)):
        raw = read_tiff_frames(path, ReadSettings(image=number))
        assert raw.images.shape[0] == 3
        if only in (None, number):
            assert raw.pixel_size == pytest.approx(size, rel=1e-6)  # of 32-bit ratios
        else:
            assert not [item for item in raw.pixel_sizes if item.certain]
    if kind == "tvips" and only is None:
        raw = read_tiff_frames(path, ReadSettings(image=1))
        assert raw.metadata["voltage_kv"] == 100


def test_olympus_tag_of_the_second_page(tmp_path):
    """A preview of another size lies before the image, and has no calibration."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(PAGES[0, ::2, ::2], photometric="minisblack", metadata=None)
        tiff.write(PAGES, photometric="minisblack", metadata=None, extratags=[(33560, 4, 1, 0, 1)])
    add_sis(path, 0.0239)
    raw = read_tiff_frames(path, ReadSettings(image=1))
    assert raw.pixel_size == pytest.approx(0.239, rel=1e-12)


def test_ome_metadata_of_the_chosen_image(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for name, pages, size in (("HAADF", PAGES, 0.05), ("BF", PAGES[:, :4], 0.07)):
            notes = {"axes": "ZYX", "Name": name, "PhysicalSizeX": size, "PhysicalSizeY": size}
            notes |= {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"}
            tiff.write(pages, photometric="minisblack", metadata=notes)
    for image, size in (("HAADF", 0.5), ("BF", 0.7)):
        raw = read_tiff_frames(path, ReadSettings(image=image))
        assert raw.pixel_size == pytest.approx(size, rel=1e-12)


def test_a_damaged_tag_costs_a_warning_unless_it_is_of_the_pixels(tmp_path):
    path = write(tmp_path / "a.tif", text(34118, "0\r\n" * 40), text(305, "program of some length"))
    data = path.read_bytes()
    for code, harmless in ((305, True), (34118, True), (258, False), (273, False)):
        at = data.index(struct.pack("<H", code), data.index(struct.pack("<HH", 256, 4)))
        path.write_bytes(data[: at + 2] + struct.pack("<H", 77) + data[at + 4 :])  # no such type
        if harmless:
            with pytest.warns(UserWarning, match=f"metadata not read: .*{code}"):
                raw = read_tiff_frames(path)
            np.testing.assert_array_equal(raw.images, PAGES.transpose(0, 2, 1))
        else:
            with pytest.raises(DataFileError, match=r"a\.tif"):
                read_tiff_frames(path)


def test_promised_pixels_are_not_made_up(tmp_path):
    path = write(tmp_path / "a.tif", pages=PAGES[0])
    data = path.read_bytes()
    entry = data.index(struct.pack("<HHI", 257, 4, 1))  # number of rows
    huge = struct.pack("<HHII", 257, 4, 1, 2**30)
    path.write_bytes(data[:entry] + huge + data[entry + 12 :])
    with pytest.raises(DataFileError, match=r"1073741824 x 8 pixels in \d+ bytes"):
        read_tiff_frames(path)
