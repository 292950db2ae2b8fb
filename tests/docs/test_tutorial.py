"""The tutorial, done from beginning to end as a reader does it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mdb
from aet_port.cli.app import main
from aet_port.io import read_model
from aet_port.validation import match_models
from tests.docs.markdown import blocks, commands

PAGE = "docs/tutorial.md"


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    def call(words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["aet", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), words

    return call


def test_every_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[[list[str]], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    answers = []
    for block in blocks(PAGE):
        match block.language:
            case "python":
                exec(compile(block.text, f"{PAGE}:{block.line}", "exec"), names)
            case "toml":
                name = block.text.splitlines()[0].removeprefix("# ")
                Path(name).write_text(block.text, encoding="utf-8")
            case "sh":
                for words in commands(block):
                    run_command(words)
            case "sql":
                with mdb.Bank("particle/bank.duckdb", read_only=True) as bank:
                    answers.append(bank.sql(block.text))
            case other:
                assert other == "console", f"{PAGE}:{block.line}"
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {"particle.html", "entry.html", "networks.png", "figures/pdf.png"} <= made
    assert {f"particle/{name}" for name in _named_files()} <= made | _of_other_runs()
    truth = read_model("truth.xyz")
    found = match_models(read_model("particle/refined.extxyz").positions, truth.positions)
    # Simulated without errors of angles or shifts; the dose leaves a few percent unseen.
    assert found.matched >= 190
    assert found.rmsd_pm < 20
    frames = match_models(read_model("from_frames/model.xyz").positions, names["truth"].positions)
    assert frames.matched >= 90  # fifteen tilts of coarse pixels
    with mdb.Bank("copy.duckdb", read_only=True) as copy:
        assert copy.sql("SELECT count(*) AS n FROM model").to_pylist() == [{"n": 2}]
    members, faces = answers
    assert members.num_rows >= names["sizes"].column("size").to_pylist()[0]
    assert faces.num_rows > 1


def _named_files() -> set[str]:
    """The files that the table of the run folder names."""
    text = "".join(Path(__file__).resolve().parents[2].joinpath(PAGE).read_text(encoding="utf-8"))
    table = text.split("### What the run folder holds")[1].split("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name.strip(" `/") for row in rows for name in row.split(",")}


def _of_other_runs() -> set[str]:
    """Those that this run did not ask for."""
    return {f"particle/{name}" for name in ("preprocessed", "aligned", "cleaned")} | {
        "particle/classified.extxyz"
    }
