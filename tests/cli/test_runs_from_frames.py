"""Runs that start from raw frames: what they leave, taken up again, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.frame_series import FrameSeries
from aet_port.core.image_shift import measure_shift
from aet_port.io import read_model, read_tilt_series
from aet_port.io.frames import write_frames
from aet_port.simulation.linear import project_atoms
from aet_port.simulation.raw_frames import take_frames
from aet_port.simulation.samples import amorphous_particle
from aet_port.simulation.settings import RawFrameSettings
from aet_port.validation import match_models
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import run
from aet_port.workflow.run_folder import RunFolder
from aet_port.workflow.series import input_data, refined_series, used_series
from tests.cli.samples import results, truncated

PIXEL, SHAPE, TILTS = 0.6, (77, 75), 15
SHEAR = 0.004
CONFIG = f"""\
[sample]
name = "from frames"
species = "Ta"
kind = "synthetic"

[input]
projections = "frames.mrc"

[preprocess]
denoise = "nlm"
margin = 6.0
shear_y = {SHEAR}
background_after_angles = true

[refine_angles]
max_rounds = 3

[reconstruct]
iterations = 40
oversampling = 2

[select]
support = "tight"
merge_distance = 2.0

[refine]
max_evaluations = 15
scan_shear = "y"

[analyze]
cutoff = 4.0
"""


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with raw frames of a particle, two a tilt, and a finished run from them."""
    folder = tmp_path_factory.mktemp("frames")
    truth: AtomicModel = amorphous_particle(100, "Ta", seed=4)
    angles = np.zeros((TILTS, 3))
    angles[:, 1] = np.linspace(-63, 63, TILTS)
    settings = RawFrameSettings(dose=8e5, n_frames=2, shear=SHEAR, seed=1)
    raw = take_frames(lambda a: project_atoms(truth, a, PIXEL, SHAPE), angles, PIXEL, settings)
    series = FrameSeries(tuple(raw.frames), raw.angles[:, 1], PIXEL, {"voltage_kv": 300.0}, "raw")
    write_frames(folder / "frames.mrc", series)
    (folder / "frames.toml").write_text(CONFIG)
    np.save(folder / "truth.npy", truth.positions)
    run(load_config(folder / "frames.toml"), folder / "run")
    return folder


def test_every_stage_leaves_its_files(frames: Path) -> None:
    made = set(results(frames / "run"))
    kinds = ("preprocessed", "aligned", "cleaned")
    assert {f"{kind}/{name}" for kind in kinds for name in ("projections.npy", "angles.txt")} < made
    assert {"preprocessed/preprocess.json", "preprocessed/denoised.npy", "model.xyz"} < made
    record = json.loads((frames / "run" / "preprocessed" / "preprocess.json").read_text())
    assert record["frames"] == 2 * TILTS
    assert record["shear_y"] == SHEAR
    assert record["metadata"]["voltage_kv"] == 300
    inputs = json.loads((frames / "run" / "run.json").read_text())["inputs"]
    assert [inputs[role][0] for role in sorted(inputs)] == [
        "frames.mrc",
        "frames.mrc.json",
        "frames.mrc.mdoc",
    ]


def test_atoms_are_found(frames: Path) -> None:
    model = read_model(frames / "run" / "model.xyz")
    found = match_models(model.positions, np.load(frames / "truth.npy"))
    # Two frames and fifteen tilts of coarse pixels; most atoms stand out all the same.
    assert found.matched >= 90
    refined = read_model(frames / "run" / "refined.extxyz")
    better = match_models(refined.positions, np.load(frames / "truth.npy"))
    assert better.rmsd_pm < found.rmsd_pm
    # Calibrated, so nought is left; 100 atoms know it ten times less well than 1000 do (0.02 %).
    assert abs(json.loads((frames / "run" / "refinement.json").read_text())["shear_y"]) < 0.002


def test_atoms_are_refined_against_the_averages(frames: Path) -> None:
    config = load_config(frames / "frames.toml")
    assert config.refine is not None
    folder = RunFolder(frames / "run")
    used = used_series(config, folder)
    averaged = refined_series(config, config.refine, folder)
    denoised = refined_series(config, config.refine.changed(images="denoised"), folder)
    np.testing.assert_array_equal(denoised.images, used.images)
    np.testing.assert_array_equal(averaged.angles, used.angles)
    # What is put back is noise: as strong as in the averages, without a mean or a displacement.
    noise = averaged.images - used.images
    assert noise.std() > 0.01 * used.images.max()
    assert abs(noise.mean()) < 0.05 * noise.std()
    # The registration of so noisy an image scatters by some hundredths of a pixel.
    moved = [measure_shift(a, b) for a, b in zip(averaged.images, used.images, strict=True)]
    assert np.abs(moved).max() <= 0.1


