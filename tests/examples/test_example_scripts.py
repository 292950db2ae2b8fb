"""Each script of ``examples/`` runs as it is and finds what it sets out to find."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from aet_port.io import read_model, read_tilt_series, write_model
from aet_port.simulation import amorphous_particle

FOLDER = Path(__file__).resolve().parents[2] / "examples"
# What each one prints, in part; and the files that it leaves.
SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "reconstruct_and_trace": (r"\d+ of 200 atoms found, RMSD \d+ pm", ("traced.xyz",)),
    "refine_positions": (r"before: .* pm\nafter: .* pm\n<Refinement: atoms 100", ()),
    "analyse_your_model": (r"300 atoms, cut-off 4\.\d\d angstrom \(first valley\)", ()),
    "bank_queries": (r"TaXX00001 new\nTaXX00002 new\n(.*\n)+\[\{'model_id'", ("bank.duckdb",)),
    "compare_with_simulation": (r"(nearest-by-\w+: rattled by 0\.[36] .*\n){2}", ()),
    "preprocess_frames": (r"frames 18.*\n.*images 9.*\nNoiseModel", ("clean.mat", "raw.mrc")),
    "motif_intervals": (
        r"errors: 10\.\d+ pm assumed .*\n(.*\n)+largest_network 5",
        ("packing_intervals.png",),
    ),
    "species_recall": (
        r"known peaks, classified: 40 atoms(.*\n)+from counts: 40 atoms, 100\.0 %",
        ("species_recall.png",),
    ),
    "report": (r"report\.html: \d\.\d MB", ("report.html",)),
}


def run_script(name: str, *words: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the script leaves."""
    path = str(FOLDER / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [path, *words])
    return runpy.run_path(path, run_name="__main__")


def test_every_script_is_tried_and_is_short() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SCRIPTS)
    for name in SCRIPTS:
        assert len((FOLDER / f"{name}.py").read_text().splitlines()) <= 40, name


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_script(name, monkeypatch=monkeypatch)
    words, files = SCRIPTS[name]
    printed = capsys.readouterr().out
    assert re.search(words, printed)
    assert set(files) <= {path.name for path in tmp_path.iterdir()}
    if name == "reconstruct_and_trace":
        # The missing wedge and the dose leave a few percent of the atoms unseen.
        assert names["found"].matched >= 190
        assert len(read_model("traced.xyz")) == len(names["model"])
    if name == "refine_positions":
        before, after = (float(number) for number in re.findall(r": ([\d.]+) pm", printed))
        assert after < before / 2
    if name == "preprocess_frames":
        assert len(read_tilt_series("clean.mat", "clean.txt").images) == 9


def test_a_model_of_your_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("mine.xyz", amorphous_particle(100, "Pd", seed=2))
    run_script("analyse_your_model", "mine.xyz", "3.9", monkeypatch=monkeypatch)
    assert "100 atoms, cut-off 3.90 angstrom (given)" in capsys.readouterr().out
