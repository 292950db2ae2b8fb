"""Table of the reference's source files: what is ported, as what, and tested by which test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast, get_args

from aet_port.core.errors import DataFileError
from matlab_reference.tables import read_table

Kind = Literal["ported", "ported without output", "library", "not needed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PORTED: tuple[Kind, ...] = KINDS[:2]
TABLE = Path(__file__).resolve().parent / "functions.csv"


@dataclass(frozen=True)
class FunctionRow:
    """One source file of the reference.

    Attributes
    ----------
    repo
        ``"mg"``, the repository of the glass paper, or ``"am"``, that of the film paper.
    path
        Its path there.
    sha256, lines
        Its checksum and number of lines at the recorded commit.
    role
        ``algorithm``, ``driver script``, ``plotting`` or ``third-party``.
    purpose
        Purpose of the file.
    duplicate_of
        ``repo/path`` of an identical file that represents it, or empty.
    status
        ``ported``: its own output, recorded or deposited, is compared with. ``ported without
        output: how``: there is none at hand, and it is compared in another way. ``library: X`` or
        ``not needed: why``.
    symbol
        Dotted path of the Python function or class, for a ported file.
    test
        pytest id of the comparison: with the file's own output if it is ``ported``; always given
        for a ported file, for others if there is one.
    note
        Remarks, and where other parts of the file are ported.
    """

    repo: str
    path: str
    sha256: str
    lines: int
    role: str
    purpose: str
    duplicate_of: str
    status: str
    symbol: str
    test: str
    note: str

    @property
    def name(self) -> str:
        """``repo/path``, unique for each row."""
        return f"{self.repo}/{self.path}"

    @property
    def kind(self) -> Kind:
        """The status without details."""
        return cast(Kind, self.status.partition(":")[0])

    @property
    def detail(self) -> str:
        """Text of the status after its colon: library or reason; empty if ported."""
        return self.status.partition(":")[2].strip()


COLUMNS = tuple(field.name for field in fields(FunctionRow))
REPOS = {"mg": "AET-MetallicGlass", "am": "AET-AmorphousMaterials"}


def read_functions(path: str | Path = TABLE) -> list[FunctionRow]:
    """Read every row of the table, in order.

    Parameters
    ----------
    path
        The table; the project's own unless given.

    Raises
    ------
    DataFileError
        If the file cannot be read, or a row lacks a column, a line count or a known status.

    Notes
    -----
    MATLAB: none
    """
    file = Path(path)
    return [
        _row(file, number, cells) for number, cells in enumerate(read_table(file, COLUMNS), start=1)
    ]


def _row(file: Path, number: int, cells: list[str]) -> FunctionRow:
    where = f"row {number}"
    if len(cells) != len(COLUMNS):
        raise DataFileError(file, f"{where}: {len(cells)} cells", f"{len(COLUMNS)}")
    named = dict(zip(COLUMNS, cells, strict=True))
    lines = named.pop("lines")
    if not lines.isdecimal():
        raise DataFileError(file, f"{where}: lines {lines!r}", "a whole number")
    row = FunctionRow(lines=int(lines), **named)
    if row.kind not in KINDS or (row.kind == "ported") != (row.detail == ""):
        raise DataFileError(
            file,
            f"{where}: status {row.status!r}",
            "'ported', 'ported without output: how', 'library: X' or 'not needed: why'",
        )
    return row


def count_by_status(rows: Sequence[FunctionRow]) -> dict[str, dict[Kind, int]]:
    """Files of each repository, and of both (``all``), by status.

    MATLAB: none
    """
    counts: dict[str, dict[Kind, int]] = {
        repo: {kind: sum(r.repo == repo and r.kind == kind for r in rows) for kind in KINDS}
        for repo in REPOS
    }
    counts["all"] = {kind: sum(counts[repo][kind] for repo in REPOS) for kind in KINDS}
    return counts
