"""What the README shows: its Python, its run file, its queries, and the rows of its tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aet_port as aet
import mdb
from aet_port.cli.app import main
from aet_port.io import write_tilt_series
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import load_config
from tests.docs.markdown import ROOT, blocks, commands

PAGE = "README.md"
PIXEL = 0.454  # angstrom, as in the README


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files under the names that the README uses."""
    path = tmp_path_factory.mktemp("readme")
    model = amorphous_particle(60, "Pd", seed=1)
    angles = np.zeros((15, 3))
    angles[:, 1] = np.linspace(-63, 63, 15)
    series = simulate_tilt_series(model, angles, PIXEL, (41, 40))
    write_tilt_series(path / "projections.mat", path / "angles.mat", series)
    aet.write_model(path / "model.xyz", model)
    (path / "demo").mkdir()
    for bank in ("bank.duckdb", "demo/bank.duckdb"):
        with mdb.Bank(path / bank) as opened:
            large = amorphous_particle(200, "Ta", seed=1)
            mdb.deposit(opened, large, kind="synthetic", analysis=aet.analyze(large.atoms))
    return path


def test_python_of_the_readme(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    for block in blocks(PAGE):
        if block.language == "python":
            exec(compile(block.text, f"{PAGE}:{block.line}", "exec"), names)
    assert names["refined"].r1.mean() < 0.3  # noise of the dose in fifteen images
    assert names["structure"].counts[5] > 0
    assert names["sizes"].num_rows > 0
    assert {"q6", "cn", "density", "folds"} <= set(names["atoms"].arrays)


def test_run_file_of_the_readme(folder: Path) -> None:
    (text,) = (block.text for block in blocks(PAGE) if block.language == "toml")
    assert len(text.splitlines()) == 5
    (folder / "my_particle.toml").write_text(text)
    config = load_config(folder / "my_particle.toml")
    assert config.refine is not None
    assert (config.sample.pixel_size, config.refine.folds) == (PIXEL, 5)
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
        assert len(capsys.readouterr().out.splitlines()) > 3, words


def test_rows_of_the_readme_are_rows_of_the_page_of_figures() -> None:
    """Whoever measures again changes both; the scoreboard stands in the README alone."""
    readme, figures = ((ROOT / name).read_text() for name in (PAGE, "docs/figures.md"))
    tables = readme.split("\n## Simulation beside experiment")[1].split("\n\n")
    tables = [text for text in tables if text.startswith("|")]
    own = [text for text in tables if text.startswith("| electrons per square angstrom")]
    assert (len(tables), len(own)) == (6, 1)
    rows = [row for text in tables if text not in own for row in text.splitlines()]
    assert [row for row in rows if row not in figures.splitlines()] == []
