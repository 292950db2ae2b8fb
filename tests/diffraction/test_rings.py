"""Radial averages, rings of crystals and the pixel size that they give."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.diffraction import (
    RingGeometry,
    analyze_pattern,
    beam_stop,
    crystal_rings,
    estimated_density,
    find_rings,
    radial_average,
)
from tests.diffraction.samples import PIXEL, gold


def test_radial_average_is_the_plain_mean_and_its_error() -> None:
    rng = np.random.default_rng(0)
    geometry = RingGeometry((20.2, 23.71), (0.05, 0.02))
    image = rng.normal(200.0, 14.0, (50, 45))
    used = rng.random(image.shape) > 0.2
    found = radial_average(image, used, geometry, 2.0)
    a, b = geometry.distortion
    size = np.hypot(a, b)
    stretch = np.cosh(size) * np.eye(2) + np.sinh(size) / size * np.array([[a, b], [b, -a]])
    rings: dict[int, list[float]] = {}
    for (x, y), value in np.ndenumerate(image):
        r = np.linalg.norm(stretch @ (x - 20.2, y - 23.71))
        if used[x, y]:
            rings.setdefault(int(r / 2), []).append(value)
    lists = [rings[k] for k in sorted(rings) if len(rings[k]) >= 8]
    assert found.pixels.tolist() == [len(one) for one in lists]
    np.testing.assert_allclose(found.intensity, [np.mean(one) for one in lists], rtol=1e-12)
    errors = [np.std(one, ddof=1) / np.sqrt(len(one)) for one in lists]
    np.testing.assert_allclose(found.error, errors, rtol=1e-9)
    # Standard deviation 14: the errors are right on average, over 20 rings.
    assert (found.error * np.sqrt(found.pixels)).mean() == pytest.approx(14, rel=0.1)


def test_hits_of_xrays_are_left_out() -> None:
    geometry = RingGeometry((60.0, 60.0))
    clean = np.random.default_rng(1).poisson(100.0, (121, 121)).astype(float)
    hit = clean.copy()
    places = np.random.default_rng(2).integers(0, 121, (2, 20))
    hit[places[0], places[1]] += 5000
    used = np.ones(clean.shape, bool)
    one, two = (radial_average(image, used, geometry) for image in (clean, hit))
    assert (np.abs(one.intensity - two.intensity) <= 3 * one.error).all()
    assert two.pixels.sum() >= one.pixels.sum() - 20


@pytest.mark.parametrize("seed", range(3))
def test_geometry_of_sharp_rings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = RingGeometry(tuple(rng.uniform(150, 170, 2)), tuple(rng.normal(0, 0.01, 2)))
    image = gold(seed, true)
    found = find_rings(image, np.ones(image.shape, bool))
    away = np.array([*found.centre, *found.distortion]) - [*true.centre, *true.distortion]
    # Rings 0.7 pixels wide are no smooth function on the pixels: hundredths of a pixel.
    assert np.abs(away[:2]).max() < 0.05
    assert np.abs(away[2:]).max() < 5e-4


def test_axes_of_the_ellipse_are_those_of_a_ring() -> None:
    """Longest and shortest radius of the pixels at one undistorted radius, and their direction."""
    geometry = RingGeometry((100.0, 100.0), (0.03, -0.05))
    on = np.argwhere(np.abs(geometry.radii((201, 201)) - 80) < 0.5) - 100
    length = np.linalg.norm(on, axis=1)
    # Half a pixel on either side of 80.
    assert length.max() / length.min() == pytest.approx(geometry.ratio, abs=0.015)
    x, y = on[np.argmax(length)]
    turned = (np.rad2deg(np.arctan2(y, x)) - geometry.angle + 90) % 180 - 90
    assert abs(turned) < 6


def test_rings_of_crystals() -> None:
    q, strength = crystal_rings("Au", 6.5)
    index = (q * 4.08 / (2 * np.pi)) ** 2
    np.testing.assert_allclose(index, [3, 4, 8, 11, 12, 16], rtol=1e-5)
    # Multiplicities 8, 6, 12, 24, 8, 6; all of one structure factor.
    np.testing.assert_allclose(strength * 24, [8, 6, 12, 24, 8, 6], rtol=1e-9)
    q, _ = crystal_rings("Fe", 6.0)
    np.testing.assert_allclose((q * 2.87 / (2 * np.pi)) ** 2, [2, 4, 6], rtol=1e-5)
    q, _ = crystal_rings("Si", 5.5, lattice=5.0)
    np.testing.assert_allclose((q * 5.0 / (2 * np.pi)) ** 2, [3, 8, 11, 16, 19], rtol=1e-5)
    q, _ = crystal_rings("Ti", 3.0)
    a, c = 2.95, 2.95 * 1.58  # hcp: 100, 002 and 101; 001 is extinct
    expected = 2 * np.pi * np.sqrt([4 / 3 / a**2, 4 / c**2, 4 / 3 / a**2 + 1 / c**2])
    np.testing.assert_allclose(q, np.sort(expected), rtol=0.01)
    with pytest.raises(InputError, match="without a known cubic"):
        crystal_rings("Ga", 6.0)


@pytest.mark.parametrize("seed", range(2))
def test_pixel_size_of_gold(seed: int) -> None:
    image = gold(10 + seed, RingGeometry((155.2 + seed, 163.1), (0.004, 0.002)))
    found = analyze_pattern(image, crystal="Au")
    # Rings of two thirds of a pixel, and 311 and 222 overlap: their maxima are tenths of it off.
    assert found.reciprocal_pixel == pytest.approx(PIXEL, rel=0.004)
    assert found.calibration is not None
    assert found.calibration.error < 0.003 * PIXEL
    assert len(found.calibration.q) >= 5


def test_density_of_mixtures() -> None:
    # fcc Cu 3.61 and Au 4.08: four atoms in each cell.
    volume = (0.25 * 3.61**3 + 0.75 * 4.08**3) / 4
    assert estimated_density({"Cu": 1, "Au": 3}) == pytest.approx(1 / volume, rel=1e-3)


def test_no_shadow_where_there_is_none() -> None:
    geometry = RingGeometry((100.3, 95.2))
    r = geometry.radii((200, 200))
    expected = 3000 * np.exp(-r / 15) + 400 * np.exp(-(((r - 60) / 12) ** 2)) + 5
    image = np.random.default_rng(0).poisson(expected).astype(float)
    assert not beam_stop(image, geometry).any()
