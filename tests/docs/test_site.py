"""The documentation site: its made pages here; built, linked and opened in the slow test."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from docs import site
from matlab_reference.functions import read_functions
from tests.browsers import chromium
from tests.docs.markdown import ROOT

DOCS = ROOT / "docs"


def test_each_public_name_has_one_place(tmp_path: Path) -> None:
    site.write_made_pages(tmp_path / "made")
    for name in site.PACKAGES:
        page = (tmp_path / "made" / f"{name}.md").read_text(encoding="utf-8")
        listed = re.findall(r"^   (\w+)$", page, re.MULTILINE)
        linked = re.findall(r"\[`(\w+)`\]\(generated/aet_port\.(\w+)\)", page)
        public = set(import_module(name).__all__)
        assert set(listed) | {one for one, _ in linked} == public, name
        assert not set(listed) & {one for one, _ in linked}
    stubs = {path.parent for path in (ROOT / "aet_port").glob("*/__init__.pyi")}
    packages = {f"aet_port.{path.name}" for path in stubs} | {"aet_port", "mdb", "md_sim"}
    assert packages == set(site.PACKAGES)


def test_pages_of_names_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    for name in ("aet_port.gone", "aet_port.analyze"):
        (tmp_path / "generated" / f"{name}.rst").touch()
    site.write_made_pages(tmp_path)
    assert [path.stem for path in (tmp_path / "generated").iterdir()] == ["aet_port.analyze"]


def test_every_file_of_the_papers_code_is_in_the_table() -> None:
    page = site.functions_page()
    for one in read_functions():
        assert f"| `{one.path}` |" in page
    assert page.count("\n| ") == len(read_functions()) + 1  # the head


def test_links_out_of_the_site_lead_to_the_repository() -> None:
    text = ["[a](../README.md#x) [b](../examples) [c](figures.md) [d](../docs/schema.md#atom)"]
    site.links_out_of_the_site(SimpleNamespace(srcdir=str(DOCS)), "tutorial", text)
    assert text[0] == (
        f"[a]({site.REPOSITORY}/blob/main/README.md#x) [b]({site.REPOSITORY}/tree/main/examples) "
        "[c](figures.md) [d](../docs/schema.md#atom)"
    )


def test_returned_values_get_their_type_from_the_signature() -> None:
    def doubled(x: int) -> list[int]:
        return [x, x]

    lines = ["Double.", "", "Returns", "-------", "Twice", "the same.", "", "Raises", "------", "E"]
    site.returns_as_numpydoc_reads_them(None, "function", "doubled", doubled, None, lines)
    assert lines[4:8] == ["list[int]", "    Twice", "    the same.", ""]
    assert lines[8:] == ["Raises", "------", "E"]
    before = list(lines)  # as numpydoc wants them: left alone
    site.returns_as_numpydoc_reads_them(None, "function", "doubled", doubled, None, lines)
    assert lines == before


def test_a_trailing_underscore_in_a_type_is_no_reference() -> None:
    def chosen() -> NDArray[np.bool_]: ...  # type: ignore[empty-body]

    lines = ["Choose.", "", "Returns", "-------", "Which."]
    site.returns_as_numpydoc_reads_them(None, "function", "chosen", chosen, None, lines)
    assert lines[4:] == [r"NDArray[np.bool\_]", "    Which."]


class Page(HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.names |= {str(values[key]) for key in ("id", "name") if values.get(key)}
        for key in ("href", "src"):
            if values.get(key):
                self.links.append(str(values[key]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, but for the scripts of the gallery, tried elsewhere."""
    pytest.importorskip("sphinx_gallery")
    folder = tmp_path_factory.mktemp("site") / "html"
    words = ["-W", "--keep-going", "-q", "-D", "plot_gallery=0"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, str(DOCS), str(folder)],
        cwd=ROOT, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def html_pages(built: Path) -> list[Path]:
    """Pages of the site; the theme's own folder holds a template that ends like one."""
    return [path for path in sorted(built.rglob("*.html")) if "_static" not in path.parts]


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(built: Path) -> None:
    pages = {path: Page(path) for path in html_pages(built)}
    assert len(pages) > 150
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                broken.append(f"{path.relative_to(built)}: {link}")
            names = pages[target].names if target in pages else {unquote(parts.fragment)}
            if parts.fragment and unquote(parts.fragment) not in names:
                broken.append(f"{path.relative_to(built)}: {link}")
    assert broken == []


@pytest.mark.slow
def test_pages_of_the_site_open_without_a_complaint(built: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    path_of_browser = chromium()
    told: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path_of_browser, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda one: one.type == "error" and told.append(one.text))
        page.on("pageerror", lambda one: told.append(str(one)))
        page.on("request", lambda one: one.url.startswith("http") and told.append(one.url))
        for path in html_pages(built):
            page.goto(path.as_uri())
        page.goto((built / "_made" / "functions.html").as_uri())
        rows = page.locator("tbody tr:visible")
        everything = rows.count()
        page.fill("input.table-filter", "resire fourier")
        assert 0 < rows.count() < everything
        page.goto((built / "theory" / "motifs.html").as_uri())
        page.wait_for_selector("mjx-container")  # equations without the network
        browser.close()
    assert told == []
