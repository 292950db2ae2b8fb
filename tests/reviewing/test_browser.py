"""The page in a headless Chromium: clicks and keys, and the file that comes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from aet_port.core.atomic_model import AtomicModel
from aet_port.reviewing.opening import open_files
from aet_port.reviewing.session import Session
from aet_port.tracing.edits import read_edits
from tests.browsers import chromium
from tests.reviewing.conftest import MISLABELLED, MISSING, SPURIOUS, Sample, Served, serving

PATIENCE = 30_000  # milliseconds, of a busy machine
REVIEW = "document.getElementById('aet-review').review"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1400, "height": 860})
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


class Window:
    """A window with the page, and what it said and asked for."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on(
            "console",
            lambda one: self.said.append(one.text) if one.type == "error" else None,
        )
        self.page.on("response", lambda one: self.asked.append(one.url))
        self.page.goto(url)
        self.page.wait_for_selector(".row")

    def press(self, key: str) -> None:
        """A key, and what it sets going done."""
        self.page.keyboard.press(key)
        self.page.evaluate(f"{REVIEW}.pending")

    def on_slice(self, plane: str, place: list[float]) -> tuple[float, float]:
        """Where a place (angstrom) is on the screen, once its slice is shown."""
        script = f"""(place) => {{
            const r = {REVIEW}, v = r.views['{plane}'], box = v.canvas.getBoundingClientRect();
            const [x, y] = r.screen(v, place);
            return [box.left + x, box.top + y];
        }}"""
        x, y = self.page.evaluate(script, place)
        return x, y

    def keys(self) -> list[str]:
        """The rows of the list, in order."""
        return self.page.evaluate(f"{REVIEW}.order.map((row) => String({REVIEW}.key(row)))")


def test_a_session_of_clicks_and_keys(
    context: BrowserContext, served: Served, sample: Sample, tmp_path: Path
) -> None:
    window = Window(context, served.gate.url)
    page, number = window.page, served.session.progress()["of"]
    assert {str(SPURIOUS), str(MISLABELLED), "c0"} <= set(window.keys()[:4])
    expect(page.locator(".top")).to_contain_text(f"0 of {number} checked")
    page.locator(f'.row[data-key="{SPURIOUS}"]').click()
    expect(page.locator(".side h2")).to_contain_text(f"atom {SPURIOUS}")
    window.press("x")
    expect(page.locator(".said")).to_contain_text("removed")
    page.locator('.row[data-key="c0"]').click()
    window.press("a")
    expect(page.locator(".side h2")).to_contain_text("atom 125")
    # The list goes on after the candidate, and back to what was added.
    row = window.keys().index("c0")
    window.press("n")
    assert page.evaluate(f"String({REVIEW}.key({REVIEW}.chosen))") == window.keys()[row + 1]
    page.evaluate(f"{REVIEW}.choose({REVIEW}.find(125))")
    window.press("2")  # Pt, the second species
    page.locator(f'.row[data-key="{MISLABELLED}"]').click()
    window.press("1")
    window.press("k")
    expect(page.locator(".top")).to_contain_text(f"3 of {number} checked")
    # A click on a slice adds an atom, a drag moves it, undo and redo are rows.
    page.get_by_placeholder("atom no.").fill("40")
    page.locator('.row[data-key="40"]').click()
    page.get_by_placeholder("atom no.").blur()
    place = sample.model.positions[40]
    window.press("x")
    page.get_by_placeholder("atom no.").fill("")
    page.get_by_placeholder("atom no.").blur()
    page.evaluate(f"{REVIEW}.choose({REVIEW}.find(40))")
    window.press("a")
    x, y = window.on_slice("xy", place.tolist())
    page.mouse.click(x + 4, y - 3)
    page.evaluate(f"{REVIEW}.pending")
    expect(page.locator(".side h2")).to_contain_text("atom 126")
    x, y = window.on_slice("xy", served.session.place_of(126)[0])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 9, y, steps=4)
    page.mouse.move(x + 22, y, steps=4)
    page.mouse.up()
    page.evaluate(f"{REVIEW}.pending")
    window.press("m")
    for key in ("z", "z", "Shift+Z", "Shift+Z"):
        window.press(key)
    window.press("c")
    page.keyboard.type("looks <b>right</b>")
    page.keyboard.press("Enter")
    page.evaluate(f"{REVIEW}.pending")
    expect(page.locator(".says")).to_contain_text("looks <b>right</b> (A. Reader)")
    rows = read_edits(tmp_path / "edits.csv")
    assert [(row.action, row.atom, row.species) for row in rows] == [
        ("remove", SPURIOUS, None),
        ("add", None, "X"),
        ("retype", 125, "Pt"),
        ("retype", MISLABELLED, "Fe"),
        ("keep", MISLABELLED, None),
        ("remove", 40, None),
        ("add", None, "X"),
        ("move", 126, None),
        ("move", 126, None),
        *((step, None, None) for step in ("undo", "undo", "redo", "redo")),
        ("comment", 126, None),
    ]
    assert {row.author for row in rows} == {"A. Reader"}
    truth = sample.truth.positions
    for row, true in ((rows[1], truth[MISSING]), (rows[6], truth[41]), (rows[8], truth[41])):
        np.testing.assert_allclose(row.position, true, atol=0.06)
    # The drag: 22 pixels to the right at the scale of the view, and nothing else.
    scale = page.evaluate(f"{REVIEW}.scale({REVIEW}.views.xy).per")
    assert rows[6].position is not None
    wanted = np.add(rows[6].position, [22 / scale, 0, 0])
    np.testing.assert_allclose(rows[7].position, wanted, atol=1.5 / scale)
    host = f"http://127.0.0.1:{served.gate.port}/"
    assert all(url.startswith(host) for url in window.asked)
    assert window.said == []


