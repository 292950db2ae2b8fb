"""A report with something in every section, and a reader of pages."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np

from aet_port.core.data import Volume
from aet_port.reporting.content import (
    Convergence,
    Projections,
    ReportContent,
    Structure,
    Table,
    structure_of,
)
from aet_port.reporting.surroundings import Surroundings
from aet_port.structure import analyze
from tests.structure.samples import close_packed

HOSTILE = "</script><script>alert('1')</script><img src=http://example.org/x> \"quoted\" & 'so'"


@cache
def small_structure() -> Structure:
    """Analysis of a shaken ball, with networks of pentagonal bipyramids."""
    return structure_of(analyze(close_packed(4, radius=9.0, jitter=0.5), cutoff=4.0))


TYPES = Surroundings(
    {"ptm": {"other": 0.25, "fcc": 0.75}, "cna": {"other": 0.5, "fcc": 0.5}},
    [("fcc", 300, 2.86, 0.001, 0.002, 0.01)],
    (),
    [("Cu-Ta", 50, -0.1, 0.3, 0.25)],
)


def full_content(title: str = "particle") -> ReportContent:
    """All sections, small."""
    rng = np.random.default_rng(5)
    atoms = close_packed(4, radius=9.0, jitter=0.5)
    tilt = np.linspace(-60, 60, 9)
    measured = rng.random((9, 20, 24))
    array = rng.random((20, 24, 22))
    orders = [("Ta", "fcc", 7, 12.5, 3.9), ("Ta", "bcc", 3, 8.0, 3.2)]
    structure = small_structure()
    return ReportContent(
        title,
        "a test",
        [("sample", "ball"), ("atoms", len(atoms))],
        atoms,
        [("R1", "12.00 %")],
        [Table("files", ("role", "file", "SHA-256"), [("angles", "angles.txt", "ab" * 32)])],
        "[sample]\nname = 'ball'\n",
        Convergence(0.1 + 1 / np.arange(1.0, 30.0), tilt, {"reconstruction": rng.random(9)}),
        Projections(tilt, measured, measured + 0.1, 1.0, "Calculated."),
        Volume(array, 1.0),
        Structure(**{**vars(structure), "orders": orders, "surroundings": TYPES}),
    )


def short_content(title: str = "particle") -> ReportContent:
    """The same without charts, which take most of the time."""
    why = {"structure": "a test", "convergence": "a test"}
    return replace(full_content(title), convergence=None, structure=None, missing=why)


class Page(HTMLParser):
    """Tags, attributes, ids and text of a page, without its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.pieces: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        return "\n".join(self.pieces)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            if name == "id" and value is not None:
                self.ids.append(value)
            if name in ("src", "href", "action", "data", "srcset"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.pieces.append(data)
