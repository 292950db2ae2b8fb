"""Runs whose refined model is worse founded than the traced one go on with the latter."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.io import read_model, write_model
from aet_port.reporting.run import read_run
from aet_port.workflow.config import RunConfig, load_config
from aet_port.workflow.deposit import deposit_run
from aet_port.workflow.dose_series import Score, score_rows
from aet_port.workflow.model_stages import ANALYZE
from aet_port.workflow.pipeline import Run, run, stages_of
from aet_port.workflow.round_trip import RoundTrip
from aet_port.workflow.run_folder import MODEL, REFINED, REFINEMENT, STRUCTURE
from aet_port.workflow.stages import Work
from tests.cli.samples import results

CONFIG = """\
[sample]
name = "particle"
species = "Ta"
kind = "synthetic"
[synthetic]
atoms = 60
[simulate]
pixel_size = 0.7
[reconstruct]
iterations = 10
oversampling = 2
[select]
support = "tight"
[analyze]
cutoff = 4.0
"""
# The peaks are 0.15 angstrom from the atoms: 1 is enough for them, 0.02 is not.
REFINE = "[refine]\nmax_evaluations = 8\nmax_displacement = "
REFUSED, GOOD = f"{REFINE}0.02\n", f"{REFINE}1.0\n"

Go = Callable[..., Run]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run without refinement; to be read only."""
    folder = tmp_path_factory.mktemp("traced")
    run(configured(folder, ""), folder / "run", threads=1)
    return folder


@pytest.fixture
def folder(traced: Path, tmp_path: Path) -> Path:
    """The same in the test's own folder."""
    return Path(shutil.copytree(traced, tmp_path / "sample"))


def configured(folder: Path, refine: str) -> RunConfig:
    path = folder / "run.toml"
    path.write_text(CONFIG + refine)
    return load_config(path)


@pytest.fixture
def go(folder: Path) -> Go:
    """Take up the run with a section ``[refine]``."""

    def call(refine: str = "", **options: Any) -> Run:
        return run(configured(folder, refine), folder / "run", resume=True, threads=1, **options)

    return call


