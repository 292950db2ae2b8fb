"""``aet preprocess``: raw frames in files, a tilt series in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.frame_series import FrameSeries
from aet_port.core.scan_distortion import ScanDistortion, correct_scan_distortion
from aet_port.io import read_tilt_series
from aet_port.io.frames import write_frames
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.raw_frames import RawFrames, take_frames
from aet_port.simulation.settings import RawFrameSettings
from tests.cli.samples import Aet, Refused, contents
from tests.gallery import particles_on_a_support

PIXEL, SHAPE, TILTS = 0.5, (73, 70), 7
Asked = Callable[..., Any]


@pytest.fixture(scope="module")
def raw() -> RawFrames:
    points = np.random.default_rng(3).uniform(-7, 7, (240, 3))
    model = AtomicModel.from_positions(points[np.linalg.norm(points, axis=1) < 7][:60], "Ta")
    angles = np.zeros((TILTS, 3))
    angles[:, 1] = np.linspace(-54, 54, TILTS)
    settings = RawFrameSettings(dose=3e5, n_frames=2, seed=5)
    return take_frames(lambda a: project_atoms(model, a, PIXEL, SHAPE), angles, PIXEL, settings)


@pytest.fixture
def emd(raw: RawFrames, tmp_path: Path) -> Path:
    series = FrameSeries(tuple(raw.frames), raw.angles[:, 1], PIXEL, {"voltage_kv": 300})
    (file,) = write_frames(tmp_path / "frames.emd", series)
    return file


def test_series_record_and_figures(emd: Path, raw: RawFrames, tmp_path: Path, asked: Asked) -> None:
    out, figures = tmp_path / "out", tmp_path / "figures"
    options = ("--denoise", "nlm", "--shear-y", 0.005, "--threads", 1)
    facts = asked("preprocess", emd, *options, "--figures", figures, "-o", out)
    assert set(contents(out)) == {"projections.mat", "angles.txt", "preprocess.json"}
    series = read_tilt_series(out / "projections.mat", out / "angles.txt")
    assert series.pixel_size == PIXEL
    np.testing.assert_allclose(series.angles, raw.angles)
    assert facts["folder"] == str(out)
    assert facts["tilts"] == TILTS
    assert facts["frames"] == 2 * TILTS
    assert facts["detector"] == list(series.detector)
    record = json.loads((out / "preprocess.json").read_text())
    assert record["frames_from"] == str(emd)
    assert record["shear_y"] == 0.005
    assert record["metadata"]["voltage_kv"] == 300
    assert np.shape(record["shifts"]) == (TILTS, 2)
    assert len(record["drift"]) == TILTS
    names = [Path(path).name for path in facts["figures"]]
    steps = ("frame", "noise", "drift", "denoising", "background", "shifts", "common_lines")
    assert names == [f"{step}.png" for step in (*steps, "aligned")]
    for path in facts["figures"]:
        assert np.ptp(imread(path)[..., :3]) > 0.5


@pytest.mark.parametrize("by", ["particles", "common-lines"])
def test_a_calibration_of_the_scan_is_used(
    by: str, emd: Path, tmp_path: Path, asked: Asked, refused: Refused
) -> None:
    truth = ScanDistortion(0.0, 0.012)
    if by == "particles":
        images, tilts = particles_on_a_support()
        shears: tuple[str, ...] = ()
    else:
        tilts = [-60.0, -36.0, -12.0, 12.0, 36.0, 60.0]  # six images of the sample
        points = np.random.default_rng(8).uniform(-7, 7, (240, 3))
        model = AtomicModel.from_positions(points[np.linalg.norm(points, axis=1) < 7][:60], "Ta")
        images = project_atoms(model, [[0, t, 0] for t in tilts], PIXEL, SHAPE)
        shears = ("--shears", "y")
    # What is seen at x is what lies at the inverse of the distortion.
    sheared = correct_scan_distortion(images, ScanDistortion(0.0, -0.012))
    np.save(tmp_path / "images.npy", sheared)
    np.savetxt(tmp_path / "tilts.txt", tilts)
    given = (tmp_path / "images.npy", tmp_path / "tilts.txt", "--pixel-size", PIXEL, "--by", by)
    file = tmp_path / "scan.json"
    facts = asked("calibrate-scan", *given, *shears, "-o", file)
    # Without noise: the interpolation of the distorted images is what is left.
    assert abs(facts["shear_y"] - truth.shear_y) < 1e-3
    assert facts["by"] == by
    options = ("--denoise", "none", "--threads", 1, "--calibration", file)
    asked("preprocess", emd, *options, "-o", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "preprocess.json").read_text())
    assert record["shear_y"] == facts["shear_y"]
    file.write_text("{}")
    refused("preprocess", emd, *options, "-o", tmp_path / "again", parts=("scan.json", "shear_x"))


def test_npy_and_a_table(emd: Path, tmp_path: Path, aet: Aet, asked: Asked) -> None:
    common = ("preprocess", emd, "--denoise", "none", "--threads", 1)
    text = aet(*common, "-o", tmp_path / "a", "--format", "npy").out
    assert "drift_residual" in text
    assert set(contents(tmp_path / "a")) == {"projections.npy", "angles.txt", "preprocess.json"}
    asked(*common, "-o", tmp_path / "b")
    one = np.load(tmp_path / "a" / "projections.npy")
    two = read_tilt_series(tmp_path / "b" / "projections.mat", tmp_path / "b" / "angles.txt")
    np.testing.assert_array_equal(one, two.images)


# As on the command line: pytest would make an error of the warning.
@pytest.mark.filterwarnings("always")
def test_angles_and_pixel_size_given(
    raw: RawFrames, tmp_path: Path, aet: Aet, refused: Refused
) -> None:
    series = FrameSeries(tuple(raw.frames), None, PIXEL)
    file = write_frames(tmp_path / "frames.emd", series)[0]
    out = tmp_path / "out"
    common = ("preprocess", file, "--denoise", "none", "--threads", 1, "-o", out)
    refused(*common, parts=(file, "angles"))
    assert not out.exists()
    table = tmp_path / "tilts.txt"
    np.savetxt(table, raw.angles[:, 1])
    outcome = aet(*common, "--angles", table, "--pixel-size", 0.4, "--json")
    assert outcome.code == 0, outcome.err
    assert "a pixel size of 0.4 angstrom given; 0.5 angstrom in the " in outcome.err
    assert outcome.err.count("\n") == 1
    made = read_tilt_series(out / "projections.mat", out / "angles.txt")
    assert made.pixel_size == 0.4
    np.testing.assert_allclose(made.angles, raw.angles)


@pytest.mark.filterwarnings("ignore:alignment")  # a ball is no film
def test_a_background_can_be_left_alone(emd: Path, tmp_path: Path, asked: Asked) -> None:
    """A film has no border of background: none is subtracted there unless asked for."""
    film = ("--film-marker", 24, 48, 24, 48, "--denoise", "none", "--threads", 1)
    facts = {}
    for name, words in {"kept": ("--no-background",), "off": ("--background",)}.items():
        facts[name] = asked("preprocess", emd, *film, *words, "-o", tmp_path / name)
    usual = asked("preprocess", emd, *film, "-o", tmp_path / "usual")
    stacks = {
        name: read_tilt_series(folder / "projections.mat", folder / "angles.txt").images
        for name in ("kept", "off", "usual")
        for folder in [tmp_path / name]
    }
    np.testing.assert_array_equal(stacks["usual"], stacks["kept"])
    assert not np.array_equal(stacks["off"], stacks["kept"])
    assert usual["tilts"] == facts["off"]["tilts"] == TILTS


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--denoise", "median"), ("--denoise: found 'median'", "'bm3d'")),
        (
            ("--strength", "strong"),
            ("--strength: found 'strong'", "above zero and at most 100 or 'search'"),
        ),
        (("--strength", 0), ("--strength: found '0'", "above zero and at most 100 or 'search'")),
        (("--tilt-axis", "up"), ("--tilt-axis: found 'up'", "(degrees) or 'find'")),
        (("--tilt-axis", 181), ("--tilt-axis: found '181'", "between -180 and 180 (degrees)")),
        (("--slow-axis", "z"), ("--slow-axis: found 'z'", "'x', 'y'")),
        (("--margin", -1), ("--margin: found -1.0", "between 0 and", "(pixels)")),
        (("--saturation", 65535), ("--saturation", "no such option", "--saturation-level")),
        (("--format", "tif"), ("--format: found 'tif'", "'mat', 'npy'")),
        (("--estimate-shear", "--scale", 1.0), ("--estimate-shear", "a calibrated distortion")),
        (("--estimate-shear", "--tilt-axis", "find"), ("--estimate-shear", "a tilt axis")),
        (("--shear-x", 3), ("--shear-x",)),
        (("--no-background",), ("--background: found false", "a sample on zero")),
        (("--angles", "nowhere.txt"), ("nowhere.txt", "no such file")),
        (("--film-marker", 20, 40, 60, 90, "--denoise", "none"), ("marker",)),
        (("--film-marker", 20, 40, 60), ("--film-marker", "4 arguments")),
    ],
)
def test_bad_input_leaves_nothing(
    words: tuple, parts: tuple[str, ...], emd: Path, tmp_path: Path, refused: Refused
) -> None:
    options = ("--threads", 1, "--json", "-o", tmp_path / "out")
    refused("preprocess", emd, *options, *words, parts=parts)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(emd: Path, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "out").write_text("a file")
    refused("preprocess", emd, "-o", tmp_path / "out", parts=("out", "not a folder"))
    assert (tmp_path / "out").read_text() == "a file"


# As on the command line: pytest would make an error of the warning.
@pytest.mark.filterwarnings("always")
def test_a_warning_is_one_line(tmp_path: Path, aet: Aet) -> None:
    frames = np.full((9, 24, 24), 7, dtype=np.uint16)
    frames[:, 8:16, 8:16] += np.random.default_rng(1).integers(0, 9, (9, 8, 8)).astype(np.uint16)
    frames[4, 3, 3] = 60000
    theta = np.linspace(-60, 60, 9)
    (file,) = write_frames(tmp_path / "raw.emd", FrameSeries(tuple(frames[:, None]), theta, 0.5))
    told = aet("preprocess", file, "--denoise", "none", "--margin", 1, "-o", tmp_path / "out")
    assert told.code == 0, told.err
    (line,) = (line for line in told.err.splitlines() if "hot" in line)
    assert line.startswith("aet: warning: ")
    assert ".py" not in told.err
