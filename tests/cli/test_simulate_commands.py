"""``aet simulate``: a series that the other commands read, and the truth beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.scattering import adf_cross_section
from aet_port.io import read_model, read_tilt_series, write_angles, write_model
from aet_port.simulation import amorphous_particle, project_atoms, tilt_angles
from aet_port.simulation.acquisition import blur_source
from tests.cli.samples import Aet, Refused, contents

PIXEL = 0.5
OPTIONS = ("--pixel-size", PIXEL, "--shape", 31, 28)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.xyz"
    write_model(path, amorphous_particle(30, "Ta", seed=3))
    return path


@pytest.fixture
def tilts(tmp_path: Path) -> Path:
    angles = np.array([[0.0, -50.0, 1.0], [2.0, 5.0, 0.0], [0.0, 35.0, 0.0]])
    return write_angles(tmp_path / "tilts.txt", angles)


def test_every_format_is_read_back_the_same(
    model: Path, tilts: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    images = {}
    for suffix in ("npy", "mat", "mrc", "tif"):
        path = tmp_path / "out" / f"series.{suffix}"
        facts = asked("simulate", model, "--angles", tilts, "-o", path, *OPTIONS)
        assert (facts["images"], facts["shape"], facts["engine"]) == (3, [31, 28], "linear")
        size = PIXEL if suffix == "npy" else None
        series = read_tilt_series(facts["projections"], facts["angles"], size)
        assert series.pixel_size == pytest.approx(PIXEL, rel=1e-6)
        images[suffix] = series.images
        truth = json.loads(Path(facts["truth"]).read_text())
        assert np.array_equal(truth["true_angles"], series.angles)
        assert truth["model"]["atoms"] == 30
    assert all(np.array_equal(one, images["npy"]) for one in images.values())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "series_angles.txt" in names
    assert not [name for name in names if name.startswith(".")]


def test_unit_of_the_angles(model: Path, aet: Aet, refused: Refused, tmp_path: Path) -> None:
    """As every command that reads angles; the series has degrees then."""
    angles = np.array([-1.2, -0.4, 0.4, 1.2])
    np.savetxt(tmp_path / "rad.txt", angles)
    output = tmp_path / "series.mrc"
    words = ("simulate", model, "--angles", tmp_path / "rad.txt", "-o", output, *OPTIONS)
    refused(*words, parts=("rad.txt", "look like radians", "--angle-unit"))
    assert aet(*words, "--angle-unit", "radian").code == 0
    series = read_tilt_series(output, tmp_path / "series_angles.txt")
    np.testing.assert_allclose(series.angles[:, 1], np.rad2deg(angles))


def test_without_noise_it_is_the_projection_of_the_true_angles(
    model: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "series.npy"
    errors = ("--dose", 0, "--angle-error", 0.5, "--source-size", 0.8, "--seed", 4)
    facts = asked("simulate", model, "--tilts", "pd1", "-o", path, *OPTIONS, *errors)
    truth = json.loads(Path(facts["truth"]).read_text())
    nominal, true = np.array(truth["nominal_angles"]), np.array(truth["true_angles"])
    assert np.array_equal(nominal, tilt_angles("pd1"))
    assert 0.4 < np.abs(true - nominal).max() <= 0.5
    clean = project_atoms(read_model(model), true, PIXEL, (31, 28), intensities={"Ta": 1.0})
    images = np.load(path)
    blurred = blur_source(clean, PIXEL, 0.8)
    optics = truth["microscope"]
    cross_section = adf_cross_section("Ta", optics["energy"], optics["inner"], optics["outer"])
    assert images == pytest.approx(blurred * cross_section, abs=float(2e-6 * images.max()))


def test_a_whole_model_fits_on_its_images(
    model: Path, tilts: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "series.npy"
    facts = asked("simulate", model, "--angles", tilts, "-o", path, "--dose", 0)
    images = np.load(path)
    assert facts["shape"] == list(images.shape[1:])
    inner = images[:, 4:-4, 4:-4].sum(axis=(1, 2))
    assert inner == pytest.approx(images.sum(axis=(1, 2)), rel=0.01)


def test_a_seed_gives_the_same_bytes(
    model: Path, tilts: Path, asked: Callable[..., Any], tmp_path: Path
) -> None:
    made = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / str(number) / "series.mat"
        errors = ("--angle-error", 1, "--shift-error", 2, "--distribution", "normal")
        asked("simulate", model, "--angles", tilts, "-o", path, *OPTIONS, *errors, "--seed", seed)
        made.append(contents(path.parent))
    assert made[0] == made[1]
    assert made[0]["series_truth.json"] != made[2]["series_truth.json"]


@pytest.mark.slow
def test_multislice_goes_on_after_ctrl_c(
    model: Path, tilts: Path, aet: Aet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("abtem")
    from aet_port.simulation import multislice

    grid = ("--slice-thickness", 5, "--window", 8, "--workers", 1, "--json")
    angles = ("--semiangle", 15, "--inner", 20, "--outer", 45)
    engine = ("--engine", "multislice", *angles, *grid, "--pixel-size", 0.7, "--shape", 20, 18)
    path, state = tmp_path / "series.npy", tmp_path / "state"
    command = ("simulate", model, "--angles", tilts, "-o", path, *engine, "--checkpoint", state)
    scan, made = multislice._scan, []

    def stopped(*arguments: Any) -> Any:
        made.append(1)
        if len(made) == 2:
            raise KeyboardInterrupt
        return scan(*arguments)

    monkeypatch.setattr(multislice, "_scan", stopped)
    assert aet(*command).code == 130
    assert not path.exists()
    assert len(list(state.iterdir())) == 1
    outcome = aet(*command)
    assert outcome.code == 0
    assert outcome.err == ""
    assert len(made) == 4  # two of three were left to do
    assert not list(state.iterdir())
    record = json.loads(Path(json.loads(outcome.out)["truth"]).read_text())
    assert record["numerics"]["window"] == 8
    assert record["microscope"]["outer"] == 45
    assert np.load(path).shape == (3, 20, 18)


def test_a_full_disk_leaves_nothing(
    model: Path, tilts: Path, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out" / "series.npy"

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    command = ("simulate", model, "--angles", tilts, "-o", path, *OPTIONS)
    refused(*command, parts=(path, "No space left on device"))
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("-o", "{folder}/series.jpg"), ("series.jpg", ".npy")),
        (("--engine", "bloch"), ("--engine: found 'bloch'", "'linear', 'multislice'")),
        (("--tilts", "pd9"), ("--tilts: found 'pd9'", "'ta-film', 'pd1'")),
        (("--pixel-size", 0), ("--pixel-size: found 0.0", "between 0.001 and", "(angstrom)")),
        (("--angle-error", -1), ("--angle-error: found -1.0", "between 0 and", "(degrees)")),
        (("--distribution", "even"), ("--distribution: found 'even'", "'uniform', 'normal'")),
        (("--inner", 300), ("detector: found 300.0 to 100.0 mrad", "an annulus")),
        (("--window", 3), ("--window: found 3.0", "at least 8 angstrom, or 0")),
        (
            ("--dose", -5),
            ("--dose: found -5.0", "between 0 and", "(electrons per square angstrom)"),
        ),
        (("--workers", 0), ("--workers: found 0", "between 1 and")),
        (("--shape", 0, 9), ("--shape: found (0, 9)", "each a whole number between 1 and")),
        (("--shape", 9), ("--shape", "requires 2 arguments")),
        (("--angles", "{folder}/model.xyz"), ("model.xyz", ".tlt")),
        (("--spherical-aberration", 1), ("--spherical-aberration", "no such option")),
    ],
)
def test_bad_input(
    model: Path, refused: Refused, tmp_path: Path, words: tuple, parts: tuple[str, ...]
) -> None:
    before = sorted(tmp_path.iterdir())
    given = [str(word).format(folder=tmp_path) for word in words]
    refused("simulate", model, "-o", tmp_path / "series.npy", *given, parts=parts)
    assert sorted(tmp_path.iterdir()) == before


def test_no_model(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "no.xyz"
    refused("simulate", path, "-o", tmp_path / "series.npy", parts=(path, "no such file"))
