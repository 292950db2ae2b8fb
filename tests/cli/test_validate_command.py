"""``aet validate``: what it prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aet_port.validation import published_values
from aet_port.validation.published_table import Computed
from aet_port.validation.published_values import Figures
from matlab_reference.published import read_published, read_reproduced
from tests.cli.samples import Aet, Refused

PRESET = 4  # figures that the preset of the quench sets, computed whatever else is


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Figures:
    """What the command takes for computed, in place of minutes of work."""
    figures = Figures()
    monkeypatch.setattr(published_values, "published_figures", lambda *_, **__: figures)
    return figures


def test_validate_says_what_is_reproduced(aet: Aet, found: Figures, tmp_path: Path) -> None:
    found.computed["mg.n_atoms"] = Computed((18356,), 0, "count")
    found.missing["Pd1"] = [tmp_path / "Pd1.mat"]
    page = tmp_path / "report.html"
    done = aet("validate", "--html", page)
    assert done.code == 0, done.err
    assert "mg.n_atoms" in done.out
    left = len(read_published()) - 1 - PRESET
    words = f"all: {1 + PRESET} reproduced, 0 differs, {left} not attempted"
    assert words in page.read_text()
    assert "mg.n_atoms" in page.read_text()
    listed = json.loads(aet("validate", "--sample", "MG_particle", "--json").out)
    assert {row["sample"] for row in listed["rows"]} == {"MG_particle"}
    assert (listed["reproduced"], listed["stated"]["reproduced"], listed["lost"]) == (1, 1, [])


def test_what_was_not_attempted_says_what_it_takes(
    aet: Aet, found: Figures, tmp_path: Path
) -> None:
    found.missing["Pd1"] = [tmp_path / "Pd1.mat"]
    rows = {row["id"]: row for row in json.loads(aet("validate", "--json").out)["rows"]}
    assert list(rows) == list(read_published())
    assert all(row["why"] for row in rows.values())
    assert "Pd1.mat" in rows["pd1.theta"]["why"]
    assert "projections.mat" in rows["pd1.r1"]["why"]
    assert rows["mg.n_mro"]["why"].startswith("--exact")
    assert "aet md quench --preset ta-paper" in rows["md.tg"]["why"]
    found.missing["MG_particle"] = [tmp_path / "glass.mat"]
    (row,) = (
        row
        for row in json.loads(aet("validate", "--exact", "--json").out)["rows"]
        if row["id"] == "mg.n_mro"
    )
    assert "glass.mat" in row["why"]


def test_a_figure_that_is_lost_fails_the_check(aet: Aet, found: Figures) -> None:
    assert {"mg.n_atoms", "mg.n_mro"} <= read_reproduced()  # the second was not attempted
    found.computed["mg.n_atoms"] = Computed((18355,), 0, "count")
    found.computed["mg.face_fractions"] = Computed((3.27, 29.14, 43.91, 23.67), 0.005, "printed")
    found.computed["ta.density_gain"] = Computed((2.7,), None, "open recipe")
    done = aet("validate")
    assert done.code == 1
    assert done.err.strip() == "aet: no longer reproduced: mg.n_atoms"


def test_the_simulation_alone_needs_no_data(aet: Aet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AET_REFERENCE", "/nowhere")
    facts = json.loads(aet("validate", "--sample", "MD Ta", "--json").out)
    assert (facts["reproduced"], facts["differs"], facts["not attempted"]) == (PRESET, 0, 2)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--sample", "brass"), ("'brass'", "Ta_film")),
        (("--html", "a.pdf"), ("a.pdf", ".html")),
        (("--sample", "MD Ta", "--quench", "nowhere"), ("run.json", "the record of a quench")),
    ],
)
def test_what_validate_cannot_use(
    refused: Refused, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused("validate", *words, parts=parts)


def test_the_table_is_whole() -> None:
    published = read_published()
    assert read_reproduced() <= set(published)
    assert sum(figure.stated for figure in published.values()) == 98
    assert all(figure.values and figure.quantity for figure in published.values())
