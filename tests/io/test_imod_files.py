"""What IMOD and SerialEM keep beside a stack: which of it is used, and what is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_angles, read_tilt_series
from aet_port.io.frames import read_frames
from aet_port.io.image_files import read_raw_images
from aet_port.io.imod_files import named_alike, transforms_beside
from aet_port.io.imod_transforms import read_transforms
from aet_port.io.mdoc import axis_of_titles, read_mdoc
from aet_port.io.settings import ReadSettings
from aet_port.io.units import degrees
from tests.io.mrc_files import sections_of, write_mrc_bytes

N = 5
SECTIONS = sections_of(N, 6, 4)
RAW = np.array([-63.7, -33.7, -3.7, 26.3, 56.3])
REFINED = RAW + 3.7
TITLE = "[T =     Tilt axis angle = -90.0, binning = 1  spot = 7  camera = 0]\n"


def angles_file(path: Path, angles: np.ndarray) -> None:
    path.write_text("".join(f"{angle:.2f}\n" for angle in angles))


def mdoc(path: Path, angles: np.ndarray, head: str = "PixelSpacing = 0.5\n") -> None:
    path.write_text(
        head + "".join(f"[ZValue = {i}]\nTiltAngle = {a}\n" for i, a in enumerate(angles))
    )


@pytest.mark.parametrize(
    ("name", "refined"),
    [
        ("foo.st", False),
        ("foo.mrc", False),
        ("foo_fixed.mrc", False),
        ("foo.preali", False),
        ("foo.ali", True),
        ("foo.ALI", True),
        ("foo_ali.mrc", True),
    ],
)
def test_which_list_belongs_to_which_stack(tmp_path, name, refined):
    write_mrc_bytes(tmp_path / name, SECTIONS)
    angles_file(tmp_path / "foo.rawtlt", RAW)
    angles_file(tmp_path / "foo.tlt", REFINED)
    taken, other = ("tlt", "rawtlt") if refined else ("rawtlt", "tlt")
    with pytest.warns(UserWarning, match=rf"of foo\.{taken} are used; those of foo\.{other} diff"):
        series = read_frames(tmp_path / name)
    np.testing.assert_allclose(series.tilt_angles(), REFINED if refined else RAW)
    # Equal lists are nothing to talk about.
    angles_file(tmp_path / "foo.tlt", RAW + 0.05)
    expected = RAW + 0.05 if refined else RAW
    np.testing.assert_allclose(read_frames(tmp_path / name).tilt_angles(), expected)


@pytest.mark.parametrize(("name", "refined"), [("foo.st", False), ("foo.ali", True)])
def test_mdoc_goes_before_the_lists_of_a_raw_stack_only(tmp_path, name, refined):
    write_mrc_bytes(tmp_path / name, SECTIONS)
    mdoc(tmp_path / "foo.st.mdoc", RAW + 0.5)
    if not refined:
        (tmp_path / "foo.st.mdoc").rename(tmp_path / "foo.mdoc")
    angles_file(tmp_path / "foo.tlt", REFINED)
    with pytest.warns(UserWarning, match="are used; those of"):
        series = read_frames(tmp_path / name)
    np.testing.assert_allclose(series.tilt_angles(), REFINED if refined else RAW + 0.5)


def test_given_angles_win_over_all_of_them(tmp_path):
    write_mrc_bytes(tmp_path / "foo.ali", SECTIONS)
    angles_file(tmp_path / "foo.rawtlt", RAW)
    angles_file(tmp_path / "foo.tlt", REFINED)
    angles_file(tmp_path / "mine.txt", REFINED + 1)
    with pytest.warns(UserWarning, match=r"angles given; others in foo\.tlt not used"):
        series = read_tilt_series(tmp_path / "foo.ali", tmp_path / "mine.txt")
    np.testing.assert_allclose(series.angles[:, 1], REFINED + 1)


def test_size_of_an_aligned_stack_is_not_that_of_the_raw_one(tmp_path):
    """IMOD bins aligned stacks; their headers are right, the raw stack's .mdoc is not."""
    write_mrc_bytes(tmp_path / "foo.ali", SECTIONS, pixel=1.0001)
    mdoc(tmp_path / "foo.mdoc", RAW)
    assert read_frames(tmp_path / "foo.ali").pixel_size == pytest.approx(1.0001)
    mdoc(tmp_path / "foo.ali.mdoc", RAW)
    with pytest.raises(DataFileError, match=r"foo\.ali\.mdoc.*--pixel-size"):
        read_frames(tmp_path / "foo.ali")


