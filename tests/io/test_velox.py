"""EMD files of Velox, written here as that program lays them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.io.frames import read_frames
from aet_port.io.settings import ReadSettings
from aet_port.io.velox import read_velox

NY, NX = 5, 7


def record(tilt: float | None, detector: str = "HAADF", **pixel: str) -> dict[str, Any]:
    size = {"width": "2.5e-11", "height": "2.5e-11"} | pixel
    note: dict[str, Any] = {
        "BinaryResult": {"PixelSize": size, "PixelUnitX": "m", "Detector": detector},
        "Optics": {"AccelerationVoltage": "200000"},
        "Scan": {"DwellTime": "3e-06", "FrameTime": "1.5"},
    }
    return note if tilt is None else note | {"Stage": {"AlphaTilt": f"{tilt:.9f}"}}


def write(path: Path, frames: np.ndarray, notes: list[dict[str, Any]], name: str = "a1") -> None:
    table = np.zeros((4000, len(notes)), np.uint8)
    for column, note in zip(table.T, notes, strict=True):
        text = json.dumps(note).encode()
        column[: len(text)] = np.frombuffer(text, np.uint8)
    with h5py.File(path, "a") as file:
        group = file.create_group(f"Data/Image/{name}")
        group["Data"] = np.ascontiguousarray(frames.transpose(2, 1, 0))  # (y, x, frame)
        group["Metadata"] = table


@pytest.fixture
def frames() -> np.ndarray:
    """Six frames (n, x, y), each pixel another number."""
    return np.arange(6 * NX * NY, dtype=np.uint16).reshape(6, NX, NY)


def test_a_series_in_one_file(tmp_path: Path, frames: np.ndarray) -> None:
    # Two frames a tilt; a goniometer at rest trembles.
    tilts = np.radians([-10, -10.001, 0, 0.001, 10, 10])
    write(tmp_path / "a.emd", frames, [record(tilt) for tilt in tilts])
    series = read_frames(tmp_path / "a.emd")
    assert [len(images) for images in series.frames] == [2, 2, 2]
    np.testing.assert_array_equal(np.concatenate(series.frames), frames)
    np.testing.assert_allclose(series.tilt_angles(), [-10.0005, 0.0005, 10], atol=1e-6)
    assert series.pixel_size == pytest.approx(0.25)
    assert series.metadata["voltage_kv"] == 200
    assert series.metadata["dwell_time_us"] == pytest.approx(3)
    assert series.metadata["detector"] == "HAADF"
    assert series.metadata["velox"]["Scan"]["FrameTime"] == "1.5"


def test_a_file_for_each_tilt(tmp_path: Path, frames: np.ndarray) -> None:
    for number, tilt in enumerate((-20, 0, 20)):
        one = frames[2 * number : 2 * number + 2]
        write(tmp_path / f"{number}.emd", one, [record(np.radians(tilt))])
    series = read_frames(tmp_path)
    assert [len(images) for images in series.frames] == [2, 2, 2]
    np.testing.assert_allclose(series.tilt_angles(), [-20, 0, 20], atol=1e-6)
    np.testing.assert_array_equal(series.frames[2][1], frames[5])


def test_one_of_several_detectors(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    write(path, frames, [record(0.1, "BF")], "a1")
    write(path, frames + 1, [record(0.1)], "b2")
    assert read_velox(path).images[0, 0, 0] == 1
    assert read_velox(path, ReadSettings(detector="BF")).images[0, 0, 0] == 0
    with pytest.raises(DataFileError, match=r"\(0 BF, 1 HAADF\).*not --detector DF4"):
        read_velox(path, ReadSettings(detector="DF4"))


def test_no_stage_no_angles(tmp_path: Path, frames: np.ndarray) -> None:
    write(tmp_path / "a.emd", frames, [record(None)])
    found = read_velox(tmp_path / "a.emd")
    assert found.tilt_angles() is None
    assert found.frames_per_tilt == [6]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": "2e-11"}, "pixels of 0.25 x 0.2 angstrom; expected square pixels"),
        ({"width": "wide"}, "a width of pixels of 'wide'; expected a number"),
    ],
)
def test_pixels_that_cannot_be(
    tmp_path: Path, frames: np.ndarray, change: dict[str, str], words: str
) -> None:
    write(tmp_path / "a.emd", frames, [record(0.1, **change)])
    with pytest.raises(DataFileError, match=f"{words}.*--pixel-size"):
        read_frames(tmp_path / "a.emd")
    assert read_frames(tmp_path / "a.emd", pixel_size=0.3).pixel_size == 0.3


def test_truncated_and_foreign_files(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    write(path, frames, [record(0.1)] * 4)
    with pytest.raises(DataFileError, match=r"4 records for 6 frames.*--angles"):
        read_frames(path)
    assert read_frames(path, angles=[10]).frames_per_tilt == [6]
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataFileError, match=r"a\.emd"):
        read_velox(path)
    path.unlink()
    with h5py.File(path, "w") as file:
        file.create_group("Data/Image")
    with pytest.raises(DataFileError, match="no Data/Image"):
        read_frames(path)
    with h5py.File(path, "a") as file:
        file["Data/Image/a1/Data"] = np.zeros((4, 4, 1), np.complex64)
        file["Data/Image/a1/Metadata"] = np.zeros((10, 1), np.uint8)
    with pytest.raises(DataFileError, match=r"complex64.*; expected images \(y, x, frame\)"):
        read_velox(path)


def add(path: Path, name: str, data: np.ndarray, note: dict[str, Any] | bytes) -> None:
    """Another image, with its settings or any bytes in their place."""
    text = note if isinstance(note, bytes) else json.dumps(note).encode()
    with h5py.File(path, "a") as file:
        file[f"Data/Image/{name}/Data"] = data
        file[f"Data/Image/{name}/Metadata"] = np.frombuffer(text.ljust(2000, b"\0"), np.uint8)[
            :, np.newaxis
        ]


HALF = [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")]
DPC = [("realFloat", "<f4"), ("imagFloat", "<f4")]


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (np.zeros((NY, 4, 1), HALF), {}, "a transform"),
        (np.zeros((NY, NX, 1), DPC), {}, "a complex image"),
        (np.zeros((NY, NX, 1), "c8"), {}, "a complex image"),
        (np.zeros(NX, "f4"), {}, r"an array of shape \(7,\)"),
    ],
)
def test_what_can_be_no_frame_does_not_count(
    tmp_path: Path, frames: np.ndarray, data: np.ndarray, changes: dict[str, str], message: str
) -> None:
    path = tmp_path / "a.emd"
    note = record(0.1)
    add(path, "a1", data, note | {"BinaryResult": note["BinaryResult"] | changes})
    with pytest.raises(DataFileError, match=message):
        read_velox(path)
    write(path, frames, [record(0.1)], "b2")
    np.testing.assert_array_equal(read_velox(path).images, frames)
    with pytest.raises(DataFileError, match=rf"{message}.*; expected one of 1 image \(0 HAADF\)"):
        read_velox(path, ReadSettings(group="Data/Image/a1"))


def test_images_of_no_preferred_detector_are_offered(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    for name, detector in (("a1", "BF"), ("b2", "DF4")):
        write(path, frames + (name == "b2"), [record(0.1, detector)], name)
    with pytest.raises(DataFileError, match=r"2 images \(0 BF, 1 DF4\).*--detector NAME"):
        read_velox(path)
    for chosen in ({"image": 1}, {"image": "DF4"}, {"detector": "df4"}, {"group": "Data/Image/b2"}):
        assert read_velox(path, ReadSettings(**chosen)).images[0, 0, 0] == 1
    assert read_frames(path, read=ReadSettings(image="BF")).metadata["detector"] == "BF"


def test_diffraction_patterns_count_only_alone(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    note = record(0.1)
    pattern = note | {"BinaryResult": note["BinaryResult"] | {"PixelUnitX": "1/m"}}
    add(path, "a1", np.ones((NY, NX, 1), "f4"), pattern)
    with pytest.raises(DataFileError, match=r"'1/m'.*--pixel-size"):
        read_frames(path)
    assert read_frames(path, pixel_size=0.3).pixel_size == 0.3
    write(path, frames, [record(0.1)], "b2")
    np.testing.assert_array_equal(read_velox(path).images, frames)
    assert read_velox(path, ReadSettings(group="Data/Image/a1")).images.max() == 1


def test_titles_of_the_displays_are_names(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    write(path, frames, [record(0.1)], "a1")
    write(path, frames + 1, [record(0.1)], "b2")
    label = {"dataPath": "/Data/Image/b2", "display": {"label": "Fe-K"}}
    with h5py.File(path, "a") as file:
        displays = file.create_group("Presentation/Displays/ImageDisplay")
        displays["one"] = np.array([json.dumps(label)], dtype=h5py.string_dtype())
        displays["two"] = np.array(["no JSON"], dtype=h5py.string_dtype())
    with pytest.raises(DataFileError, match=r"0 HAADF, 1 Fe-K"):
        read_velox(path)
    assert read_velox(path, ReadSettings(image="Fe-K")).images[0, 0, 0] == 1


@pytest.mark.parametrize("text", [b"no JSON", b"[1, 2]", b"", b'{"Stage": {"AlphaTilt": "up"}}'])
def test_settings_that_cannot_be_read(tmp_path: Path, frames: np.ndarray, text: bytes) -> None:
    path = tmp_path / "a.emd"
    add(path, "a1", np.ascontiguousarray(frames.transpose(2, 1, 0)), text)
    series = read_frames(path, angles=[5], pixel_size=0.3)
    np.testing.assert_array_equal(series.stack(), frames)
    assert series.tilt_angles().tolist() == [5]


def test_an_image_without_an_axis_of_frames(tmp_path: Path, frames: np.ndarray) -> None:
    add(tmp_path / "a.emd", "a1", frames[0].T.copy(), record(0.1))
    np.testing.assert_array_equal(read_velox(tmp_path / "a.emd").images, frames[:1])