@pytest.mark.slow
def test_two_windows(context: BrowserContext, served: Served, tmp_path: Path) -> None:
    first = Window(context, served.gate.url)
    second = Window(context, served.gate.url.partition("?")[0])
    second.page.evaluate(f"clearInterval({REVIEW}.timer)")
    first.press("x")
    second.press("n")
    second.press("x")
    expect(second.page.locator(".notice")).to_contain_text("Changed in another window")
    expect(second.page.locator(".said")).to_contain_text("Not done")
    assert len(read_edits(tmp_path / "edits.csv")) == 1
    # It has the other's step now, and may repeat its own.
    second.press("x")
    assert len(read_edits(tmp_path / "edits.csv")) == 2
    # Where nobody acts, a window finds out by itself.
    expect(first.page.locator(".notice")).to_contain_text("Changed in another window")
    assert [text for text in second.said if "409" not in text] == []


@pytest.mark.slow
def test_names_with_markup_are_text(
    context: BrowserContext, sample: Sample, tmp_path: Path
) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title="2"</script>'
    model = AtomicModel(sample.model.atoms, name=evil)
    path = tmp_path / "edits.csv"
    path.write_text(
        "action,atom,species,x,y,z,reason,author\n"
        f'comment,{SPURIOUS},,,,,"{evil.replace(chr(34), chr(34) * 2)}",<i>me</i>\n'
    )
    session = open_files(sample.volume, model, edits=path, species=("Fe", "Pt"), author=evil[:60])
    for served in serving(session):
        window = Window(context, served.gate.url)
        window.page.evaluate(f"{REVIEW}.choose({REVIEW}.find({SPURIOUS}))")
        expect(window.page.locator(".says")).to_contain_text("<script>")
        expect(window.page.locator(".title")).to_have_text(evil)
        assert window.page.title() == "aet review"
        assert window.page.locator("img, .aet-review script").count() == 0
        # The policy holds in the browser: nothing inline, nothing from elsewhere.
        window.page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.bad = 1';"
            " document.body.append(s); const i = new Image(); i.src = 'http://192.0.2.1/x.png';"
            " document.body.append(i); }"
        )
        window.page.wait_for_timeout(200)
        assert window.page.evaluate("window.bad") is None
        assert any(re.search("Content Security Policy", text) for text in window.said)
        assert not any("192.0.2.1" in url for url in window.asked)


@pytest.mark.slow
def test_read_only(context: BrowserContext, sample: Sample) -> None:
    session: Session = open_files(None, sample.model)
    for served in serving(session):
        window = Window(context, served.gate.url)
        for key in ("x", "k", "a", "m", "1", "z"):
            window.press(key)
            expect(window.page.locator(".said")).to_contain_text("read only")
        assert session.log.rows == []
        assert window.said == []