@pytest.mark.parametrize(
    ("title", "axis"),
    [
        ("    Tilt axis angle = -90.0, binning = 1  spot = 7  camera = 0", 90),
        ("Tilt axis angle = 85.3, binning = 2", -85.3),
        ("TiltAxisAngle=-12", 12),
        ("          Tilt axis rotation angle =   -0.5", 0.5),
        ("Tilt axis angle = 0", 0),
        ("Tilt axis angle = 260.", 100),
        ("Tilt axis angle = -1e-05", 1e-5),
        ("RotationAngle = 175", None),
        ("SerialEM: Digitized on a Titan, 21-Nov-26  10:00:00", None),
    ],
)
def test_axis_in_titles(title, axis):
    found = axis_of_titles("s.mdoc", ["another", title])
    assert found == (None if axis is None else pytest.approx(axis))


def test_axis_that_is_none():
    with pytest.raises(DataFileError, match="within a full turn"):
        axis_of_titles("s.mdoc", ["Tilt axis angle = 1000"])


def line_at(angle: float, n: int = 41) -> np.ndarray:
    """Section (row, column) with an arrow from the middle at an angle from y (up) towards x."""
    image = np.zeros((n, n), np.float32)
    for step in range(n // 2 - 2):
        x = n // 2 + step * np.sin(np.deg2rad(angle))
        y = n // 2 + step * np.cos(np.deg2rad(angle))
        image[round(y), round(x)] = 1
    return image


@pytest.mark.parametrize("theirs", [-90.0, 90.0, 180.0, 30.0, -84.2])
@pytest.mark.parametrize("where", ["mdoc", "label"])
def test_series_is_turned_so_that_the_axis_points_up(tmp_path, theirs, where):
    """IMOD's angle is counterclockwise from y up; both the line and its direction must be right."""
    image = line_at(-theirs)
    title = f"Tilt axis angle = {theirs:.1f}, binning = 1  spot = 7  camera = 0"
    labels = (title.encode(),) if where == "label" else (b"made by hand",)
    write_mrc_bytes(tmp_path / "s.mrc", np.stack([image] * 3), labels=labels)
    head = f"PixelSpacing = 0.5\n[T = {title}]\n" if where == "mdoc" else "PixelSpacing = 0.5\n"
    mdoc(tmp_path / "s.mrc.mdoc", np.array([-9.0, 0, 9]), head)
    turned = read_tilt_series(tmp_path / "s.mrc").images[1]
    x, y = np.meshgrid(np.arange(41) - 20, np.arange(41) - 20, indexing="ij")
    weight = turned.sum()
    # An arrow of 19 pixels has its centre at 9; rounding to pixels moves it by less than 0.5.
    assert (turned * x).sum() / weight == pytest.approx(0, abs=0.5)
    assert (turned * y).sum() / weight == pytest.approx(9, abs=0.5)


@pytest.mark.parametrize("name", ["s.ali", "s.preali", "s_ali.mrc"])
def test_axis_of_an_aligned_stack_is_along_y(tmp_path, name):
    write_mrc_bytes(tmp_path / name, SECTIONS, labels=(b"Tilt axis angle = -90.0",))
    mdoc(tmp_path / "s.mdoc", RAW, TITLE)
    assert read_raw_images(tmp_path / name).tilt_axes == []
    assert read_frames(tmp_path / name).tilt_axis is None


def test_axis_of_a_stack_that_newstack_transformed(tmp_path):
    label = b"NEWSTACK: Images copied, transformed                 21-Nov-26  10:00:00"
    labels = (b"Tilt axis angle = -90.0, binning = 1", label)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, labels=labels)
    assert read_raw_images(tmp_path / "s.mrc").tilt_axes == []


