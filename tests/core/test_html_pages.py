"""Pages from templates: all variables given, text escaped, files beside them as they are."""

from __future__ import annotations

from importlib.resources import files

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from aet_port.core.html_pages import _environment, render_page

TABLE = "aet_port.validation/published_table.html.jinja"
EMPTY = {"title": "t", "headline": "h", "meanings": {}, "columns": [], "totals": {}, "rows": []}


@pytest.mark.parametrize("name", EMPTY)
def test_a_variable_that_is_not_given_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError, match=name):
        render_page(TABLE, {key: value for key, value in EMPTY.items() if key != name})


def test_values_are_escaped() -> None:
    page = render_page(TABLE, EMPTY | {"title": "<b>\"A\" & 'B'"})
    assert "<title>&lt;b&gt;&#34;A&#34; &amp; &#39;B&#39;</title>" in page


def test_a_page_begins_with_its_type_and_ends_with_a_line() -> None:
    page = render_page(TABLE, EMPTY)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n')
    assert page.endswith("</body>\n</html>\n")


def test_styles_are_as_in_their_file() -> None:
    style = files("aet_port.validation").joinpath("templates", "published_table.css").read_text()
    assert f"<style>\n{style}</style>" in render_page(TABLE, EMPTY)


def test_every_page_forbids_what_comes_from_elsewhere() -> None:
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri" in render_page(
        TABLE, EMPTY
    )


def test_what_is_not_to_be_seen_is_shown() -> None:
    name = "a\x1b[31m\u202eb\udcff<i>\u2009c\n"
    page = (
        _environment()
        .from_string("<p>{{ name }}</p>{{ mark }}")
        .render(name=name, mark=Markup("<b>\u200e</b>"))
    )
    assert page == "<p>a\\x1b[31m\\u202eb\\udcff&lt;i&gt;\u2009c\n</p><b>\u200e</b>"
    page.encode("utf-8")
