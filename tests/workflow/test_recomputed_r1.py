"""R1 of a refined model, computed anew when it is deposited and for its report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mdb
from aet_port.core import memory
from aet_port.core.errors import InputError
from aet_port.io import read_model, write_model
from aet_port.refinement.forward import Forward
from aet_port.reporting.run import read_run
from aet_port.workflow.config import load_config
from aet_port.workflow.deposit import deposit_run, recomputed_r1
from aet_port.workflow.pipeline import Run, run
from aet_port.workflow.run_folder import RunFolder
from mdb.entry_remarks import model_warnings

CONFIG = """\
[sample]
name = "particle"
species = "Ta"
preset = "papers"
kind = "synthetic"
[synthetic]
atoms = 20
[simulate]
pixel_size = 0.7
acquisition.dose = 1e6
[reconstruct]
iterations = 10
oversampling = 2
[select]
support = "tight"
[refine]
method = "published"
schedule = "pd1"
rounds = 1
refine_shifts = true
take_over = "always"
[analyze]
cutoff = 4.0
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All files of a run that was refined by a schedule of the papers."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "run.toml").write_text(CONFIG)
    done = run(load_config(folder / "run.toml"), folder / "run", threads=1)
    assert done.failures == ()
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def finished(original: dict[str, bytes], tmp_path: Path) -> Callable[[], Run]:
    for name, content in original.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return lambda: Run(RunFolder(tmp_path / "run"), load_config(tmp_path / "run.toml"))


def deposited(done: Run) -> list[str]:
    """What a deposit warns of."""
    with mdb.Bank(done.folder.root.parent / "bank.duckdb") as bank:
        stored = deposit_run(bank, done)
        return [one["text"] for one in model_warnings(bank, stored.id)]


def reported(done: Run) -> list[str]:
    """What the report of a run warns of."""
    tables = {table.caption: table for table in read_run(done.folder.root).provenance}
    found = tables.get("Plausibility of the model")
    return [] if found is None else [row[2] for row in found.rows]


def test_r1_of_a_published_schedule_is_reproduced(finished: Callable[[], Run]) -> None:
    """Such a schedule fits nothing to single images, whatever else the settings say."""
    done = finished()
    assert done.refinement is not None
    assert done.refinement["r1"] == pytest.approx(recomputed_r1(done), abs=1e-5)
    assert reported(done) == []
    assert deposited(done) == []


def test_a_report_and_its_projections_are_refused_without_memory(
    finished: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is calculated; pages of all sizes need some 70 MB."""
    done = finished()
    monkeypatch.setattr(memory, "available_memory", lambda: 6e7)
    with pytest.raises(InputError, match=r"report: found a need of about 70 MB of memory, with 60"):
        read_run(done.folder.root)
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)
    monkeypatch.setattr("aet_port.reporting.projections.needed_memory", lambda *_: 3e9)
    monkeypatch.setattr(Forward, "needed_memory", 2e9)
    with pytest.raises(InputError, match=r"projections of the model: found a need of about 2 GB"):
        read_run(done.folder.root)
    done.folder.path("refined.extxyz").unlink()
    done.folder.path("outputs.json").unlink()
    with pytest.raises(InputError, match=r"projections of the report: found a need of about 3 GB"):
        read_run(done.folder.root)


def test_a_moved_atom_is_told(finished: Callable[[], Run]) -> None:
    """By the deposit and by the report; without the record of files nothing else shows it."""
    done = finished()
    path = done.folder.path("refined.extxyz")
    model = read_model(path)
    model.atoms.positions[0, 1] += 4.0  # of 20 atoms, so that R1 rises by 0.07
    write_model(path, model)
    done.folder.path("outputs.json").unlink()
    told = reported(done)
    (of_r1,) = [one for one in told if one.startswith("R1 computed from model and images is ")]
    recorded = json.loads(done.folder.path("refinement.json").read_text())["r1"]
    assert of_r1.endswith(f"recorded is {recorded:.4g}")
    assert deposited(done) == told
    # Without the images the report still says the rest.
    shutil.rmtree(done.folder.path("simulated"))
    assert reported(done) == [one for one in told if one != of_r1]
