"""The same atoms with and without a flat background, by either chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import DataFileError
from aet_port.core.records import read_json
from aet_port.io import write_tilt_series
from aet_port.simulation import amorphous_particle, project_atoms
from aet_port.validation import match_models
from aet_port.workflow.config import load_config, parse_config
from aet_port.workflow.pipeline import run, stages_of
from aet_port.workflow.series import keeps_level, measured_series
from aet_port.workflow.series_stages import ALIGN
from aet_port.workflow.stages import Stage

PIXEL, SIDE, PEAK = 0.6, 30, 200.0
THETA = np.arange(-69, 70, 9.0)
ANGLES = np.stack([0 * THETA, THETA, 0 * THETA], axis=1)
TRUTH = amorphous_particle(30, "Ta", seed=37)
# Of five lines; searches on simulated images, and the structure, tell nothing here.
LINES = """\
preset = "{preset}"
sample = {{ name = "p", species = "Ta" }}
input = {{ projections = "s.mat", angles = "s.mat"{more} }}
{chain}
"""
CHAINS = {
    "counts": "detect = { trials = 0, max_rounds = 5 }",
    "papers": "reconstruct = { iterations = 30, oversampling = 2 }\n"
    'select = { support = "tight" }\nrefine = { refine_shifts = false }',
}


def images_of(background: float | NDArray, seed: int = 3) -> NDArray:
    clean = np.maximum(project_atoms(TRUTH, ANGLES, PIXEL, (SIDE, SIDE)), 0)
    expected = (clean / clean.max() + background) * PEAK
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)


def configured(folder: Path, images: NDArray, preset: str, more: str = "") -> Path:
    folder.mkdir()
    write_tilt_series(folder / "s.mat", folder / "s.mat", TiltSeries(images, ANGLES, PIXEL))
    path = folder / "run.toml"
    path.write_text(LINES.format(preset=preset, more=more, chain=CHAINS[preset]))
    return path


def atoms_of(path: Path) -> AtomicModel:
    config = load_config(path)
    stages = [one for one in stages_of(config) if one.name != "analyze"]
    return run(config, path.parent / "run", stages=stages, threads=1).model


@pytest.mark.filterwarnings("ignore:.*background of .* is subtracted:UserWarning")
@pytest.mark.parametrize("preset", ["counts", "papers"])
def test_a_flat_background_changes_no_atom(tmp_path: Path, preset: str) -> None:
    plain = atoms_of(configured(tmp_path / "plain", images_of(0), preset))
    flat = atoms_of(configured(tmp_path / "flat", images_of(0.2), preset))
    found = [match_models(one, TRUTH, align=False) for one in (plain, flat)]
    for one in found:
        assert one.matched == len(TRUTH)
        assert len(one.spurious) == 0
    # The counts of the background add to the noise: a fifth of the peak under each atom.
    assert found[1].rmsd_pm < 1.6 * found[0].rmsd_pm < 20
    # Two independent draws of the noise: the errors of both add up.
    between = match_models(flat, plain, align=False).rmsd_pm
    assert between < 1.5 * np.hypot(found[0].rmsd_pm, found[1].rmsd_pm)


@pytest.mark.parametrize(
    ("preset", "more", "level"),
    [
        ("papers", "", 0.0),
        ("counts", "", 0.2),
        ("counts", ', background = "constant"', 0.0),
        ("papers", ', background = "none"', 0.2),
    ],
)
@pytest.mark.filterwarnings("ignore:.*background of .* is subtracted:UserWarning")
def test_counts_keep_the_level_of_their_noise(
    tmp_path: Path, preset: str, more: str, level: float
) -> None:
    config = load_config(configured(tmp_path / "run", images_of(0.2), preset, more))
    images = measured_series(config, tmp_path).images
    assert images[:, :3].mean() / PEAK == pytest.approx(level, abs=0.01)
    assert keeps_level(config) == (preset == "counts" and not more)


@pytest.mark.filterwarnings("ignore:.*background of .* is subtracted:UserWarning")
def test_angles_are_refined_without_the_level_and_counts_get_it_back(tmp_path: Path) -> None:
    path = configured(tmp_path / "flat", images_of(0.2), "counts")
    path.write_text(path.read_text() + "refine_angles = { max_rounds = 6, iterations = 4 }\n")
    config = load_config(path)
    align: tuple[Stage, ...] = (ALIGN,)
    done = run(config, path.parent / "run", stages=align, threads=1)
    series = TiltSeries(np.load(done.folder.path("aligned/projections.npy")), ANGLES, PIXEL)
    assert series.images[:, :3].mean() / PEAK == pytest.approx(0.2, abs=0.01)
    record = read_json(done.folder.path("aligned/refinement.json"))
    assert record["r_factor"] < 0.3  # the level would take part in it: below 0.15 with it


def test_a_background_of_frames_belongs_to_the_preprocessing(tmp_path: Path) -> None:
    text = (
        'sample = { name = "p", species = "Ta" }\n'
        'input = { projections = "raw.emd", background = "smooth" }\npreprocess = {}\n'
    )
    with pytest.raises(DataFileError, match=r"background in \[input\] with \[preprocess\]"):
        parse_config(text, tmp_path / "run.toml")
