"""``aet precision``: the round trip of a small particle, stopped and taken up."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.data import AtomicModel
from aet_port.io import read_model, write_angles, write_model
from aet_port.simulation import amorphous_particle
from aet_port.validation.precision import measure_precision
from tests.cli.samples import Aet, Refused, contents

trip = import_module("aet_port.workflow.round_trip")
# Coarse pixels and few iterations: the stages take a second each.
QUICK = ("--pixel-size", 0.6, "--iterations", 40, "--oversampling", 2, "--threads", 1)


@pytest.fixture(scope="module")
def tilts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    angles = np.zeros((20, 3))
    angles[:, 1] = np.linspace(-66, 66, 20)
    return write_angles(tmp_path_factory.mktemp("tilts") / "tilts.txt", angles)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A particle of two species that differ much in brightness."""
    particle = amorphous_particle(60, "Ta", seed=3)
    species = np.where(np.arange(60) % 3 == 0, "Cu", "Ta").tolist()
    path = tmp_path_factory.mktemp("truth") / "model.xyz"
    write_model(path, AtomicModel.from_positions(particle.positions * 1.02, species))
    return path


def figures(folder: Path) -> dict[str, bytes]:
    return {k: v for k, v in contents(folder).items() if k != "timings.json"}


def test_round_trip_finds_the_atoms_and_goes_on_after_a_stop(
    model: Path,
    tilts: Path,
    aet: Aet,
    asked: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    command = ("precision", model, "--angles", tilts, *QUICK)
    facts = asked(*command, "--out", whole)
    assert facts["atoms_true"] == 60
    traced, refined = facts["traced"], facts["refined"]
    assert refined["recall"] == refined["matched"] / 60
    assert refined["recall"] > 0.9
    assert refined["rmsd_pm"] < 0.75 * traced["rmsd_pm"]  # 14 of 23 pm, with few coarse images
    assert "confusion" not in traced
    assert refined["species_fraction"] > 0.9
    assert facts == json.loads((whole / "precision.json").read_text())
    found, truth = read_model(whole / "refined.extxyz"), read_model(model)
    assert measure_precision(found, truth).rmsd_pm == pytest.approx(refined["rmsd_pm"], abs=1e-3)
    # Stopped in every stage in turn, the trip ends with the same bytes.
    stages = ("reconstruct_with", "trace_with", "classify_with", "refine_with")
    for number, stage in enumerate(stages):

        def interrupted(*arguments: Any, **options: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(trip, stage, interrupted)
            resume = ("--resume",) if number else ()
            assert aet(*command, "--out", stopped, *resume).code == 130
    outcome = aet(*command, "--out", stopped, "--resume")
    assert outcome.code == 0, outcome.err
    assert "RMSD" in outcome.out
    assert figures(stopped) == figures(whole)
    before = contents(whole)
    assert asked(*command, "--out", whole, "--resume") == facts
    assert contents(whole) == before


def test_refined_angles_and_shifts_bring_the_traced_atoms_nearer(
    tilts: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "model.xyz"
    write_model(path, amorphous_particle(60, "Ta", seed=3))
    command = ("precision", path, "--angles", tilts, *QUICK)
    errors = ("--angle-error", 0.5, "--shift-error", 1)
    blind = asked(*command, *errors, "--out", tmp_path / "blind")
    seen = asked(*command, *errors, "--refine-angles", "--out", tmp_path / "seen")
    assert seen["traced"]["rmsd_pm"] < 0.7 * blind["traced"]["rmsd_pm"]  # measured 10.5 and 21.7
    assert (tmp_path / "seen" / "aligned_angles.txt").exists()


def test_another_trip_is_refused(
    model: Path, tilts: Path, asked: Callable[..., Any], refused: Refused, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("precision", model, "--angles", tilts, *QUICK, "--out", out)
    asked(*command)
    refused(*command, parts=(out, "--resume"))
    refused(*command, "--resume", "--seed", 1, parts=(out, "a trip with another settings"))
    other = ("precision", model, *QUICK, "--out", out, "--resume")
    refused(*other, parts=("a trip with another angles",))
    (out / "trip.json").write_text("{")
    refused(*command, "--resume", parts=(out / "trip.json", "no readable record"))
    refused(*command[:-1], tilts.parent, parts=(tilts.parent, "other files"))


def test_bad_input(model: Path, refused: Refused, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("precision", model, "--out", out)
    refused(*command, "--engine", "bloch", parts=("engine", "linear or multislice"))
    refused(*command, "--series", "pd9", parts=("pd9", "ta-film"))
    refused(*command, "--threads", 0, parts=("threads", "0"))
    refused(*command, "--method", "newton", parts=("newton", "lbfgs"))
    refused(*command, "--radius", 0, parts=("radius", "0.0"))
    refused(*command, "--iterations", 0, parts=("iterations", "0"))
    assert not out.exists()


@pytest.mark.slow
def test_multislice_round_trip(tilts: Path, asked: Callable[..., Any], tmp_path: Path) -> None:
    """A minute: a particle through a coarse multislice and back."""
    pytest.importorskip("abtem")
    path = tmp_path / "model.xyz"
    write_model(path, amorphous_particle(30, "Ta", seed=3))
    optics = ("--semiangle", 20, "--inner", 25, "--outer", 50, "--source-size", 0.8)
    engine = ("--engine", "multislice", *optics, "--window", 8, "--slice-thickness", 4)
    size = ("--pixel-size", 0.5, "--iterations", 50, "--threads", 2)
    facts = asked("precision", path, "--angles", tilts, *engine, *size, "--out", tmp_path / "out")
    assert facts["refined"]["recall"] > 0.9
    assert facts["refined"]["rmsd_pm"] < 30
