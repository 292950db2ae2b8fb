"""Parts of the sections of a report, drawn by templates/parts.html.jinja."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aet_port.reporting.charts import still
from aet_port.reporting.content import Fact
from aet_port.reporting.views import View

LONG = 40  # characters; a text of this length without blanks is a hash
LARGEST_BAR = 0.9  # fraction of the picture width; a longer scale bar is left out


@dataclass(frozen=True)
class Facts:
    """A table of names and values."""

    macro: ClassVar[str] = "facts"
    rows: Sequence[Fact]

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Names and values as shown."""
        return [(name, format_value(value)) for name, value in self.rows]


@dataclass(frozen=True)
class Cell:
    """Text of a cell and its kind: ``"number"``, ``"long"`` (a hash) or none."""

    text: str
    kind: str


@dataclass(frozen=True)
class Grid:
    """A table with headings; columns of numbers are right-aligned."""

    macro: ClassVar[str] = "grid"
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    @property
    def head(self) -> list[Cell]:
        """Headings."""
        return [
            Cell(name, "number" if number else "")
            for name, number in zip(self.columns, self._numeric(), strict=True)
        ]

    @property
    def body(self) -> list[list[Cell]]:
        """Rows of cells."""
        numeric = self._numeric()
        return [
            [
                Cell(format_value(value), "number" if number else _kind(value))
                for value, number in zip(row, numeric, strict=True)
            ]
            for row in self.rows
        ]

    def _numeric(self) -> list[bool]:
        return [
            bool(self.rows) and all(_is_number(row[k]) for row in self.rows)
            for k in range(len(self.columns))
        ]


@dataclass(frozen=True)
class Absent:
    """A sentence shown in place of an absent part."""

    macro: ClassVar[str] = "absent"
    why: str


@dataclass(frozen=True)
class Note:
    """A line in small print."""

    macro: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Subheading:
    """A heading inside a section."""

    macro: ClassVar[str] = "subheading"
    text: str


@dataclass(frozen=True)
class Preformatted:
    """Text with its line breaks, such as a configuration."""

    macro: ClassVar[str] = "preformatted"
    text: str


@dataclass(frozen=True)
class Figure:
    """A picture and its caption.

    Attributes
    ----------
    address
        A ``data:`` address, which contains the picture itself.
    caption
        The caption below.
    nanometre
        Length of 1 nm as a fraction of the width; None for a picture without a scale bar.
    """

    address: str
    caption: str
    nanometre: float | None = None

    @property
    def has_bar(self) -> bool:
        """Whether a scale bar of 1 nm fits."""
        return self.nanometre is not None and self.nanometre < LARGEST_BAR


@dataclass(frozen=True)
class Charts:
    """Charts side by side."""

    macro: ClassVar[str] = "charts"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Pictures:
    """Images in rows of three."""

    macro: ClassVar[str] = "pictures"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Interactive:
    """An interactive 3D view with its buttons, and a still picture for print.

    Attributes
    ----------
    name
        Name of its element in the page.
    labels
        Labels of the buttons.
    note
        Description of what is drawn.
    still
        Address of the still picture.
    drawing
        Data for ``report.js``: traces, layout, and the choices of the buttons.
    """

    macro: ClassVar[str] = "interactive"
    name: str
    labels: Sequence[str]
    note: str
    still: str
    drawing: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, view: View) -> Interactive:
        """Make the view for the element ``name``."""
        import plotly.graph_objects as go  # slow to import

        figure = go.Figure(view.traces, go.Layout(view.layout, template="none"))
        plain = json.loads(figure.to_json())
        drawing = {
            "traces": plain["data"],
            "layout": plain["layout"],
            "choices": list(view.choices.values()),
        }
        return cls(name, list(view.choices), view.note, still(view.still), drawing)


Part = Facts | Grid | Absent | Note | Subheading | Preformatted | Charts | Pictures | Interactive


@dataclass(frozen=True)
class Section:
    """A section of the page: its anchor, heading and parts."""

    anchor: str
    heading: str
    parts: Sequence[Part]


def charts_with(charts: Mapping[str, str], captions: Mapping[str, str]) -> list[Part]:
    """Charts (addresses by name) that have a caption, in the order of the captions.

    Returns
    -------
    One part with all of them; empty if there is none.

    Notes
    -----
    MATLAB: none
    """
    shown = [Figure(charts[name], text) for name, text in captions.items() if name in charts]
    return [Charts(shown)] if shown else []


def format_value(value: Any) -> str:
    """A value as text: four significant digits of a real number, a dash if it is undefined.

    MATLAB: none
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        if math.isinf(value):
            return "infinite"
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {format_value(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(format_value(one) for one in value)
    return str(value)


def any_interactive(sections: Iterable[Section]) -> bool:
    """Whether any section contains an interactive view, which needs plotly.js.

    MATLAB: none
    """
    return any(isinstance(part, Interactive) for section in sections for part in section.parts)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    long = isinstance(value, str) and len(value) >= LONG and " " not in value
    return "long" if long else ""
