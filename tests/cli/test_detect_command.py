"""``aet detect``, and ``aet run`` of five lines: from counts to atoms."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from aet_port.cli.app import main
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import COVARIANCES, P_SPECIES, SIGMA_HEIGHT, SIGMAS, doubtful_order
from aet_port.detection import model_check
from aet_port.detection.search import Search
from aet_port.detection.state import SearchState
from aet_port.io import read_model, write_model, write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.validation import match_models
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import Aet, Refused, contents, results

ATOMS = 60
FIVE_LINES = """\
sample.name = "small particle"
sample.species = "Ta"
sample.pixel_size = 0.4
input.projections = "counts.mat"
input.angles = "angles.mat"
"""
OF_PAPERS = ("peaks/whole.npz", "volumes/whole.npy", "refined.extxyz")
OF_COUNTS = ("detected.extxyz", "detected.csv", "detection.json")
ALONE = "detect.trials = 0\n"  # half of the time, where trials do not matter
FIGURES = ("error_bars.svg", "error_bars_by_distance.svg")


class Counts(NamedTuple):
    """A small particle and its noisy images."""

    truth: AtomicModel
    folder: Path

    @property
    def files(self) -> tuple[object, ...]:
        return (self.folder / "counts.mat", self.folder / "angles.mat", "--pixel-size", 0.4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Counts:
    folder = tmp_path_factory.mktemp("counts")
    truth = amorphous_particle(ATOMS, "Ta", seed=1)
    angles = np.zeros((23, 3))
    angles[:, 1] = np.linspace(-66, 66, 23)
    # Unequal sides: a swap of axes anywhere would show.
    series = simulate_tilt_series(truth, angles, 0.4, (60, 57), 8e5, seed=1)
    write_tilt_series(folder / "counts.mat", folder / "angles.mat", series)
    (folder / "run.toml").write_text(FIVE_LINES)
    (folder / "alone.toml").write_text(FIVE_LINES + ALONE)
    return Counts(truth, folder)


class FiveLines(NamedTuple):
    """The folder of a run, and what the command printed."""

    folder: Path
    facts: dict[str, Any]


def assert_found(model: Path, truth: AtomicModel) -> None:
    found = match_models(read_model(model).positions, truth.positions)
    # A linear model with counting noise: all atoms, at the error the images allow (3 pm), twice.
    assert (found.matched, found.n_found) == (ATOMS, ATOMS)
    assert found.rmsd_pm < 6


def assert_table(table: Path, model: Path) -> None:
    """The table holds the atoms of the model, digit by digit."""
    atoms = read_model(model).atoms
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["species"] for row in rows] == atoms.get_chemical_symbols()
    columns = dict(zip("xyz", atoms.positions.T, strict=True))
    columns |= {name: atoms.arrays[name] for name in (*SIGMAS, *COVARIANCES, P_SPECIES)}
    for name, values in columns.items():
        np.testing.assert_array_equal([float(row[name]) for row in rows], values)


def test_model_record_and_score_map(
    made: Counts, asked: Callable[..., Any], tmp_path: Path
) -> None:
    model, scores = tmp_path / "found.extxyz", tmp_path / "scores.npy"
    facts = asked(
        "detect", *made.files, "--species", "Ta", "-o", model, "--score-map", scores,
        "--checkpoint", tmp_path / "search.npz", "--threads", 1,
        "--figures", tmp_path / "figures", "--figure-format", "svg",
    )  # fmt: skip
    assert_found(model, made.truth)
    record = json.loads((tmp_path / "found.detection.json").read_text())
    figures = [str(tmp_path / "figures" / name) for name in FIGURES]
    assert facts == {"model": str(model), "figures": figures} | record
    assert record["species"] == {"Ta": ATOMS}
    assert len(record["projections"]) == 23
    stored = read_model(model).atoms.arrays
    assert {"height", "sigma_height", "sigma_x", "covariance_xy", "probability"} <= set(stored)
    volume = np.load(scores)
    assert volume.shape == (60, 57, 60)
    # Of the residual noise, in its own standard deviations.
    assert np.abs(volume[8:-8, 8:-8, 8:-8]).max() < 6
    assert_table(tmp_path / "found.atoms.csv", model)
    assert set(contents(tmp_path)) == {
        *("found.extxyz", "found.atoms.csv", "found.detection.json", "scores.npy"),
        *(f"figures/{name}" for name in FIGURES),
    }


def test_a_model_is_checked(made: Counts, asked: Callable[..., Any], tmp_path: Path) -> None:
    given, checked = tmp_path / "given.xyz", tmp_path / "checked.extxyz"
    places = np.vstack([made.truth.positions[1:], [[11.0, 0, 0]]])
    write_model(given, AtomicModel.from_positions(places, "Ta"))
    facts = asked(
        "check-model", *made.files[:2], given, "-o", checked, *made.files[2:], "--threads", 1
    )
    assert (facts["atoms"], facts["doubtful"], facts["missing"]) == (ATOMS, 1, 1)
    assert read_model(checked).atoms.arrays["p_exists"].argmin() == ATOMS - 1
    missing = read_model(tmp_path / "checked.missing.extxyz").positions
    assert np.linalg.norm(missing - made.truth.positions[:1]) < 0.1


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_progress_of_a_check_is_for_people(
    made: Counts, aet: Aet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    asked_for: list[bool] = []

    def check(*_: Any, progress: bool, **__: Any) -> Any:
        asked_for.append(progress)
        raise InputError("images", "enough", "no more")

    monkeypatch.setattr(model_check, "check_model", check)
    write_model(tmp_path / "given.xyz", made.truth)
    files = (*made.files[:2], tmp_path / "given.xyz", "-o", tmp_path / "c.extxyz")
    assert aet("check-model", *files, *made.files[2:], *words).code == 2
    assert asked_for == [not words]


def test_an_interrupted_search_leaves_its_checkpoint(
    made: Counts, aet: Aet, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, saved = tmp_path / "found.extxyz", tmp_path / "search.npz"
    command = ("detect", *made.files, "--species", "Ta", "-o", model, "--checkpoint", saved)
    command = (*command, "--threads", 1, "--max-rounds", 1, "--trials", 0)

    def interrupted(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Search, "finish", interrupted)
        assert aet(*command).code == 130
    assert list(contents(tmp_path)) == ["search.npz"]
    refused(*command, "--fdr", 0.02, parts=(saved, "other data or parameters"))
    rounds = Search.round
    with monkeypatch.context() as patch:
        patch.setattr(Search, "round", interrupted)  # not needed any more
        done = aet(*command)
    assert Search.round is rounds
    assert done.code == 0, done.err
    assert str(ATOMS) in done.out
    assert not saved.exists()
    assert_found(model, made.truth)


def test_bad_input(made: Counts, refused: Refused, tmp_path: Path) -> None:
    model = tmp_path / "found.extxyz"
    command = ("detect", *made.files, "-o", model)
    refused(*command, "--species", "Ta,,Cu", parts=("--species", "'Ta,,Cu'", "Co,Pd,Pt"))
    refused(*command, parts=("--species",))
    refused(*command[:-1], tmp_path / "found.xyz", "--species", "Ta", parts=("found.xyz",))
    options = ("--species", "Ta")
    refused(*command, *options, "--fdr", 0, parts=("--fdr", "above zero"))
    refused(*command, *options, "--scan-shear", "z", parts=("--scan-shear", "'none'"))
    refused(*command, *options, "--read-noise", 1, parts=("read_noise", "without counts_per_unit"))
    refused(
        *command, *options, "--score-map", tmp_path / "scores.tif", parts=("scores.tif", ".npy")
    )
    assert contents(tmp_path) == {}


@pytest.fixture(scope="module")
def five_lines(made: Counts, tmp_path_factory: pytest.TempPathFactory) -> FiveLines:
    """A finished run of five lines, trials included; to be read only."""
    folder = tmp_path_factory.mktemp("five_lines") / "run"
    words = ("run", made.folder / "run.toml", "--out", folder, "--threads", 1, "--json")
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", ["aet", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return FiveLines(folder, json.loads(said.getvalue()))


def test_five_lines_use_the_counts(
    made: Counts, five_lines: FiveLines, asked: Callable[..., Any], tmp_path: Path
) -> None:
    facts, finished = five_lines.facts, Path(shutil.copytree(five_lines.folder, tmp_path / "run"))
    assert facts["atoms"] == ATOMS
    assert facts["new"] is True
    assert "peaks" not in facts
    names = set(contents(finished))
    assert names >= {*OF_COUNTS, "model.xyz", "volume.npy", "report.html", "bank.duckdb"}
    assert names.isdisjoint(OF_PAPERS)
    assert_found(finished / "detected.extxyz", made.truth)
    record = json.loads((finished / "detection.json").read_text())
    assert facts["r_factor"] == pytest.approx(record["r1"], abs=1e-6)
    assert facts["detection"]["heights_electrons"] == record["heights_electrons"]
    page = (finished / "report.html").read_text()
    assert "deviance per pixel" in page
    assert "nothing was reconstructed" in page
    bank = finished / "bank.duckdb"
    sql = "SELECT n_atoms, r_mean FROM model JOIN reconstruction USING (reconstruction_id)"
    (stored,) = asked("mdb", "query", sql, "--bank", bank)
    assert stored["n_atoms"] == ATOMS
    assert stored["r_mean"] == pytest.approx(record["r1"], rel=1e-6)
    atoms = read_model(finished / "detected.extxyz").atoms
    rows = asked("mdb", "query", "FROM atom_fit ORDER BY atom", "--bank", bank)
    for name in (*SIGMAS, *COVARIANCES, SIGMA_HEIGHT, P_SPECIES):
        column = "p_species" if name == P_SPECIES else name
        np.testing.assert_array_equal([row[column] for row in rows], atoms.arrays[name])
    (first, *_) = asked("mdb", "query", "doubtful-atoms", "--bank", bank)
    assert first["atom"] == doubtful_order(atoms)[0]
    assert "How sure the atoms are" in page
    assert_table(finished / "detected.csv", finished / "detected.extxyz")
    assert np.load(finished / "volume.npy").shape == (60, 57, 60)
    assert asked("report", finished)["report"] == str(finished / "report.html")
    # Nothing is left to do.
    before = contents(finished)
    words = ("--out", finished, "--resume", "--threads", 1, "--no-report")
    asked("run", made.folder / "run.toml", *words)
    after = contents(finished)
    for name in ("report.html", "bank.duckdb"):
        before.pop(name), after.pop(name)
    assert after == before
    # Intervals need the analysis alone once more, and come from the errors of the atoms found.
    config = made.folder / "intervals.toml"
    text = (made.folder / "run.toml").read_text()
    config.write_text(f"{text}\n[analyze]\nresample = 5\n")
    facts = asked("run", config, "--out", finished, "--resume", "--threads", 1)
    assert (finished / "detected.extxyz").read_bytes() == after["detected.extxyz"]
    assert "posterior_species" in (finished / "detected.extxyz").read_text().splitlines()[1]
    intervals = facts["intervals"]
    assert intervals["errors"] == "those stored with the model"
    assert intervals["quantities"]["tetrahedra"]["samples"] == 5
    rows = asked("mdb", "query", "intervals", "--bank", bank)
    assert {row["name"] for row in rows} == set(intervals["quantities"])
    page = (finished / "report.html").read_text()
    assert "Intervals from the uncertainties of the atoms" in page


@pytest.fixture(scope="module")
def original(made: Counts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run without trials; to be read only."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert run(load_config(made.folder / "alone.toml"), folder, threads=1).failures == ()
    return folder


@pytest.fixture
def finished(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "run"))


@pytest.mark.parametrize(
    "missing", ["detection.json", "volume.npy", "detected.csv", "structure.json"]
)
def test_only_what_is_missing_is_made(
    made: Counts, finished: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(finished)
    (finished / missing).unlink()
    if missing in ("detected.csv", "structure.json"):
        monkeypatch.setattr(Search, "round", None)  # no search
    run(load_config(made.folder / "alone.toml"), finished, resume=True, threads=1)
    after = contents(finished)
    before.pop("timings.json"), after.pop("timings.json")
    assert after == before


def test_an_interrupted_run_goes_on(
    made: Counts, five_lines: FiveLines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = load_config(made.folder / "run.toml"), tmp_path / "run"

    def interrupted(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Search, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(config, out, threads=1)
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["detect.whole.npz"]
    rounds = Search.round

    def only_of_trials(search: Search, state: SearchState) -> SearchState:
        return interrupted() if type(search) is Search else rounds(search, state)

    with monkeypatch.context() as patch:
        patch.setattr(Search, "round", only_of_trials)  # all others are done
        run(config, out, resume=True, threads=1)
    assert results(out) == results(five_lines.folder)


def test_report_of_a_damaged_record(finished: Path, refused: Refused) -> None:
    record = finished / "detection.json"
    record.write_text("{}")
    refused("report", finished, parts=(record, "the stage 'detect' wrote", "delete it"))


def test_images_without_atoms(made: Counts, refused: Refused, tmp_path: Path) -> None:
    images = np.random.default_rng(4).poisson(20, (23, 60, 57)).astype(np.float32)
    angles = np.column_stack([np.zeros(23), np.linspace(-66, 66, 23), np.zeros(23)])
    nothing = TiltSeries(images, angles, 0.4)
    write_tilt_series(tmp_path / "counts.mat", tmp_path / "angles.mat", nothing)
    config = tmp_path / "run.toml"
    config.write_text(FIVE_LINES + "detect.counts_per_unit = 1.0\n")
    refused("run", config, "--out", tmp_path / "run", parts=("counts.mat", "with more signal"))


def test_the_preset_of_the_papers(made: Counts, asked: Callable[..., Any], tmp_path: Path) -> None:
    config = made.folder / "papers.toml"
    added = 'sample.preset = "papers"\nreconstruct.iterations = 5\nselect.support = "tight"\n'
    config.write_text(FIVE_LINES + added + "refine.max_evaluations = 2\n")
    facts = asked("run", config, "--out", tmp_path / "run", "--no-report", "--threads", 1)
    assert facts["peaks"] > 0
    assert "detection" not in facts
    names = set(contents(tmp_path / "run"))
    assert names >= set(OF_PAPERS)
    assert names.isdisjoint(OF_COUNTS)


def test_chains_do_not_mix(made: Counts, refused: Refused, tmp_path: Path) -> None:
    config = made.folder / "mixed.toml"
    config.write_text('preset = "counts"\n' + FIVE_LINES + "[trace]\n")
    out = tmp_path / "run"
    refused("run", config, "--out", out, parts=(config, "[trace] with preset = 'counts'"))
    config.write_text(FIVE_LINES + "[detect]\n[trace]\n")
    refused("run", config, "--out", out, parts=("[detect] with the chain of the papers",))
    assert not out.exists()
