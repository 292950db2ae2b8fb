"""Reports opened from disk in a headless Chromium: drawn, turning, silent, by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.build import write_report
from matlab_reference import golden_path
from matlab_reference.published import read_published
from mdb.published import import_published
from tests.reporting.browser import Browser, find_chromium
from tests.reporting.pages import short_content

# What the browser says of its own drawing without a graphics card; no fault of a page.
OWN_WORDS = ("GL Driver Message", "willReadFrequently", "GPU stall")
DRAWN = "document.documentElement.dataset.drawn === document.documentElement.dataset.views"
OWN_ADDRESSES = ("file://", "data:", "blob:", "about:")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with Browser(found, tmp_path_factory.mktemp("profile")) as started:
        yield started


def _pixels(shot: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(np.int64)


def _shades(pixels: NDArray[np.int64]) -> int:
    """How many colours a picture has, in steps of 16."""
    return len(np.unique((pixels // 16).reshape(-1, 3), axis=0))


def _settled(browser: Browser, selector: str) -> NDArray[np.int64]:
    """Picture of an element once two in a row are equal."""
    before = _pixels(browser.screenshot(selector))
    for _ in range(20):
        browser.evaluate("new Promise(done => setTimeout(done, 300))")
        now = _pixels(browser.screenshot(selector))
        if now.shape == before.shape and np.array_equal(now, before):
            return now
        before = now
    raise AssertionError(f"{selector} never comes to rest")


def _check_silent(browser: Browser) -> None:
    faults = [text for text in browser.console if not any(own in text for own in OWN_WORDS)]
    assert faults == []
    outside = [address for address in browser.requests if not address.startswith(OWN_ADDRESSES)]
    assert outside == []


def _check_turns(browser: Browser, view: str) -> None:
    """A view draws more than its frame, and another picture after a drag of the mouse."""
    alive = f"""(() => {{
        const canvas = document.querySelector('{view} canvas');
        const context = canvas && (canvas.getContext('webgl') || canvas.getContext('webgl2'));
        return !!context && !context.isContextLost() && canvas.width > 300;
    }})()"""
    assert browser.evaluate(alive)
    before = _settled(browser, view)
    assert _shades(before) > 30
    browser.drag(view, 140, 60)
    after = _settled(browser, view)
    # More than a hundredth of the pixels look otherwise: not only the mouse or a label.
    assert (np.abs(after - before).max(axis=2) > 32).mean() > 0.01


def _check_on_paper(browser: Browser) -> None:
    """Print shows a still picture in place of each view."""
    shown = "[...document.querySelectorAll('{}')].map(e => getComputedStyle(e).display)"
    stills, views = shown.format("img.still"), shown.format(".view, .choices")
    assert browser.evaluate(stills) == ["none", "none"]
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate(stills) == ["block", "block"]
    assert set(browser.evaluate(views)) == {"none"}
    browser.ask("Emulation.setEmulatedMedia", media="")


def test_page_draws_turns_prints_and_keeps_to_itself(
    browser: Browser, full_page: str, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(full_page, encoding="utf-8")
    browser.open(tmp_path / "report.html")
    browser.wait_for(DRAWN)
    assert browser.evaluate("document.documentElement.dataset.views") == "2"
    for view in ("#atoms-view", "#network-view"):
        _check_turns(browser, view)
    assert browser.evaluate("document.querySelectorAll('table tbody tr').length") > 40
    broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
    assert browser.evaluate(broken) == 0
    assert browser.evaluate("document.images.length") > 30
    before = _settled(browser, "#atoms-view")
    browser.evaluate("document.querySelectorAll(\"button[data-view='atoms-view']\")[1].click()")
    coloured = _settled(browser, "#atoms-view")
    assert (np.abs(coloured - before).max(axis=2) > 32).mean() > 0.01
    _check_on_paper(browser)
    _check_silent(browser)


def test_page_may_not_ask_the_network(browser: Browser, tmp_path: Path) -> None:
    """The check itself sees what a page asks for, and the page's policy refuses it."""
    made = write_report(tmp_path / "report.html", short_content())
    text = made.read_text(encoding="utf-8")
    image = '<img src="http://127.0.0.1:9/never.png">'
    made.write_text(text.replace("<main>", f"<main>{image}", 1), encoding="utf-8")
    browser.open(made)
    browser.wait_for(DRAWN)
    assert any("Content Security Policy" in said for said in browser.console)
    with pytest.raises(AssertionError):
        _check_silent(browser)


@pytest.mark.slow
@pytest.mark.reference
def test_report_of_the_published_film(
    browser: Browser, reference: Callable[..., Path], tmp_path: Path
) -> None:
    bank = tmp_path / "bank.duckdb"
    imported = import_published(
        bank, reference, golden_path, read_published(), ["Ta_film"], validate=False, quick=True
    )
    final = next(one.deposit.id for one in imported.models if "final" in one.name)
    made = write_report(tmp_path / "film.html", read_entry_report(bank, final))
    assert made.stat().st_size < 15e6
    browser.open(made)
    browser.wait_for(DRAWN)
    first = "document.querySelector(\"button[data-view='network-view']\").textContent"
    assert browser.evaluate(first) == "network 1: 135 bipyramids, 165 atoms"
    names = (
        "document.getElementById('network-view').data"
        ".filter(trace => trace.visible === true).map(trace => trace.name)"
    )
    # Of the 165 atoms of the largest network each is drawn as a ball of one of two kinds.
    counts = [int(name.split()[0]) for name in browser.evaluate(names) if name[0].isdigit()]
    assert sum(counts) == 165
    for view in ("#atoms-view", "#network-view"):
        _check_turns(browser, view)
    _check_silent(browser)
