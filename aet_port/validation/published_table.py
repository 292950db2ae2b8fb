"""Published figures beside computed ones: one row each, with its tolerance and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from aet_port.core.errors import InputError
from aet_port.core.html_pages import render_page
from matlab_reference.published import PublishedFigure

Status = Literal["reproduced", "differs", "not attempted"]
COLUMNS = ("figure", "sample", "published", "computed", "difference", "status", "remark")
BRIEF = ("figure", "published", "computed", "status")


@dataclass(frozen=True)
class Computed:
    """What was computed for one row, and how near it must come.

    Attributes
    ----------
    values
        As many as are published.
    tolerance
        Largest difference that counts as reproduced, in the unit of the row; None where the papers
        leave the recipe open, so that the row only states the difference.
    why
        Reason of the tolerance, or of the difference.
    quirks
        Whether the known flaws of the reference were reproduced on purpose.
    """

    values: tuple[float, ...]
    tolerance: float | None
    why: str
    quirks: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    id: str
    sample: str
    quantity: str
    unit: str
    published: tuple[float, ...]
    computed: tuple[float, ...]
    difference: float | None
    tolerance: float | None
    status: Status
    mode: str
    why: str
    where: str = ""
    stated: bool = True

    def plain(self) -> dict[str, Any]:
        """The row as plain values for JSON."""
        return asdict(self)

    def words(self) -> tuple[str, ...]:
        """The row as texts for a table, under ``COLUMNS``."""
        gap = "" if self.difference is None else f"{self.difference:.2g}"
        allowed = "" if self.tolerance is None else f" (allowed {self.tolerance:.2g})"
        remark = "; ".join(part for part in (self.where, self.mode, self.why) if part)
        return (
            f"{self.quantity} [{self.id}]",
            self.sample,
            f"{_numbers(self.published)} {self.unit}".strip(),
            _numbers(self.computed),
            f"{gap}{allowed}",
            self.status,
            remark,
        )

    def brief(self) -> tuple[str, ...]:
        """The row as texts for a narrow table, under ``BRIEF``."""
        return (self.id, _numbers(self.published), _numbers(self.computed), self.status)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.5g}" for value in values)


def compare(published: PublishedFigure, computed: Computed | None, reason: str = "") -> Row:
    """Judge one figure: reproduced within its tolerance, differs, or not attempted.

    Parameters
    ----------
    computed
        None if it was not attempted, with the ``reason``.

    Raises
    ------
    InputError
        If there are more or fewer computed values than published ones.
    """
    facts = (published.id, published.sample, published.quantity, published.unit, published.values)
    origin = (published.where, published.stated)
    if computed is None:
        why = reason or published.needs or published.note
        return Row(*facts, (), None, None, "not attempted", "", why, *origin)
    if len(computed.values) != len(published.values):
        raise InputError(
            published.id,
            f"{len(computed.values)} computed values",
            f"as many as are published: {len(published.values)}",
        )
    gap = float(np.abs(np.subtract(computed.values, published.values)).max())
    near = computed.tolerance is not None and gap <= computed.tolerance
    return Row(
        *facts,
        computed.values,
        gap,
        computed.tolerance,
        "reproduced" if near else "differs",
        "reference quirks" if computed.quirks else "",
        computed.why,
        *origin,
    )


def build_report(
    published: Mapping[str, PublishedFigure],
    computed: Mapping[str, Computed],
    samples: Sequence[str] | None = None,
    missing: Mapping[str, str] | None = None,
    given: Sequence[str] = (),
) -> list[Row]:
    """A row for every published figure, computed or not.

    Parameters
    ----------
    published
        By id.
    computed
        By the same ids.
    samples
        Only rows of these samples.
    missing
        By sample: files that are not at hand, the reason for figures that were not computed.
    given
        Options that were given; a figure that needs another one says so instead.

    Raises
    ------
    InputError
        For a sample, or a computed id, that no published figure has.
    """
    samples = check_samples(published, samples)
    for name in computed:
        if name not in published:
            raise InputError("computed figure", repr(name), "the id of a published figure")
    return [
        compare(figure, computed.get(figure.id), _reason(figure, missing or {}, given))
        for figure in published.values()
        if figure.sample in samples
    ]


def _reason(figure: PublishedFigure, missing: Mapping[str, str], given: Sequence[str]) -> str:
    """Why a figure was not computed: an option or file it needs, or a file of its sample."""
    if figure.needs and not figure.needs.startswith(tuple(given)):
        return figure.needs
    return missing.get(figure.sample, "not computed by this version")


def check_samples(
    published: Mapping[str, PublishedFigure], samples: Sequence[str] | None
) -> list[str]:
    """The samples asked for, all if none are.

    Raises
    ------
    InputError
        For a sample that no published figure has.
    """
    known = list(dict.fromkeys(figure.sample for figure in published.values()))
    for name in samples or ():
        if name not in known:
            raise InputError("sample", repr(name), f"one of {', '.join(known)}")
    return list(samples or known)


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Number of rows of each status."""
    result = {"reproduced": 0, "differs": 0, "not attempted": 0}
    for row in rows:
        result[row.status] += 1
    return result


def summary(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Number of rows of each status: all, those that the papers state, and by sample."""
    result = {"all": counts(rows), "stated in the papers": counts(r for r in rows if r.stated)}
    for sample in dict.fromkeys(row.sample for row in rows):
        result[sample] = counts(row for row in rows if row.sample == sample)
    return result


def html_page(rows: Sequence[Row], title: str) -> str:
    """The report as one self-contained page by sample: no script, nothing loaded from elsewhere."""
    samples = dict.fromkeys(row.sample for row in rows)
    values = {
        "title": title,
        "columns": COLUMNS,
        "totals": summary(rows),
        "rows": [row for sample in samples for row in rows if row.sample == sample],
    }
    return render_page("aet_port.validation/published_table.html.jinja", values)
