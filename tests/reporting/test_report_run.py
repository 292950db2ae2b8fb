"""What a report reads of runs with stages on request, and of runs over sub-areas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.io import matlab, read_model, write_angles, write_tilt_series
from aet_port.reporting.build import build_report
from aet_port.reporting.run import read_run
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, PIXEL
from tests.reporting.pages import Page

ANGLES = np.stack([np.zeros(15), np.linspace(-66, 66, 15), np.zeros(15)], axis=1)
STAGES = """
[refine_angles]
max_rounds = 1

[refine]
max_evaluations = 8
scan_shear = "y"
"""


def _series(symbols: tuple[str, ...], shape: tuple[int, int]) -> TiltSeries:
    place = amorphous_particle(120, "Ta", seed=2)
    species = [symbols[k % len(symbols)] for k in range(len(place))]
    truth = AtomicModel.from_positions(place.positions, species)
    return simulate_tilt_series(truth, ANGLES, PIXEL, shape)


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    series = _series(("Pd", "Pt", "Pd"), (36, 37))
    write_tilt_series(folder / "projections.mat", folder / "angles.mat", series)
    text = CONFIG.replace('"Ta"', '["Pd", "Pt"]').replace("[analyze]", STAGES + "\n[analyze]")
    (folder / "alloy.toml").write_text(text)
    run(load_config(folder / "alloy.toml"), folder / "run", threads=1)
    return folder / "run"


def test_refined_run(refined: Path) -> None:
    content = read_run(refined, threads=1)
    record = json.loads((refined / "refinement.json").read_text())
    assert set(content.missing) == {"orders"}
    assert content.convergence is not None
    # With refined angles, species, heights and shear, as the run had them, and its R factor.
    found = content.convergence.r1["refined model"]
    np.testing.assert_allclose(found.mean(), record["r1"], rtol=1e-4)
    with np.load(refined / "volumes" / "whole_r.npz") as stored:
        np.testing.assert_array_equal(content.convergence.r1["reconstruction"], stored["r1"][-1])
        np.testing.assert_array_equal(content.convergence.history, stored["r1"].mean(axis=1))
    model = read_model(refined / "refined.extxyz")
    np.testing.assert_array_equal(content.atoms.positions, model.positions)
    shown = dict(content.agreement)
    assert shown["heights H"] == record["heights"]
    assert shown["R1 of the refined model, mean over projections"] == f"{100 * record['r1']:.2f} %"
    summary = json.loads((refined / "structure.json").read_text())
    assert content.structure is not None
    assert {str(k): n for k, n in content.structure.motifs.items()} == summary["motifs"]


# What the stages of a run make, from the last to the first.
OUTPUTS = (
    *("structure.json", "refinement.json", "refined.extxyz", "classified.extxyz", "model.xyz"),
    *("volume.npy", "peaks", "volumes"),
)


@pytest.mark.parametrize(
    ("gone", "absent"),
    [
        (1, {"structure"}),
        (3, {"structure", "refinement"}),
        (5, {"structure", "refinement", "atoms"}),
        (8, {"structure", "refinement", "atoms", "volume", "convergence"}),
    ],
)
def test_runs_that_ended_early(refined: Path, tmp_path: Path, gone: int, absent: set[str]) -> None:
    short = tmp_path / "run"
    shutil.copytree(refined, short)
    for name in OUTPUTS[:gone]:
        path = short / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    content = read_run(short, threads=1)
    assert {name for name, why in content.missing.items() if "not reached" in why} == absent
    assert (content.atoms is None) == ("atoms" in absent)
    read = Page(build_report(content))
    for name, why in content.missing.items():
        # Medium-range order is a topic of the structure, without which it is not mentioned.
        assert (f"Not shown: {why}" in read.pieces) == (name != "orders")
    assert "Output files" in read.pieces


def test_record_without_what_is_needed(refined: Path) -> None:
    path, record = refined / "refinement.json", refined / "outputs.json"
    text, hashes = path.read_text(), record.read_text()
    path.write_text(json.dumps({k: v for k, v in json.loads(text).items() if k != "heights"}))
    try:
        with pytest.raises(DataFileError, match=r"refinement\.json.*the stage 'refine' wrote"):
            read_run(refined, threads=1)
        record.write_text("{}")  # a run of an earlier version
        with pytest.raises(DataFileError, match=r"refinement\.json.*no 'heights'"):
            read_run(refined, threads=1)
    finally:
        path.write_text(text)
        record.write_text(hashes)


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.json", {"inputs": {"angles": "x"}}), ("timings.json", [{"stage": "trace"}])],
)
def test_records_of_another_shape(refined: Path, name: str, content: object) -> None:
    path = refined / name
    text = path.read_text()
    if isinstance(content, dict):
        content = json.loads(text) | content
    path.write_text(json.dumps(content))
    try:
        with pytest.raises(DataFileError, match=name):
            read_run(refined, threads=1)
    finally:
        path.write_text(text)


def test_series_that_the_run_made_itself_must_be_whole(refined: Path) -> None:
    path = refined / "aligned" / "projections.npy"
    content = path.read_bytes()
    path.write_bytes(content[:500])
    try:
        with pytest.raises(DataFileError, match=r"projections\.npy"):
            read_run(refined, threads=1)
    finally:
        path.write_bytes(content)


def test_pixel_size_in_a_header_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    series = _series(("Ta",), (36, 37))
    write_tilt_series(folder / "projections.mrc", folder / "angles.txt", series)
    text = CONFIG.replace("pixel_size = 0.7\n", "").replace("projections.mat", "projections.mrc")
    (folder / "ball.toml").write_text(text.replace("angles.mat", "angles.txt"))
    run(load_config(folder / "ball.toml"), folder / "run", threads=1)
    whole = read_run(folder / "run", threads=1)
    assert whole.volume is not None
    assert whole.volume.voxel_size == pytest.approx(PIXEL, rel=1e-6)  # MRC: single precision
    content = read_run((folder / "run").rename(tmp_path / "moved"), threads=1)
    assert set(content.missing) == {"orders", "projections", "convergence", "volume"}
    assert "voxel size is unknown" in content.missing["volume"]


def test_run_over_sub_areas(tmp_path: Path) -> None:
    series = _series(("Ta",), (37, 37))
    matlab.write_images(tmp_path / "area_1.mat", series.images[:, :, :27])
    matlab.write_images(tmp_path / "area_2.mat", series.images[:, :, 10:])
    write_angles(tmp_path / "angles.mat", ANGLES)
    half = np.tile([18.0, 13.0, 18.0], (2, 1))
    centres = np.array([[19.0, 14.0, 19.0], [19.0, 24.0, 19.0]])
    matlab.write_mat(tmp_path / "placement.mat", {"CropCen": centres, "CropHalf": half})
    areas = (
        'angles = "angles.mat"\nareas = [1, 2]\nplacement = "placement.mat"\n'
        "volume_shape = [37, 37, 37]\n"
    )
    text = CONFIG.replace('angles = "angles.mat"\n', areas).replace(
        "projections.mat", "area_{area}.mat"
    )
    (tmp_path / "film.toml").write_text(text)
    made = run(load_config(tmp_path / "film.toml"), tmp_path / "run", threads=1)
    content = read_run(tmp_path / "run", threads=1)
    assert dict(content.metadata)["sub-areas"] == [1, 2]
    assert content.volume is not None
    assert content.volume.shape == (37, 37, 37)
    # Projections are those of the first area, beside its own volume.
    assert content.projections is not None
    assert content.projections.calculated is not None
    assert content.projections.measured.shape == (15, 37, 27)
    assert content.convergence is not None
    np.testing.assert_allclose(
        content.convergence.r1["reconstruction"], made.projection_r[1], rtol=0
    )
    assert content.convergence.history is not None
    assert content.convergence.history[-1] == pytest.approx(made.r_mean, rel=1e-12)  # of one mean