def test_given_axis_wins_and_says_so(tmp_path):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    mdoc(tmp_path / "s.mdoc", RAW, TITLE)
    assert read_frames(tmp_path / "s.mrc").tilt_axis == 90
    with pytest.warns(UserWarning, match=r"axis at 0 degrees .* given; 90 degrees in the s\.mdoc"):
        series = read_tilt_series(tmp_path / "s.mrc", read=ReadSettings(tilt_axis=0))
    np.testing.assert_array_equal(series.images, SECTIONS.transpose(0, 2, 1))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_mdoc_of_any_encoding_and_order(tmp_path, encoding):
    """Dose-symmetric recording: sections are in the order of time, not of ZValue."""
    text = "PixelSpacing = 0.5\n[T = Titan µ]\n"
    for z in (2, 3, 1, 4, 0):
        text += (
            f"[ZValue = {z}]\nTiltAngle = {RAW[z]}\nDateTime = 21-Nov-26  10:0{z}:00\n"
            f"RotationAngle = 175\nSubFramePath = D:\\f\\µ_{z}=a.tif\n"
        )
    (tmp_path / "s.mrc.mdoc").write_bytes(text.encode(encoding))
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    series = read_frames(tmp_path / "s.mrc")
    np.testing.assert_allclose(series.tilt_angles(), RAW)
    sections = series.metadata["mdoc"]["sections"]
    assert sections[3]["DateTime"] == "21-Nov-26  10:03:00"
    assert sections[3]["SubFramePath"] == "D:\\f\\µ_3=a.tif"
    assert series.tilt_axis is None
    table = read_angles(tmp_path / "s.mrc.mdoc")
    np.testing.assert_allclose(table[:, 1], RAW)


@pytest.mark.parametrize("n", [3, 7])
def test_only_the_angles_of_an_mdoc_of_another_length_are_unusable(tmp_path, n):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, pixel=1.0)
    mdoc(tmp_path / "s.mdoc", np.arange(n), "PixelSpacing = 0.5\nVoltage = 200\n" + TITLE)
    with pytest.raises(DataFileError, match=f"{n} sections; expected 5.*--angles"):
        read_frames(tmp_path / "s.mrc")
    angles_file(tmp_path / "s.rawtlt", RAW)
    with pytest.warns(UserWarning, match=rf"angles in the s\.mdoc not used \(found {n} sections"):
        series = read_frames(tmp_path / "s.mrc")
    assert (series.pixel_size, series.voltage, series.tilt_axis) == (0.5, 200, 90)
    np.testing.assert_allclose(series.tilt_angles(), RAW)


def test_sections_that_an_mdoc_leaves_out_and_lines_that_go_on(tmp_path):
    text = "PixelSpacing = 0.5\n[ZValue = 0]\nTiltAngle = 1\nNote = two\nlines\n[ZValue = 2]\n"
    (tmp_path / "s.mdoc").write_text(text + "TiltAngle = 3\n")
    doc = read_mdoc(tmp_path / "s.mdoc")
    assert doc.sections == [{"TiltAngle": "1", "Note": "two lines"}, {}, {"TiltAngle": "3"}]
    write_mrc_bytes(tmp_path / "s.mrc", sections_of(3, 6, 4), pixel=1.0)
    with pytest.raises(DataFileError, match="TiltAngle None in section 1"):
        read_frames(tmp_path / "s.mrc")
    assert read_frames(tmp_path / "s.mrc", angles=[1, 2, 3]).pixel_size == 0.5


def test_pixel_size_of_each_section(tmp_path):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, pixel=1.0)
    text = "".join(f"[ZValue = {i}]\nPixelSpacing = 0.5\n" for i in range(N))
    (tmp_path / "s.mdoc").write_text(text)
    assert read_frames(tmp_path / "s.mrc").pixel_size == 0.5
    (tmp_path / "s.mdoc").write_text(text.replace("0.5", "0.7", 1))
    with pytest.raises(DataFileError, match=r"PixelSpacing of \[0\.5, 0\.7\].*--pixel-size"):
        read_frames(tmp_path / "s.mrc")


