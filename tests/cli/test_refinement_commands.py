"""``aet refine``: a displaced model and its projections in, the refined model out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.io import read_model, write_model, write_tilt_series
from tests.cli.samples import Aet, Refused, contents
from tests.refinement.particle import displaced, particle_series, rms_distance, true_particle

Refine = Callable[..., Any]


@pytest.fixture(scope="module")
def truth() -> AtomicModel:
    return true_particle(60, seed=4)


@pytest.fixture(scope="module")
def series(truth: AtomicModel) -> TiltSeries:
    return particle_series(truth, 16)


@pytest.fixture
def folder(truth: AtomicModel, series: TiltSeries, tmp_path: Path) -> Path:
    write_tilt_series(tmp_path / "projections.mat", tmp_path / "angles.txt", series)
    write_model(tmp_path / "start.xyz", displaced(truth))
    return tmp_path


def command(folder: Path, *words: object, model: str = "start.xyz") -> tuple[object, ...]:
    files = (folder / "projections.mat", folder / "angles.txt", folder / model)
    return ("refine", *files, "-o", folder / "out.xyz", "--threads", 1, *words)


@pytest.fixture
def refine(folder: Path, asked: Callable[..., Any]) -> Refine:
    """Call ``aet refine`` and return what it printed."""
    return lambda *words, model="start.xyz": asked(*command(folder, *words, model=model))


def test_refine(folder: Path, refine: Refine, truth: AtomicModel) -> None:
    found = refine()
    model = read_model(folder / "out.xyz")
    assert model.species == truth.species
    assert rms_distance(model.positions, truth.positions) < 0.02
    start = read_model(folder / "start.xyz").positions
    assert found["rms_movement"] == pytest.approx(rms_distance(model.positions, start))
    assert found["r1"] < 0.01 < found["r1_start"]
    assert found["r1_global"] == pytest.approx(found["r1"], rel=0.1)
    assert set(found["heights"]) == set(found["b_factors"]) == {"Co", "Pd", "Pt"}
    assert found["converged"]
    assert found["warnings"] == []
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["r1"].mean() == pytest.approx(found["r1"])
        assert dict(zip(stored["species"], stored["heights"], strict=True)) == found["heights"]
        assert stored["history"][-1, 0] == found["evaluations"]


def test_r_free_with_shifts(folder: Path, refine: Refine) -> None:
    found = refine("--folds", 4, "--refine-shifts", "--max-evaluations", 8)
    assert found["r_work"] < found["r_free"] < found["r_free_start"]
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["r_free"].mean() == pytest.approx(found["r_free"])
        assert stored["fold"].tolist() == [0, 1, 2, 3] * 4
        assert stored["shifts"].shape == (16, 2)


def test_scan_shear(folder: Path, refine: Refine) -> None:
    found = refine("--scan-shear", "y", "--refine-shifts")
    # The images have none; the start is displaced, so that there is something to find.
    assert 0 < abs(found["shear_y"]) < 2e-4
    assert found["shear_x"] == 0
    with np.load(folder / "out.refine.npz") as stored:
        assert stored["shears"].tolist() == [0, found["shear_y"]]


def test_initial_values_and_the_largest_displacement(refine: Refine) -> None:
    words = ["--heights", "Co=1,Pd=1.6, Pt=3", "--b-factors", "11", "--max-evaluations", 1]
    found = refine(*words)
    assert found["heights"] == {"Co": 1.0, "Pd": 1.6, "Pt": 3.0}
    assert found["b_factors"] == dict.fromkeys(("Co", "Pd", "Pt"), 11.0)
    free = refine("--max-displacement", 0, "--max-evaluations", 5)
    words = ["--max-displacement", 0.05, "--max-at-bound", 1]  # without a warning
    tight = refine(*words, "--max-evaluations", 5)
    assert tight["rms_movement"] < 0.05 < free["rms_movement"]
    assert any("0.05 angstrom" in note for note in tight["warnings"])


def test_a_model_that_may_be_worse_is_written_with_a_warning(folder: Path, aet: Aet) -> None:
    words = command(folder, "--max-displacement", 0.05, "--max-evaluations", 5, "--json")
    done = aet(*words)
    assert done.code == 0
    found = json.loads(done.out)
    assert len(read_model(folder / "out.xyz")) == 60
    assert found["at_bound"] > 0.05
    (line,) = done.err.splitlines()
    assert line.startswith(f"aet: warning: {folder / 'out.xyz'} may be worse than")
    assert found["objections"][0] in line
    allowed = aet(*words, "--max-at-bound", 1)
    assert json.loads(allowed.out)["objections"] == []
    assert allowed.err == ""


def test_model_of_types_and_the_published_method(
    folder: Path, refine: Refine, truth: AtomicModel
) -> None:
    kinds = ["Co", "Pd", "Pt"]
    start = displaced(truth)
    types = np.array([[kinds.index(symbol) + 1.0 for symbol in truth.species]])
    savemat(folder / "start.mat", {"model": start.positions.T})
    savemat(folder / "types.mat", {"types": types})
    words = ["--species", "Co,Pd,Pt", "--types", folder / "types.mat"]
    found = refine(*words, "--method", "published", "--rounds", 1, model="start.mat")
    assert found["r1"] < found["r1_start"]
    model = read_model(folder / "out.xyz")
    assert model.species == truth.species
    assert 0 < found["rms_movement"] < 0.2


def test_a_checkpoint_is_removed_when_all_is_done(folder: Path, refine: Refine) -> None:
    file = folder / "state.npz"
    first = refine("--checkpoint", file, "--max-evaluations", 6)
    assert not file.exists()
    assert refine("--max-evaluations", 6)["r1"] == first["r1"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--heights", "Co"), ("--heights: found 'Co'", "SYMBOL=NUMBER")),
        (("--heights", "Co=1"), ("nothing for Pd",)),
        (("--b-factors", "Co=x"), ("--b-factors: found 'Co=x'", "SYMBOL=NUMBER")),
        (("--method", "best"), ("--method: found 'best'", "'lbfgs', 'published'")),
        (("--method", "published", "--folds", 3), ("--folds", "--method published", "lbfgs")),
        (("--method", "published", "--schedule", "gold"), ("--schedule: found 'gold'", "'glass'")),
        (("--folds", 1), ("--folds: found 1", "between 2 and")),
        (("--species", "Ta"), ("species",)),
        (
            ("--max-displacement", -1),
            ("--max-displacement: found -1.0", "between 0 and", "(angstrom)"),
        ),
        (("--restraint", 1), ("--restraint", "no such option")),
        (("--scan-shear", "z"), ("--scan-shear: found 'z'", "'both'")),
        (("--max-evaluations", 0), ("--max-evaluations: found 0", "between 1 and")),
        (("--pixel-size", -1), ("--pixel-size", "between 0.001 and")),
        (("-o", "out.png"), ("out.png", ".xyz")),
        (("-o", "{folder}/folder.xyz"), ("folder.xyz", "it is a folder")),
    ],
)
def test_bad_options_leave_nothing_behind(
    folder: Path, refused: Refused, words: tuple, parts: tuple[str, ...]
) -> None:
    (folder / "folder.xyz").mkdir()
    before = contents(folder)
    given = [str(word).format(folder=folder) for word in words]
    refused(*command(folder, "--json", *given), parts=parts)
    assert contents(folder) == before


def test_no_model(folder: Path, refused: Refused) -> None:
    refused(*command(folder, model="nothing.xyz"), parts=("nothing.xyz", "no such file"))
