"""The page of a report: sections, escaping, nothing loaded from elsewhere, pictures."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aet_port.core.errors import InputError, OutputError
from aet_port.reporting.build import build_page, build_report, write_report
from aet_port.reporting.charts import picture, still, structure_charts
from aet_port.reporting.content import Structure, Table
from aet_port.reporting.parts import Facts, Grid, Interactive, Section, format_value
from tests.reporting.pages import HOSTILE, Page, full_content, short_content

SECTIONS = (
    *("sample", "agreement", "projections", "slices", "atoms", "pdf", "order", "voronoi"),
    "density",
    *("structure-types", "motifs", "networks", "medium-range-order", "figures", "provenance"),
)


def test_has_every_section_in_order_and_in_the_contents(full_page: str) -> None:
    read = Page(full_page)
    assert [name for name in read.ids if name in SECTIONS] == list(SECTIONS)
    assert [name for name in read.addresses if name.startswith("#")] == [f"#{s}" for s in SECTIONS]
    assert "Not shown" not in read.text


def test_nothing_comes_from_elsewhere(full_page: str) -> None:
    for address in Page(full_page).addresses:
        assert address.startswith(("#", "data:image/")), address[:80]
    style = re.search(r"<style>(.*?)</style>", full_page, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "default-src 'none'" in full_page


def test_equal_contents_make_equal_pages(full_page: str) -> None:
    assert build_report(full_content()) == full_page


def test_what_is_missing_is_said() -> None:
    bare = replace(
        full_content(),
        convergence=None,
        projections=None,
        volume=None,
        structure=None,
        missing={
            "convergence": "reason one",
            "projections": "reason two",
            "volume": "reason three",
            "structure": "reason four",
        },
    )
    read = Page(build_report(bare))
    for number in ("one", "two", "three", "four"):
        assert f"Not shown: reason {number}" in read.text
    assert "pdf" not in read.ids


def test_measured_images_are_shown_without_calculated_ones() -> None:
    content = short_content()
    assert content.projections is not None
    only = replace(content.projections, calculated=None, note="no calculated ones")
    read = Page(build_report(replace(content, projections=only)))
    assert "Not shown: no calculated ones" in read.text
    assert "measured, 0.0°" in read.text
    assert "difference" not in read.text


def test_text_of_files_is_escaped_everywhere() -> None:
    content = replace(
        short_content(HOSTILE),
        subtitle=HOSTILE,
        metadata=[(HOSTILE, HOSTILE)],
        agreement=[(HOSTILE, HOSTILE)],
        provenance=[Table(HOSTILE, (HOSTILE,), [(HOSTILE,)])],
        settings=HOSTILE,
        missing={"structure": HOSTILE},
    )
    text = build_report(content)
    read = Page(text)
    assert "alert('1')" not in text
    # Title and heading of the page, the line below, two facts, a table, settings, what is missing.
    assert read.text.count(HOSTILE) == 2 + 1 + 4 + 3 + 1 + 1
    assert not [one for one in read.addresses if "example" in one]
    plain = Page(build_report(replace(content, title="x", missing={"structure": "x"})))
    assert sorted(read.tags) == sorted(plain.tags)


def test_text_inside_a_view_can_not_end_its_script() -> None:
    view = Interactive("a-view", [HOSTILE], HOSTILE, "data:,", {"traces": [{"name": HOSTILE}]})
    body = build_page("t", "", [Section("a", "A", [view])], "").partition("<body>")[2]
    kept = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', body, re.DOTALL)
    assert kept is not None
    assert json.loads(kept[1]) == {"traces": [{"name": HOSTILE}]}
    # Label of the button and the note; the still picture's text is an attribute.
    head = Page(body[: kept.start()])
    assert head.text.count(HOSTILE) == 2
    assert "script" not in head.tags


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_any_text_is_read_back_as_it_is(text: str) -> None:
    made = build_page(text, text, [Section("a", text, [Facts([(text, text)])])], text)
    read = Page(made)
    if text.strip():
        # Title, contents, both headings, the line below, name and value, foot.
        assert read.text.split("\n").count(text) == 8
    assert "td" in read.tags


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "infinite"),
        (True, "yes"),
        (8284, "8284"),
        (52308, "52,308"),
        (0.123456, "0.1235"),
        (123456.7, "123,457"),
        ([1, 2.5], "1, 2.5"),
        ({"Ta": 3}, "Ta: 3"),
        ("word", "word"),
    ],
)
def test_text_of_values(value: object, shown: str) -> None:
    assert format_value(value) == shown


def test_numbers_are_aligned_to_the_right() -> None:
    grid = Grid(("name", "n"), [("a", 1), ("b", 2.5)])
    made = build_page("t", "", [Section("a", "A", [grid])], "").partition("<body>")[2]
    assert made.count('class="number"') == 3
    assert '<td>a</td><td class="number">1</td>' in made


def _image(address: str) -> np.ndarray:
    kind, data = address.split(",", 1)
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(BytesIO(b64decode(data))).convert("RGB")).astype(int)


def test_picture_has_x_to_the_right_and_y_up() -> None:
    array = np.zeros((300, 260))
    array[290, 5] = 1.0  # far right, near the bottom
    shown = _image(picture(array, 0.0, 1.0)).sum(axis=2)
    assert shown.shape == (260, 300)
    assert np.unravel_index(shown.argmax(), shown.shape) == (254, 290)


def test_picture_runs_from_the_lowest_to_the_highest_colour() -> None:
    array = np.tile(np.linspace(-1, 1, 256), (256, 1))
    shown = _image(picture(array, -0.5, 0.5))
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert shown[-1, 0].tolist() == [0, 0, 0]


def test_pictures_of_any_size_stay_small() -> None:
    for shape in ((8, 8), (1100, 900), (1, 500)):
        assert max(_image(picture(np.ones(shape), 0.0, 2.0)).shape) <= 360


def test_still_stands_on_white() -> None:
    pixels = np.zeros((10, 10, 4))
    pixels[5, 5] = (1.0, 0.0, 0.0, 1.0)
    shown = _image(still(pixels))
    assert shown[0, 0].tolist() == [255, 255, 255]
    assert shown[5, 5].tolist() == [255, 0, 0]


def test_charts_only_of_what_there_is(full_page: str) -> None:
    assert structure_charts(Structure([])) == {}
    # History and tilts; two pair distributions, order, indices, motifs, two sizes of networks.
    assert sum(a.startswith("data:image/svg") for a in Page(full_page).addresses) == 2 + 7


def test_refuses_another_suffix_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.html"):
        write_report(tmp_path / "page.pdf", short_content())
    (tmp_path / "page.html").mkdir()
    with pytest.raises(OutputError, match="folder"):
        write_report(tmp_path / "page.html", short_content())


def test_an_old_page_outlives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write_report(tmp_path / "page.html", short_content())
    before = target.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_report(target, short_content("another"))
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