def test_names_of_files_beside(tmp_path):
    for name in ("s.tlt", "s.mrc.tlt", "s_ali.mrc.tlt", "t.tlt"):
        (tmp_path / name).touch()
    assert [file.name for file in named_alike(tmp_path / "s.mrc", ".tlt")] == ["s.tlt", "s.mrc.tlt"]
    assert [file.name for file in named_alike(tmp_path / "s.mrc.gz", ".tlt")] == [
        "s.tlt",
        "s.mrc.tlt",
    ]
    names = [file.name for file in named_alike(tmp_path / "s_ali.mrc", ".tlt")]
    assert names == ["s_ali.mrc.tlt", "s.tlt"]
    assert transforms_beside(tmp_path / "s.mrc") is None


RADIANS = np.deg2rad([-72.0, -36, 0, 36, 72])


@pytest.mark.parametrize("kind", ["tlt", "txt", "mat", "npy", "mdoc"])
def test_radians_are_refused_on_every_road_and_read_with_their_unit(tmp_path, kind):
    from aet_port.io import matlab

    file = tmp_path / f"rad.{kind}"
    if kind == "mat":
        matlab.write_mat(file, {"angles": RADIANS[:, None]})
    elif kind == "npy":
        np.save(file, RADIANS)
    elif kind == "mdoc":
        mdoc(file, RADIANS)
    else:
        file.write_text("\n".join(map(str, RADIANS)))
    images = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    read = ReadSettings(angle_unit="radian")
    for road in (read_tilt_series, read_frames):
        with pytest.raises(InputError, match=r"look like radians.*--angle-unit"):
            road(images, file)
        found = road(images, file, read=read).angles
        found = found[:, 1] if found.ndim == 2 else found
        np.testing.assert_allclose(found, np.rad2deg(RADIANS), rtol=1e-6)
        found = road(images, file, read=ReadSettings(angle_unit="degree")).angles
        found = found[:, 1] if found.ndim == 2 else found
        np.testing.assert_allclose(found, RADIANS, rtol=1e-6)


@pytest.mark.parametrize("name", ["s.rawtlt", "s.tlt", "s.mdoc", "s.json", "s.csv"])
def test_unit_given_counts_for_files_beside_too(tmp_path, name):
    images = write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    if name == "s.mdoc":
        mdoc(tmp_path / name, RADIANS)
    elif name == "s.json":
        (tmp_path / name).write_text(f'{{"angles": {RADIANS.tolist()}}}')
    else:
        head = "angle\n" if name == "s.csv" else ""
        (tmp_path / name).write_text(head + "\n".join(map(str, RADIANS)))
    for road in (read_tilt_series, read_frames):
        with pytest.raises(InputError, match=r"look like radians.*--angle-unit"):
            road(images)
        found = road(images, read=ReadSettings(angle_unit="radian")).angles
        found = found[:, 1] if found.ndim == 2 else found
        np.testing.assert_allclose(found, np.rad2deg(RADIANS), rtol=1e-6)


def test_angles_typed_in_python():
    with pytest.raises(InputError, match="look like radians"):
        degrees("angles given", RADIANS, None)


XF = "   1.0000000   0.0000000   0.0000000   1.0000000      2.000     -1.000\n"


