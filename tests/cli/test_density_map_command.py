"""``aet analyze --density-map``: the volume file, its figure, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.io import read_volume, write_model
from aet_port.simulation import amorphous_particle
from tests.cli.samples import Refused


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "ta.xyz"
    write_model(file, amorphous_particle(200, "Ta", seed=1))
    return file


def test_a_map_and_a_slice_are_written(
    model: Path, tmp_path: Path, asked: Callable[..., Any]
) -> None:
    file = tmp_path / "density.mrc"
    grid = ("--density-voxel", 1.5, "--density-sigma", 3, "--density-interpolation", "nearest")
    found = asked("analyze", model, "--density-map", file, *grid)
    assert found["density_map"] == [str(file), str(tmp_path / "density_slice.png")]
    assert all(Path(name).stat().st_size for name in found["density_map"])
    volume = read_volume(file)
    assert volume.voxel_size == pytest.approx(1.5)
    # Tantalum has 16.7 g/cm^3; this loosely quenched particle, small as it is, 13.4.
    inside = volume.array[volume.array > 0]
    assert 12 < np.mean(inside) < 16
    assert inside.size > 50


def test_what_is_refused(model: Path, tmp_path: Path, refused: Refused) -> None:
    refused("analyze", model, "--density-map", tmp_path / "map.txt", parts=("map.txt", ".mrc"))
    refused(
        *("analyze", model, "--density-map", tmp_path / "map.mrc", "--density-sigma", 0.5),
        parts=("density", "voxels"),
    )
    refused(
        *("analyze", model, "--frame", "all", "--density-map", tmp_path / "map.mrc"),
        parts=("--density-map", "--frame"),
    )
