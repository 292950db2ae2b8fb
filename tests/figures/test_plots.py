"""The plot methods of nouns and results: on axes of one's own or a new figure, showing the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import aet_port as aet
from aet_port.core import methods
from aet_port.core.errors import InputError
from aet_port.core.late_methods import LateMethod
from aet_port.figures.images import plot_model
from tests.gallery import alloy, frames, gallery, series


def plotted() -> dict[str, Any]:
    """Results with a plot method."""
    return {name: one for name, one in gallery().items() if hasattr(type(one), "plot")}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def content(axes: Axes) -> int:
    return len(axes.lines) + len(axes.images) + len(axes.patches) + len(axes.collections)


def test_every_plot_function_is_a_method_in_the_gallery() -> None:
    plots = {name for name, one in vars(methods).items() if isinstance(one, LateMethod)}
    plots -= {"reconstruct", "trace", "analyze", "to_hyperspy", "to_xarray", "to_dataframe"}
    used = {vars(type(one))["plot"].name for one in plotted().values()}
    assert used == plots


def test_results_plot_themselves() -> None:
    for name, value in plotted().items():
        new = value.plot()
        assert isinstance(new, Axes), name
        assert content(new) > 0, name
        assert new.get_xlabel(), name
        assert new.get_ylabel(), name
        given = plt.figure().add_subplot()
        assert value.plot(given) is given, name
        assert content(given) == content(new), name
        given.figure.canvas.draw()
        plt.close("all")


def test_projection_nearest_to_zero_is_shown_with_x_to_the_right() -> None:
    image = np.zeros((3, 8, 6))
    image[:, 6, 1] = 1
    image[1] *= 2
    one = aet.TiltSeries(image, [-30.0, 1.0, 30.0], 0.5)
    axes = one.plot()
    assert axes.get_title() == "projection 1 of 3 at 1.0 degrees"
    shown = axes.images[0]
    assert shown.get_extent() == [-2.25, 1.75, -1.75, 1.25]  # the centre pixel (4, 3) at zero
    assert np.argwhere(np.asarray(shown.get_array()) == 2).tolist() == [[1, 6]]  # row y, column x
    assert shown.origin == "lower"
    assert one.plot(index=-1).get_title() == "projection 2 of 3 at 30.0 degrees"


def test_slices_of_a_volume_by_axis() -> None:
    array = np.arange(4 * 5 * 6, dtype=float).reshape(4, 5, 6)
    volume = aet.Volume(array, 0.5, origin=np.array([0.0, 1.0, 2.0]))
    for axis, part, title in (
        ("x", array[2], "slice at x = 1.00 angstrom"),
        ("y", array[:, 2], "slice at y = 2.00 angstrom"),
        ("z", array[:, :, 3], "slice at z = 3.50 angstrom"),
    ):
        axes = volume.plot(axis=axis)  # type: ignore[arg-type]
        np.testing.assert_array_equal(axes.images[0].get_array(), part.T)
        assert axes.get_title() == title
    axes = volume.plot(axis="x", index=0)
    assert axes.images[0].get_extent() == [0.75, 3.25, 1.75, 4.75]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("y (angstrom)", "z (angstrom)")


def test_what_is_not_there_is_named() -> None:
    volume: Any = aet.Volume(np.zeros((2, 2, 2)), 1.0)
    with pytest.raises(InputError, match="axis: found 'w'"):
        volume.plot(axis="w")
    with pytest.raises(InputError, match="slice: found 2; expected 0 to 1"):
        volume.plot(index=2)
    with pytest.raises(InputError, match="projection: found 12"):
        series().plot(index=12)
    with pytest.raises(InputError, match="tilt: found 9"):
        frames().plot(tilt=9)
    with pytest.raises(InputError, match=r"frame: found 1\.5"):
        frames().plot(frame=1.5)  # type: ignore[arg-type]


def test_atoms_plot_like_their_model() -> None:
    one, other = alloy().plot(), plot_model(alloy().atoms)
    np.testing.assert_array_equal(one.images[0].get_array(), other.images[0].get_array())


def test_distances_of_pairs_are_counted() -> None:
    found = aet.match_models(alloy().positions - (0.1, 0, 0), alloy().positions, align=False)
    heights = found.plot(width=0.05).patches[0].get_data().values
    assert heights.sum() == 20
    assert int(heights.argmax()) in (1, 2)  # 10 pm, on the edge of a bin


def test_empty_results_are_refused() -> None:
    none = np.zeros(0)
    peaks = aet.Peaks(
        np.zeros((0, 3), np.int32), np.zeros((0, 3)), none, none.astype(np.int8), (9, 9, 9), 1.0
    )
    with pytest.raises(InputError, match="peaks: found none"):
        peaks.plot()
