"""``aet scoreboard``: what is asked of the dose series, and what is printed of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aet_port.workflow import dose_series
from aet_port.workflow.dose_settings import DoseSeriesSettings
from tests.cli.samples import Aet, Refused


@dataclass(frozen=True)
class Dark:
    """A dose at which nothing was found."""

    dose: float
    failure: str = "select: too dark"

    def summary(self) -> dict[str, Any]:
        empty = dict.fromkeys(("traced", "refined", "steps", "r_factor"))
        return {"dose": self.dose, "failure": self.failure, **empty}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[DoseSeriesSettings, Path, bool]]:
    """What the command asks for, in place of minutes of work."""
    made: list[tuple[DoseSeriesSettings, Path, bool]] = []
    monkeypatch.setenv("COLUMNS", "200")  # no word of the table on two lines

    def scored(settings: DoseSeriesSettings, out: Path, *, resume: bool, **_: object) -> list[Dark]:
        made.append((settings, out, resume))
        return [Dark(dose) for dose in settings.doses]

    monkeypatch.setattr(dose_series, "run_dose_series", scored)
    return made


def test_a_line_per_dose(calls: list, tmp_path: Path, aet: Aet, asked: Callable[..., Any]) -> None:
    file = tmp_path / "scores.json"
    words = ("--atoms", 50, "--dose", 1e4, "--dose", 2e5, "--calibrated", "--iterations", 20)
    facts = asked("scoreboard", *words, "--out", tmp_path / "runs", "--resume", "-o", file)
    assert [item["dose"] for item in facts["doses"]] == [1e4, 2e5]
    assert json.loads(file.read_text()) == facts
    settings, out, resume = calls[0]
    assert (settings.calibrated, settings.atoms, settings.doses) == (True, 50, (1e4, 2e5))
    assert settings.reconstruct == DoseSeriesSettings().reconstruct.changed(iterations=20)
    assert (out, resume) == (tmp_path / "runs", True)
    assert settings.preset == "counts"
    table = aet("scoreboard").out
    assert table.count("too dark") == 4
    assert calls[1] == (DoseSeriesSettings(), Path("scoreboard"), False)
    aet("scoreboard", "--preset", "papers")
    assert calls[2][0] == DoseSeriesSettings(preset="papers")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--dose", 0), ("--dose: found 0.0", "above zero and at most 1e+12")),
        (("--atoms", 0), ("--atoms: found 0", "between 1 and")),
        (("--preset", "paper"), ("--preset: found 'paper'", "'counts'", "'papers'")),
        (("--denoise", "median"), ("--denoise: found 'median'", "'wiener'")),
        (("-o", "scores.txt"), ("scores.txt", ".json")),
    ],
)
def test_refused(calls: list, refused: Refused, words: tuple, parts: tuple[str, ...]) -> None:
    refused("scoreboard", *words, parts=parts)
    assert not calls