@pytest.fixture(scope="module")
def refused(traced: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose refined model was not taken over; to be read only."""
    folder = Path(shutil.copytree(traced, tmp_path_factory.mktemp("refused") / "sample"))
    with pytest.warns(UserWarning, match="the refined model is not taken over"):
        return run(configured(folder, REFUSED), folder / "run", resume=True, threads=1)


def as_written(model: AtomicModel, path: Path) -> bytes:
    return write_model(path, model, "particle").read_bytes()


def test_the_traced_model_stays_byte_for_byte(traced: Path, refused: Run, tmp_path: Path) -> None:
    before, made = traced / "run", refused.folder.root
    assert as_written(refused.model, tmp_path / "final.xyz") == (made / MODEL).read_bytes()
    for name in (MODEL, STRUCTURE):
        assert (made / name).read_bytes() == (before / name).read_bytes()
    # The refined model is another one, is kept, and says itself that it was not taken over.
    kept = read_model(made / REFINED)
    assert as_written(kept, tmp_path / "kept.xyz") != (made / MODEL).read_bytes()
    assert not kept.atoms.info["taken_over"]
    record = json.loads((made / REFINEMENT).read_text())
    assert record["taken_over"] is False
    assert record["at_bound"] > 0.5
    assert "ended at their largest displacement" in record["objections"][0]
    assert refused.refinement == record
    (entry,) = [one for one in refused.timings if one["stage"] == "refine"]
    assert entry["taken_over"] is False


def test_the_warning_has_figures_and_says_what_to_do(refused: Run) -> None:
    assert refused.refusal is not None
    assert refused.refinement is not None
    for part in (refused.refinement["objections"][0], "wider than its images", "'always'"):
        assert part in refused.refusal


def test_a_good_refinement_is_taken_over(folder: Path, go: Go) -> None:
    done = go(GOOD)  # without a warning, which would be an error
    made = folder / "run"
    refined = as_written(read_model(made / REFINED), folder / "refined.xyz")
    assert as_written(done.model, folder / "final.xyz") == refined
    assert refined != (made / MODEL).read_bytes()
    assert done.refusal is None
    assert done.refinement is not None
    assert done.refinement["taken_over"] is True
    assert "taken_over" not in read_model(made / REFINED).atoms.info
    compared = json.loads((made / "comparison.json").read_text())
    assert set(compared) == {"traced", "refined"}
    assert compared["refined"]["rmsd_pm"] < compared["traced"]["rmsd_pm"]


@pytest.mark.parametrize("setting", ['take_over = "always"', "max_at_bound = 1.0"])
def test_the_user_has_the_last_word(refused: Run, tmp_path: Path, setting: str) -> None:
    assert refused.refusal is not None
    folder = Path(shutil.copytree(refused.folder.root.parent, tmp_path / "sample"))
    config = configured(folder, f"{REFUSED}{setting}\n")
    done = run(config, folder / "run", resume=True, threads=1)
    assert done.refinement is not None
    assert done.refinement["taken_over"] is True
    assert bool(done.refinement["objections"]) == ("always" in setting)
    assert done.model.positions.tolist() == read_model(folder / "run" / REFINED).positions.tolist()
    assert as_written(done.model, folder / "f.xyz") != (folder / "run" / MODEL).read_bytes()


def test_without_the_section_again_the_traced_model_stays(folder: Path, go: Go) -> None:
    go(GOOD)
    done = go()
    assert (done.refusal, done.refinement) == (None, None)
    assert as_written(done.model, folder / "final.xyz") == (folder / "run" / MODEL).read_bytes()


@pytest.mark.filterwarnings("ignore:the refined model is not taken over")
def test_a_run_taken_up_again_ends_the_same(folder: Path, traced: Path, tmp_path: Path) -> None:
    whole, stopped = folder / "run", Path(shutil.copytree(traced / "run", tmp_path / "stopped"))
    config = configured(folder, REFUSED)
    run(config, whole, resume=True, threads=1)

    def interrupted(work: Work) -> dict[str, Any]:
        raise KeyboardInterrupt

    stages = [
        replace(stage, function=interrupted) if stage is ANALYZE else stage
        for stage in stages_of(config)
    ]
    (stopped / STRUCTURE).unlink()
    with pytest.raises(KeyboardInterrupt):
        run(config, stopped, stages=stages, resume=True, threads=1)
    with pytest.warns(UserWarning, match="not taken over"):
        done = run(config, stopped, resume=True, threads=1)
    assert results(stopped) == results(whole)
    with pytest.warns(UserWarning, match="not taken over"):  # nothing left to do
        assert run(config, stopped, resume=True, threads=1).refusal == done.refusal


def test_a_refined_model_without_verdict_is_not_taken_over(folder: Path, go: Go) -> None:
    """As a process leaves it that was killed between the two files."""
    done = go(GOOD)
    (folder / "run" / REFINEMENT).unlink()
    left = replace(done)
    assert as_written(left.model, folder / "left.xyz") == (folder / "run" / MODEL).read_bytes()


def test_runs_of_earlier_versions_go_on_with_their_refined_model(folder: Path, go: Go) -> None:
    done = go(GOOD)
    path = folder / "run" / REFINEMENT
    record = json.loads(path.read_text())
    new = ("at_bound", "objections", "taken_over")
    path.write_text(json.dumps({key: value for key, value in record.items() if key not in new}))
    (folder / "run" / "outputs.json").unlink()  # as they had none
    old = replace(done)
    assert old.model.positions.tolist() == done.model.positions.tolist()
    assert old.refusal is None
    assert read_run(folder / "run", threads=1).atoms is not None


def test_the_comparison_tells_both(refused: Run) -> None:
    compared = json.loads((refused.folder.root / "comparison.json").read_text())
    assert set(compared) == {"traced", "refused"}
    (entry,) = [one for one in refused.timings if one["stage"] == "compare"][-1:]
    assert entry["rmsd_pm"] == pytest.approx(compared["traced"]["rmsd_pm"], abs=1e-3)  # rounded
    assert compared["traced"]["rmsd_pm"] != compared["refused"]["rmsd_pm"]
    assert list(RoundTrip(refused).precision) == ["traced", "refused"]
    score = Score(1.0, refused)
    figures = score.summary()
    assert figures["refined"] is None
    assert figures["refused"]["rmsd_pm"] == compared["refused"]["rmsd_pm"]
    (row,) = score_rows([score])
    assert row[3] == f"{compared['traced']['rmsd_pm']:.1f}"


def test_the_bank_stores_the_traced_model(refused: Run, tmp_path: Path) -> None:
    with mdb.Bank(tmp_path / "bank.duckdb") as bank:
        deposit_run(bank, refused)
        rows = bank.sql("SELECT x, y, z FROM atom ORDER BY atom").to_pylist()
        (model,) = bank.sql("SELECT r1_mean, r1_global, info FROM model").to_pylist()
        fits = bank.sql("SELECT * FROM species_fit").to_pylist()
    traced = read_model(refused.folder.path(MODEL)).positions.tolist()
    assert [[row["x"], row["y"], row["z"]] for row in rows] == traced
    assert (model["r1_mean"], model["r1_global"], fits) == (None, None, [])
    told = json.loads(model["info"])["refinement"]
    assert told["taken_over"] is False
    assert refused.refinement is not None
    assert told["objections"] == refused.refinement["objections"]


def test_the_report_says_so(refused: Run) -> None:
    content = read_run(refused.folder.root, threads=1)
    assert content.atoms is not None
    assert content.atoms.positions.tolist() == refused.model.positions.tolist()
    shown = dict(content.agreement)
    assert shown["final model"] == refused.refusal
    assert shown["atoms at their largest displacement"].endswith(" %")
    assert content.convergence is not None
    assert "refined model" not in content.convergence.r1
