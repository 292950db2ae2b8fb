"""Runs that tell species apart, refine angles and models: what they leave, and taken up again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.io import read_model, write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import match_models
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, PIXEL, Aet, Refused, Sample

REFINE = """
[refine]
max_evaluations = 12
folds = 2
scan_shear = "y"
"""


@pytest.fixture(scope="module")
def alloy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of two species with every stage on request and manual edits."""
    folder = tmp_path_factory.mktemp("alloy")
    place = amorphous_particle(150, "Ta", seed=2)
    symbols = ["Pt" if k % 3 == 0 else "Pd" for k in range(len(place))]
    truth = AtomicModel.from_positions(place.positions, symbols)
    angles = np.zeros((20, 3))
    angles[:, 1] = np.linspace(-66, 66, 20)
    series = simulate_tilt_series(truth, angles, PIXEL, (38, 39))
    write_tilt_series(folder / "projections.mat", folder / "angles.mat", series)
    (folder / "edits.csv").write_text("action,atom,species\nremove,0,\nretype,3,Pt\n")
    text = (
        CONFIG.replace("iterations = 20", "iterations = 40")
        .replace('"Ta"', '["Pd", "Pt"]')
        .replace("[select]", "[select]\nedits='edits.csv'")
    )
    (folder / "alloy.toml").write_text(text + REFINE + "[refine_angles]\nmax_rounds = 2\n")
    np.save(folder / "truth.npy", truth.positions)
    run(load_config(folder / "alloy.toml"), folder / "run")
    return folder


def test_every_stage_leaves_its_files(alloy: Path) -> None:
    folder = alloy / "run"
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "aligned/projections.npy",
        "aligned/angles.txt",
        "aligned/refinement.json",
        "unedited.xyz",
        "model.xyz",
        "classified.extxyz",
        "refined.extxyz",
        "refinement.json",
        "structure.json",
    } <= made
    assert not [name for name in made if "checkpoint" in name]
    before, edited = read_model(folder / "unedited.xyz"), read_model(folder / "model.xyz")
    np.testing.assert_array_equal(edited.positions, before.positions[1:])
    found, refined = (read_model(folder / f"{n}.extxyz") for n in ("classified", "refined"))
    assert set(found.species) == {"Pd", "Pt"}
    assert found.species[2] == "Pt"  # number 3 before the edits
    assert refined.species == found.species
    np.testing.assert_array_equal(
        refined.atoms.arrays["confidence"], found.atoms.arrays["confidence"]
    )


def test_refinement_comes_nearer_to_the_truth(alloy: Path) -> None:
    truth = np.load(alloy / "truth.npy")
    start, end = (
        match_models(read_model(alloy / "run" / f"{name}.extxyz").positions, truth)
        for name in ("classified", "refined")
    )
    assert end.rmsd < 0.8 * start.rmsd  # 0.13 of 0.24 angstrom
    record = json.loads((alloy / "run" / "refinement.json").read_text())
    assert record["r1"] < record["r1_start"]
    assert record["r_free"] < record["r_free_start"]
    # The images have none; peaks are off by 0.2 angstrom to begin with.
    assert 0 < abs(record["shear_y"]) < 0.01
    assert record["shear_x"] == 0
    # 2.5 times; their cross sections differ by a factor of 2.6.
    assert record["heights"]["Pt"] > 1.5 * record["heights"]["Pd"] > 0


def test_a_stage_is_done_once(alloy: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(alloy, tmp_path / "alloy"))
    config, made = load_config(folder / "alloy.toml"), folder / "run"
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    for missing in ("refinement.json", "classified.extxyz", "model.xyz"):
        (made / missing).unlink()
        again = run(config, made, resume=True)
        after = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
        before.pop(made / "timings.json", None), after.pop(made / "timings.json")
        assert after == before
    assert [edit.action for edit in again.edits] == ["remove", "retype"]
    assert again.refinement is not None
    assert again.refinement["r_free"] > 0


def test_the_bank_knows_what_was_refined(alloy: Path, asked: Callable[..., Any]) -> None:
    bank = alloy / "bank.duckdb"
    options = ("--out", alloy / "run", "--resume", "--bank", bank)
    done = asked("run", alloy / "alloy.toml", *options)
    assert done["refinement"]["r_free"] > 0
    with mdb.Bank(bank, read_only=True) as opened:
        rows = opened.sql("SELECT action, atom, species FROM atom_edit ORDER BY edit").to_pylist()
        (model,) = opened.sql("SELECT r1_mean, r1_global FROM model").to_pylist()
        fits = opened.sql("SELECT species, height, b_factor FROM species_fit").to_pylist()
        (fit,) = opened.sql("SELECT min(confidence) AS least FROM atom_fit").to_pylist()
    assert [(row["action"], row["atom"]) for row in rows] == [("remove", 0), ("retype", 3)]
    assert model["r1_mean"] == done["refinement"]["r1"]
    assert {fit["species"]: fit["height"] for fit in fits} == done["refinement"]["heights"]
    assert 0 < fit["least"] <= 1
    assert asked("mdb", "check", "--bank", bank)["failed"] == 0


def test_edits_of_atoms_that_are_not_there(sample: Sample, refused: Refused, aet: Aet) -> None:
    (sample.folder / "edits.csv").write_text("action,atom\nremove,100000\n")
    sample.config.write_text(CONFIG.replace("[select]", '[select]\nedits = "edits.csv"'))
    done = aet("run", sample.config, "--out", sample.folder / "run", "--no-report", "--json")
    assert done.code == 1
    assert "stage select failed" in done.err
    assert "100000" in done.err
    assert not (sample.folder / "run" / "model.xyz").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("always")  # as in a terminal
def test_a_refined_model_that_is_not_taken_over(sample: Sample, finished: Path, aet: Aet) -> None:
    tight = "[refine]\nmax_evaluations = 5\nmax_displacement = 0.01\n"
    sample.config.write_text(CONFIG + tight)
    words = ("run", sample.config, "--out", finished, "--resume", "--json")
    for _ in range(2):  # the second time, nothing is left to do
        done = aet(*words)
        assert done.code == 0, done.err
        (line,) = done.err.splitlines()
        assert line.startswith("aet: warning: the refined model is not taken over")
        facts = json.loads(done.out)
        assert facts["refinement"]["taken_over"] is False
        assert facts["refinement"]["objections"][0] in line
    assert "not taken over" in (finished / "report.html").read_text()
