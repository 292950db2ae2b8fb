"""The front door to raw frames: MRC and TIFF with what lies beside them, folders, round trips."""

from __future__ import annotations

import json
import warnings

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import DataFileError, InputError, OutputError
from aet_port.core.frame_series import FrameSeries
from aet_port.io.frames import read_frames, write_frames
from aet_port.io.units import angstrom, degrees

N, NX, NY = 6, 3, 4


@pytest.fixture
def stack() -> np.ndarray:
    """Images (n, nx, ny)."""
    n, x, y = np.meshgrid(range(N), range(NX), range(NY), indexing="ij")
    return (100 * n + 10 * x + y).astype(np.int16)


def mrc(path, stack, voxel=3.47) -> None:
    with mrcfile.new(path) as file:
        file.set_data(stack.transpose(0, 2, 1).copy())
        file.set_image_stack()
        if voxel is not None:
            file.voxel_size = voxel


def mdoc(path, angles, spacing="3.47") -> None:
    head = f"PixelSpacing = {spacing}\nVoltage = 200\n" if spacing else ""
    path.write_text(
        head + "".join(f"[ZValue = {i}]\nTiltAngle = {a}\n" for i, a in enumerate(angles))
    )


@pytest.mark.parametrize("name", ["a.mrc.mdoc", "a.mdoc"])
def test_mrc_with_mdoc(tmp_path, stack, name):
    mrc(tmp_path / "a.mrc", stack)
    mdoc(tmp_path / name, [-60, -60, -57, -57, -54, -54])
    series = read_frames(tmp_path / "a.mrc")
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.detector == (NX, NY)
    assert series.frames[0].dtype == np.int16
    assert series.frames_per_tilt == [2, 2, 2]
    assert series.tilt_angles().tolist() == [-60, -57, -54]
    assert series.pixel_size == pytest.approx(3.47)
    assert series.voltage == 200
    assert series.metadata["mdoc"]["sections"][2] == {"TiltAngle": "-57"}


