"""Results that can't be: said on one line, in the JSON and in the run, with the right exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.records import read_npz
from aet_port.io import write_model, write_tilt_series
from aet_port.reporting.run_agreement import agreement_of
from aet_port.simulation import amorphous_particle, simulate_tilt_series
from aet_port.workflow.config import load_config
from aet_port.workflow.run_folder import RunFolder
from tests.cli.samples import Aet, Refused

# As on the command line: pytest would make errors of the warnings.
pytestmark = pytest.mark.filterwarnings("always")
THETA = np.arange(-72, 73, 8.0)
PIXEL, SHAPE = 0.6, (34, 36)
QUICK = ("--iterations", "20", "--oversampling", "2", "--threads", "1")
HARDLY = "the volume and the images hardly agree"
TRUTH = amorphous_particle(40, "Ta", seed=29)


def angles_of(theta: NDArray) -> NDArray:
    return np.stack([0 * theta, theta, 0 * theta], axis=1)


@pytest.fixture(scope="module")
def clean() -> TiltSeries:
    return simulate_tilt_series(TRUTH, angles_of(THETA), PIXEL, SHAPE, dose=None)


def written(folder: Path, name: str, images: NDArray, theta: NDArray = THETA) -> tuple[str, str]:
    files = folder / f"{name}.mrc", folder / f"{name}.npy"
    write_tilt_series(*files, TiltSeries(images, angles_of(theta), PIXEL))
    return str(files[0]), str(files[1])


def test_dark_images_are_refused(clean: TiltSeries, tmp_path: Path, aet: Aet) -> None:
    dark = written(tmp_path, "dark", -clean.images)
    target = tmp_path / "volume.mrc"
    for command in (
        ("reconstruct", *dark, *QUICK, "-o", str(target)),
        ("refine-angles", *dark, "-o", str(tmp_path / "refined")),
    ):
        done = aet(*command)
        assert done.code == 2
        error = done.err.strip().splitlines()[-1]
        assert "negative values on the whole" in error
        assert "invert dark-on-bright images" in error
        assert "--no-positivity" in error
    assert not target.exists()
    # The border is brighter than the sample, too.
    assert "aet: warning:" in done.err
    assert aet("reconstruct", *dark, *QUICK, "--no-positivity", "-o", str(target)).code == 0


def test_one_direction_needs_a_smaller_step(
    clean: TiltSeries, tmp_path: Path, refused: Refused, aet: Aet
) -> None:
    one = written(tmp_path, "one", clean.images[9:10], THETA[9:10])
    target = tmp_path / "volume.mrc"
    said = ("a single direction", "--step 1")
    refused("reconstruct", *one, *QUICK, "-o", str(target), parts=said)
    done = aet("reconstruct", *one, *QUICK, "--step", "1", "-o", str(target), "--json")
    assert done.code == 0
    assert json.loads(done.out)["r_factor"] < 1e-3


def test_a_volume_with_nothing_in_it_ends_with_exit_code_1(
    clean: TiltSeries, tmp_path: Path, aet: Aet
) -> None:
    files = written(tmp_path, "s", clean.images)
    np.save(tmp_path / "support.npy", np.zeros((34, 36, 34)))
    support, target = str(tmp_path / "support.npy"), tmp_path / "volume.mrc"
    done = aet("reconstruct", *files, *QUICK, "--support", support, "-o", str(target))
    assert done.code == 1
    assert done.err.strip().splitlines()[-1].startswith("aet: error:")
    assert "the volume is zero everywhere" in done.err
    assert not target.exists()


def test_peaks_of_nothing_are_no_result(tmp_path: Path, aet: Aet, refused: Refused) -> None:
    flat, low = tmp_path / "flat.npy", tmp_path / "low.npy"
    np.save(flat, np.ones((12, 12, 12)))
    sheet = np.zeros((12, 12, 12))
    sheet[6] = 1  # no maximum along two axes
    np.save(low, sheet + 1e-3 * np.arange(12))
    common = ("--pixel-size", 0.5, "-o", tmp_path / "p.npz")
    refused("trace", flat, *common, parts=("flat.npy", "one value in all voxels"))
    done = aet("trace", low, *common, "--threshold", 2)
    assert done.code == 1
    assert "no peak that may be an atom" in done.err
    assert (tmp_path / "p.npz").exists()


def test_radians_are_told_by_the_r_factor(clean: TiltSeries, tmp_path: Path, aet: Aet) -> None:
    # Read as .npy of three columns, where a reader may take them for small angles.
    radians = written(tmp_path, "radians", clean.images, np.deg2rad(THETA))
    degrees = written(tmp_path, "degrees", clean.images)
    for files, warned in ((radians, True), (degrees, False)):
        target = tmp_path / "volume.mrc"
        done = aet("reconstruct", *files, *QUICK, "-o", str(target), "--json")
        if done.code == 2:  # refused by the reader
            assert "radians" in done.err
            continue
        assert done.code == 0
        assert target.exists()
        lines = [line for line in done.err.splitlines() if line.startswith("aet: warning:")]
        said = json.loads(done.out)["warnings"]
        assert [HARDLY in line for line in lines] == [True] * warned
        assert [HARDLY in text for text in said] == [True] * warned
        stored = read_npz(target.with_suffix(".r.npz"))["warnings"]
        assert stored.tolist() == said


def test_refinements_of_a_misaligned_series_warn(
    clean: TiltSeries, tmp_path: Path, aet: Aet
) -> None:
    rng = np.random.default_rng(3)
    shuffled = np.stack([rng.permutation(one.ravel()).reshape(one.shape) for one in clean.images])
    mixed = clean.images.copy()
    mixed[::2] = np.roll(mixed, 9, axis=1)[::2]
    files = written(tmp_path, "mixed", mixed)
    write_model(tmp_path / "truth.xyz", TRUTH)
    done = aet(
        "refine",
        *files,
        str(tmp_path / "truth.xyz"),
        "--max-evaluations",
        "5",
        "-o",
        str(tmp_path / "r.xyz"),
        "--json",
    )
    assert any(
        "the model and the images hardly agree" in one for one in json.loads(done.out)["warnings"]
    )
    bad = written(tmp_path, "shuffled", shuffled)
    done = aet(
        "refine-angles",
        *bad,
        "--max-rounds",
        "2",
        "--oversampling",
        "2",
        "-o",
        str(tmp_path / "angles"),
        "--threads",
        "1",
        "--json",
    )
    said = json.loads(done.out)["warnings"] if done.code == 0 else [done.err]
    assert said


def test_a_run_records_what_it_warns_of(clean: TiltSeries, tmp_path: Path, aet: Aet) -> None:
    rng = np.random.default_rng(5)
    images = rng.poisson(clean.images / clean.images.max() * 300 + 60).astype(np.float32)
    images[4] = np.roll(images[4], 12, axis=0)
    files = written(tmp_path, "s", images)
    config = tmp_path / "run.toml"
    config.write_text(
        f'sample = {{ name = "p", species = "Ta" }}\n'
        f'input = {{ projections = "{Path(files[0]).name}", angles = "{Path(files[1]).name}" }}\n'
        "reconstruct = { iterations = 20, oversampling = 2 }\n"
        'select = { support = "tight" }\nanalyze = { cutoff = 4.0 }\n'
    )
    folder = tmp_path / "run"
    done = aet("run", str(config), "--out", str(folder), "--no-report", "--json", "--threads", "1")
    facts = json.loads(done.out)
    background, image, *_ = facts["warnings"]
    assert background == "a constant background was subtracted from the images"
    assert image.startswith("image 4: R1 is")
    lines = [line for line in done.err.splitlines() if line.startswith("aet: warning:")]
    assert sum("constant background" in line for line in lines) == 1
    assert sum("image 4: R1 is" in line for line in lines) == 1
    stages = {one["stage"]: one for one in json.loads((folder / "timings.json").read_text())}
    assert stages["reconstruct"]["warnings"][:2] == [background, image]
    rows = agreement_of(load_config(config), RunFolder(folder), None)
    assert [text for word, text in rows if word == "warning"][:2] == [background, image]


@pytest.mark.slow
def test_atoms_found_at_wrong_angles_are_told(tmp_path: Path, aet: Aet) -> None:
    radians, truth = np.deg2rad(THETA), amorphous_particle(80, "Ta", seed=1)
    series = simulate_tilt_series(truth, angles_of(THETA), PIXEL, (40, 40), dose=8e5, seed=3)
    files = written(tmp_path, "counts", series.images, radians)
    done = aet(
        "detect",
        *files,
        "--species",
        "Ta",
        "--trials",
        "0",
        "--max-rounds",
        "4",
        "--threads",
        "1",
        "-o",
        str(tmp_path / "found.extxyz"),
        "--json",
    )
    if done.code == 2:  # refused by the reader
        assert "radians" in done.err
        return
    said = json.loads(done.out)["warnings"]
    told = ("the atoms and the images hardly agree", "check angles, tilt axis and pixel size")
    assert any(part in one for one in said for part in told)
