"""Figures of rings and voids show the numbers that they are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aet_port.figures.rings_and_voids import ring_bars, void_radii, write_ring_figures
from aet_port.structure import analyze
from tests.structure.samples import close_packed


def test_bars_of_two_definitions_end_at_the_largest_ring() -> None:
    axes = Figure().add_subplot()
    ring_bars(axes, {"king": {3: 1.0, 4: 2.0, 5: 0.0, 6: 0.0}, "primitive": {3: 0.5, 4: 0.0}})
    bars = [one for one in axes.patches if isinstance(one, Rectangle)]
    assert [one.get_height() for one in bars] == [1.0, 2.0, 0.5, 0.0]
    middles = [one.get_x() + one.get_width() / 2 for one in bars]
    assert middles == pytest.approx([2.8, 3.8, 3.2, 4.2])
    assert [one.get_text() for one in axes.get_legend().get_texts()][1] == "primitive"


def test_all_voids_are_in_the_histogram() -> None:
    axes = Figure().add_subplot()
    void_radii(axes, np.linspace(1, 3, 57), "surfaces")
    heights = [one.get_height() for one in axes.patches if isinstance(one, Rectangle)]
    assert sum(heights) == 57
    assert "to the surfaces of atoms (angstrom)" in axes.get_xlabel()


def test_files_of_what_was_searched(tmp_path: Path) -> None:
    found = analyze(close_packed(0, radius=6), cutoff=4.0, order=False, rings=4, voids="centres")
    names = [path.name for path in write_ring_figures(found, tmp_path)]
    assert names == ["rings.png", "voids.png"]
    assert write_ring_figures(replace(found, rings=None, voids=None), tmp_path) == []