@pytest.mark.parametrize("transforms", ["beside", "file"])
def test_transforms_on_request(tmp_path, transforms):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    mdoc(tmp_path / "s.mdoc", RAW, "PixelSpacing = 0.5\n" + TITLE)
    (tmp_path / "s.xf").write_text(XF * N)
    # Not asked for: the axis of the raw stack.
    assert read_frames(tmp_path / "s.mrc").tilt_axis == 90
    name = transforms if transforms == "beside" else str(tmp_path / "s.xf")
    read = ReadSettings(transforms=name)
    for road in (read_tilt_series, read_frames):
        series = road(tmp_path / "s.mrc", read=read)
        images = series.images if hasattr(series, "images") else series.stack()
        raw = SECTIONS.transpose(0, 2, 1)
        # Right by two columns, down by one row, in exact pixels; rounding of the spline.
        np.testing.assert_allclose(images[:, 2:, :-1], raw[:, :-2, 1:], rtol=0, atol=1e-9)
        mean = raw.mean(axis=(1, 2))
        np.testing.assert_allclose(images[:, :2], mean[:, None, None] * np.ones((1, 2, 4)))
    assert read_frames(tmp_path / "s.mrc", read=read).tilt_axis == 0


def test_one_transform_for_each_tilt(tmp_path):
    write_mrc_bytes(tmp_path / "s.mrc", sections_of(4, 6, 4))
    lines = (XF.replace("2.000", "0.000"), XF)
    (tmp_path / "s.xf").write_text("".join(lines))
    read = ReadSettings(transforms="beside")
    images = read_raw_images(tmp_path / "s.mrc", read).images
    raw = read_raw_images(tmp_path / "s.mrc").images
    for index, dx in enumerate((0, 0, 2, 2)):
        expected = raw[index, : 6 - dx, 1:]
        np.testing.assert_allclose(images[index, dx:, :-1], expected, atol=1e-9)


def test_transforms_from_image_to_image(tmp_path):
    """Each brings an image to the frame of the one before; the one in the middle stays."""
    turn = np.deg2rad(10)
    c, s = np.cos(turn), np.sin(turn)
    line = f"{c:.9f} {-s:.9f} {s:.9f} {c:.9f} 1.0 0.0\n"
    (tmp_path / "s.prexf").write_text("1 0 0 1 0 0\n" + line * 2)
    table = read_transforms(tmp_path / "s.prexf")
    step = np.array([[c, -s, 1], [s, c, 0], [0, 0, 1]])
    for row, whole in zip(table, (np.linalg.inv(step), np.eye(3), step), strict=True):
        np.testing.assert_allclose(row[:4].reshape(2, 2), whole[:2, :2], atol=1e-8)
        np.testing.assert_allclose(row[4:], whole[:2, 2], atol=1e-8)
    # The tilt axis is where it was.
    write_mrc_bytes(tmp_path / "s.mrc", sections_of(3, 6, 4))
    mdoc(tmp_path / "s.mdoc", RAW[:3], TITLE)
    assert read_frames(tmp_path / "s.mrc", read=ReadSettings(transforms="beside")).tilt_axis == 90


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no transforms"),
        ("1 0 0 1 0\n", "line 1.*six numbers"),
        ("1 0 0 1 0 x\n", "line 1.*six numbers"),
        ("\n1 0 0 1 nan 0\n", "line 2.*six numbers"),
        ("1 2 2 4 0 0\n", "without an inverse in line 1"),
        (XF * 3, r"3 transforms; expected 5, one for each image.*--transforms FILE"),
    ],
)
def test_bad_transforms(tmp_path, text, message):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    (tmp_path / "s.xf").write_text(text)
    with pytest.raises(DataFileError, match=message):
        read_frames(tmp_path / "s.mrc", read=ReadSettings(transforms="beside"))


def test_transforms_that_are_not_there(tmp_path):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS)
    with pytest.raises(InputError, match=r"no \.xf.*--transforms"):
        read_frames(tmp_path / "s.mrc", read=ReadSettings(transforms="beside"))
    with pytest.raises(DataFileError, match="no such file"):
        read_frames(tmp_path / "s.mrc", read=ReadSettings(transforms="nowhere.xf"))
    write_mrc_bytes(tmp_path / "s.ali", SECTIONS)
    (tmp_path / "s.xf").write_text(XF * N)
    with pytest.warns(UserWarning, match=r"aligned, but s\.xf is applied as asked for"):
        read_frames(tmp_path / "s.ali", read=ReadSettings(transforms="beside"))
