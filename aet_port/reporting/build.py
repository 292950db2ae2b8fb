"""The report of a run or of an entry of a bank: one page that needs nothing but itself."""

from __future__ import annotations

from pathlib import Path

import aet_port
from aet_port.core.files import check_target, write_whole
from aet_port.reporting.content import ReportContent
from aet_port.reporting.page import page
from aet_port.reporting.sections import sections

SUFFIXES = (".html", ".htm")


def build_report(content: ReportContent) -> str:
    """The page as text: tables, charts, pictures and views that turn, all within it.

    Parameters
    ----------
    content
        From :func:`aet_port.reporting.run.read_run` or from a bank.

    MATLAB: none
    """
    foot = f"Made by aet-port {aet_port.__version__}. Everything on this page is in this one file."
    return page(content.title, content.subtitle, sections(content), foot)


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
