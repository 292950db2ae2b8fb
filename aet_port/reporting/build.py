"""The report of a run or of an entry of a bank: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aet_port
from aet_port.core.arguments import checked
from aet_port.core.files import check_target, write_whole
from aet_port.core.html_pages import render_page
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.content import ReportContent
from aet_port.reporting.parts import Section, any_interactive
from aet_port.reporting.run import read_run
from aet_port.reporting.sections import report_sections
from aet_port.workflow.pipeline import Run
from matlab_reference import resolve_reference

SUFFIXES = (".html", ".htm")


def build_report(
    content: ReportContent, plotly_file: str | None = None, index: str | None = None
) -> str:
    """Build the page as text, with tables, charts, pictures and interactive 3D views.

    Parameters
    ----------
    content
        Content from :func:`aet_port.reporting.run.read_run` or from a bank.
    plotly_file, index
        As in :func:`build_page`.

    Notes
    -----
    MATLAB: none
    """
    foot = f"Made by aet-port {aet_port.__version__}."
    if plotly_file is None:
        foot += " Everything on this page is in this one file."
    sections = report_sections(content)
    return build_page(content.title, content.subtitle, sections, foot, plotly_file, index)


def build_page(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    foot: str,
    plotly_file: str | None = None,
    index: str | None = None,
) -> str:
    """Build a page from sections; plotly.js is included only if there is an interactive view.

    Parameters
    ----------
    plotly_file
        Name of a file beside the page that holds plotly.js; in the page itself unless given.
    index
        Name of a page beside it that lists this one among others.

    Notes
    -----
    MATLAB: none
    """
    plotly = ""
    if any_interactive(sections) and plotly_file is None:
        from plotly.offline import get_plotlyjs  # slow to import

        plotly = get_plotlyjs()
    values = {
        "title": title,
        "subtitle": subtitle,
        "sections": sections,
        "foot": foot,
        "plotly": plotly,
        "plotly_file": plotly_file if any_interactive(sections) else None,
        "index": index,
    }
    return render_page("aet_port.reporting/report.html.jinja", values)


def write_report(path: str | Path, content: ReportContent) -> Path:
    """Write the page, never a partial file.

    Parameters
    ----------
    path
        File to write, ``.html``.
    content
        As in :func:`build_report`.

    Raises
    ------
    InputError
        For another suffix.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none
    """
    check_target(path, SUFFIXES)
    text = build_report(content)
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


@checked
def report(
    source: str | Path | Run,
    path: str | Path,
    model: str | None = None,
    *,
    analysis: int | None = None,
    config: str | Path | None = None,
    threads: int | None = None,
) -> Path:
    """Write one HTML page of a run or of a model of a bank.

    Parameters
    ----------
    source
        A run or its folder, finished or not; or a bank.
    path
        File to write, ``.html``.
    model, analysis
        Of a bank: id of the model, and number of the analysis; the newest that passed unless given.
    config
        The configuration that the run was started with, where it is not beside the run folder.
    threads
        All cores unless given.

    Returns
    -------
    The path written.

    Raises
    ------
    InputError
        If ``source`` is neither a run nor a bank, or lacks the model.
    DataFileError
        If something in it can't be read.
    OutputError
        If the page can't be written.

    Examples
    --------
    >>> import aet_port as aet
    >>> aet.report("particle.html", "page.html")
    Traceback (most recent call last):
    mdb.errors.BankError: bank particle.html: no such file; deposit a model to make a bank

    Notes
    -----
    MATLAB: none
    """
    check_target(path, SUFFIXES)
    folder = source.folder.root if isinstance(source, Run) else Path(source)
    if folder.is_dir():
        structure = source.structure if isinstance(source, Run) else None
        content = read_run(folder, config, resolve_reference, threads, structure)
    else:
        content = read_entry_report(folder, model, analysis)
    return write_report(path, content)
