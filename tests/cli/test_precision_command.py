"""``aet precision``: the round trip of a small particle, interrupted and continued."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.detection.search import Search
from aet_port.io import read_model, write_angles, write_model
from aet_port.simulation import amorphous_particle
from aet_port.validation.precision import score
from tests.cli.samples import Aet, Refused, contents

# Coarse pixels and few iterations: the stages take a second each.
SMALL = ("--pixel-size", 0.4, "--threads", 1, "--max-rounds", 3)
QUICK = (
    *("--preset", "papers", "--pixel-size", 0.6, "--threads", 1),
    *("--iterations", 40, "--oversampling", 2),
)


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


def test_round_trip_from_counts(
    model: Path,
    tilts: Path,
    aet: Aet,
    asked: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    command = ("precision", model, "--angles", tilts, *SMALL)
    facts = asked(*command, "--out", whole)
    assert facts["atoms_true"] == 60
    found = facts["detected"]
    assert json.loads((whole / "comparison.json").read_text()) == {"detected": found}
    # Measured: all of them at 6 pm; those of Cu, five times as faint as Ta, at 10 pm.
    assert found["recall"] > 0.98
    assert found["rmsd_pm"] < 10
    assert found["species_fraction"] == 1
    detected, truth = read_model(whole / "detected.extxyz"), read_model(model)
    assert score(detected, truth).rmsd_pm == pytest.approx(found["rmsd_pm"], abs=1e-3)
    # Interrupted in the search, it ends with the same bytes.
    finish = Search.finish

    def interrupted(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Search, "finish", interrupted)
        assert aet(*command, "--out", stopped).code == 130
    assert Search.finish is finish
    outcome = aet(*command, "--out", stopped, "--resume")
    assert outcome.code == 0, outcome.err
    assert "RMSD" in outcome.out
    assert "R1 of the model" in outcome.out
    assert figures(stopped) == figures(whole)


@pytest.mark.slow
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
    stored = json.loads((whole / "comparison.json").read_text())
    assert {name: facts[name] for name in ("traced", "classified", "refined")} == stored
    found, truth = read_model(whole / "refined.extxyz"), read_model(model)
    assert score(found, truth).rmsd_pm == pytest.approx(refined["rmsd_pm"], abs=1e-3)
    # Interrupted in every stage in turn, it ends with the same bytes.
    stages = (
        "volume_stages.reconstruct_series",
        "volume_stages.trace_volume",
        "model_stages.classify_model",
        "model_stages.refine_model",
    )
    for number, stage in enumerate(stages):

        def interrupted(*arguments: Any, **options: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(f"aet_port.workflow.{stage}", interrupted)
            resume = ("--resume",) if number else ()
            assert aet(*command, "--out", stopped, *resume).code == 130
    outcome = aet(*command, "--out", stopped, "--resume")
    assert outcome.code == 0, outcome.err
    assert "RMSD" in outcome.out
    assert figures(stopped) == figures(whole)
    before = contents(whole)
    assert asked(*command, "--out", whole, "--resume") == facts
    assert contents(whole) == before


@pytest.mark.slow
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
    assert (tmp_path / "seen" / "aligned" / "angles.txt").exists()


@pytest.mark.slow
def test_its_folder_is_a_run_folder(
    model: Path, tilts: Path, asked: Callable[..., Any], refused: Refused, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ("precision", model, "--angles", tilts, *QUICK, "--out", out)
    asked(*command)
    made = asked("report", out)
    assert made["report"] == str(out / "report.html")
    assert made["left_out"] == ["orders"]
    refused(*command, parts=(out, "--resume"))
    # With other settings only what depends on them is done again.
    before = contents(out)
    asked(*command, "--resume", "--max-evaluations", 3)
    after = contents(out)
    changed = {name for name in before if before[name] != after[name]}
    assert "refined.extxyz" in changed
    assert changed.isdisjoint({"volume.npy", "peaks/whole.npz", "classified.extxyz"})
    other = ("precision", model, *QUICK, "--out", out, "--resume")
    refused(*other[:2], "--angles", out / "simulated" / "angles.txt", *other[2:], parts=("angles",))
    (out / "run.json").write_text("{")
    refused(*command, "--resume", parts=(out / "run.json", "no readable record"))
    refused(*command[:-1], tilts.parent, parts=(tilts.parent, "other files"))


@pytest.mark.slow
@pytest.mark.filterwarnings("always:the refined model")  # it is as bad as the traced one
def test_a_failed_analysis_leaves_the_comparison(
    model: Path, tilts: Path, aet: Aet, tmp_path: Path
) -> None:
    """Atoms found in noise have no first valley: a reason on one line, everything else there."""
    out = tmp_path / "out"
    few = ("--preset", "papers", "--pixel-size", 0.6, "--iterations", 2, "--dose", 1e-2)
    done = aet("precision", model, "--angles", tilts, *few, "--threads", 1, "--out", out)
    assert done.code == 1
    assert "aet: stage analyze failed: atoms: found no first valley" in done.err.splitlines()[-1]
    assert "recall" in done.out
    assert aet("report", out).code == 0
    assert not (out / "structure.json").exists()


def test_bad_input(model: Path, refused: Refused, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("precision", model, "--out", out)
    refused(*command, "--engine", "bloch", parts=("--engine", "'linear', 'multislice'"))
    refused(*command, "--tilts", "pd9", parts=("pd9", "ta-film"))
    refused(*command, "--threads", 0, parts=("threads", "0"))
    refused(*command, "--method", "newton", parts=("newton", "lbfgs"))
    refused(
        *command, "--radius", 0, parts=("--radius", "0.0", "above zero and at most", "(angstrom)")
    )
    refused(*command, "--preset", "paper", parts=("--preset", "'counts', 'papers'"))
    refused(*command, "--fdr", 0, parts=("--fdr", "above zero"))
    refused(*command, "--iterations", 0, parts=("--iterations", "0", "between 1 and"))
    assert not out.exists()


@pytest.mark.slow
def test_multislice_round_trip(tilts: Path, asked: Callable[..., Any], tmp_path: Path) -> None:
    """A minute: a particle through a coarse multislice and back."""
    pytest.importorskip("abtem")
    path = tmp_path / "model.xyz"
    write_model(path, amorphous_particle(30, "Ta", seed=3))
    optics = ("--semiangle", 20, "--inner", 25, "--outer", 50, "--source-size", 0.8)
    engine = ("--engine", "multislice", *optics, "--window", 8, "--slice-thickness", 4)
    size = ("--pixel-size", 0.5, "--preset", "papers", "--iterations", 50, "--threads", 2)
    facts = asked("precision", path, "--angles", tilts, *engine, *size, "--out", tmp_path / "out")
    assert facts["refined"]["recall"] > 0.9
    assert facts["refined"]["rmsd_pm"] < 30
