"""Figures of an experiment beside a quench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from aet_port.core.errors import InputError
from md_sim.comparison import Comparison, compare
from md_sim.comparison_figures import (
    against_temperature,
    cooling,
    glass_transition_figure,
    overlay,
    write_comparison_figures,
)
from md_sim.pdf_scaling import normalized_distances
from md_sim.transition import glass_transition
from mdb import Bank, deposit_run
from tests.md_sim.comparison_samples import Compared, fill, md_run, thermo

EVERY = {
    *("fig_4d_theta", "fig_6a_populations", "fig_6b_theta", "supp_19_glass_transition"),
    *("supp_21_pdf", "pdf_overlay", "motif_fractions", "partial_icosahedra"),
    *("network_sizes", "sharing"),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return fill(tmp_path_factory.mktemp("figures") / "some.bank")


@pytest.fixture(scope="module")
def comparison(stored: Compared) -> Comparison:
    with Bank(stored.path, read_only=True) as bank:
        return compare(bank, stored.model)


@pytest.mark.slow
def test_every_figure_is_written_and_the_same_twice(
    tmp_path: Path, stored: Compared, comparison: Comparison
) -> None:
    with Bank(stored.path, read_only=True) as bank:
        first = write_comparison_figures(bank, comparison, tmp_path / "one")
        second = write_comparison_figures(bank, comparison, tmp_path / "two")
    assert {path.stem for path in first} == EVERY
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
        assert np.ptp(imread(one)[..., :3]) > 0.5


def test_what_is_not_there_is_not_drawn(
    tmp_path: Path, stored: Compared, comparison: Comparison
) -> None:
    nothing = {
        "theta": np.zeros(0),
        "amorphous": np.zeros(0, bool),
        "networks": np.zeros(0, np.int64),
        "sites": np.zeros(12, np.int64),
        "motifs": np.zeros(6, np.int64),
        "populations": np.full(6, np.nan),
        "vertex_sharing": np.nan,
        "edge_sharing": np.nan,
    }
    bare = replace(
        comparison,
        experiment=replace(comparison.experiment, **nothing),
        points=tuple(
            replace(point, found=replace(point.found, **nothing), pdf_distance=np.nan)
            for point in comparison.points
        ),
    )
    with Bank(stored.path) as bank:
        run = deposit_run(bank, md_run(thermo=thermo(volume=False)))
        written = write_comparison_figures(bank, replace(bare, run=run), tmp_path)
        missing = {"fig_4d_theta", "network_sizes", "supp_19_glass_transition"}
        assert {path.stem for path in written} == EVERY - missing
        with pytest.raises(InputError, match=r"'gif'; expected one of png, svg"):
            write_comparison_figures(bank, comparison, tmp_path / "none", "gif")
    assert not (tmp_path / "none").exists()


def test_the_melt_does_not_count_as_cooling(stored: Compared) -> None:
    table = thermo()
    step = table["step"].to_numpy()
    with Bank(stored.path) as bank:
        temperature, volume = cooling(bank, stored.run)
        np.testing.assert_array_equal(temperature, table["temperature"].to_numpy()[step > 500])
        np.testing.assert_array_equal(volume, table["volume"].to_numpy()[step > 500])
        other = deposit_run(bank, md_run(protocol={"of": "another program"}))
        assert len(cooling(bank, other)[0]) == len(step)


def test_glass_transition_figure_shows_the_lines(stored: Compared) -> None:
    with Bank(stored.path, read_only=True) as bank:
        temperature, volume = cooling(bank, stored.run)
    axes = Figure().add_subplot()
    glass_transition_figure(axes, temperature, volume)
    found = glass_transition(temperature, volume)
    assert found.temperature == pytest.approx(1200, abs=1)
    assert axes.get_title() == f"$T_g$ = {found.temperature:.0f} +- {found.uncertainty:.0f} K"
    lines = {line.get_label(): line for line in axes.lines if "fitted" in str(line.get_label())}
    assert set(lines) == {
        "glass, fitted from 300 to 1000 K",
        "liquid, fitted from 1427 to 1990 K",
    }
    for line in lines.values():
        t, v = line.get_data()
        expected = 18 + 5e-4 * t + 6e-4 * np.clip(t - 1200, 0, None)
        np.testing.assert_allclose(v, expected, atol=1e-6)


def test_a_volume_without_a_bend_is_drawn_and_said() -> None:
    axes = Figure().add_subplot()
    t = np.linspace(300, 3000, 50)
    glass_transition_figure(axes, t, 18 + 1e-3 * t)
    assert axes.get_title().startswith("no glass transition: slopes 0.001 and 0.001")
    assert len(axes.lines) == 1


def test_the_experiment_is_a_dashed_line_of_the_same_colour() -> None:
    axes = Figure().add_subplot()
    curves = {"one": [1.0, 2.0], "two": [3.0, 4.0]}
    against_temperature(axes, [300.0, 1000.0], curves, {"two": 3.5}, "y")
    one, two, dashed = axes.lines
    assert one.get_ydata().tolist() == [1.0, 2.0]
    assert (dashed.get_linestyle(), dashed.get_color()) == ("--", two.get_color())
    assert dashed.get_ydata() == [3.5, 3.5]


def test_overlay_goes_as_far_as_the_curves(comparison: Comparison) -> None:
    axes = Figure().add_subplot()
    curve = comparison.experiment.normalized_pdf()
    overlay(axes, {"experiment": curve})
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), normalized_distances())
    np.testing.assert_array_equal(line.get_ydata(), curve)
    assert axes.get_xlabel() == "r / first peak"
