"""The packing curve with intervals shows the numbers that it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.figure import Figure

from aet_port.core.errors import InputError
from aet_port.figures.intervals import packing_intervals
from aet_port.structure import Interval, Intervals

NAN = float("nan")


def intervals() -> Intervals:
    """Two points of one curve, in the wrong order, and other quantities."""
    return Intervals(
        (
            Interval("population 5 at 0.2", "1", 0.2, 0.18, 0.01, 0.15, 0.21, 9, 0.23),
            Interval("population 5 at 0.1", "1", 0.1, 0.1, 0.01, 0.08, 0.11, 9),
            Interval("population 5 at 0.05", "1", *[NAN] * 5, 0),
            Interval("population 5", "1", 0.2, 0.18, 0.01, 0.15, 0.21, 9, 0.23),
            Interval("motifs 5", "1", 20, 18, 1, 15, 21, 9),
        ),
        9,
        0,
        "assumed",
    )


def test_points_bands_and_crosses_in_per_cent() -> None:
    axes = Figure().add_subplot()
    packing_intervals(axes, intervals(), {5: "pentagonal"})
    points, crosses = axes.lines
    np.testing.assert_allclose(points.get_xydata(), [[0.1, 10], [0.2, 20]])
    np.testing.assert_allclose(np.asarray(crosses.get_ydata()), [NAN, 23])
    (band,) = axes.collections
    assert isinstance(band, FillBetweenPolyCollection)
    corners = np.unique(band.get_paths()[0].vertices.round(9), axis=0)
    np.testing.assert_allclose(corners, [[0.1, 8], [0.1, 11], [0.2, 15], [0.2, 21]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["pentagonal"]


def test_intervals_without_a_curve_are_refused() -> None:
    with pytest.raises(InputError, match="no packing curve"):
        packing_intervals(Figure().add_subplot(), intervals(), {4: "quadrilateral"})