@pytest.mark.parametrize("name", ["a.rawtlt", "a.tlt", "a.st.rawtlt"])
@pytest.mark.parametrize("each", [1, 3])
def test_mrc_with_a_list_of_angles(tmp_path, stack, name, each):
    mrc(tmp_path / "a.st", stack)
    angles = [float(10 * i) for i in range(N // each)]
    (tmp_path / name).write_text("".join(f"{angle}\n" for angle in angles))
    series = read_frames(tmp_path / "a.st")
    assert series.tilt_angles().tolist() == angles
    assert series.frames_per_tilt == [each] * (N // each)


def test_header_of_one_angstrom_means_unknown(tmp_path, stack):
    mrc(tmp_path / "a.mrc", stack, 1.0)
    with pytest.raises(InputError, match=r"1 angstrom in the header, which .*--pixel-size"):
        read_frames(tmp_path / "a.mrc")
    assert read_frames(tmp_path / "a.mrc", pixel_size=1).pixel_size == 1
    mdoc(tmp_path / "a.mdoc", range(N))
    assert read_frames(tmp_path / "a.mrc").pixel_size == 3.47


def test_contradicting_pixel_sizes(tmp_path, stack):
    mrc(tmp_path / "a.mrc", stack, 2.0)
    mdoc(tmp_path / "a.mdoc", range(N))
    with pytest.raises(
        DataFileError, match=r"2 angstrom in the header.*3\.47 angstrom, as in the a\.mdoc"
    ):
        read_frames(tmp_path / "a.mrc")


# Of values that nothing else states, an unusable one is an error; see test_statements.py for more.
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.rawtlt", "1\n2\n3\n4\n", r"4 angles.*6, one per image of .*a\.mrc.*--angles"),
        ("a.rawtlt", "-1.05\n-0.5\n0\n0.5\n0.8\n1.05\n", "look like radians"),
        ("a.mdoc", "".join(f"[ZValue = {i}]\nTiltAngle = {i / 5}\n" for i in range(6)), "radians"),
        ("a.rawtlt", "0 1 0\n" + "1 2 0\n" * 5, "phi or psi"),
        ("a.mdoc", "[ZValue = 0]\nTiltAngle = 3\n", "1 sections.*6"),
        ("a.json", '{"angles": "up"}', "unreadable"),
        ("a.json", '{"angles": [1, 2], "angle_unit": "turns"}', "'turns'"),
        ("a.json", '{"angles": [1, 2], "angle_unit": 3}', "angle_unit 3"),
        ("a.csv", "angle\n1\nup\n", "angle 'up' in row 1"),
        ("a.csv", "angle\n0.1\n0.5\n1.0\n", "look like radians"),
        ("a.csv", "angle (turns)\n0.1\n0.5\n1.0\n", "'turns'"),
    ],
)
def test_bad_files_beside(tmp_path, stack, name, text, message):
    mrc(tmp_path / "a.mrc", stack)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_frames(tmp_path / "a.mrc")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "a.json is not used.*unreadable"),
        ("a.json", '{"pixel_size": "1"}', "the pixel size in the a.json not used.*pixel_size '1'"),
        ("a.json", '{"pixel_size": 1, "pixel_size_unit": "1/nm"}', "a.json not used.*1/nm"),
        ("a.json", '{"pixel_size": 1, "pixel_size_unit": 3}', "a.json not used.*size_unit 3"),
        ("a.json", '{"frames_per_tilt": [1.5]}', r"part of a.json is not used.*\[1\.5\]"),
        ("a.json", '{"frames_per_tilt": [2, 0]}', r"part of a.json is not used.*\[2, 0\]"),
        ("a.json", '{"frames_per_tilt": [2, 2]}', "add up to 4 .* 6 images.*--frames-per-tilt"),
        ("a.json", '{"metadata": 3}', "part of a.json is not used.*metadata of type int"),
        ("a.csv", "angle\n", "a.csv is not used.*1 lines"),
        ("a.csv", "angle,angle\n1,2\n", "a.csv is not used.*each title once"),
        ("a.csv", "angle,x\n1,2\n3\n", "a.csv is not used.*1 entries in line 3"),
        ("a.csv", "pixel_size,voltage_kv\n3.47,200\n3.47,300\n", "part of a.csv.*300 in row 1"),
        ("a.csv", "frames\n2\n2.5\n", "part of a.csv.*frames 2.5 in row 1"),
    ],
)
def test_a_bad_part_beside_leaves_the_rest(tmp_path, stack, name, text, message):
    """The pixel size comes from the header then, and every image is a tilt."""
    mrc(tmp_path / "a.mrc", stack)
    (tmp_path / name).write_text(text)
    with pytest.warns(UserWarning, match=message):
        series = read_frames(tmp_path / "a.mrc")
    assert series.pixel_size == pytest.approx(3.47)
    assert series.frames_per_tilt == [1] * N


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[1, 2]"),  # whatever it is, not of this package
        ("a.csv", "Label;Mean\n1;2,5\n"),  # results of ImageJ
        ("a.csv", " ,Area,Mean,Min,Max\n1,100,2.5,0,5\n"),
        ("a.csv", "frame number,dose\n1\n2,3,4\n"),  # a log
        ("a.csv", ""),
    ],
)
def test_files_of_other_programs_are_passed_over(tmp_path, stack, name, text):
    mrc(tmp_path / "a.mrc", stack)
    (tmp_path / name).write_text(text)
    series = read_frames(tmp_path / "a.mrc")
    assert series.metadata == {}
    assert series.angles is None


def test_a_good_sidecar_behind_a_foreign_file(tmp_path, stack):
    mrc(tmp_path / "a.mrc", stack)
    (tmp_path / "a.json").write_text("[1, 2]")
    (tmp_path / "a.csv").write_text("angle;pixel size (nm);note\n-3,5;0,347;x\n0;0,347;\n")
    series = read_frames(tmp_path / "a.mrc", frames_per_tilt=3)
    assert series.tilt_angles().tolist() == [-3.5, 0]
    assert series.pixel_size == pytest.approx(3.47)
    assert series.metadata["table"]["note"] == ["x", ""]


