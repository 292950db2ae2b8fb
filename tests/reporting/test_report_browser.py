"""Pages opened from disk in a headless Chromium: drawn, interactive, without errors or requests."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page

import mdb
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.bank_site import write_bank_site
from aet_port.reporting.build import write_report
from aet_port.simulation import amorphous_particle
from aet_port.validation.published_table import Computed, PublishedFigure, build_report, html_page
from matlab_reference import golden_path
from matlab_reference.published import read_published
from mdb.published import import_published
from tests.reporting.pages import short_content

# Chromium's own messages about drawing without a graphics card; no fault of a page.
OWN_MESSAGES = ("GL Driver Message", "willReadFrequently", "GPU stall")
OWN_ADDRESSES = ("file://", "data:", "blob:", "about:")
DRAWN = "document.documentElement.dataset.drawn === document.documentElement.dataset.views"
PATIENCE = 120_000  # milliseconds; drawing without a graphics card is slow


class Opened:
    """A page in the browser, with everything that it reported and requested."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.context.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.messages.append(message.text)

    def load(self, path: Path) -> None:
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_load_state("load")

    def wait_until_drawn(self) -> None:
        self.page.wait_for_function(DRAWN)

    def settled(self, selector: str) -> NDArray[np.int64]:
        """Picture of an element once two in a row are equal."""
        before = self.picture(selector)
        for _ in range(20):
            self.page.wait_for_timeout(300)
            now = self.picture(selector)
            if now.shape == before.shape and np.array_equal(now, before):
                return now
            before = now
        raise AssertionError(f"{selector} never comes to rest")

    def picture(self, selector: str) -> NDArray[np.int64]:
        shot = self.page.locator(selector).screenshot()
        return np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(np.int64)

    def drag(self, selector: str, across: float, down: float) -> None:
        """Press the left button in the middle of an element, move, release."""
        element = self.page.locator(selector)
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + across, y + down, steps=4)
        self.page.mouse.up()

    def check_silent(self) -> None:
        """No error, no warning, nothing requested from elsewhere."""
        faults = [text for text in self.messages if not any(own in text for own in OWN_MESSAGES)]
        assert faults == []
        outside = [one for one in self.requests if not one.startswith(OWN_ADDRESSES)]
        assert outside == []
        assert any(one.startswith("file://") for one in self.requests)  # it does listen


@pytest.fixture
def opened(page: Page) -> Opened:
    return Opened(page)


