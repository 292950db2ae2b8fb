"""Figures of polytetrahedral packing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.packing import write_packing_figures
from aet_port.structure import StructureResult, analyze
from tests.structure.samples import close_packed

EVERY = {
    *("packing", "bipyramid_bonds", "theta", "dihedral", "partial_icosahedra"),
    "network_sizes",
}


@pytest.fixture(scope="module")
def found() -> StructureResult:
    return analyze(close_packed(0, radius=10), cutoff=4.0)


@pytest.mark.parametrize("form", ["png", "svg"])
def test_every_figure_is_written_and_the_same_twice(
    tmp_path: Path, found: StructureResult, form: str
) -> None:
    first = write_packing_figures(found, tmp_path / "one", form)
    second = write_packing_figures(found, tmp_path / "two", form)
    assert {path.stem for path in first} == EVERY
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
    if form == "png":
        assert all(np.ptp(imread(path)[..., :3]) > 0.5 for path in first)


def test_what_cannot_be_drawn(tmp_path: Path, found: StructureResult) -> None:
    with pytest.raises(InputError, match=r"'gif'; expected one of png, svg"):
        write_packing_figures(found, tmp_path, "gif")
    with pytest.raises(InputError, match="without packing"):
        write_packing_figures(replace(found, packing=None), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_histograms_are_densities_and_say_their_mean() -> None:
    axes = Figure().add_subplot()
    values = np.random.default_rng(0).normal(120, 5, 400)
    draw.histograms(axes, {"angle": values}, 2.0, "x", "y")
    (stairs,) = axes.patches
    heights, edges, _ = stairs.get_data()
    assert (heights * np.diff(edges)).sum() == pytest.approx(1)
    assert axes.get_legend().get_texts()[0].get_text() == f"angle, mean {values.mean():.4g}"


def test_sizes_are_counted() -> None:
    axes = Figure().add_subplot()
    draw.sizes(axes, {"pentagonal": [1, 1, 1, 3, 7]}, "x", "y")
    (points,) = axes.lines
    assert points.get_xydata().tolist() == [[1, 3], [3, 1], [7, 1]]