def test_tiff_with_json(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack.transpose(0, 2, 1), photometric="minisblack")
    notes = {
        "angles": [-0.5, 0.0, 0.5],
        "angle_unit": "radian",
        "pixel_size": 0.0347,
        "pixel_size_unit": "nm",
        "voltage_kv": 300,
        "metadata": {"operator": "me"},
    }
    (tmp_path / "a.json").write_text(json.dumps(notes))
    series = read_frames(tmp_path / "a.tif")
    np.testing.assert_array_equal(series.stack(), stack)
    np.testing.assert_allclose(series.tilt_angles(), np.rad2deg([-0.5, 0, 0.5]))
    assert series.frames_per_tilt == [2, 2, 2]
    assert series.pixel_size == pytest.approx(0.347)
    assert series.voltage == 300
    assert series.metadata["operator"] == "me"


def test_tiff_with_csv(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tiff", stack.transpose(0, 2, 1), photometric="minisblack")
    (tmp_path / "a.csv").write_text(
        "tilt angle (deg),frames,pixel_size_nm,dwell_time_us,note\n"
        "-3,1,0.05,4,first\n0,2,0.05,4,\n3,3,0.05,4,last\n"
    )
    series = read_frames(tmp_path / "a.tiff")
    assert series.tilt_angles().tolist() == [-3, 0, 3]
    assert series.frames_per_tilt == [1, 2, 3]
    assert series.pixel_size == 0.5
    assert series.dwell_time == 4
    assert series.metadata["table"]["note"] == ["first", "", "last"]


def test_tiff_of_imagej_with_four_axes(tmp_path, stack):
    four = stack.reshape(3, 2, NX, NY).transpose(0, 1, 3, 2)
    tifffile.imwrite(
        tmp_path / "a.tif",
        four,
        imagej=True,
        resolution=(20.0, 20.0),
        metadata={"axes": "TZYX", "unit": "nm"},
    )
    series = read_frames(tmp_path / "a.tif")
    assert series.frames_per_tilt == [2, 2, 2]
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.pixel_size == pytest.approx(0.5)
    assert series.metadata["imagej_metadata"]["unit"] == "nm"


def test_tiff_per_tilt_in_a_folder(tmp_path, stack):
    for index in range(3):
        tifffile.imwrite(
            tmp_path / f"tilt_{index}.tif",
            stack[2 * index : 2 * index + 2].transpose(0, 2, 1),
            photometric="minisblack",
        )
        (tmp_path / f"tilt_{index}.json").write_text(
            json.dumps({"angles": [3 * index], "pixel_size": 0.5, "voltage_kv": 200})
        )
    series = read_frames(tmp_path)
    np.testing.assert_array_equal(series.stack(), stack)
    assert series.tilt_angles().tolist() == [0, 3, 6]
    assert series.voltage == 200
    assert [note["file"] for note in series.metadata["files"]][2] == "tilt_2.tif"
    files = [tmp_path / f"tilt_{index}.tif" for index in (2, 0)]
    assert read_frames(files).tilt_angles().tolist() == [6, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the files state others
        assert read_frames(files, angles=[10, 20], pixel_size=2).pixel_size == 2
    assert read_frames(files, frames_per_tilt=2).tilt_angles().tolist() == [6, 0]
    # One file without an angle, one of another size, one of several angles.
    (tmp_path / "tilt_1.json").write_text(json.dumps({"pixel_size": 0.5}))
    with pytest.raises(DataFileError, match=r"tilt_1\.tif: found no tilt angle"):
        read_frames(tmp_path)
    (tmp_path / "tilt_1.json").write_text(json.dumps({"angles": [3], "pixel_size": 0.6}))
    with pytest.raises(DataFileError, match=r"tilt_1\.tif.*0\.6 angstrom.*0\.5 angstrom, as"):
        read_frames(tmp_path)
    (tmp_path / "tilt_1.json").write_text(json.dumps({"angles": [3, 4]}))
    with pytest.raises(DataFileError, match=r"tilt angles from 3 to 4.*one tilt per file"):
        read_frames(tmp_path)


def test_folders_and_lists_that_hold_nothing_to_read(tmp_path, stack):
    with pytest.raises(DataFileError, match="a folder without image files"):
        read_frames(tmp_path)
    with pytest.raises(InputError, match="an empty list"):
        read_frames([])
    mrc(tmp_path / "a.mrc", stack)
    (tmp_path / "a.tif").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"types \.mrc, \.tif"):
        read_frames(tmp_path)
    with pytest.raises(DataFileError, match=r"type \.xyz"):
        read_frames(tmp_path / "a.xyz")


def test_arguments_override_the_file(tmp_path, stack):
    mrc(tmp_path / "a.mrc", stack)
    mdoc(tmp_path / "a.mdoc", range(N))
    with pytest.warns(UserWarning, match="given") as caught:
        series = read_frames(tmp_path / "a.mrc", angles=[5, 10], pixel_size=0.3)
    texts = [str(item.message).rpartition("a.mrc: ")[2] for item in caught]
    assert texts == [
        "angles given; others in a.mdoc not used",
        "a pixel size of 0.3 angstrom given; 3.47 angstrom in the a.mdoc not used",
    ]
    assert series.frames_per_tilt == [3, 3]
    assert series.pixel_size == 0.3
    assert read_frames(tmp_path / "a.mrc", frames_per_tilt=1).frames_per_tilt == [1] * N
    (tmp_path / "b.txt").write_text("1\n2\n3\n")
    with pytest.warns(UserWarning, match="angles given"):
        table = read_frames(tmp_path / "a.mrc", angles=tmp_path / "b.txt")
    assert table.frames_per_tilt == [2] * 3
    (tmp_path / "a.mdoc").unlink()
    for wrong, message in ([[1, 2]], "shape"), ([0.1, 0.2, 1.0], "radians"), ([1] * 4, "4 angles"):
        with pytest.raises(InputError, match=message):
            read_frames(tmp_path / "a.mrc", angles=wrong, frames_per_tilt=1)


def test_no_angles_are_none_until_needed(tmp_path, stack):
    mrc(tmp_path / "a.mrc", stack)
    series = read_frames(tmp_path / "a.mrc")
    assert series.angles is None
    assert series.frames_per_tilt == [1] * N
    with pytest.raises(InputError, match=r"a\.mrc: angles: found none"):
        series.tilt_angles()


METADATA = {
    "voltage_kv": 300.0,
    "dwell_time_us": 3.0,
    "dm": {"1": {"µ": [1, 2.5, None, True]}},
    "mdoc": {"x": "y"},
    "tiff_description": "text",
}


@pytest.mark.parametrize("suffix", [".emd", ".h5", ".mrc", ".st", ".tif", ".tiff"])
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    step=st.sampled_from([0.0, 0.5, 3.0]),
    with_angles=st.booleans(),
)
@settings(max_examples=6)
def test_nothing_is_lost_in_a_round_trip(tmp_path_factory, suffix, kind, counts, step, with_angles):
    rng = np.random.default_rng(sum(counts))
    frames = tuple(rng.integers(1, 999, (count, NX, NY)).astype(kind) for count in counts)
    angles = 10 + step * np.arange(len(counts)) if with_angles else None
    series = FrameSeries(frames, angles, 0.347, METADATA)
    path = tmp_path_factory.mktemp("io") / f"a{suffix}"
    written = write_frames(path, series)
    assert written[0] == path
    assert sorted(written) == sorted(path.parent.iterdir())
    again = read_frames(path)
    assert again.frames_per_tilt == counts
    assert again.frames[0].dtype == kind
    np.testing.assert_array_equal(again.stack(), series.stack())
    if angles is None:
        assert again.angles is None
    else:
        np.testing.assert_array_equal(again.angles, angles)
    assert again.pixel_size == 0.347
    assert again.metadata == METADATA


