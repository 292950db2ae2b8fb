"""``aet analyze --rings --voids``: tables, JSON, figures; the section ``[analyze]`` of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from aet_port.io import write_model
from aet_port.simulation import amorphous_particle
from aet_port.workflow.config import parse_config
from aet_port.workflow.model_stages import analyze_structure, structure_of_run
from aet_port.workflow.run_folder import DETECTED, STRUCTURE, RunFolder
from aet_port.workflow.stages import Work
from tests.cli.samples import Aet, Refused

CONFIG = """\
[sample]
name = "p"
species = "Ta"
[input]
projections = "p.mat"
angles = "a.mat"
[analyze]
cutoff = 4.1
rings = 4
voids = "surfaces"
"""


@pytest.fixture(scope="module")
def silicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("crystal") / "si.extxyz"
    write(path, bulk("Si", "diamond", 5.43, cubic=True).repeat(2))
    return path


def test_tables_and_figures(silicon: Path, aet: Aet, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    words = ("analyze", silicon, "--cutoff", 2.7, "--rings", 8, "--voids", "centres")
    done = aet(*words, "--figures", figures)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "rings of up to 8 atoms, bonds up to 2.7 angstrom" in text
    assert "primitive 6 128 2 1 1 1" in text  # of 64 atoms, two each
    assert "measured_to centres" in text
    assert {"rings.png", "voids.png"} <= {path.name for path in figures.iterdir()}
    found = json.loads(aet(*words, "--json").out)["analyses"][0]
    assert found["ring_statistics"]["king"]["rings"]["6"] == 128
    assert found["void_statistics"]["largest"][0] == pytest.approx(5.43 * 3**0.5 / 4, abs=1e-6)
    without = json.loads(aet(*words[:4], "--json").out)["analyses"][0]
    assert "ring_statistics" not in without
    assert "void_statistics" not in without


def test_what_is_refused(silicon: Path, refused: Refused, tmp_path: Path) -> None:
    refused("analyze", silicon, "--rings", 2, parts=("--rings: found 2", "from 3 to 24, or 0"))
    unknown = tmp_path / "x.extxyz"
    atoms = bulk("Si", "diamond", 5.43, cubic=True).repeat(2)
    atoms.numbers[:] = 0
    write(unknown, atoms)
    words = ("analyze", unknown, "--cutoff", 2.7, "--voids", "surfaces")
    refused(*words, parts=("64 atoms of unknown species", "--species", "--voids centres"))


def test_a_search_that_stops_says_so(
    silicon: Path, aet: Aet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aet_port.structure.rings.ring_statistics.BUDGET", 100)
    done = aet("analyze", silicon, "--cutoff", 2.7, "--rings", 8)
    text = " ".join(done.out.split())
    assert "rings of up to 8 atoms, bonds up to 2.7 angstrom: none" in text
    assert "primitive rings: the search for rings of more than" in text


@pytest.mark.slow
def test_a_run(tmp_path: Path) -> None:
    work = Work(parse_config(CONFIG, tmp_path / "run.toml"), RunFolder(tmp_path))
    write_model(tmp_path / DETECTED, amorphous_particle(50, "Ta", seed=1))
    analyze_structure(work)
    stored = json.loads((tmp_path / STRUCTURE).read_text())
    found = structure_of_run(work.config, work.folder)
    assert found.rings is not None
    assert found.voids is not None
    assert stored["ring_statistics"] == json.loads(json.dumps(found.rings.summary()))
    assert stored["void_statistics"]["measured_to"] == "surfaces"
