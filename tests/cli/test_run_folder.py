"""``aet run``: what is refused before the work starts, and a run folder that is never harmed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.core.locks import LOCK
from aet_port.io import read_model
from aet_port.workflow import model_stages, volume_stages
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, Aet, Refused, Sample, contents, truncated
from tests.core.test_locks import working_in
from tests.killed_processes import left_by_killed


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("[trace]", "[trace"), ("particle.toml", "invalid TOML")),
        (("[analyze]", "[analyse]"), ("particle.toml", "'analyse'", "analyze")),
        (
            ("iterations", "iteration"),
            ("an unknown key 'iteration' in [reconstruct]", "expected 'iterations'"),
        ),
        (("iterations = 20", 'iterations = "20"'), ("iterations = '20'", "a whole number")),
        (('species = "Ta"', ""), ("no 'species' in [sample]",)),
        (("angles.mat", "absent.mat"), ("absent.mat", "no such file", "the angles named in")),
        (('"angles.mat"', '"reference:absent.mat"'), ("absent.mat", "no such file")),
        (("angles.mat", "projections.mat"), ("projections.mat", "one per image")),
        (("pixel_size = 0.7", ""), ("projections.npy", "none in the file")),
    ],
)
def test_refused_before_the_work(
    sample: Sample,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    parts: tuple[str, ...],
) -> None:
    for name in ("AET-MetallicGlass", "AET-AmorphousMaterials"):
        (sample.folder / "papers" / name).mkdir(parents=True)
        (sample.folder / "papers" / name / "README.md").touch()
    monkeypatch.setenv("AET_REFERENCE", str(sample.folder / "papers"))
    text = CONFIG.replace("[analyze]", "[trace]\n[analyze]").replace(*change)
    if "pixel_size" in change[0]:
        text = text.replace("projections.mat", "projections.npy")
    sample.config.write_text(text)
    before = contents(sample.folder)
    refused("run", sample.config, "--out", sample.folder / "run", "--json", parts=parts)
    assert contents(sample.folder) == before


def test_folders_that_are_taken(sample: Sample, refused: Refused) -> None:
    out = sample.folder / "notes"
    out.mkdir()
    (out / "notes.txt").write_text("keep me")
    refused("run", sample.config, "--out", out, parts=(out, "other files", "--out"))
    refused("run", sample.config, "--out", out, "--resume", parts=(out, "other files"))
    file = out / "notes.txt"
    refused("run", sample.config, "--out", file, parts=(file, "a file", "a new folder"))
    refused("run", sample.config, "--out", file / "run", parts=(file, "could not be written"))
    refused("run", sample.config, "--out", out, "--threads", 0, parts=("threads", "between 1 and"))
    assert contents(out) == {"notes.txt": b"keep me"}


def test_a_stage_is_done_again(sample: Sample, finished: Path, aet: Aet, refused: Refused) -> None:
    again = ("run", sample.config, "--out", finished, "--no-report", "--json")
    refused(*again, "--redo", "other", parts=("--redo", "'other'", "assemble, select, analyze"))
    before = (finished / "structure.json").read_bytes()
    (finished / "structure.json").write_bytes(b"{}")
    refused(*again, "--resume", parts=("structure.json", "--redo analyze"))
    done = aet(*again, "--redo", "analyze")
    assert done.code == 0, done.err
    place = Path(json.loads(done.out)["set_aside"])
    assert (place / "structure.json").read_bytes() == b"{}"
    assert (finished / "structure.json").read_bytes() == before


def test_a_run_is_not_mixed_with_another(sample: Sample, finished: Path, refused: Refused) -> None:
    before = contents(finished)
    again = ("run", sample.config, "--out", finished)
    refused(*again, parts=(finished, "a run;", "--resume to continue it, or another --out"))
    (sample.folder / "angles.mat").write_bytes((sample.folder / "projections.mat").read_bytes())
    refused(*again, "--resume", parts=(finished, "a run of other data (angles)", "the same"))
    assert contents(finished) == before


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("run.json", '{"config": ', "another --out"),
        ("run.json", "\xff", "another --out"),
        ("run.json", "[1, 2]", "another --out"),
        ("stages.json", "[1, 2]", "the record of the stages"),
        ("timings.json", "[", "delete it to continue"),
        ("timings.json", "[3]", "delete it to continue"),
        ("outputs.json", "[1, 2]", "the record of the files"),
        ("outputs.json", '{"trace": {"outputs": {"../a.npy": "0"}}}', "other contents"),
        ("volumes/whole_r.npz", "no archive", "than the stage 'reconstruct' wrote"),
        ("peaks/whole.npz", "no archive", "than the stage 'trace' wrote"),
        ("model.xyz", "3\n\nTa 0 0 0\n", "than the stage 'select' wrote"),
    ],
)
def test_damaged_files(
    sample: Sample, finished: Path, refused: Refused, name: str, text: str, advice: str
) -> None:
    (finished / name).write_bytes(text.encode("latin-1"))
    refused("run", sample.config, "--out", finished, "--resume", parts=(finished / name, advice))


def test_a_report_that_cannot_be_made(
    sample: Sample, finished: Path, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise DataFileError("volume.npy", "no array", "one")

    monkeypatch.setattr("aet_port.reporting.run.read_run", broken)
    done = aet("run", sample.config, "--out", finished, "--resume", "--json")
    assert done.code == 1
    assert done.err.startswith("aet: stage report failed: volume.npy")
    assert json.loads(done.out)["model"] == "TaXX00001"


def test_a_damaged_volume(sample: Sample, finished: Path, refused: Refused) -> None:
    """It is named as such, and not only by the stage that needs it."""
    path = finished / "volumes/whole.npy"
    truncated(path)
    (finished / "peaks/whole.npz").unlink()
    parts = (path, "than the stage 'reconstruct' wrote", "delete it")
    refused("run", sample.config, "--out", finished, "--resume", "--no-report", parts=parts)


@pytest.mark.parametrize(
    "missing",
    [
        ["structure.json"],
        ["model.xyz", "timings.json"],
        ["volume.npy", "config.toml"],
        ["peaks/whole.npz", "model.xyz"],
        ["volumes/whole.npy"],
    ],
)
def test_only_what_is_missing_is_made(
    sample: Sample, finished: Path, missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(finished)
    stages: list[str] = []
    places = {
        "reconstruct_series": volume_stages,
        "trace_volume": volume_stages,
        "selected_model": model_stages,
    }
    for name, place in places.items():
        function = getattr(place, name)

        def noted(*args: object, _name: str = name, _function: Callable = function, **kw: object):
            stages.append(_name)
            return _function(*args, **kw)

        monkeypatch.setattr(place, name, noted)
    for name in missing:
        (finished / name).unlink()
    # A process that was killed leaves such files.
    (finished / ".parquet.partial-abcd").mkdir()  # of an export, by an earlier version
    os.utime(finished / ".parquet.partial-abcd", (0, 0))
    file, export, _ = left_by_killed(finished / "volumes" / "whole.checkpoint.npz")
    file.write_bytes(b"half")
    export.mkdir()
    run(load_config(sample.config), finished, resume=True)
    after = contents(finished)
    before.pop("timings.json"), after.pop("timings.json")
    assert after == before
    expected = {
        "peaks/whole.npz": ["trace_volume", "selected_model"],
        "volumes/whole.npy": ["reconstruct_series"],
        "model.xyz": ["selected_model"],
    }
    assert stages == expected.get(missing[0], [])


@pytest.mark.slow
def test_input_given_only_later(sample: Sample, refused: Refused, aet: Aet) -> None:
    """A run that was refused for want of something in its folder can be taken up."""
    out = sample.folder / "run"
    bank = sample.folder / "angles.txt"
    options = ("run", sample.config, "--out", out, "--no-report", "--json")
    refused(*options, "--bank", bank, parts=(bank, "not a DuckDB file"))
    done = aet(*options, "--resume")
    assert done.code == 0
    assert json.loads(done.out)["new"] is True


def test_no_atoms_in_the_peaks(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    support = sample.folder / "nothing.npy"
    np.save(support, np.zeros((41, 40, 41), np.float32))
    sample.config.write_text(CONFIG.replace('"tight"', '"nothing.npy"\nrule = "support"'))
    done = run(load_config(sample.config), sample.folder / "run")
    assert [one.stage for one in done.failures] == ["select"]
    assert re.search(r"none of them an atom.*section \[select\]", done.failures[0].reason)
    assert not done.has_model
    assert done.volume_path.exists()


def test_the_record_names_files_by_hash(sample: Sample, finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["config"] == CONFIG == (finished / "config.toml").read_text()
    assert set(record["inputs"]) == {"angles", "projections"}
    assert [name for name, _ in record["inputs"].values()] == ["angles.mat", "projections.mat"]
    assert all(len(digest) == 64 for _, digest in record["inputs"].values())


def test_inputs_are_hashed_before_the_work(sample: Sample) -> None:
    (sample.folder / "angles.mat").unlink()
    with pytest.raises(DataFileError, match=r"angles\.mat: found no such file"):
        run(load_config(sample.config), sample.folder / "run")
    assert not (sample.folder / "run").exists()


def test_only_stages_with_other_settings_are_done_again(
    sample: Sample, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(finished)
    sample.config.write_text(CONFIG.replace("cutoff = 4.0", "cutoff = 4.1"))
    run(load_config(sample.config), finished, resume=True)
    after = contents(finished)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    record = {"run.json", "config.toml", "stages.json", "outputs.json", "timings.json"}
    assert changed == record | {"structure.json"}
    # Back again: the same bytes, by the last stage alone.
    sample.config.write_text(CONFIG)
    run(load_config(sample.config), finished, resume=True)
    again = contents(finished)
    before.pop("timings.json"), again.pop("timings.json")
    assert again == before


def test_a_failed_analysis_leaves_model_bank_and_report(
    sample: Sample, aet: Aet, asked: Callable[..., Any]
) -> None:
    """As of a tetrahedral glass, whose pair distribution has no first valley to cut bonds at."""
    # Bonds of 0.1 angstrom: no atom has a neighbour, so there is no structure.
    sample.config.write_text(CONFIG.replace("cutoff = 4.0", "cutoff = 0.1"))
    out = sample.folder / "run"
    done = aet("run", sample.config, "--out", out, "--json")
    assert done.code == 1
    assert done.err.startswith("aet: stage analyze failed: ")
    assert done.err.count("\n") == 1
    facts = json.loads(done.out)
    assert facts["failed"].keys() == {"analyze"}
    assert facts["atoms"] == len(read_model(out / "model.xyz"))
    assert "stage &#39;analyze&#39; failed: " in (out / "report.html").read_text()
    query = "SELECT n_atoms, count(analysis_id) AS n FROM model LEFT JOIN analysis USING (model_id)"
    (stored,) = asked("mdb", "query", f"{query} GROUP BY ALL", "--bank", out / "bank.duckdb")
    assert stored == {"n_atoms": facts["atoms"], "n": 0}
    assert asked("report", out)["left_out"] == ["orders", "structure"]
    # Mended, only the analysis is done, and it joins the model in the bank.
    sample.config.write_text(CONFIG)
    mended = asked("run", sample.config, "--out", out, "--resume", "--no-report")
    assert mended["new"] is False
    (stored,) = asked("mdb", "query", f"{query} GROUP BY ALL", "--bank", out / "bank.duckdb")
    assert stored["n"] == 1


def test_a_run_of_an_earlier_version(sample: Sample, finished: Path, refused: Refused) -> None:
    """Without a record of its stages a run is continued with its own settings only."""
    before = contents(finished)
    (finished / "stages.json").unlink()
    (finished / "outputs.json").unlink()
    sample.config.write_text(CONFIG.replace("iterations = 20", "iterations = 21"))
    again = ("run", sample.config, "--out", finished, "--resume")
    refused(*again, parts=(finished, "no record of its stages", "another --out"))
    sample.config.write_text(CONFIG)
    with pytest.warns(UserWarning, match="no record says what the stages reconstruct, trace had"):
        run(load_config(sample.config), finished, resume=True)
    after = contents(finished)
    made = json.loads(after.pop("outputs.json"))
    known = json.loads(before.pop("outputs.json"))
    assert {name: one["found"] for name, one in made.items() if one["found"]} == {
        "reconstruct": True,
        "trace": True,
    }
    # But for that, the record is the one that the run would have made.
    assert {name: one | {"found": False} for name, one in made.items()} == known
    before.pop("timings.json"), after.pop("timings.json")
    assert after == before


def test_a_finished_run_of_an_earlier_version(sample: Sample, finished: Path) -> None:
    """Its files are taken as they are, with a note, once; from then on they are checked."""
    (finished / "outputs.json").unlink()
    with pytest.warns(UserWarning, match="reconstruct, trace, assemble, select, analyze had"):
        run(load_config(sample.config), finished, resume=True)
    run(load_config(sample.config), finished, resume=True)  # warnings are errors here
    truncated(finished / "volume.npy")
    with pytest.raises(DataFileError, match="than the stage 'assemble' wrote"):
        run(load_config(sample.config), finished, resume=True)


def test_a_folder_in_which_a_run_is_going_on(
    sample: Sample, finished: Path, refused: Refused
) -> None:
    options = ("run", sample.config, "--no-report", "--resume", "--out")
    before = contents(finished)
    with working_in(finished) as process:
        refused(*options, finished, parts=(finished, "going on", process.pid, "wait for it"))
    (finished / LOCK).unlink()
    assert contents(finished) == before
