"""``aet refine`` as a command of an app of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from scipy.io import savemat
from typer.testing import CliRunner

from aet_port.cli.refine import refine
from aet_port.core.data import AtomicModel, TiltSeries
from aet_port.core.errors import AetError, InputError, OutputError
from aet_port.io import read_model, write_model, write_tilt_series
from tests.refinement.particle import displaced, particle_series, rms_distance, true_particle


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return true_particle(60, seed=4)


@pytest.fixture(scope="module")
def series(truth: AtomicModel) -> TiltSeries:
    return particle_series(truth, 16)


@pytest.fixture
def folder(truth: AtomicModel, series: TiltSeries, tmp_path: Path) -> Path:
    write_tilt_series(tmp_path / "projections.mat", tmp_path / "angles.txt", series)
    write_model(tmp_path / "start.xyz", displaced(truth))
    return tmp_path


def call(folder: Path, *words: object, model: str = "start.xyz", output: str = "out.xyz") -> Any:
    """The command's JSON, or its error raised."""
    app = typer.Typer()
    app.command()(refine)
    files = [folder / "projections.mat", folder / "angles.txt", folder / model]
    line = [*files, "-o", folder / output, "--threads", 1, "--json", *words]
    result = CliRunner().invoke(app, [str(word) for word in line])
    if isinstance(result.exception, AetError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_refine(folder: Path, truth: AtomicModel) -> None:
    found = call(folder)
    model = read_model(folder / "out.xyz")
    assert model.species == truth.species
    assert rms_distance(model.positions, truth.positions) < 0.02
    start = read_model(folder / "start.xyz").positions
    assert found["rms_movement"] == pytest.approx(rms_distance(model.positions, start))
    assert found["r1"] < 0.01 < found["r1_start"]
    assert found["r1_global"] == pytest.approx(found["r1"], rel=0.1)
    assert set(found["heights"]) == set(found["b_factors"]) == {"Co", "Pd", "Pt"}
    assert found["converged"]
    assert found["warnings"] == []
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["r1"].mean() == pytest.approx(found["r1"])
        assert dict(zip(stored["species"], stored["heights"], strict=True)) == found["heights"]
        assert stored["history"][-1, 0] == found["evaluations"]


def test_r_free_with_shifts(folder: Path) -> None:
    found = call(folder, "--folds", 4, "--shifts", "--evaluations", 8)
    assert found["r_work"] < found["r_free"] < found["r_free_start"]
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["r_free"].mean() == pytest.approx(found["r_free"])
        assert stored["fold"].tolist() == [0, 1, 2, 3] * 4
        assert stored["shifts"].shape == (16, 2)


def test_scan_shear(folder: Path) -> None:
    found = call(folder, "--scan-shear", "y", "--shifts")
    # The images have none; the start is displaced, so that there is something to find.
    assert 0 < abs(found["shear_y"]) < 2e-4
    assert found["shear_x"] == 0
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["shears"].tolist() == [0, found["shear_y"]]


def test_start_values_and_restraint(folder: Path) -> None:
    words = ["--heights", "Co=1,Pd=1.6, Pt=3", "--b-factors", "11", "--evaluations", 1]
    found = call(folder, *words)
    assert found["heights"] == {"Co": 1.0, "Pd": 1.6, "Pt": 3.0}
    assert found["b_factors"] == dict.fromkeys(("Co", "Pd", "Pt"), 11.0)
    free = call(folder, "--restraint", 0, "--evaluations", 5)
    tight = call(folder, "--restraint", 0.05, "--evaluations", 5)
    assert tight["rms_movement"] < 0.05 < free["rms_movement"]
    assert any("restraint of 0.05" in note for note in tight["warnings"])


def test_model_of_types_and_the_published_method(folder: Path, truth: AtomicModel) -> None:
    kinds = ["Co", "Pd", "Pt"]
    start = displaced(truth)
    types = np.array([[kinds.index(symbol) + 1.0 for symbol in truth.species]])
    savemat(folder / "start.mat", {"model": start.positions.T})
    savemat(folder / "types.mat", {"types": types})
    words = ["--species", "Co,Pd,Pt", "--types", folder / "types.mat"]
    found = call(folder, *words, "--method", "published", "--rounds", 1, model="start.mat")
    assert found["r1"] < found["r1_start"]
    model = read_model(folder / "out.xyz")
    assert model.species == truth.species
    assert 0 < found["rms_movement"] < 0.2


def test_a_checkpoint_is_removed_when_all_is_done(folder: Path) -> None:
    file = folder / "state.npz"
    first = call(folder, "--checkpoint", file, "--evaluations", 6)
    assert not file.exists()
    assert call(folder, "--evaluations", 6)["r1"] == first["r1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--heights", "Co"], "--heights"),
        (["--heights", "Co=1"], "nothing for Pd"),
        (["--b-factors", "Co=x"], "--b-factors"),
        (["--method", "best"], "method"),
        (["--method", "published", "--folds", 3], "--folds"),
        (["--method", "published", "--schedule", "gold"], "gold"),
        (["--folds", 1], "folds"),
        (["--species", "Ta"], "species"),
        (["--restraint", -1], "restraint"),
        (["--scan-shear", "z"], "scan_shear"),
        (["--evaluations", 0], "evaluations"),
        (["--pixel-size", -1], "pixel_size"),
    ],
)
def test_bad_options_leave_nothing_behind(folder: Path, words: list[object], message: str) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(InputError, match=message):
        call(folder, *words)
    assert sorted(folder.iterdir()) == before


def test_bad_files(folder: Path) -> None:
    with pytest.raises(InputError, match=r"out\.png"):
        call(folder, output="out.png")
    with pytest.raises(InputError, match=r"nothing\.xyz"):
        call(folder, model="nothing.xyz")
    (folder / "folder.xyz").mkdir()
    with pytest.raises(OutputError, match="folder"):
        call(folder, output="folder.xyz")
