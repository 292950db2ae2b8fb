"""``aet difference-map``: model, volume and images; tables; what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.io import read_volume, write_model, write_volume
from tests.cli.samples import Aet, Refused, Sample
from tests.tracing.test_difference_maps import SIZE, as_volume, gaussians

Asked = Callable[..., Any]
PLACES = np.array([[6.0, 3.0, 8.0], [10.0, -1.0, 12.0], [14.0, 4.0, 14.0]])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    volume = as_volume(gaussians(PLACES, [2.0, 2.0, 2.0]))
    write_volume(tmp_path / "volume.mrc", volume)
    write_volume(tmp_path / "other.mat", as_volume(gaussians(PLACES[:2], [1.0, 1.0])))
    write_model(tmp_path / "model.xyz", AtomicModel.from_positions(PLACES[1:], "Ta"))
    away = AtomicModel.from_positions([*PLACES[1:], [80.0, 0, 0]], "Ta")
    write_model(tmp_path / "away.xyz", away)
    return tmp_path


def test_model(files: Path, asked: Asked, aet: Aet) -> None:
    words = ("difference-map", files / "volume.mrc", files / "model.xyz", "--peaks", 3)
    found = asked(*words, "-o", files / "map.mrc", "--figures", files / "figures")
    first = found["peaks"][0]
    np.testing.assert_allclose([first[k] for k in "xyz"], PLACES[0], atol=0.1)
    assert (first["sign"], found["missing_atoms"], found["atoms"]) == ("+", 1, 2)
    assert read_volume(files / "map.mrc").array.max() == pytest.approx(2.0, abs=0.1)
    assert (files / "figures" / "difference_maximum.png").exists()
    table = list(csv.DictReader(io.StringIO(aet(*words, "--csv").out)))
    assert float(table[0]["x"]) == pytest.approx(first["x"])
    assert "strongest peaks" in aet(*words).out


def test_volume(files: Path, asked: Asked) -> None:
    """A .mat file is known as a volume by its content."""
    words = ("difference-map", files / "volume.mrc", files / "other.mat")
    found = asked(*words)
    np.testing.assert_allclose([found["peaks"][0][k] for k in "xyz"], PLACES[2], atol=0.1)
    assert 1 < found["scale"] < 2.1
    assert asked(*words, "--unscaled")["scale"] == 1


def test_atoms_outside(files: Path, asked: Asked, refused: Refused) -> None:
    words = ("difference-map", files / "volume.mrc", files / "away.xyz")
    refused(*words, parts=("1 of 3 atoms outside",))
    assert asked(*words, "--crop")["atoms"] == 2


def test_images(sample: Sample, asked: Asked) -> None:
    model = AtomicModel.from_positions(np.delete(sample.model.positions, 9, axis=0), "Ta")
    write_model(sample.folder / "less.xyz", model)
    words = (sample.folder / "projections.mat", sample.folder / "less.xyz")
    more = ("--series", "--angles", sample.folder / "angles.mat", "--iterations", 10)
    found = asked("difference-map", *words, *more, "--oversampling", 2, "--threads", 1)
    place = [found["peaks"][0][k] for k in "xyz"]
    assert np.linalg.norm(place - sample.model.positions[9]) < 0.7  # a pixel
    assert found["r1"] < 0.2


def test_what_is_refused(files: Path, refused: Refused) -> None:
    volume, model = files / "volume.mrc", files / "model.xyz"
    refused("difference-map", volume, model, "--unscaled", parts=("--unscaled", "two volumes"))
    refused("difference-map", volume, model, "--angles", "a.txt", parts=("--angles", "--series"))
    refused("difference-map", volume, volume, "--series", parts=("other", "--series"))
    refused("difference-map", volume, files / "none.xyz", parts=("none.xyz",))
    small = Volume(np.ones((4, 4, 4)), SIZE)
    write_volume(files / "small.mrc", small)
    refused("difference-map", volume, files / "small.mrc", parts=("small.mrc", "(40, 36, 44)"))
