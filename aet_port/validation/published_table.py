"""Published figures compared with computed ones: one row each, with tolerance and status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from aet_port.core.errors import InputError
from aet_port.core.html_pages import render_page
from matlab_reference.published import AGREEMENTS, MEANINGS, REPRODUCED, Agreement, PublishedFigure

COLUMNS = ("figure", "sample", "published", "computed", "difference", "status", "remark")
BRIEF = ("figure", "published", "computed", "status")


@dataclass(frozen=True)
class Computed:
    """Computed values of one row, with their tolerance.

    Attributes
    ----------
    values
        Computed values, as many as are published.
    tolerance
        Largest difference that counts as agreement, in the unit of the row: the printed digits,
        unless ``why`` gives a reason for more; None if the row only states the difference.
    why
        Reason for the tolerance or the difference.
    quirks
        Whether known flaws of the reference were reproduced on purpose.
    of
        Samples that the values are of, if these are not all that the published figure is of: it
        is then not judged.
    """

    values: tuple[float, ...]
    tolerance: float | None
    why: str
    quirks: bool = False
    of: tuple[str, ...] = ()


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
    status: Agreement
    mode: str
    why: str
    where: str = ""
    stated: bool = True
    recipe: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the computed values are the published ones within the tolerance."""
        return self.status in REPRODUCED

    @property
    def remark(self) -> str:
        """Recipe, and reason of the tolerance or of the difference."""
        return "; ".join(part for part in (self.recipe, self.why) if part)

    def plain(self) -> dict[str, Any]:
        """The row as plain values for JSON."""
        return asdict(self)

    def words(self) -> tuple[str, ...]:
        """The row as text for a table with the columns ``COLUMNS``."""
        gap = "" if self.difference is None else f"{self.difference:.2g}"
        allowed = "" if self.tolerance is None else f" (allowed {self.tolerance:.2g})"
        remark = "; ".join(part for part in (self.where, self.mode, self.remark) if part)
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
        """The row as text for a narrow table with the columns ``BRIEF``."""
        return (self.id, _numbers(self.published), _numbers(self.computed), self.status)


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.5g}" for value in values)


def compare(published: PublishedFigure, computed: Computed | None, reason: str = "") -> Row:
    """Compare one figure: it has the class of its table, differs, or was not attempted.

    A figure that the table lists as differing or not attempted, but that agrees, counts as one by a
    recipe chosen here.

    Parameters
    ----------
    computed
        Computed values; None if not attempted, with the ``reason``.

    Raises
    ------
    InputError
        If the numbers of computed and published values differ.
    """
    facts = (published.id, published.sample, published.quantity, published.unit, published.values)
    if computed is None:
        why = reason or published.needs or published.note
        return Row(
            *facts, (), None, None, "not attempted", "", why, published.where, published.stated
        )
    if len(computed.values) != len(published.values):
        raise InputError(
            published.id,
            f"{len(computed.values)} computed values",
            f"as many as are published: {len(published.values)}",
        )
    gap = float(np.abs(np.subtract(computed.values, published.values)).max())
    status: Agreement = "differs"
    if computed.of:
        status = "not attempted"
    elif computed.tolerance is not None and gap <= computed.tolerance:
        status = published.agreement if published.agreement in REPRODUCED else REPRODUCED[1]
    alone = f"of {' and '.join(computed.of)} alone, which cannot be judged" if computed.of else ""
    return Row(
        *facts,
        computed.values,
        gap,
        computed.tolerance,
        status,
        "reference quirks" if computed.quirks else "",
        "; ".join(part for part in (alone, computed.why) if part),
        published.where,
        published.stated,
        published.recipe,
    )


def build_report(
    published: Mapping[str, PublishedFigure],
    computed: Mapping[str, Computed],
    samples: Sequence[str] | None = None,
    missing: Mapping[str, str] | None = None,
    given: Sequence[str] = (),
) -> list[Row]:
    """Make a row for every published figure, computed or not.

    Parameters
    ----------
    published
        Published figures by id.
    computed
        Computed figures by the same ids.
    samples
        Samples whose rows are made.
    missing
        Missing files by sample, the reason for figures that were not computed.
    given
        Options that were given; a figure that needs another option states that instead.

    Raises
    ------
    InputError
        For a sample, or a computed id, without a published figure.
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
    """Return the requested samples, or all if none are given.

    Raises
    ------
    InputError
        For a sample without a published figure.
    """
    known = list(dict.fromkeys(figure.sample for figure in published.values()))
    for name in samples or ():
        if name not in known:
            raise InputError("sample", repr(name), f"one of {', '.join(known)}")
    return list(samples or known)


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Number of rows of each status."""
    result: dict[str, int] = dict.fromkeys(AGREEMENTS, 0)
    for row in rows:
        result[row.status] += 1
    return result


def summary(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Number of rows of each status: in all, stated in the papers, and by sample."""
    result = {"all": counts(rows), "stated in the papers": counts(r for r in rows if r.stated)}
    for sample in dict.fromkeys(row.sample for row in rows):
        result[sample] = counts(row for row in rows if row.sample == sample)
    return result


def headline(rows: Sequence[Row]) -> str:
    """One sentence with the number of rows computed by recipes that the papers state."""
    parts = []
    for own, words in ((True, "values stated in the papers"), (False, "deposited ones")):
        some = [row for row in rows if row.stated is own]
        found = counts(some)
        if some:
            parts.append(f"{found['computed']} of {len(some)} {words}")
    return f"computed by recipes that the papers state, and in agreement: {', '.join(parts)}"


def html_page(rows: Sequence[Row], title: str) -> str:
    """The report as a self-contained page ordered by sample, without scripts or external files."""
    samples = dict.fromkeys(row.sample for row in rows)
    values = {
        "title": title,
        "columns": COLUMNS,
        "headline": headline(rows),
        "meanings": MEANINGS,
        "totals": summary(rows),
        "rows": [row for sample in samples for row in rows if row.sample == sample],
    }
    return render_page("aet_port.validation/published_table.html.jinja", values)
