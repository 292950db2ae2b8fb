"""A bank as pages: an index to search and sort, and a page for each entry, in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aet_port
from aet_port.core.arguments import checked
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.files import write_whole
from aet_port.core.html_pages import render_page
from aet_port.core.progress import progress_bar
from aet_port.reporting.bank import read_entry_report
from aet_port.reporting.build import build_report
from aet_port.reporting.parts import format_value
from mdb.bank import Bank

INDEX, PLOTLY = "index.html", "plotly.min.js"
MARK = '<meta name="generator" content="aet-port: pages of a bank">'
_ID = re.compile(r"[A-Za-z]{4}\d{5}(v\d+)?")

_ENTRIES = """
WITH newest AS (
    SELECT model_id, analysis_id, cutoff FROM analysis
    WHERE status = 'passed' AND model_id IN (SELECT model_id FROM current_model)
    QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY analysis_id DESC) = 1
),
made_of AS (
    SELECT model_id, list(DISTINCT species ORDER BY species) AS symbols FROM atom GROUP BY model_id
),
motifs AS (
    SELECT analysis_id, count(*) AS motifs, count(*) FILTER (fold = 5) / count(*) AS pentagonal
    FROM motif GROUP BY analysis_id
),
tilt AS (SELECT analysis_id, avg(theta) AS theta FROM bipyramid GROUP BY analysis_id),
largest AS (
    SELECT analysis_id, max(size) AS largest FROM network WHERE fold = 5 GROUP BY analysis_id
),
inner_atom AS (
    SELECT analysis_id, avg(cn) AS coordination, avg(density) AS density
    FROM voronoi WHERE NOT surface GROUP BY analysis_id
)
SELECT model_id, version, kind, sample.name AS sample, model.name AS source,
    array_to_string(symbols, ' ') AS species, n_atoms,
    coalesce(model.temperature, s.temperature) AS temperature, r1_global, r1_mean,
    cutoff, motifs, pentagonal, theta, largest, coordination, density,
    (SELECT count(*) FROM analysis AS a WHERE a.model_id = model.model_id) AS analyses,
    (SELECT count(*) FROM model_warning AS w WHERE w.model_id = model.model_id) AS warnings,
    doi, strftime(deposited, '%Y-%m-%d') AS deposited