def test_mdoc_alone_tells_the_angles_of_what_was_written(tmp_path, stack):
    metadata = {"voltage_kv": 300, "tilt_axis_degrees": 85.3}
    series = FrameSeries((stack[:2], stack[2:]), [-3.25, 6], 0.347, metadata)
    files = write_frames(tmp_path / "a.mrc", series)
    assert [file.name for file in files] == ["a.mrc", "a.mrc.mdoc", "a.mrc.json"]
    files[2].unlink()
    again = read_frames(files[0])
    assert again.tilt_angles().tolist() == [-3.25, 6]
    assert again.frames_per_tilt == [2, 4]
    assert again.voltage == 300
    assert again.tilt_axis == 85.3
    assert again.pixel_size == pytest.approx(0.347)


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, 2], np.int64, np.int16),
        ([1, 60000], np.uint32, np.uint16),
        ([-1, 2**20], np.int32, np.float32),
        ([1.5, 2], np.float64, np.float32),
        ([1, 255], np.uint8, np.int16),
    ],
)
def test_types_that_mrc_does_not_have(tmp_path, values, kind, stored):
    frames = np.array([[values]], kind)
    write_frames(tmp_path / "a.mrc", FrameSeries((frames,), [0], 1.5))
    again = read_frames(tmp_path / "a.mrc")
    assert again.frames[0].dtype == stored
    np.testing.assert_array_equal(again.frames[0], frames)


