"""The literal code that the benchmarks measure against does the same work as ours."""

from __future__ import annotations

import numpy as np

from aet_port.core.data import TiltSeries
from aet_port.resire import reconstruct
from aet_port.resire.grid import make_grid
from benchmarks.literal_resire import LiteralResire


def test_literal_iteration_equals_ours() -> None:
    rng = np.random.default_rng(0)
    angles = np.zeros((7, 3))
    angles[:, 1] = np.linspace(-60, 70, 7)
    angles[:, [0, 2]] = rng.uniform(-1, 1, (7, 2))
    series = TiltSeries(rng.random((7, 12, 12)), angles, 0.4)
    literal = LiteralResire(series, make_grid(series.detector, angles, 2), 1.5)
    volume = np.zeros((12, 12, 12), np.float32)
    for _ in range(3):
        volume = literal.iterate(volume)
    ours = reconstruct(series, iterations=3, oversampling=2, step=1.5)
    # Single precision, summed in another order.
    np.testing.assert_allclose(volume, ours.volume.array, atol=2e-6 * volume.max())
    np.testing.assert_allclose(literal.r_factor, ours.r_factor, rtol=1e-6)
