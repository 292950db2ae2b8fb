"""The tutorials, done from beginning to end as a reader does it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mdb
from aet_port.cli.app import main
from aet_port.io import read_model
from aet_port.validation import match_models
from aet_port.workflow.config import load_config
from tests.docs.markdown import ROOT, TUTORIALS, Block, blocks, commands

RUN_FOLDER = "docs/tutorials/particle.md"
# Of the files in the table of the run folder, those that this run does not make.
OTHER_RUNS = {"areas", "volumes", "preprocessed", "aligned", "cleaned"}


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    def call(words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["aet", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), words

    return call


@pytest.mark.slow
def test_every_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_command: Callable[[list[str]], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    answers = []
    for page, block in every_block():
        match block.language:
            case "python":
                exec(compile(block.text, f"{page}:{block.line}", "exec"), names)
            case "toml":
                path = Path(block.text.splitlines()[0].removeprefix("# "))
                path.write_text(block.text, encoding="utf-8")
                load_config(path)
            case "sh":
                for words in commands(block):
                    run_command(words)
            case "sql":
                with mdb.Bank("particle/bank.duckdb", read_only=True) as bank:
                    answers.append(bank.sql(block.text))
            case other:
                assert other == "console", f"{page}:{block.line}"
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {f"particle/{name}" for name in named_files() - OTHER_RUNS} <= made
    truth = read_model("truth.xyz")
    for name in ("particle/detected.extxyz", "refined.extxyz"):  # the run, and stage by stage
        found = match_models(read_model(name), truth)
        # Simulated without errors of angles or shifts; the dose leaves a few percent unseen.
        assert found.matched >= 0.95 * len(truth)
        assert found.rmsd_pm < 20
    mixed, found_there = names["mixed"], read_model("alloy/detected.extxyz")
    alloy = match_models(found_there, mixed)
    pairs = zip(alloy.found_index, alloy.truth_index, strict=True)
    right = [found_there.species[i] == mixed.species[j] for i, j in pairs]
    assert sum(right) >= 0.9 * len(mixed)  # heights of Cu and Ta differ by a factor of two
    from_frames = match_models(read_model("from_frames/model.xyz"), names["truth"])
    assert from_frames.matched >= 0.9 * len(names["truth"])  # fifteen tilts of coarse pixels
    with mdb.Bank("copy.duckdb", read_only=True) as copy:
        assert copy.sql("SELECT count(*) AS n FROM model").to_pylist() == [{"n": 2}]
    members, faces = answers
    assert members.num_rows >= names["sizes"].column("size").to_pylist()[0]
    assert faces.num_rows > 1


def every_block() -> Iterator[tuple[str, Block]]:
    """The blocks of all pages in the order of the list, each with its page."""
    for page in TUTORIALS:
        for block in blocks(page):
            yield page, block


def test_every_page_is_in_the_list() -> None:
    folder = ROOT / "docs" / "tutorials"
    assert {Path(page).name for page in TUTORIALS} == {path.name for path in folder.glob("*.md")}


def named_files() -> set[str]:
    """Files and folders in the tables of the run folder, but for those of the papers' chain."""
    text = (ROOT / RUN_FOLDER).read_text(encoding="utf-8")
    counts, _, all_runs = (
        part.split("\n\n")[0].splitlines() for part in text.split("| file | contents |")[1:]
    )
    names = {
        name.strip("/")
        for row in counts + all_runs
        for name in re.findall(r"`([^`]+)`", row.split("|")[1] if "|" in row else "")
    }
    assert len(names) > 10
    return names
