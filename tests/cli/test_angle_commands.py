"""``aet refine-angles`` and ``aet compare-models`` from files to files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.io import read_tilt_series, write_angles, write_model
from tests.cli.samples import PIXEL, Aet, Refused, Sample, contents

SHORT = ("--max-rounds", 3, "--iterations", 3, "--oversampling", 1.5, "--threads", 1)


@pytest.fixture
def wrong(sample: Sample) -> Path:
    """Angles up to half a degree off."""
    off = np.random.default_rng(0).uniform(-0.5, 0.5, sample.series.angles.shape)
    return write_angles(sample.folder / "wrong.txt", sample.series.angles + off)


def test_from_atoms(
    sample: Sample, wrong: Path, asked: Callable[..., Any], aet: Aet, tmp_path: Path
) -> None:
    truth = sample.folder / "truth.xyz"
    files = (sample.folder / "projections.mat", wrong)
    facts = asked("refine-angles", *files, "--model", truth, "-o", tmp_path / "out", "--threads", 2)
    refined = read_tilt_series(tmp_path / "out/projections.mat", tmp_path / "out/angles.txt")
    assert refined.pixel_size == PIXEL
    off = refined.angles - sample.series.angles
    # The images have the noise of a measured film.
    assert (np.sqrt(np.mean(off**2, axis=0)) < 0.15).all()
    record = json.loads((tmp_path / "out/refinement.json").read_text())
    assert record["against"] == str(truth)
    assert np.shape(record["shifts"]) == (20, 2)
    assert np.abs(record["shifts"]).max() < 0.2
    assert min(record["r1"]) == pytest.approx(facts["r_factor"])
    assert len(record["r1"]) == facts["rounds"]
    assert np.mean(record["r1_of_images"]) == pytest.approx(facts["r_factor"])
    again = aet("refine-angles", *files, "--model", truth, "-o", tmp_path / "two", "--threads", 1)
    assert again.code == 0
    assert "Refining angles" in again.err
    first, second = (contents(tmp_path / name) for name in ("out", "two"))
    assert first["angles.txt"] == second["angles.txt"]
    assert first["refinement.json"] == second["refinement.json"]


def test_from_the_volume(
    sample: Sample, wrong: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    files = (sample.folder / "projections.npy", wrong)
    options = ("--pixel-size", PIXEL, "-o", tmp_path / "out", *SHORT)
    facts = asked("refine-angles", *files, *options)
    assert facts["rounds"] == 3
    assert facts["folder"] == str(tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"projections.mat", "angles.txt", "refinement.json"}
    record = json.loads((tmp_path / "out/refinement.json").read_text())
    assert record["against"] == "volume"
    assert record["r1"][-1] < record["r1"][0]
    assert read_tilt_series(tmp_path / "out/projections.mat", tmp_path / "out/angles.txt").detector


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--method", "guess"), ("--method: found 'guess'", "'gauss-newton', 'scan'")),
        (("--model", "{truth}", "--iterations", 5), ("--iterations", "--model as well", "one of")),
        (("--model", "no.xyz"), ("no.xyz", "no such file")),
        (("--max-rounds", 0), ("--max-rounds: found 0", "between 1 and")),
        (("--rounds", 3), ("--rounds", "no such option", "--max-rounds")),
        (
            ("--max-correction", -1),
            ("--max-correction: found -1.0", "above zero and at most", "(degrees)"),
        ),
    ],
)
def test_bad_input_leaves_nothing(
    sample: Sample, refused: Refused, tmp_path: Path, words: tuple, parts: tuple[str, ...]
) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    given = [str(word).format(truth=sample.folder / "truth.xyz") for word in words]
    refused("refine-angles", *files, "-o", tmp_path / "out", *given, parts=parts)
    assert not (tmp_path / "out").exists()


def test_an_image_that_turns_too_far_is_named(
    sample: Sample, refused: Refused, tmp_path: Path
) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    flipped = write_angles(tmp_path / "flipped.txt", sample.series.angles[::-1] * [1, 0.9, 1])
    options = ("--model", sample.folder / "truth.xyz", "-o", tmp_path / "out")
    refused(
        *("refine-angles", files[0], flipped, *options, "--max-correction", 0.3),
        parts=("projections.mat: image ", " degrees and ", "raise max_correction above 0.3"),
    )
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(sample: Sample, refused: Refused, tmp_path: Path) -> None:
    files = (sample.folder / "projections.mat", sample.folder / "angles.mat")
    (tmp_path / "out").write_text("a file")
    refused("refine-angles", *files, "-o", tmp_path / "out", parts=("out", "not a folder"))


def test_compare_models_by_species(
    tmp_path: Path, asked: Callable[..., Any], aet: Aet, refused: Refused
) -> None:
    places = 3.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    truth = AtomicModel.from_positions(places, ["Ni"] * 13 + ["Pd"] * 14)
    found = AtomicModel.from_positions(places[2:] + 0.1, ["Ni"] * 13 + ["Pd"] * 12)
    for name, model in (("truth", truth), ("found", found)):
        write_model(tmp_path / f"{name}.xyz", model)
    files = (tmp_path / "found.xyz", tmp_path / "truth.xyz")
    facts = asked("compare-models", *files, "--figures", tmp_path / "figures")
    assert (facts["matched"], facts["missed"], facts["spurious"]) == (25, 2, 0)
    assert facts["confusion"] == {"Ni": {"Ni": 11, "Pd": 0}, "Pd": {"Ni": 2, "Pd": 12}}
    assert facts["recall"] == pytest.approx(25 / 27)
    assert facts["precision"] == 1
    assert facts["species_fraction"] == pytest.approx(23 / 25)
    names = [Path(path).name for path in facts["figures"]]
    assert names == ["deviations.png", "recall.png"]
    table = aet("compare-models", *files)
    assert table.code == 0
    for part in ("recall", "84.62 %", "by species", "pairs"):
        assert part in table.out
    quirks = asked("compare-models", *files, "--reference-quirks")
    assert quirks["matched"] == 25
    refused("compare-models", *files, "--types", files[0], parts=("--types", "too many"))
