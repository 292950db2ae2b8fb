"""``aet report``: a page of a run or of a bank's model, or one clear line of refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mdb
from aet_port.reporting import bank_site
from aet_port.reporting.run import read_run
from tests.cli.samples import Aet, Refused, Sample, contents
from tests.mdb.samples import alloy
from tests.reporting.pages import Page

Asked = Callable[..., Any]


def test_page_of_a_run(asked: Asked, sample: Sample, finished: Path) -> None:
    before = contents(finished)
    target = sample.folder / "pages" / "run.html"
    facts = asked("report", finished, "-o", target)
    assert facts["report"] == str(target)
    assert facts["left_out"] == ["orders"]
    read = Page(target.read_text(encoding="utf-8"))
    assert "small particle" in read.text
    record = json.loads((finished / "run.json").read_text())
    for name, digest in record["inputs"].values():
        assert name in read.text
        assert digest in read.text
    summary = json.loads((finished / "structure.json").read_text())
    for number in summary["motifs"].values():
        assert str(number) in read.pieces
    assert "merge_distance = 2.0" in read.text
    assert "measured, -66.0°" in read.text
    assert "Calculated from the reconstructed volume." in read.text
    assert contents(finished) == before


def test_projections_that_are_not_found_are_left_out_and_said(
    refused: Refused, sample: Sample, finished: Path
) -> None:
    moved = finished.rename(sample.folder.parent / "moved")
    without = read_run(moved, threads=1)
    assert set(without.missing) == {"convergence", "orders", "projections"}
    assert "--config names the configuration" in without.missing["projections"]
    assert set(read_run(moved, sample.config, threads=1).missing) == {"orders"}
    # Other images under the same name are never taken for those of the run.
    path = sample.folder / "projections.mat"
    path.write_bytes(path.read_bytes() + b"\0")
    named = ("report", moved, "-o", sample.folder / "run.html", "--config")
    refused(*named, sample.config, parts=(path, "another file", "by its hash"))
    other = sample.config.with_name("other.toml")
    other.write_text(sample.config.read_text().replace("iterations = 20", "iterations = 21"))
    refused(*named, other, parts=(other, "another one"))


def test_page_of_a_model(aet: Aet, refused: Refused, tmp_path: Path) -> None:
    bank, target = tmp_path / "bank.duckdb", tmp_path / "model.html"
    model = alloy("Ta7")
    with mdb.Bank(bank) as opened:
        mdb.deposit(opened, model, kind="synthetic")
    outcome = aet("report", bank, "TaXX00001", "-o", target)
    assert outcome.code == 0
    assert str(len(model)) in outcome.out.split()
    assert "TaXX00001" in Page(target.read_text(encoding="utf-8")).text
    before = target.read_bytes()
    refused("report", bank, "TaXX00009", "-o", target, parts=(bank, "'TaXX00009'", "TaXX00001"))
    options = ("--analysis", 7)
    refused("report", bank, *options, "-o", target, parts=("analysis of TaXX00001", "found 7"))
    refused(
        *("report", bank, "-o", target, "--config", tmp_path / "a.toml"),
        parts=("--config", "a run folder"),
    )
    assert target.read_bytes() == before


def test_pages_of_a_bank(
    aet: Aet, asked: Asked, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, site = tmp_path / "bank.duckdb", tmp_path / "site"
    with mdb.Bank(bank) as opened:
        mdb.deposit(opened, alloy("Ta7"), kind="synthetic")
    facts = asked("report", bank, "-o", site)
    assert facts == {"index": str(site / "index.html"), "pages": 1}
    assert "TaXX00001" in Page((site / "index.html").read_text(encoding="utf-8")).text
    # A single model or another ending is a page.
    refused("report", bank, "TaXX00001", "-o", tmp_path / "page", parts=("page", ".html"))
    refused("report", bank, "-o", tmp_path / "page.pdf", parts=("page.pdf", ".html"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused("report", bank, "-o", tmp_path / "mine", parts=("thesis.txt", "an empty folder"))
    monkeypatch.setattr(bank_site, "build_report", lambda *_, **__: "a page")
    assert "pages" in aet("report", bank, "-o", site).out


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("nothing", ("no such file",)),
        ("notes.txt", ("not a DuckDB file",)),
        ("empty", ("no run", "a folder that `aet run` made")),
    ],
)
def test_sources_that_are_none(
    refused: Refused, tmp_path: Path, source: str, parts: tuple[str, ...]
) -> None:
    target = tmp_path / "page.html"
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "empty").mkdir()
    refused("report", tmp_path / source, "-o", target, parts=(tmp_path / source, *parts))
    assert not target.exists()


def test_a_page_of_a_bank_needs_a_name(refused: Refused, tmp_path: Path) -> None:
    refused("report", tmp_path / "bank.duckdb", "TaXX00001", parts=("--output", "-o PAGE.html"))


@pytest.mark.parametrize(
    ("kept", "left_out"),
    [
        (("run.json", "config.toml"), {"volume", "convergence", "atoms", "structure"}),
        (("run.json", "config.toml", "volume*"), {"atoms", "structure"}),
        (("run.json", "config.toml", "volume*", "model.xyz"), {"structure"}),
    ],
)
def test_unfinished_runs(
    asked: Asked, finished: Path, kept: tuple[str, ...], left_out: set[str]
) -> None:
    for path in list(finished.rglob("*")):
        inside = path.relative_to(finished)
        if path.is_file() and not any(Path(inside.parts[0]).match(name) for name in kept):
            path.unlink()
    facts = asked("report", finished)
    assert facts["report"] == str(finished / "report.html")
    assert left_out <= set(facts["left_out"]) <= left_out | {"orders", "projections"}
    assert "not reached yet; `aet run" in Page((finished / "report.html").read_text()).text


@pytest.mark.parametrize(
    ("name", "change", "parts"),
    [
        ("config.toml", lambda content: content + b"# changed\n", ("another configuration",)),
        ("volume.npy", lambda content: content[:1000], ("the stage 'assemble' wrote", "--resume")),
        ("volumes/whole_r.npz", lambda content: content[:100], ("the stage 'reconstruct' wrote",)),
        ("run.json", lambda content: b"[]", ("no record of a run",)),
    ],
)
def test_spoilt_runs(
    refused: Refused,
    finished: Path,
    tmp_path: Path,
    name: str,
    change: Callable[[bytes], bytes],
    parts: tuple[str, ...],
) -> None:
    path, target = finished / name, tmp_path / "page.html"
    path.write_bytes(change(path.read_bytes()))
    refused("report", finished, "-o", target, parts=(path, *parts))
    assert not target.exists()


def test_refuses_a_model_of_a_run_and_a_page_of_another_kind(
    refused: Refused, finished: Path, tmp_path: Path
) -> None:
    parts = ("MODEL", "'TaXX00001'", "none, or a bank")
    refused("report", finished, "TaXX00001", "-o", tmp_path / "a.html", parts=parts)
    refused("report", finished, "-o", tmp_path / "a.pdf", parts=("a.pdf", ".html"))
    named = refused("report", finished.parent, "-o", tmp_path / "a.html", parts=("no run",))
    assert f"it holds the run {finished.name}" in named
