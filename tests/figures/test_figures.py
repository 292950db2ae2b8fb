"""The overview picture: written whole, repeatable, and showing what it was given."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError, OutputError
from aet_port.figures import overview as figures
from aet_port.figures.overview import render_balls, write_overview


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> tuple[TiltSeries, Volume, AtomicModel]:
    monkeypatch.setattr(figures, "RENDER_PIXELS", 300)  # small is fast
    rng = np.random.default_rng(0)
    series = TiltSeries(rng.random((3, 20, 24)), np.array([-30.0, -0.01, 30.0]), 0.4)
    volume = Volume(rng.random((20, 24, 18)), 0.4)
    model = AtomicModel.from_positions(rng.uniform(-4, 4, (30, 3)), ["Ta"] * 20 + ["Pd"] * 10)
    return series, volume, model


def test_writes_the_same_picture_twice(
    tmp_path: Path, run: tuple[TiltSeries, Volume, AtomicModel]
) -> None:
    first = write_overview(tmp_path / "a.png", *run, np.arange(9), "a run")
    second = write_overview(tmp_path / "b.png", *run, np.arange(9), "a run")
    assert first.read_bytes() == second.read_bytes()
    assert imread(first).shape[1] == 2400
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_network_and_edges_are_drawn(
    tmp_path: Path, run: tuple[TiltSeries, Volume, AtomicModel]
) -> None:
    nine = list(range(9))
    cases: list[tuple[list[int], list[list[int]] | None]] = [
        ([], None),
        (nine, None),
        (nine, [[0, 1]]),
        (list(range(30)), []),
    ]
    pictures = [
        imread(write_overview(tmp_path / f"{k}.png", *run, atoms, "a run", edges))
        for k, (atoms, edges) in enumerate(cases)
    ]
    left = [p[:, :1780] for p in pictures]
    for a, b in pairwise(left):
        np.testing.assert_array_equal(a, b)
    right = [p[:, 1800:, :3].astype(float) for p in pictures]
    orange = [np.sum((p[..., 0] > 0.4) & (p[..., 2] < 0.5 * p[..., 0])) for p in right]
    assert orange[0] == 0
    assert orange[1] > 100
    assert orange[3] > orange[2]
    assert (right[1] != right[2]).any()


def test_nearer_ball_hides_the_farther() -> None:
    red, green = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]
    points = np.array([[0.0, 0.0, 3.0], [0.0, 0.0, -3.0], [4.0, 2.0, 0.0]])
    for order in ([0, 1, 2], [2, 1, 0]):
        colours = np.array([red, green, green])[order]
        picture = render_balls(points[order], np.ones(3), colours, 6.0, 120)
        assert picture[60, 60, 0] > picture[60, 60, 1]
        assert picture[40, 100, 1] > picture[40, 100, 0]  # x to the right, y up
        assert picture[100, 20, 3] == 0


def test_bad_rows_are_named(tmp_path: Path, run: tuple[TiltSeries, Volume, AtomicModel]) -> None:
    with pytest.raises(InputError, match="network_atoms"):
        write_overview(tmp_path / "a.png", *run, [30], "a run")
    with pytest.raises(InputError, match="network_edges"):
        write_overview(tmp_path / "a.png", *run, [1], "a run", [[0, -1]])
    assert not list(tmp_path.iterdir())


def test_unwritable_place_is_named(
    tmp_path: Path, run: tuple[TiltSeries, Volume, AtomicModel]
) -> None:
    (tmp_path / "overview.png").mkdir()
    with pytest.raises(OutputError, match="overview"):
        write_overview(tmp_path / "overview.png", *run, [0, 1], "a run")
    assert [p.name for p in tmp_path.iterdir()] == ["overview.png"]
