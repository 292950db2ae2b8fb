"""``aet run``: what is refused before the work starts, and a run folder that is never harmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import DataFileError
from aet_port.workflow import model_stages, pipeline
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from tests.cli.samples import CONFIG, Aet, Refused, Sample, contents, truncated


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (("[trace]", "[trace"), ("particle.toml", "no TOML")),
        (("[analyze]", "[analyse]"), ("particle.toml", "'analyse'", "analyze")),
        (("iterations", "iteration"), ("particle.toml", "'iteration' in [reconstruct]")),
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
    refused("run", sample.config, "--out", out, "--threads", 0, parts=("threads", "at least 1"))
    assert contents(out) == {"notes.txt": b"keep me"}


def test_a_run_is_not_mixed_with_another(sample: Sample, finished: Path, refused: Refused) -> None:
    before = contents(finished)
    again = ("run", sample.config, "--out", finished)
    refused(*again, parts=(finished, "a run;", "--resume to take it up, or another --out"))
    sample.config.write_text(CONFIG.replace("iterations = 20", "iterations = 21"))
    refused(*again, "--resume", parts=(finished, "a run with another configuration", "the same"))
    sample.config.write_text(CONFIG)
    (sample.folder / "angles.mat").write_bytes((sample.folder / "projections.mat").read_bytes())
    refused(*again, "--resume", parts=(finished, "a run with other input files", "the same"))
    assert contents(finished) == before


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("run.json", '{"config": ', "another --out"),
        ("run.json", "\xff", "another --out"),
        ("run.json", "[1, 2]", "another configuration"),
        ("timings.json", "[", "delete it to go on"),
        ("timings.json", "[3]", "delete it to go on"),
        ("volumes/whole_r.npz", "no archive", "delete both"),
        ("peaks/whole.npz", "no archive", "peaks written by Peaks.save"),
        ("volume.npy", "no array", "a volume as"),
        ("model.xyz", "3\n\nTa 0 0 0\n", "1 lines for 3 atoms"),
    ],
)
def test_damaged_files(
    sample: Sample, finished: Path, refused: Refused, name: str, text: str, advice: str
) -> None:
    (finished / name).write_bytes(text.encode("latin-1"))
    expected = finished if "configuration" in advice else finished / name
    refused("run", sample.config, "--out", finished, "--resume", parts=(expected, advice))


def test_a_damaged_volume(sample: Sample, finished: Path, refused: Refused) -> None:
    truncated(finished / "volumes/whole.npy")
    (finished / "peaks/whole.npz").unlink()
    path = finished / "volumes/whole.npy"
    refused("run", sample.config, "--out", finished, "--resume", "--json", parts=(path, "array"))


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
    places = {"reconstruct_with": pipeline, "trace_with": pipeline, "selected_model": model_stages}
    for name, place in places.items():
        function = getattr(place, name)

        def noted(*args: object, _name: str = name, _function: Callable = function, **kw: object):
            stages.append(_name)
            return _function(*args, **kw)

        monkeypatch.setattr(place, name, noted)
    for name in missing:
        (finished / name).unlink()
    # A process that was killed leaves such files.
    (finished / "volumes" / ".whole.checkpoint.partial-1.npz").write_bytes(b"half")
    (finished / "volumes" / "whole.checkpoint.npz").write_bytes(b"old")
    if "volumes/whole.npy" in missing:
        (finished / "volumes" / "whole.checkpoint.npz").unlink()
    run(load_config(sample.config), finished, resume=True)
    after = contents(finished)
    before.pop("timings.json"), after.pop("timings.json")
    assert after == before
    expected = {
        "peaks/whole.npz": ["trace_with", "selected_model"],
        "volumes/whole.npy": ["reconstruct_with"],
        "model.xyz": ["selected_model"],
    }
    assert stages == expected.get(missing[0], [])


def test_input_given_only_later(sample: Sample, refused: Refused, aet: Aet) -> None:
    """A run that was refused for want of something in its folder can be taken up."""
    out = sample.folder / "run"
    bank = sample.folder / "angles.txt"
    options = ("run", sample.config, "--out", out, "--json")
    refused(*options, "--bank", bank, parts=(bank, "not a DuckDB file"))
    done = aet(*options, "--resume")
    assert done.code == 0
    assert json.loads(done.out)["new"] is True


def test_no_atoms_in_the_peaks(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    support = sample.folder / "nothing.npy"
    np.save(support, np.zeros((41, 40, 41), np.float32))
    sample.config.write_text(CONFIG.replace('"tight"', '"nothing.npy"\nrule = "support"'))
    with pytest.raises(ValueError, match=r"none of them an atom.*section \[select\]"):
        run(load_config(sample.config), sample.folder / "run")
    assert not (sample.folder / "run" / "model.xyz").exists()


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
