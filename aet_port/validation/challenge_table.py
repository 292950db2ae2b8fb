"""Scores of the entries of several programs to one blind case, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.html_pages import render_page
from aet_port.validation.calibration import UNKNOWN
from aet_port.validation.challenge_files import PublicCase
from aet_port.validation.evaluation import Evaluation, evaluate
from aet_port.validation.settings import SCORE, ScoreSettings

# Name, unit and digits behind the point of each column of numbers.
COLUMNS: dict[str, tuple[str, int]] = {
    "atoms": ("", 0),
    "recall": ("%", 2),
    "precision": ("%", 2),
    "right_species": ("%", 2),
    "rmsd": ("pm", 1),
    "z_rms_x": ("", 2),
    "z_rms_y": ("", 2),
    "z_rms_z": ("", 2),
    "inside_95": ("%", 1),
    "existence_error": ("", 4),
    "spurious_claimed": ("%", 2),
    "spurious_observed": ("%", 2),
    "species_error": ("", 4),
    "random_recall": ("%", 2),
    "random_p": ("", 3),
}
HEADS = {
    "right_species": "right species of pairs",
    "rmsd": "RMSD",
    "z_rms_x": "rms z, x",
    "z_rms_y": "rms z, y",
    "z_rms_z": "rms z, z",
    "inside_95": "inside 95 % ellipsoids",
    "existence_error": "p_exists: expected calibration error",
    "spurious_claimed": "spurious, claimed",
    "spurious_observed": "spurious, observed",
    "species_error": "species: expected calibration error",
    "random_recall": "recall of random packings",
    "random_p": "p of the null model",
}
BRIEF = ("atoms", "recall", "precision", "right_species", "rmsd", "random_p")


@dataclass(frozen=True)
class Entry:
    """The scores of one entry.

    Attributes
    ----------
    name
        Name of the program.
    values
        Number by column of ``COLUMNS``; None where the entry states nothing, or too little.
    frame
        Axes and handedness that were found, if they were searched.
    remarks
        Warnings, or why there is no score.
    scored
        Whether there is a score.
    """

    name: str
    values: dict[str, float | None]
    frame: str
    remarks: tuple[str, ...]
    scored: bool

    def words(self, columns: Sequence[str] = tuple(COLUMNS)) -> tuple[str, ...]:
        """Name and numbers, rounded, as text."""
        return (self.name, *(_text(one, self.values.get(one)) for one in columns))

    def plain(self) -> dict[str, Any]:
        """The row for JSON."""
        return {
            "entry": self.name,
            **{name: self.values.get(name) for name in COLUMNS},
            "frame": self.frame,
            "remarks": list(self.remarks),
        }


def score_entries(
    case: PublicCase,
    truth: AtomicModel,
    entries: Mapping[str, AtomicModel | InputError],
    settings: ScoreSettings = SCORE,
) -> list[Entry]:
    """Score entries one by one; one that can't be scored gets the reason as its remark.

    Parameters
    ----------
    case
        The public case, which fixes radius and field.
    truth
        The true model.
    entries
        Model by name, or the error of reading it.
    settings
        Frame search and random packings.

    Returns
    -------
    Rows in the order of the entries.

    Notes
    -----
    MATLAB: none
    """
    fixed = settings.changed(radius=case.radius, field=case.field)
    rows = []
    for name, model in entries.items():
        try:
            if isinstance(model, InputError):
                raise model
            rows.append(_entry(name, evaluate(model, truth, fixed)))
        except InputError as error:
            rows.append(Entry(name, {}, "", (f"not scored: {error}",), False))
    return rows


def csv_rows(rows: Sequence[Entry]) -> tuple[list[str], list[list[Any]]]:
    """Titles with units, and rows with all digits; empty where there is no value."""
    titles = [f"{name} ({unit})" if unit else name for name, (unit, _) in COLUMNS.items()]
    lines = [
        [
            row.name,
            *("" if row.values.get(name) is None else row.values[name] for name in COLUMNS),
            row.frame,
            "; ".join(row.remarks),
        ]
        for row in rows
    ]
    return ["entry", *titles, "frame", "remarks"], lines


def html_table(case: PublicCase, n_true: int, rows: Sequence[Entry]) -> str:
    """The table as a self-contained page."""
    values = {
        "title": f"Blind case {case.case}",
        "case": case,
        "n_true": n_true,
        "heads": heads(),
        "rows": rows,
    }
    return render_page("aet_port.validation/challenge_table.html.jinja", values)


def heads(columns: Sequence[str] = tuple(COLUMNS)) -> tuple[str, ...]:
    """Titles for people, that of the name first."""
    named = ((HEADS.get(one, one), COLUMNS[one][0]) for one in columns)
    return ("entry", *(f"{name} ({unit})" if unit else name for name, unit in named))


def _text(column: str, value: float | None) -> str:
    return "" if value is None else f"{value:.{COLUMNS[column][1]}f}"


def _entry(name: str, found: Evaluation) -> Entry:
    precision, calibration = found.precision, found.calibration
    values: dict[str, float | None] = dict.fromkeys(COLUMNS) | {
        "atoms": len(found.found),
        "recall": 100 * precision.recall,
        "precision": 100 * precision.precision,
        "right_species": 100 * precision.species_fraction if found.has_species else None,
        "rmsd": precision.rmsd_pm,
    }
    if calibration.positions is not None:
        rms = calibration.positions.rms.tolist()
        values |= dict(zip(("z_rms_x", "z_rms_y", "z_rms_z"), rms, strict=True))
        values["inside_95"] = 100 * calibration.positions.coverage(0.95)[0]
    values["spurious_observed"] = 100 * (1 - precision.precision)
    if calibration.existence is not None:
        values["existence_error"] = calibration.existence.expected_error
        values["spurious_claimed"] = 100 * calibration.existence.wrong_claimed
    if calibration.species is not None and found.has_species:
        values["species_error"] = calibration.species.expected_error
    if found.null is not None:
        values["random_recall"] = 100 * float(found.null.packings.mean())
        values["random_p"] = found.null.probability
    frame = "" if found.frame is None else ", ".join(found.frame.axes)
    if found.frame is not None and found.frame.mirrored:
        frame += ", MIRRORED"
    remarks = list(found.warnings)
    if UNKNOWN in found.found.species:
        remarks.append("the entry has no species")
    return Entry(name, values, frame, tuple(remarks), True)