def _colours(pixels: NDArray[np.int64]) -> int:
    """Number of distinct colours, in steps of 16."""
    return np.count_nonzero(np.bincount((pixels // 16 @ [256, 16, 1]).ravel()))


def _changed(after: NDArray[np.int64], before: NDArray[np.int64]) -> float:
    """Fraction of pixels that differ visibly."""
    return float((np.abs(after - before).max(axis=2) > 32).mean())


def _check_rotates(opened: Opened, view: str) -> None:
    """A view draws more than its frame, and another picture after a drag of the mouse."""
    alive = """view => {
        const canvas = document.querySelector(`${view} canvas`);
        const context = canvas && (canvas.getContext("webgl") || canvas.getContext("webgl2"));
        return !!context && !context.isContextLost() && canvas.width > 300;
    }"""
    assert opened.page.evaluate(alive, view)
    before = opened.settled(view)
    assert _colours(before) > 30
    opened.drag(view, 140, 60)
    # More than the mouse pointer or a label.
    assert _changed(opened.settled(view), before) > 0.01


def _displays(opened: Opened, selector: str) -> list[str]:
    script = "all => all.map(element => getComputedStyle(element).display)"
    return opened.page.locator(selector).evaluate_all(script)


def _check_print(opened: Opened) -> None:
    """Print shows a still picture in place of each view."""
    stills = len(_displays(opened, "img.still"))
    assert stills >= 2
    assert _displays(opened, "img.still") == ["none"] * stills
    opened.page.emulate_media(media="print")
    assert _displays(opened, "img.still") == ["block"] * stills
    assert set(_displays(opened, ".view, .choices")) == {"none"}
    opened.page.emulate_media(media="screen")


def test_page_draws_rotates_prints_and_requests_nothing(
    opened: Opened, full_page: str, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(full_page, encoding="utf-8")
    opened.load(tmp_path / "report.html")
    opened.wait_until_drawn()
    page = opened.page
    assert page.evaluate("document.documentElement.dataset.views") == "3"  # atoms, network, density
    for drawn in ("figure.chart >> nth=0", ".picture >> nth=0"):
        assert _colours(opened.picture(drawn)) > 10
    for view in ("#atoms-view", "#network-view"):
        _check_rotates(opened, view)
    assert page.locator("table tbody tr").count() > 40
    broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
    assert page.evaluate(broken) == 0
    assert page.evaluate("document.images.length") > 30
    before = opened.settled("#atoms-view")
    buttons = page.locator("button[data-view='atoms-view']")
    buttons.nth(1).click()
    pressed = [button.get_attribute("aria-pressed") for button in buttons.all()]
    assert pressed == ["false", "true"]
    assert _changed(opened.settled("#atoms-view"), before) > 0.01
    _check_print(opened)
    opened.check_silent()


def test_page_may_not_use_the_network(opened: Opened, tmp_path: Path) -> None:
    """The check itself sees what a page asks for, and the page's policy refuses it."""
    made = write_report(tmp_path / "report.html", short_content())
    text = made.read_text(encoding="utf-8")
    image = '<img src="http://127.0.0.1:9/never.png">'
    made.write_text(text.replace("<main>", f"<main>{image}", 1), encoding="utf-8")
    opened.load(made)
    opened.wait_until_drawn()
    assert any("Content Security Policy" in said for said in opened.messages)
    with pytest.raises(AssertionError):
        opened.check_silent()


@pytest.mark.browser_context_args(java_script_enabled=False)
def test_page_without_scripts_shows_still_pictures(
    opened: Opened, full_page: str, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(full_page, encoding="utf-8")
    opened.load(tmp_path / "report.html")
    for picture in opened.page.locator("img.still").all():
        assert picture.is_visible()
    for view in opened.page.locator(".view, .choices, .hint").all():
        assert not view.is_visible()
    assert _colours(opened.settled("img.still >> nth=0")) > 30
    opened.check_silent()


def test_page_of_published_figures(opened: Opened, tmp_path: Path) -> None:
    figure = PublishedFigure(
        "mg.bins", "glass", "text", "bins", (4.0,), "", "", agreement="computed"
    )
    rows = build_report({"mg.bins": figure}, {"mg.bins": Computed((4.0,), 0, "")})
    made = tmp_path / "table.html"
    made.write_text(html_page(rows, "figures"), encoding="utf-8")
    opened.load(made)
    assert opened.page.title() == "figures"
    cell = opened.page.locator("tr.computed td").nth(5)
    # The style sheet is applied: green text.
    assert cell.evaluate("cell => getComputedStyle(cell).color") == "rgb(24, 106, 59)"
    opened.check_silent()


@pytest.mark.slow
@pytest.mark.reference
def test_report_of_the_published_film(
    opened: Opened, reference: Callable[..., Path], tmp_path: Path
) -> None:
    bank = tmp_path / "bank.duckdb"
    imported = import_published(
        bank, reference, golden_path, read_published(), ["Ta_film"], validate=False, quick=True
    )
    final = next(one.deposit.id for one in imported.models if "final" in one.name)
    made = write_report(tmp_path / "film.html", read_entry_report(bank, final))
    assert made.stat().st_size < 15e6
    opened.load(made)
    opened.wait_until_drawn()
    first = opened.page.locator("button[data-view='network-view']").first
    assert first.text_content() == "network 1: 135 bipyramids, 165 atoms"
    names = (
        "document.getElementById('network-view').data"
        ".filter(trace => trace.visible === true).map(trace => trace.name)"
    )
    # Each of the 165 atoms of the largest network is drawn as a sphere of one of two kinds.
    counts = [int(name.split()[0]) for name in opened.page.evaluate(names) if name[0].isdigit()]
    assert sum(counts) == 165
    for view in ("#atoms-view", "#network-view"):
        _check_rotates(opened, view)
    opened.check_silent()


def test_pages_of_a_bank(opened: Opened, tmp_path: Path) -> None:
    with mdb.Bank(tmp_path / "some.duckdb") as bank:
        for seed, symbol in enumerate(("Ta", "Pd", "Cu")):
            model = amorphous_particle(40 - 10 * seed, symbol, seed=seed)
            mdb.deposit(bank, model, kind="synthetic", sample=f"sample {symbol} </script>")
    opened.load(write_bank_site(tmp_path / "some.duckdb", tmp_path / "site"))
    page = opened.page

    def shown() -> list[str]:
        return page.locator("#entries tbody tr:visible td:first-child").all_inner_texts()

    assert shown() == ["CuXX00001", "PdXX00001", "TaXX00001"]
    page.get_by_role("button", name="atoms").click()
    assert shown() == ["CuXX00001", "PdXX00001", "TaXX00001"]  # 20, 30, 40
    page.get_by_role("button", name="atoms").click()
    assert shown() == ["TaXX00001", "PdXX00001", "CuXX00001"]
    page.locator("#search").fill("SAMPLE pd")
    assert shown() == ["PdXX00001"]
    assert page.locator("#count").inner_text() == "1 of 3 entries"
    page.get_by_role("link", name="PdXX00001").click()
    opened.wait_until_drawn()
    assert _colours(opened.settled("#atoms-view")) > 20
    page.get_by_role("link", name="All entries").click()
    assert page.locator("#count").inner_text().endswith("of 3 entries")
    opened.check_silent()
