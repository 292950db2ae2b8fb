"""Each command on the small particle: files in, files out, and JSON that parses."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from aet_port.core.checkpoint import Checkpoint
from aet_port.io import matlab, read_model, read_volume
from aet_port.resire import single_axis
from aet_port.tracing import Peaks, peak_search
from aet_port.tracing.polynomial_fit import fit_peaks
from tests.cli.samples import CONFIG, PIXEL, Aet, Refused, Sample

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("--iterations", 20, "--oversampling", 2)


@pytest.fixture
def volume(sample: Sample, finished_original: Path) -> Path:
    """What ``aet reconstruct`` makes with these settings, from a run with the same."""
    return Path(shutil.copy(finished_original / "volume.npy", sample.folder))


def test_help_lists_every_command(aet: Aet) -> None:
    outcome = aet("--help")
    assert outcome.code == 0
    for name in ("demo", "run", "reconstruct", "trace", "analyze", "compare-models", "mdb"):
        assert re.search(rf"^\W*{name} ", outcome.out, re.MULTILINE), name
    listed = aet("mdb", "--help").out
    for name in ("init", "deposit", "list", "show", "query"):
        assert re.search(rf"^\W*{name} ", listed, re.MULTILINE), name


def test_reconstruct_reads_and_writes_what_users_have(
    sample: Sample, asked: Callable[..., Any]
) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    arrays = {}
    for suffix in ("npy", "mrc", "mat", "tif"):
        path = sample.folder / f"volume.{suffix}"
        facts = asked("reconstruct", *files, "-o", path, *SETTINGS, "--threads", 1)
        assert facts["volume"] == str(path)
        assert facts["shape"] == [41, 40, 41]
        # Measured 0.070; the noise alone makes about 0.06.
        assert 0.02 < facts["r_factor"] < 0.1
        arrays[suffix] = read_volume(path, PIXEL if suffix == "npy" else None)
        assert arrays[suffix].voxel_size == pytest.approx(PIXEL, rel=1e-6)  # single in MRC
        with np.load(sample.folder / "volume.r.npz") as history:
            assert history["r1"].shape == history["r2"].shape == (20, 20)
            assert history["r1"][-1].mean() == facts["r_factor"]
    assert all(np.array_equal(v.array, arrays["npy"].array) for v in arrays.values())
    # The tilt series as NumPy and text holds the same numbers, in the other orientation.
    plain = sample.folder / "plain.npy"
    files = (sample.folder / "projections.npy", sample.folder / "angles.txt")
    asked("reconstruct", *files, "-o", plain, *SETTINGS, "--pixel-size", PIXEL)
    assert plain.read_bytes() == (sample.folder / "volume.npy").read_bytes()
    with mrcfile.open(sample.folder / "volume.mrc") as mrc:
        assert np.array_equal(mrc.data.transpose(), arrays["npy"].array)


def test_mass_lies_where_the_atoms_are(sample: Sample, volume: Path) -> None:
    """The orientation of a volume from a .mat file is that of the model's positions."""
    read = read_volume(volume, PIXEL)
    at = np.rint(read.to_voxels(sample.model.positions)).astype(int)
    others = np.random.default_rng(0).permuted(at, axis=1)  # x, y, z of each atom mixed up
    assert read.array[tuple(at.T)].mean() > 1.5 * read.array[tuple(others.T)].mean()


def test_reconstruct_takes_three_ratios_and_files(
    sample: Sample, volume: Path, asked: Callable[..., Any]
) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    again = sample.folder / "again.npy"
    ratios = ("--oversampling", "2,2,2")
    asked("reconstruct", *files, *ratios, "-o", again, "--iterations", 20)
    assert again.read_bytes() == volume.read_bytes()
    np.save(sample.folder / "support.npy", read_volume(volume, PIXEL).array > 0)
    options = ("--support", sample.folder / "support.npy", "--initial", volume)
    more = sample.folder / "more.npy"
    facts = asked("reconstruct", *files, *options, "-o", more, "--iterations", 5)
    assert not read_volume(more, PIXEL).array[read_volume(volume, PIXEL).array == 0].any()
    assert facts["r_factor"] < 0.07  # it goes on from 0.070
    wide = sample.folder / "wide.npy"
    films = ("--extended", "--keep-extended", "--n-z", 21, "--iterations", 1)
    shape = asked("reconstruct", *files, *films, "-o", wide)["shape"]
    assert shape[0] > 41
    assert shape[2] == 21


