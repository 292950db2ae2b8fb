"""Files of several images, many files, and what commands say and choose."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from aet_port.core.frame_series import FrameSeries
from aet_port.io.frames import write_frames
from aet_port.workflow.config import load_config
from aet_port.workflow.input_files import with_neighbours
from aet_port.workflow.sections import InputSettings
from aet_port.workflow.series import read_raw_frames, read_series
from tests.cli.samples import Aet, Refused
from tests.cli.test_options import BY_NAME
from tests.io.test_dm import NM, Writer, dm_tree, image_entry
from tests.io.test_image_folders import emd
from tests.io.test_velox import record
from tests.io.test_velox import write as write_velox

READ_BY = (
    *("preprocess", "calibrate-scan", "reconstruct", "refine-angles", "detect", "refine"),
    "check-model",
)
OPTIONS = ("--image", "--detector", "--group", "--variable")
ANGLES = np.linspace(-40, 40, 5)


@pytest.mark.parametrize("command", READ_BY)
def test_commands_that_read_images_choose_among_them(command: str) -> None:
    assert set(OPTIONS) <= set(BY_NAME[command].options)


@pytest.mark.parametrize("option", OPTIONS)
def test_run_files_have_keys_of_the_same_names(option: str) -> None:
    assert option.removeprefix("--") in InputSettings.model_fields


@pytest.fixture
def velox(tmp_path: Path) -> Path:
    """Frames of two detectors, neither HAADF; an angle for each frame."""
    path = tmp_path / "two.emd"
    frames = np.random.default_rng(2).poisson(20, (5, 30, 28)).astype(np.uint16)
    for name, detector in (("a1", "BF"), ("b2", "DF4")):
        notes = [record(np.radians(angle), detector) for angle in ANGLES]
        write_velox(path, frames + (100 if name == "b2" else 0), notes, name)
    np.savetxt(tmp_path / "angles.txt", ANGLES)
    (tmp_path / "model.xyz").write_text("1\n\nTa 0 0 0\n")
    return path


WORDS: dict[str, list[str]] = {
    "preprocess": ["-o", "out"],
    "calibrate-scan": ["angles.txt", "-o", "scan.json"],
    "reconstruct": ["angles.txt", "-o", "v.mrc"],
    "refine-angles": ["angles.txt", "-o", "out"],
    "detect": ["angles.txt", "--species", "Ta", "-o", "m.extxyz"],
    "refine": ["angles.txt", "model.xyz", "-o", "m.extxyz"],
    "check-model": ["angles.txt", "model.xyz", "-o", "m.extxyz"],
}


@pytest.mark.parametrize("command", READ_BY)
def test_errors_list_the_images_and_name_the_options(
    velox: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(velox.parent)
    listed = "2 images (0 BF, 1 DF4)"
    named = ("--image NUMBER or NAME", "--detector NAME", "--group PATH", "[input]")
    refused(command, velox, *WORDS[command], parts=("two.emd", listed, *named))
    for option, value in (("--image", 2), ("--detector", "SE"), ("--group", "data/x")):
        parts = (f"{option} {value}", listed, *named)
        refused(command, velox, *WORDS[command], option, value, parts=parts)
    assert not (velox.parent / "out").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("image", 1), ("image", '"DF4"'), ("detector", '"DF4"')]
)
def test_keys_of_a_run_file_choose(velox: Path, key: str, value: object) -> None:
    sample = '[sample]\nname = "s"\nspecies = "Ta"\nkind = "synthetic"\n'
    text = f'{sample}[input]\nprojections = "two.emd"\n{key} = {value}\n'
    for more, read in (("", read_series), ('[preprocess]\ndenoise = "none"\n', read_raw_frames)):
        (velox.parent / "run.toml").write_text(text + more)
        series = read(load_config(velox.parent / "run.toml"))
        images = series.images if hasattr(series, "images") else series.stack()
        assert images.min() > 80


@pytest.mark.parametrize("option", [("--group", "x"), ("--detector", "HAADF")])
def test_a_choice_that_a_format_does_not_offer(
    tmp_path: Path, refused: Refused, option: tuple[str, str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 9, 9), np.uint16), photometric="minisblack")
    refused("preprocess", tmp_path / "a.tif", "-o", tmp_path / "out", *option, parts=option)


def shifted(angle: float) -> np.ndarray:
    """A particle of several atoms (nx, ny), turned about y."""
    points = np.random.default_rng(4).uniform(-8, 8, (40, 3))
    turned = points[:, 0] * np.cos(np.radians(angle)) - points[:, 2] * np.sin(np.radians(angle))
    x, y = np.arange(48) - 24, np.arange(44) - 22
    along_x = np.exp(-((x[:, None] - turned) ** 2) / 3)
    return along_x @ np.exp(-((y[:, None] - points[:, 1]) ** 2) / 3).T


def test_images_beside_plots_and_transforms_are_read(tmp_path: Path, refused: Refused) -> None:
    """The one image left is one tilt, which is too few for a series; but it was found."""
    image = np.ones((8, 9), "i4")
    plot = image_entry(image.reshape(-1), [(0.0, 1.0, "eV")])
    path = tmp_path / "image_and_plot.dm4"
    path.write_bytes(Writer(4, "<").file(dm_tree(image_entry(image, NM), plot)))
    refused("preprocess", path, "-o", tmp_path / "out", parts=("1 tilt angles", "--angles FILE"))
    path = tmp_path / "live_fft.emd"
    write_velox(path, np.ones((1, 9, 8), np.uint16), [record(0.0)])
    half = np.zeros((8, 5, 1), [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")])
    with h5py.File(path, "a") as file:
        file["Data/Image/b2/Data"] = half
        file["Data/Image/b2/Metadata"] = file["Data/Image/a1/Metadata"][()]
    refused("preprocess", path, "-o", tmp_path / "out", parts=("tilts: found 1",))


def preprocessed(aet: Aet, out: Path, *words: object) -> dict:
    outcome = aet("preprocess", *words, "--denoise", "none", "-o", out)
    assert outcome.code == 0, outcome.err
    return json.loads((out / "preprocess.json").read_text())


@pytest.mark.filterwarnings("default")
def test_one_image_in_a_file_and_files_in_natural_order(tmp_path: Path, aet: Aet) -> None:
    """Single images of EMD and TIFF files, numbered without zeros in front, in one series."""
    angles = np.linspace(-50, 50, 11)
    np.savetxt(tmp_path / "a.txt", angles)
    rng = np.random.default_rng(0)
    for kind in ("emd", "tif"):
        (tmp_path / kind).mkdir()
    for index, angle in enumerate(angles):
        counts = rng.poisson(200 * shifted(angle) + 3).astype(np.uint16)
        emd(tmp_path / f"emd/img_{index + 1}.emd", None)
        with h5py.File(tmp_path / f"emd/img_{index + 1}.emd", "a") as file:
            group = file["data/image"]
            del group["data"], group["dim1"], group["dim2"]
            group["data"] = counts.T
            for number, name in enumerate("yx", start=1):
                vector = group.create_dataset(f"dim{number}", data=0.05 * np.arange(48))
                vector.attrs["name"], vector.attrs["units"] = name, "[n_m]"
        page = tmp_path / f"tif/img_{index + 1}.tif"
        tifffile.imwrite(page, counts.T, photometric="minisblack", metadata=None)
    given = ("--angles", tmp_path / "a.txt")
    of_emd = preprocessed(aet, tmp_path / "o1", tmp_path / "emd", *given)
    files = [note["file"] for note in of_emd["metadata"]["files"]]
    assert files == [f"img_{index + 1}.emd" for index in range(11)]
    of_tif = preprocessed(aet, tmp_path / "o2", tmp_path / "tif", *given, "--pixel-size", 0.5)
    np.testing.assert_allclose(of_tif["shifts"], of_emd["shifts"])
    # The list in which a shell expands *.tif gives the very same.
    shell = sorted((tmp_path / "tif").glob("*.tif"))
    listed = preprocessed(aet, tmp_path / "o3", *shell, *given, "--pixel-size", 0.5)
    np.testing.assert_array_equal(listed["shifts"], of_tif["shifts"])


def test_readings_of_a_stage_in_a_file_per_tilt(tmp_path: Path, aet: Aet) -> None:
    """Three frames in each file, whose readings scatter by thousandths of a degree."""
    rng = np.random.default_rng(5)
    angles = np.linspace(-50, 50, 11)
    (tmp_path / "f").mkdir()
    for index, angle in enumerate(angles):
        frames = rng.poisson(200 * shifted(angle) + 3, (3, 48, 44)).astype(np.uint16)
        readings = angle + rng.normal(0, 0.004, 3)
        path = tmp_path / f"f/t_{index}.emd"
        series = FrameSeries(tuple(frames[:, None]), readings, 0.5)
        write_frames(path, series)
        with h5py.File(path, "a") as file:  # as another program, which knows no tilts
            del file["data/tomography"].attrs["frames_per_tilt"]
    facts = preprocessed(aet, tmp_path / "out", tmp_path / "f")
    assert (facts["tilts"], facts["frames"]) == (11, 33)
    table = np.loadtxt(tmp_path / "out/angles.txt")
    assert len(table) == 11
    np.testing.assert_allclose(table[:, 1], angles, atol=0.012)  # of three readings


def test_metadata_of_ser_files_belong_to_a_run(tmp_path: Path) -> None:
    for name in ("a_1.ser", "a.emi"):
        (tmp_path / name).write_bytes(b"")
    found = with_neighbours("frames 0", tmp_path / "a_1.ser", None)
    assert tmp_path / "a.emi" in found.values()
    assert tmp_path / "a_1.ser" in with_neighbours("", tmp_path / "a.emi", None).values()