FROM current_model AS model JOIN sample USING (sample_id)
LEFT JOIN made_of USING (model_id) LEFT JOIN newest USING (model_id)
LEFT JOIN md_snapshot AS s USING (model_id)
LEFT JOIN motifs USING (analysis_id) LEFT JOIN tilt USING (analysis_id)
LEFT JOIN largest USING (analysis_id) LEFT JOIN inner_atom USING (analysis_id)
ORDER BY model_id
"""
# Columns of the index: heading, what it is, and whether it is a number.
COLUMNS = {
    "model_id": ("model", "id in the bank", False),
    "version": ("version", "of the entry; the newest is shown", True),
    "kind": ("kind", "experiment, snapshot of molecular dynamics, or synthetic", False),
    "sample": ("sample", "name of the sample", False),
    "source": ("source", "where the model came from", False),
    "species": ("species", "chemical symbols", False),
    "n_atoms": ("atoms", "number of atoms", True),
    "temperature": ("T (K)", "temperature of the sample or the thermostat", True),
    "r1_global": ("R1 (%)", "R factor of the model, one scale for all projections", True),
    "r1_mean": ("mean R1 (%)", "R factor of the model, mean over the projections", True),
    "cutoff": ("cut-off (Å)", "longest edge of a tetrahedron", True),
    "motifs": ("motifs", "motifs of 3 to 8 tetrahedra", True),
    "pentagonal": ("5-fold (%)", "pentagonal bipyramids of all motifs", True),
    "theta": ("theta (°)", "mean tilt of the pentagonal bipyramids", True),
    "largest": ("network", "pentagonal bipyramids in the largest network", True),
    "coordination": ("CN", "mean coordination number below the surface", True),
    "density": ("density (g/cm³)", "mean of the atoms below the surface", True),
    "analyses": ("analyses", "number of analyses", True),
    "warnings": ("warnings", "what spoke against the model when it was deposited", True),
    "doi": ("publication", "DOI", False),
    "deposited": ("deposited", "date, UTC", False),
}
_PERCENT = frozenset({"r1_global", "r1_mean", "pentagonal"})


@dataclass(frozen=True)
class IndexCell:
    """A cell of the index: its text, the value it is sorted by, and whether that is a number."""

    text: str
    value: str
    number: bool


@checked
def write_bank_site(bank: str | Path, folder: str | Path, *, progress: bool = False) -> Path:
    """Write a bank as pages that need no server and no network.

    The index lists the newest version of each entry, with figures of its newest analysis that
    passed, to be searched and sorted. Each entry has a page as :func:`~.build.write_report` makes
    it; plotly.js stands beside them once instead of in each. The index is written last, so that it
    never names a page that is missing.

    Parameters
    ----------
    bank
        The bank.
    folder
        Where the pages go; new, empty, or with pages of an earlier call, which are written again.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The index.

    Raises
    ------
    InputError
        For a folder with something else in it, or a bank without models.
    DataFileError
        If the bank has a model whose id can't be the name of a file.
    BankError
        If there is no such bank, or it can't be read.
    OutputError
        If a page can't be written.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import mdb
    >>> from aet_port.reporting.bank_site import write_bank_site
    >>> from aet_port.simulation import amorphous_particle
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     _ = mdb.deposit(bank, amorphous_particle(20, "Ta"), kind="synthetic")
    >>> write_bank_site("bank.duckdb", "site").name
    'index.html'
    """
    home = Path(folder)
    _check_folder(home)
    with Bank(bank, read_only=True) as opened:
        entries = opened.sql(_ENTRIES).to_pylist()
    if not entries:
        raise InputError(f"bank {bank}", "no models", "a bank in which models were deposited")
    for row in entries:
        if not _ID.fullmatch(row["model_id"]):
            raise DataFileError(bank, f"a model {row['model_id']!r}", "ids such as TaXX00001")
    from plotly.offline import get_plotlyjs  # slow to import

    _write(home / PLOTLY, get_plotlyjs())
    with progress_bar("pages", len(entries), progress) as reporter:
        for row in entries:
            content = read_entry_report(bank, row["model_id"])
            page = build_report(content, plotly_file=PLOTLY, index=INDEX)
            _write(home / page_name(row["model_id"]), page)
            reporter.advance(note=row["model_id"])
    _write(home / INDEX, index_page(Path(bank).name, entries))
    return home / INDEX


def page_name(model: str) -> str:
    """Name of the page of a model."""
    return f"{model}.html"


def index_page(bank: str, entries: Sequence[dict[str, Any]]) -> str:
    """The index as text.

    Parameters
    ----------
    bank
        Name of the bank, for the heading.
    entries
        A row for each, with the keys of :data:`COLUMNS`.

    Notes
    -----
    MATLAB: none
    """
    # A column in which no entry has a value would only take room.
    shown = [key for key in COLUMNS if any(row[key] is not None for row in entries)]
    rows = [[_cell(key, row[key]) for key in shown] for row in entries]
    values = {
        "title": f"Materials data bank {bank}",
        "heads": [COLUMNS[key] for key in shown],
        "rows": [
            (page_name(row["model_id"]), cells) for row, cells in zip(entries, rows, strict=True)
        ],
        "foot": f"Made by aet-port {aet_port.__version__}.",
    }
    return render_page("aet_port.reporting/bank_index.html.jinja", values)


def _cell(key: str, value: Any) -> IndexCell:
    number = COLUMNS[key][2]
    if value is None:
        return IndexCell("", "", number)
    if key in _PERCENT:
        value = 100 * value
    text = format_value(value) if number else str(value)
    return IndexCell(text, repr(value) if number else str(value), number)


def _check_folder(home: Path) -> None:
    """Refuse a folder that holds anything but an earlier site, or its beginning."""
    expected = "a new or an empty folder, or one with pages of a bank"
    if home.exists() and not home.is_dir():
        raise InputError("output folder", f"the file {home}", expected)
    if not home.exists():
        return
    for path in home.iterdir():
        page = path.suffix == ".html" and (path.name == INDEX or _ID.fullmatch(path.stem))
        if not (page or path.name == PLOTLY or path.name.startswith(".")):
            raise InputError("output folder", f"{home} with {path.name}", expected)
    index = home / INDEX
    if index.is_file() and MARK not in index.read_text(encoding="utf-8", errors="replace"):
        raise InputError("output folder", f"{index} of something else", expected)


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))
