"""SerialEM's .mdoc."""

from __future__ import annotations

import pytest

from aet_port.core.errors import DataFileError
from aet_port.io.mdoc import Mdoc, mdoc_angles, mdoc_number, read_mdoc, write_mdoc

TEXT = """PixelSpacing = 3.47
Voltage = 300
ImageFile = series.mrc
ImageSize = 40 30
DataMode = 1

[T = SerialEM: Digitized on a Titan, 21-Nov-26  10:00:00]
[T =     Tilt axis angle = 85.3, binning = 1  spot = 8  camera = 0]

[ZValue = 1]
TiltAngle = -57.0003
SubFramePath = D:\\frames\\a=b.tif
StagePosition = 1.0 2.0

[ZValue = 0]
# a comment
TiltAngle = -60.0001

[FrameSet = 0]
NumSubFrames = 3
"""


def test_parts(tmp_path):
    path = tmp_path / "a.mdoc"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    mdoc = read_mdoc(path)
    assert mdoc.values["ImageSize"] == "40 30"
    assert mdoc.titles[1] == "Tilt axis angle = 85.3, binning = 1  spot = 8  camera = 0"
    assert mdoc.sections[0] == {"TiltAngle": "-60.0001"}
    assert mdoc.sections[1]["SubFramePath"] == "D:\\frames\\a=b.tif"
    assert mdoc.others == [["FrameSet", "0", {"NumSubFrames": "3"}]]
    angles = mdoc_angles(path, mdoc)
    assert angles is not None
    assert angles.tolist() == [-60.0001, -57.0003]
    assert mdoc_number(path, mdoc, "PixelSpacing") == 3.47
    assert mdoc_number(path, mdoc, "Voltage") == 300
    assert mdoc_number(path, mdoc, "Defocus") is None


def test_round_trip(tmp_path):
    path = tmp_path / "a.mdoc"
    path.write_text(TEXT)
    mdoc = read_mdoc(path)
    again = read_mdoc(write_mdoc(tmp_path / "b.mdoc", mdoc))
    assert again == mdoc
    assert again.as_metadata()["titles"] == mdoc.titles


def test_numbers_of_the_sections():
    sections = [{"PixelSpacing": "2.0"}, {"PixelSpacing": "2.00"}]
    assert mdoc_number("a", Mdoc(sections=sections), "PixelSpacing") == 2
    with pytest.raises(DataFileError, match=r"PixelSpacing of \[2\.0, 3\.0\]"):
        mdoc_number("a", Mdoc(sections=[*sections, {"PixelSpacing": "3"}]), "PixelSpacing")
    with pytest.raises(DataFileError, match="'wide'"):
        mdoc_number("a", Mdoc({"PixelSpacing": "wide"}), "PixelSpacing")
    assert mdoc_number("a", Mdoc({"PixelSpacing": "0"}), "PixelSpacing") is None


def test_angles_that_are_missing():
    assert mdoc_angles("a", Mdoc(sections=[{}, {}])) is None
    with pytest.raises(DataFileError, match="None in section 1"):
        mdoc_angles("a", Mdoc(sections=[{"TiltAngle": "1"}, {}]))
    with pytest.raises(DataFileError, match="'flat' in section 0"):
        mdoc_angles("a", Mdoc(sections=[{"TiltAngle": "flat"}]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no sign\n", "'no sign' in line 1"),
        ("a = 1\n[ZValue = 0]\n[ZValue = 0]\n", "line 3"),
        ("[ZValue = first]\n", "line 1"),
        ("[ZValue = 0]\n[ZValue = 99999999]\n", "section 99999999 in a file of 2"),
        ("[ZValue = ³]\n", "line 1"),
    ],
)
def test_bad_lines(tmp_path, text, message):
    path = tmp_path / "a.mdoc"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message):
        read_mdoc(path)
