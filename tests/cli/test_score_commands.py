"""``aet score`` and ``aet challenge`` from files to files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.io import matlab, read_model, write_model
from aet_port.simulation import amorphous_particle
from aet_port.validation.challenge_files import read_case, read_truth
from tests.cli.samples import Aet, Refused


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    places = amorphous_particle(120, "Ta", seed=1).positions
    return AtomicModel.from_positions(places, ["Ta", "Pd"] * 60)


@pytest.fixture
def files(tmp_path: Path, truth: AtomicModel) -> Path:
    """``truth.xyz``, and the same atoms spoilt in four formats."""
    rng = np.random.default_rng(0)
    places = truth.positions + rng.normal(0, 0.1, (120, 3))
    species = ["Pd", *truth.species[1:]]
    stated = {name: np.full(120, 0.1) for name in ("sigma_x", "sigma_y", "sigma_z")}
    found = AtomicModel.from_positions(
        places, species, p_exists=np.full(120, 0.98), probability=np.full(120, 0.99), **stated
    )
    write_model(tmp_path / "truth.xyz", truth)
    write_model(tmp_path / "found.extxyz", found)
    mirrored = AtomicModel.from_positions(places * [1, 1, -1], species)
    write_model(tmp_path / "mirrored.xyz", mirrored)
    matlab.write_positions(tmp_path / "found.mat", places)
    rows = [f"{kind};{x};{y};{z}" for kind, (x, y, z) in zip(species, places, strict=True)]
    (tmp_path / "found.csv").write_text("\n".join(["element;x;y;z", *rows]))
    bare = [row.partition(";")[2] for row in rows]
    (tmp_path / "bare.csv").write_text("\n".join(["x;y;z", *bare]))
    return tmp_path


def test_score_tells_everything(files: Path, aet: Aet) -> None:
    found = aet(
        "score", files / "found.extxyz", files / "truth.xyz", "--packings", 20,
        "--csv", files / "atoms.csv", "--figures", files / "figures",
    )  # fmt: skip
    assert (found.code, found.err) == (0, "")
    parts = (
        "recall;100.00 %;99.17 %;as good; model above mean;rms of z;ellipsoids;existence;above 4"
    )
    for part in [*parts.split(";"), "true \\ found", "z-scores"]:
        assert part in found.out, part
    names = sorted(path.name for path in (files / "figures").iterdir())
    assert names == [
        "deviations.png", "recall.png",
        "reliability_existence.png", "reliability_species.png", "z_scores.png",
    ]  # fmt: skip
    with (files / "atoms.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 120
    assert [row["atom"] for row in rows if row["species"] != row["true_species"]] == ["0"]


def test_all_formats_have_the_same_score(files: Path, asked: Callable[..., Any]) -> None:
    facts = {
        name: asked("score", files / name, files / "truth.xyz", "--packings", 0)
        for name in ("found.extxyz", "found.csv", "found.mat", "bare.csv")
    }
    first = facts["found.extxyz"]
    for name, one in facts.items():
        assert one["matched"] == 120, name
        assert one["rmsd_pm"] == pytest.approx(first["rmsd_pm"], abs=0.01), name
    assert facts["found.csv"]["species_fraction"] == pytest.approx(119 / 120)
    assert "species_fraction" not in facts["bare.csv"]
    assert first["calibration"]["positions"]["rms"] == pytest.approx([1, 1, 1], abs=0.25)
    assert facts["found.mat"]["calibration"]["missing"]["existence"] == "no array p_exists"
    # The same with `aet compare-models`, for what both tell.
    other = asked("compare-models", files / "found.csv", files / "truth.xyz")
    assert {key: facts["found.csv"][key] for key in other} == other
    with_types = asked(
        "score", files / "bare.csv", files / "truth.xyz", "--species", "Ta", "--packings", 0
    )
    assert with_types["species_fraction"] == pytest.approx(0.5)


def test_a_mirrored_model_is_told_loudly(files: Path, aet: Aet) -> None:
    words = ("score", files / "mirrored.xyz", files / "truth.xyz", "--packings", 0, "--any-frame")
    found = aet(*words)
    assert found.code == 0
    assert "MIRRORED" in found.out
    assert "aet: warning: the model is mirrored: its x, y, z are x, y, -z" in found.err
    facts = json.loads(aet(*words, "--json").out)
    assert facts["frame"]["mirrored"] is True
    assert facts["recall"] == 1
    assert len(facts["warnings"]) == 1


def test_what_score_refuses(files: Path, refused: Refused) -> None:
    pair = (files / "found.extxyz", files / "truth.xyz")
    refused("score", *pair, "--packings", "7", parts=("--packings", "20 or more, or 0"))
    refused("score", *pair, "--csv", files / "t.txt", parts=("t.txt", ".csv"))
    (files / "bad.csv").write_text("species,x,y,z\nTa,0,0,none\n")
    refused("score", files / "bad.csv", pair[1], parts=("bad.csv", "z 'none' in line 2"))
    (files / "types.csv").write_text("type,x,y,z\n1,0,0,0\n")
    refused(
        "score", files / "types.csv", pair[1], parts=("types.csv", "a symbol for each atom type")
    )


def test_a_challenge_from_case_to_table(
    tmp_path: Path, aet: Aet, asked: Callable[..., Any], refused: Refused
) -> None:
    assert "glass-small" in aet("challenge", "list").out
    assert len(asked("challenge", "list")) >= 6
    case = tmp_path / "case"
    made = asked("challenge", "make", "glass-small", "--out", case, "--seed", 5)
    assert made == {"case": "glass-small", "folder": str(case), "truth": f"{case}-truth/truth.zip"}
    refused("challenge", "make", "glass-small", "--out", case, parts=("exists already",))
    refused("challenge", "make", "gold", "--out", case, parts=("'gold'", "one of glass-small"))
    both = ("--seed", "5", "--standard")
    refused("challenge", "make", "glass-small", "--out", case, *both, parts=("one of them",))
    model, _ = read_truth(made["truth"], read_case(case))
    write_model(tmp_path / "ours.xyz", model)
    write_model(
        tmp_path / "theirs.xyz", AtomicModel.from_positions(model.positions[9:] + 0.05, "Co")
    )
    words = ("challenge", "score", case, "--truth", made["truth"], "--packings", "0")
    entries = (tmp_path / "ours.xyz", f"theirs={tmp_path / 'theirs.xyz'}")
    table = aet(*words, *entries)
    assert table.code == 0
    assert "theirs" in table.out
    assert "SHA-256" in (tmp_path / "case-scores.html").read_text()
    facts = asked(*words, *entries, "--html", tmp_path / "t.html", "--csv", tmp_path / "t.csv")
    ours, theirs = facts["entries"]
    assert (ours["entry"], ours["recall"], ours["right_species"]) == ("ours", 100, 100)
    assert theirs["recall"] == pytest.approx(100 * (1 - 9 / len(model)))
    assert (tmp_path / "t.csv").read_text() == (tmp_path / "case-scores.csv").read_text()
    failed = aet(*words, *entries, f"none={tmp_path / 'none.xyz'}")
    assert failed.code == 1
    assert "none: not scored" in failed.err
    wrong = ("challenge", "score", case, "--truth", tmp_path / "ours.xyz", entries[0])
    refused(*wrong, parts=("SHA-256", "the truth of this case"))
    twice = (tmp_path / "ours.xyz", f"ours={tmp_path / 'theirs.xyz'}")
    refused(*words, *twice, parts=("'ours' twice",))
    assert read_model(tmp_path / "ours.xyz").species == model.species
