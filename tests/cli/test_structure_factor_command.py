"""``aet structure-factor``: what it prints and writes."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write as ase_write

from aet_port.structure import box_structure_factor, debye_structure_factor
from tests.cli.samples import Aet

EDGE = 3.6


@pytest.fixture
def trajectory(tmp_path: Path) -> Path:
    """A shaken and a perfect crystal."""
    perfect = bulk("Cu", "fcc", a=EDGE, cubic=True).repeat(4)
    shaken = perfect.copy()
    shaken.rattle(0.1, seed=1)
    path = tmp_path / "run.xyz"
    ase_write(path, [shaken, perfect], format="extxyz")
    return path


def test_reflections_of_a_crystal(trajectory: Path, aet: Aet, tmp_path: Path) -> None:
    words = ("--frame", 1, "--q-step", 0, "--q-max", 4, "--figure", tmp_path / "s.png")
    outcome = aet("structure-factor", trajectory, *words)
    assert outcome.code == 0, outcome.err
    table = [line.split() for line in outcome.out.partition("highest peaks")[2].splitlines()[3:]]
    peaks = np.array([row[:2] for row in table if row], dtype=float)
    # Four digits are printed.
    expected = 2 * np.pi * np.sqrt([3, 4]) / EDGE
    np.testing.assert_allclose(peaks, np.stack([expected, [256, 256]], axis=1), rtol=5e-4)
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_frames_and_their_mean(trajectory: Path, aet: Aet, asked: Callable[..., Any]) -> None:
    words = ("structure-factor", trajectory, "--q-max", 6, "--weights", "xrays", "--frame")
    single = [asked(*words, k) for k in (0, 1)]
    every = asked(*words, "all")
    assert [one["s"] for one in every["structure_factors"]] == [one["s"] for one in single]
    mean = asked(*words, "all", "--average")
    np.testing.assert_allclose(mean["s"], np.mean([one["s"] for one in single], axis=0), rtol=1e-9)
    assert mean["frames"] == 2
    rows = list(csv.DictReader(aet(*words, "all", "--csv").out.splitlines()))
    assert [row["frame"] for row in rows] == ["0"] * (len(rows) // 2) + ["1"] * (len(rows) // 2)
    found = [float(row["s_Cu_Cu"]) for row in rows if row["frame"] == "0"]
    np.testing.assert_allclose(found, single[0]["s_Cu_Cu"], rtol=1e-12)
    line = aet("structure-factor", trajectory, "--frame", 0, "--average").err
    assert "--average: found one frame; expected it together with --frame all" in line


def test_python_and_command_agree(asked: Callable[..., Any], tmp_path: Path) -> None:
    box = bulk("Cu", "fcc", a=EDGE, cubic=True).repeat(3)
    box.rattle(0.2, seed=2)
    ase_write(tmp_path / "box.xyz", box, format="extxyz")
    found = asked("structure-factor", tmp_path / "box.xyz", "--q-max", 5)
    assert found["method"] == "box"
    np.testing.assert_allclose(found["s"], box_structure_factor(box, 5.0, q_min=0.5).s, rtol=1e-6)
    box.pbc = False
    ase_write(tmp_path / "particle.xyz", box, format="extxyz")
    found = asked("structure-factor", tmp_path / "particle.xyz", "--q-max", 5)
    assert found["method"] == "debye"
    expected = debye_structure_factor(box, np.array(found["q"]))
    # Positions are written to 1e-8 angstrom; a distance may move into the next bin.
    np.testing.assert_allclose(found["intensity"], expected.intensity, rtol=1e-4)


def test_what_does_not_fit_is_refused(trajectory: Path, aet: Aet) -> None:
    line = aet("structure-factor", trajectory, "--frame", "all", "--figure", "x.png").err
    assert "--figure: found --frame all as well; expected one frame, or --average" in line
    line = aet("structure-factor", trajectory, "--q-max", 0.3).err
    assert "--q-max: found 0.3; expected a number above q_min, 0.5" in line
