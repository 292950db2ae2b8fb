"""``aet validate``: what it prints, writes and exits with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aet_port.validation import published_values
from aet_port.validation.published_table import Computed
from aet_port.validation.published_values import Figures
from matlab_reference.published import AGREEMENTS, REPRODUCED, read_published, read_reproduced
from tests.cli.samples import Aet, Refused

ROOT = Path(__file__).resolve().parent.parent.parent
FILM = ("Ta_film", "Pd1", "Pd2")
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
    words = (
        f"all: 0 computed, 0 recipe chosen here, {1 + PRESET} read, 0 differs, {left} not attempted"
    )
    assert words in page.read_text()
    assert "mg.n_atoms" in page.read_text()
    listed = json.loads(aet("validate", "--sample", "MG_particle", "--json").out)
    assert {row["sample"] for row in listed["rows"]} == {"MG_particle"}
    assert (listed["read"], listed["stated"]["read"], listed["lost"]) == (1, 1, [])


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
    found.computed["pd1.density_gain"] = Computed((0.9,), 0.05, "printed")
    done = aet("validate")
    assert done.code == 1
    assert done.err.strip() == "aet: no longer in agreement: mg.n_atoms"


def test_the_simulation_alone_needs_no_data(aet: Aet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AET_REFERENCE", "/nowhere")
    facts = json.loads(aet("validate", "--sample", "MD Ta", "--json").out)
    assert (facts["read"], facts["differs"], facts["not attempted"]) == (PRESET, 0, 2)


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


def test_every_figure_that_agrees_states_its_recipe() -> None:
    """A computed one the section of the paper or the code, another its own and what others give."""
    published = read_published()
    for name, figure in published.items():
        if figure.agreement == "computed":
            assert re.search(r"Methods|code \d", figure.recipe), name
        elif figure.agreement in REPRODUCED:
            assert figure.recipe, name
        assert "misprint" not in f"{figure.recipe} {figure.note}", name


def test_what_must_agree_is_what_the_table_says_agrees() -> None:
    published = read_published()
    agrees = {name for name, one in published.items() if one.agreement in REPRODUCED}
    # Its traced peaks are public, but were not at hand.
    assert agrees - read_reproduced() == {"pd2.pixel_size"}
    assert read_reproduced() <= agrees


def test_figures_of_several_samples_need_all_of_them() -> None:
    two, three = (read_reproduced(FILM[:n]) for n in (2, 3))
    assert not any(name.startswith(("all.", "pd2.", "mg.")) for name in two)
    assert any(name.startswith("all.") for name in three)
    assert read_reproduced() == read_reproduced([*FILM, "MG_particle", "MD Ta"])


def test_a_partial_clone_fails_nothing(aet: Aet, found: Figures) -> None:
    """Figures of two samples of three, far from the published ones, are shown and not judged."""
    found.computed["all.edge_sharing"] = Computed((99.0,), 0.05, "printed", of=("Ta_film", "Pd1"))
    done = aet("validate")
    assert done.code == 0
    assert "all.edge_sharing not attempted: " in done.out
    assert "of Ta_film and Pd1 alone" in re.sub(r"\s+", " ", done.out)
    found.computed["all.edge_sharing"] = Computed((99.0,), 0.05, "printed")
    assert aet("validate").code == 1


def test_the_headline_comes_last(aet: Aet, found: Figures) -> None:
    found.computed["mg.face_fractions"] = Computed((3.27, 29.14, 43.91, 23.67), 0.005, "printed")
    out = re.sub(r"\s+", " ", aet("validate").out)
    assert "recipe chosen here: computed by a recipe chosen here" in out
    assert out.strip().endswith("1 of 98 values stated in the papers, 0 of 28 deposited ones")


def test_the_readme_counts_the_classes() -> None:
    """With all samples and ``--exact``; one figure needs peaks that were not at hand."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    published = read_published()
    expected = {name: [0, 0] for name in AGREEMENTS}
    for name, figure in published.items():
        own = "not attempted" if name == "pd2.pixel_size" else figure.agreement
        expected[own][0 if figure.stated else 1] += 1
    for name, counts in expected.items():
        (found,) = re.findall(rf"^\| {name} \| .* \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
        assert list(map(int, found)) == counts, name
