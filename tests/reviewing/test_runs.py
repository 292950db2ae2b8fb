"""edits.csv of a run: replayed by --resume, fitted again, deposited; and undone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mdb
from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_model, write_tilt_series
from aet_port.reporting.run import read_run
from aet_port.reviewing.api import answer
from aet_port.reviewing.opening_runs import open_bank_entry, open_run_folder
from aet_port.reviewing.session import Session
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import load_config
from aet_port.workflow.deposit import deposit_run
from aet_port.workflow.pipeline import Run, run

CONFIG = """\
[sample]
name = "pair"
species = "Ta"
kind = "synthetic"
[synthetic]
atoms = 40
[simulate]
pixel_size = 0.6
[analyze]
cutoff = 4.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("review")
    (place / "run.toml").write_text(CONFIG)
    run(load_config(place / "run.toml"), place / "run", threads=1)
    return place / "run"


def resumed(folder: Path) -> Run:
    done = run(load_config(folder.parent / "run.toml"), folder, resume=True, threads=1)
    assert done.failures == ()
    return done


def act(session: Session, **what: object) -> None:
    facts, _ = answer(session, {"ask": "act", "version": session.log.version, **what})
    assert "error" not in facts, facts


@pytest.mark.slow
def test_edits_of_a_run_from_counts(folder: Path, tmp_path: Path) -> None:
    before = read_model(folder / "detected.extxyz").positions
    records = json.loads((folder / "stages.json").read_text())
    session = open_run_folder(folder, author="A")
    assert session.images is not None
    # Without an atom, with one beside its place, and with a remark on a third.
    act(session, action="remove", atom=4)
    act(session, action="add", position=(before[4] + 0.3).tolist(), author="A")
    act(session, action="keep", atom=9)
    done = resumed(folder)
    assert len(done.model) == len(before)
    # Fitted again, the added atom is where the removed one was: 0.05 angstrom is five times the
    # error of an atom at this dose.
    np.testing.assert_allclose(done.model.positions[-1], before[4], atol=0.05)
    assert done.detection is not None
    assert done.detection["edits"] == 2
    assert sorted(json.loads((folder / "comparison.json").read_text())) == ["detected", "reviewed"]
    with mdb.Bank(tmp_path / "bank.duckdb") as bank:
        stored = deposit_run(bank, done)
        log = bank.sql("SELECT action, atom FROM atom_edit ORDER BY edit").to_pylist()
    assert [(row["action"], row["atom"]) for row in log] == [("remove", 4), ("add", None)]
    entry = open_bank_entry(tmp_path / "bank.duckdb", stored.id)
    assert entry.read_only
    assert len(entry.shown) == len(done.model)
    # What was opened before is told of the new model, and may write nothing more.
    assert session.stale
    undo = {"ask": "act", "action": "undo", "version": session.log.version}
    assert "started again" in answer(session, undo)[0]["error"]
    again = open_run_folder(folder)
    assert again.row_numbers.tolist() == [k for k in range(len(before) + 1) if k != 4]
    np.testing.assert_array_equal(again.atoms()[0], done.model.positions)
    # An added atom that the run has fitted can be edited further.
    act(again, action="move", atom=len(before), position=before[4].tolist(), snap=True)
    # A remark makes no stage run again; without changes the run is as it was.
    for _ in range(4):
        act(again, action="undo")
    assert resumed(folder).model.positions.tolist() == before.tolist()
    assert not (folder / "reviewed.extxyz").exists()
    assert not (folder / "applied_edits.csv").exists()
    assert json.loads((folder / "stages.json").read_text()) == records
    act(open_run_folder(folder), action="comment", atom=1, text="nothing")
    key = (folder / "timings.json").read_bytes()
    resumed(folder)
    assert (folder / "timings.json").read_bytes() == key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("action,atom\nremove,4000\n", "atom 4000"),
        ("action,atom\nundo,\n", "nothing to undo"),
        ("action,atom\nremove\n", "line 2"),
    ],
)
def test_edits_of_another_model_are_refused(folder: Path, text: str, found: str) -> None:
    (folder / "edits.csv").write_text(text)
    try:
        with pytest.raises((InputError, DataFileError), match=found):
            open_run_folder(folder)
    finally:
        (folder / "edits.csv").unlink()


def test_images_about_an_atom(folder: Path) -> None:
    """The mark is where the atom is: bright in the calculated image, outermost as it stands."""
    session = open_run_folder(folder, read_only=True)
    truth = read_model(folder / "truth.xyz").positions
    far = truth[np.linalg.norm(truth, axis=1).argmax()]
    facts, data = answer(session, {"ask": "images", "number": 20, "position": far.tolist()})
    side = facts["side"]
    assert len(data) == 3 * side * side
    parts = np.frombuffer(data, np.uint8).reshape(3, side, side)
    x, y = facts["mark"]
    row, column = side - 1 - round(y), round(x)
    around = parts[1][row - 1 : row + 2, column - 1 : column + 2]
    assert around.max() > np.percentile(parts[1], 80)
    for number in (-1, 10_000, 1.5, None):
        told = answer(session, {"ask": "images", "number": number, "position": [0, 0, 0]})[0]
        assert "error" in told


def test_images_beside_the_run_folder(tmp_path: Path) -> None:
    """Paths in the configuration are relative to its file, not to its copy in the run folder."""
    truth = amorphous_particle(20, "Ta", seed=3)
    angles = [[0, theta, 0] for theta in range(-60, 61, 12)]
    series = simulate_tilt_series(truth, angles, 0.6, (32, 32), 1e5, seed=1)
    write_tilt_series(tmp_path / "images.mrc", tmp_path / "angles.txt", series)
    (tmp_path / "run.toml").write_text(
        """\
[sample]
name = "particle"
species = "Ta"
[input]
projections = "images.mrc"
angles = "angles.txt"
[detect]
trials = 0
"""
    )
    run(load_config(tmp_path / "run.toml"), tmp_path / "run", threads=1)
    images = open_run_folder(tmp_path / "run").images
    assert images is not None
    np.testing.assert_allclose(images.series.images, series.images, rtol=1e-6)
    assert "reconstructs no volume" in read_run(tmp_path / "run", threads=1).missing["projections"]
