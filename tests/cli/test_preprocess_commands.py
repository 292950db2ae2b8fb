"""``aet preprocess`` and ``aet scoreboard``: raw frames in files, a tilt series in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.image import imread
from typer.testing import CliRunner

from aet_port.cli import preprocess as preprocess_commands
from aet_port.cli.preprocess import preprocess_command, scoreboard_command
from aet_port.core.data import AtomicModel
from aet_port.core.errors import AetError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.io import read_tilt_series
from aet_port.io.frames import write_frames
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.raw_frames import RawFrames, RawSettings, take_frames
from aet_port.workflow.dose_series import Score, ScoreSettings
from tests.cli.samples import contents

PIXEL, SHAPE, TILTS = 0.5, (73, 70), 7
Call = Callable[..., Any]


@pytest.fixture
def call() -> Call:
    """Call a command; its JSON or what it prints, or the error that it raised."""
    app = typer.Typer()
    app.command("preprocess")(preprocess_command)
    app.command("scoreboard")(scoreboard_command)

    def run(*words: object, as_json: bool = True) -> Any:
        more = ["--json"] if as_json else []
        result = CliRunner().invoke(app, [*map(str, words), *more], env={"COLUMNS": "200"})
        if isinstance(result.exception, AetError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    return run


@pytest.fixture(scope="module")
def raw() -> RawFrames:
    points = np.random.default_rng(3).uniform(-7, 7, (240, 3))
    model = AtomicModel.from_positions(points[np.linalg.norm(points, axis=1) < 7][:60], "Ta")
    angles = np.zeros((TILTS, 3))
    angles[:, 1] = np.linspace(-54, 54, TILTS)
    settings = RawSettings(dose=3e5, n_frames=2, seed=5)
    return take_frames(lambda a: project_atoms(model, a, PIXEL, SHAPE), angles, PIXEL, settings)


@pytest.fixture
def emd(raw: RawFrames, tmp_path: Path) -> Path:
    series = FrameSeries(tuple(raw.frames), raw.angles[:, 1], PIXEL, {"voltage_kv": 300})
    (file,) = write_frames(tmp_path / "frames.emd", series)
    return file


def test_series_record_and_figures(emd: Path, raw: RawFrames, tmp_path: Path, call: Call) -> None:
    out, figures = tmp_path / "out", tmp_path / "figures"
    options = ("--denoise", "nlm", "--shear-y", 0.005, "--threads", 1)
    facts = call("preprocess", emd, *options, "--figures", figures, "-o", out)
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


def test_npy_and_a_table(emd: Path, tmp_path: Path, call: Call) -> None:
    common = ("preprocess", emd, "--denoise", "none", "--threads", 1)
    text = call(*common, "-o", tmp_path / "a", "--format", "npy", as_json=False)
    assert "drift_residual" in text
    assert set(contents(tmp_path / "a")) == {"projections.npy", "angles.txt", "preprocess.json"}
    call(*common, "-o", tmp_path / "b")
    one = np.load(tmp_path / "a" / "projections.npy")
    two = read_tilt_series(tmp_path / "b" / "projections.mat", tmp_path / "b" / "angles.txt")
    np.testing.assert_array_equal(one, two.images)


def test_angles_and_pixel_size_given(raw: RawFrames, tmp_path: Path, call: Call) -> None:
    series = FrameSeries(tuple(raw.frames), None, PIXEL)
    file = write_frames(tmp_path / "frames.emd", series)[0]
    common = ("preprocess", file, "--denoise", "none", "--threads", 1, "-o", tmp_path / "out")
    with pytest.raises(InputError, match="angles"):
        call(*common)
    assert not (tmp_path / "out").exists()
    table = tmp_path / "tilts.txt"
    np.savetxt(table, raw.angles[:, 1])
    call(*common, "--angles", table, "--pixel-size", 0.4)
    out = tmp_path / "out"
    made = read_tilt_series(out / "projections.mat", out / "angles.txt")
    assert made.pixel_size == 0.4
    np.testing.assert_allclose(made.angles, raw.angles)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--denoise", "median"), "denoise"),
        (("--strength", "strong"), "--strength"),
        (("--tilt-axis", "up"), "--tilt-axis"),
        (("--slow-axis", "z"), "--slow-axis"),
        (("--format", "tif"), "--format"),
        (("--estimate-shear", "--scale", 1.0), "estimate_shear"),
        (("--estimate-shear", "--tilt-axis", "find"), "tilt axis"),
        (("--shear-x", 3), "shear_x"),
        (("--angles", "nowhere.txt"), "nowhere.txt"),
        (("--film-marker", 20, 40, 60, 90, "--denoise", "none"), "marker"),
    ],
)
def test_bad_input_leaves_nothing(
    words: tuple, named: str, emd: Path, tmp_path: Path, call: Call
) -> None:
    with pytest.raises(AetError, match=named):
        call("preprocess", emd, *words, "--threads", 1, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file(emd: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(AetError, match="no folder"):
        call("preprocess", emd, "-o", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "a file"


def test_scoreboard_prints_a_line_per_dose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call
) -> None:
    asked: list[ScoreSettings] = []

    def scored(settings: ScoreSettings, **_: object) -> list[Score]:
        asked.append(settings)
        return [Score(dose, failure="too dark") for dose in settings.doses]

    monkeypatch.setattr(preprocess_commands, "score", scored)
    out = tmp_path / "scores.json"
    words = ("scoreboard", "--atoms", 50, "--dose", 1e4, "--dose", 2e5, "--calibrated")
    facts = call(*words, "-o", out)
    assert [item["dose"] for item in facts["doses"]] == [1e4, 2e5]
    assert json.loads(out.read_text()) == facts
    assert asked[0].calibrated
    assert asked[0].atoms == 50
    table = call("scoreboard", as_json=False)
    assert not asked[1].calibrated
    assert asked[1].doses == (1e4, 5e4, 2e5, 8e5)
    assert table.count("too dark") == 4
    with pytest.raises(InputError, match="doses"):
        call("scoreboard", "--dose", 0)
    with pytest.raises(AetError, match=r"\.json"):
        call("scoreboard", "-o", tmp_path / "scores.txt")