def interrupted(function: Callable[..., Any], calls: int, made: list[int]) -> Callable[..., Any]:
    """``function``, stopped by Ctrl-C at call ``calls``; ``made`` collects the number of calls."""

    def wrapped(*arguments: Any, **options: Any) -> Any:
        made.append(len(made))
        if len(made) == calls:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return wrapped


def test_reconstruct_goes_on_after_ctrl_c(
    sample: Sample, volume: Path, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    state, again = sample.folder / "state.npz", sample.folder / "again.npy"
    command = ("reconstruct", *files, "-o", again, *SETTINGS, "--checkpoint", state)
    before = sorted(sample.folder.iterdir())
    monkeypatch.setattr(Checkpoint, "due", lambda self: self.path is not None)
    project, made = single_axis.project, []
    monkeypatch.setattr(single_axis, "project", interrupted(project, 13, made))
    assert aet(*command).code == 130
    assert sorted(sample.folder.iterdir()) == sorted([*before, state])
    made.clear()
    monkeypatch.setattr(single_axis, "project", interrupted(project, 0, made))
    assert aet(*command).code == 0
    assert len(made) == 8  # 12 of 20 were done
    assert again.read_bytes() == volume.read_bytes()
    assert not state.exists()


def test_trace(sample: Sample, volume: Path, asked: Callable[..., Any]) -> None:
    found = {}
    for suffix in ("npz", "mat", "xyz"):
        path = sample.folder / f"peaks.{suffix}"
        facts = asked("trace", volume, "--pixel-size", PIXEL, "-o", path)
        assert facts["peaks"] == str(path)
        assert facts["fitted"] >= facts["accepted"] > 200
        found[suffix] = path
    peaks = Peaks.load(found["npz"])
    assert len(peaks.accepted) == facts["accepted"]
    table = matlab.read_array(found["mat"])
    assert table.shape == (3, facts["accepted"])
    assert np.array_equal(table.T, peaks.accepted + 1)
    positions = read_model(found["xyz"]).positions
    assert np.array_equal(positions, read_volume(volume, PIXEL).to_positions(peaks.accepted))
    # Every atom has a peak within an angstrom; the others are noise around the particle.
    nearest = np.linalg.norm(sample.model.positions[:, None] - positions, axis=2).min(axis=1)
    assert (nearest < 1).mean() > 0.95


def test_trace_with_splines(sample: Sample, volume: Path, asked: Callable[..., Any]) -> None:
    options = ("--pixel-size", PIXEL, "--upsampling", "spline")
    facts = asked("trace", volume, *options, "-o", sample.folder / "peaks.xyz")
    positions = read_model(sample.folder / "peaks.xyz").positions
    assert facts["fitted"] >= facts["accepted"] == len(positions) > 200
    linear = sample.folder / "linear.xyz"
    asked("trace", volume, "--pixel-size", PIXEL, "-o", linear)
    assert not np.array_equal(read_model(linear).positions, positions)
    nearest = np.linalg.norm(sample.model.positions[:, None] - positions, axis=2).min(axis=1)
    assert (nearest < 1).mean() > 0.95


def test_trace_with_a_species_and_smoothing(
    sample: Sample, volume: Path, asked: Callable[..., Any], refused: Refused
) -> None:
    command = ("trace", volume, "--pixel-size", PIXEL, "-o", sample.folder / "peaks.npz")
    plain, metal = asked(*command), asked(*command, "--species", "Co,Pd Pt")
    assert plain == metal
    # Noise lies close to atoms in this volume: 1.14 angstrom let more of it in.
    light = asked(*command, "--species", "Ta,C")
    assert light["accepted"] > plain["accepted"]
    assert asked(*command, "--species", "C", "--minimum-distance", 2) == plain
    smooth = asked(*command, "--smoothing", 0.5)
    assert smooth["fitted"] < plain["fitted"]
    refused(*command, "--species", "Unobtanium", parts=("species: found 'Unobtanium'", "such as"))


@pytest.mark.filterwarnings("always:.*local maxima")
def test_maxima_left_out_are_said(
    sample: Sample, volume: Path, aet: Aet, asked: Callable[..., Any]
) -> None:
    peaks = sample.folder / "peaks.npz"
    command = ("trace", volume, "--pixel-size", PIXEL, "-o", peaks, "--json")
    done = aet(*command, "--max-peaks", 100)
    assert done.code == 0
    assert done.err.startswith(f"aet: warning: {volume}: ")
    assert done.err.count("\n") == 1
    whole = asked(*command[:-1])
    assert f" {whole['fitted']} local maxima, of which only the brightest 100 " in done.err


@pytest.mark.slow
@pytest.mark.filterwarnings("always:.*local maxima")
def test_a_run_records_maxima_left_out(sample: Sample, aet: Aet) -> None:
    sample.config.write_text(CONFIG + "\n[trace]\nmax_peaks = 150\n")
    out = sample.folder / "run"
    done = aet("run", sample.config, "--out", out, "--threads", 1, "--json")
    (text,) = json.loads(done.out)["warnings"]
    assert text.startswith("volumes/whole.npy: ")
    assert "only the brightest 150 were fitted" in text
    said = text.removeprefix("volumes/whole.npy")
    assert said in done.err
    assert said in html.unescape((out / "report.html").read_text())
    # Also when nothing is traced again.
    again = aet("run", sample.config, "--out", out, "--threads", 1, "--json", "--resume")
    assert json.loads(again.out)["warnings"] == [text]


def test_trace_goes_on_after_ctrl_c(
    sample: Sample, volume: Path, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, whole, again = (sample.folder / n for n in ("state.npz", "whole.npz", "again.npz"))
    command = ("trace", volume, "--pixel-size", PIXEL, "--threads", 1)
    assert aet(*command, "-o", whole).code == 0
    before = sorted(sample.folder.iterdir())
    made: list[int] = []
    monkeypatch.setattr(peak_search, "fit_peaks", interrupted(fit_peaks, 2, made))
    assert aet(*command, "-o", again, "--checkpoint", state).code == 130
    assert sorted(sample.folder.iterdir()) == sorted([*before, state])
    made.clear()
    monkeypatch.setattr(peak_search, "fit_peaks", interrupted(fit_peaks, 0, made))
    assert aet(*command, "-o", again, "--checkpoint", state).code == 0
    assert len(made) == 1  # 2480 peaks in two chunks, one of them done
    assert whole.read_bytes() == again.read_bytes()
    assert not state.exists()


def test_analyze_into_a_bank(sample: Sample, asked: Callable[..., Any]) -> None:
    truth, bank = sample.folder / "truth.xyz", sample.folder / "bank.duckdb"
    facts = asked("analyze", truth, "--cutoff", 4, "--delta", 0.2, "--delta", 0.255)
    assert facts["atoms"] == 200
    narrow, wide = facts["analyses"]
    assert (narrow["delta"], wide["delta"]) == (0.2, 0.255)
    assert 0 < narrow["tetrahedra"] < wide["tetrahedra"]
    options = ("--cutoff", 4, "--delta", 0.2, "--delta", 0.255, "--kind", "synthetic")
    stored = asked("analyze", truth, *options, "--bank", bank)
    assert stored["analyses"] == facts["analyses"]
    (listed,) = asked("mdb", "list", "--bank", bank)
    assert listed["model_id"] == stored["model"] == "TaXX00001"
    assert (listed["kind"], listed["n_atoms"], listed["analyses"]) == ("synthetic", 200, 2)
    shown = asked("mdb", "show", "TaXX00001", "--bank", bank)
    by_fold = {row["fold"]: row["motifs"] for row in shown["analyses"] if row["delta"] == 0.255}
    assert by_fold == {int(k): n for k, n in wide["motifs"].items() if n}
    (counted,) = asked("mdb", "query", "SELECT count(*) AS atoms FROM atom", "--bank", bank)
    assert counted == {"atoms": 200}


def test_bank_commands(sample: Sample, aet: Aet, asked: Callable[..., Any]) -> None:
    truth, bank = sample.folder / "truth.xyz", sample.folder / "bank.duckdb"
    assert "schema version" in aet("mdb", "init", "--bank", bank).out
    assert asked("mdb", "list", "--bank", bank) == []
    options = ("--bank", bank, "--kind", "synthetic")
    assert asked("mdb", "deposit", truth, *options) == {"model": "TaXX00001", "new": True}
    assert asked("mdb", "deposit", truth, *options) == {"model": "TaXX00001", "new": False}
    assert len(asked("mdb", "list", "--bank", bank)) == 1
    shown = asked("mdb", "show", "TaXX00001", "--bank", bank)
    assert (shown["kind"], shown["n_atoms"], shown["analyses"]) == ("synthetic", 200, [])
    assert shown["made_from"] == ["model truth.xyz"]
    corrected = asked("mdb", "deposit", truth, *options, "--corrects", "TaXX00001", "--doi", "10.1")
    assert corrected == {"model": "TaXX00001v2", "new": True}
    assert [row["model_id"] for row in asked("mdb", "list", "--bank", bank)] == ["TaXX00001v2"]
    exported = asked("mdb", "export", sample.folder / "parquet", "--bank", bank)
    again = asked("mdb", "import", sample.folder / "parquet", "--bank", sample.folder / "b.duckdb")
    assert again["models"] == {"TaXX00001": "TaXX00001", "TaXX00001v2": "TaXX00001v2"}
    repeated = asked("mdb", "export", sample.folder / "more", "--bank", sample.folder / "b.duckdb")
    assert exported["bank_hash"] == repeated["bank_hash"]
    checked = asked("mdb", "check", "--bank", sample.folder / "b.duckdb")
    assert (checked["failed"], checked["passed"] > 50) == (0, True)
    matlab.write_positions(sample.folder / "truth.mat", sample.model.positions)
    options = ("--species", "Pd", "--bank", bank)
    assert asked("mdb", "deposit", sample.folder / "truth.mat", *options)["model"] == "PdXX00001"
    assert "PdXX00001" in aet("mdb", "list", "--bank", bank).out
    odd = "SELECT 'nan'::DOUBLE AS nothing, TIMESTAMP '2020-01-02 03:04:05' AS moment"
    (row,) = asked("mdb", "query", odd, "--bank", bank)
    assert row == {"nothing": None, "moment": "2020-01-02T03:04:05"}


def test_compare_models(sample: Sample, aet: Aet, asked: Callable[..., Any]) -> None:
    truth, other = sample.folder / "truth.xyz", sample.folder / "other.mat"
    moved = sample.model.positions[5:] + np.array([0.1, 0.0, -0.2])
    matlab.write_positions(other, np.concatenate([moved, [[20.0, 0, 0]]]))
    outcome = aet("compare-models", other, truth, "--json")
    assert (outcome.code, outcome.err.count("\n")) == (0, 1)
    assert "other.mat: atom 195 (from 0): fewer than three others" in outcome.err
    facts = json.loads(outcome.out)
    assert (facts["matched"], facts["missed"], facts["spurious"]) == (195, 5, 1)
    assert facts["shift"] == [-0.1, 0.0, 0.2]
    assert facts["rmsd_pm"] == 0.0
    table = aet("compare-models", other, truth)
    assert table.code == 0
    assert "195" in table.out


def test_run_equals_the_single_stages(sample: Sample, asked: Callable[..., Any], aet: Aet) -> None:
    out, volume = sample.folder / "run", sample.folder / "volume.npy"
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    asked("reconstruct", *files, "-o", volume, *SETTINGS)
    command = ("run", sample.config, "--out", out, "--no-report")
    facts = asked(*command)
    assert (out / "volume.npy").read_bytes() == volume.read_bytes()
    assert (out / "volumes/whole.npy").read_bytes() == volume.read_bytes()
    peaks = sample.folder / "peaks.npz"
    asked("trace", volume, "--pixel-size", PIXEL, "-o", peaks)
    assert peaks.read_bytes() == (out / "peaks/whole.npz").read_bytes()
    analysis = asked("analyze", out / "model.xyz", "--cutoff", 4)["analyses"][0]
    assert json.loads((out / "structure.json").read_text()) == analysis
    assert facts["tetrahedra"] == analysis["tetrahedra"]
    compared = asked("compare-models", out / "model.xyz", sample.folder / "truth.xyz")
    # Measured: 199 of 200 atoms. A coarse pixel leaves 40 pm.
    assert facts["atoms"] == compared["matched"] + compared["spurious"]
    assert compared["matched"] >= 195
    assert compared["spurious"] <= 4
    assert compared["rmsd_pm"] < 60
    listed = asked("mdb", "list", "--bank", out / "bank.duckdb")
    assert [(m["model_id"], m["kind"], m["name"]) for m in listed] == [
        ("TaXX00001", "synthetic", "small particle")
    ]
    sql = "SELECT role, file_name FROM provenance ORDER BY role"
    roles = asked("mdb", "query", sql, "--bank", out / "bank.duckdb")
    assert {r["role"]: r["file_name"] for r in roles} == {
        "angles": "angles.mat",
        "projections": "projections.mat",
        "output of reconstruct": "whole_r.npz",
        "output of assemble": "volume.npy",
        "output of trace": "whole.npz",
        "output of select": "model.xyz",
        "output of analyze": "structure.json",
    }
    # Resumed when all is done: every stage is there, and so is the model in the bank.
    stages = json.loads((out / "timings.json").read_text())
    table = aet(*command, "--resume")
    assert table.code == 0
    assert "Reconstructing" not in table.err
    assert "tracing" not in table.err
    assert json.loads((out / "timings.json").read_text()) == stages
    assert asked(*command, "--resume")["new"] is False


def test_tables_keep_every_word(sample: Sample, aet: Aet) -> None:
    """Nothing is cut at the width of the terminal, and brackets are no markup."""
    bank = sample.folder / "bank.duckdb"
    aet("mdb", "init", "--bank", bank)
    text = "[red]" + "x" * 300 + "[/nothing]"
    outcome = aet("mdb", "query", f"SELECT '{text}' AS \"[b]word\"", "--bank", bank)
    assert outcome.code == 0
    assert re.sub(r"[^\w\[\]/]", "", outcome.out).replace("word", "", 1) == "[b]" + text
    long = sample.folder / ("model_" + "y" * 150 + "[bold]")
    long.mkdir()
    model = long / "truth.xyz"
    model.write_bytes((sample.folder / "truth.xyz").read_bytes())
    outcome = aet("analyze", model, "--bank", long / "bank.duckdb")
    assert outcome.code == 0
    assert str(long / "bank.duckdb") in outcome.out


def test_where_the_published_data_are(aet: Aet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AET_REFERENCE", "/nowhere/at/all")
    assert "looked in /nowhere/at/all" in aet("reference", "locate").out


@pytest.mark.slow
def test_as_a_process(sample: Sample) -> None:
    """The exit code and both streams of a real process, good and bad."""

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aet_port.cli.app", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    good = call("mdb", "init", "--bank", sample.folder / "bank.duckdb")
    assert (good.returncode, good.stderr) == (0, "")
    assert "schema version" in good.stdout
    bad = call("mdb", "list", "--bank", sample.folder / "absent.duckdb")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert re.fullmatch(r"aet: error: bank .*absent\.duckdb: no such file; .*\n", bad.stderr)
