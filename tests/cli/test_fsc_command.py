"""``aet fsc``: two volumes, halves of a series, halves of the series of a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aet_port.core.data import Volume
from aet_port.io import read_volume, write_volume
from aet_port.validation import fourier_shell_correlation, half_set_correlation
from tests.cli.samples import Aet, Refused, Sample

Asked = Callable[..., Any]
QUICK = ("--iterations", 5, "--oversampling", 2, "--threads", 1)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(20, 18, 16))
    names = tmp_path / "a.mrc", tmp_path / "b.mrc"
    for path in names:
        noisy = (signal + rng.normal(size=signal.shape)).astype(np.float32)
        write_volume(path, Volume(noisy, 0.5))
    return names


def test_two_volumes(pair: tuple[Path, Path], asked: Asked, aet: Aet, tmp_path: Path) -> None:
    found = asked("fsc", *pair, "--figures", tmp_path / "figures")
    expected = fourier_shell_correlation(*map(read_volume, pair))
    np.testing.assert_allclose(
        [one["correlation"] for one in found["shells"]], expected.correlation, atol=1e-6
    )
    assert [one["criterion"] for one in found["resolutions"]] == ["0.143", "0.5", "half bit"]
    assert (tmp_path / "figures" / "fourier_shells.png").read_bytes()[1:4] == b"PNG"
    table = list(csv.DictReader(io.StringIO(aet("fsc", *pair, "--csv").out)))
    assert len(table) == len(expected.frequency)
    assert float(table[2]["frequency"]) == pytest.approx(expected.frequency[2])
    assert "half bit" in aet("fsc", *pair).out


def test_masks(pair: tuple[Path, Path], asked: Asked, refused: Refused, tmp_path: Path) -> None:
    weights = np.zeros((20, 18, 16), np.float32)
    weights[5:15] = 1
    write_volume(tmp_path / "mask.mrc", Volume(weights, 0.5))
    found = asked("fsc", *pair, "--mask", tmp_path / "mask.mrc")
    expected = fourier_shell_correlation(*map(read_volume, pair), weights)
    np.testing.assert_allclose(
        [one["correlation"] for one in found["shells"]], expected.correlation, atol=1e-6
    )
    for name in ("ball", "outline"):
        assert asked("fsc", *pair, "--mask", name, "--edge", 1)["mask"] == name
    refused("fsc", *pair, "--mask", "ball", "--edge", 9, parts=("edge: found 9", "radius"))


def test_halves_of_a_series(sample: Sample, asked: Asked) -> None:
    files = sample.folder / "projections.mat", sample.folder / "angles.mat"
    halves = sample.folder / "halves"
    found = asked("fsc", *files, "--half-sets", "--volumes", halves, *QUICK)
    expected = half_set_correlation(sample.series, iterations=5, oversampling=2.0, threads=1)
    np.testing.assert_allclose(
        [one["correlation"] for one in found["shells"]], expected.correlation, atol=1e-4
    )
    again = asked("fsc", halves / "even.mrc", halves / "odd.mrc")
    for one, other in zip(again["resolutions"], found["resolutions"], strict=True):
        # MRC keeps the voxel size in single precision.
        assert one["resolution"] == pytest.approx(other["resolution"], rel=1e-5)
    assert found["projections"] == 20
    other = asked("fsc", *files, "--half-sets", "--projector", "real-space", *QUICK)
    summed = half_set_correlation(
        sample.series, iterations=5, oversampling=2.0, projector="real-space", threads=1
    )
    np.testing.assert_allclose(
        [one["correlation"] for one in other["shells"]], summed.correlation, atol=1e-4
    )
    assert np.abs(summed.correlation - expected.correlation).max() > 1e-3  # another projector


def test_halves_of_a_run(finished: Path, asked: Asked, refused: Refused) -> None:
    """With the run's oversampling and background, unless an option says otherwise."""
    found = asked("fsc", finished, "--half-sets", "--iterations", 5, "--threads", 1)
    assert (found["projections"], found["iterations"]) == (20, 5)
    refused("fsc", finished, "--half-sets", "--area", 3, parts=("--area: found 3", "without sub-"))
    (finished.parent / "projections.mat").write_bytes(b"other")
    refused("fsc", finished, "--half-sets", parts=("projections.mat", "another file"))


def test_what_does_not_go_together(pair: tuple[Path, Path], refused: Refused) -> None:
    refused("fsc", pair[0], parts=("second: found nothing", "--half-sets"))
    refused("fsc", *pair, "--area", 2, parts=("--area", "--half-sets"))
    refused("fsc", *pair, "--csv", "--json", parts=("--csv",))
