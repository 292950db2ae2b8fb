"""A new run compares the memory of all its stages with what is left before the first one starts."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core import memory
from aet_port.core.errors import InputError
from aet_port.io import write_model
from aet_port.simulation import amorphous_particle
from aet_port.simulation.settings import SimulateSettings
from aet_port.workflow.config import parse_config
from aet_port.workflow.dose_series import run_dose_series
from aet_port.workflow.dose_settings import DoseSeriesSettings
from aet_port.workflow.pipeline import run
from aet_port.workflow.round_trip import round_trip_config, run_round_trip

HEAD = "[sample]\nname = 'x'\nspecies = {}\nkind = 'synthetic'\npreset = '{}'\n"
PARTICLE = "[synthetic]\natoms = 30\n[simulate]\n"
SMALL = PARTICLE + "pixel_size = 0.7\n"
PAPERS, COUNTS = HEAD.format("'Ta'", "papers"), HEAD.format("'Ta'", "counts")
ALLOY = HEAD.format("['Co', 'Pt']", "papers")
FRAMES = "[simulate_frames]\nn_frames = {}\nborder = {}\n[preprocess]\n{}"


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 100 MB left."""
    monkeypatch.setattr(memory, "available_memory", lambda: 1e8)


@pytest.mark.parametrize(
    ("text", "stage", "advice"),
    [
        (COUNTS + PARTICLE + "pixel_size = 0.01\n", "simulate", "--pixel-size"),
        (COUNTS + SMALL + FRAMES.format(9000, 2, ""), "simulate_frames", "n_frames"),
        (COUNTS + SMALL + "[detect]\ndepth = 10000\n", "detect", "--depth"),
        (COUNTS + SMALL + "[refine_angles]\n[detect]\ndepth = 10000\n", "detect", "--depth"),
        (
            COUNTS + SMALL + FRAMES.format(2, 2, "crop = [31, 31]\n[detect]\ndepth = 10000\n"),
            "detect",
            "--depth",
        ),
        (PAPERS + SMALL + "[reconstruct]\nn_z = 100000\n", "reconstruct", "--n-z"),
        (
            ALLOY + "[synthetic]\natoms = 60\n[simulate]\npixel_size = 0.7\n[select]\n"
            "support = 'tight'\n[classify]\nthirds = 30\n",
            "classify",
            "--thirds",
        ),
    ],
)
def test_a_run_is_refused_before_its_first_stage(
    little: None, tmp_path: Path, text: str, stage: str, advice: str
) -> None:
    config = parse_config(text, tmp_path / "run.toml")
    with pytest.raises(InputError) as caught:
        run(config, tmp_path / "run", threads=1)
    assert (caught.value.subject, list(tmp_path.iterdir())) == (stage, [])
    assert caught.value.found.endswith("B of memory, with 100 MB left")
    assert caught.value.found.startswith("a need of about ")
    assert advice in caught.value.expected


def test_a_run_of_images_is_refused_likewise(little: None, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", rng.poisson(5.0, (5, 32, 32)).astype(np.float32))
    np.savetxt(tmp_path / "angles.txt", [[0, t, 0] for t in (-40, -20, 0, 20, 40)])
    text = (
        "[sample]\nname = 'x'\nspecies = 'Ta'\npixel_size = 0.5\npreset = 'papers'\n"
        "[input]\nprojections = 'images.npy'\nangles = 'angles.txt'\nangle_unit = 'degree'\n"
        "[reconstruct]\nn_z = 100000\n"
    )
    config = parse_config(text, tmp_path / "run.toml")
    with pytest.raises(InputError, match=r"^reconstruct: found a need of about .* GB of memory"):
        run(config, tmp_path / "run", threads=1)
    assert not (tmp_path / "run").exists()


def test_all_doses_of_a_series_are_refused_at_the_first(little: None, tmp_path: Path) -> None:
    settings = DoseSeriesSettings(atoms=30)
    changed = settings.changed(simulate_frames=settings.simulate_frames.changed(n_frames=9000))
    with pytest.raises(InputError, match=r"simulate_frames: found a need of about .* of memory"):
        run_dose_series(changed, tmp_path / "doses", threads=1)
    assert not (tmp_path / "doses").exists()


def test_a_round_trip_is_refused_before_its_first_stage(little: None, tmp_path: Path) -> None:
    write_model(tmp_path / "truth.xyz", amorphous_particle(30, "Ta"))
    simulate = SimulateSettings(pixel_size=0.01)
    out = tmp_path / "trip"
    config = round_trip_config(tmp_path / "truth.xyz", out, simulate=simulate)
    with pytest.raises(InputError, match=r"^simulate: found a need of about .* GB of memory"):
        run_round_trip(config, out, threads=1)
    assert not out.exists()


CHECKS = {  # where each stage compares
    "simulate": "aet_port.simulation.tilt_series",
    "reconstruct": "aet_port.resire.reconstruction",
    "refine": "aet_port.refinement.joint",
    "detect": "aet_port.detection.memory",
}


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        (
            PAPERS + SMALL + "[reconstruct]\niterations = 8\noversampling = 2\n[select]\n"
            "support = 'tight'\n[refine]\nmax_evaluations = 2\n",
            {"simulate", "reconstruct", "refine"},
        ),
        (COUNTS + SMALL + "[detect]\nmax_rounds = 2\n", {"simulate", "detect"}),
    ],
)
def test_a_stage_needs_what_was_expected_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, stages: set[str]
) -> None:
    """The same figure before the run as when the stage starts, and no refusal if it is enough."""
    before: dict[str, float] = {}
    after: dict[str, float] = {}

    def noting(found: dict[str, float]) -> Any:
        return lambda work, needed, advice: found.setdefault(work, needed)

    monkeypatch.setattr("aet_port.workflow.memory.check_memory", noting(before))
    for name in CHECKS.values():
        monkeypatch.setattr(importlib.import_module(name), "check_memory", noting(after))
    text += "[analyze]\ncutoff = 4.0\n"
    done = run(parse_config(text, tmp_path / "run.toml"), tmp_path / "run", threads=1)
    assert done.failures == ()
    assert before.keys() == stages == after.keys()
    for stage in stages:  # the number of atoms found differs from the true one
        assert before[stage] == pytest.approx(after[stage], rel=0.02 if stage == "refine" else 1e-9)
