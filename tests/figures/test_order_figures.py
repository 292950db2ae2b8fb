"""Figures of short-range order: each a picture of what it was given, the same every time."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.build import bulk
from matplotlib.figure import Figure
from matplotlib.image import imread

from aet_port.core.errors import InputError
from aet_port.figures import styles as draw
from aet_port.figures.order import write_order_figures
from aet_port.structure.short_range import ShortRangeOrder, short_range_order
from tests.structure.samples import close_packed

EVERY = {
    *("boo_map", "pdf", "partial_pdf", "voronoi_indices", "faces", "coordination"),
    *("bond_angles", "interface"),
}


@pytest.fixture(scope="module")
def order() -> ShortRangeOrder:
    """Two species, disorder around a nucleus: everything there is to draw."""
    atoms = bulk("Ta", "bcc", a=3.3, cubic=True).repeat(7)
    rng = np.random.default_rng(3)
    away = np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)
    atoms.positions[away > 7] += rng.normal(0, 0.6, ((away > 7).sum(), 3))
    atoms.numbers[rng.random(len(atoms)) < 0.3] = 29
    return short_range_order(atoms, 4.1)


@pytest.mark.parametrize("form", ["png", "svg"])
def test_every_figure_is_written_and_the_same_twice(
    tmp_path: Path, order: ShortRangeOrder, form: str
) -> None:
    first = write_order_figures(order, tmp_path / "one", form)
    second = write_order_figures(order, tmp_path / "two", form)
    assert {path.stem for path in first} == EVERY
    assert sorted(first) == sorted((tmp_path / "one").iterdir())
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
    if form == "png":
        assert all(np.ptp(imread(path)[..., :3]) > 0.5 for path in first)


def test_what_a_model_lacks_is_not_drawn(tmp_path: Path) -> None:
    particle = short_range_order(close_packed(0, radius=4.5), 4.0)
    names = {path.stem for path in write_order_figures(particle, tmp_path)}
    assert {"boo_map", "pdf", "bond_angles"} <= names
    assert "partial_pdf" not in names
    crystal = ase.Atoms(bulk("Pd", "fcc", a=3.89, cubic=True).repeat(5))
    names = {path.stem for path in write_order_figures(short_range_order(crystal, 3.3), tmp_path)}
    # A crystal is described by all its atoms, whose Voronoi cells are known.
    assert "voronoi_indices" in names
    assert "interface" not in names


def test_another_format_is_refused(tmp_path: Path, order: ShortRangeOrder) -> None:
    with pytest.raises(InputError, match=r"'gif'; expected one of png, svg"):
        write_order_figures(order, tmp_path, "gif")
    with pytest.raises(InputError, match=r"\.bmp"):
        draw.save_figure(tmp_path / "a.bmp", lambda axes: None, (1, 1))
    assert list(tmp_path.iterdir()) == []


def test_bars_have_the_heights_given() -> None:
    axes = Figure().add_subplot()
    draw.bars(axes, {"<0,0,12,0>": 7.0, "<0,2,8,2>": 3.0}, "atoms (%)")
    assert [bar.get_height() for bar in axes.patches] == [7.0, 3.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["<0,0,12,0>", "<0,2,8,2>"]


def test_curves_are_lifted_and_marks_drawn() -> None:
    axes = Figure().add_subplot()
    r = np.linspace(0, 10, 5)
    draw.pair_distributions(axes, r, {"a": r, "b": r}, {"R1": 2.5}, spacing=2.0)
    one, two, mark = axes.lines
    np.testing.assert_array_equal(np.subtract(two.get_ydata(), one.get_ydata()), 2.0)
    assert mark.get_xdata() == [2.5, 2.5]
