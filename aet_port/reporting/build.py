"""The report of a run or of an entry of a bank: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aet_port
from aet_port.core.files import check_target, write_whole
from aet_port.core.html_pages import render_page
from aet_port.reporting.content import ReportContent
from aet_port.reporting.parts import Section, any_interactive
from aet_port.reporting.sections import report_sections

SUFFIXES = (".html", ".htm")


def build_report(content: ReportContent) -> str:
    """The page as text: tables, charts, pictures and interactive 3D views, all within it.

    Parameters
    ----------
    content
        From :func:`aet_port.reporting.run.read_run` or from a bank.

    MATLAB: none
    """
    foot = f"Made by aet-port {aet_port.__version__}. Everything on this page is in this one file."
    return build_page(content.title, content.subtitle, report_sections(content), foot)


def build_page(title: str, subtitle: str, sections: Sequence[Section], foot: str) -> str:
    """The page around sections; plotly.js is in it only if there is an interactive view.

    MATLAB: none
    """
    plotly = ""
    if any_interactive(sections):
        from plotly.offline import get_plotlyjs  # slow to import

        plotly = get_plotlyjs()
    values = {
        "title": title,
        "subtitle": subtitle,
        "sections": sections,
        "foot": foot,
        "plotly": plotly,
    }
    return render_page("aet_port.reporting/report.html.jinja", values)


def write_report(path: str | Path, content: ReportContent) -> Path:
    """Write the page, whole or not at all.

    Parameters
    ----------
    path
        File to write, ``.html``.
    content
        As for :func:`build_report`.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If the file can't be written.

    MATLAB: none
    """
    check_target(path, SUFFIXES)
    text = build_report(content)
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))
