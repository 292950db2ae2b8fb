"""Published figures beside computed ones."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from aet_port.core.errors import InputError
from aet_port.validation.published_table import (
    COLUMNS,
    Computed,
    PublishedFigure,
    build_report,
    compare,
    counts,
    headline,
    html_page,
    summary,
)
from matlab_reference.published import AGREEMENTS, REPRODUCED, Agreement

FACES = PublishedFigure(
    *("mg.faces", "glass", "Fig. 2c", "faces", (3.27, 29.14), "percent", ""),
    agreement="computed",
    recipe="Methods, faces; code Main_3",
)
BINS = PublishedFigure(
    "mg.bins", "glass", "deposit", "bins", (0.0,), "", "", False, "--exact: a minute"
)
WIDTH = PublishedFigure("ta.width", "film", "text", "width <d>", (3.0,), "angstrom", "open recipe")
NONE = dict.fromkeys(AGREEMENTS, 0)
FIGURES = {figure.id: figure for figure in (FACES, WIDTH)}


@pytest.mark.parametrize(
    ("values", "tolerance", "status", "gap"),
    [
        ((3.27, 29.14), 0.0, "computed", 0.0),
        ((3.27, 29.16), 0.02, "computed", 0.02),
        ((3.27, 29.17), 0.02, "differs", 0.03),
        ((3.27, 29.14), None, "differs", 0.0),
        ((float("nan"), 29.14), 1.0, "differs", float("nan")),
    ],
)
def test_a_figure_is_judged_by_its_largest_difference(
    values: tuple[float, ...], tolerance: float | None, status: str, gap: float
) -> None:
    row = compare(FACES, Computed(values, tolerance, "printed digits"))
    assert row.status == status
    assert row.difference == pytest.approx(gap, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("listed", AGREEMENTS)
def test_a_figure_that_agrees_has_the_class_of_its_table(listed: Agreement) -> None:
    """One that was not expected to agree does not join the computed ones by itself."""
    row = compare(replace(FACES, agreement=listed), Computed(FACES.values, 0.0, "printed digits"))
    assert row.status == (listed if listed in REPRODUCED else "recipe chosen here")
    assert row.agrees
    assert row.remark == "Methods, faces; code Main_3; printed digits"
    row = compare(replace(FACES, agreement=listed), Computed((3.0, 29.14), 0.1, "printed digits"))
    assert (row.status, row.agrees) == ("differs", False)


@pytest.mark.parametrize("value", [3.0, 4.0])
def test_a_figure_of_some_of_its_samples_is_not_judged(value: float) -> None:
    row = compare(WIDTH, Computed((value,), 0.1, "printed digits", of=("Ta", "Pd1")))
    assert (row.status, row.computed) == ("not attempted", (value,))
    assert row.why == "of Ta and Pd1 alone, which cannot be judged; printed digits"


def test_what_was_not_computed_says_why() -> None:
    row = compare(WIDTH, None, "its model is not public")
    assert (row.status, row.why, row.computed) == ("not attempted", "its model is not public", ())


def test_every_published_figure_has_a_row() -> None:
    rows = build_report(FIGURES, {"mg.faces": Computed((3.27, 29.14), 0.005, "", quirks=True)})
    assert [row.id for row in rows] == ["mg.faces", "ta.width"]
    assert counts(rows) == NONE | {"computed": 1, "not attempted": 1}
    assert rows[0].mode == "reference quirks"
    assert json.loads(json.dumps([row.plain() for row in rows]))[0]["status"] == "computed"
    assert [row.id for row in build_report(FIGURES, {}, ["film"])] == ["ta.width"]


@pytest.mark.parametrize(
    ("computed", "samples", "part"),
    [
        ({"mg.faces": Computed((1.0,), 0.1, "")}, None, "1 computed values"),
        ({"mg.face": Computed((1.0,), 0.1, "")}, None, "'mg.face'"),
        ({}, ["brass"], "'brass'"),
    ],
)
def test_what_does_not_fit_is_refused(
    computed: dict[str, Computed], samples: list[str] | None, part: str
) -> None:
    with pytest.raises(InputError, match=part):
        build_report(FIGURES, computed, samples)


class Cells(HTMLParser):
    """Tags, texts of the table cells and every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.links: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag in ("td", "th")
        if self._inside:
            self.cells.append("")
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def test_the_page_shows_every_row_and_loads_nothing() -> None:
    rows = build_report(FIGURES, {"ta.width": Computed((3.1,), None, "the papers leave it open")})
    parser = Cells()
    parser.feed(html_page(rows, "figures & figures"))
    assert not parser.links
    assert parser.cells[: len(COLUMNS)] == list(COLUMNS)
    assert "width <d> [ta.width]" in parser.cells
    assert "3.1" in parser.cells
    assert len(parser.cells) == len(COLUMNS) * (1 + len(rows))
    assert "script" not in parser.tags
    assert html_page(rows, "figures & figures") == html_page(rows, "figures & figures")


def test_text_of_figures_is_escaped() -> None:
    hostile = "</td></style><script src=http://example.org/x>alert('1')</script>"
    figure = PublishedFigure(hostile, hostile, hostile, hostile, (3.0,), hostile, hostile)
    page = html_page(build_report({hostile: figure}, {}), hostile)
    assert "alert('1')" not in page
    parser = Cells()
    parser.feed(page)
    assert not parser.links
    assert "script" not in parser.tags
    assert f"{hostile} [{hostile}]" in parser.cells


def test_a_figure_says_what_it_needs_before_what_its_sample_lacks() -> None:
    figures = FIGURES | {"mg.bins": BINS}
    missing = {"glass": "no such file: bins.mat"}

    def why(given: tuple[str, ...]) -> list[str]:
        return [row.why for row in build_report(figures, {}, ["glass"], missing, given)]

    assert why(()) == ["no such file: bins.mat", "--exact: a minute"]
    assert why(("--quench",)) == why(())
    assert why(("--exact",)) == ["no such file: bins.mat"] * 2


def test_rows_are_counted_by_origin_and_by_sample() -> None:
    computed = {
        "mg.bins": Computed((0.0,), 0, "whole numbers"),
        "ta.width": Computed((4.0,), 1, ""),
    }
    rows = build_report(FIGURES | {"mg.bins": BINS}, computed)
    assert summary(rows) == {
        "all": NONE | {"recipe chosen here": 2, "not attempted": 1},
        "stated in the papers": NONE | {"recipe chosen here": 1, "not attempted": 1},
        "glass": NONE | {"recipe chosen here": 1, "not attempted": 1},
        "film": NONE | {"recipe chosen here": 1},
    }
    page = html_page(rows, "figures")
    assert (
        "<li>glass: 0 computed, 1 recipe chosen here, 0 read, 0 differs, 1 not attempted</li>"
        in page
    )
    assert all(f"<dt>{name}</dt><dd>" in page for name in AGREEMENTS)
    # By sample, whatever the order of the table.
    assert page.index("[mg.faces]") < page.index("[mg.bins]") < page.index("[ta.width]")


def test_the_headline_counts_only_what_follows_the_papers() -> None:
    bins = replace(BINS, agreement="read")
    computed = {
        "mg.faces": Computed(FACES.values, 0.005, ""),
        "mg.bins": Computed((0.0,), 0, "whole numbers"),
        "ta.width": Computed((3.0,), 1, ""),
    }
    rows = build_report(FIGURES | {"mg.bins": bins}, computed)
    words = "1 of 2 values stated in the papers, 0 of 1 deposited ones"
    assert headline(rows).endswith(words)
    assert words in html_page(rows, "figures")