def test_what_cannot_be_written_leaves_nothing(tmp_path, stack):
    huge = FrameSeries((np.array([[[1, 2**24 + 1]]], np.int64),), None, 1)
    with pytest.raises(InputError, match="16777217"):
        write_frames(tmp_path / "a.mrc", huge)
    uneven = FrameSeries((stack, stack[:, :2]), None, 1)
    for suffix in (".emd", ".mrc", ".tif"):
        with pytest.raises(InputError, match="tilt 1"):
            write_frames(tmp_path / f"a{suffix}", uneven)
    with pytest.raises(InputError, match=r"a\.dm3"):
        write_frames(tmp_path / "a.dm3", huge)
    (tmp_path / "b.tif").mkdir()
    with pytest.raises(OutputError, match="a folder"):
        write_frames(tmp_path / "b.tif", huge)
    assert [item.name for item in tmp_path.iterdir()] == ["b.tif"]


def test_truncated_images(tmp_path, stack):
    series = FrameSeries((stack,), [0], 1)
    for suffix in (".mrc", ".tif"):
        path = write_frames(tmp_path / f"a{suffix}", series)[0]
        data = path.read_bytes()
        for length in (0, 10, len(data) - 20):
            path.write_bytes(data[:length])
            with pytest.raises(DataFileError, match=rf"a\{suffix}"):
                read_frames(path)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "Å", 2),
        (2, "\u212b", 2),
        (2, "A", 2),
        (2, "nm", 20),
        (2, "[n_m]", 20),
        (2, "µm", 2e4),
        (2, "\u03bcm", 2e4),
        (2e-10, "m", 2),
        (2, "", None),
        (2, "px", None),
        (0, "nm", None),
        (np.nan, "nm", None),
    ],
)
def test_lengths(value, unit, expected):
    assert angstrom("a", value, unit) == (None if expected is None else pytest.approx(expected))


def test_degrees_and_radians():
    small = [-1.0, 0.0, 1.0]
    assert degrees("a", small, "deg").tolist() == small
    np.testing.assert_allclose(degrees("a", small, "[rad]"), np.rad2deg(small))
    assert degrees("a", [0.0, 1.0], None).tolist() == [0, 1]
    with pytest.raises(InputError, match=r"3 angles between -1 and 1 .*radians"):
        degrees("a", small, None)
    with pytest.raises(InputError, match="'gon'"):
        degrees("a", small, "gon")
