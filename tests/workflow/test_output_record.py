"""Files that the stages of a run made: changed ones are refused, wherever the run is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdb
from aet_port.core.checkpoint import Checkpoint
from aet_port.core.errors import CheckpointError, DataFileError, InputError
from aet_port.reporting.run import read_run
from aet_port.workflow.config import load_config
from aet_port.workflow.deposit import deposit_run
from aet_port.workflow.output_record import area_is_made, note_area
from aet_port.workflow.pipeline import Run, run, stages_of
from aet_port.workflow.run_folder import RunFolder
from mdb.entry_remarks import model_warnings, verified_files

CONFIG = """\
[sample]
name = "pair of species"
species = "Ta"
preset = "papers"
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
edits = "edits.csv"
[refine]
max_evaluations = 3
take_over = "always"
[analyze]
cutoff = 4.0
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """All files of a finished run, refined and edited."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "run.toml").write_text(CONFIG)
    (folder / "edits.csv").write_text("action,atom,species,x,y,z,reason\nremove,3,,,,,try\n")
    done = run(load_config(folder / "run.toml"), folder / "run", threads=1)
    assert done.failures == ()
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def folder(original: dict[str, bytes], tmp_path: Path) -> Path:
    for name, content in original.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path / "run"


def resumed(folder: Path) -> Run:
    return run(load_config(folder.parent / "run.toml"), folder, resume=True, threads=1)


def moved(text: bytes) -> bytes:
    """A model with the first coordinate of its first atom 1 angstrom farther."""
    lines = text.decode().split("\n")
    words = lines[2].split()
    words[1] = repr(float(words[1]) + 1)
    lines[2] = " ".join(words)
    return "\n".join(lines).encode()


def cut(text: bytes) -> bytes:
    """A model without the last ten of its atoms."""
    lines = text.decode().rstrip("\n").split("\n")
    return "\n".join([str(int(lines[0]) - 10), *lines[1:-10], ""]).encode()


def flipped(content: bytes) -> bytes:
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


def better(text: bytes) -> bytes:
    """A record of a refinement with another R1."""
    return json.dumps(json.loads(text) | {"r1": 0.01}).encode()


CHANGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "refined.extxyz": ("refine", moved),
    "model.xyz": ("select", cut),
    "unedited.xyz": ("select", moved),
    "applied_edits.csv": ("select", lambda text: text.replace(b"3", b"4")),
    "refinement.json": (
        "refine",
        lambda text: json.dumps(json.loads(text) | {"r1": 0.01}).encode(),
    ),
    "structure.json": ("analyze", lambda text: text.replace(b"1", b"2")),
    "comparison.json": ("compare", lambda text: text.replace(b"1", b"2")),
    "volume.npy": ("assemble", flipped),
    "volumes/whole.npy": ("reconstruct", flipped),
    "volumes/whole_r.npz": ("reconstruct", lambda _: b""),
    "peaks/whole.npz": ("trace", flipped),
    "simulated/projections.npy": ("simulate", flipped),
    "simulated/angles.txt": ("simulate", lambda text: text.replace(b"6", b"5")),
    "simulated/truth.json": ("simulate", lambda text: text + b" "),
    "truth.xyz": ("make the sample", moved),
}


def test_the_record_names_every_file_of_the_run(folder: Path) -> None:
    """Against hashes of the standard library, and a list of the folder."""
    record = json.loads((folder / "outputs.json").read_text())
    made = {name: digest for one in record.values() for name, digest in one["outputs"].items()}
    own = {"run.json", "config.toml", "stages.json", "outputs.json", "timings.json"}
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert made == {name: digest for name, digest in there.items() if name not in own}
    assert set(CHANGES) == set(made)
    # What it was made from: files of the stages before, with the same hashes.
    assert set(record["select"]["inputs"]) == {"peaks/whole.npz", "volume.npy"}
    assert all(
        made[name] == digest for one in record.values() for name, digest in one["inputs"].items()
    )
    assert len({one["settings"] for one in record.values()}) == len(record)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    stage, change = CHANGES[name]
    path = folder / name
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before
    ways = "edits.csv" if path.suffix in (".xyz", ".extxyz") else "outside of the run folder"
    readers: list[Callable[[], Any]] = [
        lambda: resumed(folder),
        lambda: read_run(folder),
        lambda: deposit(folder),
    ]
    for reader in readers:
        with pytest.raises(DataFileError) as caught:
            reader()
        assert caught.value.path == path
        assert f"the stage '{stage}'" in str(caught.value)
        assert "delete it" in str(caught.value)
        assert ways in str(caught.value)
    # The first way out: without the file its stage is done again, and the result is the old one.
    path.unlink()
    resumed(folder)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["refined.extxyz", "peaks/whole.npz", "structure.json"])
def test_a_stage_is_done_again_on_request(folder: Path, name: str) -> None:
    """The way out that the error names; nothing is lost, and the result is that of the run."""
    stage, change = CHANGES[name]
    before = {key: (folder / key).read_bytes() for key in CHANGES}
    (folder / name).write_bytes(change(before[name]))
    with pytest.raises(DataFileError, match=f"--redo {stage}` does the stage again"):
        resumed(folder)
    changed = {key: (folder / key).read_bytes() for key in CHANGES}
    times = {one["stage"]: one for one in json.loads((folder / "timings.json").read_text())}
    record = json.loads((folder / "outputs.json").read_text())
    done = run(load_config(folder.parent / "run.toml"), folder, redo=stage, threads=1)
    assert done.failures == ()
    assert {key: (folder / key).read_bytes() for key in CHANGES} == before
    # Those that depend on it, by hand.
    again = {
        "refine": ["refine", "analyze", "compare"],
        "trace": ["trace", "select", "refine", "analyze", "compare"],
        "analyze": ["analyze"],
    }[stage]
    after = {one["stage"]: one for one in json.loads((folder / "timings.json").read_text())}
    assert {key for key in after if after[key] != times[key]} == set(again)
    kept = folder / "set_aside/1"
    assert done.set_aside == kept
    files = {key for key, (maker, _) in CHANGES.items() if maker in again}
    found = {one.relative_to(kept).as_posix() for one in kept.rglob("*") if one.is_file()}
    assert found == files | {"record.json"}
    assert {key: (kept / key).read_bytes() for key in files} == {key: changed[key] for key in files}
    told = json.loads((kept / "record.json").read_text())
    assert told["stage"] == stage
    assert told["outputs"] == {key: record[key] for key in again}
    assert set(told["stages"]) == set(again)
    if stage != "analyze":
        return
    # A second time, into a folder of its own; then nothing is left to do.
    second = run(load_config(folder.parent / "run.toml"), folder, redo=stage, threads=1)
    assert second.set_aside == folder / "set_aside/2"
    assert resumed(folder).set_aside is None
    assert deposit(folder).new


def test_a_request_that_is_interrupted_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at each removal in turn: the files are aside, and the run can be resumed."""
    before = {key: (folder / key).read_bytes() for key in CHANGES}
    unlink = Path.unlink
    config = load_config(folder.parent / "run.toml")
    for attempt, n_removed in enumerate((0, 2, 6), start=1):
        left = [n_removed]

        def stopping(path: Path, missing_ok: bool = False, left: list[int] = left) -> None:
            if path.name in {Path(key).name for key in CHANGES}:
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
            unlink(path, missing_ok)

        monkeypatch.setattr(Path, "unlink", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(config, folder, redo="trace", threads=1)
        monkeypatch.setattr(Path, "unlink", unlink)
        kept = folder / f"set_aside/{attempt}"
        assert (kept / "refined.extxyz").read_bytes() == before["refined.extxyz"]
        resumed(folder)
        assert {key: (folder / key).read_bytes() for key in CHANGES} == before


def test_links_are_not_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no links here")

    before = (folder / "structure.json").read_bytes()
    monkeypatch.setattr("os.link", refused)
    done = run(load_config(folder.parent / "run.toml"), folder, redo="analyze", threads=1)
    assert done.set_aside is not None
    assert (done.set_aside / "structure.json").read_bytes() == before


def test_only_stages_of_a_run_are_done_again(folder: Path, tmp_path: Path) -> None:
    config = load_config(folder.parent / "run.toml")
    with pytest.raises(InputError, match=r"--redo: found 'classify'; .*trace, assemble, select"):
        run(config, folder, redo="classify")
    with pytest.raises(InputError, match="found no run; expected the run folder of a run"):
        run(config, tmp_path / "new", redo="trace")
    assert not (tmp_path / "new").exists()


def deposit(folder: Path) -> mdb.Deposit:
    config = load_config(folder.parent / "run.toml")
    with mdb.Bank(folder.parent / "bank.duckdb") as bank:
        return deposit_run(bank, Run(RunFolder(folder), config))


def test_the_second_way_out_is_a_line_of_edits(folder: Path) -> None:
    """A moved atom as an edit: the stages after it are done again and the run is sound."""
    edits = folder.parent / "edits.csv"
    edits.write_text(edits.read_text() + "move,5,,1,1,1,by hand\n")
    done = resumed(folder)
    assert done.failures == ()
    away = np.linalg.norm(done.model.positions - 1, axis=1)
    assert away.min() <= 1.0 + 1e-6  # the refinement moves an atom by at most 1 angstrom
    assert deposit(folder).new


def test_a_file_that_no_stage_wrote_is_refused(folder: Path) -> None:
    """Without edits there is no model before them; one that appears would be taken for it."""
    (folder.parent / "run.toml").write_text(CONFIG.replace('edits = "edits.csv"\n', ""))
    resumed(folder)
    (folder / "unedited.xyz").write_text("1\n\nTa 0 0 0\n")
    with pytest.raises(DataFileError, match=r"unedited\.xyz: found a file that the stage 'select'"):
        resumed(folder)


def test_what_a_failed_stage_left_is_not_taken_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invented refined model beside a refinement that fails again."""
    fake = {name: (folder / name).read_bytes() for name in ("refined.extxyz", "refinement.json")}

    def failing(*_: object, **__: object) -> None:
        raise DataFileError("images", "nothing", "something")

    monkeypatch.setattr("aet_port.workflow.model_stages.refine_model", failing)
    (folder / "refined.extxyz").unlink()
    assert [one.stage for one in resumed(folder).failures] == ["refine"]
    for name, content in fake.items():
        (folder / name).write_bytes(content)
    done = resumed(folder)
    assert [one.stage for one in done.failures] == ["refine"]
    assert not (folder / "refined.extxyz").exists()
    assert done.refinement is None


def test_what_was_made_of_another_file_is_made_again(folder: Path) -> None:
    """A stage that is repeated and gives other bytes, as another version may, counts as changed."""
    (folder / "volume.npy").unlink()
    record = json.loads((folder / "outputs.json").read_text())

    def other(work: Any) -> dict[str, Any]:
        array = np.load(folder / "volumes/whole.npy") * np.float32(1.001)
        np.save(folder / "volume.npy", array)
        return {}

    config = load_config(folder.parent / "run.toml")
    stages = [
        replace(one, function=other) if one.name == "assemble" else one for one in stages_of(config)
    ]
    timings = {one["stage"]: one for one in json.loads((folder / "timings.json").read_text())}
    run(config, folder, stages=stages, resume=True, threads=1)
    again = {one["stage"]: one for one in json.loads((folder / "timings.json").read_text())}
    assert again["trace"] == timings["trace"]
    assert again["select"] != timings["select"]
    made = json.loads((folder / "outputs.json").read_text())
    assert made["select"]["inputs"]["volume.npy"] != record["select"]["inputs"]["volume.npy"]


def test_sub_areas_of_an_interrupted_stage(tmp_path: Path) -> None:
    folder, names = RunFolder(tmp_path), ("volumes/{area}.npy",)
    (tmp_path / "volumes").mkdir()
    assert not area_is_made(folder, "reconstruct", 2, names)
    np.save(tmp_path / "volumes/area_02.npy", np.ones(5))
    assert area_is_made(folder, "reconstruct", 2, names)  # of an earlier version
    note_area(folder, "reconstruct", 2, names)
    assert area_is_made(folder, "reconstruct", 2, names)
    np.save(tmp_path / "volumes/area_02.npy", np.zeros(5))
    with pytest.raises(DataFileError, match=r"area_02\.npy: found other contents"):
        area_is_made(folder, "reconstruct", 2, names)
    folder.discard_checkpoints("reconstruct")
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_with_another_array_is_refused(tmp_path: Path) -> None:
    """Its key stays that of the data, so that only its contents tell."""
    state = Checkpoint(tmp_path / "state.npz", "of these data", 0)
    state.save(volume=np.ones(4), iteration=np.array(3))
    loaded = state.load()
    assert loaded is not None
    assert {name: value.tolist() for name, value in loaded.items()} == {
        "volume": [1, 1, 1, 1],
        "iteration": 3,
    }
    with np.load(tmp_path / "state.npz") as stored:
        arrays = dict(stored)
    for change in ({"volume": np.zeros(4)}, {"added": np.ones(1)}, {"content": np.array("0" * 64)}):
        np.savez(tmp_path / "state.npz", **arrays | change)
        with pytest.raises(CheckpointError, match=r"state\.npz: found other contents"):
            state.load()
    arrays.pop("content")  # of an earlier version
    np.savez(tmp_path / "state.npz", **arrays)
    assert state.load() is not None


def test_the_bank_says_which_files_were_verified(folder: Path) -> None:
    """All that the run made and read, with the hashes of the record."""
    stored = deposit(folder)
    record = json.loads((folder / "outputs.json").read_text())
    made = {
        (f"output of {stage}", Path(name).name, digest)
        for stage, one in record.items()
        for name, digest in one["outputs"].items()
    }
    edits = folder.parent / "edits.csv"
    read = ("select.edits", edits.name, hashlib.sha256(edits.read_bytes()).hexdigest())
    with mdb.Bank(folder.parent / "bank.duckdb") as bank:
        rows = bank.sql("SELECT role, file_name, sha256, verified FROM provenance").to_pylist()
        assert {(r["role"], r["file_name"], r["sha256"]) for r in rows} == made | {read}
        assert all(row["verified"] for row in rows)
        assert verified_files(bank, stored.id) == f"{len(rows)} of {len(rows)} files"
        assert model_warnings(bank, stored.id) == []


def test_a_file_that_changed_after_the_run_read_it(folder: Path) -> None:
    """The bank gets the hash of the file that the model was made with, and says so."""
    edits = folder.parent / "edits.csv"
    before = hashlib.sha256(edits.read_bytes()).hexdigest()
    edits.write_text(edits.read_text() + "\n")
    with pytest.warns(UserWarning, match=r"edits\.csv: no longer the file that the run read"):
        deposit(folder)
    with mdb.Bank(folder.parent / "bank.duckdb") as bank:
        sql = "SELECT sha256, verified FROM provenance WHERE role = 'select.edits'"
        assert bank.sql(sql).to_pylist() == [{"sha256": before, "verified": False}]


def test_files_without_a_record_are_deposited_as_such(folder: Path) -> None:
    (folder / "outputs.json").unlink()
    with pytest.warns(UserWarning, match="no record says"):
        resumed(folder)
    stored = deposit(folder)
    with mdb.Bank(folder.parent / "bank.duckdb") as bank:
        sql = "SELECT bool_or(verified) AS one FROM provenance WHERE role LIKE 'output of %'"
        assert bank.sql(sql)["one"].to_pylist() == [False]
        assert verified_files(bank, stored.id) == f"1 of {len(CHANGES) + 1} files"


def test_an_r_factor_that_the_images_do_not_have(folder: Path) -> None:
    """An invented record of a run of an earlier version, which nothing else contradicts."""
    path = folder / "refinement.json"
    path.write_bytes(better(path.read_bytes()))
    (folder / "outputs.json").unlink()
    stored = deposit(folder)
    with mdb.Bank(folder.parent / "bank.duckdb") as bank:
        (told,) = model_warnings(bank, stored.id)
    assert (told["kind"], told["bound"]) == ("R factor", 0.01)
    assert told["text"].startswith("R1 computed from model and images is ")
    assert told["text"].endswith("recorded is 0.01")


def test_the_report_shows_what_is_recorded_and_what_is_implausible(folder: Path) -> None:
    tables = {table.caption: table for table in read_run(folder).provenance}
    assert "Plausibility of the model" not in tables
    rows = {row[0]: row[1] for row in tables["Output files"].rows}
    assert rows == dict.fromkeys(rows, "yes")
    assert "refined.extxyz" in rows
    (folder / "outputs.json").unlink()
    path = folder / "refined.extxyz"
    lines = path.read_text().split("\n")
    lines[2] = lines[3].replace("Ta", "Pd")
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="no height and B factor of Pd"):
        read_run(folder)
    words = lines[3].split()
    words[1] = repr(float(words[1]) + 0.5)  # one half an angstrom beside the other
    lines[2] = " ".join(words)
    path.write_text("\n".join(lines))
    tables = {table.caption: table for table in read_run(folder).provenance}
    assert {row[0]: row[1] for row in tables["Output files"].rows}["volume.npy"] == "no record"
    kinds = [row[0] for row in tables["Plausibility of the model"].rows]
    assert kinds == ["clash"]
