"""``aet plan``: tables, files, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.detection import plan_series
from aet_port.detection.plan_settings import PlanSettings
from aet_port.io import read_model, write_model
from aet_port.simulation import sample_of
from aet_port.simulation.settings import Acquisition, SimulateSettings
from tests.cli.samples import Aet, Refused

QUICK = ("--pixel-size", 0.5, "--threads", 1)


def test_plan_of_a_composition(asked: Callable[..., Any], tmp_path: Path) -> None:
    table, out = tmp_path / "plan.csv", tmp_path / "plan.extxyz"
    words = ("plan", "Cu2Ta3:50", "--seed", 3, "--tilts", 12, "--dose", "1e5", *QUICK)
    facts = asked(*words, "--csv", table, "--out", out)
    made = SimulateSettings(pixel_size=0.5, acquisition=Acquisition(dose=1e5))
    expected = plan_series(sample_of("Cu2Ta3:50", 3), PlanSettings().angles(12), made, threads=1)
    (found,) = facts["plans"]
    assert found["position_error_pm"] == pytest.approx(expected.position_error_pm, rel=1e-9)
    assert facts["settings"]["simulate"]["pixel_size"] == 0.5
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["species"], row["atoms"]) for row in rows] == [("Cu", "20"), ("Ta", "30")]
    assert float(rows[0]["found"]) == pytest.approx(expected.species[0].found, rel=1e-9)
    written = read_model(out).atoms.arrays
    for name in ("height", "sigma_height", "sigma_x", "covariance_yz", "probability", "p_found"):
        # The digits of the file.
        np.testing.assert_allclose(
            written[name], expected.model.atoms.arrays[name], rtol=1e-5, atol=1e-7
        )


def test_table_for_people(aet: Aet, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.xyz", sample_of("PdAg:40"))
    outcome = aet("plan", path, "--tilts", "8,12", "--dose", "1e4,8e5", *QUICK)
    assert outcome.code == 0, outcome.err
    assert sum("  Pd  " in line for line in outcome.out.splitlines()) == 4
    assert "at 1e+04 electrons per square angstrom in 8 tilts, Pd beside Ag is" in outcome.out
    assert "at 8e+05 electrons per square angstrom in 12 tilts, Pd beside Ag is" in outcome.out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("Cu2Ta3",), ("no file", "Co45Pd38Pt17:5000")),
        (("missing.xyz",), ("missing.xyz",)),
        (("CuTa:40", "--species", "Cu"), ("--species", "names its own")),
        (("CuTa:40", "--tilts", "20,30", "--out", "x.extxyz"), ("--out", "one of each")),
        (("CuTa:40", "--tilts", "twenty"), ("--tilts", "whole number")),
        (("CuTa:40", "--dose", "-1"), ("--dose", "above zero")),
        (("CuTa:40", "--csv", "x.txt"), (".csv",)),
        (("CuTa:40", "--tilt-range", 60, -60), ("--tilt-range", "first < last")),
    ],
)
def test_bad_input_is_one_line(refused: Refused, words: tuple[Any, ...], parts: Any) -> None:
    refused("plan", *words, parts=parts)
