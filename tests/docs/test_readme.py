"""What the README shows runs: its Python, its run file, its queries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

import aet_port as aet
import mdb
from aet_port.cli.app import main
from aet_port.io import write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from tests.docs.markdown import ROOT, blocks, commands

PAGE = "README.md"
PIXEL = 0.454  # angstrom, as in the README


def run_file() -> str:
    (text,) = (block.text for block in blocks(PAGE) if block.language == "toml")
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files under the names that the README uses."""
    path = tmp_path_factory.mktemp("readme")
    model = amorphous_particle(50, "Pd", seed=1)
    angles = np.zeros((15, 3))
    angles[:, 1] = np.linspace(-63, 63, 15)
    series = simulate_tilt_series(model, angles, PIXEL, (37, 36))
    write_tilt_series(path / "projections.mat", path / "angles.mat", series)
    aet.write_model(path / "model.xyz", model)
    # A cut-off: so small a particle may have no first valley. Trials would double the time.
    text = run_file().replace("analyze.delta = 0.255", "analyze = { cutoff = 3.9 }")
    (path / "my_particle.toml").write_text(text + "detect.trials = 0\n")
    (path / "demo").mkdir()
    with mdb.Bank(path / "bank.duckdb") as bank:
        large = amorphous_particle(200, "Ta", seed=1)
        mdb.deposit(bank, large, kind="synthetic", analysis=aet.analyze(large))
    (path / "demo" / "bank.duckdb").write_bytes((path / "bank.duckdb").read_bytes())
    return path


def test_python_of_the_readme(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    for block in blocks(PAGE):
        if block.language == "python":
            exec(compile(block.text, f"{PAGE}:{block.line}", "exec"), names)
    plt.close("all")
    assert names["refined"].r1.mean() < 0.3  # noise of the dose in fifteen images
    assert names["structure"].counts[5] > 0
    assert names["run"].failures == ()
    assert names["run"].detection["chi_square_per_pixel"] < 1.5
    assert abs(len(names["found"].model) - 50) <= 2
    assert names["largest"].num_rows > 0
    assert names["sizes"].num_rows > 0
    assert {"q6", "cn", "density", "folds"} <= set(names["atoms"].arrays)


def test_run_file_of_the_readme(folder: Path) -> None:
    assert len(run_file().splitlines()) == 5
    (folder / "five_lines.toml").write_text(run_file())
    config = aet.load_config(folder / "five_lines.toml")
    assert config.from_counts
    assert config.detect.angles
    assert config.sample.pixel_size == PIXEL
    assert set(config.inputs()) == {"projections", "angles"}


def test_queries_of_the_readme(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    asked = [
        words
        for block in blocks(PAGE)
        if block.language == "sh"
        for words in commands(block)
        if words[:2] in (["mdb", "query"], ["mdb", "list"], ["mdb", "check"])
    ]
    assert len(asked) >= 6
    for words in asked:
        monkeypatch.setattr(sys, "argv", ["aet", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), words
        assert len(capsys.readouterr().out.splitlines()) >= 2, words


def test_the_readme_stays_short() -> None:
    assert len((ROOT / PAGE).read_text(encoding="utf-8").splitlines()) <= 250