def test_a_truncated_stack_is_named(frames: Path, tmp_path: Path) -> None:
    shutil.copytree(frames, tmp_path / "again")
    folder = tmp_path / "again" / "run"
    (folder / "refinement.json").unlink()
    truncated(folder / "preprocessed" / "removed_noise.npy")
    with pytest.raises(DataFileError, match=r"removed_noise\.npy.* 'preprocess' wrote"):
        run(load_config(tmp_path / "again" / "frames.toml"), folder, resume=True)


def test_background_again_changes_little_and_keeps_the_angles(frames: Path) -> None:
    first, again = (
        read_tilt_series(
            *(frames / "run" / kind / name for name in ("projections.npy", "angles.txt")), PIXEL
        )
        for kind in ("aligned", "cleaned")
    )
    np.testing.assert_array_equal(again.angles, first.angles)
    change = json.loads((frames / "run" / "cleaned" / "record.json").read_text())["change"]
    difference = np.sqrt(np.mean((again.images - first.images) ** 2) / np.mean(first.images**2))
    assert change == pytest.approx(difference, rel=1e-5)  # stored in single precision
    # The background is a few percent of the images, its change a part of that.
    assert 0 < change < 0.1


@pytest.mark.slow
def test_a_run_is_taken_up_at_every_stage(frames: Path, tmp_path: Path) -> None:
    whole = results(frames / "run")
    shutil.copytree(frames, tmp_path / "again")
    folder = tmp_path / "again"
    config = load_config(folder / "frames.toml")
    for gone in (
        ["model.xyz"],
        ["cleaned/record.json", "volume.npy", "model.xyz", "refinement.json"],
        ["aligned/refinement.json", "cleaned/record.json"],
        ["preprocessed/preprocess.json"],
    ):
        for name in gone:
            (folder / "run" / name).unlink()
        run(config, folder / "run", resume=True)
        again = results(folder / "run")
        assert set(again) == set(whole)
        for name, content in whole.items():
            # They name the folder of the frames, and the hash of what names it.
            if not name.endswith(("preprocess.json", "outputs.json")):
                assert again[name] == content, name
    facts = (json.loads(b["preprocessed/preprocess.json"]) for b in (whole, again))
    first, second = ({k: v for k, v in f.items() if k != "frames_from"} for f in facts)
    assert first == second


def test_unusable_frames_leave_no_folder(frames: Path, tmp_path: Path) -> None:
    shutil.copy(frames / "frames.mrc", tmp_path)  # no angles without what lay beside it
    (tmp_path / "frames.toml").write_text(CONFIG.replace("[input]", "pixel_size = 0.6\n[input]"))
    with pytest.raises(AetError, match="angles"):
        run(load_config(tmp_path / "frames.toml"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "[refine_angles]\nmax_rounds = 3",
            "",
            r"background_after_angles without \[refine_angles\]",
        ),
        ("margin = 6.0", "estimate_shear = true", "= True, a calibrated distortion too"),
        ("margin = 6.0", "film_marker = [1, 2, 3]", "film_marker = .*a list of 4"),
        ("margin = 6.0", "strength = 0", "strength"),
        ("margin = 6.0", "slow_axis = 'z'", "slow_axis = 'z'"),
        ("margin = 6.0", "tilt_axis = 195", "tilt_axis"),
        ("margin = 6.0", "frames_per_tilt = 0", "between 1 and"),
        ("margin = 6.0", "background = false", "background"),
        (
            '"frames.mrc"',
            "'{area}.mrc'\nareas = [1]\nplacement = 'p.mat'\nvolume_shape = [9, 9, 9]",
            r"\[preprocess\] with areas",
        ),
    ],
)
def test_refused_before_any_work(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in CONFIG
    (tmp_path / "run.toml").write_text(CONFIG.replace(old, new))
    with pytest.raises(DataFileError, match=words) as caught:
        load_config(tmp_path / "run.toml")
    assert "run.toml" in str(caught.value)


def test_projections_need_angles_and_one_file(tmp_path: Path) -> None:
    text = "[sample]\nname = 'x'\nspecies = 'Ta'\n[input]\nprojections = "
    (tmp_path / "run.toml").write_text(text + "['a.mat', 'b.mat']\n")
    with pytest.raises(DataFileError, match="a list of"):
        load_config(tmp_path / "run.toml")
    # The file may state the angles; this one does not.
    np.save(tmp_path / "p.npy", np.ones((3, 8, 8)))
    (tmp_path / "run.toml").write_text(text + "'p.npy'\n")
    with pytest.raises(InputError, match=r"p\.npy: angles: found none.*angles in \[input\]"):
        list(input_data(load_config(tmp_path / "run.toml")))


def test_a_folder_of_files_is_read_whole(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "tilts").mkdir()
    for name in ("b.mrc", "a.mrc"):
        shutil.copy(frames / "frames.mrc", tmp_path / "tilts" / name)
    text = CONFIG.replace('"frames.mrc"', '"tilts"')
    (tmp_path / "run.toml").write_text(text)
    names = [path.name for path in load_config(tmp_path / "run.toml").inputs().values()]
    assert names == ["a.mrc", "b.mrc"]
